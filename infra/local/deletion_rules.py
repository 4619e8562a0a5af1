"""Refusals to delete a resource that holds data, or is protected from deletion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import cognito, dynamodb, route53, s3
from ministack.services.cloudformation import provisioners

Delete = Callable[..., None]


def bucket_fault(name: str) -> str | None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html#troubleshooting-errors-delete-stack-fails"""
    bucket = s3._buckets.get(name)
    if bucket and (bucket["objects"] or s3._bucket_has_versions(name)):
        return "The bucket you tried to delete is not empty (Service: S3, Status Code: 409)"
    return None


def table_fault(name: str) -> str | None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html"""
    if (dynamodb._tables.get(name) or {}).get("DeletionProtectionEnabled") in (True, "true"):
        return f"Resource cannot be deleted as it is currently protected against deletion: table {name}"
    return None


def user_pool_fault(pool_id: str) -> str | None:
    """https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-deletion-protection.html"""
    if (cognito._user_pools.get(pool_id) or {}).get("DeletionProtection") == "ACTIVE":
        return (
            "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be "
            "inactivated first. (Service: CognitoIdentityProvider, Status Code: 400)"
        )
    return None


def zone_fault(zone_id: str) -> str | None:
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html"""
    zone = route53._zones.get(zone_id)
    records = route53._records.get(zone_id, [])
    if zone and any(each["Type"] not in ("SOA", "NS") or each["Name"] != zone["name"] for each in records):
        return "The specified hosted zone contains non-required resource record sets and so cannot be deleted."
    return None


FAULTS: dict[str, Callable[[str], str | None]] = {
    "AWS::S3::Bucket": bucket_fault,
    "AWS::DynamoDB::Table": table_fault,
    "AWS::Cognito::UserPool": user_pool_fault,
    "AWS::Route53::HostedZone": zone_fault,
}


def strict(delete: Delete, fault_of: Callable[[str], str | None]) -> Delete:
    """The deletion of what may be deleted."""

    def handler(physical_id: str, *arguments: Any) -> None:
        if fault := fault_of(physical_id):
            raise ValueError(fault)
        delete(physical_id, *arguments)

    return handler


def register() -> None:
    handlers = provisioners._RESOURCE_HANDLERS
    for resource_type, fault_of in FAULTS.items():
        handlers[resource_type]["delete"] = strict(handlers[resource_type]["delete"], fault_of)
