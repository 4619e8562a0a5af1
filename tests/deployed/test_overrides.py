"""The operator's overrides: from the command line to the stack."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from pathlib import Path

from another_broker import AnotherBroker, template
from local_aws import REPOSITORY
from support import BrokerTestCase, client, stacks_of

CARGO = ["cargo", "run", "--quiet", "--locked", "--manifest-path", str(REPOSITORY / "Cargo.toml")]
ASB = [*CARGO, "--package", "asb", "--features", "operator", "--"]

IN_A_VPC = """
Description: A cluster.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: cluster
    OperatorParameters: [VpcId]
    ServicePlans: {small: {Description: In a VPC.}}
Parameters: {VpcId: {Type: String}}
Resources: {Cluster: {Type: AWS::SQS::Queue}}
"""


def asb(*arguments: str, fails: bool = False, folder: Path = REPOSITORY) -> str:
    """What the command prints."""
    done = subprocess.run([*ASB, *arguments], cwd=folder, env=os.environ, capture_output=True, text=True)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


class OverridesTest(BrokerTestCase):
    """In a space of the test's own: the overrides of others are for others."""

    def setUp(self) -> None:
        super().setUp()
        self.space = str(uuid.uuid4())
        self.scope = ("--space", self.space, "--service", "sqs")

    def test_override_that_is_set_applies_to_new_instances(self) -> None:
        made = AnotherBroker("overriding")
        made.create(template(), EnabledServices="sqs", TableDeletionProtection="no", PrescribeOverrides="yes")
        self.addCleanup(made.delete)
        table = ("--table", made.broker.outputs["TableName"])
        asb("override", "set", *table, "--service", "sqs", "DelaySeconds=7")

        broker = made.client
        [service] = broker.catalog().expect(200)["services"]
        schema = service["plans"][0]["schemas"]["service_instance"]["create"]["parameters"]
        self.assertNotIn("DelaySeconds", schema["properties"])

        plan, instance = broker.plan("sqs", "standard"), str(uuid.uuid4())
        refused = broker.provision(instance, plan, {"DelaySeconds": 8}).expect(400)
        self.assertIn("operator decides `DelaySeconds`", refused["description"])
        broker.wait(instance, plan, broker.provision(instance, plan).expect(202).get("operation"))
        [name] = stacks_of(instance)
        parameters = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["Parameters"]
        values = {each["ParameterKey"]: each["ParameterValue"] for each in parameters}
        self.assertEqual(values["DelaySeconds"], "7")
        self.assertEqual(broker.fetch_instance(instance, plan).expect(200)["parameters"], {"DelaySeconds": 7})
        broker.wait(instance, plan, broker.deprovision(instance, plan).expect(202).get("operation"))

    def test_override_is_set_listed_and_removed(self) -> None:
        told = asb("override", "set", *self.scope, "DelaySeconds=7", "--dry-run")
        self.assertIn(f"set     space {self.space}, service sqs  DelaySeconds=7", told)
        self.assertIn("this was a dry run", told)
        self.assertNotIn(self.space, asb("override", "list"))

        asb("override", "set", *self.scope, "DelaySeconds=7")
        self.assertIn("(was 7)", asb("override", "set", *self.scope, "DelaySeconds=8", "--dry-run"))
        self.assertIn(f"space {self.space}, service sqs  DelaySeconds=7\n", asb("override", "list"))
        asb("override", "rm", *self.scope, "DelaySeconds")
        self.assertNotIn(self.space, asb("override", "list"))

        asb("override", "limit", *self.scope, "DelaySeconds", "--max", "5")
        self.assertIn('DelaySeconds within {"MaxValue":5}\n', asb("override", "list"))
        self.assertIn("it allows no plan", asb("override", "limit", *self.scope, "plan", fails=True))
        asb("override", "rm", "--limit", *self.scope, "DelaySeconds")
        self.assertNotIn(self.space, asb("override", "list"))
        self.assertIn("(there is none)", asb("override", "rm", *self.scope, "DelaySeconds", "--dry-run"))

    def test_mistakes_are_told_before_anything_is_set(self) -> None:
        for values, reason in (
            (["Delay=7"], "no plan leaves a parameter `Delay` open"),
            (["DelaySeconds=901"], "does not accept this value of `DelaySeconds`"),
            (["DelaySeconds=1", "DelaySeconds"], "write PARAMETER=VALUE"),
        ):
            with self.subTest(values):
                self.assertIn(reason, asb("override", "set", *self.scope, *values, fails=True))
        self.assertNotIn(self.space, asb("override", "list"))

    def folder(self) -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Path(folder.name)

    def test_block_of_the_archived_broker_is_imported(self) -> None:
        file = self.folder() / "environment"
        prefix = f"PARAM_OVERRIDE_the_old_all_{self.space}"
        lines = [
            "PATH=/usr/bin",
            f"export {prefix}_sqs_DelaySeconds='9'",
            f"{prefix}_all_Gone=a=b",
            f"{prefix}_all_Empty=",
            "PARAM_OVERRIDE_another_all_all_all_VpcId=vpc-1",
        ]
        file.write_text("\n".join(lines))
        told = asb("override", "import", str(file), "--broker-id", "the_old")
        self.addCleanup(asb, "override", "rm", *self.scope, "DelaySeconds")
        self.addCleanup(asb, "override", "rm", "--space", self.space, "Gone")
        self.assertIn(f"set     space {self.space}, service sqs  DelaySeconds=9\n", told)
        self.assertIn("Gone=a=b  PROBLEM: no plan leaves a parameter `Gone` open", told)
        self.assertEqual(told.count("set     "), 2)
        self.assertIn("Gone=a=b: no plan leaves a parameter `Gone` open", asb("doctor", fails=True))

    def test_block_that_is_no_block_is_refused(self) -> None:
        file = self.folder() / "environment"
        for text, reason in (("A=1", "--broker-id"), ("PARAM_OVERRIDE_old_all_all_VpcId=1", "expected <cluster>")):
            file.write_text(text)
            self.assertIn(reason, asb("override", "import", str(file), "--broker-id", "old", fails=True))

    def test_doctor_names_the_value_that_enables_a_plan(self) -> None:
        folder = self.folder()
        (folder / "templates" / "cluster").mkdir(parents=True)
        (folder / "templates" / "cluster" / "template.yaml").write_text(IN_A_VPC)
        told = asb("doctor", fails=True, folder=folder)
        self.assertIn("cluster/small is not offered: asb override set --service cluster VpcId=…", told)
