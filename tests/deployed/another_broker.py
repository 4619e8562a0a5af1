"""A broker beside the one under test, in a stack of its own: for what would disturb the others."""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions

from local_aws import STACK, Broker, broker_of
from osb import Client
from support import client

# Stacks are complete within seconds here; botocore would look every half minute.
OFTEN = {"Delay": 1, "MaxAttempts": 60}


def template() -> str:
    """That of the broker under test, with its program in S3."""
    cloudformation = client("cloudformation")
    body = cloudformation.get_template(StackName=STACK, TemplateStage="Original")["TemplateBody"]
    return body if isinstance(body, str) else json.dumps(body)


@dataclass(frozen=True)
class AnotherBroker:
    """The prefix is its own, and is neither the beginning of another's nor the other way round."""

    prefix: str
    stack: str = field(default_factory=lambda: f"broker-{uuid.uuid4()}")

    def create(self, template: str, **parameters: str) -> None:
        client("cloudformation").create_stack(**self._request(template, parameters))
        self._wait("stack_create_complete")

    def update(self, template: str, **parameters: str) -> None:
        client("cloudformation").update_stack(**self._request(template, parameters))
        self._wait("stack_update_complete")

    def delete(self, **options: Any) -> dict[str, Any]:
        """What CloudFormation says about the stack in the end."""
        cloudformation = client("cloudformation")
        stack = cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]["StackId"]
        cloudformation.delete_stack(StackName=self.stack, **options)
        with suppress(botocore.exceptions.WaiterError):
            self._wait("stack_delete_complete")
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]

    def resources(self) -> set[str]:
        """The logical ids of what the stack has."""
        pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.stack)
        return {resource["LogicalResourceId"] for page in pages for resource in page["StackResourceSummaries"]}

    @property
    def broker(self) -> Broker:
        return broker_of(self.stack, client, os.environ["AWS_ENDPOINT_URL"])

    @property
    def client(self) -> Client:
        broker = self.broker
        return Client(broker.url, broker.username, broker.password)

    def parameters(self, parameters: dict[str, str]) -> dict[str, str]:
        """Those of the stack, with what every broker on this AWS needs."""
        return {"NamePrefix": self.prefix, "AwsEndpointUrl": os.environ["AWS_ENDPOINT_URL"], **parameters}

    def _request(self, template: str, parameters: dict[str, str]) -> dict[str, Any]:
        # The template is too large for a request.
        s3, bucket = client("s3"), f"templates-{uuid.uuid4()}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="template", Body=template.encode())
        return {
            "StackName": self.stack,
            "TemplateURL": f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}/template",
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters(parameters).items()
            ],
            "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        }

    def _wait(self, state: str) -> None:
        client("cloudformation").get_waiter(state).wait(StackName=self.stack, WaiterConfig=OFTEN)
