"""Database servers on 127.0.0.1, with TLS, whose master users have what RDS gives them.

A server has a data folder of its own. Its superuser comes through a Unix socket in a folder that nobody else can enter.
Data need not survive a crash, so nothing is synced.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pymysql
from psycopg import sql

from database_certificates import Certificates
from database_processes import HOST, ServerError, copy, free_port, start
from database_templates import ADMINISTRATOR, PASSWORD, mariadb_options
from database_tools import Program

CONNECTIONS = 100
SECONDS_TO_START = 60
SECONDS_TO_STOP = 30
SECONDS_TO_END = 5

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
MASTER_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, "
    "ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, REPLICATION SLAVE"
)


class Server:
    """A server with a data folder of its own."""

    # The first signal lets it finish what it writes, the last one does not.
    signals: ClassVar[tuple[signal.Signals, signal.Signals]]

    def __init__(self, program: Program, folder: Path, certificates: Certificates) -> None:
        self.program, self.folder, self.certificates = program, folder, certificates
        self.data, self.log = folder / "data", folder / "log"
        self.port = free_port()
        self.master, self.requires_tls = "", False
        self._process: subprocess.Popen[bytes] | None = None
        # A copy stops the server for a moment.
        self._lock = threading.RLock()

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C", **self.program.environment}

    def start(self) -> None:
        self._process = start(self.command(), self.log, self.environment, self.signals[1])
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.connect().close()
                return
            except (psycopg.OperationalError, pymysql.OperationalError):
                time.sleep(0.02)
        self.kill()
        raise ServerError(f"{self.program.path.name} did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """Stops it with its data complete on disk."""
        if self._process:
            self._process.send_signal(self.signals[0])
            try:
                self._process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                self.kill()
                raise ServerError(f"{self.program.path.name} did not stop within {SECONDS_TO_STOP} seconds") from None

    def signal_end(self) -> None:
        """Lets it end at once, without waiting for that."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(self.signals[1])

    def kill(self) -> None:
        """Ends it at once."""
        self.signal_end()
        if self._process:
            try:
                self._process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def remove(self) -> None:
        with self._lock:
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def copy_data(self, target: Path) -> None:
        """Copies the data as they are now. Its clients are disconnected."""
        with self._lock:
            self.stop()
            try:
                copy(self.data, target)
            finally:
                self.start()

    # By engine.

    def command(self) -> list[Any]:
        raise NotImplementedError

    def connect(self) -> Any:
        """A connection of the superuser."""
        raise NotImplementedError

    def create_master(self, name: str, password: str, database: str) -> None:
        """Creates the master user and its database."""
        raise NotImplementedError

    def adopt_master(self, name: str) -> None:
        """Knows the master user of data that were copied."""
        raise NotImplementedError

    def set_password(self, password: str) -> None:
        raise NotImplementedError

    def require_tls(self, required: bool) -> None:
        raise NotImplementedError


class PostgreSql(Server):
    signals = (signal.SIGINT, signal.SIGQUIT)

    def __init__(self, program: Program, folder: Path, certificates: Certificates) -> None:
        super().__init__(program, folder, certificates)
        self._write_access_rules()

    def command(self) -> list[Any]:
        settings = {
            "listen_addresses": HOST,
            "hba_file": self.folder / "access",
            "ssl": "on",
            "ssl_cert_file": self.certificates.certificate,
            "ssl_key_file": self.certificates.key,
            "max_connections": CONNECTIONS,
            "max_wal_senders": 0,
            "shared_buffers": "16MB",
            "max_wal_size": "64MB",
            "dynamic_shared_memory_type": "mmap",  # inside the data folder, so that nothing is left elsewhere
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "jit": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self.program.path, "-D", self.data, "-p", str(self.port), "-k", self.folder, *options]

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), port=self.port, user=ADMINISTRATOR, dbname="postgres", autocommit=True
        )

    def create_master(self, name: str, password: str, database: str) -> None:
        """Since PostgreSQL 16, CREATEROLE grants only the roles that it administers. A member of rds_iam has no
        password, so the master administers that role without having it.
        """
        with self.connect() as connection:
            master = sql.Identifier(name)
            execute = connection.execute
            role = sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {} VALID UNTIL 'infinity'")
            execute(role.format(master, sql.Literal(password)))
            execute(sql.SQL("GRANT rds_superuser TO {} WITH ADMIN OPTION").format(master))
            if connection.info.server_version >= 160_000:
                execute(sql.SQL("GRANT rds_iam TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE").format(master))
            execute(sql.SQL("ALTER DATABASE postgres OWNER TO {}").format(master))
            if database and database != "postgres":
                execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), master))
        self.adopt_master(name)

    def adopt_master(self, name: str) -> None:
        self.master = name
        self._reload_access_rules()

    def set_password(self, password: str) -> None:
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(self.master), sql.Literal(password))
        with self._lock, self.connect() as connection:
            connection.execute(statement)

    def require_tls(self, required: bool) -> None:
        self.requires_tls = required
        self._reload_access_rules()

    def _reload_access_rules(self) -> None:
        self._write_access_rules()
        with self._lock, self.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")

    def _write_access_rules(self) -> None:
        """As in RDS a user of IAM has no password to log in with."""
        kind = "hostssl" if self.requires_tls else "host"
        rules = [
            f"local all {ADMINISTRATOR} trust",
            f"host all {ADMINISTRATOR} all reject",
            f"host {ADMINISTRATOR} all all reject",
            *([f'{kind} all "{self.master}" all scram-sha-256'] if self.master else []),
            f"{kind} all +rds_iam all reject",
            f"{kind} all all all scram-sha-256",
        ]
        file = self.folder / "access"
        file.write_text("\n".join(rules) + "\n")
        file.chmod(0o644)


class MariaDb(Server):
    signals = (signal.SIGTERM, signal.SIGKILL)

    def command(self) -> list[Any]:
        settings = {
            "bind-address": HOST,
            "port": self.port,
            "pid-file": self.folder / "pid",
            "ssl-cert": self.certificates.certificate,
            "ssl-key": self.certificates.key,
            "require-secure-transport": "ON" if self.requires_tls else "OFF",
            "skip-name-resolve": "ON",
            "max-connections": CONNECTIONS,
        }
        return [self.program.path, *mariadb_options(self.program, self.data), f"--socket={self.folder / 'socket'}"] + [
            f"--{name}={value}" for name, value in settings.items()
        ]

    def connect(self) -> pymysql.Connection:
        return pymysql.connect(
            unix_socket=str(self.folder / "socket"), user=ADMINISTRATOR, password=PASSWORD, autocommit=True
        )

    def create_master(self, name: str, password: str, database: str) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (name, password))
            cursor.execute(f"GRANT {MASTER_PRIVILEGES} ON *.* TO %s@'%%' WITH GRANT OPTION", (name,))
            if database:
                quoted = database.replace("`", "``")
                cursor.execute(f"CREATE DATABASE `{quoted}`")
        self.adopt_master(name)

    def adopt_master(self, name: str) -> None:
        self.master = name

    def set_password(self, password: str) -> None:
        with self._lock, self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET PASSWORD FOR %s@'%%' = PASSWORD(%s)", (self.master, password))

    def require_tls(self, required: bool) -> None:
        self.requires_tls = required
        with self._lock, self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL require_secure_transport = %s", (int(required),))
