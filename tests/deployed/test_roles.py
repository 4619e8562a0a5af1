"""What the roles of the functions allow: all of it is needed, and nothing beyond what it is for.

Each step of a platform or of the operator is taken without one of the permissions that it needs, and fails, and then
with all of them. A permission that no step needs fails the test.
"""

from __future__ import annotations

import functools
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import botocore.exceptions

from another_broker import AnotherBroker, template
from local_aws import APPLICATION_ROLES, STACK
from osb import Answer, Plan
from support import (
    ANYBODY,
    BROKER,
    BrokerTestCase,
    application_role,
    assume,
    client,
    forget,
    kms_key,
    of_service,
    records_of,
    stacks_of,
    sweep,
    unique_name,
    user_of,
)

PREFIX = os.environ["NAME_PREFIX"]
# A pattern of the UUIDs that the names of users and roles end with.
ANY_ID = "????????-????-????-????-????????????"
# The functions, by their logical ids.
BROKERS, SWEEPS, GUARDS, DATABASES = "Function", "SweepFunction", "GuardFunction", "DatabaseFunction"


def functions(stack: str = STACK) -> dict[str, str]:
    """The names of the functions by their logical ids."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == "AWS::Lambda::Function"
    }


def roles(stack: str) -> list[str]:
    """The names of the roles in a broker's stack."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::IAM::Role"]


class Role:
    """The role of a function, as it is deployed.

    A permission is an action of a statement, or one of its resources if there are several.
    """

    def __init__(self, function: str, stack: str = STACK) -> None:
        self._iam = client("iam")
        self.arn: str = client("lambda").get_function_configuration(FunctionName=functions(stack)[function])["Role"]
        self._name = self.arn.rpartition("/")[2]
        self._policies: dict[str, dict[str, Any]] = {
            name: self._iam.get_role_policy(RoleName=self._name, PolicyName=name)["PolicyDocument"]
            for name in self._iam.list_role_policies(RoleName=self._name)["PolicyNames"]
        }

    def permissions(self) -> set[str]:
        return {
            f"{statement['Sid']} {part}"
            for policy in self._policies.values()
            for statement in policy["Statement"]
            for part in (*actions(statement), *map(short, several_resources(statement)))
        }

    @contextmanager
    def without(self, *permissions: str) -> Iterator[None]:
        try:
            for name, policy in self._policies.items():
                statements = [reduced(statement, permissions) for statement in policy["Statement"]]
                self._put(name, {**policy, "Statement": [each for each in statements if each["Action"]]})
            yield
        finally:
            for name, policy in self._policies.items():
                self._put(name, policy)

    def _put(self, name: str, policy: dict[str, Any]) -> None:
        named = {"RoleName": self._name, "PolicyName": name}
        if policy["Statement"]:
            self._iam.put_role_policy(**named, PolicyDocument=json.dumps(policy))
        else:
            self._iam.delete_role_policy(**named)


def reduced(statement: dict[str, Any], permissions: tuple[str, ...]) -> dict[str, Any]:
    def is_left(part: str) -> bool:
        return f"{statement['Sid']} {short(part)}" not in permissions

    left = {"Action": [action for action in actions(statement) if is_left(action)]}
    if arns := several_resources(statement):
        left["Resource"] = [arn for arn in arns if is_left(arn)]
    return {**statement, **left}


def actions(statement: dict[str, Any]) -> list[str]:
    return as_list(statement["Action"])


def several_resources(statement: dict[str, Any]) -> list[str]:
    arns = as_list(statement["Resource"])
    return arns if len(arns) > 1 else []


def short(part: str) -> str:
    """Of an ARN what comes after the account."""
    return part.split(":", 5)[5] if part.startswith("arn:") else part


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


