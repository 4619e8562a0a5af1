"""A broker that offers some services of the catalog, and that has deploy roles for these alone."""

from __future__ import annotations

from another_broker import AnotherBroker, template
from support import BrokerTestCase, client, of_service

ENABLED = ["s3", "sqs"]


class EnabledServicesTest(BrokerTestCase):
    def test_disabled_services_are_neither_offered_nor_allowed(self) -> None:
        few = AnotherBroker("few")
        few.create(template(), EnabledServices=",".join(ENABLED))
        self.addCleanup(few.delete)

        pages = client("iam").get_paginator("list_roles").paginate(PathPrefix="/service-broker/few/")
        roles = {role["RoleName"]: role["Arn"] for page in pages for role in page["Roles"]}
        self.assertEqual(sorted(roles.values()), [of_service("role", service, "few") for service in ENABLED])
        for service, role in zip(ENABLED, sorted(roles), strict=True):
            self.assertEqual(self.allowed_services(role) - {"kms"}, {service})
        offered = [service["name"] for service in few.client.catalog().expect(200)["services"]]
        self.assertEqual(offered, ENABLED)

    def allowed_services(self, role: str) -> set[str]:
        policy = client("iam").get_role_policy(RoleName=role, PolicyName="deploy")["PolicyDocument"]
        actions = [statement["Action"] for statement in policy["Statement"]]
        flat = [action for each in actions for action in (each if isinstance(each, list) else [each])]
        return {action.partition(":")[0] for action in flat}
