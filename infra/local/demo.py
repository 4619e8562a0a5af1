"""The main job on a local AWS: `make demo`, or `make demo SERVICE=rdspostgresql` for a database."""

from __future__ import annotations

import os
import sys

import aws
import demo_database
import demo_queue
from console import Steps
from demo_steps import DemoFailed
from local_aws import FOLDER, Broker, LocalAws, LocalAwsError, deployed_broker, stop_on_signals

SERVICE = os.environ.get("SERVICE") or "sqs"
DATABASES = ("rdspostgresql", "rdsmysql", "rdsmariadb", "aurorapostgresql", "auroramysql")


def main() -> int:
    stop_on_signals()
    steps = Steps()
    if SERVICE not in ("sqs", *DATABASES):
        print(f"There is no demo of {SERVICE}: choose sqs or one of {', '.join(DATABASES)}", file=sys.stderr)
        return 1
    print("\n  An Open Service Broker on a local AWS: deploy, provision, bind, use, update, unbind, deprovision\n")
    try:
        with deployed_broker(steps) as (local, broker):
            try:
                job(steps, local, broker)
            except Exception:
                show_log(local, broker)
                raise
    except KeyboardInterrupt:
        print("\n  Interrupted. Everything has been stopped.\n")
        return 130
    except Exception as error:
        # These two say all there is to say; others are better known by their names.
        name = "" if isinstance(error, (DemoFailed, LocalAwsError)) else f"{type(error).__name__}: "
        print(f"\n  {steps.paint('Failed', 31)} after {steps.passed} steps and {steps.elapsed}: {name}{error}")
        print(f"  Everything has been stopped; logs are in {FOLDER}.\n")
        return 1
    print(f"\n  {steps.paint('Passed', 32)}: {steps.passed} steps in {steps.elapsed}.")
    print("  Everything has been stopped.\n")
    return 0


def job(steps: Steps, local: LocalAws, broker: Broker) -> None:
    if SERVICE in DATABASES:
        demo_database.use(steps, local, broker, SERVICE)
    else:
        demo_queue.use(steps, local, broker)


def show_log(local: LocalAws, broker: Broker) -> None:
    print("\n  The last lines of the function's log:\n")
    for line in list(aws.log_lines(local.client("logs"), broker.outputs["LogGroupName"]))[-20:]:
        print(f"    {line.rstrip()}")


if __name__ == "__main__":
    sys.exit(main())
