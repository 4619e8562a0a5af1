"""Cold start, memory and processor time of the function, and what follows from them for the choice of its MemorySize.

Plays the Lambda runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) on 127.0.0.1: starts a
bootstrap, hands it an event, and takes the time from the start of the process to its answer. A hello-world and the
broker take turns with an event that needs no AWS, so that whatever else the machine does hits both. Then the broker
gets catalog requests with the right password, which it reads here, too.

    cold_start.py [--runs N] HELLO_WORLD BROKER
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

EVENTS = Path(__file__).resolve().parents[1] / "events"
# Answered with 401 before anything else: the shortest way through the broker.
REFUSED = (EVENTS / "bad-no-credentials.json").read_bytes()
# Of what needs no AWS but the secret, the most work.
CATALOG = (EVENTS / "catalog.json").read_bytes()
SAMPLE_PAIR = {"username": "broker", "password": "local-only-password"}
SETTINGS = {
    "AWS_LAMBDA_FUNCTION_NAME": "broker",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "ACCOUNT_ID": "000000000000",
    "BROKER_ID": "awsservicebroker",
    "NAME_PREFIX": "osb",
    "TABLE_NAME": "none",
    "KEY_ARN": "none",
    "CREDENTIALS_SECRET_ARN": "none",
    "BROKER_ROLE_ARN": "none",
    "STACK_EVENTS": "no",
    "BINDING_LIFETIME_DAYS": "0",
    "OUTPUTS_AS_IS": "no",
    "PRESCRIBE_OVERRIDES": "no",
    "SWEEP_REMOVES": "no",
    "MAX_INSTANCES_PER_ORGANIZATION": "0",
    "MAX_BINDINGS_PER_INSTANCE": "0",
    "MISSING_VERSION_STATUS": "400",
}
WARM = 200  # requests to one process

MEMORY_SIZES = (128, 256, 512, 1024, 1769)
# A function has processors in proportion to its memory: one at this many MB.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
ONE_PROCESSOR = 1769
# List prices of x86_64 in us-east-1; each invocation is rounded up to a millisecond: https://aws.amazon.com/lambda/pricing/
DOLLARS_A_REQUEST = 0.20 / 1_000_000
DOLLARS_A_GB_SECOND = 0.0000166667
# What a call of CloudFormation or IAM is assumed to take in COSTS.md.
CALL_MS = 300


@dataclass(frozen=True)
class Run:
    """One process of one program: until its first answer, and in all."""

    first_ms: float
    total_ms: float
    processor_ms: float
    peak_kib: int


class RuntimeApi(ThreadingHTTPServer):
    """Hands out events, takes their answers, and leaves the next request for an event waiting."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A program that is stopped in the middle of its next request is no error here."""

    def __init__(self, events: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events = list(events)
        self.awaited = len(events)
        self.first_answer = 0.0
        self.answered = threading.Event()
        self.over = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet

    def do_GET(self) -> None:
        if not self.server.events:
            self.server.over.wait()
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": "1",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 30) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:none",
        }
        self._answer(200, self.server.events.pop(0), headers)

    def do_POST(self) -> None:
        now = time.perf_counter()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "X-Amz-Target" in self.headers:
            self._read_secret(json.loads(body))
            return
        self.server.first_answer = self.server.first_answer or now
        self.server.awaited -= 1
        if not self.server.awaited:
            self.server.answered.set()
        self._answer(202)

    def _read_secret(self, request: dict[str, str]) -> None:
        if request["VersionStage"] == "AWSCURRENT":
            self._answer(200, json.dumps({"SecretString": json.dumps(SAMPLE_PAIR)}).encode())
        else:
            self._answer(400, b'{"__type": "ResourceNotFoundException"}')

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def run(program: Path, event: bytes, times: int = 1) -> Run:
    """Starts a program, and stops it when it has answered the event as many times."""
    api = RuntimeApi([event] * times)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{api.server_port}"
    environment = {
        **SETTINGS,
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_ENDPOINT_URL": f"http://{address}",
    }
    began = time.perf_counter()
    process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL)
    answered = api.answered.wait(timeout=30)
    ended = time.perf_counter()
    status = Path(f"/proc/{process.pid}/status").read_text()
    process.kill()
    # Of all its threads, those that have ended, too.
    _, process.returncode, usage = os.wait4(process.pid, 0)
    api.over.set()
    api.shutdown()
    api.server_close()
    if not answered:
        raise SystemExit(f"{program} did not answer in 30 s")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return Run(
        first_ms=(api.first_answer - began) * 1000,
        total_ms=(ended - began) * 1000,
        processor_ms=(usage.ru_utime + usage.ru_stime) * 1000,
        peak_kib=int(peak.split()[1]),
    )


