"""Load on the broker of a local AWS, from many platforms at once; then AWS is searched for what got lost.

    serve.py <python> benches/load.py [--seconds N] [--clients N] [--seed N]

Fails where an answer was one that the request may not have (load_platform.py says which these are), and where AWS has
stacks, users or keys that no record names: when the time is up, and again when every instance is deleted. The seed
decides what each platform does, not how the requests of different platforms meet.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aws
from console import Steps
from load_platform import PLANS, Journal, Platform, at_once
from osb import Client

# As many as keep the local AWS busy, which runs on one processor. More would only wait.
CLIENTS = 8
SHOWN = 20  # unexpected answers


class Lost(Exception):
    """What AWS has and what the records say differ."""


class Account:
    """What there is in AWS with the broker's prefix, and in its table."""

    def __init__(self) -> None:
        prefix = f"{os.environ['NAME_PREFIX']}-"
        self._iam = aws.client("iam", os.environ)
        stacks = listed(aws.client("cloudformation", os.environ), "describe_stacks", "Stacks")
        users = listed(self._iam, "list_users", "Users")
        self.stacks = {name for stack in stacks if (name := stack["StackName"]).startswith(prefix)}
        self.users = {name for user in users if (name := user["UserName"]).startswith(prefix)}
        table = {"TableName": os.environ["TABLE_NAME"], "ConsistentRead": True}
        items = listed(aws.client("dynamodb", os.environ), "scan", "Items", **table)
        self.tombstones = [item for item in items if "expires_at" in item]
        self.records = [item for item in items if "expires_at" not in item]

    def keys(self, user: str) -> list[str]:
        keys = listed(self._iam, "list_access_keys", "AccessKeyMetadata", UserName=user) if user in self.users else []
        return [key["AccessKeyId"] for key in keys]


def listed(client: Any, call: str, member: str, **arguments: Any) -> list[dict[str, Any]]:
    return [each for page in client.get_paginator(call).paginate(**arguments) for each in page[member]]


# The grants of a record that is no binding's.
NONE: dict[str, list[Any]] = {"L": []}


def check_records() -> tuple[str, list[str]]:
    """Everything has its record; every instance that is there its stack, and every such binding its one key."""
    account = Account()
    stacks = {item["stack_name"]["S"]: item for item in account.records if "stack_name" in item}
    users = {user_of(item)["user_name"]["S"]: item for item in account.records if item.get("grants", NONE)["L"]}
    wrong = [f"no record names the stack {name}" for name in account.stacks - stacks.keys()]
    wrong += [f"no record names the user {name}" for name in account.users - users.keys()]
    there = {name for name, item in stacks.items() if succeeded(item, "provision", "update")}
    wrong += [f"the stack {name} is not there, and its record says so" for name in there - account.stacks]
    bound = {name: user_of(item) for name, item in users.items() if succeeded(item, "bind")}
    keys = {name: user["access_key"]["M"]["id"]["S"] for name, user in bound.items()}
    for name, key in keys.items():
        if (found := account.keys(name)) != [key]:
            wrong.append(f"the user {name} has {len(found)} keys instead of the one in its record")
    return f"{len(account.stacks)} stacks, {len(account.users)} users, {len(keys)} keys", wrong


def user_of(item: dict[str, Any]) -> dict[str, Any]:
    """What a binding's record says of its user."""
    [grant] = item["grants"]["L"]
    return grant["M"]["user"]["M"]


def succeeded(item: dict[str, Any], *kinds: str) -> bool:
    operation = item["operation"]["M"]
    return operation["state"]["S"] == "succeeded" and operation["kind"]["S"] in kinds


def check_tombstones() -> tuple[str, list[str]]:
    """Nothing is left but tombstones, and they name no user."""
    account = Account()
    wrong = [f"the stack {name} is left" for name in account.stacks]
    wrong += [f"the user {name} is left" for name in account.users]
    wrong += [f"the record {item['pk']['S']} {item['sk']['S']} is left" for item in account.records]
    for item in account.tombstones:
        if item.get("grants", NONE)["L"]:
            wrong.append(f"the tombstone {item['pk']['S']} {item['sk']['S']} names a user or a key")
    return f"{len(account.tombstones)} tombstones", wrong


def checked(steps: Steps, title: str, check: Callable[[], tuple[str, list[str]]]) -> list[str]:
    """What is wrong. Whatever it is, the load goes on to its clean-up."""
    wrong: list[str] = []
    with suppress(Lost), steps.step(title) as step:
        step.note, wrong = check()
        if wrong:
            raise Lost
    return wrong


def table(answers: dict[str, list[tuple[int, float]]]) -> str:
    everything = [answer for of_operation in answers.values() for answer in of_operation]
    lines = [f"  {'':<14} {'requests':>9} {'p50 ms':>7} {'p99 ms':>7} {'max ms':>7}   answers"]
    for operation, of_operation in {**answers, "all": everything}.items():
        if of_operation:
            times = sorted(milliseconds for _, milliseconds in of_operation)
            p50, p99 = (times[int(len(times) * part)] for part in (0.5, 0.99))
            counts = sorted(Counter(status for status, _ in of_operation).items())
            statuses = ", ".join(f"{number} × {status}" for status, number in counts if operation != "all")
            numbers = f"{len(times):>9} {p50:>7.0f} {p99:>7.0f} {times[-1]:>7.0f}"
            lines.append(f"  {operation:<14} {numbers}   {statuses}".rstrip())
    return "\n".join(lines)


def local_broker(password: str) -> Client:
    url = os.environ.get("BROKER_URL", "")
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        sys.exit(f"Load is for a broker on this machine (make load), and BROKER_URL is {url or 'not set'}.")
    return Client(url, os.environ["BROKER_USERNAME"], password)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seed", type=int, default=217)
    arguments = parser.parse_args()
    broker, stranger = local_broker(os.environ.get("BROKER_PASSWORD", "")), local_broker("wrong")

    plans = {service: broker.plan(service, plan) for service, (plan, _) in PLANS.items()}
    journal, steps = Journal(), Steps()
    seeds = [f"{arguments.seed}-{number}" for number in range(arguments.clients)]
    platforms = [Platform(broker, stranger, plans, journal, seed) for seed in seeds]

    with steps.step(f"Load from {arguments.clients} clients, seed {arguments.seed}") as step:
        began = time.monotonic()
        at_once(*(partial(platform.run, began + arguments.seconds) for platform in platforms))
        requests, seconds = sum(map(len, journal.answers.values())), time.monotonic() - began
        step.note = f"{requests} requests, {requests / seconds:.1f} a second"
        # Without the clean-up, which mostly waits.
        report = table(journal.answers)
    wrong = checked(steps, "Every stack, user and key has its record", check_records)
    with steps.step("Deprovision what is left"):
        at_once(*(platform.clean_up for platform in platforms))
    wrong += checked(steps, "Nothing is left but tombstones", check_tombstones)

    print(f"\n{report}\n")
    for text in journal.unexpected[:SHOWN]:
        print(f"  Unexpected: {text}")
    for text in wrong:
        print(f"  Broken: {text}")
    print(f"  {len(journal.unexpected)} unexpected answers; the invariants {'do not hold' if wrong else 'hold'}.\n")
    return 1 if journal.unexpected or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
