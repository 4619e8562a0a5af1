"""A binding's keys in the hands of a person: a program that knows nothing but its environment uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from support import BROKER, BrokerTestCase

# What the AWS CLI does with `aws SERVICE OPERATION`: it finds keys, Region and endpoint by itself.
PROGRAM = """
import json, sys
import botocore.session

service, operation, members = sys.argv[1:]
client = botocore.session.Session().create_client(service)
answer = getattr(client, operation)(**json.loads(members))
print(json.dumps(answer, default=str))
"""


def by_hand(credentials: dict[str, str], service: str, operation: str, **members: Any) -> dict[str, Any]:
    """What AWS answers to the keys. Of broker.env they need the Region and the endpoint."""
    environment = {name: os.environ[name] for name in ("PATH", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "NO_PROXY")}
    environment |= {name: value for name, value in credentials.items() if name.startswith("AWS_")}
    program = [sys.executable, "-c", PROGRAM, service, operation, json.dumps(members)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{service} {operation}: {done.stderr.splitlines()[-1]}")
    return json.loads(done.stdout)


class ByHandTest(BrokerTestCase):
    """The resources of these services deny everything that comes without TLS."""

    def keys(self, service: str, plan: str, parameters: dict[str, Any] | None = None) -> dict[str, str]:
        instance, ids = self.provision(service, plan, parameters)
        self.addCleanup(lambda: self.deprovision(instance, ids))
        binding, credentials = self.bind(instance, ids)
        self.addCleanup(lambda: BROKER.unbind(instance, binding, ids).expect(200))
        return credentials

    def test_sqs_send_message(self) -> None:
        keys = self.keys("sqs", "standard")
        sent = by_hand(keys, "sqs", "send_message", QueueUrl=keys["QUEUE_URL"], MessageBody="hello")
        received = by_hand(keys, "sqs", "receive_message", QueueUrl=keys["QUEUE_URL"])["Messages"]
        self.assertEqual([(each["MessageId"], each["Body"]) for each in received], [(sent["MessageId"], "hello")])

    def test_s3_cp(self) -> None:
        keys = self.keys("s3", "simple")
        greeting = {"Bucket": keys["BUCKET_NAME"], "Key": "greeting"}
        by_hand(keys, "s3", "put_object", **greeting, Body="hello")
        self.assertEqual(by_hand(keys, "s3", "head_object", **greeting)["ContentLength"], len("hello"))
        by_hand(keys, "s3", "delete_object", **greeting)

    def test_sns_publish(self) -> None:
        keys = self.keys("sns", "topic")
        self.assertTrue(by_hand(keys, "sns", "publish", TopicArn=keys["TOPIC_ARN"], Message="hello")["MessageId"])

    def test_secretsmanager_get_secret_value(self) -> None:
        keys = self.keys("secretsmanager", "default")
        self.assertTrue(
            by_hand(keys, "secretsmanager", "get_secret_value", SecretId=keys["SECRET_ARN"])["SecretString"]
        )
