"""Processes of the local database servers: they end with the emulator, whatever ends that."""

from __future__ import annotations

import ctypes
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
# Below those that the kernel gives to outgoing connections: a server that is restarted finds its port free.
PORTS = range(20_000, 32_000)

# PostgreSQL refuses to run as root.
USER = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
IDENTITY: dict[str, Any] = {"user": USER.pw_uid, "group": USER.pw_gid, "extra_groups": []} if USER else {}


class ServerError(Exception):
    """A server that is not there, or does not do what it should."""


# A signal for the death of the parent is one for the death of the thread that started the process.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database-servers")
_libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def start(command: list[Any], log: Path, environment: dict[str, str], last: signal.Signals) -> subprocess.Popen[bytes]:
    """Starts a program that gets the last signal once the emulator is gone. It stays in the emulator's process group,
    so that whoever ends the group ends it too."""
    emulator = os.getpid()

    def end_with_emulator() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, last)
        if os.getppid() != emulator:
            os._exit(1)

    def popen() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                preexec_fn=end_with_emulator,
                **IDENTITY,
            )

    return _starter.submit(popen).result()


def run(command: list[Any], environment: dict[str, str], script: str = "") -> None:
    """Runs a program of a server to its end."""
    done = subprocess.run(command, input=script, env=environment, capture_output=True, text=True, **IDENTITY)
    if done.returncode:
        raise ServerError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout)[-2000:]}")


def copy(source: Path, target: Path) -> None:
    """Copies a data folder of a server that does not run."""
    run(["cp", "--archive", "--reflink=auto", source, target], dict(os.environ))


def owned(folder: Path) -> Path:
    """A new folder of the servers' user, which nobody else can enter."""
    folder.mkdir(mode=0o700)
    give(folder)
    return folder


def give(path: Path) -> None:
    """Gives a file or a folder to the servers' user."""
    if USER:
        shutil.chown(path, USER.pw_uid, USER.pw_gid)


def entered_by_all(folder: Path) -> bool:
    """Tells whether every user can enter a folder, as far as permissions go."""
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))


def free_port() -> int:
    for port in random.sample(PORTS, k=200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise ServerError(f"no port from {PORTS[0]} to {PORTS[-1]} is free")
