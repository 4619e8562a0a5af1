"""A broker that offers some services of the catalog, and whose deploy role may do what these need."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any

from local_aws import STACK
from osb import Client
from support import BrokerTestCase, client

ENABLED = ["s3", "sqs"]


class EnabledServicesTest(BrokerTestCase):
    def test_what_is_not_enabled_is_neither_offered_nor_allowed(self) -> None:
        cloudformation, name = client("cloudformation"), f"broker-{uuid.uuid4()}"
        cloudformation.create_stack(
            StackName=name,
            TemplateURL=self.template_url(),
            Parameters=[
                {"ParameterKey": "EnabledServices", "ParameterValue": ",".join(ENABLED)},
                {"ParameterKey": "NamePrefix", "ParameterValue": "few"},
                {"ParameterKey": "AwsEndpointUrl", "ParameterValue": os.environ["AWS_ENDPOINT_URL"]},
            ],
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name)
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

        self.assertEqual(sorted(self.allowed_services(outputs["DeployRoleArn"])), ENABLED)
        secret = client("secretsmanager").get_secret_value(SecretId=outputs["CredentialsSecretArn"])
        credentials = json.loads(secret["SecretString"])
        api = outputs["BrokerUrl"].partition("//")[2].partition(".")[0]
        url = f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{api}/$default"
        few = Client(url, credentials["username"], credentials["password"])
        offered = [service["name"] for service in few.catalog().expect(200)["services"]]
        self.assertEqual(offered, ENABLED)
        cloudformation.delete_stack(StackName=name)

    def template_url(self) -> str:
        """Where the template of the deployed broker is: it is too large for a request."""
        template = client("cloudformation").get_template(StackName=STACK, TemplateStage="Original")["TemplateBody"]
        s3, bucket = client("s3"), f"templates-{uuid.uuid4()}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="template", Body=text_of(template).encode())
        return f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}/template"

    def allowed_services(self, role_arn: str) -> set[str]:
        iam, role = client("iam"), role_arn.rpartition("/")[2]
        services = set()
        for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            for statement in document["Statement"]:
                actions = statement["Action"]
                services.update(
                    action.partition(":")[0] for action in (actions if isinstance(actions, list) else [actions])
                )
        return services


def text_of(template: Any) -> str:
    return template if isinstance(template, str) else json.dumps(template)
