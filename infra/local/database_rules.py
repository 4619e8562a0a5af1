"""Refusals of Amazon RDS that ministack does not know, in RDS's words where reports of them are public."""

from __future__ import annotations

import re
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import ec2, rds

Properties = dict[str, Any]

# Of PostgreSQL: https://github.com/aws-cloudformation/cfn-lint/pull/4425, and the roles that RDS makes.
RESERVED = {
    "postgres": {"admin", "public", "rdsadmin", "rds_iam", "rds_password", "rds_replication", "rds_superuser"},
    "other": {"rdsadmin"},
}
PROVISIONED = ("io1", "io2")
# Numbers of a version that make a major version; of SQL Server and Oracle the first one.
MAJOR = {"mysql": 2, "mariadb": 2}


def refuse(fault: str | None) -> None:
    """Fails the step of a stack as CloudFormation reports a refusal of RDS."""
    if fault:
        raise ValueError(f"{fault} (Service: Rds, Status Code: 400, Request ID: {new_uuid()})")


def is_true(value: Any) -> bool:
    """Tells whether a property is true, which parameters make a text."""
    return str(value).lower() == "true"


def creation_fault(properties: Properties, copies: bool) -> str | None:
    """The fault of a database that is to be created. A copy has the master user of its source."""
    if is_true(properties.get("ManageMasterUserPassword")) and properties.get("MasterUserPassword"):
        return "You can't specify MasterUserPassword when ManageMasterUserPassword is enabled."
    if fault := storage_type_fault(properties):
        return fault
    if copies:
        return None

    username, engine = properties.get("MasterUsername"), properties.get("Engine", "")
    if not username:
        return "The parameter MasterUsername must be provided and must not be blank."
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", username):
        return "MasterUsername must begin with a letter and contain only alphanumeric characters or underscores."
    if username.lower() in RESERVED["postgres" if "postgres" in engine else "other"]:
        return f"MasterUsername {username} cannot be used as it is a reserved word used by the engine"
    if not is_true(properties.get("ManageMasterUserPassword")) and not properties.get("MasterUserPassword"):
        return "The parameter MasterUserPassword must be provided and must not be blank."
    return name_fault(properties)


def name_fault(properties: Properties) -> str | None:
    for property_name in ("DBName", "DatabaseName"):
        name = properties.get(property_name)
        if name and not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
            return f"{property_name} must begin with a letter and contain only alphanumeric characters."
    return None


def storage_type_fault(properties: Properties) -> str | None:
    kind = properties.get("StorageType")
    if kind in PROVISIONED and not properties.get("Iops"):
        return f"The storage type {kind} requires iops to be specified."
    return None


def update_fault(record: Properties, properties: Properties) -> str | None:
    """The fault of an update in place of an instance or a cluster."""
    if is_true(properties.get("ManageMasterUserPassword")) and properties.get("MasterUserPassword"):
        return "You can't specify MasterUserPassword when ManageMasterUserPassword is enabled."
    return storage_type_fault(properties) or storage_fault(record, properties) or version_fault(record, properties)


def with_storage_kept(record: Properties, properties: Properties) -> Properties:
    """The properties for a rollback, in which CloudFormation does not ask RDS for less storage than there is.

    https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds
    """
    size = int(properties.get("AllocatedStorage") or 0)
    return {**properties, "AllocatedStorage": str(max(size, int(record["AllocatedStorage"])))} if size else properties


def storage_fault(record: Properties, properties: Properties) -> str | None:
    size = int(properties.get("AllocatedStorage") or 0)
    if size and "DBInstanceIdentifier" in record and size < int(record["AllocatedStorage"]):
        kind = properties.get("StorageType", record.get("StorageType"))
        return f"Invalid storage size for engine name {record['Engine']} and storage type {kind}: {size}"
    return None


def version_fault(record: Properties, properties: Properties) -> str | None:
    """A version may be given without its last numbers, and then stands for whatever the database has of it."""
    engine, version, current = record["Engine"], properties.get("EngineVersion"), record["EngineVersion"]
    if not version:
        return None
    asked, present = numbers(version), numbers(current)
    if asked < present[: len(asked)]:
        return f"Cannot upgrade {engine} from {current} to {version}"
    parts = next((count for name, count in MAJOR.items() if name in engine), 1)
    if asked[:parts] != present[:parts] and not is_true(properties.get("AllowMajorVersionUpgrade")):
        return "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
    return None


def numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(version))]


def deletion_fault(record: Properties) -> str | None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html"""
    is_instance = "DBInstanceIdentifier" in record
    if record.get("DeletionProtection"):
        kind = "DB Instance" if is_instance else "Cluster"
        return f"Cannot delete protected {kind}, please disable deletion protection and try again."
    if not is_instance and record.get("DBClusterMembers"):
        return "Cluster cannot be deleted, it still contains DB instances in non-deleting state."
    return None


def subnet_group_fault(properties: Properties) -> str | None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html"""
    subnets = [ec2._subnets.get(subnet) for subnet in properties.get("SubnetIds") or []]
    zones = sorted({subnet["AvailabilityZone"] for subnet in subnets if subnet})
    if None not in subnets and len(zones) < 2:
        return (
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "
            f"Current AZ coverage: {', '.join(zones)}. Add subnets to cover at least 2 AZs."
        )
    return None


def replica_fault(source: Properties, properties: Properties) -> str | None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html"""
    if source.get("MasterUserSecret") or is_true(properties.get("ManageMasterUserPassword")):
        return "A read replica can't be created from a source that manages its master password in Secrets Manager."
    return None


# ------------------------------------------------------------------------------------------------ transport security


def requires_tls(record: Properties, properties: Properties) -> bool:
    """Tells whether a database refuses connections without TLS: by its parameter group, otherwise by default."""
    name, default = transport_parameter(record["Engine"], str(record["EngineVersion"]))
    groups = (
        (rds._param_groups, properties.get("DBParameterGroupName")),
        (rds._db_cluster_param_groups, properties.get("DBClusterParameterGroupName")),
    )
    for store, group in groups:
        parameter = (store.get(group) or {}).get("Parameters", {}).get(name) if group else None
        if parameter:
            value = parameter["ParameterValue"] if isinstance(parameter, dict) else parameter
            return str(value).lower() in ("1", "on", "true")
    return default


def transport_parameter(engine: str, version: str) -> tuple[str, bool]:
    """The parameter that demands TLS, and its default.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-ssl-connections.require-ssl.html
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mariadb-ssl-connections.require-ssl.html
    """
    defaults = {
        "postgres": ("rds.force_ssl", [15]),
        "aurora-postgresql": ("rds.force_ssl", [17]),
        "mysql": ("require_secure_transport", [9, 7]),
        "mariadb": ("require_secure_transport", [11, 8]),
    }
    name, since = defaults.get(engine, ("require_secure_transport", [1_000]))
    return name, numbers(version) >= since
