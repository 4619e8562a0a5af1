"""Users of a platform, each of a space of their own."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from osb import Answer, Client, Plan, UnexpectedAnswer
from support import BrokerTestCase

# What CloudFormation says of what its role may not do.
DENIED = "not authorized|AccessDenied|denied"


@dataclass(frozen=True)
class Tenant:
    """A user whose requests a platform passes on with the user's name."""

    broker: Client
    name: str
    organization: str = field(default_factory=lambda: str(uuid.uuid4()))
    space: str = field(default_factory=lambda: str(uuid.uuid4()))

    def provision(self, plan: Plan, parameters: dict[str, Any] | None = None, instance: str | None = None) -> Answer:
        owner = {"organization_guid": self.organization, "space_guid": self.space}
        body = {**plan.ids, **owner, "parameters": parameters or {}}
        return self._request("PUT", instance or str(uuid.uuid4()), {}, body)

    def deprovision(self, plan: Plan, instance: str) -> Answer:
        return self._request("DELETE", instance, plan.ids)

    def _request(self, method: str, instance: str, query: dict[str, str], body: Any = None) -> Answer:
        user = base64.b64encode(json.dumps({"username": self.name}).encode()).decode()
        headers = {"X-Broker-API-Originating-Identity": f"kubernetes {user}"}
        query = {**query, "accepts_incomplete": "true"}
        return self.broker.request(method, f"service_instances/{instance}", query, body, headers)


class TenantTestCase(BrokerTestCase):
    """Instances of tenants, which go with the test."""

    def own(self, tenant: Tenant, plan: Plan, parameters: dict[str, Any] | None = None) -> str:
        """The tenant's new instance."""
        instance = str(uuid.uuid4())
        accepted = tenant.provision(plan, parameters, instance).expect(202)
        self.addCleanup(self.remove, tenant, plan, instance)
        tenant.broker.wait(instance, plan, accepted.get("operation"))
        return instance

    def remove(self, tenant: Tenant, plan: Plan, instance: str) -> None:
        deleted = tenant.broker.deprovision(instance, plan)
        if deleted.status == 202:
            tenant.broker.wait(instance, plan, deleted.body.get("operation"))

    def assert_refused(self, answer: Answer, reason: str) -> None:
        self.assertIn(reason, answer.expect(400)["description"])

    def assert_fails(self, tenant: Tenant, plan: Plan, parameters: dict[str, Any], reason: str) -> None:
        """AWS does not create what the tenant asks for."""
        instance = str(uuid.uuid4())
        accepted = tenant.provision(plan, parameters, instance).expect(202)
        self.addCleanup(self.remove, tenant, plan, instance)
        with self.assertRaisesRegex(UnexpectedAnswer, reason):
            tenant.broker.wait(instance, plan, accepted.get("operation"))
