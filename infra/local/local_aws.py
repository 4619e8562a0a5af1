"""A local AWS that the stack is really deployed to: ministack on 127.0.0.1, `sam build`, `sam deploy`.

It evaluates IAM policies (AUTH=true), so that the function can do what its role allows and a binding's keys are worth
exactly their policy. All that is started here ends with the `with` block, whatever ends that.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aws
from console import Steps

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = Path(os.environ.get("TOOLS", REPOSITORY / ".tools")).resolve()
# Logs, and what `make serve` tells others: beside the build's output, so ignored by git and gone with `make clean`.
FOLDER = REPOSITORY / "target" / "local"
# The certificate of the authority that signs those of the local database servers.
DATABASE_AUTHORITY = FOLDER / "databases.pem"

HOST = "127.0.0.1"
REGION = "us-east-1"
STACK = "aws-service-broker"
# The emulator runs the function on this machine.
ARCHITECTURE = f"Architecture={'arm64' if platform.machine() == 'aarch64' else 'x86_64'}"

# Users may name what they like, and the log is as verbose as it can be, so that all of it can be tried.
APPLICATION_ROLES = "application-"
OIDC_PROVIDER = "arn:aws:iam::000000000000:oidc-provider/oidc.local"
SETTINGS = [
    "SweepRemoves=yes",
    "LogLevel=trace",
    f"BindableRoles={APPLICATION_ROLES}*",
    f"OidcProviderArn={OIDC_PROVIDER}",
    "SenderIdentities=*",
    "PrivateZoneVpcs=vpc-*",
    "RecordZones=Z*",
    "RecordNames=*",
    "QueryLogGroups=*",
    "EventTopics=*",
    # The emulator's default VPC. On this machine, nothing is outside of it.
    "DatabaseVpcId=vpc-00000001",
    "DatabaseSubnetIds=subnet-00000001,subnet-00000002",
    "DatabaseSecurityGroups=sg-*",
]


class LocalAwsError(Exception):
    """Something that the person at the terminal can act on."""


@dataclass(frozen=True)
class Broker:
    """The deployed broker as its operator sees it."""

    url: str
    username: str
    password: str
    outputs: dict[str, str]
    settings: dict[str, str]  # the environment variables of its function


def broker_of(stack: str, client: Callable[[str], Any], endpoint: str) -> Broker:
    """The broker that a stack has deployed."""
    described = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    function = client("lambda").get_function_configuration(FunctionName=outputs["FunctionName"])
    secret = client("secretsmanager").get_secret_value(SecretId=outputs["CredentialsSecretArn"])
    credentials = json.loads(secret["SecretString"])
    return Broker(
        url=path_form(outputs["BrokerUrl"], endpoint),
        username=credentials["username"],
        password=credentials["password"],
        outputs=outputs,
        settings=function["Environment"]["Variables"],
    )


def path_form(url: str, endpoint: str) -> str:
    """A URL of API Gateway or Lambda as the emulator serves it: the host in it has no DNS name."""
    host, path = urlsplit(url)[1:3]
    name, service = host.split(".")[:2]
    # A private API's name has the VPC endpoint's behind it.
    identifier = name.partition("-vpce-")[0]
    stage = "/$default" if service == "execute-api" and not path else path
    return f"{endpoint}/_aws/{service}/{identifier}{stage}"


class LocalAws:
    """The emulator, as a context manager. Port 0 stands for a free one."""

    def __init__(self, port: int = 0) -> None:
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, port))
                self._port: int = probe.getsockname()[1]
        except (OSError, OverflowError) as error:
            advice = "choose another one with PORT=<number>, or omit PORT for a free one"
            raise LocalAwsError(f"port {port} is not available ({error}): {advice}") from None
        self.endpoint = f"http://{HOST}:{self._port}"

    def __enter__(self) -> LocalAws:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self._log = FOLDER / "ministack.log"
        self._scratch = tempfile.TemporaryDirectory(prefix="local-aws-")
        # The function inherits these variables, so they are few, as in a Lambda sandbox.
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": self._scratch.name,
            "STATE_DIR": self._scratch.name,
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_REGION": REGION,
            "AUTH": "true",
            "IOT_MTLS_ENABLED": "0",  # would listen on one more port
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE_SERVERS": str(TOOLS / "databases"),
            "DATABASE_AUTHORITY": str(DATABASE_AUTHORITY),
        }
        with self._log.open("w") as log:
            emulator = [TOOLS / "emulator" / "bin" / "python", REPOSITORY / "infra" / "local" / "emulator.py"]
            self._process = _start(emulator, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            self._await_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _stop(self._process)
        self._scratch.cleanup()

    def _await_ready(self, seconds: float = 60) -> None:
        # A proxy that the environment names has no business here.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with opener.open(f"{self.endpoint}/_ministack/ready", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise LocalAwsError(f"the local AWS did not start:\n{tail(self._log)}")

    def serve(self) -> None:
        """Stays until interrupted. The emulator ends by itself only when something is wrong."""
        self._process.wait()
        raise LocalAwsError(f"the local AWS stopped unexpectedly:\n{tail(self._log)}")

    @property
    def environment(self) -> dict[str, str]:
        """For programs that shall talk to this AWS and to no other, whatever profile the user has."""
        foreign = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **foreign,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            # The emulator's root user, which passes every policy.
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": f"{HOST},{os.environ.get('NO_PROXY', '')}",
        }

    def client(self, service: str, credentials: dict[str, str] | None = None) -> Any:
        """A client of the root user, or of the application that the credentials were made for."""
        if credentials is None:
            return aws.client(service, self.environment)
        return aws.client(service, {**credentials, "AWS_ENDPOINT_URL": self.endpoint})

    def build(self) -> None:
        """`sam build` compiles the function, in the crate's own target folder: the second time takes seconds."""
        sam("build", "--parameter-overrides", ARCHITECTURE, environment=self.environment)

    def deploy(self) -> Broker:
        """`sam deploy` as on AWS, but for the endpoint and the question whether to go on."""
        parameters = [ARCHITECTURE, f"AwsEndpointUrl={self.endpoint}", *SETTINGS]
        # A parameter has one line.
        authority = DATABASE_AUTHORITY.read_text().strip().replace("\n", "\\n")
        parameters.append(f'DatabaseTrustAnchors="{authority}"')
        sam("deploy", "--no-confirm-changeset", "--parameter-overrides", *parameters, environment=self.environment)
        return broker_of(STACK, self.client, self.endpoint)


