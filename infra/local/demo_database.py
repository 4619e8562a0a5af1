"""A database, as a platform and an application live it."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager
from typing import Any

import database_clients
from console import Steps, mask
from database_clients import REFUSALS, execute
from demo_steps import DemoFailed, check_log, deprovision, provision
from local_aws import Broker, LocalAws
from osb import Client


def use(steps: Steps, local: LocalAws, broker: Broker, service: str) -> None:
    client = Client(broker.url, broker.username, broker.password)
    instance, owner, reader = (str(uuid.uuid4()) for _ in range(3))
    plan = provision(steps, local, client, instance, (service, "dev"))

    with steps.step("Bind as Owner and as ReadOnly") as step:
        owns = client.bind(instance, owner, plan, {"Scope": "Owner"}).expect(201)["credentials"]
        reads = client.bind(instance, reader, plan, {"Scope": "ReadOnly"}).expect(201)["credentials"]
        step.note = f"users {owns['username']}, {reads['username']}; password {mask(owns['password'])}"

    with steps.step("Create a table with the owner's URI, over TLS") as step, connected(owns) as session:
        execute(session, "CREATE TABLE greetings (text varchar(50))")
        execute(session, "INSERT INTO greetings VALUES ('hello')")
        step.note = owns["uri"].partition("@")[2]
    with steps.step("Read it with the other's"), connected(reads) as session:
        if (rows := execute(session, "SELECT text FROM greetings")) != [("hello",)]:
            raise DemoFailed(f"the table has {rows}")
    with steps.step("Writing with it is denied") as step, connected(reads) as session:
        step.note = refusal(session, "INSERT INTO greetings VALUES ('no')")

    with steps.step("Update the database") as step:
        change = {"parameters": {"BackupRetentionDays": 7}}
        client.wait(instance, plan, client.update(instance, plan, change).expect(202).get("operation"))
        step.note = "BackupRetentionDays: 7"

    with steps.step("Unbind the owner"):
        client.unbind(instance, owner, plan).expect(200)
    with steps.step("Its login is refused") as step:
        step.note = refusal_of_login(owns)
    with steps.step("Its table is still there"), connected(reads) as session:
        if (rows := execute(session, "SELECT text FROM greetings")) != [("hello",)]:
            raise DemoFailed(f"the table has {rows}")
    with steps.step("Unbind the reader"):
        client.unbind(instance, reader, plan).expect(200)

    deprovision(steps, local, client, instance, plan)
    check_log(steps, local, broker, instance, [owns["password"], reads["password"], client.authorization])


def connected(credentials: dict[str, str]) -> AbstractContextManager[Any]:
    return database_clients.connected(credentials["uri"])


def refusal(session: Any, statement: str) -> str:
    try:
        execute(session, statement)
    except REFUSALS as error:
        return str(error).partition("\n")[0]
    raise DemoFailed(f"the database has accepted {statement}")


def refusal_of_login(credentials: dict[str, str]) -> str:
    try:
        with connected(credentials):
            pass
    except REFUSALS as error:
        return str(error).strip().rpartition("\n")[2]
    raise DemoFailed("the database has accepted the login")
