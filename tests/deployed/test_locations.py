"""A broker that has instances in another account and another Region, whose operator has agreed to it."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

import aws
import support
from another_broker import OFTEN, AnotherBroker, template
from support import BrokerTestCase
from test_roles import BROKERS, Role

INFRA = Path(__file__).parents[2] / "infra"
PREFIX, ACCOUNT, REGION, EXTERNAL_ID = "travels", "222222222222", "eu-west-1", "agreed-between-two-operators"
ROLE = f"service-broker-{PREFIX}-{REGION}"
# The emulator takes an access key of twelve digits for that of an account's root user.
OPERATOR = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
THERE = {"target_account_id": ACCOUNT, "region": REGION}


def there(service: str) -> Any:
    """A client of the other account's operator."""
    return support.client(service, OPERATOR)


def agree(broker: AnotherBroker, prefix: str = PREFIX) -> str:
    """Deploys what lets the broker into the other account, and returns what that is called."""
    outputs = broker.broker.outputs
    lets_in = {
        "NamePrefix": prefix,
        "BrokerRoleArn": outputs["BrokerRoleArn"],
        "SweepRoleArn": outputs["SweepRoleArn"],
        "ExternalId": EXTERNAL_ID,
    }
    made = deploy_there(f"lets-{prefix}-in", "target-account.yaml", lets_in)
    deploy_there(f"services-of-{prefix}", "services.yaml", {"NamePrefix": prefix, "EnabledServices": "sqs"})
    return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}["Location"]


def deploy_there(stack: str, template: str, parameters: dict[str, str]) -> dict[str, Any]:
    s3, bucket, cloudformation = there("s3"), f"templates-{uuid.uuid4()}", there("cloudformation")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="template", Body=(INFRA / template).read_bytes())
    cloudformation.create_stack(
        StackName=stack,
        TemplateURL=f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}/template",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=OFTEN)
    return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]


class LocationsTest(BrokerTestCase):
    another: AnotherBroker

    @classmethod
    def setUpClass(cls) -> None:
        cls.another = AnotherBroker(PREFIX)
        location = f"{ACCOUNT}/{REGION}/{ROLE}"
        cls.another.create(template(), EnabledServices="sqs", Locations=location, ExternalId=EXTERNAL_ID)
        cls.addClassCleanup(cls.another.delete)
        cls.location = agree(cls.another)

    def test_target_stack_outputs_its_location(self) -> None:
        self.assertEqual(self.location, f"{ACCOUNT}/{REGION}/{ROLE}")

    def test_target_stack_refuses_reserved_prefixes(self) -> None:
        for prefix in ("aws", "service"):
            with self.subTest(prefix), self.assertRaisesRegex(ClientError, "must not be aws or service"):
                agree(self.another, prefix)

    def test_instance_lives_in_the_requested_location(self) -> None:
        broker, instance, binding = self.another.client, str(uuid.uuid4()), str(uuid.uuid4())
        plan = broker.plan("sqs", "standard")
        accepted = broker.provision(instance, plan, {"VisibilityTimeout": 60, **THERE}).expect(202)
        broker.wait(instance, plan, accepted.get("operation"))
        self.assertTrue(there("cloudformation").describe_stacks(StackName=f"{PREFIX}-sqs-{instance}")["Stacks"])
        self.assertEqual(support.stacks_of(instance), [])

        credentials = broker.bind(instance, binding, plan).expect(201)["credentials"]
        self.assertEqual(credentials["AWS_REGION"], REGION)
        self.assertIn(f":{ACCOUNT}:", credentials["QUEUE_ARN"])
        queue = support.client("sqs", credentials)
        queue.send_message(QueueUrl=credentials["QUEUE_URL"], MessageBody="hello")
        self.assert_denied(
            lambda: queue.delete_queue(QueueUrl=credentials["QUEUE_URL"]),
            lambda: queue.list_queues(),
            lambda: support.client("iam", credentials).list_users(),
        )
        fetched = broker.fetch_instance(instance, plan).expect(200)
        self.assertEqual(fetched["parameters"], {"VisibilityTimeout": 60, **THERE, "target_role_name": ROLE})

        updated = broker.update(instance, plan, {"parameters": {"VisibilityTimeout": 90}}).expect(202)
        broker.wait(instance, plan, updated.get("operation"))
        attributes = there("sqs").get_queue_attributes(QueueUrl=credentials["QUEUE_URL"], AttributeNames=["All"])
        self.assertEqual(attributes["Attributes"]["VisibilityTimeout"], "90")

        broker.unbind(instance, binding, plan).expect(200)
        self.assertIn(aws.error_code(lambda: queue.list_queues()), aws.UNKNOWN_KEY)
        broker.wait(instance, plan, broker.deprovision(instance, plan).expect(202).get("operation"))
        self.assertEqual(there("iam").list_users()["Users"], [])
        self.assertFalse(there("sqs").list_queues().get("QueueUrls"))

    def test_location_needs_both_operators_consent(self) -> None:
        broker = self.another.client
        plan = broker.plan("sqs", "standard")
        refused = broker.provision(str(uuid.uuid4()), plan, {"region": "eu-central-1"}).expect(400)
        self.assertIn(f"`{ACCOUNT}` in `{REGION}` with the role `{ROLE}`", refused["description"])

        # Nobody else gets in, and the broker not without the external id.
        role = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", "RoleSessionName": "a-session"}
        trust = there("iam").get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]
        [statement] = trust["Statement"]
        outputs = self.another.broker.outputs
        self.assertEqual(statement["Principal"], {"AWS": [outputs["BrokerRoleArn"], outputs["SweepRoleArn"]]})
        self.assertEqual(statement["Condition"], {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}})
        sts = support.client("sts", self.stranger())
        self.assert_denied(lambda: sts.assume_role(**role, ExternalId=EXTERNAL_ID))

    def test_denied_target_role_is_an_operator_error(self) -> None:
        broker, function = self.another.client, self.another.broker.outputs["FunctionName"]
        plan = broker.plan("sqs", "standard")
        # In a new process, which has assumed no role yet.
        memory = support.client("lambda").get_function_configuration(FunctionName=function)["MemorySize"]
        support.client("lambda").update_function_configuration(FunctionName=function, MemorySize=memory)
        instance = str(uuid.uuid4())
        with Role(BROKERS, self.another.stack).without("WorkElsewhere sts:AssumeRole"):
            refused = broker.provision(instance, plan, THERE).expect(500)
            self.assertIn("operator can find the repair in the log", refused["description"])
        # The record has stayed, and the same request goes on from there.
        broker.wait(instance, plan, broker.provision(instance, plan, THERE).expect(202).get("operation"))
        broker.wait(instance, plan, broker.deprovision(instance, plan).expect(202).get("operation"))

    def stranger(self) -> dict[str, str]:
        """A user of the broker's account who may assume whatever trusts it."""
        iam, name = support.client("iam"), f"stranger-{uuid.uuid4()}"
        iam.create_user(UserName=name)
        policy = '{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}'
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_REGION": os.environ["AWS_REGION"],
        }
