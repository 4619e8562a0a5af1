"""What CloudFormation tells of the stacks of instances reaches the function, and completes the record."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any

from local_aws import STACK
from support import BROKER, BrokerTestCase, client


def event(stack_name: str, status: str) -> dict[str, Any]:
    """As AWS sends it: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html"""
    account, region = os.environ["ACCOUNT_ID"], os.environ["AWS_REGION"]
    stack = f"arn:aws:cloudformation:{region}:{account}:stack/{stack_name}/{uuid.uuid4()}"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "CloudFormation Stack Status Change",
        "source": "aws.cloudformation",
        "account": account,
        "time": "2026-01-02T03:04:05Z",
        "region": region,
        "resources": [stack],
        "detail": {"stack-id": stack, "status-details": {"status": status, "status-reason": ""}},
    }


class StackEventsTest(BrokerTestCase):
    def test_an_event_completes_the_record_before_anybody_polls(self) -> None:
        instance, plan = str(uuid.uuid4()), BROKER.plan("sqs", "standard")
        BROKER.provision(instance, plan).expect(202)
        self.assertEqual(self.state(instance), ("provision", "in_progress"))
        self.assertNotIn("FunctionError", self.tell(event(f"osb-sqs-{instance}", "CREATE_COMPLETE")))
        self.assertEqual(self.state(instance), ("provision", "succeeded"))

        BROKER.deprovision(instance, plan).expect(202)
        self.tell(event(f"osb-sqs-{instance}", "DELETE_COMPLETE"))
        self.tell(event(f"osb-sqs-{instance}", "DELETE_COMPLETE"))
        self.assertEqual(self.state(instance), ("deprovision", "succeeded"))

        lines = [json.loads(line) for line in self.log_lines() if instance in line]
        told = [line["outcome"] for line in lines if line.get("operation") == "stack_event"]
        self.assertEqual(told, ["succeeded"] * 3)

    def test_unknown_invocation_is_an_error(self) -> None:
        self.assertEqual(self.tell({"hello": "world"})["FunctionError"], "Unhandled")

    def test_rule_matches_only_final_events_of_instances(self) -> None:
        name = f"osb-sqs-{uuid.uuid4()}"
        for status in ["CREATE_COMPLETE", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE", "DELETE_FAILED"]:
            self.assertTrue(self.is_taken(event(name, status)), status)
        for status in ["CREATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS"]:
            self.assertFalse(self.is_taken(event(name, status)), status)
        self.assertFalse(self.is_taken(event(f"someone-{name}", "CREATE_COMPLETE")))
        self.assertFalse(self.is_taken({**event(name, "CREATE_COMPLETE"), "source": "aws.ec2"}))

    def tell(self, event: dict[str, Any]) -> dict[str, Any]:
        function = os.environ["FUNCTION_NAME"]
        return client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())

    def is_taken(self, event: dict[str, Any]) -> bool:
        found = client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId="StackEvents")
        rule = client("events").describe_rule(Name=found["StackResourceDetail"]["PhysicalResourceId"])
        return client("events").test_event_pattern(EventPattern=rule["EventPattern"], Event=json.dumps(event))["Result"]

    def state(self, instance: str) -> tuple[str, str]:
        """The last operation, as the record has it."""
        key = {"pk": {"S": f"INSTANCE#{instance}"}, "sk": {"S": "META"}}
        item = client("dynamodb").get_item(TableName=os.environ["TABLE_NAME"], Key=key, ConsistentRead=True)["Item"]
        operation = item["operation"]["M"]
        return operation["kind"]["S"], operation["state"]["S"]
