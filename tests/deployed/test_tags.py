"""Tags of the operator and of the platform, down to the resources that cost something."""

from __future__ import annotations

from typing import Any

from another_broker import AnotherBroker, template
from support import BROKER, BrokerTestCase, client, stacks_of


class TagsTest(BrokerTestCase):
    def test_new_name_reaches_the_resources(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        for name in ("orders", "orders & more"):
            context = {"platform": "cloudfoundry", "instance_name": name, "space_name": "shop"}
            accepted = BROKER.update(instance, plan, {"context": context}).expect(202)
            BROKER.wait(instance, plan, accepted.get("operation"))
            BROKER.update(instance, plan, {"context": context}).expect(200)

        _, credentials = self.bind(instance, plan)
        tags = client("sqs").list_queue_tags(QueueUrl=credentials["QUEUE_URL"])["Tags"]
        self.assertEqual(tags["servicebroker:instance-name"], "orders _ more")
        self.assertEqual(tags["servicebroker:space-name"], "shop")
        self.assertEqual(tags["servicebroker:instance-id"], instance)

    def test_operator_tags_stand_on_stacks_and_users(self) -> None:
        tagged = AnotherBroker("tagged")
        tagged.create(template(), EnabledServices="sqs", TableDeletionProtection="no", Tags="cost-center=4711,Env=a=b")
        self.addCleanup(tagged.delete)
        broker = tagged.client
        plan = broker.plan("sqs", "standard")
        instance, binding = "1f3a8c52-8a2e-4a42-9a0c-6f1d5f4b7a10", "a-binding"
        broker.wait(instance, plan, broker.provision(instance, plan).expect(202).get("operation"))
        broker.bind(instance, binding, plan).expect(201)

        [name] = stacks_of(instance)
        stack = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        users = client("iam").get_paginator("list_users").paginate(PathPrefix="/tagged/")
        [user] = [user["UserName"] for page in users for user in page["Users"]]
        for tags in (stack["Tags"], client("iam").list_user_tags(UserName=user)["Tags"]):
            self.assertLessEqual({("cost-center", "4711"), ("Env", "a=b")}, pairs(tags))

        broker.unbind(instance, binding, plan).expect(200)
        broker.wait(instance, plan, broker.deprovision(instance, plan).expect(202).get("operation"))

    def test_unusable_tags_are_refused_when_they_are_deployed(self) -> None:
        refused = AnotherBroker("untagged")
        with self.assertRaisesRegex(Exception, "ROLLBACK"):
            refused.create(template(), EnabledServices="sqs", TableDeletionProtection="no", Tags="aws:owner=me")
        self.addCleanup(refused.delete)
        events = client("cloudformation").describe_stack_events(StackName=refused.stack)["StackEvents"]
        reasons = [event.get("ResourceStatusReason", "") for event in events]
        self.assertTrue(any("begins with aws:, which is reserved" in reason for reason in reasons), reasons)


def pairs(tags: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(tag["Key"], tag["Value"]) for tag in tags}
