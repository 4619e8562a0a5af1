"""Databases as applications see them: connections with a binding's credentials, and what each scope can do."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

import database_clients
from database_clients import REFUSALS, execute
from osb import Plan
from service import Credentials, ServiceTestCase, Use
from support import client, kms_key, stacks_of


def connected(credentials: Credentials, uri: str = "uri") -> AbstractContextManager[Any]:
    return database_clients.connected(credentials[uri])


def logs_in(credentials: Credentials) -> bool:
    try:
        with connected(credentials) as session:
            return execute(session, "SELECT 1") == [(1,)]
    except REFUSALS:
        return False


def outputs_of(instance: str) -> dict[str, str]:
    [stack] = stacks_of(instance)
    described = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def master_of(instance: str) -> dict[str, str]:
    """The login of the master user, as nobody but the broker reads it."""
    arn = outputs_of(instance)["MasterSecretARN"]
    return json.loads(client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])


class DatabaseTestCase(ServiceTestCase):
    """What the tests of databases have in common. The tests of a service say what each parameter is changed to."""

    growing = ("AllocatedStorage", "MaxAllocatedStorage")
    # A restore has tests of its own.
    unchanged: Collection[str] = ("SnapshotId", "RestoreFromInstance", "RestoreTime", "RestoreType")
    changed: Mapping[str, Any] = {}
    # Likewise, where a plan has another default.
    changed_in: Mapping[str, Mapping[str, Any]] = {}
    # Scopes that a local server does not know, because it is a MariaDB.
    not_here: Collection[str] = ()

    def live_with_defaults(self, plan: str) -> None:
        self.live(plan, self.uses)

    def live_changed(self, plan: str) -> None:
        """Changes every parameter that the plan has."""
        properties = self.offered_plan(plan)["schemas"]["service_instance"]["create"]["parameters"]["properties"]
        changed = {**CHANGED, "KmsKeyArn": kms_key(), **self.changed, **self.changed_in.get(plan, {})}
        given = {name: value for name, value in changed.items() if name in properties and name not in self.unchanged}
        self.live(plan, self.uses, given, [name for name in self.unchanged if name in properties])

    def bind_and_use(self, instance: str, ids: Plan, scope: str | None, use: Use) -> None:
        if scope not in self.not_here:
            super().bind_and_use(instance, ids, scope, use)

    def refused(self, session: Any, *statements: str) -> None:
        for statement in statements:
            with self.assertRaises(REFUSALS, msg=statement):
                execute(session, statement)

    @property
    def uses(self) -> dict[str | None, Use]:
        """What is done with a binding of each scope."""
        by_password = {"Owner": self.own, "ReadWrite": self.use_rows, "ReadOnly": self.use_rows}
        return {**by_password, **{f"{scope}Iam": self.log_in_with_iam for scope in by_password}}

    def own(self, binding: Credentials) -> None:
        with connected(binding) as session:
            execute(session, "CREATE TABLE used (id integer PRIMARY KEY, name varchar(20))")
            execute(session, "INSERT INTO used VALUES (1, 'one')")
            execute(session, "ALTER TABLE used ADD COLUMN note varchar(20)")
            self.assertEqual(execute(session, "SELECT name FROM used"), [("one",)])
            execute(session, "DROP TABLE used")
            self.refused(session, "CREATE ROLE somebody", "CREATE DATABASE another", "CREATE USER somebody")

    def use_rows(self, binding: Credentials) -> None:
        with connected(binding) as session:
            self.assertEqual(execute(session, "SELECT 1"), [(1,)])
            self.refused(session, "CREATE TABLE used (id integer)", "CREATE ROLE somebody", "CREATE DATABASE another")

    def log_in_with_iam(self, binding: Credentials) -> None:
        """The local servers do not ask IAM. So IAM says what a token would be worth."""
        self.assertNotIn("password", binding)
        self.assertNotIn("uri", binding)
        [statement] = [each for each in self.policy["Statement"] if each["Effect"] == "Allow"]
        user = f"{statement['Resource'].rpartition('/')[0]}/{binding['username']}"
        self.assertEqual(statement["Resource"], user)
        self.assert_simulated("rds-db:connect", user)
        self.assert_simulated_denied("rds-db:connect", user.replace(binding["username"], "sbadmin"))
        self.assert_simulated_denied("rds-db:connect", f"{user}x")
        self.assert_denied(
            lambda: client("rds", binding).describe_db_instances(),
            lambda: client("secretsmanager", binding).list_secrets(),
        )


class MasterSecretTestCase(DatabaseTestCase):
    """A database whose bindings share the master user's secret."""

    @property
    def uses(self) -> dict[str | None, Use]:
        return {"MasterSecret": self.read_secret}

    def read_secret(self, binding: Credentials) -> None:
        secrets, own = client("secretsmanager", binding), binding["masterSecretArn"]
        login = json.loads(secrets.get_secret_value(SecretId=own)["SecretString"])
        self.assertEqual(sorted(login), ["password", "username"])
        self.assertNotIn(login["password"], json.dumps(binding))
        self.assert_denied(
            lambda: secrets.get_secret_value(SecretId=os.environ["CREDENTIALS_SECRET_ARN"]),
            lambda: secrets.put_secret_value(SecretId=own, SecretString="{}"),
            lambda: secrets.delete_secret(SecretId=own),
            lambda: client("rds", binding).describe_db_instances(),
        )


