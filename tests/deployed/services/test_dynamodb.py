"""What applications do with Amazon DynamoDB, and what they cannot."""

from __future__ import annotations

import os
from typing import Any

from service import Credentials, ServiceTestCase, key_contexts
from support import BROKER, client, kms_key, unique_name


class DynamoDbTest(ServiceTestCase):
    service = "dynamodb"

    def test_hashrange(self) -> None:
        self.live("hashrange", self.uses({"pk": {"S": "a"}, "sk": {"S": "b"}}))

    def test_hashrange_with_every_parameter_changed(self) -> None:
        changed = {
            **self.changed,
            "RangeAttributeName": "second",
            "BillingMode": "PAY_PER_REQUEST",
            "ReadCapacityUnits": 2,
            "WriteCapacityUnits": 3,
        }
        self.live("hashrange", self.uses({"first": {"N": "1"}, "second": {"N": "2"}}), changed)

    def test_ondemand(self) -> None:
        self.live("ondemand", self.uses({"pk": {"S": "a"}, "sk": {"S": "b"}}))

    def test_ondemand_with_every_parameter_changed(self) -> None:
        changed = {**self.changed, "RangeAttributeName": "second"}
        self.live("ondemand", self.uses({"first": {"N": "1"}, "second": {"N": "2"}}), changed)

    def test_a_table_changes_its_plan_and_keeps_its_items(self) -> None:
        instance, ids = self.provision("dynamodb", "hashrange")
        binding, credentials = self.bind(instance, ids)
        dynamodb, table = client("dynamodb", credentials), {"TableName": credentials["TABLE_NAME"]}
        item = {"pk": {"S": "a"}, "sk": {"S": "b"}, "greeting": {"S": "hello"}}
        dynamodb.put_item(**table, Item=item)

        ondemand = BROKER.plan("dynamodb", "ondemand")
        accepted = BROKER.update(instance, ids, {"plan_id": ondemand.plan_id}).expect(202)
        BROKER.wait(instance, ids, accepted.get("operation"))
        self.assertEqual(dynamodb.scan(**table)["Items"], [item])
        billing = dynamodb.describe_table(**table)["Table"]["BillingModeSummary"]["BillingMode"]
        self.assertEqual(billing, "PAY_PER_REQUEST")
        BROKER.unbind(instance, binding, ondemand).expect(200)
        self.deprovision(instance, ondemand)

    def test_custom_key_works_only_for_this_table(self) -> None:
        key = kms_key()
        instance, ids = self.provision("dynamodb", "ondemand", {"KmsKeyArn": key})
        binding, credentials = self.bind_with(instance, ids, "ReadWrite")
        self.assertEqual(key_contexts(credentials), [{"aws:dynamodb:tableName": credentials["TABLE_NAME"]}])

        dynamodb, neighbour = client("dynamodb", credentials), {"TableName": unique_name()}
        made = client("dynamodb").create_table(
            **neighbour,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        )["TableDescription"]
        with self.allowed_besides(credentials, "dynamodb:*", made["TableArn"]):
            self.assertEqual(dynamodb.describe_table(**neighbour)["Table"]["TableArn"], made["TableArn"])
            self.assert_denied(
                lambda: dynamodb.scan(**neighbour),
                lambda: dynamodb.put_item(**neighbour, Item={"pk": {"S": "a"}}),
            )
        self.assertEqual(dynamodb.scan(TableName=credentials["TABLE_NAME"])["Items"], [])
        own = {"aws:dynamodb:tableName": credentials["TABLE_NAME"]}
        self.assert_denied(
            lambda: client("kms", credentials).generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=own)
        )

        self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)
        client("dynamodb").delete_table(**neighbour)

    @property
    def changed(self) -> dict[str, object]:
        return {
            "HashAttributeName": "first",
            "HashAttributeType": "N",
            "RangeAttributeType": "N",
            "IndexHashAttributeName": "other",
            "IndexHashAttributeType": "N",
            "IndexRangeAttributeName": "another",
            "IndexRangeAttributeType": "N",
            "TableClass": "STANDARD_INFREQUENT_ACCESS",
            "TimeToLiveAttributeName": "expires",
            "TimeToLive": "false",
            "PointInTimeRecovery": "false",
            "DeletionProtection": "true",
            "DeletionPolicy": "Retain",
            "KmsKeyArn": kms_key(),
        }

    def uses(self, key: dict[str, Any]) -> dict[str | None, Any]:
        item = {**key, "greeting": {"S": "hello"}}

        def read_and_write(binding: Credentials) -> None:
            dynamodb, table = client("dynamodb", binding), {"TableName": binding["TABLE_NAME"]}
            described = dynamodb.describe_table(**table)["Table"]
            self.assertEqual(described["TableArn"], binding["TABLE_ARN"])
            dynamodb.put_item(**table, Item=item)
            self.assertEqual(dynamodb.get_item(**table, Key=key)["Item"], item)
            self.assertEqual(dynamodb.scan(**table)["Items"], [item])
            for index in described.get("GlobalSecondaryIndexes", []):
                self.assertEqual(index["IndexName"], binding["INDEX_NAME"])
                self.assertEqual(dynamodb.scan(**table, IndexName=index["IndexName"])["Items"], [])
            dynamodb.delete_item(**table, Key=key)
            self.assert_denied(
                lambda: dynamodb.delete_table(**table),
                lambda: dynamodb.update_table(**table, BillingMode="PAY_PER_REQUEST"),
                lambda: dynamodb.list_tables(),
                # The broker's own state is a table as well.
                lambda: dynamodb.scan(TableName=os.environ["TABLE_NAME"]),
            )

        def read(binding: Credentials) -> None:
            dynamodb, table = client("dynamodb", binding), {"TableName": binding["TABLE_NAME"]}
            client("dynamodb").put_item(**table, Item=item)
            self.assertEqual(dynamodb.get_item(**table, Key=key)["Item"], item)
            self.assert_denied(
                lambda: dynamodb.put_item(**table, Item=item),
                lambda: dynamodb.delete_item(**table, Key=key),
                lambda: dynamodb.scan(TableName=os.environ["TABLE_NAME"]),
            )
            client("dynamodb").delete_item(**table, Key=key)

        return {"ReadWrite": read_and_write, "ReadOnly": read}
