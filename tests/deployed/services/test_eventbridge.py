"""What applications do with Amazon EventBridge, and what they cannot."""

from __future__ import annotations

import json
from typing import Any

from service import Credentials, ServiceTestCase
from support import BROKER, client, unique_name


class EventBridgeTest(ServiceTestCase):
    service = "eventbridge"

    def test_bus(self) -> None:
        self.live("bus", {"Publish": self.publish, "Replay": self.replay_nothing})

    def test_bus_with_every_parameter_changed(self) -> None:
        target, dead_letters = Queue(), Queue()
        key = client("kms").create_key()["KeyMetadata"]

        def publish(binding: Credentials) -> None:
            self.publish(binding)
            # After the update the bus has no rule any more, and the binding still publishes.
            rules = client("events").list_rules(EventBusName=binding["EVENT_BUS_NAME"])["Rules"]
            delivered = [(event["source"], event["detail"]) for event in target.receive(len(rules))]
            self.assertEqual(delivered, [("com.example.orders", {"order": 1})] * len(rules))

        parameters = {
            "TargetArn": target.arn,
            "EventSources": "com.example.orders,com.example.returns",
            "EventDetailTypes": "Order Placed,Order Returned",
            "DeadLetterQueueArn": dead_letters.arn,
            "Archive": "true",
            "ArchiveRetentionDays": 7,
            "SenderAccountIds": "111122223333,444455556666",
            "SenderOrganizationId": "o-a1b2c3d4e5",
            "KmsKeyArn": key["Arn"],
            "DeletionPolicy": "Retain",
        }
        self.live("bus", {"Publish": publish, "Replay": self.replay}, parameters)
        client("kms").schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)

    def test_queue_trusts_only_the_events_of_one_rule(self) -> None:
        """The local EventBridge does not ask the policies of queues."""
        queue, queue_ids = self.provision("sqs", "standard")
        _, queue_keys = self.bind(queue, queue_ids)
        self.assertEqual(trusted_sources(queue_keys), [])
        instance, ids = self.provision(self.service, "bus", {"TargetArn": queue_keys["QUEUE_ARN"]})
        binding, credentials = self.bind_with(instance, ids, "Publish")
        source = {"SourceRuleArn": credentials["RULE_ARN"]}
        accepted = BROKER.update(queue, queue_ids, {"parameters": source}).expect(202)
        BROKER.wait(queue, queue_ids, accepted.get("operation"))
        self.assertEqual(trusted_sources(queue_keys), [credentials["RULE_ARN"]])
        self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)
        self.deprovision(queue, queue_ids)

    def publish(self, binding: Credentials) -> None:
        events, bus = client("events", binding), binding["EVENT_BUS_NAME"]
        self.assertEqual(binding["EVENT_BUS_ARN"].rpartition("/")[2], bus)
        order = {"DetailType": "Order Placed", "Detail": json.dumps({"order": 1})}
        entries = [
            {**order, "EventBusName": bus, "Source": "com.example.orders"},
            {**order, "EventBusName": binding["EVENT_BUS_ARN"], "Source": "com.example.other"},
            {**order, "EventBusName": bus, "Source": "com.example.orders", "DetailType": "Order Looked At"},
        ]
        self.assertEqual(events.put_events(Entries=entries)["FailedEntryCount"], 0)
        self.assert_simulated_denied("events:StartReplay", binding["EVENT_BUS_ARN"])
        self.assert_no_administration(binding)

    def replay(self, binding: Credentials) -> None:
        archive = client("events").describe_archive(ArchiveName=binding["ARCHIVE_NAME"])
        self.assertEqual(archive["ArchiveArn"], binding["ARCHIVE_ARN"])
        self.assertEqual((archive["EventSourceArn"], archive["RetentionDays"]), (binding["EVENT_BUS_ARN"], 7))
        # The emulator takes these calls for calls about everything, which the policy does not allow.
        replay = f"{binding['ARCHIVE_ARN'].replace(':archive/', ':replay/')}-1"
        for resource in (binding["EVENT_BUS_ARN"], binding["ARCHIVE_ARN"], replay):
            self.assert_simulated("events:StartReplay", resource)
        self.assert_simulated("events:DescribeReplay", replay)
        self.assert_simulated("events:CancelReplay", replay)
        self.assert_simulated("events:DescribeArchive", binding["ARCHIVE_ARN"])
        self.assert_simulated_denied("events:CancelReplay", replay.replace(binding["ARCHIVE_NAME"], "other"))
        self.assert_simulated_denied("events:DeleteArchive", binding["ARCHIVE_ARN"])
        self.assert_no_publishing(binding)
        self.assert_no_administration(binding)

    def replay_nothing(self, binding: Credentials) -> None:
        """Without an archive."""
        self.assertNotIn("ARCHIVE_ARN", binding)
        self.assert_no_publishing(binding)
        self.assert_no_administration(binding)

    def assert_no_publishing(self, binding: Credentials) -> None:
        events, event = client("events", binding), {"Source": "a", "DetailType": "b", "Detail": "{}"}
        entries: list[Any] = [{**event, "EventBusName": binding["EVENT_BUS_NAME"]}]
        self.assert_denied(lambda: events.put_events(Entries=entries))

    def assert_no_administration(self, binding: Credentials) -> None:
        events, bus = client("events", binding), binding["EVENT_BUS_NAME"]
        neighbour = unique_name()
        client("events").create_event_bus(Name=neighbour)
        event = {"Source": "a", "DetailType": "b", "Detail": "{}"}
        self.assert_denied(
            lambda: events.put_events(Entries=[{**event, "EventBusName": neighbour}]),
            lambda: events.put_events(Entries=[event]),  # the account's default bus
            lambda: events.put_rule(Name="mallory", EventBusName=bus, EventPattern='{"source": ["a"]}'),
            lambda: events.put_permission(EventBusName=bus, StatementId="a", Principal="*", Action="events:PutEvents"),
            lambda: events.delete_event_bus(Name=bus),
            lambda: events.create_event_bus(Name=unique_name()),
        )
        client("events").delete_event_bus(Name=neighbour)


def trusted_sources(queue: Credentials) -> list[str]:
    """The rules that may send to the queue of a binding."""
    asked = {"QueueUrl": queue["QUEUE_URL"], "AttributeNames": ["Policy"]}
    policy = json.loads(client("sqs").get_queue_attributes(**asked)["Attributes"]["Policy"])
    return [
        each["Condition"]["ArnEquals"]["aws:SourceArn"] for each in policy["Statement"] if each["Effect"] == "Allow"
    ]


class Queue:
    """A queue of the operator's that EventBridge may deliver to."""

    def __init__(self) -> None:
        self._sqs = client("sqs")
        self._queue = {"QueueUrl": self._sqs.create_queue(QueueName=unique_name())["QueueUrl"]}
        attributes = self._sqs.get_queue_attributes(**self._queue, AttributeNames=["QueueArn"])
        self.arn: str = attributes["Attributes"]["QueueArn"]
        rules = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}
        statement = {**rules, "Action": "sqs:SendMessage", "Resource": self.arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(**self._queue, Attributes={"Policy": policy})

    def receive(self, expected: int) -> list[dict[str, Any]]:
        """All that there is, with some patience for as many events as are expected."""
        wait = 5 if expected else 0
        received = self._sqs.receive_message(**self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        messages = received.get("Messages", [])
        for message in messages:
            self._sqs.delete_message(**self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]
