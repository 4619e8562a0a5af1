"""The main job: a queue, as a platform and an application live it."""

from __future__ import annotations

import uuid

import aws
from console import Steps, mask
from demo_steps import DemoFailed, check_log, deprovision, expect_error, provision
from local_aws import Broker, LocalAws
from osb import Client


def use(steps: Steps, local: LocalAws, broker: Broker) -> None:
    client = Client(broker.url, broker.username, broker.password)
    instance, binding = str(uuid.uuid4()), str(uuid.uuid4())

    plan = provision(steps, local, client, instance, ("sqs", "standard"))

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

    deprovision(steps, local, client, instance, plan)
    check_log(steps, local, broker, instance, [secret_key, client.authorization])
