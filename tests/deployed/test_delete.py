"""The deletion of the broker's own stack: not while there are instances, unless the operator insists."""

from __future__ import annotations

import uuid
from typing import Any

from another_broker import AnotherBroker, template
from support import BrokerTestCase, client, stacks_of

# What the stack never takes with it.
STATE = {"Key", "Table"}


class DeleteTest(BrokerTestCase):
    def test_it_is_refused_while_there_are_instances_and_changes_nothing(self) -> None:
        doomed, instance = self.broker_with_instance("doomed")
        resources = doomed.resources()

        refused = doomed.delete()
        self.assertEqual(refused["StackStatus"], "DELETE_FAILED")
        reason = reasons(refused, "DELETE_FAILED")["Guard"]
        self.assertIn("1 instance", reason)
        self.assertIn(*stacks_of(instance), reason)
        self.assertEqual(doomed.resources(), resources)

        broker = doomed.client
        plan = broker.plan("sqs", "standard")
        broker.wait(instance, plan, broker.deprovision(instance, plan).expect(202).get("operation"))
        deleted = doomed.delete()
        self.assertEqual(deleted["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(reasons(deleted, "DELETE_SKIPPED").keys(), STATE)

    def test_the_operator_can_insist(self) -> None:
        doomed, instance = self.broker_with_instance("insisted")
        self.assertEqual(doomed.delete()["StackStatus"], "DELETE_FAILED")
        deleted = doomed.delete(RetainResources=["Guard"])
        self.assertEqual(deleted["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(reasons(deleted, "DELETE_SKIPPED").keys(), {*STATE, "Guard"})
        (left,) = stacks_of(instance)
        client("cloudformation").delete_stack(StackName=left)

    def broker_with_instance(self, prefix: str) -> tuple[AnotherBroker, str]:
        another, instance = AnotherBroker(prefix), str(uuid.uuid4())
        another.create(template(), EnabledServices="sqs")
        broker = another.client
        plan = broker.plan("sqs", "standard")
        broker.wait(instance, plan, broker.provision(instance, plan).expect(202).get("operation"))
        return another, instance


def reasons(stack: dict[str, Any], status: str) -> dict[str, str]:
    """By logical id, why the stack's resources have got into this status."""
    pages = client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack["StackId"])
    return {
        event["LogicalResourceId"]: event.get("ResourceStatusReason", "")
        for page in pages
        for event in page["StackEvents"]
        if event["ResourceStatus"] == status
    }
