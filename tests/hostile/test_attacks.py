"""What a hostile user of a platform tries, against a broker whose operator has allowed nothing that is not the default.

Each test is an attack, and named after its refusal. SECURITY.md says which tests of other suites are attacks as well.
"""

from __future__ import annotations

import fnmatch
import http.client
import json
import os
import re
import unittest
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from another_broker import AnotherBroker, template
from osb import Answer
from support import BrokerTestCase, application_role, client, of_service
from tenants import Tenant, TenantTestCase

REQUIREMENTS = Path(__file__).parents[2] / "infra" / "local" / "requirements"
ROLES = "application-"
LIMITS = {"kinesis": {"ShardCount": {"MaxValue": 4}}, "sqs": {"UseDeadLetterQueue": {"Value": True}}}
STRICT = AnotherBroker("strict")
# Not all of them are URLs'.
QUERIES = ('q="', "q=<a>", "q=a%20b", "q=a+b", "q=%", "q=%ff")


def setUpModule() -> None:
    STRICT.create(
        template(),
        EnabledServices="aurorapostgresql,cognito,kinesis,rdsoracle,rdspostgresql,route53,ses,sns,sqs,stepfunctions",
        EnabledPlans="sqs/standard",
        ParameterLimits=json.dumps(LIMITS),
        MaxInstancesPerOrganization="2",
        MaxBindingsPerInstance="1",
        # Also the broker's own roles, whose names begin with that of its stack.
        BindableRoles=f"{ROLES}*,broker-*",
        TableDeletionProtection="no",
    )
    unittest.addModuleCleanup(STRICT.delete)


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


def allowing(action: str, service: str) -> list[dict[str, Any]]:
    """The statements of the service's deploy role that allow the action."""
    role = deploy_role(service).rpartition("/")[2]
    policy = client("iam").get_role_policy(RoleName=role, PolicyName="deploy")["PolicyDocument"]
    listed = [(statement, statement["Action"]) for statement in policy["Statement"]]
    return [
        statement for statement, actions in listed if action in ([actions] if isinstance(actions, str) else actions)
    ]


def deploy_role(service: str) -> str:
    return of_service("role", service, STRICT.prefix)


class HostileUser(TenantTestCase):
    """A user of one organization; the victim is of another."""

    def setUp(self) -> None:
        super().setUp()
        self.mallory, self.alice = Tenant(STRICT.client, "mallory"), Tenant(STRICT.client, "alice")

    def ask(self, service: str, plan: str, parameters: dict[str, Any]) -> Answer:
        return self.mallory.provision(STRICT.client.plan(service, plan), parameters)


