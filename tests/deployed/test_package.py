"""The package of those who deploy without Rust: `make package`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest.mock
import zipfile
from pathlib import Path

import package
from another_broker import AnotherBroker
from local_aws import ARCHITECTURE, sam
from support import BROKER, BrokerTestCase


class PackageTest(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.folder = self.package("package")

    def package(self, name: str) -> Path:
        package.make(self.scratch / name, ARCHITECTURE.partition("=")[2])
        return self.scratch / name

    def test_broker_deploys_from_the_package_alone(self) -> None:
        packed = AnotherBroker("packed")
        overrides = [f"{name}={value}" for name, value in packed.parameters({"SenderIdentities": "*"}).items()]
        options = ["--stack-name", packed.stack, "--no-confirm-changeset", "--parameter-overrides", *overrides]
        sam("deploy", *options, environment=os.environ, folder=self.folder)
        self.addCleanup(packed.delete)

        offered, packed_offered = (each.catalog().expect(200)["services"] for each in (BROKER, packed.client))
        self.assertEqual([each["name"] for each in packed_offered], [each["name"] for each in offered])

    def test_the_same_program_gives_the_same_bytes(self) -> None:
        copies = {
            name: Path(shutil.copyfile(program, Path(tempfile.mkdtemp(dir=self.scratch)) / program.name))
            for name, program in package.PROGRAMS.items()
        }
        with unittest.mock.patch.object(package, "PROGRAMS", copies):
            again = self.package("again")
        for file in sorted(self.folder.iterdir()):
            with self.subTest(file.name):
                self.assertEqual(file.read_bytes(), (again / file.name).read_bytes())
        for name in package.PROGRAMS:
            with zipfile.ZipFile(self.folder / name) as archive:
                (program,) = archive.infolist()
            self.assertEqual((program.filename, program.external_attr >> 16), ("bootstrap", 0o755))

    def test_checksums_are_verifiable_with_sha256sum(self) -> None:
        files = [self.scratch / "broker-1.0.0.zip", self.scratch / "broker-1.0.0.cdx.json"]
        for file in files:
            file.write_text(file.name)
        checksums = package.write_checksums(files)
        check = ["sha256sum", "--check", "--strict", "--quiet", checksums.name]
        subprocess.run(check, cwd=self.scratch, check=True)
        files[1].write_text("something else")
        self.assertEqual(subprocess.run(check, cwd=self.scratch, capture_output=True).returncode, 1)

    def test_inventory_lists_crates_with_licences_and_digests(self) -> None:
        archive, architecture = self.scratch / "broker-1.0.0.zip", ARCHITECTURE.partition("=")[2]
        text = package.write_inventory(archive, architecture).read_text()
        self.assertEqual(package.write_inventory(archive, architecture).read_text(), text)

        listed = json.loads(text)
        self.assertEqual((listed["bomFormat"], listed["specVersion"]), ("CycloneDX", "1.6"))
        self.assertEqual(listed["metadata"]["component"]["version"], package.VERSION)
        components = {each["bom-ref"]: each for each in listed["components"]}
        for reference, each in components.items():
            with self.subTest(reference):
                self.assertEqual(each["purl"], f"pkg:cargo/{each['name']}@{each['version']}")
                self.assertRegex(each["hashes"][0]["content"], "^[0-9a-f]{64}$")
                self.assertTrue(each["licenses"])
        names = {each["name"] for each in components.values()}
        self.assertLess({"lambda_http", "aws-sdk-iam", "tokio", "tokio-postgres", "mysql_async"}, names)
        # What tests alone need, what other systems do, and what is part of the program.
        self.assertFalse({"proptest", "windows-sys", "catalog", "database"} & names)
        locked = re.findall(r'name = "(.+)"\nversion = "(.+)"', (package.REPOSITORY / "Cargo.lock").read_text())
        self.assertLess({(each["name"], each["version"]) for each in components.values()}, set(locked))
        needed = {each["ref"]: each.get("dependsOn", []) for each in listed["dependencies"]}
        self.assertEqual(needed.keys(), {*components, listed["metadata"]["component"]["bom-ref"]})
