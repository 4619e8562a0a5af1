"""The types of resources with databases, and the words that RDS has for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.services import rds
from ministack.services.cloudformation import provisioners

from database_rules import Properties

# The engines with servers.
ENGINES = ("postgres", "aurora-postgresql", "mysql", "mariadb", "aurora-mysql")
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
PORTS = {"postgres": 5432, "mysql": 3306, "mariadb": 3306, "sqlserver": 1433, "oracle": 1521}


@dataclass(frozen=True)
class DatabaseType:
    """An instance or a cluster."""

    name: str
    records: Any
    arn: str
    database: str  # the property that names its first database
    secret: str  # the prefix of the secret's name
    owner: str  # the tag of the secret
    snapshot: str  # the property that names the snapshot to restore
    snapshots: Any
    source: str  # the property that names the database to copy
    noun: str
    attributes: Callable[[Properties], dict[str, str]]


INSTANCE = DatabaseType(
    name="AWS::RDS::DBInstance",
    records=rds._instances,
    arn="DBInstanceArn",
    database="DBName",
    secret="db",
    owner="aws:rds:primaryDBInstanceArn",
    snapshot="DBSnapshotIdentifier",
    snapshots=rds._snapshots,
    source="SourceDBInstanceIdentifier",
    noun="DBInstance",
    attributes=provisioners._rds_db_instance_attrs,
)
CLUSTER = DatabaseType(
    name="AWS::RDS::DBCluster",
    records=rds._clusters,
    arn="DBClusterArn",
    database="DatabaseName",
    secret="cluster",
    owner="aws:rds:primaryDBClusterArn",
    snapshot="SnapshotIdentifier",
    snapshots=rds._db_cluster_snapshots,
    source="SourceDBClusterIdentifier",
    noun="DBCluster",
    attributes=provisioners._rds_db_cluster_attrs,
)


def with_port(properties: Properties) -> Properties:
    """The properties with the port that the engine has by default, of which ministack knows two."""
    engine = properties.get("Engine", "")
    port = next((port for name, port in PORTS.items() if name in engine), None)
    return {"Port": port, **properties} if port else properties


def is_member(record: Properties) -> bool:
    """Tells whether a record is that of an instance in a cluster."""
    return bool("DBInstanceIdentifier" in record and record.get("DBClusterIdentifier"))


def arn_of(record: Properties) -> str:
    return record.get("DBInstanceArn") or record["DBClusterArn"]


def snapshot_arn(snapshot: Properties) -> str:
    return snapshot.get("DBSnapshotArn") or snapshot["DBClusterSnapshotArn"]
