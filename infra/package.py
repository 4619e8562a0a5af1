"""What it takes to deploy the broker without Rust, as a folder and as a zip of it: `make package`.

package.py [x86_64 | arm64]    compiles the program and writes target/package and, beside it,
                               target/aws-service-broker-<version>-<architecture>.zip, the same with .cdx.json, which
                               lists the crates in the program, and with .sha256, the digests of both

The same program and files give the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from local_aws import REPOSITORY, TOOLS, LocalAwsError, sam

INFRA = REPOSITORY / "infra"
BUILD = INFRA / ".aws-sam" / "build"
# As `sam build` leaves them. Every function of the stack is the first program, but for the one that manages databases.
PROGRAMS = {
    "broker.zip": BUILD / "Function" / "bootstrap",
    "database.zip": BUILD / "DatabaseFunction" / "bootstrap",
}
VERSION = re.search(r'^version = "(.+)"$', (REPOSITORY / "Cargo.toml").read_text(), re.MULTILINE)[1]
# The earliest that a zip can tell.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
# What cargo-lambda compiles for.
TARGETS = {"x86_64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}


def main() -> int:
    architecture = sys.argv[1] if len(sys.argv) > 1 else "x86_64"
    package = REPOSITORY / "target" / "package"
    archive = package.with_name(f"aws-service-broker-{VERSION}-{architecture}.zip")
    shutil.rmtree(package, ignore_errors=True)
    try:
        sam("build", "--parameter-overrides", f"Architecture={architecture}", environment=os.environ)
    except LocalAwsError as error:
        print(error, file=sys.stderr)
        return 1
    make(package, architecture)
    write_zip(archive, sorted(package.iterdir()))
    inventory = write_inventory(archive, architecture)
    checksums = write_checksums([archive, inventory])
    print(*(file.relative_to(REPOSITORY) for file in (package, archive, inventory, checksums)), sep="\n")
    return 0


def make(folder: Path, architecture: str) -> None:
    """Makes the folder, with the programs that were built last."""
    folder.mkdir(parents=True)
    for name, program in PROGRAMS.items():
        write_zip(folder / name, [program])
    for file in (REPOSITORY / "LICENSE", *INFRA.glob("*.yaml")):
        shutil.copy(file, folder)
    (folder / "template.yaml").write_text(template(architecture))
    config = (INFRA / "samconfig.toml").read_text()
    (folder / "samconfig.toml").write_text(replace(config, "sam build && sam deploy", "sam deploy"))
    (folder / "README.md").write_text(README.format(version=VERSION, architecture=architecture))


def template(architecture: str) -> str:
    """The template with the programs in the place of how to build them, and for their processor alone."""
    text = (INFRA / "template.yaml").read_text()
    text = re.sub(r"      BuildMethod: .+\n      BuildProperties:\n        Binary: .+\n", "", text)
    text = re.sub(r"    Metadata:\n(?=    \w)", "", text)  # nothing is left in it
    text = replace(text, "    CodeUri: ..\n", "    CodeUri: broker.zip\n")
    text = replace(text, "      Code: ..\n", "      Code: database.zip\n")
    text = replace(text, " and runs on. arm64 needs the Rust target installed.", " and runs on.")
    choice = "    Default: {}\n    AllowedValues: [{}]\n".format
    return replace(text, choice("x86_64", "x86_64, arm64"), choice(architecture, architecture))


def replace(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise ValueError(f"{old!r} is there {text.count(old)} times")
    return text.replace(old, new)


def write_zip(path: Path, files: list[Path]) -> None:
    """Nothing of when and by whom the files were made goes into the zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, TIMESTAMP)
            entry.create_system = 3  # Unix, for the permissions
            entry.external_attr = (0o755 if file in PROGRAMS.values() else 0o644) << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)


def write_inventory(archive: Path, architecture: str) -> Path:
    """Lists the crates in the program beside the archive. The library that it takes is in another environment."""
    inventory = archive.with_suffix(".cdx.json")
    command = [TOOLS / "build" / "bin" / "python", INFRA / "sbom.py", TARGETS[architecture]]
    inventory.write_bytes(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return inventory


def write_checksums(files: list[Path]) -> Path:
    """Writes the files' digests beside the first of them, as `sha256sum --check` reads them in their folder."""
    checksums = files[0].with_suffix(".sha256")
    digests = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    checksums.write_text("".join(f"{digest}  {file.name}\n" for digest, file in zip(digests, files, strict=True)))
    return checksums


README = """\
# AWS service broker {version} for {architecture}

With the [AWS SAM CLI](https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/install-sam-cli.html)
and credentials of the account that is to hold the services:

    sam deploy --guided

It asks for the stack's name, the Region and the parameters, shows what it is going to make, and prints `BrokerUrl` and
`CredentialsSecretArn`. The user name and the password to register at the platform are in that secret:

    aws secretsmanager get-secret-value --secret-id <CredentialsSecretArn> --query SecretString --output text

To upgrade, copy the stack's name, the Region and the tags from the `samconfig.toml` of the older version into that of
the newer one. Then run `sam deploy` in the folder of the newer version: parameters keep their values, and no request is
lost.
"""


if __name__ == "__main__":
    sys.exit(main())
