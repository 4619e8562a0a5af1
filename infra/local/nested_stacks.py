"""The deletion of a nested stack fails if a resource of it cannot be deleted, which ministack overlooks.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from __future__ import annotations

from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners, stacks

import cloudformation_rules


def delete(physical_id: str, properties: dict[str, Any]) -> None:
    """Deletes the resources, the last one first, and keeps those that cannot be deleted."""
    name = provisioners._nested_stack_lookup_name(physical_id)
    stack = cloudformation._stacks.get(name)
    if not stack:
        return

    resources = stack["_resources"]
    for logical_id, resource in reversed(list(resources.items())):
        try:
            provisioners._delete_resource(
                resource["ResourceType"], resource["PhysicalResourceId"], resource["Properties"], name, logical_id
            )
        except Exception as error:
            resource.update(ResourceStatus="DELETE_FAILED", ResourceStatusReason=str(error))
        else:
            del resources[logical_id]

    stack["StackStatus"] = "DELETE_FAILED" if resources else "DELETE_COMPLETE"
    stacks._add_event(
        stack["StackId"], name, name, "AWS::CloudFormation::Stack", stack["StackStatus"], physical_id=stack["StackId"]
    )
    cloudformation_rules.bury(name)
    if resources:
        failed = ", ".join(resources)
        raise ValueError(
            f"Embedded stack {stack['StackId']} was not successfully deleted: "
            f"The following resource(s) failed to delete: [{failed}]."
        )


def register() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]["delete"] = delete
