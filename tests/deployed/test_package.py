"""The package of those who deploy without Rust: `make package`."""

from __future__ import annotations

import os
import shutil
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

    def test_its_folder_is_all_that_a_broker_is_deployed_from(self) -> None:
        packed = AnotherBroker("packed")
        overrides = [f"{name}={value}" for name, value in packed.parameters({}).items()]
        options = ["--stack-name", packed.stack, "--no-confirm-changeset", "--parameter-overrides", *overrides]
        sam("deploy", *options, environment=os.environ, folder=self.folder)
        self.addCleanup(packed.delete)

        offered, packed_offered = (each.catalog().expect(200)["services"] for each in (BROKER, packed.client))
        self.assertEqual([each["name"] for each in packed_offered], [each["name"] for each in offered])

    def test_the_same_program_gives_the_same_bytes(self) -> None:
        copy = Path(shutil.copyfile(package.PROGRAM, self.scratch / package.PROGRAM.name))
        with unittest.mock.patch.object(package, "PROGRAM", copy):
            again = self.package("again")
        for file in sorted(self.folder.iterdir()):
            with self.subTest(file.name):
                self.assertEqual(file.read_bytes(), (again / file.name).read_bytes())
        with zipfile.ZipFile(self.folder / "broker.zip") as archive:
            (program,) = archive.infolist()
        self.assertEqual((program.filename, program.external_attr >> 16), ("bootstrap", 0o755))
