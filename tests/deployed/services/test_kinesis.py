"""What applications do with Amazon Kinesis Data Streams, and what they cannot."""

from __future__ import annotations

from typing import Any

from service import Credentials, ServiceTestCase
from support import BROKER, client, kms_key, stacks_of, unique_name


class KinesisTest(ServiceTestCase):
    service = "kinesis"

    def setUp(self) -> None:
        super().setUp()
        self.uses = {"ReadWrite": self.produce_and_consume, "Produce": self.produce, "Consume": self.consume}

    def test_default(self) -> None:
        self.live("default", self.uses)

    def test_default_with_every_parameter_changed(self) -> None:
        self.live("default", self.uses, {"ShardCount": 2, **changed()})

    def test_ondemand(self) -> None:
        self.live("ondemand", self.uses)

    def test_ondemand_with_every_parameter_changed(self) -> None:
        self.live("ondemand", self.uses, changed())

    def test_retained_stream_stays_in_the_account(self) -> None:
        instance, ids = self.provision("kinesis", "default", {"DeletionPolicy": "Retain"})
        binding, credentials = self.bind(instance, ids)
        put(client("kinesis", credentials), credentials, "hello")
        BROKER.unbind(instance, binding, ids).expect(200)
        self.deprovision(instance, ids)
        self.assertEqual(stacks_of(instance), [])
        self.assertIn(b"hello", read(client("kinesis"), credentials))

    def test_records_stay_when_the_plan_is_changed(self) -> None:
        instance, ids = self.provision("kinesis", "default")
        binding, credentials = self.bind(instance, ids)
        put(client("kinesis", credentials), credentials, "hello")
        for plan, parameters, mode in [("ondemand", {}, "ON_DEMAND"), ("default", {"ShardCount": 2}, "PROVISIONED")]:
            changed_to = BROKER.plan("kinesis", plan)
            changes = {"plan_id": changed_to.plan_id, "parameters": parameters}
            accepted = BROKER.update(instance, ids, changes).expect(202)
            BROKER.wait(instance, changed_to, accepted.get("operation"))
            summary = client("kinesis").describe_stream_summary(StreamARN=credentials["STREAM_ARN"])
            self.assertEqual(summary["StreamDescriptionSummary"]["StreamModeDetails"], {"StreamMode": mode})
            self.assertIn(b"hello", read(client("kinesis", credentials), credentials))
        BROKER.unbind(instance, binding, ids).expect(200)
        self.deprovision(instance, ids)

    def produce_and_consume(self, binding: Credentials) -> None:
        put(client("kinesis", binding), binding, "hello")
        self.assertIn(b"hello", read(client("kinesis", binding), binding))
        self.fan_out(binding)
        self.assert_others_denied(binding)

    def produce(self, binding: Credentials) -> None:
        kinesis, stream = client("kinesis", binding), {"StreamName": binding["STREAM_NAME"]}
        self.assertEqual(put(kinesis, binding, "hello"), 0)
        record = kinesis.put_record(**stream, Data=b"world", PartitionKey="a")
        [shard, *_] = kinesis.list_shards(**stream)["Shards"]
        self.assertTrue(record["ShardId"])
        summary = kinesis.describe_stream_summary(**stream)["StreamDescriptionSummary"]
        self.assertEqual(summary["StreamARN"], binding["STREAM_ARN"])

        first = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        self.assert_denied(
            lambda: kinesis.get_shard_iterator(**stream, **first),
            lambda: kinesis.register_stream_consumer(StreamARN=binding["STREAM_ARN"], ConsumerName="mallory"),
        )
        self.assert_others_denied(binding)

    def consume(self, binding: Credentials) -> None:
        kinesis = client("kinesis", binding)
        put(client("kinesis"), binding, "hello")
        self.assertIn(b"hello", read(kinesis, binding))
        self.fan_out(binding)

        record = {"Data": b"hello", "PartitionKey": "a"}
        self.assert_denied(
            lambda: kinesis.put_record(StreamName=binding["STREAM_NAME"], **record),
            lambda: kinesis.put_records(StreamName=binding["STREAM_NAME"], Records=[record]),
        )
        self.assert_others_denied(binding)

    def fan_out(self, binding: Credentials) -> None:
        """Consumers of the application's own. They have to go before the stream can."""
        kinesis, stream = client("kinesis", binding), {"StreamARN": binding["STREAM_ARN"]}
        made = kinesis.register_stream_consumer(**stream, ConsumerName="reader")["Consumer"]
        described = kinesis.describe_stream_consumer(**stream, ConsumerName="reader")["ConsumerDescription"]
        self.assertEqual(described["ConsumerARN"], made["ConsumerARN"])
        # The request names the consumer alone, whose ARN the emulator does not look for.
        self.assert_simulated("kinesis:SubscribeToShard", made["ConsumerARN"])
        kinesis.deregister_stream_consumer(**stream, ConsumerName="reader")
        self.assertEqual(kinesis.list_stream_consumers(**stream)["Consumers"], [])

    def assert_others_denied(self, binding: Credentials) -> None:
        kinesis, stream = client("kinesis", binding), {"StreamName": binding["STREAM_NAME"]}
        neighbour = {"StreamName": unique_name()}
        client("kinesis").create_stream(**neighbour, ShardCount=1)
        self.assert_denied(
            lambda: kinesis.put_record(**neighbour, Data=b"hello", PartitionKey="a"),
            lambda: kinesis.list_shards(**neighbour),
            lambda: kinesis.delete_stream(**stream),
            lambda: kinesis.update_shard_count(**stream, TargetShardCount=2, ScalingType="UNIFORM_SCALING"),
            lambda: kinesis.increase_stream_retention_period(**stream, RetentionPeriodHours=72),
            lambda: kinesis.stop_stream_encryption(**stream, EncryptionType="KMS", KeyId="alias/aws/kinesis"),
            lambda: kinesis.create_stream(StreamName=unique_name(), ShardCount=1),
            lambda: kinesis.list_streams(),
        )
        client("kinesis").delete_stream(**neighbour)


def changed() -> dict[str, Any]:
    """Values other than the defaults, of what both plans leave to the user."""
    return {
        "RetentionPeriodHours": 48,
        "MaxRecordSizeInKiB": 2048,
        "ShardLevelMetrics": "true",
        "DeletionPolicy": "Retain",
        "KmsKeyArn": kms_key(),
    }


def put(kinesis: Any, binding: Credentials, text: str) -> int:
    """Puts records, and says how many were refused."""
    records = [{"Data": text.encode(), "PartitionKey": key} for key in "abc"]
    return int(kinesis.put_records(StreamName=binding["STREAM_NAME"], Records=records)["FailedRecordCount"])


def read(kinesis: Any, binding: Credentials) -> list[bytes]:
    """All that is in the stream."""
    stream, found = {"StreamARN": binding["STREAM_ARN"]}, []
    for shard in kinesis.list_shards(**stream)["Shards"]:
        first = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(**stream, **first)["ShardIterator"]
        found += [record["Data"] for record in kinesis.get_records(**stream, ShardIterator=iterator)["Records"]]
    return found
