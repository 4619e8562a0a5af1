"""Steps that the demos of all services have in common."""

from __future__ import annotations

from collections.abc import Callable

import aws
from console import Steps, mask
from local_aws import Broker, LocalAws
from osb import Client, Plan


class DemoFailed(Exception):
    """The broker or AWS did something else than the demo is there to show."""


def provision(steps: Steps, local: LocalAws, client: Client, instance: str, names: tuple[str, str]) -> Plan:
    """Provisions an instance of the service and plan of these names, and waits for it."""
    service, plan = names
    with steps.step("Read the catalog") as step:
        services = client.catalog().expect(200)["services"]
        step.note = f"{len(services)} services, {sum(len(service['plans']) for service in services)} plans"
        ids = client.plan(service, plan)

    with steps.step(f"Provision {service}/{plan}") as step:
        operation = client.provision(instance, ids).expect(202).get("operation")
        step.note = f"accepted: operation {operation}"
    with steps.step("Poll until it exists") as step:
        client.wait(instance, ids, operation)
        step.note = ", ".join(stacks_of(local, instance))
    return ids


def deprovision(steps: Steps, local: LocalAws, client: Client, instance: str, ids: Plan) -> None:
    """Deprovisions the instance, and sees its stack go."""
    with steps.step("Deprovision") as step:
        operation = client.deprovision(instance, ids).expect(202).get("operation")
        step.note = f"accepted: operation {operation}"
    with steps.step("Poll until the instance is deleted"):
        client.wait(instance, ids, operation)
    with steps.step("Its stack no longer exists"):
        if stacks := stacks_of(local, instance):
            raise DemoFailed(f"still exists: {', '.join(stacks)}")


def check_log(steps: Steps, local: LocalAws, broker: Broker, instance: str, secrets: list[str]) -> None:
    """Looks for secrets in what the functions have logged."""
    with steps.step("The functions' log contains no secrets") as step:
        lines = list(aws.log_lines(local.client("logs"), broker.outputs["LogGroupName"]))
        if not any(instance in line for line in lines):
            raise DemoFailed("the log does not mention the instance, so looking for secrets in it proves nothing")
        if leaks := aws.leaked([broker.password, *secrets], "\n".join(lines)):
            raise DemoFailed(f"the log contains {', '.join(map(mask, leaks))}")
        step.note = f"none in {len(lines)} lines"


def stacks_of(local: LocalAws, instance: str) -> list[str]:
    pages = local.client("cloudformation").get_paginator("describe_stacks").paginate()
    return [stack["StackName"] for page in pages for stack in page["Stacks"] if instance in stack["StackName"]]


def expect_error(call: Callable[[], object], codes: set[str]) -> str:
    code = aws.error_code(call)
    if code not in codes:
        raise DemoFailed(f"the call ended with {code or 'success'}, not with {' or '.join(sorted(codes))}")
    return code
