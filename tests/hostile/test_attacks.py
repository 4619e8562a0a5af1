"""What a hostile user of a platform tries, against a broker whose operator has allowed nothing that is not the default.

Each test is an attack, and named after its refusal. SECURITY.md says which tests of other suites are attacks as well.
"""

from __future__ import annotations

import base64
import json
import os
import re
import unittest
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from another_broker import AnotherBroker, template
from osb import Answer, Plan
from support import BrokerTestCase, application_role, client

REQUIREMENTS = Path(__file__).parents[2] / "infra" / "local" / "requirements"
ROLES = "application-"
LIMITS = {"kinesis": {"ShardCount": {"MaxValue": 4}}, "sqs": {"UseDeadLetterQueue": {"Value": True}}}
STRICT = AnotherBroker("strict")


def setUpModule() -> None:
    STRICT.create(
        template(),
        EnabledServices="cognito,kinesis,route53,ses,sqs",
        EnabledPlans="sqs/standard",
        ParameterLimits=json.dumps(LIMITS),
        MaxInstancesPerOrganization="2",
        MaxBindingsPerInstance="1",
        BindableRoles=f"{ROLES}*",
        TableDeletionProtection="no",
    )
    unittest.addModuleCleanup(STRICT.delete)


def identity(user: str) -> dict[str, str]:
    value = base64.b64encode(json.dumps({"username": user}).encode()).decode()
    return {"X-Broker-API-Originating-Identity": f"kubernetes {value}"}


def plans() -> dict[str, list[str]]:
    services = STRICT.client.catalog().expect(200)["services"]
    return {service["name"]: [plan["name"] for plan in service["plans"]] for service in services}


