"""Stacks that take time, fail, roll back or are not deleted, seen through the broker's URL as platforms see them."""

from __future__ import annotations

import json
import os
import time
import unittest
import urllib.error
import urllib.request
import uuid
from typing import Any

from osb import Answer
from support import BROKER, BrokerTestCase, client, stacks_of

SECONDS = 0.5
DEADLINE = 60


def pace(**asked: Any) -> None:
    """Asks the local AWS for a pace; without anything, for the one that it begins with."""
    body = json.dumps(asked).encode()
    request = urllib.request.Request(f"{os.environ['AWS_ENDPOINT_URL']}/_local/stacks", body, method="PUT")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()


class PaceTest(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(pace)
        self.instance, self.ids = str(uuid.uuid4()), BROKER.plan("sqs", "standard")

    def follow(self, accepted: dict[str, Any]) -> tuple[list[str], Answer]:
        """Polls to the end. What was told meanwhile, and the last answer."""
        told: list[str] = []
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            answer = BROKER.last_operation(self.instance, self.ids, accepted.get("operation"))
            if answer.expect(200)["state"] != "in progress":
                return told, answer
            told.append(answer.body["description"])
            self.assertIn("Retry-After", answer.headers)
            time.sleep(0.1)
        self.fail(f"still in progress after {DEADLINE} seconds: {told[-1]}")

    def provision_here(self, parameters: dict[str, Any] | None = None) -> tuple[list[str], Answer]:
        return self.follow(BROKER.provision(self.instance, self.ids, parameters).expect(202))

    def deprovision_here(self) -> tuple[list[str], Answer]:
        return self.follow(BROKER.deprovision(self.instance, self.ids).expect(202))

    def test_a_stack_that_takes_time_tells_how_far_it_is(self) -> None:
        pace(seconds=SECONDS)
        told, end = self.provision_here()
        self.assertEqual(end.body["state"], "succeeded")
        progress = {text.partition(" resources done")[0] for text in told}
        self.assertTrue({"Creating: 0 of at most 4", "Creating: 1 of at most 4"} <= progress, progress)
        self.assertTrue(any("Queue (AWS::SQS::Queue) has taken" in text for text in told), told)

        told, end = self.deprovision_here()
        self.assertEqual((end.body["state"], stacks_of(self.instance)), ("succeeded", []))
        self.assertTrue(any(text.startswith("Deleting: ") for text in told), told)

    def test_while_a_stack_is_at_work_nothing_else_is_done_to_it(self) -> None:
        pace(seconds=SECONDS)
        accepted = BROKER.provision(self.instance, self.ids).expect(202)
        for answer in (
            BROKER.update(self.instance, self.ids, {"parameters": {"DelaySeconds": 5}}),
            BROKER.bind(self.instance, "one", self.ids),
        ):
            self.assertEqual(answer.expect(422)["error"], "ConcurrencyError")
        self.assertEqual(BROKER.provision(self.instance, self.ids).expect(202), accepted)
        self.follow(accepted)
        self.deprovision_here()

    def test_a_creation_that_fails_is_rolled_back_and_can_be_deleted_and_asked_for_again(self) -> None:
        pace(failing={"AWS::SQS::Queue": "create"})
        _, end = self.provision_here()
        self.assertEqual(end.body["state"], "failed")
        self.assertIn("CloudFormation could not create", end.body["description"])
        self.assertIn("was asked to fail", end.body["description"])

        pace()
        _, end = self.deprovision_here()
        self.assertEqual((end.body["state"], stacks_of(self.instance)), ("succeeded", []))

    def test_an_update_that_fails_leaves_the_instance_usable(self) -> None:
        self.provision_here()
        pace(failing={"AWS::SQS::Queue": "update"})
        accepted = BROKER.update(self.instance, self.ids, {"parameters": {"DelaySeconds": 5}}).expect(202)
        _, end = self.follow(accepted)
        self.assertEqual((end.body["state"], end.body["instance_usable"]), ("failed", True))

        pace()
        self.assertEqual(BROKER.fetch_instance(self.instance, self.ids).expect(200)["parameters"], {})
        BROKER.bind(self.instance, "one", self.ids).expect(201)
        self.deprovision_here()

    def test_a_bucket_with_objects_is_deleted_once_a_binding_has_emptied_it(self) -> None:
        self.ids = BROKER.plan("s3", "simple")
        self.provision_here()
        _, credentials = self.bind(self.instance, self.ids)
        bucket = {"Bucket": credentials["BUCKET_NAME"]}
        client("s3", credentials).put_object(**bucket, Key="greeting", Body=b"hello")

        _, end = self.deprovision_here()
        self.assertEqual(end.body["state"], "failed")
        self.assertIn("is not empty", end.body["description"])
        self.assertEqual(client("s3").get_object(**bucket, Key="greeting")["Body"].read(), b"hello")

        _, credentials = self.bind(self.instance, self.ids)
        client("s3", credentials).delete_object(**bucket, Key="greeting")
        _, end = self.deprovision_here()
        self.assertEqual((end.body["state"], stacks_of(self.instance)), ("succeeded", []))

    def test_a_protected_table_is_deleted_once_the_operator_has_taken_its_protection_off(self) -> None:
        self.ids = BROKER.plan("dynamodb", "ondemand")
        self.provision_here({"DeletionProtection": "true"})
        _, credentials = self.bind(self.instance, self.ids)
        _, end = self.deprovision_here()
        self.assertEqual(end.body["state"], "failed")
        self.assertIn("protected against deletion", end.body["description"])

        # CloudFormation does not update a stack whose deletion has failed.
        client("dynamodb").update_table(TableName=credentials["TABLE_NAME"], DeletionProtectionEnabled=False)
        _, end = self.deprovision_here()
        self.assertEqual((end.body["state"], stacks_of(self.instance)), ("succeeded", []))

    def test_what_is_no_pace_is_refused_with_a_reason(self) -> None:
        for wrong in ({"minutes": 1}, {"seconds": -1}, {"seconds": "5"}, {"failing": {"AWS::SQS::Queue": "begin"}}):
            with self.subTest(wrong), self.assertRaises(urllib.error.HTTPError) as raised:
                pace(**wrong)
            self.assertEqual(raised.exception.code, 400)
            self.assertTrue(json.load(raised.exception)["error"])


if __name__ == "__main__":
    unittest.main()
