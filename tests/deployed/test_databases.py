"""Databases in real use: users of bindings, their privileges, and what is left when they go."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg

import database_clients
from database_case import CutConnection, DatabaseTestCase, connected, logs_in, master_of, outputs_of
from database_clients import REFUSALS, execute
from osb import Answer, Plan
from service import Credentials
from support import BROKER, client

# A MySQL is a MariaDB here.
ENGINES = {"rdspostgresql": "PostgreSQL", "rdsmariadb": "MySQL", "aurorapostgresql": "PostgreSQL"}
SERVICES = tuple(ENGINES)
# One service of each engine, for what takes long. Aurora's servers are the same here.
ONE_OF_EACH = ("rdspostgresql", "rdsmariadb")

# RDS's smallest class allows some more connections.
BINDINGS_AT_ONCE = 64


class DatabasesTest(DatabaseTestCase):
    @contextmanager
    def database(self, service: str) -> Iterator[tuple[str, Plan]]:
        instance, ids = self.provision(service, "dev")
        yield instance, ids
        self.deprovision(instance, ids)

    def test_scopes_share_the_tables_of_the_owner(self) -> None:
        for service in SERVICES:
            with self.subTest(service=service), self.database(service) as (instance, ids):
                owner, writer, reader = (
                    self.bind_with(instance, ids, scope)[1] for scope in ("Owner", "ReadWrite", "ReadOnly")
                )
                with connected(owner) as session:
                    execute(session, "CREATE TABLE orders (id integer PRIMARY KEY, item varchar(20))")
                    execute(session, "INSERT INTO orders VALUES (1, 'a queue')")
                with connected(writer) as session:
                    execute(session, "INSERT INTO orders VALUES (2, 'a bucket')")
                    execute(session, "UPDATE orders SET item = 'a table' WHERE id = 1")
                    execute(session, "DELETE FROM orders WHERE id = 2")
                    self.refused(session, "DROP TABLE orders", "ALTER TABLE orders ADD COLUMN more integer")
                with connected(reader) as session:
                    self.assertEqual(execute(session, "SELECT * FROM orders"), [(1, "a table")])
                    self.refused(
                        session,
                        "INSERT INTO orders VALUES (3, 'a topic')",
                        "UPDATE orders SET item = ''",
                        "DELETE FROM orders",
                        "DROP TABLE orders",
                    )

    def test_database_of_another_instance_refuses_the_login(self) -> None:
        for service in SERVICES:
            with (
                self.subTest(service=service),
                self.database(service) as (one, ids),
                self.database(service) as (other, _),
            ):
                _, mine = self.bind_with(one, ids, "Owner")
                _, theirs = self.bind_with(other, ids, "Owner")
                with connected(theirs) as session:
                    execute(session, "CREATE TABLE private (id integer)")
                with connected(mine) as session:
                    self.refused(session, "SELECT * FROM private")

                stranger = {**mine, "uri": mine["uri"].replace(place_of(mine), place_of(theirs))}
                self.assertFalse(logs_in(stranger))

    def test_rotation_and_unbinding_lose_no_table(self) -> None:
        for service in SERVICES:
            with self.subTest(service=service), self.database(service) as (instance, ids):
                binding, first = self.bind_with(instance, ids, "Owner")
                with connected(first) as session:
                    execute(session, "CREATE TABLE orders (id integer PRIMARY KEY)")
                    execute(session, "CREATE VIEW every_order AS SELECT * FROM orders")
                    execute(session, "INSERT INTO orders VALUES (1)")

                successor, second = self.rotate(instance, ids, binding)
                self.assertNotEqual(first["username"], second["username"])
                with connected(first) as open_session:
                    BROKER.unbind(instance, binding, ids).expect(200)
                    self.refused(open_session, "SELECT * FROM orders")
                self.assertFalse(logs_in(first))

                with connected(second) as session:
                    execute(session, "ALTER TABLE orders ADD COLUMN item varchar(20)")
                    self.assertEqual(execute(session, "SELECT id FROM orders"), [(1,)])
                    self.assertEqual(execute(session, "SELECT id FROM every_order"), [(1,)])
                BROKER.unbind(instance, successor, ids).expect(200)
                self.assertFalse(logs_in(second))

                _, third = self.bind_with(instance, ids, "ReadOnly")
                with connected(third) as session:
                    self.assertEqual(execute(session, "SELECT id FROM orders"), [(1,)])

    def rotate(self, instance: str, ids: Plan, binding: str) -> tuple[str, Credentials]:
        successor = str(uuid.uuid4())
        answer = BROKER.rotate(instance, successor, binding).expect(201)
        return successor, answer["credentials"]

    def test_update_keeps_rows_and_users(self) -> None:
        for service in SERVICES:
            with self.subTest(service=service), self.database(service) as (instance, ids):
                _, credentials = self.bind_with(instance, ids, "Owner")
                with connected(credentials) as session:
                    execute(session, "CREATE TABLE orders (id integer)")
                    execute(session, "INSERT INTO orders VALUES (1)")

                has_size = service.startswith("rds")
                changes = {"BackupRetentionDays": 7, "InstanceClass": "db.t4g.large"}
                if has_size:
                    changes["AllocatedStorage"] = 40
                accepted = BROKER.update(instance, ids, {"parameters": changes}).expect(202)
                BROKER.wait(instance, ids, accepted.get("operation"))
                production = BROKER.plan(service, "production")
                accepted = BROKER.update(instance, ids, {"plan_id": production.plan_id}).expect(202)
                BROKER.wait(instance, ids, accepted.get("operation"))

                if has_size:
                    shrunk = BROKER.update(instance, production, {"parameters": {"AllocatedStorage": 30}}).expect(422)
                    self.assertIs(shrunk["update_repeatable"], False)
                with connected(credentials) as session:
                    self.assertEqual(execute(session, "SELECT id FROM orders"), [(1,)])

    def test_restored_instance_has_the_rows_and_users_of_its_own(self) -> None:
        for service in SERVICES:
            with self.subTest(service=service), self.database(service) as (source, ids):
                _, credentials = self.bind_with(source, ids, "Owner")
                with connected(credentials) as session:
                    execute(session, "CREATE TABLE orders (id integer)")
                    execute(session, "INSERT INTO orders VALUES (1)")

                restored, _ = self.provision(service, "dev", {"RestoreFromInstance": source})
                _, restoreds = self.bind_with(restored, ids, "ReadOnly")
                with connected(restoreds) as session:
                    self.assertEqual(execute(session, "SELECT id FROM orders"), [(1,)])
                self.assertNotEqual(place_of(restoreds), place_of(credentials))
                self.assertTrue(logs_in(credentials))
                # The restored database has the source's users as well.
                stranger = {"uri": credentials["uri"].replace(place_of(credentials), place_of(restoreds))}
                self.assertFalse(logs_in(stranger))
                self.deprovision(restored, ids)

    def test_many_bindings_at_once(self) -> None:
        for service in ONE_OF_EACH:
            with self.subTest(service=service), self.database(service) as (instance, ids):
                with ThreadPoolExecutor(BINDINGS_AT_ONCE) as threads:
                    bound = list(threads.map(lambda _: self.bind_soon(instance, ids), range(BINDINGS_AT_ONCE)))
                    self.assertEqual(len({credentials["username"] for _, credentials in bound}), BINDINGS_AT_ONCE)
                    working = list(threads.map(logs_in, (credentials for _, credentials in bound)))
                    self.assertEqual(working.count(True), BINDINGS_AT_ONCE)

                    gone = list(threads.map(lambda each: self.unbind_soon(instance, ids, each[0]), bound))
                    self.assertEqual(gone.count(200), BINDINGS_AT_ONCE)
                    working = list(threads.map(logs_in, (credentials for _, credentials in bound)))
                    self.assertEqual(working.count(True), 0)

    def bind_soon(self, instance: str, ids: Plan) -> tuple[str, Credentials]:
        binding = str(uuid.uuid4())
        answer = until_done(lambda: BROKER.bind(instance, binding, ids, {"Scope": "ReadWrite"}), (200, 201))
        return binding, answer.body["credentials"]

    def unbind_soon(self, instance: str, ids: Plan, binding: str) -> int:
        until_done(lambda: BROKER.unbind(instance, binding, ids), (200, 410))
        return 200

    def test_function_can_be_killed_at_every_step(self) -> None:
        """A killed function is a connection that ends. Whatever was done before, the same request completes it."""
        # A server takes seconds to see that the function has gone, so that both do it at a time.
        with ThreadPoolExecutor(len(ONE_OF_EACH)) as threads:
            for messages in threads.map(self.kill, ONE_OF_EACH):
                self.assertTrue(all(number > 5 for number in messages), messages)

    def kill(self, service: str) -> list[int]:
        with self.database(service) as (instance, _):
            outputs, master, user = outputs_of(instance), master_of(instance), f"sb_{'0' * 25}z"
            actions = (created(user, "a" * 36), dropped(user))
            return [self.killed_and_repeated(service, outputs, master, action) for action in actions]

    def killed_and_repeated(
        self, service: str, outputs: dict[str, str], master: dict[str, str], action: dict[str, Any]
    ) -> int:
        """Kills the function after each message that it sends. Returns their number."""
        messages = 0
        while True:
            with CutConnection(int(outputs["Port"]), messages) as between:
                answer = invoke(service, {**outputs, "Port": str(between.port)}, master, action)
                if not between.was_cut:
                    self.assertEqual(answer, "done")
                    return messages
            # The last message is the farewell: all is done before.
            self.assertTrue(answer == "done" or "unreachable" in answer, f"{answer} after {messages} messages")
            self.assertEqual(invoke(service, outputs, master, action), "done", f"after {messages} messages")
            if "create" in action:
                self.assertTrue(logs_in({"uri": uri_of(service, outputs, action["create"])}), f"after {messages}")
            else:
                # So that there is something to drop the next time.
                name = action["drop"]["name"]
                self.assertEqual(invoke(service, outputs, master, created(name, "a" * 36)), "done")
            messages += 1

    def test_function_rejects_what_could_be_sql(self) -> None:
        for service in SERVICES:
            with self.subTest(service=service), self.database(service) as (instance, _):
                outputs, master = outputs_of(instance), master_of(instance)
                for hostile in ("sb_'; DROP DATABASE app; --", 'sb_"x', "sb_`x"):
                    answer = invoke(service, outputs, master, dropped(hostile))
                    self.assertIn("errorMessage", answer)
                answer = invoke(service, {**outputs, "DatabaseName": 'app"; --'}, master, dropped(f"sb_{'0' * 26}"))
                self.assertIn("errorMessage", answer)
                self.assertNotIn(master["password"], json.dumps(answer))

    def test_server_with_another_certificate_is_not_told_the_password(self) -> None:
        """The function trusts RDS's authorities and the operator's, and only for the host's own name."""
        for service in SERVICES:
            with self.subTest(service=service), self.database(service) as (instance, _):
                outputs = outputs_of(instance)
                # The same server by a name that its certificate does not have.
                with CutConnection(int(outputs["Port"]), sys.maxsize, "127.0.0.2") as between:
                    strange = {**outputs, "Host": "127.0.0.2", "Port": str(between.port)}
                    answer = invoke(service, strange, master_of(instance), dropped(f"sb_{'0' * 26}"))
                self.assertIn("certificate", answer["unreachable"])

    def test_user_with_iam_has_no_password(self) -> None:
        with self.database("rdspostgresql") as (instance, ids):
            _, credentials = self.bind_with(instance, ids, "ReadOnlyIam")
            outputs, master = outputs_of(instance), master_of(instance)
            login = f"{quote(master['username'])}:{quote(master['password'], safe='')}"
            uri = f"postgresql://{login}@{outputs['Host']}:{outputs['Port']}/{outputs['DatabaseName']}"
            with connected({"uri": uri}) as session:
                roles = execute(
                    session,
                    "SELECT roleid::regrole::text FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member "
                    f"WHERE rolname = '{credentials['username']}'",
                )
            self.assertEqual({role for (role,) in roles}, {"rds_iam", "sb_read_only"})
            self.assertFalse(logs_in({"uri": uri.replace(login, f"{credentials['username']}:x")}))

    def test_server_without_iam_is_reported_and_leaves_nothing(self) -> None:
        with self.database("rdsmariadb") as (instance, ids):
            binding = str(uuid.uuid4())
            refused = BROKER.bind(instance, binding, ids, {"Scope": "ReadOnlyIam"}).expect(500)
            self.assertIn("Plugin 'AWSAuthenticationPlugin' is not loaded", refused["description"])
            until_done(lambda: BROKER.unbind(instance, binding, ids), (200,))

    def test_owner_cannot_have_the_master_user_call_its_functions(self) -> None:
        with self.database("rdspostgresql") as (instance, ids):
            _, credentials = self.bind_with(instance, ids, "Owner")
            with connected(credentials) as session:
                for signature in ("format(text, name)", "pg_get_userbyid(oid)", "pg_advisory_xact_lock(bigint)"):
                    body = "SELECT 'CREATE ROLE trapped'::text"
                    execute(session, f"CREATE FUNCTION public.{signature} RETURNS text LANGUAGE sql AS $${body}$$")
            binding, _ = self.bind_with(instance, ids, "ReadOnly")
            BROKER.unbind(instance, binding, ids).expect(200)
            with connected(credentials) as session:
                trapped = execute(session, "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'trapped'")
            self.assertEqual(trapped, [])

    def test_tenant_cannot_keep_its_own_login_alive(self) -> None:
        """Not even with a lock on its own entry in the catalog, in a transaction that does not end."""
        with self.database("rdspostgresql") as (instance, ids):
            binding, credentials = self.bind_with(instance, ids, "ReadOnly")
            with connected(credentials) as session:
                execute(session, "BEGIN")
                execute(session, "ALTER ROLE SESSION_USER PASSWORD 'another'")
                BROKER.unbind(instance, binding, ids).expect(200)
                self.refused(session, "SELECT 1")
            self.assertFalse(logs_in(credentials))

    def test_user_that_cannot_be_dropped_is_shut_out(self) -> None:
        with self.database("rdspostgresql") as (instance, ids):
            binding, credentials = self.bind_with(instance, ids, "ReadOnly")
            elsewhere = {"uri": credentials["uri"].replace("/app?", "/template1?")}
            with connected(elsewhere) as session:
                execute(session, "SELECT lo_create(0)")
            BROKER.unbind(instance, binding, ids).expect(200)
            self.assertFalse(logs_in(credentials))

    def test_second_binding_of_an_id_has_nothing_of_the_first(self) -> None:
        for service in ONE_OF_EACH:
            with self.subTest(service=service), self.database(service) as (instance, ids):
                binding, first = self.bind_with(instance, ids, "Owner")
                with connected(first) as session:
                    execute(session, "CREATE TABLE orders (id integer)")
                    # MySQL keeps a user that is the definer of a view.
                    execute(session, "CREATE VIEW every_order AS SELECT * FROM orders")
                BROKER.unbind(instance, binding, ids).expect(200)

                again = functools.partial(BROKER.bind, instance, binding, ids, {"Scope": "ReadOnly"})
                second = until_done(again, (201,)).body["credentials"]
                with connected(second) as session:
                    self.assertEqual(execute(session, "SELECT * FROM orders"), [])
                    self.refused(session, "INSERT INTO orders VALUES (1)", "DROP TABLE orders")

    def test_prepared_roles_of_a_restored_database_give_nothing(self) -> None:
        with self.database("rdspostgresql") as (source, ids):
            self.bind_with(source, ids, "Owner")
            outputs, master = outputs_of(source), master_of(source)
            login = (int(outputs["Port"]), master["username"], master["password"], outputs["DatabaseName"])
            session = database_clients.postgresql(*login)
            execute(session, "ALTER ROLE sb_read_only LOGIN PASSWORD 'known'")
            execute(session, "GRANT sb_owner TO sb_read_only")
            session.close()

            restored, _ = self.provision("rdspostgresql", "dev", {"RestoreFromInstance": source})
            _, credentials = self.bind_with(restored, ids, "ReadOnly")
            with connected(credentials) as session:
                self.refused(session, "CREATE TABLE mine (id integer)", "SET ROLE sb_owner")
            prepared = credentials["uri"].replace(
                f"{credentials['username']}:{credentials['password']}", "sb_read_only:known"
            )
            self.assertFalse(logs_in({"uri": prepared}))
            self.deprovision(restored, ids)

    def test_one_user_cannot_take_all_connections(self) -> None:
        for service in ONE_OF_EACH:
            with (
                self.subTest(service=service),
                self.database(service) as (instance, ids),
                contextlib.ExitStack() as sessions,
            ):
                binding, credentials = self.bind_with(instance, ids, "ReadOnly")
                with self.assertRaises(REFUSALS):
                    for _ in range(1000):
                        sessions.enter_context(connected(credentials))
                BROKER.unbind(instance, binding, ids).expect(200)
                self.assertFalse(logs_in(credentials))

    def test_no_login_is_logged(self) -> None:
        for service in SERVICES:
            with self.subTest(service=service), self.database(service) as (instance, ids):
                binding, credentials = self.bind_with(instance, ids, "Owner")
                BROKER.unbind(instance, binding, ids).expect(200)
                lines = "\n".join(self.log_lines())
                self.assertIn(credentials["username"], lines)
                for secret in (credentials["password"], master_of(instance)["password"]):
                    self.assertNotIn(secret, lines)

    def test_plaintext_is_refused(self) -> None:
        for service in SERVICES:
            with self.subTest(service=service), self.database(service) as (instance, ids):
                _, credentials = self.bind_with(instance, ids, "Owner")
                with self.assertRaises(REFUSALS):
                    connect_in_plaintext(credentials)