class NamesTest(HostileUser):
    """Naming a thing gives no right to it."""

    def test_nobody_decides_how_names_resolve_in_a_vpc(self) -> None:
        zone = {"DomainName": "amazonaws.com", "VpcId": "vpc-0123456789abcdef0"}
        self.assert_refused(self.ask("route53", "hostedzone", zone), "setting PrivateZoneVpcs")
        # What CloudFormation may do is limited as well: zones without a VPC alone.
        conditions = [statement.get("Condition") for statement in allowing("route53:CreateHostedZone", "route53")]
        self.assertEqual(conditions, [{"Null": {"route53:VPCs": "true"}}])
        self.assertEqual(allowing("route53:AssociateVPCWithHostedZone", "route53"), [])

    def test_nobody_adds_records_to_a_zone_of_others(self) -> None:
        self.assertEqual(plans()["route53"], ["hostedzone"])
        [allowed] = allowing("route53:ChangeResourceRecordSets", "route53")
        actions = allowed["Condition"]["ForAllValues:StringEquals"]["route53:ChangeResourceRecordSetsActions"]
        self.assertNotIn("CREATE", actions)

    def test_nobody_sends_mail_as_somebody_else(self) -> None:
        self.assertNotIn("ses", plans())
        identities = [statement["Resource"] for statement in allowing("ses:CreateEmailIdentity", "ses")]
        self.assertFalse([resource for resource in identities if ":identity/" in str(resource)])
        arn = "arn:aws:ses:us-east-1:000000000000:identity/example.com"
        pool = {"EmailIdentityArn": arn, "EmailFrom": "it-support@example.com"}
        self.assert_refused(self.ask("cognito", "custom", pool), "setting SenderIdentities")

    def test_nobody_subscribes_to_topics_of_other_accounts(self) -> None:
        # The local AWS shows no account the topics of another, so that this is about CloudFormation's role alone.
        self.assertTrue(allowing("sns:Subscribe", "sns"))
        for statement in allowing("sns:Subscribe", "sns"):
            resources = statement["Resource"]
            for resource in [resources] if isinstance(resources, str) else resources:
                self.assertEqual(resource.split(":")[4], "000000000000", resource)

    def test_nobody_logs_queries_to_foreign_log_groups(self) -> None:
        logs = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/route53/audit"
        zone = {"DomainName": "example.com", "QueryLogGroupArn": logs}
        self.assert_refused(self.ask("route53", "hostedzone", zone), "setting QueryLogGroups")

    def test_nobody_opens_a_database_with_a_foreign_security_group(self) -> None:
        group = {"ClientSecurityGroupId": "sg-0123456789abcdef0"}
        for service in ("rdspostgresql", "aurorapostgresql", "rdsoracle"):
            self.assert_refused(self.ask(service, "dev", group), "setting DatabaseSecurityGroups")

    def test_nobody_restores_a_database_of_others(self) -> None:
        for source in ({"SnapshotId": "somebodys-snapshot"}, {"RestoreFromInstance": str(uuid.uuid4())}):
            self.assert_refused(self.ask("rdspostgresql", "dev", source), next(iter(source)))

    def test_nobody_calls_logs_or_reads_secrets_from_a_definition(self) -> None:
        def definition(resource: str) -> str:
            states = {"Only": {"Type": "Task", "Resource": resource, "End": True}}
            return json.dumps({"StartAt": "Only", "States": states})

        logs = {"Definition": definition("arn:aws:states:::aws-sdk:cloudwatchlogs:describeLogGroups")}
        self.assert_refused(self.ask("stepfunctions", "standard", logs), "CloudWatch Logs")
        # Neither part is a dynamic reference, but both together are.
        text = definition("{{resolve:secretsmanager:osb-secretsmanager-1:SecretString}}")
        first, second = text.split("resolve")
        parts = {"Definition": first, "DefinitionPart2": f"resolve{second}"}
        self.assert_refused(self.ask("stepfunctions", "standard", parts), "{{resolve")

    def test_nobody_changes_roles_of_other_spaces_or_the_broker(self) -> None:
        plan = STRICT.client.plan("sqs", "standard")
        instance = self.own(self.mallory, plan)
        own, not_allowed = STRICT.broker.outputs["BrokerRoleArn"], "does not allow this role"
        with application_role(ROLES) as role:
            for arn, reason in (
                (role["Arn"], "The role's owner has not allowed"),
                (own, not_allowed),
                (deploy_role("sqs"), not_allowed),
            ):
                before = client("iam").list_role_policies(RoleName=arn.rpartition("/")[2])["PolicyNames"]
                bound = STRICT.client.bind(instance, str(uuid.uuid4()), plan, {"RoleArn": arn})
                self.assert_refused(bound, reason)
                after = client("iam").list_role_policies(RoleName=arn.rpartition("/")[2])["PolicyNames"]
                self.assertEqual(after, before)
        # IAM would not let the broker either.
        denied = [each for each in statements(STRICT.broker.outputs["BrokerRoleArn"]) if each["Effect"] == "Deny"]
        patterns = [arn for each in denied for arn in each["Resource"]]
        for arn in (own, deploy_role("sqs")):
            self.assertTrue(any(fnmatch.fnmatchcase(arn, pattern) for pattern in patterns), arn)


