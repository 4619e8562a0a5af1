"""Installs what the local AWS needs into a folder of its own: nothing global, nothing twice.

    python3 infra/local/tools.py <folder>

makes one Python environment for each file in `requirements/`, since aws-sam-cli and ministack pin different versions of
botocore, and installs database servers. An environment remembers the digest of the requirements that it was made from,
so that a second run is done at once. Runs under the system's Python, so it uses the standard library only.

These tools compile the program that is deployed, so only the wheels whose digests the requirements list are installed:
an index does not let anybody replace a file, but a file that fits better can be added to an old version.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import database_tools

REQUIREMENTS = Path(__file__).parent / "requirements"
OLDEST_PYTHON = (3, 10)  # of aws-sam-cli and ministack


def install(requirements: Path, environment: Path) -> None:
    """Makes `environment` hold exactly what `requirements` lists."""
    stamp = environment / "installed"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    print(f"Installing {requirements.stem} tools into {environment} ...", flush=True)
    shutil.rmtree(environment, ignore_errors=True)
    venv.create(environment, with_pip=True)
    # The requirements are the complete closure, so pip has nothing to resolve.
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", str(requirements)]
    subprocess.run([*pip, "install", *options], check=True)
    stamp.write_text(digest)


def main() -> None:
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"{sys.executable} is Python {sys.version.split()[0]}: the tools need 3.10 or newer (make PYTHON=...)")
    folder = Path(sys.argv[1])
    try:
        for requirements in sorted(REQUIREMENTS.glob("*.txt")):
            install(requirements, folder / requirements.stem)
    except subprocess.CalledProcessError as error:
        hint = " (apt install python3-venv)" if "ensurepip" in str(error) else ""
        sys.exit(f"Installing the tools failed{hint}: {error}")
    database_tools.install(folder / "databases")


if __name__ == "__main__":
    main()
