"""Properties of resources in stack events, which ministack leaves out.

CloudFormation shows them to whoever may describe a stack's events, for 90 days: what a template puts into a property is
no secret any more, unless it is a parameter with NoEcho or a dynamic reference.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

from __future__ import annotations

import json
import re
from contextvars import ContextVar
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, stacks

MASK = "****"

# Of the resource that the task is about to make.
_resolved: ContextVar[Any] = ContextVar("properties", default=None)
# As JSON, by the stack's id and the logical id.
_properties: dict[tuple[str, str], str] = {}


def resolve_dynamic_references(value: Any, *arguments: Any, **options: Any) -> Any:
    """Resolves the references in a resource's properties, which are shown as they were before."""
    _resolved.set(value)
    return RESOLVE_DYNAMIC_REFERENCES(value, *arguments, **options)


RESOLVE_DYNAMIC_REFERENCES = stacks._resolve_dynamic_references


def add_event(stack_id: str, stack_name: str, logical_id: str, *arguments: Any, **options: Any) -> None:
    ADD_EVENT(stack_id, stack_name, logical_id, *arguments, **options)
    resolved = _resolved.get()
    if resolved is not None and logical_id != stack_name:
        _properties[stack_id, logical_id] = masked(stack_name, json.dumps(resolved, default=str))
        _resolved.set(None)
    cloudformation._stack_events[stack_id][-1]["ResourceProperties"] = _properties.get((stack_id, logical_id), "")


ADD_EVENT = stacks._add_event


def masked(stack_name: str, text: str) -> str:
    """The text without the values of parameters with NoEcho.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    parameters = cloudformation._stacks[stack_name].get("Parameters", [])
    hidden = (str(parameter["ParameterValue"]) for parameter in parameters if parameter.get("NoEcho"))
    for value in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(json.dumps(value)[1:-1], MASK)
    return text


def describe_stack_events(p: dict[str, Any]) -> tuple[int, Any, Any]:
    status, headers, body = DESCRIBE_STACK_EVENTS(p)
    events = {event["EventId"]: event for events in cloudformation._stack_events.values() for event in events}

    def with_properties(match: re.Match[bytes]) -> bytes:
        properties = events[match[1].decode()].get("ResourceProperties")
        return match[0] + (
            f"<ResourceProperties>{escape(properties)}</ResourceProperties>".encode() if properties else b""
        )

    return status, headers, re.sub(rb"<EventId>([^<]+)</EventId>", with_properties, body)


DESCRIBE_STACK_EVENTS = handlers._describe_stack_events


def register() -> None:
    stacks._resolve_dynamic_references = resolve_dynamic_references
    stacks._add_event = add_event
    cloudformation._ACTION_HANDLERS["DescribeStackEvents"] = describe_stack_events
