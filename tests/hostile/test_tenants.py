"""One tenant attacks another, through a broker whose operator lets users name what they like.

Each test is an attack, and named after its refusal.
"""

from __future__ import annotations

import json
import unittest
import uuid
from typing import Any

from support import BROKER, application_role, client, stacks_of, unique_name
from tenants import DENIED, Tenant, TenantTestCase

# `infra/local/local_aws.py` lets bindings add to these.
ROLES = "application-"


def definition(resource: str) -> str:
    return json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Task", "Resource": resource, "End": True}}})


class TwoTenants(TenantTestCase):
    """The victim is Alice, the attacker Mallory, of other organizations and spaces."""

    def setUp(self) -> None:
        super().setUp()
        self.alice, self.mallory = Tenant(BROKER, "alice"), Tenant(BROKER, "mallory")

    def credentials(self, instance: str, service: str, plan: str, parameters: dict[str, Any]) -> dict[str, str]:
        """Those of a new binding, which goes before the instance."""
        binding, ids = str(uuid.uuid4()), BROKER.plan(service, plan)
        bound = BROKER.bind(instance, binding, ids, parameters).expect(201)
        self.addCleanup(BROKER.unbind, instance, binding, ids)
        return bound["credentials"]

    def policies(self, role: str) -> list[dict[str, Any]]:
        """The statements of all policies in the role."""
        iam = client("iam")
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
        return [statement for document in documents for statement in document["Statement"]]


class SecretsTest(TwoTenants):
    def test_nobody_reads_the_secret_of_an_app_client_in_events(self) -> None:
        plan = BROKER.plan("cognito", "custom")
        instance = self.own(self.alice, plan, {"GenerateClientSecret": True})
        keys = self.credentials(instance, "cognito", "custom", {})
        secret = client("cognito-idp").describe_user_pool_client(
            UserPoolId=keys["USER_POOL_ID"], ClientId=keys["CLIENT_ID"]
        )["UserPoolClient"]["ClientSecret"]
        [stack] = stacks_of(instance)
        cloudformation = client("cloudformation")
        shown = [
            cloudformation.describe_stack_events(StackName=stack)["StackEvents"],
            cloudformation.describe_stacks(StackName=stack)["Stacks"],
        ]
        self.assertNotIn(secret, json.dumps(shown, default=str))


class RecordsTest(TwoTenants):
    def test_nobody_takes_over_a_record_of_another_instance(self) -> None:
        zone = client("route53").create_hosted_zone(Name=f"{uuid.uuid4()}.example.com", CallerReference=unique_name())[
            "HostedZone"
        ]
        plan = BROKER.plan("route53", "recordset")
        record = {
            "HostedZoneId": zone["Id"].rpartition("/")[2],
            "RecordName": f"www.{zone['Name']}",
            "RecordValues": "192.0.2.1",
        }
        self.own(self.alice, plan, record)
        # The same values, which CloudFormation would adopt, with and without the last dot.
        for name in (record["RecordName"], record["RecordName"].rstrip(".")):
            self.assert_fails(self.mallory, plan, {**record, "RecordName": name}, "Claim")
        found = client("route53").list_resource_record_sets(HostedZoneId=record["HostedZoneId"])
        self.assertIn(record["RecordName"], [each["Name"] for each in found["ResourceRecordSets"]])