class PlansOfRds:
    """The tests of the plans that every database has."""

    def test_production(self) -> None:
        self.live_with_defaults("production")

    def test_production_with_every_parameter_changed(self) -> None:
        self.live_changed("production")

    def test_dev(self) -> None:
        self.live_with_defaults("dev")

    def test_dev_with_every_parameter_changed(self) -> None:
        self.live_changed("dev")

    def test_custom(self) -> None:
        self.live_with_defaults("custom")

    def test_custom_with_every_parameter_changed(self) -> None:
        self.live_changed("custom")


class PlansOfAurora(PlansOfRds):
    """The tests of the plans that Aurora has."""

    def test_serverless(self) -> None:
        self.live_with_defaults("serverless")

    def test_serverless_with_every_parameter_changed(self) -> None:
        self.live_changed("serverless")


# What most services have.
CHANGED = {
    "AllowMajorVersionUpgrade": "true",
    "AutoMinorVersionUpgrade": "false",
    "MaintenanceWindow": "sun:03:00-sun:03:30",
    "DatabaseName": "orders",
    "InstanceClass": "db.t4g.small",
    "MultiAz": "true",
    "AllocatedStorage": 400,
    "MaxAllocatedStorage": 1000,
    "Iops": 12000,
    "StorageThroughput": 500,
    "BackupRetentionDays": 3,
    "BackupWindow": "02:00-02:30",
    "DatabaseInsights": "disabled",
    "ClientSecurityGroupId": "sg-0123456789abcdef0",
    "DeletionProtection": "true",
    "DeletionPolicy": "Retain",
}


MYSQL_CHANGED = {
    "MaxConnections": "100",
    "MaxAllowedPacket": "33554432",
    "WaitTimeout": "600",
    "InnodbLockWaitTimeout": "20",
    "LongQueryTime": "2",
    "SqlMode": "NO_ENGINE_SUBSTITUTION",
    "LogExports": "error,slowquery",
    "EventScheduler": "false",
    "Collation": "utf8mb4_bin",
    "TimeZone": "Africa/Cairo",
}

POSTGRESQL_CHANGED = {
    "EngineVersion": "18.1",
    "LogExports": "upgrade",
    "DatabaseInsights": "advanced",
    "MaxConnections": "100",
    "WorkMem": "8192",
    "StatementTimeout": "60000",
    "IdleInTransactionSessionTimeout": "60000",
    "LogMinDurationStatement": "1000",
    "SharedPreloadLibraries": "pg_stat_statements,pg_cron",
    "TimeZone": "Europe/Berlin",
}

AURORA_CHANGED = {
    "InstanceClass": "db.r6g.xlarge",
    "Readers": 2,
    "MinCapacity": 1,
    "MaxCapacity": 8,
    "SecondsUntilAutoPause": 600,
    "StorageType": "aurora-iopt1",
    "DatabaseInsights": "advanced",
}

# Of a MySQL, which is a MariaDB here.
IAM_SCOPES = ("OwnerIam", "ReadWriteIam", "ReadOnlyIam")


class CutConnection:
    """A server between the function and a database, which after some messages of the client passes on no more.

    The function sees the connection end. The database does not, as if the function's machine had been switched off.
    """

    def __init__(self, port: int, messages: int, host: str = "127.0.0.1") -> None:
        self._target, self._left = port, messages
        self.was_cut = False
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> CutConnection:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            near, _ = self._listener.accept()
            far = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._answer, args=(far, near), daemon=True).start()
            with near, far:
                while data := near.recv(65536):
                    if self._left == 0:
                        self.was_cut = True
                        return
                    self._left -= 1
                    far.sendall(data)

    @staticmethod
    def _answer(far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                near.sendall(data)
