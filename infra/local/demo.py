"""The main job on a local AWS, as a platform and an application live it: `make demo`."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable

import aws
from console import Steps, mask
from local_aws import FOLDER, Broker, LocalAws, LocalAwsError, deployed_broker, stop_on_signals
from osb import Client

SERVICE, PLAN = "sqs", "standard"


class DemoFailed(Exception):
    """The broker or AWS did something else than the demo is there to show."""


def main() -> int:
    stop_on_signals()
    steps = Steps()
    print("\n  An Open Service Broker on a local AWS: deploy, provision, bind, use, update, unbind, deprovision\n")
    try:
        with deployed_broker(steps) as (local, broker):
            try:
                main_job(steps, local, broker)
            except Exception:
                show_log(local, broker)
                raise
    except KeyboardInterrupt:
        print("\n  Interrupted. Everything has been stopped.\n")
        return 130
    except Exception as error:
        # These two say all there is to say; others are better known by their names.
        name = "" if isinstance(error, (DemoFailed, LocalAwsError)) else f"{type(error).__name__}: "
        print(f"\n  {steps.paint('Failed', 31)} after {steps.passed} steps and {steps.elapsed}: {name}{error}")
        print(f"  Everything has been stopped; logs are in {FOLDER}.\n")
        return 1
    print(f"\n  {steps.paint('Passed', 32)}: {steps.passed} steps in {steps.elapsed}.")
    print("  Everything has been stopped.\n")
    return 0


def main_job(steps: Steps, local: LocalAws, broker: Broker) -> None:
    client = Client(broker.url, broker.username, broker.password)
    instance, binding = str(uuid.uuid4()), str(uuid.uuid4())

    with steps.step("Read the catalog") as step:
        services = client.catalog().expect(200)["services"]
        step.note = f"{len(services)} services, {sum(len(service['plans']) for service in services)} plans"
        plan = client.plan(SERVICE, PLAN)

    with steps.step(f"Provision {SERVICE}/{PLAN}") as step:
        operation = client.provision(instance, plan).expect(202).get("operation")
        step.note = f"accepted: operation {operation}"
    with steps.step("Poll until the queue exists") as step:
        client.wait(instance, plan, operation)
        step.note = ", ".join(stacks_of(local, instance))

    with steps.step("Bind") as step:
        credentials = client.bind(instance, binding, plan).expect(201)["credentials"]
        secret_key = credentials["AWS_SECRET_ACCESS_KEY"]
        step.note = f"access key {credentials['AWS_ACCESS_KEY_ID']}, secret {mask(secret_key)}"
    application = local.client("sqs", credentials)
    queue = credentials["QUEUE_URL"]

    with steps.step("Send a message with these credentials") as step:
        message = f"hello from {binding}"
        application.send_message(QueueUrl=queue, MessageBody=message)
        step.note = f"“{message}”"
    with steps.step("Receive it"):
        received = application.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
        if [each["Body"] for each in received] != [message]:
            raise DemoFailed(f"the queue delivered {received}")
    with steps.step("Deleting the queue with them is denied") as step:
        step.note = expect_error(lambda: application.delete_queue(QueueUrl=queue), aws.DENIED)

    with steps.step("Fetch the instance"):
        client.fetch_instance(instance, plan).expect(200)
    with steps.step("Fetch the binding"):
        fetched = client.fetch_binding(instance, binding, plan).expect(200)["credentials"]
        if fetched != credentials:
            raise DemoFailed("the broker returned other credentials than when it created the binding")

    with steps.step("Update the queue") as step:
        change = {"parameters": {"VisibilityTimeout": 90}}
        operation = client.update(instance, plan, change).expect(202).get("operation")
        client.wait(instance, plan, operation)
        names = ["VisibilityTimeout"]
        seen = application.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        if seen != {"VisibilityTimeout": "90"}:
            raise DemoFailed(f"the queue has {seen} after an update to {change['parameters']}")
        step.note = "VisibilityTimeout: 90"

    with steps.step("Unbind"):
        client.unbind(instance, binding, plan).expect(200)
    with steps.step("The credentials no longer work") as step:
        late = {"QueueUrl": queue, "MessageBody": "too late"}
        step.note = expect_error(lambda: application.send_message(**late), aws.UNKNOWN_KEY)

    with steps.step("Deprovision") as step:
        operation = client.deprovision(instance, plan).expect(202).get("operation")
        step.note = f"accepted: operation {operation}"
    with steps.step("Poll until the instance is deleted"):
        client.wait(instance, plan, operation)
    with steps.step("Its stack no longer exists"):
        if stacks := stacks_of(local, instance):
            raise DemoFailed(f"still exists: {', '.join(stacks)}")

    with steps.step("The function's log contains no secrets") as step:
        lines = list(aws.log_lines(local.client("logs"), broker.outputs["LogGroupName"]))
        secrets = [broker.password, secret_key, client.authorization]
        if not any(instance in line for line in lines):
            raise DemoFailed("the log does not mention the instance, so looking for secrets in it proves nothing")
        if leaks := aws.leaked(secrets, "\n".join(lines)):
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


def show_log(local: LocalAws, broker: Broker) -> None:
    print("\n  The last lines of the function's log:\n")
    for line in list(aws.log_lines(local.client("logs"), broker.outputs["LogGroupName"]))[-20:]:
        print(f"    {line.rstrip()}")


if __name__ == "__main__":
    sys.exit(main())
