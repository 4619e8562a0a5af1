"""The secrets in which RDS keeps the passwords of master users.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
"""

from __future__ import annotations

import json
import random
import string

from ministack.core.responses import new_uuid
from ministack.services import secretsmanager

from database_rules import Properties
from database_types import DatabaseType

# RDS leaves out `/`, `'`, `"`, `@` and spaces.
LETTERS = string.ascii_letters + string.digits
AWKWARD = ":#?[]%&(*"
OTHERS = "!$)+,-.;<=>^_{|}~"


def generated_password() -> str:
    """A password as RDS makes them, which has to be encoded in a URL."""
    chance = random.SystemRandom()
    characters = [*AWKWARD, *chance.choices(LETTERS + OTHERS, k=28 - len(AWKWARD))]
    chance.shuffle(characters)
    return "".join(characters)


def create_secret(kind: DatabaseType, record: Properties, properties: Properties) -> dict[str, str]:
    """Creates the secret of a master user, and returns what the database's record says about it."""
    key = (properties.get("MasterUserSecret") or {}).get("KmsKeyId")
    arn, _ = secretsmanager._store_new_secret(
        f"rds!{kind.secret}-{new_uuid()}",
        secret_string=secret_text(record["MasterUsername"]),
        description=f"Secret associated with primary RDS DB {kind.secret}: {record[kind.arn]}",
        tags=[
            {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
            {"Key": kind.owner, "Value": record[kind.arn]},
        ],
        kms_key_id=key,
        rotation_rules={"AutomaticallyAfterDays": 7},
    )
    secretsmanager._resolve(arn)[1]["RotationEnabled"] = True
    return {"SecretArn": arn, "SecretStatus": "active", "KmsKeyId": key or "alias/aws/secretsmanager"}


def secret_text(username: str) -> str:
    return json.dumps({"username": username, "password": generated_password()})


def password_in(record: Properties) -> str:
    text = secretsmanager.resolve_secret_string(record["MasterUserSecret"]["SecretArn"])
    return json.loads(text)["password"]


def delete_secret(record: Properties) -> None:
    if secret := record.pop("MasterUserSecret", None):
        secretsmanager.delete_secret_in_process(secret["SecretArn"])
