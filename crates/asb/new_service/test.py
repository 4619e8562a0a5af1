"""What applications do with new-service, and what they cannot."""

from __future__ import annotations

from service import Credentials, ServiceTestCase
from support import client


class NewServiceTest(ServiceTestCase):
    service = "new-service"

    def test_default(self) -> None:
        self.live("default", {"ReadWrite": self.read_and_write})

    def test_default_with_every_parameter_changed(self) -> None:
        self.live("default", {"ReadWrite": self.read_and_write}, {"MessageRetentionPeriod": 600})

    def read_and_write(self, binding: Credentials) -> None:
        sqs, queue = client("sqs", binding), {"QueueUrl": binding["QUEUE_URL"]}
        sqs.send_message(**queue, MessageBody="hello")
        [received] = sqs.receive_message(**queue)["Messages"]
        self.assertEqual(received["Body"], "hello")
        sqs.delete_message(**queue, ReceiptHandle=received["ReceiptHandle"])
        self.assert_denied(
            lambda: sqs.delete_queue(**queue),
            lambda: sqs.purge_queue(**queue),
            lambda: sqs.set_queue_attributes(**queue, Attributes={"VisibilityTimeout": "1"}),
        )
