"""What the sweep function finds after somebody has deleted things by hand, and removes if it is asked to."""

from __future__ import annotations

import json
import os
import unittest

from support import BROKER, BrokerTestCase, client, forget, stacks_of, sweep, user_of

FINDINGS = (
    "stacks_without_record",
    "users_without_binding",
    "roles_without_binding",
    "instances_without_stack",
    "unreadable_records",
)


class Sweep(BrokerTestCase):
    """Other tests may have left something: only what these have made is looked for."""

    def test_what_is_in_use_is_not_found(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        binding, _ = self.bind(instance, plan)
        user = user_of(instance)
        found = json.dumps({kind: sweep().expect(200)[kind] for kind in FINDINGS})
        self.assertNotIn(instance, found)
        self.assertNotIn(user, found)
        BROKER.unbind(instance, binding, plan).expect(200)
        self.deprovision(instance, plan)

    def test_a_stack_and_a_user_that_have_lost_their_records_are_found_and_removed(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        self.bind(instance, plan)
        user = user_of(instance)
        (stack,) = stacks_of(instance)
        forget(instance)

        found = sweep().expect(200)
        self.assertIn(stack, [finding["name"] for finding in found["stacks_without_record"]])
        self.assertIn(user, [finding["name"] for finding in found["users_without_binding"]])
        self.assertEqual(stacks_of(instance), [stack])

        removed = sweep({"remove": {"stacks": [stack, "osb-unknown"], "users": [user]}}).expect(200)["removed"]
        self.assertEqual((removed[stack], removed[user]), ("is being deleted", "deleted"))
        self.assertIn("not among the findings", removed["osb-unknown"])
        self.assertEqual(stacks_of(instance), [])
        found = sweep().expect(200)
        self.assertNotIn(stack, [finding["name"] for finding in found["stacks_without_record"]])
        self.assertNotIn(user, [finding["name"] for finding in found["users_without_binding"]])

    def test_an_instance_that_has_lost_its_stack_is_found(self) -> None:
        instance, _ = self.provision("sqs", "standard")
        (stack,) = stacks_of(instance)
        client("cloudformation").delete_stack(StackName=stack)
        found = sweep().expect(200)["instances_without_stack"]
        (finding,) = [finding for finding in found if finding["instance_id"] == instance]
        self.assertEqual((finding["stack_name"], finding["last_operation"]["state"]), (stack, "succeeded"))
        forget(instance)

    def test_a_record_that_nobody_can_read_is_found_and_is_an_error_of_its_instance_alone(self) -> None:
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


if __name__ == "__main__":
    unittest.main()