# What the steps need, by the function whose role allows it. The steps are below.
NEEDED: dict[str, set[str]] = {BROKERS: set(), SWEEPS: set(), GUARDS: set(), DATABASES: set()}
WRITES_LOG = ("WriteLog logs:CreateLogStream", "WriteLog logs:PutLogEvents")
TRACES = ("Trace xray:PutTraceSegments", "Trace xray:PutTelemetryRecords")
INTERFACES = (
    "CreateNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
    "DeleteNetworkInterface",
    "AssignPrivateIpAddresses",
    "UnassignPrivateIpAddresses",
)
BY_LAMBDA = "Lambda does this with the function's role; the emulator does without"
# What is needed all the same, and why no step here does.
NOT_NEEDED_HERE: dict[str, dict[str, str]] = {
    BROKERS: dict.fromkeys((*WRITES_LOG, *TRACES), BY_LAMBDA),
    SWEEPS: {
        **dict.fromkeys((*WRITES_LOG, *TRACES), BY_LAMBDA),
        "EndRecords dynamodb:BatchGetItem": "only if somebody else removes the same binding at the same moment",
    },
    GUARDS: dict.fromkeys(WRITES_LOG, BY_LAMBDA),
    DATABASES: {
        **dict.fromkeys((*WRITES_LOG, *(f"AttachToNetwork ec2:{action}" for action in INTERFACES)), BY_LAMBDA),
        "NotByTheCode ec2:*": "it denies: the code calls nothing in AWS",
    },
}

# Prepares a step, gives its request, and cleans up.
Step = Callable[[Any], Iterator[Callable[[], Answer]]]


def needs(
    function: str, *permissions: str, denied: int = 500, done: int = 200
) -> Callable[[Step], Callable[[Any], None]]:
    """Makes a test of a step: without any one of the permissions its request fails, and with all of them it is done.

    An attempt may go on where the one before has stopped. So they are in the order in which they are needed.
    """
    NEEDED[function].update(permissions)

    def test_of(step: Step) -> Callable[[Any], None]:
        @functools.wraps(step)
        def test(self: BrokerTestCase) -> None:
            role = Role(function)
            with contextmanager(step)(self) as request:
                for permission in permissions:
                    with self.subTest(permission), role.without(permission):
                        self.assertEqual(request().status, denied)
                request().expect(done)

        return test

    return test_of


SERVICE_ACCOUNT = {"ServiceAccount": "shop/worker"}
NOTHING = {"Effect": "Deny", "Action": "sqs:ListQueues", "Resource": "*"}


def removed(**names: list[str]) -> Answer:
    """What became of a removal: a 500 if any of it has failed."""
    answer = sweep({"remove": names})
    failed = [outcome for outcome in answer.body.get("removed", {}).values() if outcome.startswith("failed: ")]
    return Answer(500, {"description": "; ".join(failed)}) if failed else answer


def counted() -> Answer:
    """Whether the guard sees which instances there are, when CloudFormation asks whether the broker may go."""
    s3, answer = client("s3"), {"Bucket": f"answers-{uuid.uuid4()}", "Key": "answer"}
    s3.create_bucket(Bucket=answer["Bucket"])
    request = {
        "RequestType": "Delete",
        "ResponseURL": s3.generate_presigned_url("put_object", Params=answer),
        "StackId": "a stack",
        "RequestId": "a request",
        "ResourceType": "Custom::InstancesGuard",
        "LogicalResourceId": "Guard",
        "PhysicalResourceId": "guard",
        "ResourceProperties": {},
    }
    client("lambda").invoke(FunctionName=functions()[GUARDS], Payload=json.dumps(request).encode())
    said = json.load(s3.get_object(**answer)["Body"])["Reason"]
    return Answer(500 if "could not check" in said else 200, {"description": said})


def change(instance: str, sort_key: str, path: str, value: dict[str, Any]) -> None:
    """Changes what the broker knows of an instance."""
    names = {f"#{number}": name for number, name in enumerate(path.split("."))}
    client("dynamodb").update_item(
        TableName=os.environ["TABLE_NAME"],
        Key={"pk": {"S": f"INSTANCE#{instance}"}, "sk": {"S": sort_key}},
        UpdateExpression=f"SET {'.'.join(names)} = :value",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":value": value},
    )


def half_a_minute_later(instance: str) -> None:
    """No request can be at work any more that has begun before."""
    for item in records_of(instance):
        begun = int(item["operation"]["M"]["started_at"]["N"])
        change(instance, item["sk"]["S"], "operation.started_at", {"N": str(begun - 30)})