def connect_in_plaintext(credentials: Credentials) -> None:
    if credentials["uri"].startswith("postgresql:"):
        psycopg.connect(credentials["uri"].replace("sslmode=require", "sslmode=disable"), connect_timeout=10).close()
        return
    login = (int(credentials["port"]), credentials["username"], credentials["password"])
    database_clients.mariadb(*login, tls=False).close()


def until_done(request: Callable[[], Answer], statuses: tuple[int, ...], seconds: float = 120) -> Answer:
    """Sends again what the broker accepts for later or cannot do at the moment, as platforms do."""
    deadline = time.monotonic() + seconds
    while (answer := request()).status not in statuses:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the last answer was {answer.status}: {answer.body}")
        time.sleep(1)
    return answer


def place_of(credentials: Credentials) -> str:
    return f"{credentials['host']}:{credentials['port']}"


def created(name: str, password: str) -> dict[str, Any]:
    return {"create": {"name": name, "authentication": {"password": password}, "privileges": "Owner"}}


def dropped(name: str) -> dict[str, Any]:
    return {"drop": {"name": name}}


def uri_of(service: str, outputs: dict[str, str], user: dict[str, Any]) -> str:
    scheme = ENGINES[service].lower()
    login = f"{user['name']}:{user['authentication']['password']}"
    return f"{scheme}://{login}@{outputs['Host']}:{outputs['Port']}/{outputs['DatabaseName']}"


def invoke(service: str, outputs: dict[str, str], master: dict[str, str], action: dict[str, Any]) -> Any:
    """What the function in the network of the databases answers."""
    server = {
        "engine": ENGINES[service],
        "host": outputs["Host"],
        "port": int(outputs["Port"]),
        "database": outputs["DatabaseName"],
        "master": master,
    }
    payload = json.dumps({"server": server, "action": action}).encode()
    answer = client("lambda").invoke(FunctionName=os.environ["DATABASE_FUNCTION"], Payload=payload)
    return json.load(answer["Payload"])
