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
from another_broker import AnotherBroker, template
from load import check_records, check_tombstones
from load_platform import PLANS, Journal, Platform, at_once
from osb import Client
from support import BrokerTestCase, client

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
