"""Whatever is asked, the answers are those of openapi.yaml: the broker, fuzzed by schemathesis."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local_aws import FOLDER
from osb import Plan
from support import BrokerTestCase, client

HERE = Path(__file__).parent
# What one process each fuzzes, with instances of its own. The local AWS answers 17 requests a second to one process and
# 60 to four, and hardly more to more of them.
BULKY = ["provision", "update"]
RUNS = {
    **{name: ["--phases", "coverage,fuzzing", "--include-operation-id", name] for name in BULKY},
    "others": ["--phases", "coverage,fuzzing", *(word for name in BULKY for word in ("--exclude-operation-id", name))],
    "sequences": ["--phases", "stateful"],
}
# In seconds, of the minute or so that it takes. Whoever waits longer waits for something that hangs.
TIME_LIMIT = 240
# Where one of these was never answered, the requests did not get far enough to prove something.
REACHED = {
    "catalog": {200, 400, 412},
    "provision": {202, 400, 409, 422},
    "update": {400, 404},
    "fetch_instance": {200, 404},
    "last_operation": {200, 404},
    "deprovision": {202, 400, 410, 422},
    "bind": {200, 201, 400, 404},
    "fetch_binding": {200, 404},
    "binding_last_operation": {200, 404},
    "unbind": {200, 400, 410},
}
REPEAT = "To repeat a request, replace -H 'Authorization: [Filtered]' by -u \"$BROKER_USERNAME:$BROKER_PASSWORD\"."


class SchemaTest(BrokerTestCase):
    def test_all_responses_match_the_openapi_document(self) -> None:
        self.addCleanup(self.assert_no_new_stack, stacks())  # runs after the one below
        self.addCleanup(self.delete_all_but, set(instances()))
        with ThreadPoolExecutor(len(RUNS)) as pool:
            runs = dict(zip(RUNS, pool.map(fuzz, RUNS), strict=True))
        seen: dict[str, set[int]] = {}
        for name, run in runs.items():
            with self.subTest(name):
                print(f"\n{name}: {summary(run.stdout)}", end="", flush=True)
                self.assertEqual(run.returncode, 0, f"\n{run.stdout}\n{REPEAT}")
            for operation, statuses in json.loads(answers(name).read_text()).items():
                seen.setdefault(operation, set()).update(map(int, statuses))
        missed = {operation: statuses - seen.get(operation, set()) for operation, statuses in REACHED.items()}
        self.assertEqual({operation: statuses for operation, statuses in missed.items() if statuses}, {})

    def delete_all_but(self, before: set[str]) -> None:
        for instance, plan in instances().items():
            with self.subTest(f"delete {instance!r}"):
                if instance not in before:
                    self.deprovision(instance, plan)
        self.assertEqual(instances().keys() - before, set())

    def assert_no_new_stack(self, before: set[str]) -> None:
        self.assertEqual(stacks() - before, set())


def fuzz(name: str) -> subprocess.CompletedProcess[str]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    answers(name).write_text("{}")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "SCHEMATHESIS_HOOKS": "fuzz_hooks",
        "FUZZ_ANSWERS": str(answers(name)),
        "NO_PROXY": "*",  # the broker is on this machine
        "COLUMNS": "120",
    }
    schemathesis = [Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml"]
    return subprocess.run(
        [*schemathesis, "run", "--no-color", *RUNS[name], HERE / "openapi.yaml"],
        cwd=FOLDER,  # it leaves files where it runs
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIME_LIMIT,
    )


def answers(name: str) -> Path:
    """Where fuzz_hooks.py leaves which statuses it saw."""
    return FOLDER / f"schema-{name}.json"


def summary(output: str) -> str:
    """How much was tried, with which seed, and how long it took."""
    return ", ".join(re.findall(r"\d+ generated|Seed: \d+|in [\d.]+s(?= =)", output))


def instances() -> dict[str, Plan]:
    """All instances that the broker knows, tombstones left out, with their plans."""
    pages = client("dynamodb").get_paginator("scan").paginate(TableName=os.environ["TABLE_NAME"], ConsistentRead=True)
    items = [item for page in pages for item in page["Items"]]
    known = [item for item in items if item["sk"]["S"] == "META" and "expires_at" not in item]
    return {item["id"]["S"]: plan(item["attributes"]["M"]) for item in known}


def plan(attributes: dict[str, Any]) -> Plan:
    return Plan(attributes["service_id"]["S"], attributes["plan_id"]["S"])


def stacks() -> set[str]:
    pages = client("cloudformation").get_paginator("describe_stacks").paginate()
    return {stack["StackName"] for page in pages for stack in page["Stacks"]}
