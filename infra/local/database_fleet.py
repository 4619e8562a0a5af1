"""The database servers that the emulator has started, in a folder of its TMPDIR."""

from __future__ import annotations

import atexit
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import database_tools
from database_certificates import Certificates
from database_processes import USER, ServerError, copy, entered_by_all, give, owned
from database_servers import MariaDb, PostgreSql, Server
from database_templates import make_mariadb_template, make_postgresql_template
from database_tools import Program


class Fleet:
    """Starts servers, keeps copies of their data, and stops them."""

    def __init__(self, tools: Path, authority: Path) -> None:
        self._tools, self._authority = tools, authority
        self._running: set[Server] = set()
        self._lock = threading.Lock()
        self._folder: Path | None = None
        atexit.register(self._kill_all)

    def open(self) -> None:
        """Makes the certificates, whose authority is there before anybody asks for a database."""
        temporary = Path(tempfile.gettempdir())
        if USER and not entered_by_all(temporary):
            temporary.chmod(temporary.stat().st_mode | 0o011)  # the servers' user passes through it, and sees nothing
        self._folder = Path(tempfile.mkdtemp(prefix="databases-"))
        give(self._folder)
        self._certificates = Certificates.make(self._folder, self._authority)

    def create(self, engine: str, version: str, data: Path | None = None) -> Server:
        """Starts a server for an engine of RDS on a copy of the data, otherwise of the template."""
        postgresql = "postgres" in engine
        if data and postgresql:
            version = (data / "PG_VERSION").read_text().strip()
        template, make, program = self._postgresql(version) if postgresql else self._mariadb()
        if data is None:
            data = self._template(template, make)
        kind = PostgreSql if postgresql else MariaDb
        server = kind(program, owned(self._new_folder()), self._certificates)
        try:
            copy(data, server.data)
            server.start()
        except BaseException:
            server.remove()
            raise
        self._running.add(server)
        return server

    def remove(self, server: Server) -> None:
        self._running.discard(server)
        server.remove()

    @contextmanager
    def copied(self, server: Server) -> Iterator[Path]:
        """A copy of a server's data for a moment."""
        data = self.keep(server)
        try:
            yield data
        finally:
            shutil.rmtree(data.parent, ignore_errors=True)

    def keep(self, server: Server) -> Path:
        """A copy of a server's data."""
        data = owned(self._new_folder()) / "data"
        server.copy_data(data)
        return data

    def _postgresql(self, version: str) -> tuple[str, Callable[[Path], None], Program]:
        """PostgreSQL up to 15 has other rules for roles than the newest one."""
        programs = database_tools.postgresql(self._tools)
        if not programs:
            raise ServerError(database_tools.NO_POSTGRESQL)
        number = version.partition(".")[0]
        asked = int(number) if number.isdecimal() else max(programs)
        old = [major for major in programs if major <= 15]
        major = max(old) if asked <= 15 and old else max(programs)
        program = self._reachable(programs[major], f"postgresql-{major}")
        return f"template-{major}", lambda data: make_postgresql_template(major, program, data), program

    def _mariadb(self) -> tuple[str, Callable[[Path], None], Program]:
        program = database_tools.mariadb(self._tools)
        if program is None:
            raise ServerError(database_tools.NO_MARIADB)
        program = self._reachable(program, "mariadb")
        return "template-mariadb", lambda data: make_mariadb_template(program, data), program

    def _template(self, name: str, make: Callable[[Path], None]) -> Path:
        with self._lock:
            folder = self._root / name
            if not folder.exists():
                draft = owned(self._new_folder())
                make(owned(draft / "data"))
                draft.rename(folder)
            return folder / "data"

    def _reachable(self, program: Program, name: str) -> Program:
        """The program, or a copy where its folder is closed to the servers' user."""
        if not USER or entered_by_all(program.path.parent):
            return program
        original = self._tools / name
        with self._lock:
            if not (self._root / name).exists():
                shutil.copytree(original, self._root / name, symlinks=True)
        moved = database_tools.mariadb(self._root) if name == "mariadb" else None
        return moved or Program(self._root / name / program.path.relative_to(original))

    def _new_folder(self) -> Path:
        return self._root / secrets.token_hex(4)  # short: the path of a socket has at most 107 bytes

    @property
    def _root(self) -> Path:
        assert self._folder, "the servers have not been opened"
        return self._folder

    def _kill_all(self) -> None:
        running = list(self._running)
        for server in running:
            server.signal_end()
        for server in running:
            server.kill()
