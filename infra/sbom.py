"""Lists the crates that the programs are made of, for those who look for known vulnerabilities in it.

sbom.py <target>    writes a CycloneDX document to the standard output

It lists what cargo compiles into the broker and its database function for that target, macros included. It lists
neither what tests need nor what the build script alone does. The same Cargo.lock gives the same bytes: the date is a
constant, and the serial number follows from the content. Runs in the environment of `requirements/build.txt`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import tomlkit
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

REPOSITORY = Path(__file__).resolve().parents[1]
# The earliest that a zip can tell, as in package.py.
DATE = datetime(1980, 1, 1, tzinfo=timezone.utc)
# The depth in the tree, the name, the version and the licence.
CRATE = re.compile(r"(\d+)\|(\S+) v(\S+)[^|]*\|(.*?)(?: \(\*\))?")


def tree(target: str) -> Iterator[tuple[int, str, str, str]]:
    """The crates as cargo resolves them for the target, each with its depth below the program."""
    edges = ["--edges", "normal", "--target", target]
    form = ["--prefix", "depth", "--format", "|{p}|{l}"]
    packages = ["--package", "aws-service-broker", "--package", "database"]
    cargo = ["cargo", "tree", "--locked", *packages, *edges, *form]
    printed = subprocess.run(cargo, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    # A blank line separates the programs.
    for line in filter(None, printed.splitlines()):
        depth, name, version, licence = CRATE.fullmatch(line).groups()
        yield int(depth), name, version, licence


def checksums() -> dict[tuple[str, str], str]:
    """The digests of the crates' files, without those of this repository, which have none."""
    lock = tomlkit.parse((REPOSITORY / "Cargo.lock").read_text())
    return {(each["name"], each["version"]): each["checksum"] for each in lock["package"] if "checksum" in each}


def component(name: str, version: str, licence: str, checksum: str | None) -> Component:
    package = PackageURL("cargo", name=name, version=version)
    # Older crates write a slash where SPDX has OR.
    expression = re.sub(r"\s*/\s*", " OR ", licence)
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY if checksum else ComponentType.APPLICATION,
        bom_ref=str(package),
        purl=package,
        licenses=[LicenseFactory().make_from_string(expression)] if expression else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
    )


def inventory(target: str) -> Bom:
    known, components, above = checksums(), {}, []
    dependencies: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for depth, name, version, licence in tree(target):
        crate = (name, version)
        if above and crate not in known:
            # A crate of this repository is part of the program. Another one on crates.io may have its name.
            crate = above[0]
            del above[depth:]
            above.append(crate)
            continue
        components.setdefault(crate, component(*crate, licence, known.get(crate)))
        dependencies.setdefault(crate, set())
        del above[depth:]
        if above:
            dependencies[above[-1]].add(crate)
        above.append(crate)

    program = above[0]
    bom = Bom(components=[each for crate, each in components.items() if crate != program])
    bom.metadata.component, bom.metadata.timestamp = components[program], DATE
    for crate, needed in dependencies.items():
        bom.register_dependency(components[crate], [components[each] for each in needed])
    bom.serial_number = uuid.UUID(int=0)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, JsonV1Dot6(bom).output_as_string())
    return bom


if __name__ == "__main__":
    print(JsonV1Dot6(inventory(sys.argv[1])).output_as_string(indent=2))
