"""The deletion of the broker's own stack: not while there are instances, unless the operator insists."""

from __future__ import annotations

import uuid
from typing import Any

from another_broker import OFTEN, AnotherBroker, template
from support import CLOUDFORMATION, BrokerTestCase, application_role, client, stacks_of

# What the stack never takes with it.
KEPT = {"Key", "Table"}


class DeleteTest(BrokerTestCase):
    def test_stack_with_instances_cannot_be_deleted(self) -> None:
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
        self.assertEqual(reasons(deleted, "DELETE_SKIPPED").keys(), KEPT)

    def test_operator_can_retain_instances_and_their_bindings(self) -> None:
        doomed, instance = self.broker_with_instance("insisted")
        credentials = self.bind_there(doomed, instance, "sqs", "standard")
        self.assertEqual(doomed.delete()["StackStatus"], "DELETE_FAILED")

        # IAM deletes no policy that is somebody's boundary.
        refused = doomed.delete(RetainResources=["Guard"])
        self.assertEqual(refused["StackStatus"], "DELETE_FAILED")
        self.assertEqual(doomed.resources(), {"Services"})
        self.assertIn("SqsBoundary", reasons(refused, "DELETE_FAILED")["Services"])

        deleted = doomed.delete(RetainResources=["Services"])
        self.assertEqual(deleted["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(reasons(deleted, "DELETE_SKIPPED").keys(), {*KEPT, "Guard", "Services"})
        queue = client("sqs", credentials)
        queue.send_message(QueueUrl=credentials["QUEUE_URL"], MessageBody="hello")
        bury(instance)

    def test_instances_with_roles_need_a_second_deletion(self) -> None:
        doomed, instance = self.broker_with_instance("twice", "stepfunctions", "standard")
        self.bind_there(doomed, instance, "stepfunctions", "standard")
        self.assertEqual(doomed.delete()["StackStatus"], "DELETE_FAILED")

        refused = doomed.delete(RetainResources=["Guard"])
        self.assertEqual(refused["StackStatus"], "DELETE_FAILED")
        self.assertEqual(doomed.resources(), {"Services", "StackRolesBoundary"})
        self.assertIn("attached to entities", reasons(refused, "DELETE_FAILED")["StackRolesBoundary"])

        deleted = doomed.delete(RetainResources=["Services", "StackRolesBoundary"])
        self.assertEqual(deleted["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(reasons(deleted, "DELETE_SKIPPED").keys(), {*KEPT, "Guard", "Services", "StackRolesBoundary"})
        bury(instance)

    def broker_with_instance(
        self, prefix: str, service: str = "sqs", plan: str = "standard"
    ) -> tuple[AnotherBroker, str]:
        another, instance = AnotherBroker(prefix), str(uuid.uuid4())
        another.create(template(), EnabledServices=service)
        broker = another.client
        ids = broker.plan(service, plan)
        broker.wait(instance, ids, broker.provision(instance, ids).expect(202).get("operation"))
        return another, instance

    def bind_there(self, another: AnotherBroker, instance: str, service: str, plan: str) -> dict[str, str]:
        broker = another.client
        ids = broker.plan(service, plan)
        return broker.bind(instance, str(uuid.uuid4()), ids).expect(201)["credentials"]


def bury(instance: str) -> None:
    """Deletes the stack of an instance whose broker is gone, and with it the role that it was made with."""
    (left,) = stacks_of(instance)
    with application_role("undertaker-", CLOUDFORMATION) as role:
        client("cloudformation").delete_stack(StackName=left, RoleARN=role["Arn"])
        client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=left, WaiterConfig=OFTEN)


def reasons(stack: dict[str, Any], status: str) -> dict[str, str]:
    """By logical id, why the stack's resources have got into this status."""
    pages = client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack["StackId"])
    return {
        event["LogicalResourceId"]: event.get("ResourceStatusReason", "")
        for page in pages
        for event in page["StackEvents"]
        if event["ResourceStatus"] == status
    }
