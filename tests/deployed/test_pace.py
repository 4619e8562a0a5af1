"""Stacks that take time, fail, roll back or are not deleted: seen through the broker's URL as platforms see them, and,
where a test depends on when they are deleted, by their operator.
"""

from __future__ import annotations

import json
import os
import time
import unittest
import urllib.error
import urllib.request
import uuid
from typing import Any

from another_broker import OFTEN
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

    def test_slow_stack_reports_its_progress(self) -> None:
        pace(seconds=SECONDS)
        told, end = self.provision_here()
        self.assertEqual(end.body["state"], "succeeded")
        progress = {text.partition(" resources done")[0] for text in told}
        self.assertTrue({"Creating: 0 of at most 4", "Creating: 1 of at most 4"} <= progress, progress)
        self.assertTrue(any("Queue (AWS::SQS::Queue) has taken" in text for text in told), told)

        told, end = self.deprovision_here()
        self.assertEqual((end.body["state"], stacks_of(self.instance)), ("succeeded", []))
        self.assertTrue(any(text.startswith("Deleting: ") for text in told), told)

    def test_running_stack_refuses_other_operations(self) -> None:
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

    def test_an_instance_is_deleted_while_it_is_being_created(self) -> None:
        pace(seconds=SECONDS)
        BROKER.provision(self.instance, self.ids).expect(202)
        _, end = self.deprovision_here()
        self.assertEqual((end.body["state"], stacks_of(self.instance)), ("succeeded", []))
        queues = client("sqs").list_queues().get("QueueUrls", [])
        self.assertFalse([queue for queue in queues if self.instance in queue])

    def test_failed_creation_can_be_deleted(self) -> None:
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

    def test_bucket_is_deleted_after_a_binding_empties_it(self) -> None:
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

    def test_protected_table_is_deleted_after_unprotecting_it(self) -> None:
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

    def test_invalid_pace_is_refused_with_a_reason(self) -> None:
        for wrong in ({"minutes": 1}, {"seconds": -1}, {"seconds": "5"}, {"failing": {"AWS::SQS::Queue": "begin"}}):
            with self.subTest(wrong), self.assertRaises(urllib.error.HTTPError) as raised:
                pace(**wrong)
            self.assertEqual(raised.exception.code, 400)
            self.assertTrue(json.load(raised.exception)["error"])


class HaltedCreationTest(BrokerTestCase):
    """Stacks of the operator's that are deleted while they are being created."""

    # A queue, whose creation is going on when the stack is deleted, and what comes after it.
    RESOURCES = {
        "First": {"Type": "AWS::SQS::Queue"},
        "Second": {"Type": "AWS::SNS::Topic", "DependsOn": "First"},
    }

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(pace)
        self.cloudformation, self.name = client("cloudformation"), f"halted-{uuid.uuid4()}"

    def create(self, resources: dict[str, Any]) -> str:
        body = json.dumps({"Resources": resources})
        return self.cloudformation.create_stack(StackName=self.name, TemplateBody=body)["StackId"]

    def wait(self, state: str) -> None:
        self.cloudformation.get_waiter(f"stack_{state}").wait(StackName=self.name, WaiterConfig=OFTEN)

    def status(self, stack: str) -> str:
        return self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]

    def events(self, stack: str) -> list[tuple[str, str]]:
        """Logical ids with their statuses, the oldest first; the stack's own has its name."""
        events = self.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(events)]

    def queues(self) -> list[str]:
        return client("sqs").list_queues(QueueNamePrefix=self.name).get("QueueUrls", [])

    def test_deletion_halts_a_creation_and_removes_its_resources(self) -> None:
        pace(seconds=SECONDS)
        stack = self.create(self.RESOURCES)
        self.assertEqual(self.events(stack), [(self.name, "CREATE_IN_PROGRESS"), ("First", "CREATE_IN_PROGRESS")])

        self.cloudformation.delete_stack(StackName=self.name)
        self.assertEqual(self.status(stack), "DELETE_IN_PROGRESS")
        self.wait("delete_complete")
        expected = [
            (self.name, "CREATE_IN_PROGRESS"),
            ("First", "CREATE_IN_PROGRESS"),
            ("First", "CREATE_COMPLETE"),
            (self.name, "DELETE_IN_PROGRESS"),
            ("First", "DELETE_IN_PROGRESS"),
            ("First", "DELETE_COMPLETE"),
            (self.name, "DELETE_COMPLETE"),
        ]
        self.assertEqual((self.events(stack), self.queues()), (expected, []))

    def test_a_deletion_halts_the_creation_of_the_last_resource(self) -> None:
        pace(seconds=SECONDS)
        stack = self.create({"First": self.RESOURCES["First"]})
        self.cloudformation.delete_stack(StackName=self.name)
        self.wait("delete_complete")
        self.assertIn(("First", "DELETE_COMPLETE"), self.events(stack))
        self.assertNotIn((self.name, "CREATE_COMPLETE"), self.events(stack))
        self.assertEqual((self.status(stack), self.queues()), ("DELETE_COMPLETE", []))

    def test_failed_halted_creation_is_not_rolled_back(self) -> None:
        pace(seconds=SECONDS, failing={"AWS::SQS::Queue": "create"})
        stack = self.create(self.RESOURCES)
        self.cloudformation.delete_stack(StackName=self.name)
        self.wait("delete_complete")
        expected = [
            (self.name, "CREATE_IN_PROGRESS"),
            ("First", "CREATE_IN_PROGRESS"),
            ("First", "CREATE_FAILED"),
            (self.name, "DELETE_IN_PROGRESS"),
            (self.name, "DELETE_COMPLETE"),
        ]
        self.assertEqual(self.events(stack), expected)

    def test_a_rollback_is_over_before_its_stack_is_deleted(self) -> None:
        pace(seconds=SECONDS, failing={"AWS::SNS::Topic": "create"})
        stack = self.create(self.RESOURCES)
        deadline = time.monotonic() + DEADLINE
        while self.status(stack) != "ROLLBACK_IN_PROGRESS" and time.monotonic() < deadline:
            time.sleep(0.05)

        self.cloudformation.delete_stack(StackName=self.name)
        self.assertEqual(self.status(stack), "DELETE_IN_PROGRESS")
        self.wait("delete_complete")
        self.assertEqual(self.events(stack)[-1], (self.name, "DELETE_COMPLETE"))
        self.assertEqual(self.events(stack).count(("First", "DELETE_COMPLETE")), 1)
        self.assertEqual((self.status(stack), self.queues()), ("DELETE_COMPLETE", []))

    def test_parallel_deletions_delete_each_resource_once(self) -> None:
        stack = self.create(self.RESOURCES)
        self.wait("create_complete")
        pace(seconds=SECONDS)
        for _ in range(2):
            self.cloudformation.delete_stack(StackName=self.name)
        self.wait("delete_complete")
        events = self.events(stack)
        for name in (self.name, *self.RESOURCES):
            self.assertEqual(events.count((name, "DELETE_IN_PROGRESS")), 1, name)
            self.assertEqual(events.count((name, "DELETE_COMPLETE")), 1, name)
        self.assertEqual(self.status(stack), "DELETE_COMPLETE")


if __name__ == "__main__":
    unittest.main()
