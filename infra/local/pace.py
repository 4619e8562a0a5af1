"""Stacks that take time, fail, roll back or are not deleted, whenever somebody asks for them.

The local AWS is done with a stack at once, and is asked for anything else at the path /_local/stacks:

    curl -X PUT "$AWS_ENDPOINT_URL/_local/stacks" -d '{"seconds": 5}'
    curl -X PUT "$AWS_ENDPOINT_URL/_local/stacks" -d '{"failing": {"AWS::SQS::Queue": "create"}}'

`seconds` is how long each resource takes; `failing` has the types whose step fails: create, update or delete. The body
is what holds from then on for the stacks that are at work or come later; `{}` is the pace of the beginning.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack.services.cloudformation import stacks

PATH = "/_local/stacks"
STEPS = ("create", "update", "delete")
# Longer than any test or demonstration waits; a stack that is asked for by mistake must end.
MAX_SECONDS = 600


@dataclass(frozen=True)
class Pace:
    """The time that each resource takes, and the steps that fail."""

    seconds: float = 0
    failing: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, body: bytes) -> Pace:
        """The pace that a request asks for. Raises a ValueError that says what is wrong with it."""
        asked = json.loads(body or "{}")
        if not isinstance(asked, dict) or asked.keys() - {"seconds", "failing"}:
            raise ValueError("send an object with seconds, failing, or both")
        pace = cls(**asked)
        if not isinstance(pace.seconds, int | float) or not 0 <= pace.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be a number from 0 to {MAX_SECONDS}")
        if not isinstance(pace.failing, dict) or any(step not in STEPS for step in pace.failing.values()):
            raise ValueError(f"failing must give each type one of {', '.join(STEPS)}")
        return pace


_pace = Pace()


def answer(method: str, body: bytes) -> tuple[int, str]:
    """Sets the pace, or tells it."""
    global _pace
    if method == "PUT":
        try:
            _pace = Pace.read(body)
        except ValueError as error:
            return 400, json.dumps({"error": str(error)})
    elif method != "GET":
        return 405, json.dumps({"error": "send a PUT, or a GET"})
    return 200, json.dumps({"seconds": _pace.seconds, "failing": _pace.failing})


def paced(step: str, handle: Callable[..., Any]) -> Callable[..., Any]:
    """The step at the pace that was asked for."""

    @functools.wraps(handle)
    def handler(resource_type: str, *arguments: Any) -> Any:
        pace = _pace
        time.sleep(pace.seconds)
        if pace.failing.get(resource_type) == step:
            raise ValueError(f"{resource_type} was asked to fail (Service: Local, Status Code: 400)")
        return handle(resource_type, *arguments)

    return handler


def runs_on_worker_thread(resource_type: str) -> bool:
    """A resource that takes time is made on a thread of its own, or requests would wait for it."""
    return _pace.seconds > 0 or RUNS_ON_WORKER_THREAD(resource_type)


RUNS_ON_WORKER_THREAD = stacks._runs_on_worker_thread


def register() -> None:
    stacks._runs_on_worker_thread = runs_on_worker_thread
    stacks._provision_resource = paced("create", stacks._provision_resource)
    stacks._update_resource = paced("update", stacks._update_resource)
    stacks._delete_resource = paced("delete", stacks._delete_resource)
