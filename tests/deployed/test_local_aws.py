"""The local AWS is as strict as AWS: what CloudFormation and IAM would refuse is refused here."""

from __future__ import annotations

import functools
import io
import json
import os
import sys
import unittest
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import botocore.exceptions

import aws
from another_broker import OFTEN
from support import ANYBODY, CLOUDFORMATION, BrokerTestCase, application_role, client

QUEUE = {"Type": "AWS::SQS::Queue"}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": ANYBODY}}
# A stack that waits until its time is over.
WAITING = {
    "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    "Condition": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": 5},
    },
}

# Answers CloudFormation as its resource says: with everything right, but for the members in `Answer`.
FUNCTION = """
import json, urllib.request

def handler(event, context):
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer.update(Status="SUCCESS", PhysicalResourceId="answered")
    asked = event["ResourceProperties"]
    if event["RequestType"] in asked["On"]:
        answer.update(json.loads(asked["Answer"]))
        answer = {name: value for name, value in answer.items() if value != "absent"}
    headers = json.loads(asked.get("Headers", '{"Content-Type": ""}'))
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), headers, method="PUT")
    urllib.request.urlopen(request).read()
"""


def policy(length: int) -> str:
    """A policy of so many characters, as IAM counts them, and some that it does not count."""
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Sid": ""}],
    }
    shortest = len(json.dumps(document, separators=(",", ":")))
    document["Statement"][0]["Sid"] = "a" * (length - shortest)
    return json.dumps(document, indent=4)


