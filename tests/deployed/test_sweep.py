"""What the sweep function finds after somebody has deleted things by hand, and removes if it is asked to."""

from __future__ import annotations

import json
import os
import unittest
import uuid
from typing import Any

import aws
from another_broker import OFTEN
from support import BROKER, BrokerTestCase, client, forget, role_of, stacks_of, sweep, user_of

FINDINGS = (
    "stacks_without_record",
    "stacks_without_tag",
    "users_without_binding",
    "roles_without_binding",
    "instances_without_stack",
    "retained_resources",
    "unreadable_records",
)


class Sweep(BrokerTestCase):
    """Other tests may have left something: only what these have made is looked for."""

    def test_resources_in_use_are_not_found(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        binding, _ = self.bind(instance, plan)
        user = user_of(instance)
        found = json.dumps({kind: sweep().expect(200)[kind] for kind in FINDINGS})
        self.assertNotIn(instance, found)
        self.assertNotIn(user, found)
        BROKER.unbind(instance, binding, plan).expect(200)
        self.deprovision(instance, plan)

    def test_orphans_are_found_and_removed(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        _, credentials = self.bind(instance, plan)
        BROKER.bind(instance, str(uuid.uuid4()), plan, {"ServiceAccount": "shop/worker"}).expect(201)
        user, role = user_of(instance), role_of(instance)
        (stack,) = stacks_of(instance)
        cloudformation, iam, queue = client("cloudformation"), client("iam"), client("sqs", credentials)
        stack_id = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
        forget(instance)
        lost = {"stacks_without_record": stack, "users_without_binding": user, "roles_without_binding": role}

        found = sweep().expect(200)
        for kind, name in lost.items():
            self.assertIn(name, names(found[kind]))
        self.assertEqual(stacks_of(instance), [stack])
        queue.send_message(QueueUrl=credentials["QUEUE_URL"], MessageBody="nothing was removed")

        wanted = {"stacks": [stack, "osb-unknown"], "users": [user], "roles": [role]}
        removed = sweep({"remove": wanted}).expect(200)["removed"]
        self.assertEqual([removed[name] for name in (stack, user, role)], ["is being deleted", "deleted", "deleted"])
        self.assertIn("not among the findings", removed["osb-unknown"])

        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=OFTEN)
        self.assertEqual(aws.error_code(lambda: cloudformation.describe_stacks(StackName=stack)), "ValidationError")
        gone = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        self.assertEqual(gone["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(client("sqs").list_queues(QueueNamePrefix=credentials["QUEUE_NAME"]).get("QueueUrls", []), [])
        self.assertEqual(aws.error_code(lambda: iam.get_user(UserName=user)), "NoSuchEntity")
        self.assertEqual(aws.error_code(lambda: iam.get_role(RoleName=role)), "NoSuchEntity")
        self.assertIn(aws.error_code(client("sts", credentials).get_caller_identity), aws.UNKNOWN_KEY)

        found = sweep().expect(200)
        for kind, name in lost.items():
            self.assertNotIn(name, names(found[kind]))
        removed = sweep({"remove": wanted}).expect(200)["removed"]
        for name in lost.values():
            self.assertIn("not among the findings", removed[name])

    def test_instance_without_stack_is_found(self) -> None:
        instance, _ = self.provision("sqs", "standard")
        (stack,) = stacks_of(instance)
        client("cloudformation").delete_stack(StackName=stack)
        found = sweep().expect(200)["instances_without_stack"]
        (finding,) = [finding for finding in found if finding["instance_id"] == instance]
        self.assertEqual((finding["stack_name"], finding["last_operation"]["state"]), (stack, "succeeded"))
        forget(instance)

    def test_retained_resources_are_found(self) -> None:
        instance, plan = self.provision("dynamodb", "ondemand", {"DeletionPolicy": "Retain"})
        (stack,) = stacks_of(instance)
        self.assertNotIn(instance, json.dumps(sweep().expect(200)["retained_resources"]))
        self.deprovision(instance, plan)
        found = sweep().expect(200)["retained_resources"]
        (table,) = [finding for finding in found if finding["instance_id"] == instance]
        self.assertEqual((table["stack_name"], table["cost"]), (stack, "hourly"))
        self.assertIn(":table/", table["arn"])
        dynamodb, name = client("dynamodb"), table["arn"].rpartition("/")[2]
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=name)
        self.assertNotIn(instance, json.dumps(sweep().expect(200)["retained_resources"]))

    def test_unreadable_record_affects_only_its_instance(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        other, _ = self.provision("sqs", "standard")
        client("dynamodb").update_item(
            TableName=os.environ["TABLE_NAME"],
            Key={"pk": {"S": f"INSTANCE#{instance}"}, "sk": {"S": "META"}},
            UpdateExpression="SET #schema = :newer",
            ExpressionAttributeNames={"#schema": "schema"},
            ExpressionAttributeValues={":newer": {"N": "999"}},
        )
        (unreadable,) = [finding for finding in sweep().expect(200)["unreadable_records"] if instance in finding["key"]]
        self.assertIn("999", unreadable["reason"])
        answer = BROKER.fetch_instance(instance, plan)
        self.assertEqual(answer.status, 500)
        self.assertIn("operator", answer.body["description"])
        BROKER.fetch_instance(other, plan).expect(200)
        self.deprovision(other, plan)
        (stack,) = stacks_of(instance)
        forget(instance)
        sweep({"remove": {"stacks": [stack]}}).expect(200)


def names(findings: list[dict[str, Any]]) -> list[str]:
    return [finding["name"] for finding in findings]


if __name__ == "__main__":
    unittest.main()
