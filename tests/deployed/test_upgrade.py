"""A new version is deployed over the running one while platforms are at work: no request is lost, and nothing else is.

The function's program and its settings are both replaced. Old and new are of one version, which AWS cannot know.
"""

from __future__ import annotations

import io
import os
import re
import threading
import time
import unittest.mock
import zipfile
from functools import partial

import load_platform
from another_broker import OFTEN, AnotherBroker, template
from load import check_records, check_tombstones
from load_platform import PLANS, Journal, Platform, at_once
from osb import Client
from support import BROKER, CLOUDFORMATION, BrokerTestCase, application_role, client, of_service, stacks_of

PLATFORMS = 4
REQUESTS = 100  # of all platforms together, before the upgrade and after it
PATIENCE = 60


class UpgradeTest(BrokerTestCase):
    def test_no_request_is_lost_and_nothing_orphaned(self) -> None:
        upgraded, services = AnotherBroker("upgraded"), ",".join(PLANS)
        old = template()
        upgraded.create(old, EnabledServices=services)
        self.addCleanup(upgraded.delete)
        broker, operator = upgraded.broker, client("lambda")
        platforms, journal = self.platforms(upgraded.client, Client(broker.url, broker.username, "wrong"))
        over = threading.Event()

        def upgrade() -> list[int]:
            try:
                counts = [self.await_requests(journal, REQUESTS)]
                upgraded.update(with_another_program(old), EnabledServices=services, LogLevel="debug")
                counts.append(answered(journal))
                counts.append(self.await_requests(journal, counts[-1] + REQUESTS))
                return counts
            finally:
                over.set()

        def work(platform: Platform) -> None:
            while not over.is_set():
                platform.run(time.monotonic() + 0.5)

        before = operator.get_function_configuration(FunctionName=broker.outputs["FunctionName"])
        # Without deletions that halt creations, which wait for half a minute on purpose.
        with unittest.mock.patch.dict(load_platform.WITH_NEW, {Platform.provision: 1}, clear=True):
            (begun, done, _), *_ = at_once(upgrade, *(partial(work, platform) for platform in platforms))
        after = operator.get_function_configuration(FunctionName=broker.outputs["FunctionName"])

        self.assertGreater(done, begun, "no request was answered during the upgrade")
        self.assertNotEqual(after["CodeSha256"], before["CodeSha256"])
        self.assertEqual(after["Environment"]["Variables"]["LOG_LEVEL"], "debug")
        with unittest.mock.patch.dict(os.environ, broker.settings):
            lost = check_records()[1]
            at_once(*(platform.clean_up for platform in platforms))
            lost += check_tombstones()[1]
        self.assertEqual((journal.unexpected, lost), ([], []))

    def test_instances_of_an_earlier_deploy_role_change_and_go(self) -> None:
        """CloudFormation remembers the role that an earlier build passed, and that is gone."""
        instance, plan = self.provision("sqs", "standard")
        (stack,), cloudformation = stacks_of(instance), client("cloudformation")
        parameters = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Parameters"]
        changed = [{**each, "ParameterValue": "7"} for each in parameters if each["ParameterKey"] == "DelaySeconds"]
        names = {each["ParameterKey"] for each in parameters} - {"DelaySeconds"}
        with application_role("earlier-", CLOUDFORMATION) as role:
            cloudformation.update_stack(
                StackName=stack,
                UsePreviousTemplate=True,
                Parameters=[*changed, *({"ParameterKey": name, "UsePreviousValue": True} for name in names)],
                RoleARN=role["Arn"],
            )
            cloudformation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig=OFTEN)
            self.assertEqual(role_of(stack), role["Arn"])

        accepted = BROKER.update(instance, plan, {"parameters": {"DelaySeconds": 5}}).expect(202)
        BROKER.wait(instance, plan, accepted.get("operation"))
        self.assertEqual(role_of(stack), of_service("role", "sqs"))
        self.deprovision(instance, plan)

    def platforms(self, broker: Client, stranger: Client) -> tuple[list[Platform], Journal]:
        journal = Journal()
        plans = {service: broker.plan(service, plan) for service, (plan, _) in PLANS.items()}
        return [Platform(broker, stranger, plans, journal, f"{number}") for number in range(PLATFORMS)], journal

    def await_requests(self, journal: Journal, number: int) -> int:
        deadline = time.monotonic() + PATIENCE
        while answered(journal) < number:
            self.assertLess(time.monotonic(), deadline, f"{number} requests were not answered in {PATIENCE} s")
            time.sleep(0.1)
        return answered(journal)


def role_of(stack: str) -> str:
    """The role that CloudFormation acts with, unless a request names another."""
    return client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["RoleARN"]


def answered(journal: Journal) -> int:
    return sum(map(len, journal.answers.values()))


def with_another_program(template: str) -> str:
    """The same program in another zip, which is all that tells Lambda one from the other."""
    (bucket, key) = set(re.findall(r"CodeUri: s3://([^/\s]+)/(\S+)", template)).pop()
    s3 = client("s3")
    program = io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    with zipfile.ZipFile(program, "a") as archive:
        archive.writestr("another", "")
    s3.put_object(Bucket=bucket, Key=f"{key}-another", Body=program.getvalue())
    return template.replace(f"s3://{bucket}/{key}", f"s3://{bucket}/{key}-another")