class StacksTest(BrokerTestCase):
    """Stacks of the operator's."""

    def setUp(self) -> None:
        super().setUp()
        self.cloudformation, self.name = client("cloudformation"), f"strict-{uuid.uuid4()}"
        self.addCleanup(lambda: self.cloudformation.delete_stack(StackName=self.name))

    def create(self, resources: dict[str, Any], **request: Any) -> str:
        parameters = {
            "Known": {"Type": "String", "Default": ""},
            "Hidden": {"Type": "String", "Default": "a hidden value", "NoEcho": True},
        }
        body = json.dumps({"Parameters": parameters, "Resources": resources})
        return self.cloudformation.create_stack(StackName=self.name, TemplateBody=body, **request)["StackId"]

    def wait(self, state: str) -> None:
        with suppress(botocore.exceptions.WaiterError):
            self.cloudformation.get_waiter(f"stack_{state}").wait(StackName=self.name, WaiterConfig=OFTEN)

    def described(self, stack: str | None = None) -> dict[str, Any]:
        return self.cloudformation.describe_stacks(StackName=stack or self.name)["Stacks"][0]

    def status(self, stack: str) -> str:
        return self.described(stack)["StackStatus"]

    def reasons(self, stack: str, status: str) -> dict[str, str]:
        events = self.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        return {
            event["LogicalResourceId"]: event.get("ResourceStatusReason", "")
            for event in events
            if event["ResourceStatus"] == status
        }

    def assert_refused(self, code: str, words: str, call: Any, *arguments: Any, **members: Any) -> None:
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            call(*arguments, **members)
        self.assertEqual(raised.exception.response["Error"]["Code"], code)
        self.assertIn(words, raised.exception.response["Error"]["Message"])

    def test_named_iam_resources_need_a_capability_of_their_own(self) -> None:
        named = {**ROLE, "Properties": {**ROLE["Properties"], "RoleName": self.name}}
        for resources, given, needed in (
            ({"Role": ROLE}, [], "CAPABILITY_IAM"),
            ({"Role": named}, [], "CAPABILITY_NAMED_IAM"),
            ({"Role": named}, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
        ):
            self.assert_refused("InsufficientCapabilitiesException", needed, self.create, resources, Capabilities=given)
        self.create({"Role": named}, Capabilities=["CAPABILITY_NAMED_IAM"])

    def test_unknown_template_parameters_are_refused(self) -> None:
        given = [{"ParameterKey": name, "ParameterValue": "a"} for name in ("Known", "Unknown")]
        words = "Parameters: [Unknown] do not exist in the template"
        self.assert_refused("ValidationError", words, self.create, {"Queue": QUEUE}, Parameters=given)
        self.create({"Queue": QUEUE}, Parameters=given[:1])
        self.wait("create_complete")
        update = {"StackName": self.name, "UsePreviousTemplate": True, "Parameters": given}
        self.assert_refused("ValidationError", words, self.cloudformation.update_stack, **update)

    def test_events_hide_secret_parameters_and_resolved_values(self) -> None:
        client("ssm").put_parameter(Name=f"/{self.name}", Value="a stored value", Type="String")
        values = ["a value", {"Ref": "Hidden"}, f"{{{{resolve:ssm:/{self.name}}}}}"]
        tags = [{"Key": str(number), "Value": value} for number, value in enumerate(values)]
        stack = self.create({"Queue": {**QUEUE, "Properties": {"DelaySeconds": 7, "Tags": tags}}})
        self.wait("create_complete")

        events = self.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        shown = [event["ResourceProperties"] for event in events if event["LogicalResourceId"] == "Queue"]
        self.assertEqual(len(shown), 2)
        for properties in map(json.loads, shown):
            self.assertEqual(properties["DelaySeconds"], 7)
            self.assertEqual([tag["Value"] for tag in properties["Tags"]], ["a value", "****", values[2]])
        self.assertEqual(
            [event for event in events if "ResourceProperties" in event and event["LogicalResourceId"] == self.name], []
        )

    def test_running_creation_is_resumed_only_by_its_token(self) -> None:
        stack = self.create(WAITING, ClientRequestToken="one")
        self.assertEqual(self.create(WAITING, ClientRequestToken="one"), stack)
        exists = "AlreadyExistsException", f"[{self.name}] already exists"
        self.assert_refused(*exists, self.create, WAITING, ClientRequestToken="two")
        self.assert_refused(*exists, self.create, WAITING)
        self.wait("create_complete")
        self.assertEqual(self.status(self.name), "ROLLBACK_COMPLETE")
        self.assert_refused(*exists, self.create, WAITING, ClientRequestToken="one")
        self.assert_refused(*exists, self.create, {"Queue": QUEUE}, ClientRequestToken="two")

    def test_stack_keeps_and_needs_its_last_role(self) -> None:
        with application_role("one-", CLOUDFORMATION) as one, application_role("two-", CLOUDFORMATION) as two:
            self.create({"Queue": QUEUE}, RoleARN=one["Arn"])
            self.assertEqual(self.described()["RoleARN"], one["Arn"])
            self.wait("create_complete")
            tags = {"UsePreviousTemplate": True, "Tags": [{"Key": "a", "Value": "b"}]}
            self.cloudformation.update_stack(StackName=self.name, RoleARN=two["Arn"], **tags)
            self.assertEqual(self.described()["RoleARN"], two["Arn"])
            self.wait("update_complete")

        no_role = "ValidationError", f"Role {two['Arn']} is invalid or cannot be assumed"
        self.assert_refused(*no_role, self.cloudformation.delete_stack, StackName=self.name)
        with application_role("three-", CLOUDFORMATION) as three:
            self.cloudformation.delete_stack(StackName=self.name, RoleARN=three["Arn"])
            self.wait("delete_complete")

    def test_stack_role_must_trust_cloudformation_for_it(self) -> None:
        [statement] = CLOUDFORMATION["Statement"]
        for_others = {"ArnLike": {"aws:SourceArn": "arn:aws:cloudformation:*:*:stack/another-*"}}
        of_others = {"StringEquals": {"aws:SourceAccount": "999999999999"}}
        for_this = {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudformation:*:*:stack/{self.name}/*"}}
        for trust in (ANYBODY, *({"Statement": [{**statement, "Condition": no}]} for no in (for_others, of_others))):
            with self.subTest(trust), application_role("no-", {"Version": "2012-10-17", **trust}) as no:
                words = f"Role {no['Arn']} is invalid or cannot be assumed"
                self.assert_refused("ValidationError", words, self.create, {"Queue": QUEUE}, RoleARN=no["Arn"])

        trust = {"Version": "2012-10-17", "Statement": [{**statement, "Condition": for_this}]}
        with application_role("yes-", trust) as yes:
            self.create({"Queue": QUEUE}, RoleARN=yes["Arn"])
            self.wait("create_complete")
            self.cloudformation.delete_stack(StackName=self.name)
            self.wait("delete_complete")

    def test_deleted_stack_is_known_only_by_its_id(self) -> None:
        gone = self.create({"Queue": QUEUE})
        self.wait("create_complete")
        self.cloudformation.delete_stack(StackName=self.name)
        self.wait("delete_complete")
        by_name = {"StackName": self.name}
        for words, call in (
            (f"Stack with id {self.name} does not exist", self.cloudformation.describe_stacks),
            (f"Stack [{self.name}] does not exist", self.cloudformation.describe_stack_events),
            ("does not exist", self.cloudformation.list_stack_resources),
            ("does not exist", self.cloudformation.get_template),
            ("does not exist", lambda **stack: self.cloudformation.update_stack(**stack, UsePreviousTemplate=True)),
        ):
            self.assert_refused("ValidationError", words, call, **by_name)
        self.cloudformation.delete_stack(**by_name)

        # Also when another one has its name.
        self.create({"Queue": QUEUE})
        self.wait("create_complete")
        self.assertEqual(self.status(gone), "DELETE_COMPLETE")
        self.assertIn("Queue", self.reasons(gone, "DELETE_COMPLETE"))
        self.assertEqual(self.status(self.name), "CREATE_COMPLETE")
        self.assertEqual(self.reasons(self.name, "DELETE_COMPLETE"), {})

    def test_overlong_stack_name_is_refused(self) -> None:
        self.name = "a" * 129
        self.assert_refused("ValidationError", "less than or equal to 128", self.create, {"Queue": QUEUE})

    def test_malformed_custom_resource_answers_are_refused(self) -> None:
        with function(self.name) as arn:
            for faulty, fault in {
                '{"Reason": null}': "Value of property Reason must be of type String",
                '{"Reason": 1}': "Value of property Reason must be of type String",
                '{"NoEcho": null}': "Value of property NoEcho must be of type Boolean",
                '{"NoEcho": "true"}': "Value of property NoEcho must be of type Boolean",
                '{"Data": null}': "Value of property Data must be of type Map",
                '{"PhysicalResourceId": null}': "Value of property PhysicalResourceId must be of type String",
                '{"PhysicalResourceId": "absent"}': "Invalid PhysicalResourceId",
                '{"PhysicalResourceId": ""}': "Invalid PhysicalResourceId",
                '{"Status": "FAILURE"}': "'FAILURE' is not a valid ResponseStatus",
                '{"Status": "FAILED"}': "Reason is required",
                '{"StackId": "another"}': "StackId is not that of the request",
                '{"RequestId": "absent"}': "RequestId is not that of the request",
                '{"LogicalResourceId": "Another"}': "LogicalResourceId is not that of the request",
                json.dumps({"Reason": "a" * 4_096}): "Response object is too long",
            }.items():
                with self.subTest(faulty[:40]):
                    stack = self.create({"Asks": asks(arn, On=["Create"], Answer=faulty)})
                    self.wait("create_complete")
                    self.assertIn(fault, self.reasons(stack, "CREATE_FAILED")["Asks"])
                    self.cloudformation.delete_stack(StackName=self.name)
                    self.wait("delete_complete")

            # As for a creation, so for everything else.
            stack = self.create({"Asks": asks(arn, On=["Update", "Delete"], Answer='{"Reason": null}')})
            self.wait("create_complete")
            self.assertEqual(self.status(stack), "CREATE_COMPLETE")
            changed = {"Asks": asks(arn, On=["Update", "Delete"], Answer='{"Reason": null, "Data": {}}')}
            self.cloudformation.update_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": changed}))
            self.wait("update_complete")
            self.assertIn("Reason must be", self.reasons(stack, "UPDATE_FAILED")["Asks"])
            self.cloudformation.delete_stack(StackName=self.name)
            self.wait("delete_complete")
            self.assertIn("Reason must be", self.reasons(stack, "DELETE_FAILED")["Asks"])
            self.assert_refused(
                "ValidationError",
                "resources to retain must be in a valid state",
                self.cloudformation.delete_stack,
                StackName=self.name,
                RetainResources=["Asks", "Other"],
            )
            self.cloudformation.delete_stack(StackName=self.name, RetainResources=["Asks"])
            self.wait("delete_complete")
            self.assertEqual(self.status(stack), "DELETE_COMPLETE")

    def test_custom_resource_answer_must_have_no_content_type(self) -> None:
        with function(self.name) as arn:
            typed = '{"Content-Type": "application/json"}'
            asked = asks(arn, On=["Create"], Answer="{}", Headers=typed, ServiceTimeout="1")
            stack = self.create({"Asks": asked})
            self.wait("create_complete")
            self.assertIn("timed out", self.reasons(stack, "CREATE_FAILED")["Asks"])


def asks(function: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "Custom::Asks", "Properties": {"ServiceToken": function, **properties}}


@contextmanager
def function(name: str) -> Iterator[str]:
    """The ARN of a function that answers CloudFormation."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", FUNCTION)
    iam, functions = client("iam"), client("lambda")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(ANYBODY))["Role"]
    version = f"python3.{sys.version_info.minor}"
    made = functions.create_function(
        FunctionName=name,
        Runtime=version,
        Role=role["Arn"],
        Handler="index.handler",
        Code={"ZipFile": code.getvalue()},
        Timeout=10,
    )
    try:
        yield made["FunctionArn"]
    finally:
        functions.delete_function(FunctionName=name)
        iam.delete_role(RoleName=name)


class IamTest(BrokerTestCase):
    """Limits: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

    def setUp(self) -> None:
        super().setUp()
        self.iam, self.name = client("iam"), f"strict-{uuid.uuid4()}"

    def assert_code(self, code: str, call: Callable[..., Any], **members: Any) -> None:
        self.assertEqual(aws.error_code(functools.partial(call, **members)), code)

    def test_all_inline_policies_of_a_user_are_within_its_limit(self) -> None:
        user = {"UserName": self.name}
        self.iam.create_user(**user)
        self.fill(2_048, user, self.iam.put_user_policy, self.iam.delete_user_policy, self.iam.delete_user)

    def test_all_inline_policies_of_a_role_are_within_its_limit(self) -> None:
        role = {"RoleName": self.name}
        self.iam.create_role(**role, AssumeRolePolicyDocument=json.dumps(ANYBODY))
        self.fill(10_240, role, self.iam.put_role_policy, self.iam.delete_role_policy, self.iam.delete_role)

    def fill(self, longest: int, identity: dict[str, str], put: Any, delete: Any, delete_identity: Any) -> None:
        """Gives an identity as many characters of policies as it can have, which do not go with it."""
        one, two = {**identity, "PolicyName": "one"}, {**identity, "PolicyName": "two"}
        self.assert_code("LimitExceeded", put, **one, PolicyDocument=policy(longest + 1))
        put(**one, PolicyDocument=policy(longest))
        put(**one, PolicyDocument=policy(longest - 200))
        put(**two, PolicyDocument=policy(200))
        self.assert_code("LimitExceeded", put, **two, PolicyDocument=policy(201))

        delete(**two)
        self.assert_code("DeleteConflict", delete_identity, **identity)
        delete(**one)
        delete_identity(**identity)

    def test_a_managed_policy_is_within_its_limit(self) -> None:
        create = functools.partial(self.iam.create_policy, PolicyName=self.name)
        self.assert_code("LimitExceeded", create, PolicyDocument=policy(6_145))
        arn = {"PolicyArn": create(PolicyDocument=policy(6_144))["Policy"]["Arn"]}
        self.assert_code("LimitExceeded", self.iam.create_policy_version, **arn, PolicyDocument=policy(6_145))
        self.iam.delete_policy(**arn)

    def test_trust_policy_is_within_its_limit(self) -> None:
        trust = {**ANYBODY, "Statement": [{**ANYBODY["Statement"][0], "Sid": "a" * 2_048}]}
        role = {"RoleName": self.name, "AssumeRolePolicyDocument": json.dumps(trust)}
        self.assert_code("LimitExceeded", self.iam.create_role, **role)

    def test_names_are_within_their_limits(self) -> None:
        trust, document = json.dumps(ANYBODY), policy(200)
        self.assert_code("ValidationError", self.iam.create_user, UserName="a" * 65)
        self.assert_code("ValidationError", self.iam.create_role, RoleName="a" * 65, AssumeRolePolicyDocument=trust)
        self.assert_code("ValidationError", self.iam.create_policy, PolicyName="a" * 129, PolicyDocument=document)

    def test_a_user_has_two_keys_at_most(self) -> None:
        user = {"UserName": self.name}
        self.iam.create_user(**user)
        keys = [self.iam.create_access_key(**user)["AccessKey"]["AccessKeyId"] for _ in range(2)]
        self.assert_code("LimitExceeded", self.iam.create_access_key, **user)
        for key in keys:
            self.iam.delete_access_key(**user, AccessKeyId=key)
        self.iam.delete_user(**user)

    def test_policy_used_as_boundary_cannot_be_deleted(self) -> None:
        cloudformation, user = client("cloudformation"), {"UserName": self.name}
        boundary = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": json.loads(policy(200))}}
        bounded = {**ROLE, "Properties": {**ROLE["Properties"], "PermissionsBoundary": {"Ref": "Boundary"}}}
        body = {
            "Resources": {"Boundary": boundary, "Role": bounded},
            "Outputs": {"Arn": {"Value": {"Ref": "Boundary"}}},
        }
        stack = cloudformation.create_stack(
            StackName=self.name, TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_IAM"]
        )["StackId"]
        cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=OFTEN)
        [arn] = [
            each["OutputValue"] for each in cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        ]
        self.assert_code("DeleteConflict", self.iam.delete_policy, PolicyArn=arn)

        self.iam.create_user(**user, PermissionsBoundary=arn)
        cloudformation.delete_stack(StackName=stack)
        with suppress(botocore.exceptions.WaiterError):
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=OFTEN)
        resources = cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]
        [left] = [each for each in resources if each["ResourceStatus"] != "DELETE_COMPLETE"]
        self.assertEqual((left["LogicalResourceId"], left["ResourceStatus"]), ("Boundary", "DELETE_FAILED"))
        resource = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="Boundary")
        reason = resource["StackResourceDetail"]["ResourceStatusReason"]
        self.assertIn("Cannot delete a policy attached to entities", reason)

        self.iam.delete_user(**user)
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=OFTEN)
        self.assert_code("NoSuchEntity", self.iam.get_policy, PolicyArn=arn)

    def test_stack_policy_keeps_an_update_from_replacing_and_deleting(self) -> None:
        cloudformation = client("cloudformation")
        denied = {"Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*"}
        statements = [
            {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
            {**denied, "Resource": ["LogicalResourceId/Table"]},
        ]

        def table(suffix: str) -> dict[str, Any]:
            """Another name makes another table."""
            properties = {
                "TableName": f"{self.name}-{suffix}",
                "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            }
            return {"Type": "AWS::DynamoDB::Table", "Properties": properties}

        def body(**resources: Any) -> dict[str, str]:
            return {"StackName": self.name, "TemplateBody": json.dumps({"Resources": {"Queue": QUEUE, **resources}})}

        stack = cloudformation.create_stack(
            **body(Table=table("one"), Other=table("other")), StackPolicyBody=json.dumps({"Statement": statements})
        )["StackId"]
        cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=OFTEN)

        for resources, action in (
            ({"Table": table("two"), "Other": table("other")}, "Replace"),
            ({"Other": table("other")}, "Delete"),
        ):
            # A policy that comes with an update is for later ones.
            anything = {"Statement": statements[:1]} if action == "Delete" else {"Statement": statements}
            cloudformation.update_stack(**body(**resources), StackPolicyBody=json.dumps(anything))
            with suppress(botocore.exceptions.WaiterError):
                cloudformation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig=OFTEN)
            [described] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
            self.assertEqual(described["StackStatus"], "UPDATE_ROLLBACK_COMPLETE", action)
            events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
            failed = next(event for event in events if event["ResourceStatus"] == "UPDATE_FAILED")
            self.assertEqual(
                failed["ResourceStatusReason"],
                f"Action denied by stack policy: Statement [#2] does not allow [Update:{action}] "
                "for resource [LogicalResourceId/Table]",
            )

        cloudformation.update_stack(**body(Other=table("another")))
        cloudformation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig=OFTEN)
        cloudformation.delete_stack(StackName=stack)

    def test_nested_stack_with_a_boundary_in_use_cannot_be_deleted(self) -> None:
        cloudformation, s3, user = client("cloudformation"), client("s3"), {"UserName": self.name}
        boundary = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": json.loads(policy(200))}}
        boundary["Properties"]["ManagedPolicyName"] = self.name
        s3.create_bucket(Bucket=self.name)
        nested = {"Resources": {"Queue": QUEUE, "Boundary": boundary}}
        s3.put_object(Bucket=self.name, Key="nested", Body=json.dumps(nested).encode())
        properties = {"TemplateURL": f"{os.environ['AWS_ENDPOINT_URL']}/{self.name}/nested"}
        body = {"Resources": {"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": properties}}}
        stack = cloudformation.create_stack(
            StackName=self.name, TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_NAMED_IAM"]
        )["StackId"]
        cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=OFTEN)

        self.iam.create_user(**user, PermissionsBoundary=f"arn:aws:iam::{os.environ['ACCOUNT_ID']}:policy/{self.name}")
        cloudformation.delete_stack(StackName=stack)
        with suppress(botocore.exceptions.WaiterError):
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=OFTEN)
        resource = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="Nested")
        detail = resource["StackResourceDetail"]
        self.assertEqual(detail["ResourceStatus"], "DELETE_FAILED")
        self.assertIn("failed to delete: [Boundary]", detail["ResourceStatusReason"])
        left = cloudformation.list_stack_resources(StackName=detail["PhysicalResourceId"])["StackResourceSummaries"]
        self.assertEqual([each["LogicalResourceId"] for each in left], ["Boundary"])

        self.iam.delete_user(**user)
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=OFTEN)

    def test_stack_resources_are_within_the_same_limits(self) -> None:
        cloudformation = client("cloudformation")
        long_role = {**ROLE, "Properties": {**ROLE["Properties"], "RoleName": "a" * 65}}
        inline = [{"PolicyName": "all", "PolicyDocument": json.loads(policy(10_241))}]
        wordy_role = {**ROLE, "Properties": {**ROLE["Properties"], "Policies": inline}}
        wordy_policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": json.loads(policy(6_145))}}
        for number, (resource, words) in enumerate(
            (
                (long_role, "less than or equal to 64"),
                (wordy_role, "Maximum policy size of 10240 bytes exceeded for role"),
                (wordy_policy, "Cannot exceed quota for PolicySize: 6144"),
            )
        ):
            stack = cloudformation.create_stack(
                StackName=f"{self.name}-{number}",
                TemplateBody=json.dumps({"Resources": {"Identity": resource}}),
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )["StackId"]
            with suppress(botocore.exceptions.WaiterError):
                cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=OFTEN)
            events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
            [failed] = [each for each in events if each["ResourceStatus"] == "CREATE_FAILED"]
            self.assertIn(words, failed["ResourceStatusReason"])
            cloudformation.delete_stack(StackName=stack)


if __name__ == "__main__":
    unittest.main()
