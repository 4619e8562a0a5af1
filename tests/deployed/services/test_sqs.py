"""What applications do with Amazon SQS, and what they cannot."""

from __future__ import annotations

from service import Credentials, ServiceTestCase, key_contexts
from support import client, kms_key, unique_name

# Values other than the defaults, for what both plans have.
CHANGED = {
    "DelaySeconds": 1,
    "MaximumMessageSize": 2048,
    "MessageRetentionPeriod": 600,
    "VisibilityTimeout": 60,
    "ReceiveMessageWaitTimeSeconds": 5,
    "MaxReceiveCount": 3,
    "DeadLetterRetentionPeriod": 1200,
}


class SqsTest(ServiceTestCase):
    service = "sqs"

    def setUp(self) -> None:
        super().setUp()
        self.uses = {"ReadWrite": self.send_and_receive, "Send": self.send, "Receive": self.receive}
        # What a message of a FIFO queue needs. The same one is refused as a duplicate, so that there is one a use.
        self.messages = 0
        self.is_fifo = False

    def test_standard(self) -> None:
        self.live("standard", self.uses)

    def test_standard_with_every_parameter_changed(self) -> None:
        changed = {
            **CHANGED,
            "UseDeadLetterQueue": "false",
            "KmsKeyArn": kms_key(),
            "SourceTopicArn": "arn:aws:sns:us-east-1:000000000000:topic",
            "SourceRuleArn": "arn:aws:events:us-east-1:000000000000:rule/bus/rule",
        }
        self.live("standard", self.uses, changed)

    def test_fifo(self) -> None:
        self.is_fifo = True
        self.live("fifo", self.uses)

    def test_fifo_with_every_parameter_changed(self) -> None:
        self.is_fifo = True
        changed = {
            **CHANGED,
            "ContentBasedDeduplication": "true",
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
            "UseDeadLetterQueue": "true",
            "KmsKeyArn": kms_key(),
            "SourceTopicArn": "arn:aws:sns:us-east-1:000000000000:topic.fifo",
            "SourceRuleArn": "arn:aws:events:us-east-1:000000000000:rule/rule",
        }
        self.live("fifo", self.uses, changed)

    def test_custom_key_works_only_for_these_queues(self) -> None:
        key = kms_key()
        instance, ids = self.provision("sqs", "standard", {"KmsKeyArn": key})
        binding, credentials = self.bind_with(instance, ids, "ReadWrite")
        queues = [credentials["QUEUE_ARN"], credentials["DEAD_LETTER_QUEUE_ARN"]]
        self.assertEqual(key_contexts(credentials), [{"aws:sqs:arn": queues}])

        sqs = client("sqs", credentials)
        neighbour = client("sqs").create_queue(QueueName=unique_name(), Attributes={"KmsMasterKeyId": key})["QueueUrl"]
        attributes = {"QueueUrl": neighbour, "AttributeNames": ["QueueArn"]}
        arn = client("sqs").get_queue_attributes(**attributes)["Attributes"]["QueueArn"]
        with self.allowed_besides(credentials, "sqs:*", arn):
            self.assertEqual(sqs.get_queue_attributes(**attributes)["Attributes"]["QueueArn"], arn)
            self.assert_denied(
                lambda: sqs.send_message(QueueUrl=neighbour, MessageBody="hello"),
                lambda: sqs.receive_message(QueueUrl=neighbour),
            )
        sqs.send_message(QueueUrl=credentials["QUEUE_URL"], MessageBody="hello")
        sqs.receive_message(QueueUrl=credentials["DEAD_LETTER_QUEUE_URL"], WaitTimeSeconds=0)
        own = {"aws:sqs:arn": credentials["QUEUE_ARN"]}
        self.assert_denied(
            lambda: client("kms", credentials).generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=own)
        )

        self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)
        client("sqs").delete_queue(QueueUrl=neighbour)

    def message(self) -> dict[str, str]:
        self.messages += 1
        fifo = {"MessageGroupId": f"a{self.messages}", "MessageDeduplicationId": f"b{self.messages}"}
        return {"MessageBody": "hello", **(fifo if self.is_fifo else {})}

    def send_and_receive(self, binding: Credentials) -> None:
        sqs, queue = client("sqs", binding), {"QueueUrl": binding["QUEUE_URL"]}
        sqs.send_message(**queue, **self.message())
        [received] = sqs.receive_message(**queue, WaitTimeSeconds=5)["Messages"]
        self.assertEqual(received["Body"], "hello")
        sqs.delete_message(**queue, ReceiptHandle=received["ReceiptHandle"])
        arn = sqs.get_queue_attributes(**queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.assertEqual(arn, binding["QUEUE_ARN"])
        self.assertEqual(arn.rpartition(":")[2], binding["QUEUE_NAME"])
        if "DEAD_LETTER_QUEUE_URL" in binding:
            sqs.receive_message(QueueUrl=binding["DEAD_LETTER_QUEUE_URL"], WaitTimeSeconds=0)
            if self.is_fifo:
                # A name that CloudFormation generates could be too long.
                self.assertTrue(
                    binding["DEAD_LETTER_QUEUE_ARN"].endswith("-dead.fifo"), binding["DEAD_LETTER_QUEUE_ARN"]
                )

        neighbour = client("sqs").create_queue(QueueName=unique_name())["QueueUrl"]
        self.assert_denied(
            lambda: sqs.delete_queue(**queue),
            lambda: sqs.set_queue_attributes(**queue, Attributes={"VisibilityTimeout": "1"}),
            lambda: sqs.purge_queue(**queue),
            lambda: sqs.send_message(QueueUrl=neighbour, MessageBody="hello"),
            lambda: sqs.create_queue(QueueName=unique_name()),
            lambda: client("sqs", binding, tls=False).send_message(**queue, **self.message()),
            lambda: client("iam", binding).create_user(UserName="mallory"),
        )

    def send(self, binding: Credentials) -> None:
        sqs, queue = client("sqs", binding), {"QueueUrl": binding["QUEUE_URL"]}
        sqs.send_message(**queue, **self.message())
        [received] = client("sqs").receive_message(**queue, WaitTimeSeconds=5)["Messages"]
        client("sqs").delete_message(**queue, ReceiptHandle=received["ReceiptHandle"])
        self.assert_denied(
            lambda: sqs.receive_message(**queue),
            lambda: sqs.delete_message(**queue, ReceiptHandle=received["ReceiptHandle"]),
            lambda: sqs.delete_queue(**queue),
        )

    def receive(self, binding: Credentials) -> None:
        sqs, queue = client("sqs", binding), {"QueueUrl": binding["QUEUE_URL"]}
        client("sqs").send_message(**queue, **self.message())
        [received] = sqs.receive_message(**queue, WaitTimeSeconds=5)["Messages"]
        sqs.change_message_visibility(**queue, ReceiptHandle=received["ReceiptHandle"], VisibilityTimeout=30)
        sqs.delete_message(**queue, ReceiptHandle=received["ReceiptHandle"])
        self.assert_denied(
            lambda: sqs.send_message(**queue, **self.message()),
            lambda: sqs.purge_queue(**queue),
            lambda: sqs.delete_queue(**queue),
        )
