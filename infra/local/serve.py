"""Deploys the broker to a local AWS and leaves it running.

serve.py              until Ctrl-C. Meanwhile target/local/broker.env says where the broker is: for a shell
                      (`set -a; . target/local/broker.env`) and for `cargo lambda watch --env-file`, which runs the
                      function from source
serve.py <command>    until the command ends, which finds the same variables in its environment
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from console import Steps
from local_aws import (
    DATABASE_AUTHORITY,
    FOLDER,
    REPOSITORY,
    Broker,
    LocalAws,
    LocalAwsError,
    deployed_broker,
    run,
    stop_on_signals,
)

ENV_FILE = FOLDER / "broker.env"
# The requests in events/ carry this pair, so that they work here as they are.
SAMPLE_PAIR = {"username": "broker", "password": "local-only-password"}


def main() -> int:
    stop_on_signals()
    command = sys.argv[1:]
    try:
        with deployed_broker(Steps()) as (local, broker):
            variables = describe(local, broker)
            if command:
                return run(command, cwd=REPOSITORY, env={**local.environment, **variables})
            with env_file(variables):
                print(USAGE.format(url=broker.url, file=ENV_FILE.relative_to(REPOSITORY), **SAMPLE_PAIR), flush=True)
                local.serve()
    except KeyboardInterrupt:
        print("\n  Stopped.")
        return 130 if command else 0
    except LocalAwsError as error:
        print(f"\n  {error}\n", file=sys.stderr)
    return 1


def describe(local: LocalAws, broker: Broker) -> dict[str, str]:
    """Gives the broker the sample pair, and says how to reach it and with which settings its function runs."""
    local.client("secretsmanager").put_secret_value(
        SecretId=broker.outputs["CredentialsSecretArn"], SecretString=json.dumps(SAMPLE_PAIR)
    )
    # Python's SDK and the AWS CLI read the Region from AWS_DEFAULT_REGION, the others from AWS_REGION.
    names = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    aws = {name: local.environment[name] for name in names}
    return {
        "BROKER_URL": broker.url,
        "BROKER_USERNAME": SAMPLE_PAIR["username"],
        "BROKER_PASSWORD": SAMPLE_PAIR["password"],
        "FUNCTION_NAME": broker.outputs["FunctionName"],
        "SWEEP_FUNCTION_NAME": broker.outputs["SweepFunctionName"],
        "LOG_GROUP_NAME": broker.outputs["LogGroupName"],
        "DATABASE_AUTHORITY": str(DATABASE_AUTHORITY),
        **aws,
        **broker.settings,  # AWS_ENDPOINT_URL among them
    }


@contextmanager
def env_file(variables: dict[str, str]) -> Iterator[None]:
    """Whoever waits for the file finds it complete; it is there only as long as what it describes."""
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    draft = ENV_FILE.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(text)
    os.replace(draft, ENV_FILE)
    try:
        yield
    finally:
        ENV_FILE.unlink(missing_ok=True)


USAGE = """
  The broker runs until Ctrl-C. Point any Open Service Broker API client at it:

    URL       {url}
    User      {username}
    Password  {password}

  From another shell:

    set -a; . {file}; set +a
    curl -u "$BROKER_USERNAME:$BROKER_PASSWORD" -H "X-Broker-API-Version: 2.17" "$BROKER_URL/v2/catalog"
"""


if __name__ == "__main__":
    sys.exit(main())
