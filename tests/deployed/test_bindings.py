"""What a binding acts with: a key, the application's role, or a role of its own."""

from __future__ import annotations

import uuid
from typing import Any

import aws
from local_aws import APPLICATION_ROLES, OIDC_PROVIDER
from support import BROKER, BrokerTestCase, application_role, assume, client, kms_key, of_service


def policies(role_name: str) -> dict[str, Any]:
    iam = client("iam")
    names = iam.list_role_policies(RoleName=role_name)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role_name, PolicyName=name)["PolicyDocument"] for name in names}


class BindingsTest(BrokerTestCase):
    def test_application_role_has_the_scope_until_unbound(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        one, two = str(uuid.uuid4()), str(uuid.uuid4())
        with application_role(APPLICATION_ROLES) as application:
            arn, name = application["Arn"], application["RoleName"]
            bound = BROKER.bind(instance, one, plan, {"RoleName": name, "Scope": "Send"}).expect(201)["credentials"]
            self.assertEqual(bound["AWS_ROLE_ARN"], arn)
            self.assertNotIn("AWS_SECRET_ACCESS_KEY", bound)
            queue = bound["QUEUE_URL"]
            application = client("sqs", assume(arn))
            application.send_message(QueueUrl=queue, MessageBody="hello")
            self.assert_denied(
                lambda: application.receive_message(QueueUrl=queue),
                lambda: application.delete_queue(QueueUrl=queue),
            )
            BROKER.bind(instance, two, plan, {"RoleArn": arn, "Scope": "Receive"}).expect(201)
            self.assertEqual(len(policies(name)), 2)
            self.assertEqual(len(application.receive_message(QueueUrl=queue)["Messages"]), 1)

            BROKER.unbind(instance, one, plan).expect(200)
            self.assert_denied(lambda: application.send_message(QueueUrl=queue, MessageBody="too late"))
            application.receive_message(QueueUrl=queue)
            BROKER.unbind(instance, two, plan).expect(200)
            self.assertEqual(policies(name), {})
        self.deprovision(instance, plan)

    def test_role_not_allowed_by_the_operator_is_unchanged(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        with application_role("other-") as other:
            for parameters in ({"RoleName": other["RoleName"]}, {"RoleArn": other["Arn"]}):
                refused = BROKER.bind(instance, str(uuid.uuid4()), plan, parameters).expect(400)
                self.assertIn("does not allow", refused["description"])
            self.assertEqual(policies(other["RoleName"]), {})
        self.deprovision(instance, plan)

    def test_service_account_has_its_own_role_until_unbound(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        binding = str(uuid.uuid4())
        bound = BROKER.bind(instance, binding, plan, {"ServiceAccount": "shop/worker"}).expect(201)["credentials"]
        self.assertNotIn("AWS_SECRET_ACCESS_KEY", bound)
        iam, name = client("iam"), bound["AWS_ROLE_ARN"].rpartition("/")[2]
        made = iam.get_role(RoleName=name)["Role"]
        self.assertEqual(made["PermissionsBoundary"]["PermissionsBoundaryArn"], of_service("policy", "sqs"))
        [trust] = made["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(trust["Principal"], {"Federated": OIDC_PROVIDER})
        subject = "system:serviceaccount:shop:worker"
        self.assertEqual(trust["Condition"]["StringEquals"]["oidc.local:sub"], subject)
        self.assertEqual(list(policies(name)), ["binding"])
        fetched = BROKER.fetch_binding(instance, binding, plan).expect(200)["credentials"]
        self.assertEqual(fetched, bound)
        BROKER.unbind(instance, binding, plan).expect(200)
        self.assertEqual(aws.error_code(lambda: iam.get_role(RoleName=name)), "NoSuchEntity")
        self.deprovision(instance, plan)

    def test_custom_key_is_usable_only_through_the_queue(self) -> None:
        key = {"KeyId": kms_key()}
        instance, plan = self.provision("sqs", "standard", {"KmsKeyArn": key["KeyId"]})
        _, credentials = self.bind(instance, plan)
        queue, kms = {"QueueUrl": credentials["QUEUE_URL"]}, client("kms", credentials)
        application = client("sqs", credentials)
        application.send_message(**queue, MessageBody="hello")
        self.assertEqual(len(application.receive_message(**queue)["Messages"]), 1)
        sealed = client("kms").encrypt(**key, Plaintext=b"hello")["CiphertextBlob"]
        self.assert_denied(
            lambda: kms.generate_data_key(**key, KeySpec="AES_256"),
            lambda: kms.decrypt(CiphertextBlob=sealed),
        )
        self.deprovision(instance, plan)
