"""What applications do with Amazon Athena, and what they cannot."""

from __future__ import annotations

from typing import Any

from service import Credentials, ServiceTestCase
from support import BROKER, client, kms_key, stacks_of, unique_name

TABLE = {
    "Name": "greetings",
    "TableType": "EXTERNAL_TABLE",
    "PartitionKeys": [{"Name": "day", "Type": "string"}],
    "StorageDescriptor": {"Columns": [{"Name": "greeting", "Type": "string"}], "Location": "s3://data/greetings/"},
}
PARTITION = {"Values": ["monday"], "StorageDescriptor": {"Location": "s3://data/greetings/monday/"}}
# What a request does not say the workgroup of, so that the emulator does not know what to ask about.
OF_A_QUERY = [
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetQueryResultsStream",
    "athena:GetQueryRuntimeStatistics",
    "athena:StopQueryExecution",
]
OF_A_SAVED_QUERY = ["athena:UpdateNamedQuery", "athena:DeleteNamedQuery"]


class AthenaTest(ServiceTestCase):
    service = "athena"

    def setUp(self) -> None:
        super().setUp()
        self.bucket = unique_name()
        client("s3").create_bucket(Bucket=self.bucket)
        client("s3").put_object(Bucket=self.bucket, Key="data/greetings/monday/1.csv", Body=b"hello\n")
        self.uses = {"Query": self.query, "QueryAndDefine": self.query_and_define}

    def test_default(self) -> None:
        self.live("default", self.uses)

    def test_default_with_every_parameter_changed(self) -> None:
        parameters = {
            "DataBucketName": self.bucket,
            "DataPrefix": "data/",
            "DataKmsKeyArn": kms_key(),
            "BytesScannedCutoffPerQuery": 10_000_000,
            "EngineVersion": "Athena engine version 3",
            "DeletionPolicy": "Retain",
            "KmsKeyArn": kms_key(),
        }
        self.live("default", self.uses, parameters)
        # The data is none of the instance's.
        self.assertEqual(client("s3").list_objects_v2(Bucket=self.bucket)["KeyCount"], 1)

    def test_retained_definitions_stay_in_the_account(self) -> None:
        instance, ids = self.provision("athena", "default", {"DeletionPolicy": "Retain"})
        binding, credentials = self.bind_with(instance, ids, "QueryAndDefine")
        database = {"DatabaseName": credentials["DATABASE_NAME"]}
        client("glue", credentials).create_table(**database, TableInput=TABLE)
        BROKER.unbind(instance, binding, ids).expect(200)
        self.deprovision(instance, ids)
        self.assertEqual(stacks_of(instance), [])
        self.assertEqual([each["Name"] for each in client("glue").get_tables(**database)["TableList"]], ["greetings"])

    def query(self, binding: Credentials) -> None:
        self.run_query(binding)
        athena, glue = client("athena", binding), client("glue", binding)
        group, database = {"WorkGroup": binding["WORK_GROUP"]}, {"DatabaseName": binding["DATABASE_NAME"]}
        self.assertEqual(glue.get_tables(**database)["TableList"], [])
        self.assertEqual(athena.list_prepared_statements(**group)["PreparedStatements"], [])

        self.assert_denied(
            lambda: glue.create_table(**database, TableInput=TABLE),
            lambda: athena.create_prepared_statement(**group, StatementName="one", QueryStatement="SELECT 1"),
            lambda: athena.create_named_query(**group, Name="one", QueryString="SELECT 1", Database="default"),
        )
        for action in OF_A_SAVED_QUERY:
            self.assert_simulated_denied(action, binding["WORK_GROUP_ARN"])
        self.assert_others_denied(binding)

    def query_and_define(self, binding: Credentials) -> None:
        self.run_query(binding)
        athena, glue = client("athena", binding), client("glue", binding)
        group, database = {"WorkGroup": binding["WORK_GROUP"]}, {"DatabaseName": binding["DATABASE_NAME"]}
        table = {**database, "TableName": "greetings"}

        glue.create_table(**database, TableInput=TABLE)
        glue.update_table(**database, TableInput={**TABLE, "Description": "Every day"})
        self.assertEqual(glue.get_table(**database, Name="greetings")["Table"]["Description"], "Every day")
        glue.batch_create_partition(**table, PartitionInputList=[PARTITION])
        self.assertEqual([each["Values"] for each in glue.get_partitions(**table)["Partitions"]], [["monday"]])
        glue.delete_partition(**table, PartitionValues=["monday"])
        glue.delete_table(**database, Name="greetings")
        self.assertEqual(glue.get_tables(**database)["TableList"], [])

        statement = {**group, "StatementName": "one"}
        athena.create_prepared_statement(**statement, QueryStatement="SELECT 1")
        self.assertEqual(athena.get_prepared_statement(**statement)["PreparedStatement"]["QueryStatement"], "SELECT 1")
        athena.delete_prepared_statement(**statement)
        # It stays, and does not keep the instance from being deleted.
        named = athena.create_named_query(**group, Name="one", QueryString="SELECT 1", Database="default")
        self.assertIn(named["NamedQueryId"], athena.list_named_queries(**group)["NamedQueryIds"])
        for action in OF_A_SAVED_QUERY:
            self.assert_simulated(action, binding["WORK_GROUP_ARN"])
        self.assert_others_denied(binding)

    def run_query(self, binding: Credentials) -> None:
        athena, group = client("athena", binding), {"WorkGroup": binding["WORK_GROUP"]}
        configuration = athena.get_work_group(**group)["WorkGroup"]["Configuration"]
        self.assertTrue(configuration["EnforceWorkGroupConfiguration"])
        self.assertTrue(configuration["ManagedQueryResultsConfiguration"]["Enabled"])

        # The emulator does not keep results itself and wants to know where to; on AWS the workgroup overrides that.
        place = {"OutputLocation": f"s3://{self.bucket}-results/"}
        client("s3").create_bucket(Bucket=f"{self.bucket}-results")
        query = {
            "QueryExecutionId": athena.start_query_execution(
                **group, QueryString="SELECT 'hello' AS greeting", ResultConfiguration=place
            )["QueryExecutionId"]
        }
        self.assertIn(query["QueryExecutionId"], athena.list_query_executions(**group)["QueryExecutionIds"])
        for action in OF_A_QUERY:
            self.assert_simulated(action, binding["WORK_GROUP_ARN"])
        self.assertEqual(rows(query), [["hello"]])

        glue = f"arn:aws:glue:{binding['AWS_REGION']}:{binding['WORK_GROUP_ARN'].split(':')[4]}"
        database = binding["DATABASE_NAME"]
        self.assert_simulated("glue:GetDatabase", f"{glue}:catalog")
        self.assert_simulated("glue:GetDatabase", f"{glue}:database/{database}")
        self.assert_simulated("glue:GetTable", f"{glue}:table/{database}/greetings")
        self.assert_simulated_denied("glue:GetTable", f"{glue}:table/{unique_name()}/greetings")
        self.assert_simulated_denied("glue:DeleteDatabase", f"{glue}:database/{database}")
        # Everybody's, of which Athena asks whether it is there.
        self.assert_simulated("glue:GetDatabase", f"{glue}:database/default")
        for action in ("glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable"):
            self.assert_simulated_denied(action, f"{glue}:database/default")
        # Through Athena, that is: see below.
        if "DATA_LOCATION" in binding:
            self.assertEqual(binding["DATA_LOCATION"], f"s3://{self.bucket}/data/")
            # Only of the instance's own space, whatever the tags of the identity say.
            [reading] = [each for each in self.policy["Statement"] if "s3:GetObject" in each["Action"]]
            tag = "s3:BucketTag/servicebroker:space-guid"
            self.assertEqual(reading["Condition"]["StringEquals"][tag], "local")
            # So is the key, whose owner agrees with its tag.
            [decrypting] = [each for each in self.policy["Statement"] if each["Action"] == "kms:Decrypt"]
            condition = decrypting["Condition"]
            self.assertEqual(condition["StringEquals"], {"aws:ResourceTag/servicebroker:space-guid": "local"})
            self.assertEqual(
                condition["StringLike"]["kms:EncryptionContext:aws:s3:arn"], f"arn:aws:s3:::{self.bucket}*"
            )
            self.assert_simulated("s3:GetObject", f"arn:aws:s3:::{self.bucket}/data/greetings/monday/1.csv")
            self.assert_simulated("s3:ListBucket", f"arn:aws:s3:::{self.bucket}")
            self.assert_simulated_denied("s3:GetObject", f"arn:aws:s3:::{self.bucket}/other/1.csv")
            self.assert_simulated_denied("s3:PutObject", f"arn:aws:s3:::{self.bucket}/data/1.csv")
            self.assert_simulated_denied("s3:GetObject", f"arn:aws:s3:::{unique_name()}/data/1.csv")

    def assert_others_denied(self, binding: Credentials) -> None:
        athena, glue, s3 = client("athena", binding), client("glue", binding), client("s3", binding)
        group = {"WorkGroup": binding["WORK_GROUP"]}
        neighbour, foreign = {"WorkGroup": unique_name()}, {"DatabaseName": unique_name().replace("-", "_")}
        client("athena").create_work_group(Name=neighbour["WorkGroup"])
        client("glue").create_database(DatabaseInput={"Name": foreign["DatabaseName"]})
        self.assert_denied(
            lambda: athena.start_query_execution(**neighbour, QueryString="SELECT 1"),
            lambda: athena.get_work_group(**neighbour),
            lambda: athena.update_work_group(**group, State="DISABLED"),
            lambda: athena.delete_work_group(**group, RecursiveDeleteOption=True),
            lambda: athena.list_work_groups(),
            lambda: glue.get_tables(**foreign),
            lambda: glue.create_table(**foreign, TableInput=TABLE),
            lambda: glue.create_database(DatabaseInput={"Name": "mallory"}),
            # Everybody's, also under a name that begins like the own database.
            lambda: glue.create_table(DatabaseName="default", TableInput={**TABLE, "Name": binding["DATABASE_NAME"]}),
            lambda: glue.delete_table(DatabaseName="default", Name=binding["DATABASE_NAME"]),
            # The data is for Athena alone to read, in the name of the application.
            lambda: s3.get_object(Bucket=self.bucket, Key="data/greetings/monday/1.csv"),
            lambda: s3.list_objects_v2(Bucket=self.bucket, Prefix="data/"),
            lambda: s3.put_object(Bucket=self.bucket, Key="data/mallory", Body=b"hello"),
        )


def rows(query: dict[str, str]) -> list[list[Any]]:
    """What a query found, without the names of the columns, as soon as it is done."""
    athena = client("athena")
    for _ in range(1000):
        if athena.get_query_execution(**query)["QueryExecution"]["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
    found = athena.get_query_results(**query)["ResultSet"]["Rows"][1:]
    return [[value.get("VarCharValue") for value in row["Data"]] for row in found]