def compare(programs: dict[str, Path], runs: int) -> None:
    results: dict[str, list[Run]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, program in programs.items():
            results[name].append(run(program, REFUSED))
    print(f"{'':<12} {'median ms':>10} {'p95 ms':>8} {'CPU ms':>8} {'peak MiB':>9} {'size MiB':>9}   ({runs} runs)")
    medians = {}
    for name, program in programs.items():
        times = sorted(result.first_ms for result in results[name])
        medians[name] = statistics.median(times)
        processor = statistics.median(result.processor_ms for result in results[name])
        peak = max(result.peak_kib for result in results[name]) / 1024
        size = program.stat().st_size / 1024 / 1024
        numbers = f"{medians[name]:>10.1f} {times[int(len(times) * 0.95)]:>8.1f} {processor:>8.1f}"
        print(f"{name:<12} {numbers} {peak:>9.1f} {size:>9.1f}")
    print(f"the broker's cold start is {medians['broker'] / medians['hello-world']:.2f} times that of a hello-world")


def choose_memory(broker: Path, runs: int) -> None:
    """An estimate: what a function of less than one processor does takes longer, and what it waits for does not."""
    cold = [run(broker, CATALOG) for _ in range(runs)]
    warm = [run(broker, CATALOG, 1 + WARM) for _ in range(max(runs // 10, 1))]
    first_ms = statistics.median(result.first_ms for result in cold)
    first_cpu = statistics.median(result.processor_ms for result in cold)
    other_ms = statistics.median((result.total_ms - result.first_ms) / WARM for result in warm)
    other_cpu = statistics.median((result.processor_ms - first_cpu) / WARM for result in warm)
    peak = max(result.peak_kib for result in warm) / 1024
    print(
        f"\na catalog takes {first_ms:.1f} ms as the first request, {first_cpu:.1f} of them CPU, and {other_ms:.1f} ms",
        end="",
    )
    print(f" as another, {other_cpu:.1f} of them CPU; peak {peak:.1f} MiB; without TLS. On Lambda, at the most:")
    print(f"{'MemorySize':>10} {'CPUs':>6} {'first ms':>9} {'other ms':>9} {'$ a million':>12} {'with a call':>12}")
    for size in MEMORY_SIZES:
        share = min(size / ONE_PROCESSOR, 1)
        first = first_cpu / share + max(first_ms - first_cpu, 0)
        other = other_cpu / share + max(other_ms - other_cpu, 0)
        dollars, with_call = dollars_a_million(size, other), dollars_a_million(size, other + CALL_MS)
        print(f"{size:>10} {share:>6.2f} {first:>9.0f} {other:>9.1f} {dollars:>12.2f} {with_call:>12.2f}")


def dollars_a_million(memory_size: int, milliseconds: float) -> float:
    gb_seconds = memory_size / 1024 * math.ceil(milliseconds) / 1000
    return 1_000_000 * (DOLLARS_A_REQUEST + gb_seconds * DOLLARS_A_GB_SECOND)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("hello_world", type=Path)
    parser.add_argument("broker", type=Path)
    arguments = parser.parse_args()
    compare({"hello-world": arguments.hello_world, "broker": arguments.broker}, arguments.runs)
    choose_memory(arguments.broker, arguments.runs)


if __name__ == "__main__":
    main()
