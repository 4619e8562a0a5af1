"""The life of an instance of every plan: provision, bind, use, unbind, deprovision, and nothing left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import aws
from osb import Plan
from support import BROKER, BrokerTestCase, client, records_of, stacks_of, unique_name

Credentials = dict[str, str]
Use = Callable[[Credentials], None]


class ServicesTest(BrokerTestCase):
    def live(self, service: str, plan: str, use: Use, parameters: dict[str, Any] | None = None) -> None:
        """Takes an instance through its life. `use` does with a binding what it is for and tries what it is not for."""
        instance, ids = self.provision(service, plan, parameters)
        binding, credentials = self.bind(instance, ids)
        use(credentials)

        self.assertEqual(BROKER.fetch_instance(instance, ids).expect(200)["plan_id"], ids.plan_id)
        self.assertEqual(BROKER.fetch_binding(instance, binding, ids).expect(200)["credentials"], credentials)

        self.unbind(instance, binding, ids, credentials)

        self.deprovision(instance, ids)
        self.assertEqual(stacks_of(instance), [])
        self.assertEqual(records_of(instance), [])
        BROKER.fetch_instance(instance, ids).expect(404)

    def unbind(self, instance: str, binding: str, plan: Plan, credentials: Credentials) -> None:
        """Unbinds, and sees the identity go, if the binding has one."""
        identity = client("sts", credentials) if "AWS_ACCESS_KEY_ID" in credentials else None
        user = identity and identity.get_caller_identity()["Arn"].rpartition("/")[2]
        BROKER.unbind(instance, binding, plan).expect(200)
        BROKER.unbind(instance, binding, plan).expect(410)
        if identity:
            self.assertIn(aws.error_code(identity.get_caller_identity), aws.UNKNOWN_KEY)
            self.assertEqual(aws.error_code(lambda: client("iam").get_user(UserName=user)), "NoSuchEntity")

    # ---------------------------------------------------------------------------------------------------- sqs

    def test_sqs_standard(self) -> None:
        self.live("sqs", "standard", self.use_queue, {"VisibilityTimeout": 60})

    def test_sqs_fifo(self) -> None:
        message = {"MessageGroupId": "a", "MessageDeduplicationId": "b"}
        self.live("sqs", "fifo", lambda binding: self.use_queue(binding, **message))

    def use_queue(self, binding: Credentials, **message: str) -> None:
        sqs, queue = client("sqs", binding), {"QueueUrl": binding["QUEUE_URL"]}
        sqs.send_message(**queue, MessageBody="hello", **message)
        [received] = sqs.receive_message(**queue, WaitTimeSeconds=5)["Messages"]
        self.assertEqual(received["Body"], "hello")
        sqs.delete_message(**queue, ReceiptHandle=received["ReceiptHandle"])
        arn = sqs.get_queue_attributes(**queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.assertEqual(arn, binding["QUEUE_ARN"])
        self.assertEqual(arn.rpartition(":")[2], binding["QUEUE_NAME"])

        neighbour = client("sqs").create_queue(QueueName=unique_name())["QueueUrl"]
        self.assert_denied(
            lambda: sqs.delete_queue(**queue),
            lambda: sqs.set_queue_attributes(**queue, Attributes={"VisibilityTimeout": "1"}),
            lambda: sqs.send_message(QueueUrl=neighbour, MessageBody="hello"),
            lambda: sqs.create_queue(QueueName=unique_name()),
            lambda: client("sqs", binding, tls=False).send_message(**queue, MessageBody="hello", **message),
            lambda: client("iam", binding).create_user(UserName="mallory"),
        )

    # ---------------------------------------------------------------------------------------------------- sns

    def test_sns_topic(self) -> None:
        self.live("sns", "topic", self.use_topic)

    def test_sns_topicwithsub(self) -> None:
        mailbox = Mailbox()

        def use(binding: Credentials) -> None:
            self.use_topic(binding)
            self.assertEqual(mailbox.receive(), ["hello"])

        self.live("sns", "topicwithsub", use, {"Protocol": "sqs", "Endpoint": mailbox.arn})

    def test_sns_subscription(self) -> None:
        mailbox = Mailbox()
        sns = client("sns")
        topic = sns.create_topic(Name=unique_name())["TopicArn"]

        def use(binding: Credentials) -> None:
            self.assertEqual(binding["TOPIC_ARN"], topic)
            sns.publish(TopicArn=topic, Message="hello")
            self.assertEqual(mailbox.receive(), ["hello"])
            # The topic is somebody else's: naming it gives no rights on it, so there is no identity.
            self.assertNotIn("AWS_ACCESS_KEY_ID", binding)

        self.live("sns", "subscription", use, {"TopicArn": topic, "Protocol": "sqs", "Endpoint": mailbox.arn})
        self.assertEqual(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"], [])

    def use_topic(self, binding: Credentials) -> None:
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

    # ----------------------------------------------------------------------------------------------------- s3

    def test_s3_simple(self) -> None:
        self.live("s3", "simple", self.use_bucket)

    def test_s3_production(self) -> None:
        def use(binding: Credentials) -> None:
            self.use_bucket(binding)
            s3, bucket = client("s3", binding), {"Bucket": binding["BUCKET_NAME"]}
            versions = s3.list_object_versions(**bucket)["Versions"]
            self.assertEqual([version["Key"] for version in versions], ["greeting"])
            version = {"Key": "greeting", "VersionId": versions[0]["VersionId"]}
            self.assert_denied(lambda: s3.delete_object(**bucket, **version))
            empty(binding["BUCKET_NAME"])

        self.live("s3", "production", use)

    def test_s3_custom(self) -> None:
        self.live("s3", "custom", self.use_bucket, {"ExpirationDays": 30})

    def use_bucket(self, binding: Credentials) -> None:
        s3, bucket = client("s3", binding), {"Bucket": binding["BUCKET_NAME"]}
        self.assertEqual(binding["BUCKET_ARN"].rpartition(":")[2], binding["BUCKET_NAME"])
        s3.put_object(**bucket, Key="greeting", Body=b"hello")
        self.assertEqual(s3.get_object(**bucket, Key="greeting")["Body"].read(), b"hello")
        self.assertEqual([each["Key"] for each in s3.list_objects_v2(**bucket)["Contents"]], ["greeting"])

        neighbour = unique_name()
        client("s3").create_bucket(Bucket=neighbour)
        self.assert_denied(
            lambda: s3.delete_bucket(**bucket),
            lambda: s3.delete_bucket_policy(**bucket),
            lambda: s3.put_object(Bucket=neighbour, Key="greeting", Body=b"hello"),
            lambda: s3.list_objects_v2(Bucket=neighbour),
            lambda: s3.create_bucket(Bucket=unique_name()),
            lambda: client("s3", binding, tls=False).get_object(**bucket, Key="greeting"),
        )
        s3.delete_object(**bucket, Key="greeting")

    # ----------------------------------------------------------------------------------------------- dynamodb

    def test_dynamodb_hashrange(self) -> None:
        key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
        self.live("dynamodb", "hashrange", lambda binding: self.use_table(binding, key))

    def test_dynamodb_ondemand(self) -> None:
        self.live("dynamodb", "ondemand", lambda binding: self.use_table(binding, {"id": {"S": "a"}}))

    def use_table(self, binding: Credentials, key: dict[str, Any]) -> None:
        dynamodb, table = client("dynamodb", binding), {"TableName": binding["TABLE_NAME"]}
        self.assertEqual(dynamodb.describe_table(**table)["Table"]["TableArn"], binding["TABLE_ARN"])
        item = {**key, "greeting": {"S": "hello"}}
        dynamodb.put_item(**table, Item=item)
        self.assertEqual(dynamodb.get_item(**table, Key=key)["Item"], item)
        self.assertEqual(dynamodb.scan(**table)["Items"], [item])

        self.assert_denied(
            lambda: dynamodb.delete_table(**table),
            lambda: dynamodb.update_table(**table, BillingMode="PAY_PER_REQUEST"),
            lambda: dynamodb.list_tables(),
            # The broker's own state is a table as well.
            lambda: dynamodb.scan(TableName=os.environ["TABLE_NAME"]),
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

    def receive(self) -> list[str]:
        received = self._sqs.receive_message(**self._queue, WaitTimeSeconds=5).get("Messages", [])
        return [json.loads(message["Body"])["Message"] for message in received]


def empty(bucket: str) -> None:
    """As its owner has to before the instance can go: CloudFormation deletes a bucket only if it is empty."""
    s3 = client("s3")
    listing = s3.list_object_versions(Bucket=bucket)
    for version in [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
