"""Cold start and memory of the function, beside those of a hello-world in the same run.

Plays the Lambda runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) on 127.0.0.1: starts a
bootstrap, hands it one event that needs no AWS, and takes the time from the start of the process to its answer. The two
programs take turns, so that whatever else the machine does hits both.

    cold_start.py [--runs N] HELLO_WORLD BROKER
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# Answered with 401 before anything else: the shortest way through the broker.
EVENT = (REPOSITORY / "events" / "bad-no-credentials.json").read_bytes()
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
    "DEPLOY_ROLE_ARN": "none",
    "PERMISSIONS_BOUNDARY_ARN": "none",
}


@dataclass(frozen=True)
class Start:
    """One start of one program."""

    milliseconds: float
    peak_kib: int


class RuntimeApi(ThreadingHTTPServer):
    """Hands out one event, takes its answer, and leaves the next request for an event waiting."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A program that is stopped in the middle of its next request is no error here."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.handed_out = threading.Event()
        self.answered = threading.Event()
        self.over = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.server.handed_out.is_set():
            self.server.over.wait()
            return
        self.server.handed_out.set()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "1")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 30) * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:none")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(EVENT)))
        self.end_headers()
        self.wfile.write(EVENT)

    def do_POST(self) -> None:
        self.server.answered.set()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def start(program: Path) -> Start:
    """Starts a program, and stops it when it has answered."""
    api = RuntimeApi()
    threading.Thread(target=api.serve_forever, daemon=True).start()
    environment = {**SETTINGS, "PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}"}
    began = time.perf_counter()
    process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL)
    answered = api.answered.wait(timeout=30)
    took = time.perf_counter() - began
    status = Path(f"/proc/{process.pid}/status").read_text()
    process.kill()
    process.wait()
    api.over.set()
    api.shutdown()
    api.server_close()
    if not answered:
        raise SystemExit(f"{program} did not answer in 30 s")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return Start(took * 1000, int(peak.split()[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("hello_world", type=Path)
    parser.add_argument("broker", type=Path)
    arguments = parser.parse_args()
    programs = {"hello-world": arguments.hello_world, "broker": arguments.broker}
    starts: dict[str, list[Start]] = {name: [] for name in programs}
    for _ in range(arguments.runs):
        for name, program in programs.items():
            starts[name].append(start(program))
    print(f"{'':<12} {'median ms':>10} {'p95 ms':>8} {'peak MiB':>9} {'size MiB':>9}   ({arguments.runs} runs)")
    medians = {}
    for name, program in programs.items():
        times = sorted(run.milliseconds for run in starts[name])
        medians[name] = statistics.median(times)
        peak = max(run.peak_kib for run in starts[name]) / 1024
        size = program.stat().st_size / 1024 / 1024
        print(f"{name:<12} {medians[name]:>10.1f} {times[int(len(times) * 0.95)]:>8.1f} {peak:>9.1f} {size:>9.1f}")
    print(f"the broker's cold start is {medians['broker'] / medians['hello-world']:.2f} times that of a hello-world")


if __name__ == "__main__":
    main()
