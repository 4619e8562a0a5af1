"""Who gets in, and what the broker keeps to itself."""

from __future__ import annotations

import os
import uuid

import aws
from osb import Client
from support import BROKER, BrokerTestCase, client, stacks_of


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

    def test_unknown_paths_are_the_brokers_to_answer(self) -> None:
        self.assertTrue(BROKER.request("GET", "no/such/path").expect(404)["description"])

    def test_log_holds_no_secrets(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        binding, credentials = self.bind(instance, plan)
        BROKER.fetch_binding(instance, binding, plan).expect(200)
        BROKER.unbind(instance, binding, plan).expect(200)
        self.deprovision(instance, plan)

        log = "\n".join(aws.log_lines(client("logs"), os.environ["LOG_GROUP_NAME"]))
        self.assertIn(instance, log)
        self.assertIn(binding, log)
        secrets = [os.environ["BROKER_PASSWORD"], BROKER.authorization, credentials["AWS_SECRET_ACCESS_KEY"]]
        self.assertEqual(aws.leaked(secrets, log), [])
