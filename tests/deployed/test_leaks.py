"""No secret that goes through the deployed broker is left anywhere: its log is as verbose as it can be."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import aws
from osb import Answer, Client
from support import BROKER, BrokerTestCase, client


class LeakTest(BrokerTestCase):
    def test_secrets_never_leak_into_logs_table_or_stacks(self) -> None:
        guess = f"guess-{uuid.uuid4()}"
        stranger = Client(os.environ["BROKER_URL"], os.environ["BROKER_USERNAME"], guess)
        errors = [stranger.catalog(), stranger.request("GET", "no/such/path")]
        plan = BROKER.plan("sqs", "standard")
        instance, nobody = str(uuid.uuid4()), str(uuid.uuid4())
        errors += [
            BROKER.provision(instance, plan, {"Unknown": guess}),
            BROKER.request("PUT", f"service_instances/{instance}", body=[guess]),
            BROKER.fetch_instance(nobody, plan),
        ]
        instance, plan = self.provision("sqs", "standard")
        binding, credentials = self.bind(instance, plan)
        errors += [
            BROKER.bind(instance, binding, plan, {"Scope": "Send"}),
            BROKER.bind(instance, nobody, plan, {"RoleName": guess}),
            BROKER.update(instance, plan, {"parameters": {"DelaySeconds": guess}}),
            BROKER.rotate(instance, nobody, guess),
        ]
        for error in errors:
            self.assertGreaterEqual(error.status, 400, error)
        successor = str(uuid.uuid4())
        rotated = BROKER.rotate(instance, successor, binding).expect(201)["credentials"]
        BROKER.fetch_binding(instance, binding, plan).expect(200)

        secrets = [
            guess,
            stranger.authorization,
            os.environ["BROKER_PASSWORD"],
            BROKER.authorization,
            credentials["AWS_SECRET_ACCESS_KEY"],
            rotated["AWS_SECRET_ACCESS_KEY"],
        ]
        for name, image in images(errors, self.log_lines()):
            with self.subTest(name):
                self.assertEqual(aws.leaked(secrets, image), [])
        # What was looked through is what it should be, and would have shown a secret.
        looked_through = dict(images(errors, self.log_lines()))
        for name in ("the log", "the table", "the stacks", "the users"):
            self.assertIn(instance, looked_through[name])
        for secret in secrets:
            for form in aws.forms(secret):
                self.assertEqual(aws.leaked([secret], f"{looked_through['the log']} {form}"), [secret])

        for bound in (binding, successor):
            BROKER.unbind(instance, bound, plan).expect(200)
        self.deprovision(instance, plan)


def images(errors: list[Answer], log: list[str]) -> Iterator[tuple[str, str]]:
    yield "the log", "\n".join(log)
    yield "the table", text(pages("dynamodb", "scan", TableName=os.environ["TABLE_NAME"]))
    yield "the stacks", text(pages("cloudformation", "describe_stacks"))
    users = [user for page in pages("iam", "list_users") for user in page["Users"]]
    iam = client("iam")
    yield "the users", text([iam.list_user_tags(UserName=user["UserName"])["Tags"] for user in users])
    yield "the errors", text([(dict(error.headers), error.body) for error in errors])


def pages(service: str, call: str, **arguments: Any) -> list[Any]:
    return list(client(service).get_paginator(call).paginate(**arguments))


def text(value: Any) -> str:
    return json.dumps(value, default=str)
