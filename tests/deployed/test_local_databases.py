"""The databases of the local AWS are as strict as those of RDS, and have servers that can be connected to."""

from __future__ import annotations

import json
import re
import socket
import unittest
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import botocore.exceptions
import psycopg
import pymysql

import database_clients
from support import BrokerTestCase, client

INSTANCE, CLUSTER = "AWS::RDS::DBInstance", "AWS::RDS::DBCluster"
POSTGRESQL = {
    "Engine": "postgres",
    "EngineVersion": "17.4",
    "DBInstanceClass": "db.t4g.micro",
    "AllocatedStorage": "20",
    "StorageType": "gp3",
    "DBName": "app",
    "MasterUsername": "boss",
    "ManageMasterUserPassword": True,
}
MARIADB = {**POSTGRESQL, "Engine": "mariadb", "EngineVersion": "10.11.9"}
AURORA = {name: value for name, value in POSTGRESQL.items() if not name.startswith(("DB", "Allocated", "Storage"))}
AURORA |= {"Engine": "aurora-postgresql", "DatabaseName": "app"}
MEMBER = {"Engine": "aurora-postgresql", "DBInstanceClass": "db.t4g.medium", "DBClusterIdentifier": {"Ref": "Database"}}

# Databases are there within a second; botocore would look every half minute.
SOON = {"Delay": 0.2, "MaxAttempts": 300}

Resources = dict[str, dict[str, Any]]


def resource(kind: str, properties: dict[str, Any], policy: str = "Delete") -> dict[str, Any]:
    return {"Type": kind, "Properties": properties, "DeletionPolicy": policy, "UpdateReplacePolicy": policy}


def instance(properties: dict[str, Any], **changed: Any) -> Resources:
    """A template's resources: one instance, with the changed properties, without those that are None."""
    merged = {name: value for name, value in {**properties, **changed}.items() if value is not None}
    return {"Database": resource(INSTANCE, merged)}


class DatabasesTest(BrokerTestCase):
    """Stacks of the operator's with databases."""

    def setUp(self) -> None:
        super().setUp()
        self.cloudformation = client("cloudformation")

    def create(self, resources: Resources, *outputs: str) -> tuple[str, dict[str, str]]:
        """A stack and its outputs, which are attributes of the resource `Database`."""
        name = f"databases-{uuid.uuid4()}"
        self.cloudformation.create_stack(StackName=name, TemplateBody=self.template(resources, outputs))
        self.addCleanup(self.delete, name)
        self.wait(name, "create_complete")
        return name, self.outputs(name)

    def update(self, name: str, resources: Resources, *outputs: str) -> dict[str, str]:
        self.cloudformation.update_stack(StackName=name, TemplateBody=self.template(resources, outputs))
        self.wait(name, "update_complete")
        return self.outputs(name)

    def delete(self, name: str) -> None:
        self.cloudformation.delete_stack(StackName=name)
        self.wait(name, "delete_complete")

    def wait(self, name: str, state: str) -> None:
        with suppress(botocore.exceptions.WaiterError):
            self.cloudformation.get_waiter(f"stack_{state}").wait(StackName=name, WaiterConfig=SOON)

    def template(self, resources: Resources, outputs: tuple[str, ...]) -> str:
        values = {re.sub(r"\W", "", name): {"Value": {"Fn::GetAtt": ["Database", name]}} for name in outputs}
        return json.dumps({"Resources": resources, "Outputs": {"Id": {"Value": {"Ref": "Database"}}, **values}})

    def outputs(self, name: str) -> dict[str, str]:
        described = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def failure(self, name: str) -> str:
        """The reason why a resource of a stack failed first."""
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [
            event["ResourceStatusReason"] for event in reversed(events) if event["ResourceStatus"].endswith("_FAILED")
        ]
        return reasons[0] if reasons else ""

    def database(self, properties: dict[str, Any], **changed: Any) -> tuple[str, dict[str, str]]:
        return self.create(instance(properties, **changed), *ATTRIBUTES)

    def master(self, outputs: dict[str, str]) -> tuple[int, str, str]:
        """The port, name and password of a master user."""
        text = client("secretsmanager").get_secret_value(SecretId=outputs["MasterUserSecretSecretArn"])["SecretString"]
        secret = json.loads(text)
        return int(outputs["EndpointPort"]), secret["username"], secret["password"]

    def postgresql(self, outputs: dict[str, str], database: str = "app", tls: bool = True) -> Any:
        connection = database_clients.postgresql(*self.master(outputs), database, tls)
        self.addCleanup(connection.close)
        return connection

    def mariadb(self, outputs: dict[str, str], database: str = "app", tls: bool = True) -> Any:
        connection = database_clients.mariadb(*self.master(outputs), database, tls)
        self.addCleanup(lambda: connection.open and connection.close())
        return connection

    def assert_refused(self, resources: Resources, words: str) -> None:
        name, _ = self.create(resources)
        self.assertIn(words, self.failure(name))

    def assert_update_refused(self, name: str, resources: Resources, words: str) -> None:
        self.update(name, resources)
        self.assertIn(words, self.failure(name))


