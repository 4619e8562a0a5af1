"""Who gets in, and what the broker keeps to itself."""

from __future__ import annotations

import json
import os
import uuid

import aws
from osb import Client
from support import BROKER, BrokerTestCase, stacks_of


class AccessTest(BrokerTestCase):
    def test_wrong_credentials_reach_nothing(self) -> None:
        plan = BROKER.plan("sqs", "standard")
        url, username, password = (os.environ[f"BROKER_{part}"] for part in ("URL", "USERNAME", "PASSWORD"))
        for name, stranger in {
            "wrong password": Client(url, username, password + "x"),
            "wrong user": Client(url, "mallory", password),
            "empty password": Client(url, username, ""),
            "no credentials": Client(url),
        }.items():
            with self.subTest(name):
                instance = str(uuid.uuid4())
                stranger.catalog().expect(401)
                stranger.provision(instance, plan).expect(401)
                stranger.request("GET", "no/such/path").expect(401)
                self.assertEqual(stacks_of(instance), [])

    def test_unknown_paths_are_answered_by_the_broker(self) -> None:
        self.assertTrue(BROKER.request("GET", "no/such/path").expect(404)["description"])

    def test_log_holds_no_secrets(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        binding, credentials = self.bind(instance, plan)
        BROKER.fetch_binding(instance, binding, plan).expect(200)
        BROKER.unbind(instance, binding, plan).expect(200)
        self.deprovision(instance, plan)

        log = "\n".join(self.log_lines())
        self.assertIn(instance, log)
        self.assertIn(binding, log)
        secrets = [os.environ["BROKER_PASSWORD"], BROKER.authorization, credentials["AWS_SECRET_ACCESS_KEY"]]
        self.assertEqual(aws.leaked(secrets, log), [])

    def test_requests_and_mutations_are_logged_once(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        binding, _ = self.bind(instance, plan)
        BROKER.bind(instance, binding, BROKER.plan("sqs", "fifo")).expect(400)
        self.deprovision(instance, plan)

        lines = [json.loads(line) for line in self.log_lines() if instance in line]
        audited = [(line["operation"], line["outcome"]) for line in lines if line["message"] == "audit"]
        self.assertEqual(
            audited,
            [("provision", "accepted"), ("bind", "succeeded"), ("bind", "refused"), ("deprovision", "accepted")],
        )
        ended = [(line["operation"], line["outcome"]) for line in lines if line["message"] == "operation"]
        self.assertEqual(ended, [("provision", "succeeded"), ("deprovision", "succeeded")])

        lines = [line for line in lines if line["message"] == "request"]
        self.assertEqual(
            [(line["operation"], line["status"]) for line in lines if line["operation"] != "last_operation"],
            [("provision", 202), ("bind", 201), ("bind", 400), ("deprovision", 202)],
        )
        for line in lines:
            self.assertEqual(line["instance_id"], instance)
            self.assertGreaterEqual(line["duration_ms"], 0)
            self.assertGreater(line["aws_calls"], 0)
            self.assertTrue(line["request_id"])
        [refused] = [line for line in lines if line["status"] == 400]
        self.assertEqual((refused["level"], refused["binding_id"]), ("WARN", binding))
        self.assertIn("plan_id", refused["reason"])
