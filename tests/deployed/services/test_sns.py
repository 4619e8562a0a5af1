"""What applications do with Amazon SNS, and what they cannot."""

from __future__ import annotations

import json

from service import Credentials, ServiceTestCase
from support import client, kms_key, unique_name


class SnsTest(ServiceTestCase):
    service = "sns"

    def setUp(self) -> None:
        super().setUp()
        self.mailbox = Mailbox()
        self.uses = {
            "Publish": self.publish,
            "Subscribe": self.subscribe,
            "PublishSubscribe": self.publish_and_subscribe,
        }

    def test_topic(self) -> None:
        self.live("topic", self.uses)

    def test_topic_with_every_parameter_changed(self) -> None:
        changed = {
            "DisplayName": "news",
            "KmsKeyArn": kms_key(),
            "PublishingService": "s3",
            "AllowSubscriptions": "true",
        }
        self.live("topic", self.uses, changed)

    def test_topicwithsub(self) -> None:
        def publish(binding: Credentials) -> None:
            self.publish(binding)
            self.assertEqual(self.mailbox.receive(), ["hello"])

        changed = {
            "DisplayName": "news",
            "Protocol": "sqs",
            "Endpoint": self.mailbox.arn,
            "RawMessageDelivery": "true",
            "DeadLetterQueueArn": Mailbox().arn,
            "KmsKeyArn": kms_key(),
            "PublishingService": "cloudwatch",
            "AllowSubscriptions": "true",
        }
        self.live("topicwithsub", {**self.uses, "Publish": publish}, changed)

    def test_subscription(self) -> None:
        sns = client("sns")
        topic = sns.create_topic(Name=unique_name())["TopicArn"]

        def use(binding: Credentials) -> None:
            self.assertEqual(binding["TOPIC_ARN"], topic)
            sns.publish(TopicArn=topic, Message="hello")
            self.assertEqual(self.mailbox.receive(), ["hello"])
            # The topic is somebody else's: naming it gives no rights on it, so there is no identity.
            self.assertNotIn("AWS_ACCESS_KEY_ID", binding)

        changed = {
            "TopicArn": topic,
            "Protocol": "sqs",
            "Endpoint": self.mailbox.arn,
            "RawMessageDelivery": "true",
            "DeadLetterQueueArn": Mailbox().arn,
        }
        self.live("subscription", dict.fromkeys(self.uses, use), changed)
        self.assertEqual(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"], [])

    def publish(self, binding: Credentials) -> None:
        sns, topic = client("sns", binding), {"TopicArn": binding["TOPIC_ARN"]}
        sns.publish(**topic, Message="hello")
        neighbour = client("sns").create_topic(Name=unique_name())["TopicArn"]
        self.assert_denied(
            lambda: sns.delete_topic(**topic),
            lambda: sns.set_topic_attributes(**topic, AttributeName="DisplayName", AttributeValue="x"),
            lambda: sns.subscribe(**topic, Protocol="email", Endpoint="mallory@example.com"),
            lambda: sns.publish(TopicArn=neighbour, Message="hello"),
            lambda: sns.create_topic(Name=unique_name()),
            lambda: client("sns", binding, tls=False).publish(**topic, Message="hello"),
        )

    def subscribe(self, binding: Credentials) -> None:
        sns, topic, mailbox = client("sns", binding), {"TopicArn": binding["TOPIC_ARN"]}, Mailbox()
        sns.subscribe(**topic, Protocol="sqs", Endpoint=mailbox.arn)
        client("sns").publish(**topic, Message="hello")
        self.assertEqual(mailbox.receive(), ["hello"])
        self.mailbox.receive(seconds=0)
        self.assert_denied(
            lambda: sns.publish(**topic, Message="hello"),
            lambda: sns.delete_topic(**topic),
            lambda: sns.add_permission(**topic, Label="x", AWSAccountId=["000000000000"], ActionName=["Publish"]),
        )

    def publish_and_subscribe(self, binding: Credentials) -> None:
        sns, topic, mailbox = client("sns", binding), {"TopicArn": binding["TOPIC_ARN"]}, Mailbox()
        sns.subscribe(**topic, Protocol="sqs", Endpoint=mailbox.arn)
        sns.publish(**topic, Message="hello")
        self.assertEqual(mailbox.receive(), ["hello"])
        self.mailbox.receive(seconds=0)
        self.assert_denied(
            lambda: sns.delete_topic(**topic),
            lambda: sns.set_topic_attributes(**topic, AttributeName="DisplayName", AttributeValue="x"),
            lambda: sns.create_topic(Name=unique_name()),
        )


class Mailbox:
    """A queue of the operator's that a topic may deliver to."""

    def __init__(self) -> None:
        self._sqs = client("sqs")
        self._queue = {"QueueUrl": self._sqs.create_queue(QueueName=unique_name())["QueueUrl"]}
        attributes = self._sqs.get_queue_attributes(**self._queue, AttributeNames=["QueueArn"])
        self.arn = attributes["Attributes"]["QueueArn"]
        topics = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}}
        statement = {**topics, "Action": "sqs:SendMessage", "Resource": self.arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(**self._queue, Attributes={"Policy": policy})

    def receive(self, seconds: int = 5) -> list[str]:
        """What has arrived, wrapped or raw; it is taken out."""
        received = self._sqs.receive_message(**self._queue, WaitTimeSeconds=seconds).get("Messages", [])
        for message in received:
            self._sqs.delete_message(**self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [text_of(message["Body"]) for message in received]


def text_of(body: str) -> str:
    return json.loads(body)["Message"] if body.startswith("{") else body