ATTRIBUTES = ("Endpoint.Address", "Endpoint.Port", "MasterUserSecret.SecretArn", "DbiResourceId")
CLUSTER_ATTRIBUTES = ("Endpoint.Address", "Endpoint.Port", "ReadEndpoint.Address", "MasterUserSecret.SecretArn")


def rows(connection: Any, statement: str, *values: Any) -> list[Any]:
    """The rows of a statement, of either driver."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall()) if cursor.description else []


def listens(outputs: dict[str, str]) -> bool:
    """Tells whether the server of a database runs."""
    address = outputs["EndpointAddress"], int(outputs["EndpointPort"])
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


class PostgreSqlTest(DatabasesTest):
    def test_master_is_no_superuser(self) -> None:
        _, outputs = self.database(POSTGRESQL)
        connection = self.postgresql(outputs)
        columns = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
        [attributes] = rows(connection, f"SELECT {columns} FROM pg_roles WHERE rolname = current_user")
        self.assertEqual(attributes, (False, True, True, False, False))
        [[superuser]] = rows(connection, "SELECT pg_has_role('rds_superuser', 'member')")
        self.assertTrue(superuser)
        with self.assertRaises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY (SELECT 1) TO PROGRAM 'id'")

    def test_database_belongs_to_master(self) -> None:
        _, outputs = self.database(POSTGRESQL)
        owners = rows(
            self.postgresql(outputs),
            "SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE NOT datistemplate ORDER BY datname",
        )
        self.assertEqual(owners, [("app", "boss"), ("postgres", "boss"), ("rdsadmin", "rdsadmin")])
        with self.assertRaises(psycopg.OperationalError):
            self.postgresql(outputs, "rdsadmin")

    def test_master_creates_roles_that_log_in(self) -> None:
        for version in ("15.8", "17.4"):
            with self.subTest(version):
                _, outputs = self.database(POSTGRESQL, EngineVersion=version)
                master = self.postgresql(outputs)
                master.execute("CREATE ROLE tenant LOGIN PASSWORD 'p:#?'")
                port, *_ = self.master(outputs)
                database_clients.postgresql(port, "tenant", "p:#?", "app").close()

                master.execute("CREATE ROLE iam LOGIN PASSWORD 'p'")
                master.execute("GRANT rds_iam TO iam")
                with self.assertRaises(psycopg.OperationalError):
                    database_clients.postgresql(port, "iam", "p", "app")
                with self.assertRaises(psycopg.errors.InsufficientPrivilege):
                    master.execute("GRANT rdsadmin TO tenant")

    def test_old_versions_have_old_rules_of_createrole(self) -> None:
        for version, old in (("14.12", True), ("15.8", True), ("16.3", False)):
            with self.subTest(version):
                _, outputs = self.database(POSTGRESQL, EngineVersion=version)
                connection = self.postgresql(outputs)
                self.assertEqual(connection.info.server_version < 160_000, old)

    def test_plaintext_is_refused_as_parameter_says(self) -> None:
        def group(value: str) -> Resources:
            properties = {"Family": "postgres17", "Description": "TLS", "Parameters": {"rds.force_ssl": value}}
            named = instance(POSTGRESQL, DBParameterGroupName={"Ref": "Group"})
            return {"Group": resource("AWS::RDS::DBParameterGroup", properties), **named}

        name, outputs = self.create(group("1"), *ATTRIBUTES)
        self.postgresql(outputs)
        with self.assertRaisesRegex(psycopg.OperationalError, "no encryption"):
            self.postgresql(outputs, tls=False)
        outputs = self.update(name, group("0"), *ATTRIBUTES)
        self.postgresql(outputs, tls=False)

    def test_plaintext_is_refused_by_default_since_version_15(self) -> None:
        for version, accepted in (("14.12", True), ("15.8", False)):
            with self.subTest(version):
                _, outputs = self.database(POSTGRESQL, EngineVersion=version)
                if accepted:
                    self.postgresql(outputs, tls=False)
                else:
                    self.assertRaises(psycopg.OperationalError, self.postgresql, outputs, tls=False)

    def test_64_connections_at_once(self) -> None:
        _, outputs = self.database(POSTGRESQL)
        connections = [self.postgresql(outputs) for _ in range(64)]
        self.assertEqual({connection.execute("SELECT 1").fetchone() for connection in connections}, {(1,)})


class MariaDbTest(DatabasesTest):
    def test_master_is_no_superuser(self) -> None:
        for engine, version in (("mariadb", "10.11.9"), ("mysql", "8.0.39")):
            with self.subTest(engine):
                _, outputs = self.database(MARIADB, Engine=engine, EngineVersion=version)
                connection = self.mariadb(outputs)
                grants = " ".join(grant for [grant] in rows(connection, "SHOW GRANTS"))
                self.assertIn("WITH GRANT OPTION", grants)
                for privilege in ("SUPER", "FILE", "ALL PRIVILEGES", "SHUTDOWN", "ADMIN"):
                    self.assertNotIn(privilege, grants.replace("CREATE USER", ""))
                with self.assertRaises(pymysql.OperationalError):
                    rows(connection, "SET GLOBAL max_connections = 7")

    def test_users_are_master_and_administrator(self) -> None:
        _, outputs = self.database(MARIADB)
        connection = self.mariadb(outputs)
        users = rows(connection, "SELECT User, Host FROM mysql.user ORDER BY User")
        self.assertEqual(users, [("boss", "%"), ("mariadb.sys", "localhost"), ("rdsadmin", "localhost")])
        names = {name for [name] in rows(connection, "SHOW DATABASES")}
        self.assertEqual(names - {"information_schema", "performance_schema"}, {"app", "mysql"})

    def test_rds_kill_ends_connections_of_others(self) -> None:
        _, outputs = self.database(MARIADB)
        master, (port, *_) = self.mariadb(outputs), self.master(outputs)
        rows(master, "CREATE USER tenant IDENTIFIED BY 'p:#?'")
        rows(master, "GRANT SELECT ON app.* TO tenant")
        tenant = database_clients.mariadb(port, "tenant", "p:#?", "app")
        with self.assertRaises(pymysql.OperationalError):
            rows(master, f"KILL {tenant.thread_id()}")
        rows(master, "CALL mysql.rds_kill(%s)", tenant.thread_id())
        with self.assertRaises(pymysql.OperationalError):
            rows(tenant, "SELECT 1")

    def test_plaintext_is_refused_as_parameter_says(self) -> None:
        def group(value: str) -> Resources:
            parameters = {"require_secure_transport": value}
            properties = {"Family": "mariadb10.11", "Description": "TLS", "Parameters": parameters}
            named = instance(MARIADB, DBParameterGroupName={"Ref": "Group"})
            return {"Group": resource("AWS::RDS::DBParameterGroup", properties), **named}

        name, outputs = self.create(group("1"), *ATTRIBUTES)
        self.mariadb(outputs)
        with self.assertRaises(pymysql.OperationalError):
            self.mariadb(outputs, tls=False)
        outputs = self.update(name, group("0"), *ATTRIBUTES)
        self.mariadb(outputs, tls=False)

    def test_64_connections_at_once(self) -> None:
        _, outputs = self.database(MARIADB)
        self.assertEqual({rows(self.mariadb(outputs), "SELECT 1")[0] for _ in range(64)}, {(1,)})


class SecretTest(DatabasesTest):
    def test_password_has_to_be_encoded_in_a_url(self) -> None:
        _, outputs = self.database(POSTGRESQL)
        _, username, password = self.master(outputs)
        self.assertEqual((username, len(password)), ("boss", 28))
        self.assertNotEqual(quote(password, safe=""), password)
        self.assertFalse(set(password) & set("/'\"@ "))

    def test_secret_is_marked_as_that_of_rds(self) -> None:
        _, outputs = self.database(POSTGRESQL)
        secret = client("secretsmanager").describe_secret(SecretId=outputs["MasterUserSecretSecretArn"])
        [found] = client("rds").describe_db_instances(DBInstanceIdentifier=outputs["Id"])["DBInstances"]
        self.assertRegex(secret["Name"], r"^rds!db-[0-9a-f-]{36}$")
        self.assertTrue(secret["RotationEnabled"])
        tags = {tag["Key"]: tag["Value"] for tag in secret["Tags"]}
        arn = found["DBInstanceArn"]
        expected = {"aws:secretsmanager:owningService": "rds", "aws:rds:primaryDBInstanceArn": arn}
        self.assertEqual(tags, expected)

    def test_rotation_changes_the_password(self) -> None:
        _, outputs = self.database(MARIADB)
        before = self.master(outputs)
        client("secretsmanager").rotate_secret(SecretId=outputs["MasterUserSecretSecretArn"])
        self.mariadb(outputs)
        with self.assertRaises(pymysql.OperationalError):
            database_clients.mariadb(*before)

    def test_password_can_be_of_the_template(self) -> None:
        name, outputs = self.create(
            instance(POSTGRESQL, ManageMasterUserPassword=None, MasterUserPassword="a'b#c%d-"), "Endpoint.Port"
        )
        port = int(outputs["EndpointPort"])
        database_clients.postgresql(port, "boss", "a'b#c%d-").close()
        self.update(name, instance(POSTGRESQL, ManageMasterUserPassword=None, MasterUserPassword="another"))
        database_clients.postgresql(port, "boss", "another").close()
        outputs = self.update(name, instance(POSTGRESQL), *ATTRIBUTES)
        self.postgresql(outputs)

    def test_deletion_leaves_neither_secret_nor_server(self) -> None:
        for properties in (POSTGRESQL, MARIADB):
            with self.subTest(properties["Engine"]):
                name, outputs = self.database(properties)
                self.assertTrue(listens(outputs))
                self.delete(name)
                self.assertFalse(listens(outputs))
                with self.assertRaises(botocore.exceptions.ClientError):
                    self.master(outputs)


class ClusterTest(DatabasesTest):
    def cluster(self, members: int = 1, **changed: Any) -> Resources:
        names = [f"Member{number}" for number in range(members)]
        return {
            "Database": resource(CLUSTER, {**AURORA, **changed}),
            **{name: resource(INSTANCE, MEMBER) for name in names},
        }

    def test_all_endpoints_lead_to_one_server(self) -> None:
        name, outputs = self.create(self.cluster(members=2), *CLUSTER_ATTRIBUTES)
        self.assertEqual(outputs["EndpointAddress"], outputs["ReadEndpointAddress"])
        self.postgresql(outputs).execute("CREATE TABLE entries (id int)")
        endpoints = client("rds").describe_db_instances()["DBInstances"]
        ports = {each["Endpoint"]["Port"] for each in endpoints if each.get("DBClusterIdentifier") == outputs["Id"]}
        self.assertEqual(ports, {int(outputs["EndpointPort"])})
        self.update(name, self.cluster(), *CLUSTER_ATTRIBUTES)
        self.assertEqual(rows(self.postgresql(outputs), "SELECT * FROM entries"), [])
        self.delete(name)
        self.assertFalse(listens(outputs))

    def test_secret_is_one_of_a_cluster(self) -> None:
        _, outputs = self.create(self.cluster(), *CLUSTER_ATTRIBUTES)
        secret = client("secretsmanager").describe_secret(SecretId=outputs["MasterUserSecretSecretArn"])
        self.assertRegex(secret["Name"], r"^rds!cluster-[0-9a-f-]{36}$")
        self.assertIn("aws:rds:primaryDBClusterArn", {tag["Key"] for tag in secret["Tags"]})

    def test_aurora_mysql_has_a_server(self) -> None:
        changed = {"Engine": "aurora-mysql", "EngineVersion": "8.0.mysql_aurora.3.08.0"}
        _, outputs = self.create({"Database": resource(CLUSTER, {**AURORA, **changed})}, *CLUSTER_ATTRIBUTES)
        self.mariadb(outputs)

    def test_a_snapshot_of_a_cluster_is_restored(self) -> None:
        name, outputs = self.create(self.cluster(), *CLUSTER_ATTRIBUTES)
        self.postgresql(outputs).execute("CREATE TABLE entries AS SELECT 1 AS id")
        snapshot = f"snapshot-{uuid.uuid4()}"
        client("rds").create_db_cluster_snapshot(
            DBClusterSnapshotIdentifier=snapshot, DBClusterIdentifier=outputs["Id"]
        )
        self.delete(name)
        changed = {"SnapshotIdentifier": snapshot, "MasterUsername": None, "DatabaseName": None}
        properties = {name: value for name, value in {**AURORA, **changed}.items() if value is not None}
        _, restored = self.create({"Database": resource(CLUSTER, properties)}, *CLUSTER_ATTRIBUTES)
        self.assertEqual(rows(self.postgresql(restored), "SELECT id FROM entries"), [(1,)])


class CopiesTest(DatabasesTest):
    def assert_copied(self, connect: Callable[..., Any], properties: dict[str, Any], outputs: dict[str, str]) -> None:
        """Asserts that a copy has the data, and its own password."""
        _, copied = self.create(instance(properties, MasterUsername=None, DBName=None, EngineVersion=None), *ATTRIBUTES)
        self.assertEqual(rows(connect(copied), "SELECT id FROM entries"), [(1,)])
        self.assertNotEqual(self.master(copied)[2], self.master_before)
        self.assertNotEqual(copied["EndpointPort"], outputs["EndpointPort"])

    def engines(self) -> list[tuple[dict[str, Any], Callable[..., Any]]]:
        return [(POSTGRESQL, self.postgresql), (MARIADB, self.mariadb)]

    def filled(self, properties: dict[str, Any], connect: Callable[..., Any], **changed: Any) -> tuple[str, Any]:
        name, outputs = self.database(properties, **changed)
        rows(connect(outputs), "CREATE TABLE entries AS SELECT 1 AS id")
        self.master_before = self.master(outputs)[2]
        return name, outputs

    def test_a_snapshot_on_deletion_is_restored(self) -> None:
        for properties, connect in self.engines():
            with self.subTest(properties["Engine"]):
                tags = [{"Key": "team", "Value": "a"}]
                resources = instance(properties, CopyTagsToSnapshot=True, Tags=tags)
                resources["Database"]["DeletionPolicy"] = "Snapshot"
                name, outputs = self.create(resources, *ATTRIBUTES)
                rows(connect(outputs), "CREATE TABLE entries AS SELECT 1 AS id")
                self.master_before = self.master(outputs)[2]
                self.delete(name)

                rds = client("rds")
                snapshots = rds.describe_db_snapshots(DBInstanceIdentifier=outputs["Id"])["DBSnapshots"]
                self.assertEqual(len(snapshots), 1)
                found = rds.list_tags_for_resource(ResourceName=snapshots[0]["DBSnapshotArn"])["TagList"]
                self.assertEqual(found, tags)
                identifier = snapshots[0]["DBSnapshotIdentifier"]
                self.assert_copied(connect, {**properties, "DBSnapshotIdentifier": identifier}, outputs)

    def test_a_point_in_time_is_now(self) -> None:
        for properties, connect in self.engines():
            with self.subTest(properties["Engine"]):
                _, outputs = self.filled(properties, connect)
                source = {"SourceDBInstanceIdentifier": outputs["Id"], "UseLatestRestorableTime": True}
                self.assert_copied(connect, {**properties, **source}, outputs)
                self.assertEqual(rows(connect(outputs), "SELECT id FROM entries"), [(1,)])

    def test_a_read_replica_has_the_password_of_its_source(self) -> None:
        password = {"ManageMasterUserPassword": None, "MasterUserPassword": "a password"}
        _, outputs = self.create(instance(POSTGRESQL, **password), *ATTRIBUTES[:2])
        replica = {"SourceDBInstanceIdentifier": outputs["Id"], "DBInstanceClass": "db.t4g.micro"}
        _, copied = self.create(instance(replica), *ATTRIBUTES[:2])
        database_clients.postgresql(int(copied["EndpointPort"]), "boss", "a password", "app").close()

    def test_what_is_not_there_cannot_be_restored(self) -> None:
        self.assert_refused(instance(POSTGRESQL, DBSnapshotIdentifier="unknown"), "DBSnapshot unknown not found")
        source = {"SourceDBInstanceIdentifier": "unknown", "UseLatestRestorableTime": True}
        self.assert_refused(instance(POSTGRESQL, **source), "DBInstance unknown not found")


class UpdatesTest(DatabasesTest):
    def test_updates_keep_server_and_data(self) -> None:
        name, outputs = self.database(POSTGRESQL)
        self.postgresql(outputs).execute("CREATE TABLE entries (id int)")
        larger = {"AllocatedStorage": "40", "DBInstanceClass": "db.m7g.large", "EngineVersion": "17.5", "Port": "6000"}
        updated = self.update(name, instance(POSTGRESQL, **larger), *ATTRIBUTES)
        self.assertEqual(updated, outputs)
        self.assertEqual(rows(self.postgresql(updated), "SELECT * FROM entries"), [])
        [found] = client("rds").describe_db_instances(DBInstanceIdentifier=outputs["Id"])["DBInstances"]
        self.assertEqual((found["AllocatedStorage"], found["EngineVersion"]), (40, "17.5"))

    def test_a_rollback_keeps_the_storage(self) -> None:
        name, outputs = self.database(POSTGRESQL)
        subnet = client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        group = {"DBSubnetGroupDescription": "one zone", "SubnetIds": [subnet]}
        broken = {**resource("AWS::RDS::DBSubnetGroup", group), "DependsOn": "Database"}
        self.update(name, {**instance(POSTGRESQL, AllocatedStorage="40"), "Broken": broken})
        [stack] = self.cloudformation.describe_stacks(StackName=name)["Stacks"]
        [found] = client("rds").describe_db_instances(DBInstanceIdentifier=outputs["Id"])["DBInstances"]
        self.assertEqual((stack["StackStatus"], found["AllocatedStorage"]), ("UPDATE_ROLLBACK_COMPLETE", 40))

    def test_replacements_have_another_server(self) -> None:
        name, outputs = self.database(POSTGRESQL)
        replaced = self.update(name, instance(POSTGRESQL, DBName="another"), *ATTRIBUTES)
        self.assertNotEqual(replaced["Id"], outputs["Id"])
        self.postgresql(replaced, "another")
        self.assertFalse(listens(outputs))

    def test_other_engines_are_records(self) -> None:
        for engine, version, port in (("sqlserver-ex", "16.00", "1433"), ("oracle-se2", "19.0.0.0", "1521")):
            with self.subTest(engine):
                _, outputs = self.database(POSTGRESQL, Engine=engine, EngineVersion=version, DBName=None)
                self.assertEqual((outputs["EndpointPort"], self.master(outputs)[1]), (port, "boss"))
                self.assertNotEqual(outputs["EndpointAddress"], "127.0.0.1")


class RefusalsTest(DatabasesTest):
    def test_creation_is_refused_as_by_rds(self) -> None:
        for changed, words in (
            (
                {"MasterUserPassword": "a password"},
                "You can't specify MasterUserPassword when ManageMasterUserPassword",
            ),
            ({"MasterUsername": "admin"}, "MasterUsername admin cannot be used as it is a reserved word"),
            ({"MasterUsername": "rdsadmin"}, "MasterUsername rdsadmin cannot be used as it is a reserved word"),
            ({"MasterUsername": None}, "The parameter MasterUsername must be provided"),
            ({"ManageMasterUserPassword": None}, "The parameter MasterUserPassword must be provided"),
            ({"StorageType": "io1"}, "The storage type io1 requires iops to be specified."),
            ({"DBName": "a-b"}, "DBName must begin with a letter"),
        ):
            with self.subTest(words):
                self.assert_refused(instance(POSTGRESQL, **changed), words)

    def test_updates_are_refused_as_by_rds(self) -> None:
        name, _ = self.database(POSTGRESQL, AllocatedStorage="40")
        for changed, words in (
            ({"AllocatedStorage": "20"}, "Invalid storage size for engine name postgres and storage type gp3: 20"),
            ({"EngineVersion": "17.2"}, "Cannot upgrade postgres from 17.4 to 17.2"),
            ({"EngineVersion": "16.9"}, "Cannot upgrade postgres from 17.4 to 16.9"),
            ({"EngineVersion": "18.1"}, "The AllowMajorVersionUpgrade flag must be present"),
        ):
            with self.subTest(words):
                name, _ = self.database(POSTGRESQL, AllocatedStorage="40")
                self.assert_update_refused(name, instance(POSTGRESQL, **{"AllocatedStorage": "40", **changed}), words)

    def test_a_version_may_be_a_major_one(self) -> None:
        name, _ = self.database(POSTGRESQL)
        self.update(name, instance(POSTGRESQL, EngineVersion="17", AllocatedStorage="30"))
        self.assertEqual(self.failure(name), "")

    def test_protected_databases_are_not_deleted(self) -> None:
        name, outputs = self.database(POSTGRESQL, DeletionProtection=True)
        self.delete(name)
        self.assertIn("Cannot delete protected DB Instance, please disable deletion protection", self.failure(name))
        self.postgresql(outputs)
        client("rds").modify_db_instance(DBInstanceIdentifier=outputs["Id"], DeletionProtection=False)

    def test_a_subnet_group_covers_two_zones(self) -> None:
        subnets = client("ec2").describe_subnets()["Subnets"]
        group = {"DBSubnetGroupDescription": "one zone", "SubnetIds": [subnets[0]["SubnetId"]]}
        database = resource("AWS::RDS::DBSubnetGroup", group)
        self.assert_refused({"Database": database}, "doesn't meet Availability Zone (AZ) coverage requirement")


if __name__ == "__main__":
    unittest.main()