def sam(command: str, *options: str, environment: Mapping[str, str], folder: Path = REPOSITORY / "infra") -> None:
    """Runs a command of the SAM CLI in a folder with a template."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = FOLDER / f"sam-{command}.log"
    tools = TOOLS / "build" / "bin"
    environment = {
        **environment,
        "SAM_CLI_TELEMETRY": "0",
        # Where SAM finds cargo-lambda, and cargo-lambda its linker: zig, as a module of the first python3.
        "PATH": f"{tools}:{os.environ['PATH']}",
        # Of zig, which would fill ~/.cache.
        "XDG_CACHE_HOME": str(TOOLS / "cache"),
    }
    with log.open("w") as output:
        status = run([tools / "sam", command, *options], cwd=folder, env=environment, stdout=output, stderr=output)
    if status:
        raise LocalAwsError(f"sam {command} failed:\n{tail(log)}")


@contextmanager
def deployed_broker(steps: Steps) -> Iterator[tuple[LocalAws, Broker]]:
    """The broker on a local AWS on port PORT, with a line on the terminal for each step to it."""
    port = os.environ.get("PORT", "")
    if port and not port.isdecimal():
        raise LocalAwsError(f"PORT={port} is not a number")
    with ExitStack() as cleanup:
        with steps.step("Start the local AWS") as step:
            local = cleanup.enter_context(LocalAws(int(port or 0)))
            step.note = f"{local.endpoint}, IAM policies evaluated"
        with steps.step("sam build (minutes the first time)"):
            local.build()
        with steps.step("sam deploy") as step:
            broker = local.deploy()
            step.note = broker.url
        yield local, broker


def run(command: list[Any], **options: Any) -> int:
    """Runs a command to its end. If something else ends the wait, the command and its children go first."""
    process = _start(command, **options)
    try:
        return process.wait()
    except BaseException:
        _stop(process)
        raise


def _start(command: list[Any], **options: Any) -> subprocess.Popen[bytes]:
    # In a process group of its own: Ctrl-C then reaches this program alone, which decides in what order things stop.
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)


def _stop(process: subprocess.Popen[bytes], seconds: float = 10) -> None:
    """Ends the process and what it started: politely, then not."""
    impatience = signal.signal(signal.SIGINT, signal.SIG_IGN)  # people press Ctrl-C twice
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    signal.signal(signal.SIGINT, impatience)


def stop_on_signals() -> None:
    """Lets SIGTERM and SIGHUP end the program as Ctrl-C does: by an exception, which `with` blocks see."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    # A shell starts its background jobs with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def tail(log: Path, lines: int = 30) -> str:
    return "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