class IdsTest(HostileUser):
    """On Kubernetes, users choose ids."""

    def test_nobody_deletes_an_instance_of_another_service_or_user(self) -> None:
        queue, stream = STRICT.client.plan("sqs", "standard"), STRICT.client.plan("kinesis", "ondemand")
        victim = self.own(self.alice, queue)
        self.assert_refused(self.alice.deprovision(stream, victim), "service_id does not match the service")

        # A creation that was refused, whose answer got lost: the platform cleans up what it takes for mallory's.
        self.mallory.provision(queue, {}, victim).expect(409)
        self.assertEqual(self.mallory.deprovision(queue, victim).status, 410)
        STRICT.client.fetch_instance(victim, queue).expect(200)

    def test_nobody_reuses_the_id_of_a_deleted_instance(self) -> None:
        queue = STRICT.client.plan("sqs", "standard")
        deleted = self.own(self.alice, queue)
        self.remove(self.alice, queue, deleted)
        answer = self.mallory.provision(queue, {}, deleted)
        self.assertIn("in another space or organization", answer.expect(409)["description"])

    def test_nobody_adopts_a_stack_whose_record_is_lost(self) -> None:
        queue, table = STRICT.client.plan("sqs", "standard"), STRICT.broker.outputs["TableName"]
        lost = self.own(self.alice, queue)
        key = {"pk": {"S": f"INSTANCE#{lost}"}, "sk": {"S": "META"}}
        record = client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
        client("dynamodb").delete_item(TableName=table, Key=key)
        self.assert_refused(self.mallory.provision(queue, {}, lost), "Its tags do not identify it")
        client("dynamodb").put_item(TableName=table, Item=record)


class WalletTest(HostileUser):
    """What a user can cost has a limit."""

    def test_nobody_exceeds_plan_and_parameter_limits(self) -> None:
        self.assert_refused(self.ask("kinesis", "default", {"ShardCount": 10_000}), "from 1 to 4")
        self.assertEqual(plans()["sqs"], ["standard"])
        self.assert_refused(self.ask("sqs", "standard", {"UseDeadLetterQueue": False}), "`UseDeadLetterQueue`")

    def test_nobody_exceeds_instance_and_binding_quotas(self) -> None:
        plan = STRICT.client.plan("sqs", "standard")
        instance = self.own(self.mallory, plan)
        self.own(self.mallory, plan)
        self.assert_refused(self.mallory.provision(plan), "quota of service instances, 2")
        STRICT.client.bind(instance, str(uuid.uuid4()), plan).expect(201)
        self.assert_refused(STRICT.client.bind(instance, str(uuid.uuid4()), plan), "quota of service bindings, 1")


class StrangerTest(BrokerTestCase):
    """Somebody who knows the URL."""

    def test_access_log_omits_client_controlled_fields(self) -> None:
        stages = client("apigatewayv2").get_stages(ApiId=os.environ["BROKER_URL"].rstrip("/").split("/")[-2])["Items"]
        formats = [stage.get("AccessLogSettings", {}).get("Format", "") for stage in stages]
        self.assertTrue(any(formats))
        for name in ("userAgent", "path", 'error.message"'):
            self.assertFalse([text for text in formats if f"identity.{name}" in text or f"$context.{name}" in text])

    def test_malformed_query_is_answered_and_logged(self) -> None:
        address = urllib.parse.urlsplit(os.environ["BROKER_URL"])
        for query in QUERIES:
            connection = http.client.HTTPConnection(address.netloc, timeout=30)
            connection.putrequest("GET", f"{address.path}/v2/catalog?{query}", skip_accept_encoding=True)
            connection.endheaders()
            self.assertEqual(connection.getresponse().status, 401, query)
            connection.close()
        logged = [json.loads(line) for line in self.log_lines() if '"status":401' in line]
        self.assertEqual(len(logged), len(QUERIES))


class OperatorTest(BrokerTestCase):
    """What an operator could do by mistake."""

    def test_reserved_name_prefix_is_refused(self) -> None:
        for prefix in ("aws", "service"):
            with self.assertRaisesRegex(ClientError, "must not be aws or service"):
                AnotherBroker(prefix).create(template())

    def test_a_function_url_without_a_limit_is_refused(self) -> None:
        with self.assertRaisesRegex(ClientError, "ReservedConcurrency"):
            AnotherBroker("flood").create(template(), FrontDoor="function-url")


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
