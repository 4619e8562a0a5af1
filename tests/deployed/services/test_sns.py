"""What applications do with Amazon SNS, and what they cannot."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aws
from another_broker import OFTEN
from osb import Plan, UnexpectedAnswer
from service import Credentials, ServiceTestCase
from support import BROKER, BrokerTestCase, client, kms_key, stacks_of, unique_name

# Any alarm, and any bucket, of these names.
ALARMS = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:orders-*"
BUCKETS = "arn:aws:s3:::orders-*"
# An application of somebody else's, on a device.
DEVICE = "arn:aws:sns:us-east-1:000000000000:endpoint/GCM/shop/5e3e9847-3183-3f18-a7e8-671c3a57d4b3"


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
            "PublishingSourceArn": BUCKETS,
            "AllowSubscriptions": "true",
            "SubscribableEndpoints": "*@example.com",
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
            "PublishingSourceArn": ALARMS,
            "AllowSubscriptions": "true",
            "SubscribableEndpoints": "*@example.com,+14155550100",
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
        # A key that the user names is of use for this topic alone.
        for statement in self.policy["Statement"]:
            if "kms:GenerateDataKey" in statement["Action"]:
                own = {"kms:EncryptionContext:aws:sns:topicArn": binding["TOPIC_ARN"]}
                self.assertEqual(statement["Condition"]["StringEquals"], own)
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
        self.assert_no_application_subscribed(binding)
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
        self.assert_no_application_subscribed(binding)
        self.assert_denied(
            lambda: sns.delete_topic(**topic),
            lambda: sns.set_topic_attributes(**topic, AttributeName="DisplayName", AttributeValue="x"),
            lambda: sns.create_topic(Name=unique_name()),
        )

    def assert_no_application_subscribed(self, binding: Credentials) -> None:
        """Nobody is asked whether the application on a device gets what is published."""
        sns, device = client("sns", binding), {"TopicArn": binding["TOPIC_ARN"], "Endpoint": DEVICE}
        self.assert_denied(
            lambda: sns.subscribe(**device, Protocol="application"),
            lambda: sns.subscribe(**device, Protocol="Application"),
        )


class SubscriptionOfAnotherInstanceTest(BrokerTestCase):
    """SNS gives whoever names the topic and the endpoint of a subscription that exists that subscription. An instance
    could then change it, and its deletion would end it: so the topic's owner says which endpoints may be subscribed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.mailbox = Mailbox()

    def test_existing_subscription_cannot_be_taken_over(self) -> None:
        listed = Mailbox()
        with self.topic({"AllowSubscriptions": "true", "SubscribableEndpoints": listed.arn}) as (_, _, topic):
            applications = self.subscribed_by_an_application(topic)
            self.assert_refused(topic, self.mailbox)
            self.assertEqual(subscriptions(topic), {applications: self.mailbox.arn})

    def test_listed_endpoint_can_be_subscribed(self) -> None:
        listed = {"AllowSubscriptions": "true", "SubscribableEndpoints": f"*@example.com,{self.mailbox.arn}"}
        with self.topic(listed) as (_, _, topic):
            applications = self.subscribed_by_an_application(topic, Mailbox())
            instance, plan = self.subscribe(topic, self.mailbox)
            client("sns").publish(TopicArn=topic, Message="hello")
            self.assertEqual(self.mailbox.receive(), ["hello"])
            self.deprovision(instance, plan)
            self.assertEqual(list(subscriptions(topic)), [applications])

    def test_delisted_subscription_stays_with_its_instance(self) -> None:
        listed = {"AllowSubscriptions": "true", "SubscribableEndpoints": self.mailbox.arn}
        with self.topic(listed) as (owner, plan_of_owner, topic):
            instance, plan = self.subscribe(topic, self.mailbox)
            self.update(owner, plan_of_owner, {"SubscribableEndpoints": ""})
            before = subscriptions(topic)
            self.assert_refused(topic, self.mailbox)
            self.assertEqual(subscriptions(topic), before)

            # Its own instance still changes and ends it.
            self.update(instance, plan, {"RawMessageDelivery": "true"})
            client("sns").publish(TopicArn=topic, Message="hello")
            self.assertEqual(self.mailbox.bodies(), ["hello"])
            self.deprovision(instance, plan)
            self.assertEqual(subscriptions(topic), {})

    def test_unlisted_endpoint_is_refused(self) -> None:
        for parameters in ({}, {"AllowSubscriptions": "true"}):
            with self.subTest(parameters), self.topic(parameters) as (_, _, topic):
                self.assert_refused(topic, self.mailbox)

    def test_topics_own_subscription_cannot_be_taken_over(self) -> None:
        own = {"Protocol": "sqs", "Endpoint": self.mailbox.arn}
        everything = {**own, "AllowSubscriptions": "true", "SubscribableEndpoints": "*"}
        for parameters in (own, everything):
            with self.subTest(parameters), self.topic(parameters, "topicwithsub") as (_, _, topic):
                before = subscriptions(topic)
                self.assert_refused(topic, self.mailbox)
                self.assertEqual(subscriptions(topic), before)

    def test_topic_tag_allows_only_the_named_endpoint(self) -> None:
        sns, other = client("sns"), Mailbox()
        tag = {"Key": "servicebroker:subscribable", "Value": self.mailbox.arn}
        topic = sns.create_topic(Name=f"orders-{uuid.uuid4()}", Tags=[tag])["TopicArn"]
        untagged = sns.create_topic(Name=f"orders-{uuid.uuid4()}")["TopicArn"]
        instance, plan = self.subscribe(topic, self.mailbox)
        self.assert_refused(topic, other)
        self.assert_refused(untagged, self.mailbox)
        self.deprovision(instance, plan)
        for arn in (topic, untagged):
            sns.delete_topic(TopicArn=arn)

    def test_subscribe_scope_needs_no_listed_endpoint(self) -> None:
        with self.topic({}) as (owner, plan, topic):
            binding = str(uuid.uuid4())
            keys = BROKER.bind(owner, binding, plan, {"Scope": "Subscribe"}).expect(201)["credentials"]
            client("sns", keys).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self.mailbox.arn)
            self.assertEqual(list(subscriptions(topic).values()), [self.mailbox.arn])
            BROKER.unbind(owner, binding, plan).expect(200)

    @contextmanager
    def topic(self, parameters: dict[str, Any], plan: str = "topic") -> Iterator[tuple[str, Plan, str]]:
        instance, ids = self.provision("sns", plan, parameters)
        binding, keys = self.bind(instance, ids)
        try:
            yield instance, ids, keys["TOPIC_ARN"]
        finally:
            BROKER.unbind(instance, binding, ids).expect(200)
            self.deprovision(instance, ids)

    def subscribe(self, topic: str, mailbox: Mailbox) -> tuple[str, Plan]:
        return self.provision("sns", "subscription", subscription(topic, mailbox))

    def subscribed_by_an_application(self, topic: str, mailbox: Mailbox | None = None) -> str:
        endpoint = (mailbox or self.mailbox).arn
        return client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)["SubscriptionArn"]

    def assert_refused(self, topic: str, mailbox: Mailbox) -> None:
        """An instance that names the topic and the endpoint is not created. Its deletion ends nothing."""
        instance, plan = str(uuid.uuid4()), BROKER.plan("sns", "subscription")
        accepted = BROKER.provision(instance, plan, subscription(topic, mailbox)).expect(202)
        with self.assertRaisesRegex(UnexpectedAnswer, "not authorized to perform: sns:Subscribe"):
            BROKER.wait(instance, plan, accepted.get("operation"))
        # The record stays for half a minute, for a request that comes late.
        BROKER.deprovision(instance, plan).expect(202)
        for stack in stacks_of(instance):
            waiter = client("cloudformation").get_waiter("stack_delete_complete")
            waiter.wait(StackName=stack, WaiterConfig=OFTEN)

    def update(self, instance: str, plan: Plan, parameters: dict[str, Any]) -> None:
        accepted = BROKER.update(instance, plan, {"parameters": parameters}).expect(202)
        BROKER.wait(instance, plan, accepted.get("operation"))


