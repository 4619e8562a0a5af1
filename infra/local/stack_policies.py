"""Stack policies, which ministack keeps and does not evaluate.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import engine, handlers, helpers, provisioners, stacks

Properties = dict[str, Any]
Update = Callable[[dict[str, Any]], Any]


def texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def matches(statement: dict[str, Any], action: str, resource: str, resource_type: str) -> bool:
    patterns = texts(statement.get("Resource"))
    of_types = statement.get("Condition", {}).get("StringEquals", {}).get("ResourceType")
    return (
        any(fnmatch.fnmatchcase(action, pattern) for pattern in texts(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in patterns)
        and (of_types is None or resource_type in texts(of_types))
    )


def check(policy: str, action: str, logical_id: str, resource_type: str) -> None:
    """Raises what CloudFormation says of an action that the policy denies, or does not allow."""
    if not policy:
        return
    resource = f"LogicalResourceId/{logical_id}"
    statements = list(enumerate(json.loads(policy)["Statement"], start=1))
    matching = [(number, each) for number, each in statements if matches(each, action, resource, resource_type)]
    for number, statement in matching:
        if statement["Effect"] == "Deny":
            raise ValueError(
                f"Action denied by stack policy: Statement [#{number}] does not allow [{action}] "
                f"for resource [{resource}]"
            )
    if not matching:
        raise ValueError(f"Action not allowed by stack policy: [{action}] for resource [{resource}]")


# The policy that an update began with, by the stack's name. A new one is for later updates.
_in_force: dict[str, str] = {}


def noting_policy(update: Update) -> Update:
    def update_stack(parameters: dict[str, Any]) -> Any:
        stack = handlers._resolve_stack(helpers._p(parameters, "StackName")) or {}
        policy, instead = stack.get("_stack_policy", ""), helpers._p(parameters, "StackPolicyDuringUpdateBody")
        _in_force[stack.get("StackName", "")] = instead or policy
        return update(parameters)

    return update_stack


def update_resource(
    resource_type: str, physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str, *rest: Any
) -> Any:
    """A step of an update, before which the policy is asked. A rollback takes others."""
    policy = _in_force.get(stack_name, "")
    for name, of_type in removed(cloudformation._stacks[stack_name]):
        check(policy, "Update:Delete", name, of_type)
    if old != new:
        replaces = provisioners._replacing_change(resource_type, old, new) or (
            provisioners._custom_named_replacement_error(resource_type, old, new, physical_id)
        )
        check(policy, "Update:Replace" if replaces else "Update:Modify", logical_id, resource_type)
    return UPDATE_RESOURCE(resource_type, physical_id, old, new, stack_name, logical_id, *rest)


def removed(stack: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The resources that an update takes out of the stack, with their types."""
    wanted = engine._parse_template(stack["_template_body"])["Resources"]
    for logical_id, resource in stack["_resources"].items():
        definition = wanted.get(logical_id)
        if definition is None or not stack["_conditions"].get(definition.get("Condition"), True):
            yield logical_id, resource["ResourceType"]


UPDATE_RESOURCE = stacks._update_keeping_seed


def register() -> None:
    actions = cloudformation._ACTION_HANDLERS
    actions["UpdateStack"] = noting_policy(actions["UpdateStack"])
    stacks._update_keeping_seed = update_resource
