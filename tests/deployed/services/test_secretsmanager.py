"""What applications do with AWS Secrets Manager, and what they cannot."""

from __future__ import annotations

import json
from collections.abc import Callable

from service import Credentials, ServiceTestCase, key_contexts
from support import client, kms_key, unique_name

Check = Callable[[str], None]

# What matters not to a secret that nothing is generated for, and what the other test has changed.
OTHERS = [
    "SecretDescription",
    "Username",
    "PasswordLength",
    "ExcludePunctuation",
    "ExcludeCharacters",
    "KmsKeyArn",
    "DeletionPolicy",
]


class SecretsManagerTest(ServiceTestCase):
    service = "secretsmanager"

    def test_default(self) -> None:
        self.live("default", self.uses(lambda value: self.assertEqual(len(value), 32)))

    def test_default_with_every_parameter_changed(self) -> None:
        def check(value: str) -> None:
            secret = json.loads(value)
            self.assertEqual(secret["username"], "app@example.com")
            self.assertEqual(len(secret["password"]), 20)
            self.assertFalse(set(secret["password"]) & set("0O1lI"))

        key = client("kms").create_key()["KeyMetadata"]
        parameters = {
            "SecretDescription": "Of a test.",
            "Username": "app@example.com",
            "PasswordLength": 20,
            "ExcludePunctuation": "false",
            "ExcludeCharacters": "0O1lI",
            "KmsKeyArn": key["Arn"],
            "DeletionPolicy": "Retain",
        }
        # A user name needs a password.
        self.live("default", self.uses(check), parameters, unchanged=["Generate"])
        client("kms").schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)

    def test_default_without_a_value(self) -> None:
        def write(binding: Credentials) -> None:
            client("secretsmanager", binding).put_secret_value(SecretId=binding["SECRET_ARN"], SecretString="hello")
            self.read(binding, check)
            self.assert_no_administration(binding)

        def check(value: str) -> None:
            self.assertEqual(value, "hello")

        uses = {"ReadWrite": write, "Read": self.uses(check)["Read"]}
        self.live("default", uses, {"Generate": "false"}, unchanged=OTHERS)

    def test_a_secret_can_be_retained(self) -> None:
        instance, ids = self.provision(self.service, "default", {"DeletionPolicy": "Retain"})
        binding, credentials = self.bind_with(instance, ids, "Read")
        self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)
        secret = {"SecretId": credentials["SECRET_ARN"]}
        self.assertIn("SecretString", client("secretsmanager").get_secret_value(**secret))
        client("secretsmanager").delete_secret(**secret, ForceDeleteWithoutRecovery=True)

    def test_custom_key_works_only_for_this_secret(self) -> None:
        key = kms_key()
        instance, ids = self.provision(self.service, "default", {"KmsKeyArn": key})
        binding, credentials = self.bind_with(instance, ids, "ReadWrite")
        self.assertEqual(key_contexts(credentials), [{"SecretARN": credentials["SECRET_ARN"]}])

        secrets = client("secretsmanager", credentials)
        made = client("secretsmanager").create_secret(Name=unique_name(), SecretString="hello", KmsKeyId=key)
        neighbour = {"SecretId": made["ARN"]}
        with self.allowed_besides(credentials, "secretsmanager:*", made["ARN"]):
            self.assertEqual(secrets.describe_secret(**neighbour)["Name"], made["Name"])
            self.assert_denied(
                lambda: secrets.get_secret_value(**neighbour),
                lambda: secrets.put_secret_value(**neighbour, SecretString="mallory"),
            )
        self.assertIn("SecretString", secrets.get_secret_value(SecretId=credentials["SECRET_NAME"]))
        own = {"SecretARN": credentials["SECRET_ARN"]}
        self.assert_denied(
            lambda: client("kms", credentials).generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=own)
        )

        self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)
        client("secretsmanager").delete_secret(**neighbour, ForceDeleteWithoutRecovery=True)

    def uses(self, check: Check) -> dict[str | None, Callable[[Credentials], None]]:
        return {
            "Read": lambda binding: self.read_only(binding, check),
            "ReadWrite": lambda binding: self.read_and_write(binding, check),
        }

    def read(self, binding: Credentials, check: Check) -> str:
        secrets, secret = client("secretsmanager", binding), {"SecretId": binding["SECRET_ARN"]}
        described = secrets.describe_secret(**secret)
        self.assertEqual((described["ARN"], described["Name"]), (binding["SECRET_ARN"], binding["SECRET_NAME"]))
        value = secrets.get_secret_value(**secret)["SecretString"]
        self.assertEqual(secrets.get_secret_value(SecretId=binding["SECRET_NAME"])["SecretString"], value)
        check(value)
        return value

    def read_only(self, binding: Credentials, check: Check) -> None:
        secrets, secret = client("secretsmanager", binding), {"SecretId": binding["SECRET_ARN"]}
        self.read(binding, check)
        self.assert_denied(
            lambda: secrets.put_secret_value(**secret, SecretString="mallory"),
            lambda: secrets.list_secret_version_ids(**secret),
        )
        self.assert_no_administration(binding)

    def read_and_write(self, binding: Credentials, check: Check) -> None:
        secrets, secret = client("secretsmanager", binding), {"SecretId": binding["SECRET_ARN"]}
        value = self.read(binding, check)
        before = secrets.get_secret_value(**secret)["VersionId"]
        after = secrets.put_secret_value(**secret, SecretString="hello")["VersionId"]
        self.assertEqual(secrets.get_secret_value(**secret)["SecretString"], "hello")
        self.assertEqual(secrets.get_secret_value(**secret, VersionStage="AWSPREVIOUS")["SecretString"], value)
        versions = {each["VersionId"] for each in secrets.list_secret_version_ids(**secret)["Versions"]}
        self.assertLessEqual({before, after}, versions)
        secrets.update_secret_version_stage(
            **secret, VersionStage="AWSCURRENT", MoveToVersionId=before, RemoveFromVersionId=after
        )
        self.assertEqual(secrets.get_secret_value(**secret)["SecretString"], value)
        self.assert_no_administration(binding)

    def assert_no_administration(self, binding: Credentials) -> None:
        secrets, secret = client("secretsmanager", binding), {"SecretId": binding["SECRET_ARN"]}
        neighbour = client("secretsmanager").create_secret(Name=unique_name(), SecretString="hello")["ARN"]
        self.assert_denied(
            lambda: secrets.get_secret_value(SecretId=neighbour),
            lambda: secrets.put_secret_value(SecretId=neighbour, SecretString="mallory"),
            lambda: secrets.delete_secret(**secret),
            lambda: secrets.update_secret(**secret, Description="mallory"),
            lambda: secrets.put_resource_policy(**secret, ResourcePolicy="{}"),
            lambda: secrets.tag_resource(**secret, Tags=[{"Key": "a", "Value": "b"}]),
            lambda: secrets.create_secret(Name=unique_name(), SecretString="hello"),
            lambda: secrets.list_secrets(),
            lambda: client("secretsmanager", binding, tls=False).get_secret_value(**secret),
        )
        client("secretsmanager").delete_secret(SecretId=neighbour, ForceDeleteWithoutRecovery=True)