class PublishingServiceTest(BrokerTestCase):
    """A service publishes for everybody in the account, so the topic's owner says for which source it may."""

    def test_service_publishes_only_for_the_named_source(self) -> None:
        s3, own, others = client("s3"), f"orders-{uuid.uuid4()}", f"mallory-{uuid.uuid4()}"
        parameters = {"KmsKeyArn": kms_key(), "PublishingService": "s3", "PublishingSourceArn": BUCKETS}
        instance, plan = self.provision("sns", "topic", parameters)
        _, keys = self.bind(instance, plan)
        notified = {"TopicConfigurations": [{"TopicArn": keys["TOPIC_ARN"], "Events": ["s3:ObjectCreated:*"]}]}
        for bucket in (own, others):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_notification_configuration(Bucket=own, NotificationConfiguration=notified)

        def attack() -> None:
            s3.put_bucket_notification_configuration(Bucket=others, NotificationConfiguration=notified)

        # S3 tries whether it may publish: https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
        self.assertEqual(aws.error_code(attack), "InvalidArgument")
        for bucket in (own, others):
            s3.delete_bucket(Bucket=bucket)
        self.deprovision(instance, plan)

    def test_a_service_without_a_source_is_refused_at_once(self) -> None:
        parameters = {"KmsKeyArn": kms_key(), "PublishingService": "ses"}
        answer = BROKER.provision(str(uuid.uuid4()), BROKER.plan("sns", "topic"), parameters).expect(400)
        self.assertIn("PublishingService requires a PublishingSourceArn", answer["description"])


def subscription(topic: str, mailbox: Mailbox) -> dict[str, str]:
    return {"TopicArn": topic, "Protocol": "sqs", "Endpoint": mailbox.arn}


def subscriptions(topic: str) -> dict[str, str]:
    """The endpoints of a topic, by the ARNs of their subscriptions."""
    found = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return {each["SubscriptionArn"]: each["Endpoint"] for each in found}


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
        return [text_of(body) for body in self.bodies(seconds)]

    def bodies(self, seconds: int = 5) -> list[str]:
        """What has arrived, as it came; it is taken out."""
        received = self._sqs.receive_message(**self._queue, WaitTimeSeconds=seconds).get("Messages", [])
        for message in received:
            self._sqs.delete_message(**self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in received]


def text_of(body: str) -> str:
    return json.loads(body)["Message"] if body.startswith("{") else body
