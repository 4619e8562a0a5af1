"""A small Open Service Broker API client, on the standard library: what a platform does, without the platform."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The client stands for any platform; its timeout is Cloud Foundry's.
TIMEOUT = 60
API_VERSION = "2.17"
NOT_MODIFIED = 304  # the only answer without a body


class UnexpectedAnswer(Exception):
    """The broker answered with a status that the caller did not ask for."""


@dataclass(frozen=True)
class Answer:
    """A status and a JSON object, which every answer of a broker has."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def expect(self, *statuses: int) -> dict[str, Any]:
        """The body, if the status is one of these."""
        if self.status not in statuses:
            wanted = " or ".join(map(str, statuses))
            # Not the whole body: it may hold credentials.
            said = self.body.get("description") or f"an answer with {', '.join(self.body) or 'nothing'}"
            raise UnexpectedAnswer(f"HTTP {self.status} instead of {wanted}: {said}")
        return self.body


@dataclass(frozen=True)
class Plan:
    """The two ids that every request about an instance or a binding carries."""

    service_id: str
    plan_id: str

    @property
    def ids(self) -> dict[str, str]:
        return {"service_id": self.service_id, "plan_id": self.plan_id}


class Client:
    """One broker and one pair of credentials. Its methods are the API's operations; no status makes them raise."""

    def __init__(self, url: str, username: str = "", password: str = "") -> None:
        self._url = url
        # HTTP Basic without its scheme. Without a user name nothing is sent.
        self.authorization = base64.b64encode(f"{username}:{password}".encode()).decode() if username else ""
        # The broker is on this machine or on AWS, and a proxy would be needed for neither.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        url = f"{self._url}/v2/{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        headers = {"X-Broker-API-Version": API_VERSION, **(headers or {})}
        if self.authorization:
            headers["Authorization"] = f"Basic {self.authorization}"
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT) as response:
                return Answer(response.status, json.load(response), response.headers)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            if error.code == NOT_MODIFIED:
                return Answer(error.code, {}, error.headers)
            try:
                return Answer(error.code, json.loads(text), error.headers)
            except ValueError:
                raise UnexpectedAnswer(f"HTTP {error.code} without JSON: {text[:500]}") from None

    def catalog(self) -> Answer:
        return self.request("GET", "catalog")

    def plan(self, service: str, plan: str) -> Plan:
        """Finds a plan by names, as users name it."""
        for offering in self.catalog().expect(200)["services"]:
            if offering["name"] == service:
                for candidate in offering["plans"]:
                    if candidate["name"] == plan:
                        return Plan(offering["id"], candidate["id"])
        raise LookupError(f"the catalog has no {service}/{plan}")

    def provision(self, instance: str, plan: Plan, parameters: dict[str, Any] | None = None) -> Answer:
        body = {**plan.ids, "organization_guid": "local", "space_guid": "local", "parameters": parameters or {}}
        return self.request("PUT", _instance(instance), {"accepts_incomplete": "true"}, body)

    def update(self, instance: str, plan: Plan, members: dict[str, Any], accepts_incomplete: bool = True) -> Answer:
        query = {"accepts_incomplete": str(accepts_incomplete).lower()}
        return self.request("PATCH", _instance(instance), query, {"service_id": plan.service_id, **members})

    def last_operation(self, instance: str, plan: Plan, operation: str | None) -> Answer:
        query = {**plan.ids, **({"operation": operation} if operation else {})}
        return self.request("GET", f"{_instance(instance)}/last_operation", query)

    def fetch_instance(self, instance: str, plan: Plan) -> Answer:
        return self.request("GET", _instance(instance), plan.ids)

    def bind(self, instance: str, binding: str, plan: Plan, parameters: dict[str, Any] | None = None) -> Answer:
        body = {**plan.ids, "parameters": parameters or {}}
        return self.request("PUT", _binding(instance, binding), {"accepts_incomplete": "true"}, body)

    def rotate(self, instance: str, binding: str, predecessor: str) -> Answer:
        body = {"predecessor_binding_id": predecessor}
        return self.request("PUT", _binding(instance, binding), {"accepts_incomplete": "true"}, body)

    def fetch_binding(self, instance: str, binding: str, plan: Plan) -> Answer:
        return self.request("GET", _binding(instance, binding), plan.ids)

    def unbind(self, instance: str, binding: str, plan: Plan) -> Answer:
        return self.request("DELETE", _binding(instance, binding), {**plan.ids, "accepts_incomplete": "true"})

    def deprovision(self, instance: str, plan: Plan) -> Answer:
        return self.request("DELETE", _instance(instance), {**plan.ids, "accepts_incomplete": "true"})

    def wait(self, instance: str, plan: Plan, operation: str | None, seconds: float = 60) -> None:
        """Polls until the operation has succeeded. An instance that is gone (410) is the success of a deprovision."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = self.last_operation(instance, plan, operation)
            if answer.status == 410:
                return
            state = answer.expect(200)["state"]
            if state == "succeeded":
                return
            if state != "in progress":
                reason = answer.body.get("description", "no description")
                raise UnexpectedAnswer(f"the operation ended as {state}: {reason}")
            time.sleep(0.2)
        raise TimeoutError(f"the operation was still in progress after {seconds:.0f} seconds")


def _instance(instance: str) -> str:
    return f"service_instances/{urllib.parse.quote(instance, safe='')}"


def _binding(instance: str, binding: str) -> str:
    return f"{_instance(instance)}/service_bindings/{urllib.parse.quote(binding, safe='')}"