class RolesTest(TwoTenants):
    def test_nobody_puts_a_denial_into_a_role(self) -> None:
        plan = BROKER.plan("bedrock", "guarded")
        instance = self.own(Tenant(BROKER, "local", "local", "local"), plan)
        with application_role(ROLES) as role:
            answer = BROKER.bind(instance, str(uuid.uuid4()), plan, {"RoleArn": role["Arn"]})
            self.assert_refused(answer, "denies actions")
            self.assertEqual(self.policies(role["RoleName"]), [])

    def test_named_key_is_usable_only_for_the_bucket(self) -> None:
        key = client("kms").create_key()["KeyMetadata"]["Arn"]
        plan = BROKER.plan("s3", "custom")
        instance = self.own(Tenant(BROKER, "local", "local", "local"), plan, {"KmsKeyArn": key})
        with application_role(ROLES) as role:
            binding = str(uuid.uuid4())
            BROKER.bind(instance, binding, plan, {"RoleArn": role["Arn"]}).expect(201)
            on_key = [statement for statement in self.policies(role["RoleName"]) if key in str(statement["Resource"])]
            self.assertTrue(on_key)
            for statement in on_key:
                self.assertIn("kms:EncryptionContext:aws:s3:arn", json.dumps(statement["Condition"]))
            BROKER.unbind(instance, binding, plan).expect(200)

    def test_nobody_reads_other_spaces_data_by_a_role_tag(self) -> None:
        plan = BROKER.plan("athena", "default")
        tenant = Tenant(BROKER, "local", "local", "local")
        instance = self.own(tenant, plan, {"DataBucketName": f"alices-{uuid.uuid4()}"})
        with application_role(ROLES) as role:
            binding = str(uuid.uuid4())
            BROKER.bind(instance, binding, plan, {"RoleArn": role["Arn"]}).expect(201)
            statements = json.dumps(self.policies(role["RoleName"]))
            self.assertIn('"s3:BucketTag/servicebroker:space-guid": "local"', statements)
            self.assertNotIn("PrincipalTag", statements)
            BROKER.unbind(instance, binding, plan).expect(200)


class TopicsTest(TwoTenants):
    def topic(self, parameters: dict[str, Any]) -> str:
        plan = BROKER.plan("sns", "topic")
        instance = self.own(self.alice, plan, parameters)
        return self.credentials(instance, "sns", "topic", {})["TOPIC_ARN"]

    def test_nobody_subscribes_an_unlisted_endpoint(self) -> None:
        topic = self.topic({"AllowSubscriptions": True, "SubscribableEndpoints": "*@example.com"})
        taken = {"TopicArn": topic, "Protocol": "email", "Endpoint": "mallory@example.org"}
        self.assert_fails(self.mallory, BROKER.plan("sns", "subscription"), taken, DENIED)

    def test_aws_service_publishes_only_for_the_named_source(self) -> None:
        plan = BROKER.plan("sns", "topic")
        given = {"PublishingService": "ses", "KmsKeyArn": client("kms").create_key()["KeyMetadata"]["Arn"]}
        self.assert_refused(self.alice.provision(plan, given), "PublishingSourceArn")
        source = "arn:aws:ses:us-east-1:000000000000:configuration-set/alices"
        topic = self.topic({**given, "PublishingSourceArn": source})
        policy = json.loads(client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
        services = [each for each in policy["Statement"] if "Service" in each["Principal"]]
        self.assertTrue(services)
        for statement in services:
            self.assertIn(source, json.dumps(statement["Condition"]))

    def test_nobody_sends_events_of_a_bus_to_a_topic(self) -> None:
        topic = client("sns").create_topic(Name=f"alarms-{uuid.uuid4()}")["TopicArn"]
        answer = self.mallory.provision(BROKER.plan("eventbridge", "bus"), {"TargetArn": topic})
        self.assert_refused(answer, "`TargetArn`")


class WorkersTest(TwoTenants):
    def test_activity_name_does_not_follow_from_the_id(self) -> None:
        plan = BROKER.plan("stepfunctions", "standard")
        instance = self.own(self.alice, plan, {"Definition": definition("${ActivityArn}")})
        [stack] = stacks_of(instance)
        resources = client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
        [activity] = [
            each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::StepFunctions::Activity"
        ]
        name = activity.rpartition(":")[2]
        self.assertNotEqual(name, stack)
        self.assertRegex(name.removeprefix(stack), r"[0-9a-f]{8}")


if __name__ == "__main__":
    unittest.main()
