"""The broker's own credentials are rotated while platforms send requests: README.md says how."""

from __future__ import annotations

import json
import os
import time
import unittest
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from osb import Client
from support import client

# How long an operator waits before the platforms are told of the new pair, and how many platforms there are.
WAIT = 15
PLATFORMS = 4


def platform(password: str) -> Client:
    return Client(os.environ["BROKER_URL"], os.environ["BROKER_USERNAME"], password)


def statuses(pool: ThreadPoolExecutor, passwords: list[str], goes_on: Callable[[int], bool]) -> Counter[int]:
    """What platforms with these passwords are answered for as long as it goes on."""

    def send(password: str) -> Counter[int]:
        answers: Counter[int] = Counter()
        while goes_on(answers.total()):
            answers[platform(password).catalog().status] += 1
        return answers

    return sum(pool.map(send, passwords), Counter[int]())


class RotationTest(unittest.TestCase):
    def test_no_request_fails_while_the_credentials_are_rotated(self) -> None:
        secrets, arn = client("secretsmanager"), os.environ["CREDENTIALS_SECRET_ARN"]
        old, new = os.environ["BROKER_PASSWORD"], f"rotated-{uuid.uuid4()}"

        def put(password: str) -> None:
            pair = {"username": os.environ["BROKER_USERNAME"], "password": password}
            secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(pair))

        with ThreadPoolExecutor(PLATFORMS) as pool:
            # Every process of the broker has the old pair in mind.
            before = statuses(pool, [old] * PLATFORMS, lambda sent: sent < 20)
            try:
                put(new)
                told = time.monotonic() + WAIT
                meanwhile = statuses(pool, [old] * PLATFORMS, lambda _: time.monotonic() < told)
                both = statuses(pool, [old, new] * (PLATFORMS // 2), lambda sent: sent < 50)
            finally:
                put(old)
        self.assertEqual((set(before), set(meanwhile), set(both)), ({200}, {200}, {200}))
        self.assertGreater(meanwhile.total(), 100)
