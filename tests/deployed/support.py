"""The broker under test: the one that the environment variables of `make serve` point to."""

from __future__ import annotations

import json
import os
import time
import unittest
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aws
from osb import Answer, Client, Plan

BROKER = Client(os.environ["BROKER_URL"], os.environ["BROKER_USERNAME"], os.environ["BROKER_PASSWORD"])


def client(service: str, credentials: Mapping[str, str] | None = None, tls: bool = True) -> Any:
    """An AWS client of the application that the credentials were made for; without any, of the operator."""
    endpoint = {"AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"]}
    return aws.client(service, os.environ if credentials is None else {**credentials, **endpoint}, tls)


def unique_name() -> str:
    """A name that the broker's own resources could have."""
    return f"{os.environ['NAME_PREFIX']}-{uuid.uuid4()}"


def kms_key() -> str:
    """The ARN of a key of the operator's."""
    return client("kms").create_key()["KeyMetadata"]["Arn"]


def of_service(kind: str, service: str, prefix: str = os.environ["NAME_PREFIX"]) -> str:
    """The ARN of a service's deploy role, or of its bindings' boundary: of the kind `role` or `policy`."""
    account, region = os.environ["ACCOUNT_ID"], os.environ["AWS_REGION"]
    return f"arn:aws:iam::{account}:{kind}/service-broker/{prefix}/{prefix}.{service}.{region}"


def stacks_of(instance: str) -> list[str]:
    pages = client("cloudformation").get_paginator("describe_stacks").paginate()
    return [stack["StackName"] for page in pages for stack in page["Stacks"] if instance in stack["StackName"]]


def records_of(instance: str) -> list[dict[str, Any]]:
    """What the table holds about an instance, without tombstones: those have a time to live."""
    found = client("dynamodb").query(
        TableName=os.environ["TABLE_NAME"],
        KeyConditionExpression="pk = :instance",
        ExpressionAttributeValues={":instance": {"S": f"INSTANCE#{instance}"}},
        ConsistentRead=True,
    )
    return [item for item in found["Items"] if "expires_at" not in item]


def forget(instance: str) -> None:
    """Deletes the records of an instance, as nobody should."""
    for item in records_of(instance):
        key = {name: item[name] for name in ("pk", "sk")}
        client("dynamodb").delete_item(TableName=os.environ["TABLE_NAME"], Key=key)


def user_of(instance: str) -> str:
    """The user of the instance's only binding with a key."""
    [user] = grants_of(instance, "user")
    return user["user_name"]["S"]


def role_of(instance: str) -> str:
    """The role of the instance's only binding with a role of its own."""
    [role] = grants_of(instance, "role")
    return role["role_name"]["S"]


def grants_of(instance: str, kind: str) -> list[dict[str, Any]]:
    """The grants of this kind that the records of the instance's bindings list."""
    lists = (item["grants"]["L"] for item in records_of(instance) if "grants" in item)
    grants = (grant["M"] for grants in lists for grant in grants)
    return [grant[kind]["M"] for grant in grants if kind in grant]


def sweep(payload: dict[str, Any] | None = None) -> Answer:
    """What the sweep function answers to the operator: its findings, or a 500."""
    answer = client("lambda").invoke(
        FunctionName=os.environ["SWEEP_FUNCTION_NAME"], Payload=json.dumps(payload or {}).encode()
    )
    body = json.load(answer["Payload"])
    if "FunctionError" in answer:
        return Answer(500, {"description": body["errorMessage"]})
    return Answer(200, body)


ANYBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


CLOUDFORMATION = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


@contextmanager
def application_role(prefix: str, trust: Mapping[str, Any] = ANYBODY) -> Iterator[dict[str, Any]]:
    """A role that has nothing to do with the broker, and whose owner lets instances of the tests' space use it."""
    iam, name = client("iam"), f"{prefix}{uuid.uuid4()}"
    tags = [{"Key": "servicebroker:space-guid", "Value": "local"}]
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), Tags=tags)["Role"]
    try:
        yield made
    finally:
        iam.delete_role(RoleName=name)


def assume(role_arn: str) -> dict[str, str]:
    """The environment of a program that has the role."""
    session = client("sts").assume_role(RoleArn=role_arn, RoleSessionName="application")["Credentials"]
    return {
        "AWS_REGION": os.environ["AWS_REGION"],
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }


class BrokerTestCase(unittest.TestCase):
    """Instances and bindings of a test's own, so that tests can run in any order."""

    maxDiff = None

    def setUp(self) -> None:
        self.begun = time.time()

    def log_lines(self) -> list[str]:
        """What the function has logged since the test began."""
        return list(aws.log_lines(client("logs"), os.environ["LOG_GROUP_NAME"], self.begun))

    def provision(self, service: str, plan: str, parameters: dict[str, Any] | None = None) -> tuple[str, Plan]:
        instance, ids = str(uuid.uuid4()), BROKER.plan(service, plan)
        accepted = BROKER.provision(instance, ids, parameters).expect(202)
        BROKER.wait(instance, ids, accepted.get("operation"))
        return instance, ids

    def bind(self, instance: str, plan: Plan) -> tuple[str, dict[str, str]]:
        binding = str(uuid.uuid4())
        return binding, BROKER.bind(instance, binding, plan).expect(201)["credentials"]

    def deprovision(self, instance: str, plan: Plan) -> None:
        accepted = BROKER.deprovision(instance, plan).expect(202)
        BROKER.wait(instance, plan, accepted.get("operation"))

    def assert_denied(self, *calls: Callable[[], Any]) -> None:
        for number, call in enumerate(calls, start=1):
            self.assertIn(aws.error_code(call), aws.DENIED, f"call {number} was not denied")