def statements(role_arn: str) -> Iterator[dict[str, Any]]:
    """All that the managed policies of a role allow."""
    iam = client("iam")
    for attached in iam.list_attached_role_policies(RoleName=role_arn.rpartition("/")[2])["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        policy = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        yield from policy["Statement"]


def allowing(action: str) -> list[dict[str, Any]]:
    """The statements of the deploy role that allow the action."""
    role = STRICT.broker.outputs["DeployRoleArn"]
    listed = [(statement, statement["Action"]) for statement in statements(role)]
    return [
        statement for statement, actions in listed if action in ([actions] if isinstance(actions, str) else actions)
    ]


class HostileUser(BrokerTestCase):
    """A user of one organization; the victim is of another."""

    def setUp(self) -> None:
        super().setUp()
        self.organization = str(uuid.uuid4())

    def ask(
        self, plan: Plan, parameters: dict[str, Any], instance: str | None = None, user: str = "mallory"
    ) -> tuple[str, Answer]:
        instance = instance or str(uuid.uuid4())
        body = {
            **plan.ids,
            "organization_guid": self.organization,
            "space_guid": f"space-of-{user}",
            "parameters": parameters,
        }
        path, query = f"service_instances/{instance}", {"accepts_incomplete": "true"}
        return instance, STRICT.client.request("PUT", path, query, body, identity(user))

    def own(self, plan: Plan, user: str = "mallory") -> str:
        instance, accepted = self.ask(plan, {}, user=user)
        STRICT.client.wait(instance, plan, accepted.expect(202).get("operation"))
        self.addCleanup(self.remove, instance, plan)
        return instance

    def remove(self, instance: str, plan: Plan) -> None:
        gone = STRICT.client.deprovision(instance, plan)
        if gone.status == 202:
            STRICT.client.wait(instance, plan, gone.body.get("operation"))

    def assert_refused(self, answer: Answer, reason: str) -> None:
        self.assertIn(reason, answer.expect(400)["description"])


class NamesTest(HostileUser):
    """Naming a thing gives no right to it."""

    def test_nobody_decides_how_names_resolve_in_a_vpc(self) -> None:
        plan = STRICT.client.plan("route53", "hostedzone")
        _, answer = self.ask(plan, {"DomainName": "amazonaws.com", "VpcId": "vpc-0123456789abcdef0"})
        self.assert_refused(answer, "setting PrivateZoneVpcs")
        # What CloudFormation may do is limited as well: zones without a VPC alone.
        conditions = [statement.get("Condition") for statement in allowing("route53:CreateHostedZone")]
        self.assertEqual(conditions, [{"Null": {"route53:VPCs": "true"}}])
        self.assertEqual(allowing("route53:AssociateVPCWithHostedZone"), [])

    def test_nobody_adds_records_to_a_zone_of_others(self) -> None:
        self.assertEqual(plans()["route53"], ["hostedzone"])
        [allowed] = allowing("route53:ChangeResourceRecordSets")
        actions = allowed["Condition"]["ForAllValues:StringEquals"]["route53:ChangeResourceRecordSetsActions"]
        self.assertNotIn("CREATE", actions)

    def test_nobody_sends_mail_as_somebody_else(self) -> None:
        self.assertNotIn("ses", plans())
        identities = [statement["Resource"] for statement in allowing("ses:CreateEmailIdentity")]
        self.assertFalse([resource for resource in identities if ":identity/" in str(resource)])
        arn = "arn:aws:ses:us-east-1:000000000000:identity/example.com"
        pool = {"EmailIdentityArn": arn, "EmailFrom": "it-support@example.com"}
        _, answer = self.ask(STRICT.client.plan("cognito", "custom"), pool)
        self.assert_refused(answer, "setting SenderIdentities")

    def test_nobody_puts_policies_into_roles_of_other_spaces_or_of_the_broker(self) -> None:
        plan = STRICT.client.plan("sqs", "standard")
        instance = self.own(plan)
        own = STRICT.broker.outputs["DeployRoleArn"]
        with application_role(ROLES) as role:
            for arn, reason in ((role["Arn"], "The role's owner has not allowed"), (own, "has not allowed this role")):
                before = client("iam").list_role_policies(RoleName=arn.rpartition("/")[2])["PolicyNames"]
                bound = STRICT.client.bind(instance, str(uuid.uuid4()), plan, {"RoleArn": arn})
                self.assert_refused(bound, reason)
                after = client("iam").list_role_policies(RoleName=arn.rpartition("/")[2])["PolicyNames"]
                self.assertEqual(after, before)


class IdsTest(HostileUser):
    """On Kubernetes, users choose ids."""

    def test_nobody_deletes_an_instance_of_another_service_or_user(self) -> None:
        queue, stream = STRICT.client.plan("sqs", "standard"), STRICT.client.plan("kinesis", "ondemand")
        victim = self.own(queue, user="alice")
        self.assert_refused(STRICT.client.deprovision(victim, stream), "of another service offering")

        # A creation that was refused, whose answer got lost: the platform cleans up what it takes for mallory's.
        _, conflict = self.ask(queue, {}, victim)
        conflict.expect(409)
        path, query = f"service_instances/{victim}", {**queue.ids, "accepts_incomplete": "true"}
        self.assertEqual(STRICT.client.request("DELETE", path, query, headers=identity("mallory")).status, 410)
        STRICT.client.fetch_instance(victim, queue).expect(200)


class WalletTest(HostileUser):
    """What a user can cost has a limit."""

    def test_nobody_orders_more_than_the_operator_allows(self) -> None:
        _, answer = self.ask(STRICT.client.plan("kinesis", "default"), {"ShardCount": 10_000})
        self.assert_refused(answer, "from 1 to 4")
        self.assertEqual(plans()["sqs"], ["standard"])
        _, answer = self.ask(STRICT.client.plan("sqs", "standard"), {"UseDeadLetterQueue": False})
        self.assert_refused(answer, "`UseDeadLetterQueue`")

    def test_nobody_has_more_instances_and_bindings_than_the_operator_allows(self) -> None:
        plan = STRICT.client.plan("sqs", "standard")
        instance = self.own(plan)
        self.own(plan)
        _, answer = self.ask(plan, {})
        self.assert_refused(answer, "has the 2 service instances")
        STRICT.client.bind(instance, str(uuid.uuid4()), plan).expect(201)
        self.assert_refused(STRICT.client.bind(instance, str(uuid.uuid4()), plan), "has the 1 service bindings")


class StrangerTest(BrokerTestCase):
    """Somebody who knows the URL."""

    def test_a_header_of_a_stranger_is_no_part_of_the_access_log(self) -> None:
        stages = client("apigatewayv2").get_stages(ApiId=os.environ["BROKER_URL"].rstrip("/").split("/")[-2])["Items"]
        formats = [stage.get("AccessLogSettings", {}).get("Format", "") for stage in stages]
        self.assertTrue(any(formats))
        for name in ("userAgent", "path", 'error.message"'):
            self.assertFalse([text for text in formats if f"identity.{name}" in text or f"$context.{name}" in text])


class SupplyTest(unittest.TestCase):
    """Somebody who can publish a package."""

    def test_every_tool_is_installed_by_its_digest(self) -> None:
        for path in REQUIREMENTS.glob("*.txt"):
            with self.subTest(path.name):
                text = re.sub(r"\\\n", " ", path.read_text())
                pinned = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
                self.assertTrue(pinned)
                self.assertEqual([line for line in pinned if "--hash=sha256:" not in line], [])


if __name__ == "__main__":
    unittest.main()
