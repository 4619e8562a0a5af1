"""A broker that offers some services of the catalog, and whose deploy role may do what these need."""

from __future__ import annotations

from another_broker import AnotherBroker, template
from support import BrokerTestCase, client

ENABLED = ["s3", "sqs"]


class EnabledServicesTest(BrokerTestCase):
    def test_disabled_services_are_neither_offered_nor_allowed(self) -> None:
        few = AnotherBroker("few")
        few.create(template(), EnabledServices=",".join(ENABLED))
        self.addCleanup(few.delete)

        self.assertEqual(sorted(self.allowed_services(few.broker.outputs["DeployRoleArn"])), ENABLED)
        offered = [service["name"] for service in few.client.catalog().expect(200)["services"]]
        self.assertEqual(offered, ENABLED)

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