def delete_user(name: str) -> None:
    iam, user = client("iam"), {"UserName": name}
    for key in iam.list_access_keys(**user)["AccessKeyMetadata"]:
        iam.delete_access_key(**user, AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_user_policies(**user)["PolicyNames"]:
        iam.delete_user_policy(**user, PolicyName=policy)
    iam.delete_user(**user)


def delete_role(name: str) -> None:
    iam, role = client("iam"), {"RoleName": name}
    for policy in iam.list_role_policies(**role)["PolicyNames"]:
        iam.delete_role_policy(**role, PolicyName=policy)
    iam.delete_role(**role)


def arn(service: str, resource: str) -> str:
    region = "" if service == "iam" else os.environ["AWS_REGION"]
    return f"arn:aws:{service}:{region}:{os.environ['ACCOUNT_ID']}:{resource}"


def secret(name: str, tags: dict[str, str], **options: str) -> str:
    tags_of_secret = [{"Key": key, "Value": value} for key, value in tags.items()]
    made = client("secretsmanager").create_secret(Name=name, SecretString="a secret", Tags=tags_of_secret, **options)
    return f"secretsmanager:{made['ARN']}"


def parameter(tags: dict[str, str]) -> str:
    name = f"/{unique_name()}"
    tags_of_parameter = [{"Key": key, "Value": value} for key, value in tags.items()]
    client("ssm").put_parameter(Name=name, Value="a secret", Type="SecureString", Tags=tags_of_parameter)
    return f"ssm:{name}"


class RolesTest(BrokerTestCase):
    def test_every_permission_is_needed(self) -> None:
        self.assertEqual(NEEDED.keys(), functions().keys())
        for function, needed in NEEDED.items():
            with self.subTest(function):
                excused = set(NOT_NEEDED_HERE[function])
                self.assertEqual(needed & excused, set())
                self.assertEqual(needed | excused, Role(function).permissions())

    def test_broker_works_without_excused_permissions(self) -> None:
        with ExitStack() as restored:
            for function, excused in NOT_NEEDED_HERE.items():
                restored.enter_context(Role(function).without(*excused))
            instance, plan = self.provision("sqs", "standard")
            binding, _ = self.bind(instance, plan)
            BROKER.unbind(instance, binding, plan).expect(200)
            self.bind(instance, plan)
            (stack,) = stacks_of(instance)
            client("cloudformation").delete_stack(StackName=stack)
            removed(instances=[instance]).expect(200)
            forget(instance)
            counted().expect(200)


class BrokerRoleTest(BrokerTestCase):
    @contextmanager
    def instance(self, service: str = "sqs", plan: str = "standard") -> Iterator[tuple[str, Plan]]:
        instance, ids = self.provision(service, plan)
        yield instance, ids
        half_a_minute_later(instance)
        self.deprovision(instance, ids)

    @needs(BROKERS, "CheckPlatformCredentials secretsmanager:GetSecretValue")
    def test_authenticate(self) -> Iterator[Callable[[], Answer]]:
        made, function = client("lambda"), {"FunctionName": os.environ["FUNCTION_NAME"]}
        memory = made.get_function_configuration(**function)["MemorySize"]

        def request() -> Answer:
            # In a new process, which has not read the secret yet.
            made.update_function_configuration(**function, MemorySize=memory)
            return BROKER.catalog()

        yield request

    @needs(
        BROKERS,
        "KeepState dynamodb:PutItem",
        "KeepStateEncrypted kms:Decrypt",
        "ManageStacks cloudformation:CreateStack",
        "TagStacks cloudformation:TagResource",
        "ProtectData cloudformation:SetStackPolicy",
        "HandDeployRoleToCloudFormation iam:PassRole",
        done=202,
    )
    def test_provision(self) -> Iterator[Callable[[], Answer]]:
        instance, plan = str(uuid.uuid4()), BROKER.plan("sqs", "standard")
        yield lambda: BROKER.provision(instance, plan)
        BROKER.wait(instance, plan, None)
        self.deprovision(instance, plan)

    @needs(BROKERS, "KeepState dynamodb:DeleteItem", done=400)
    def test_provision_what_cloudformation_refuses(self) -> Iterator[Callable[[], Answer]]:
        """A stack that has the instance's name already, and that is somebody else's."""
        plan, cloudformation = BROKER.plan("sqs", "standard"), client("cloudformation")
        template = json.dumps({"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}})
        stacks: dict[str, str] = {}

        def request() -> Answer:
            instance = str(uuid.uuid4())
            stacks[instance] = f"{os.environ['NAME_PREFIX']}-sqs-{instance}"
            cloudformation.create_stack(StackName=stacks[instance], TemplateBody=template)
            return BROKER.provision(instance, plan)

        yield request
        for instance, stack in stacks.items():
            cloudformation.delete_stack(StackName=stack)
            forget(instance)

    @needs(
        BROKERS,
        "KeepState dynamodb:GetItem",
        "WatchStacks cloudformation:DescribeStackEvents",
        "WatchStacks cloudformation:DescribeStacks",
    )
    def test_poll(self) -> Iterator[Callable[[], Answer]]:
        instance, plan = str(uuid.uuid4()), BROKER.plan("sqs", "standard")
        operation = BROKER.provision(instance, plan).expect(202)["operation"]
        yield lambda: BROKER.last_operation(instance, plan, operation)
        self.deprovision(instance, plan)

    @needs(BROKERS, "ManageStacks cloudformation:UpdateStack", done=202)
    def test_update(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            yield lambda: BROKER.update(instance, plan, {"parameters": {"DelaySeconds": 1}})
            BROKER.wait(instance, plan, None)

    @needs(BROKERS, "KeepState dynamodb:Query", "ManageStacks cloudformation:DeleteStack", done=202)
    def test_deprovision(self) -> Iterator[Callable[[], Answer]]:
        instance, plan = self.provision("sqs", "standard")
        yield lambda: BROKER.deprovision(instance, plan)
        BROKER.wait(instance, plan, None)

    @needs(
        BROKERS,
        "KeepState dynamodb:ConditionCheckItem",
        "GrantWithinBoundary iam:CreateUser",
        "MakeIdentities iam:TagUser",
        "GrantWithinBoundary iam:PutUserPolicy",
        "MakeIdentities iam:CreateAccessKey",
        "SealCredentials kms:Encrypt",
        done=201,
    )
    def test_bind(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            yield lambda: BROKER.bind(instance, str(uuid.uuid4()), plan)

    @needs(
        BROKERS,
        "ReadMasterSecretsOfInstances secretsmanager:GetSecretValue",
        "ManageDatabaseUsers lambda:InvokeFunction",
        done=201,
    )
    def test_bind_to_a_database(self) -> Iterator[Callable[[], Answer]]:
        with self.instance("rdspostgresql", "dev") as (instance, plan):
            yield lambda: BROKER.bind(instance, str(uuid.uuid4()), plan)

    @needs(BROKERS, "ReadMasterSecretsOfClusters secretsmanager:GetSecretValue", done=201)
    def test_bind_to_a_cluster(self) -> Iterator[Callable[[], Answer]]:
        with self.instance("aurorapostgresql", "dev") as (instance, plan):
            yield lambda: BROKER.bind(instance, str(uuid.uuid4()), plan)

    @needs(BROKERS, "ReadTagsOfSources tag:GetResources", done=400)
    def test_look_for_the_consent_of_a_snapshots_owner(self) -> Iterator[Callable[[], Answer]]:
        plan = BROKER.plan("rdspostgresql", "dev")
        yield lambda: BROKER.provision(str(uuid.uuid4()), plan, {"SnapshotId": "somebodys-snapshot"})

    @needs(BROKERS, "KeepState dynamodb:BatchGetItem", "SealCredentials kms:Decrypt")
    def test_fetch_a_binding(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            binding, _ = self.bind(instance, plan)
            yield lambda: BROKER.fetch_binding(instance, binding, plan)

    @needs(
        BROKERS,
        "KeepState dynamodb:UpdateItem",
        f"DeleteIdentities user/{PREFIX}/{PREFIX}-*",
        "DeleteIdentities iam:ListAccessKeys",
        "DeleteIdentities iam:DeleteAccessKey",
        "DeleteIdentities iam:DeleteUserPolicy",
        "DeleteIdentities iam:DeleteUser",
    )
    def test_unbind(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            binding, _ = self.bind(instance, plan)
            yield lambda: BROKER.unbind(instance, binding, plan)

    @needs(BROKERS, f"DeleteIdentities user/{PREFIX}-{ANY_ID}")
    def test_unbind_when_the_user_has_gone(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            binding, _ = self.bind(instance, plan)
            delete_user(user_of(instance))
            yield lambda: BROKER.unbind(instance, binding, plan)

    @needs(
        BROKERS,
        "GrantRolesWithinBoundary iam:CreateRole",
        "MakeRoles iam:TagRole",
        "GrantRolesWithinBoundary iam:PutRolePolicy",
        done=201,
    )
    def test_bind_a_service_account(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            yield lambda: BROKER.bind(instance, str(uuid.uuid4()), plan, SERVICE_ACCOUNT)

    @needs(BROKERS, "MakeRoles iam:GetRole", done=201)
    def test_bind_a_service_account_whose_role_is_half_made(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            binding = str(uuid.uuid4())
            with Role(BROKERS).without("GrantRolesWithinBoundary iam:PutRolePolicy"):
                BROKER.bind(instance, binding, plan, SERVICE_ACCOUNT).expect(500)

            def request() -> Answer:
                half_a_minute_later(instance)
                return BROKER.bind(instance, binding, plan, SERVICE_ACCOUNT)

            yield request

    @needs(
        BROKERS,
        f"DeleteRoles role/{PREFIX}/{PREFIX}-*",
        "DeleteRoles iam:DeleteRolePolicy",
        "DeleteRoles iam:DeleteRole",
    )
    def test_unbind_a_service_account(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            binding, _ = self.bind_service_account(instance, plan)
            yield lambda: BROKER.unbind(instance, binding, plan)

    @needs(BROKERS, f"DeleteRoles role/{PREFIX}-{ANY_ID}")
    def test_unbind_a_service_account_when_the_role_has_gone(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            binding, role = self.bind_service_account(instance, plan)
            delete_role(role)
            yield lambda: BROKER.unbind(instance, binding, plan)

    @needs(BROKERS, "AddToRolesOfApplications iam:GetRole", denied=400, done=201)
    def test_look_at_the_role_of_an_application(self) -> Iterator[Callable[[], Answer]]:
        yield from self.binding_the_role_of_an_application()

    @needs(BROKERS, "AddToRolesOfApplications iam:PutRolePolicy", done=201)
    def test_bind_the_role_of_an_application(self) -> Iterator[Callable[[], Answer]]:
        yield from self.binding_the_role_of_an_application()

    @needs(BROKERS, "AddToRolesOfApplications iam:DeleteRolePolicy")
    def test_unbind_the_role_of_an_application(self) -> Iterator[Callable[[], Answer]]:
        with application_role(APPLICATION_ROLES) as role, self.instance() as (instance, plan):
            binding = str(uuid.uuid4())
            BROKER.bind(instance, binding, plan, {"RoleName": role["RoleName"]}).expect(201)
            yield lambda: BROKER.unbind(instance, binding, plan)

    @needs(BROKERS, "ReadClientSecretsOfInstances cognito-idp:DescribeUserPoolClient")
    def test_read_the_secret_of_an_instances_app_client(self) -> Iterator[Callable[[], Answer]]:
        with self.instance("cognito", "production") as (instance, plan):
            binding, _ = self.bind(instance, plan)
            yield lambda: BROKER.fetch_binding(instance, binding, plan)

    @needs(BROKERS, "ReadSecretsOfInstances secretsmanager:GetSecretValue")
    def test_read_a_secret_of_an_instance(self) -> Iterator[Callable[[], Answer]]:
        tags = {"servicebroker:instance-id": "an instance", "aws:cloudformation:stack-name": unique_name()}
        yield from self.reading(secret(unique_name(), tags))

    @needs(BROKERS, "DecryptSecretsOfInstances kms:Decrypt")
    def test_read_a_secret_that_is_encrypted_with_a_key(self) -> Iterator[Callable[[], Answer]]:
        tags = {"servicebroker:instance-id": "an instance", "aws:cloudformation:stack-name": unique_name()}
        yield from self.reading(secret(unique_name(), tags, KmsKeyId=kms_key()))

    @needs(BROKERS, "ReadMasterSecretsOfInstances secretsmanager:GetSecretValue")
    def test_read_a_secret_of_a_database(self) -> Iterator[Callable[[], Answer]]:
        database = {"aws:rds:primaryDBInstanceArn": arn("rds", f"db:{unique_name()}")}
        yield from self.reading(secret(f"rds!db-{uuid.uuid4()}", database))

    @needs(BROKERS, "ReadMasterSecretsOfClusters secretsmanager:GetSecretValue")
    def test_read_a_secret_of_a_cluster(self) -> Iterator[Callable[[], Answer]]:
        cluster = {"aws:rds:primaryDBClusterArn": arn("rds", f"cluster:{unique_name()}")}
        yield from self.reading(secret(f"rds!cluster-{uuid.uuid4()}", cluster))

    @needs(BROKERS, "ReadParametersOfInstances ssm:GetParameter")
    def test_read_a_parameter_of_an_instance(self) -> Iterator[Callable[[], Answer]]:
        yield from self.reading(parameter({"servicebroker:instance-id": "an instance"}))

    @needs(BROKERS, "InvokeFunctionsOfInstances lambda:InvokeFunction")
    def test_invoke_a_function_of_an_instance(self) -> Iterator[Callable[[], Answer]]:
        with self.instance() as (instance, plan):
            binding, _ = self.bind(instance, plan)
            # No service of the catalog has one. That it has gone is no reason not to unbind.
            [grants] = [item["grants"]["L"] for item in records_of(instance) if "grants" in item]
            function = {"M": {"function": {"M": {"name": {"S": unique_name()}}}}}
            change(instance, f"BINDING#{binding}", "grants", {"L": [*grants, function]})
            yield lambda: BROKER.unbind(instance, binding, plan)

    def bind_service_account(self, instance: str, plan: Plan) -> tuple[str, str]:
        binding = str(uuid.uuid4())
        bound = BROKER.bind(instance, binding, plan, SERVICE_ACCOUNT).expect(201)["credentials"]
        return binding, bound["AWS_ROLE_ARN"].rpartition("/")[2]

    def binding_the_role_of_an_application(self) -> Iterator[Callable[[], Answer]]:
        with application_role(APPLICATION_ROLES) as role, self.instance() as (instance, plan):
            yield lambda: BROKER.bind(instance, str(uuid.uuid4()), plan, {"RoleName": role["RoleName"]})

    def reading(self, place: str) -> Iterator[Callable[[], Answer]]:
        """What no service of the catalog keeps there, of an instance whose stack could have said that it does."""
        with self.instance("cognito", "production") as (instance, plan):
            binding, _ = self.bind(instance, plan)
            change(instance, "META", "outputs.ClientSecret", {"S": place})
            yield lambda: BROKER.fetch_binding(instance, binding, plan)


class SweepRoleTest(BrokerTestCase):
    @needs(
        SWEEPS,
        "ListStacksAndIdentities cloudformation:DescribeStacks",
        "ListStacksAndIdentities cloudformation:ListStacks",
        "ListStacksAndIdentities iam:ListUsers",
        "ListStacksAndIdentities iam:ListRoles",
        "ListStacksAndIdentities tag:GetResources",
        "ReadState dynamodb:Scan",
        "ReadState dynamodb:GetItem",
        "ReadStateEncrypted kms:Decrypt",
    )
    def test_look(self) -> Iterator[Callable[[], Answer]]:
        instance, _ = self.provision("sqs", "standard")
        (stack,) = stacks_of(instance)
        client("cloudformation").delete_stack(StackName=stack)
        yield sweep
        forget(instance)

    @needs(SWEEPS, "DeleteStacks cloudformation:DeleteStack", "HandDeployRoleToCloudFormation iam:PassRole")
    def test_remove_a_stack(self) -> Iterator[Callable[[], Answer]]:
        instance, _ = self.provision("sqs", "standard")
        forget(instance)
        stacks = stacks_of(instance)
        yield lambda: removed(stacks=stacks)
        self.assertEqual(stacks_of(instance), [])

    @needs(
        SWEEPS,
        f"DeleteIdentities user/{PREFIX}/{PREFIX}-*",
        "DeleteIdentities iam:ListAccessKeys",
        "DeleteIdentities iam:DeleteAccessKey",
        "DeleteIdentities iam:DeleteUserPolicy",
        "DeleteIdentities iam:DeleteUser",
    )
    def test_remove_a_user(self) -> Iterator[Callable[[], Answer]]:
        instance, plan = self.provision("sqs", "standard")
        self.bind(instance, plan)
        user = user_of(instance)
        forget(instance)
        yield lambda: removed(users=[user])
        removed(stacks=stacks_of(instance)).expect(200)

    @needs(
        SWEEPS,
        f"DeleteRoles role/{PREFIX}/{PREFIX}-*",
        "DeleteRoles iam:DeleteRolePolicy",
        "DeleteRoles iam:DeleteRole",
    )
    def test_remove_a_role(self) -> Iterator[Callable[[], Answer]]:
        instance, plan = self.provision("sqs", "standard")
        bound = BROKER.bind(instance, str(uuid.uuid4()), plan, SERVICE_ACCOUNT).expect(201)["credentials"]
        forget(instance)
        yield lambda: removed(roles=[bound["AWS_ROLE_ARN"].rpartition("/")[2]])
        removed(stacks=stacks_of(instance)).expect(200)

    @needs(
        SWEEPS,
        "EndRecords dynamodb:UpdateItem",
        "EndRecords dynamodb:Query",
        f"DeleteIdentities user/{PREFIX}-{ANY_ID}",
        "EndRecords dynamodb:PutItem",
        "WatchStacks cloudformation:DescribeStackEvents",
    )
    def test_remove_an_instance_with_a_user(self) -> Iterator[Callable[[], Answer]]:
        yield from self.removing_an_instance({})

    @needs(SWEEPS, f"DeleteRoles role/{PREFIX}-{ANY_ID}")
    def test_remove_an_instance_with_a_role(self) -> Iterator[Callable[[], Answer]]:
        yield from self.removing_an_instance(SERVICE_ACCOUNT)

    @needs(SWEEPS, "TakeFromRolesOfApplications iam:DeleteRolePolicy")
    def test_remove_an_instance_with_the_role_of_an_application(self) -> Iterator[Callable[[], Answer]]:
        with application_role(APPLICATION_ROLES) as role:
            yield from self.removing_an_instance({"RoleName": role["RoleName"]})

    def removing_an_instance(self, parameters: dict[str, str]) -> Iterator[Callable[[], Answer]]:
        """An instance whose stack somebody has deleted, with a binding."""
        instance, plan = self.provision("sqs", "standard")
        bound = BROKER.bind(instance, str(uuid.uuid4()), plan, parameters).expect(201)["credentials"]
        if parameters == SERVICE_ACCOUNT:
            delete_role(bound["AWS_ROLE_ARN"].rpartition("/")[2])
        elif not parameters:
            delete_user(user_of(instance))
        (stack,) = stacks_of(instance)
        client("cloudformation").delete_stack(StackName=stack)
        yield lambda: removed(instances=[instance])
        forget(instance)


class GuardRoleTest(BrokerTestCase):
    @needs(GUARDS, "CountInstances dynamodb:Scan", "CountInstancesEncrypted kms:Decrypt")
    def test_count_instances(self) -> Iterator[Callable[[], Answer]]:
        yield counted


class ConditionsTest(BrokerTestCase):
    """What the roles would allow if it were not for their statements' conditions and paths."""

    def as_role(self, function: str, service: str) -> Any:
        return client(service, assume(Role(function).arn))

    def test_stack_changes_need_the_deploy_role(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        others, template = {"RoleARN": Role(BROKERS).arn}, {"TemplateBody": "Resources: {}"}
        (name,) = stacks_of(instance)
        broker, operator = (self.as_role(function, "cloudformation") for function in (BROKERS, SWEEPS))
        self.assert_denied(
            lambda: broker.create_stack(StackName=unique_name(), **template),
            lambda: broker.create_stack(StackName=unique_name(), **template, **others),
            lambda: broker.update_stack(StackName=name, UsePreviousTemplate=True),
            lambda: broker.update_stack(StackName=name, UsePreviousTemplate=True, **others),
            lambda: broker.delete_stack(StackName=name),
            lambda: operator.delete_stack(StackName=name),
            lambda: operator.delete_stack(StackName=name, **others),
        )
        self.deprovision(instance, plan)

    def test_deploy_role_works_only_for_instance_stacks(self) -> None:
        stack = {"StackName": f"another-{uuid.uuid4()}", "TemplateBody": "Resources: {}"}
        with self.assertRaisesRegex(botocore.exceptions.ClientError, "is invalid or cannot be assumed"):
            client("cloudformation").create_stack(**stack, RoleARN=of_service("role", "sqs"))

    def test_bindable_roles_never_include_the_brokers_own(self) -> None:
        made, policy = AnotherBroker("wide"), {"PolicyName": "binding"}
        settings = {"EnabledServices": "sqs", "TableDeletionProtection": "no", "SweepRemoves": "yes"}
        made.create(template(), **settings, BindableRoles="*")
        self.addCleanup(made.delete)
        document = {"PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [NOTHING]})}
        broker, operator = (client("iam", assume(Role(each, made.stack).arn)) for each in (BROKERS, SWEEPS))

        with application_role("anybodys-") as role:
            of_application = {"RoleName": role["RoleName"], **policy}
            broker.put_role_policy(**of_application, **document)
            broker.delete_role_policy(**of_application)
            broker.put_role_policy(**of_application, **document)
            operator.delete_role_policy(**of_application)

        with application_role("service-broker-another-") as elsewhere, application_role("wide-") as of_instance:
            for name in (*roles(made.stack), elsewhere["RoleName"]):
                own = {"RoleName": name, **policy}
                self.assert_denied(
                    functools.partial(broker.put_role_policy, **own, **document),
                    functools.partial(broker.delete_role_policy, **own),
                    functools.partial(operator.delete_role_policy, **own),
                )
            self.assert_denied(lambda: broker.put_role_policy(RoleName=of_instance["RoleName"], **policy, **document))

    def test_identities_need_the_boundary_and_the_path(self) -> None:
        iam, broker, name = client("iam"), self.as_role(BROKERS, "iam"), unique_name()
        path, boundary = {"Path": f"/{PREFIX}/"}, {"PermissionsBoundary": of_service("policy", "sqs")}
        another = {"PermissionsBoundary": arn("iam", f"policy/{PREFIX}-stack-roles")}
        trust, policy = {"AssumeRolePolicyDocument": json.dumps(ANYBODY)}, {"PolicyName": "binding"}
        policy["PolicyDocument"] = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.assert_denied(
            lambda: broker.create_user(UserName=name, **path),
            lambda: broker.create_user(UserName=name, **path, **another),
            lambda: broker.create_user(UserName=name, **boundary),
            lambda: broker.create_role(RoleName=name, **trust, **path),
            lambda: broker.create_role(RoleName=name, **trust, **path, **another),
            lambda: broker.create_role(RoleName=name, **trust, **boundary),
        )
        iam.create_user(UserName=name, **path)
        iam.create_role(RoleName=name, **trust, **path)
        elsewhere = unique_name()
        iam.create_user(UserName=elsewhere, **boundary)
        iam.create_role(RoleName=elsewhere, **trust, **boundary)
        self.assert_denied(
            lambda: broker.put_user_policy(UserName=name, **policy),
            lambda: broker.put_role_policy(RoleName=name, **policy),
            lambda: broker.put_user_policy(UserName=elsewhere, **policy),
            lambda: broker.put_role_policy(RoleName=elsewhere, **policy),
            lambda: broker.create_access_key(UserName=elsewhere),
            lambda: broker.get_role(RoleName=elsewhere),
        )
        for identity in (name, elsewhere):
            delete_user(identity)
            delete_role(identity)

    def test_key_encrypts_only_for_instances(self) -> None:
        kms, broker, operator = client("kms"), self.as_role(BROKERS, "kms"), self.as_role(SWEEPS, "kms")
        key, context = {"KeyId": os.environ["KEY_ARN"]}, {"EncryptionContext": {"instance_id": "an instance"}}
        of_table = {"EncryptionContext": {"aws:dynamodb:tableName": os.environ["TABLE_NAME"]}}
        sealed = broker.encrypt(**key, **context, Plaintext=b"a secret")["CiphertextBlob"]
        tables = kms.encrypt(**key, **of_table, Plaintext=b"a secret")["CiphertextBlob"]
        others = kms.encrypt(KeyId=kms_key(), **context, Plaintext=b"a secret")["CiphertextBlob"]
        self.assert_denied(
            lambda: broker.encrypt(**key, Plaintext=b"a secret"),
            lambda: broker.encrypt(**key, **of_table, Plaintext=b"a secret"),
            lambda: broker.decrypt(CiphertextBlob=tables, **of_table),
            lambda: broker.decrypt(CiphertextBlob=others, **context),
            lambda: operator.decrypt(CiphertextBlob=tables, **of_table),
            lambda: operator.decrypt(CiphertextBlob=sealed, **context),
        )

    def test_broker_reads_only_secrets_of_instances(self) -> None:
        secrets, parameters = (self.as_role(BROKERS, service) for service in ("secretsmanager", "ssm"))
        others = (
            secret(unique_name(), {}),
            secret(
                unique_name(), {"servicebroker:instance-id": "x", "aws:cloudformation:stack-name": "another-brokers"}
            ),
            secret(f"rds!db-{uuid.uuid4()}", {"aws:rds:primaryDBInstanceArn": arn("rds", "db:other")}),
            secret(f"rds!cluster-{uuid.uuid4()}", {"aws:rds:primaryDBClusterArn": arn("rds", "cluster:other")}),
        )
        other = parameter({})
        self.assert_denied(
            *(functools.partial(secrets.get_secret_value, SecretId=place.partition(":")[2]) for place in others),
            lambda: parameters.get_parameter(Name=other.partition(":")[2], WithDecryption=True),
        )
