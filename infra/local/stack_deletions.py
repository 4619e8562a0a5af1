"""Rules for the deletion of stacks that ministack does not have.

A deletion halts a creation that is still running, leaves what a remaining resource depends on, and ignores a second
deletion of the same stack.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, stacks

import cloudformation_rules

# ------------------------------------------------------------------------------------------------ creations


@dataclass
class Creation:
    """A creation at work. A deletion halts it between two resources."""

    is_halted: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Halted(BaseException):
    """The end of a halted creation. ministack would take an Exception for a failed resource, and roll back."""


# By the id of the stack. An update is here too, and is never halted: DeleteStack refuses to delete its stack.
_creations: dict[str, Creation] = {}


async def deploy_stack(stack_name: str, stack_id: str, *arguments: Any, **options: Any) -> None:
    """Creates or updates a stack. A creation ends early if a deletion halts it."""
    creation = _creations[stack_id] = Creation()
    try:
        await DEPLOY_STACK(stack_name, stack_id, *arguments, **options)
    except Halted:
        pass  # The deletion waits for this, and then deletes what was created.
    finally:
        if creation.is_halted:
            # A rollback that ran already has ended with a status of its own.
            cloudformation._stacks[stack_name]["StackStatus"] = "DELETE_IN_PROGRESS"
        del _creations[stack_id]
        creation.over.set()


async def halt_creation(stack: dict[str, Any]) -> None:
    """Stops the creation of the stack, and waits until the resource that is being created is complete or has failed:
    before that it is not known to the stack, so it could not be deleted.
    """
    creation = _creations.get(stack["StackId"])
    if creation:
        stack["StackStatus"] = "DELETE_IN_PROGRESS"
        creation.is_halted = True
        await creation.over.wait()


def check_not_halted(stack_id: str) -> None:
    creation = _creations.get(stack_id)
    if creation and creation.is_halted:
        raise Halted


def unless_halted(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """A step before each resource, or before the outputs, where a halted creation ends. Its last argument is the id of
    the stack.
    """

    @functools.wraps(resolve)
    def resolved(*arguments: Any) -> Any:
        check_not_halted(arguments[-1])
        return resolve(*arguments)

    return resolved


async def roll_back(stack_name: str, stack_id: str, *arguments: Any) -> None:
    """Rolls back a failed creation or update. A deletion makes that needless."""
    check_not_halted(stack_id)
    await ROLL_BACK(stack_name, stack_id, *arguments)


DEPLOY_STACK, ROLL_BACK = stacks._deploy_stack_async, stacks._roll_back_operation


# ------------------------------------------------------------------------------------------------ deletions


async def delete_stack(stack_name: str, stack_id: str, *arguments: Any, **options: Any) -> None:
    """Deletes a stack, unless another deletion is at work on it.

    What a resource depends on is deleted after it, so not at all if the resource cannot be deleted.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
    """
    stack = cloudformation._stacks.get(stack_name)
    # Of deletions that are requested at once, one may be over before the next one begins.
    if not stack or stack["StackId"] != stack_id or KEPT in stack:
        return

    stack[KEPT] = {}
    try:
        await halt_creation(stack)
        await DELETE_STACK(stack_name, stack_id, *arguments, **options)
    finally:
        stack["_resources"].update(stack.pop(KEPT))
    cloudformation_rules.bury(stack_name)


def delete_resource(
    resource_type: str,
    physical_id: str,
    properties: dict[str, Any],
    stack_name: str | None = None,
    logical_id: str | None = None,
) -> None:
    try:
        DELETE_RESOURCE(resource_type, physical_id, properties, stack_name, logical_id)
    except Exception:
        stack = cloudformation._stacks.get(stack_name) or {}
        if KEPT in stack:
            resources = stack["_resources"]
            needed = stacks._with_dependencies([logical_id], stack["_template"]["Resources"], set(resources))
            stack[KEPT].update({name: resources.pop(name) for name in needed - {logical_id}})
        raise


KEPT = "_kept"  # out of sight of the deletion that is going on
DELETE_STACK, DELETE_RESOURCE = stacks._delete_stack_async, stacks._delete_resource


def register() -> None:
    for module in (handlers, changesets):
        module._deploy_stack_async = deploy_stack
    for module in (handlers, stacks):
        module._delete_stack_async = delete_stack
    stacks._delete_resource = delete_resource
    stacks._resolve_refs = unless_halted(stacks._resolve_refs)
    stacks._resolve_stack_outputs = unless_halted(stacks._resolve_stack_outputs)
    stacks._roll_back_operation = roll_back
