"""Connections to the local database servers: over TLS, with the server verified, unless asked otherwise."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql

from local_aws import DATABASE_AUTHORITY, HOST

# What a driver raises if the server refuses the login or a statement, or has ended the session.
REFUSALS = (psycopg.Error, pymysql.Error)


def postgresql(port: int, username: str, password: str, database: str = "postgres", tls: bool = True) -> Any:
    """A connection to a PostgreSQL server, each of whose statements is a transaction."""
    transport = {"sslmode": "verify-full", "sslrootcert": str(DATABASE_AUTHORITY)} if tls else {"sslmode": "disable"}
    login = {"host": HOST, "port": port, "user": username, "password": password, "dbname": database}
    return psycopg.connect(**login, **transport, autocommit=True, connect_timeout=10)


def mariadb(port: int, username: str, password: str, database: str | None = None, tls: bool = True) -> Any:
    """A connection to a MariaDB server, each of whose statements is a transaction."""
    transport = {"ssl": ssl.create_default_context(cafile=DATABASE_AUTHORITY)} if tls else {"ssl_disabled": True}
    login = {"host": HOST, "port": port, "user": username, "password": password, "database": database}
    return pymysql.connect(**login, **transport, autocommit=True, connect_timeout=10)


@contextmanager
def connected(uri: str) -> Iterator[Any]:
    """A session with a binding's URI as it is, but that the driver verifies the server."""
    if uri.startswith("postgresql:"):
        verified = {"sslmode": "verify-full", "sslrootcert": str(DATABASE_AUTHORITY)}
        session = psycopg.connect(uri, **verified, autocommit=True, connect_timeout=10)
    else:
        parts = urlsplit(uri)
        login = (unquote(parts.username or ""), unquote(parts.password or ""))
        session = mariadb(parts.port or 3306, *login, parts.path.removeprefix("/"))
    try:
        yield session
    finally:
        with suppress(*REFUSALS):
            session.close()


def execute(session: Any, statement: str) -> list[tuple[Any, ...]]:
    """The rows that a statement gives."""
    with session.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
