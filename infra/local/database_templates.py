"""Data folders of servers that nobody has used: the servers of databases start on copies of them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from database_processes import run
from database_tools import Program

# The superuser, as in RDS.
ADMINISTRATOR = "rdsadmin"
PASSWORD = secrets.token_hex()

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html
PREDEFINED_ROLES = {
    14: ("pg_monitor", "pg_signal_backend", "pg_read_all_data", "pg_write_all_data"),
    15: ("pg_checkpoint",),
    16: ("pg_use_reserved_connections", "pg_create_subscription"),
    17: ("pg_maintain",),
}

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.MySQL.SQLRef.html
PROCEDURES = {"rds_kill": "KILL CONNECTION", "rds_kill_query": "KILL QUERY"}


def make_postgresql_template(major: int, program: Program, data: Path) -> None:
    """The roles of RDS. Each line that a single-user server reads is a statement."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    options = ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--wal-segsize=1"]
    run([program.initdb(), "-D", data, f"--username={ADMINISTRATOR}", *options], environment)
    if major >= 18:
        with (data / "postgresql.conf").open("a") as settings:
            settings.write("io_method = sync\n")  # instead of three more processes

    roles = [role for since, names in PREDEFINED_ROLES.items() if major >= since for role in names]
    script = [
        *(f"CREATE ROLE {name}" for name in ("rds_superuser", "rds_iam", "rds_password", "rds_replication")),
        f"GRANT {', '.join(roles)}, rds_password, rds_replication TO rds_superuser WITH ADMIN OPTION",
        f"CREATE DATABASE {ADMINISTRATOR}",
    ]
    command = [program.path, "--single", "-D", data, "-j", "-c", "exit_on_error=on", "-c", "fsync=off", "postgres"]
    run(command, environment, "".join(f"{statement};\n\n" for statement in script))


def mariadb_options(program: Program, data: Path) -> list[str]:
    """The options of a MariaDB that is small and does not care for a crash. The first one has to be the first."""
    settings = {
        "datadir": data,
        "lc-messages-dir": program.share,
        "character-sets-dir": f"{program.share}/charsets",
        "character-set-server": "utf8mb4",
        "performance-schema": "OFF",
        "innodb-buffer-pool-size": "16M",
        "innodb-log-file-size": "4M",
        "innodb-flush-log-at-trx-commit": 0,
        "innodb-flush-method": "nosync",
        "innodb-doublewrite": "OFF",
        "innodb-use-native-aio": "OFF",
        "aria-pagecache-buffer-size": "1M",
        "key-buffer-size": "1M",
    }
    return ["--no-defaults", *(f"--{name}={value}" for name, value in settings.items())]


def make_mariadb_template(program: Program, data: Path) -> None:
    """The system tables, with `rdsadmin` as the only user that is not the server's own."""
    assert program.share
    scripts = [program.share / name for name in ("mysql_system_tables.sql", "mysql_system_tables_data.sql")]
    administrator = (
        '\'{"access":18446744073709551615,"plugin":"mysql_native_password"}\', '
        f"'$.authentication_string', PASSWORD('{PASSWORD}')"
    )
    statements = [
        "CREATE DATABASE mysql;",
        "USE mysql;",
        *(script.read_text() for script in scripts),
        "DELETE FROM global_priv WHERE User IN ('root', '');",
        "DELETE FROM proxies_priv;",
        "DELETE FROM db;",
        f"INSERT INTO global_priv VALUES ('localhost', '{ADMINISTRATOR}', JSON_SET({administrator}));",
        *(
            f"CREATE DEFINER = '{ADMINISTRATOR}'@'localhost' PROCEDURE mysql.{name}(thread BIGINT UNSIGNED) "
            f"SQL SECURITY DEFINER {statement} thread;"
            for name, statement in PROCEDURES.items()
        ),
    ]
    environment = {"PATH": os.environ["PATH"], **program.environment}
    run([program.path, *mariadb_options(program, data), "--bootstrap"], environment, "\n".join(statements) + "\n")
