"""A platform as load.py has many of: does what platforms do, some of it wrongly, and knows what the answers may be."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from typing import Any

from osb import Answer, Client, Plan, UnexpectedAnswer

# The plan of each service that instances are of, and how often.
PLANS = {"sqs": ("standard", 12), "sns": ("topic", 3), "s3": ("simple", 1), "dynamodb": ("ondemand", 1)}
INSTANCES = 4  # that a platform has at the most, without those that are being deleted
# A deletion that halts a creation takes half a minute on purpose: what it halts may arrive that late.
PATIENCE = 60

INSTANCE = "/v2/service_instances/:instance_id"
BINDING = f"{INSTANCE}/service_bindings/:binding_id"
# By the client's method.
ENDPOINTS = {
    "catalog": "GET /v2/catalog",
    "provision": f"PUT {INSTANCE}",
    "last_operation": f"GET {INSTANCE}/last_operation",
    "fetch_instance": f"GET {INSTANCE}",
    "update": f"PATCH {INSTANCE}",
    "bind": f"PUT {BINDING}",
    "rotate": f"PUT {BINDING}",
    "fetch_binding": f"GET {BINDING}",
    "unbind": f"DELETE {BINDING}",
    "deprovision": f"DELETE {INSTANCE}",
}


class Unexpected(Exception):
    """An answer that the request may not have. The journal has noted it."""


class Journal:
    """What the requests of all platforms were answered with, after how many milliseconds, and what was unexpected."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, float]]] = {operation: [] for operation in ENDPOINTS}
        self.unexpected: list[str] = []

    def refuse(self, operation: str, reason: str) -> Unexpected:
        self.unexpected.append(f"{operation}, {ENDPOINTS[operation]}: {reason}")
        return Unexpected()


def new_id() -> str:
    return str(uuid.uuid4())


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(max(len(calls), 1)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


@dataclass
class Instance:
    """A service instance as its platform knows it."""

    service: str
    plan: Plan
    id: str = field(default_factory=new_id)
    parameters: dict[str, Any] = field(default_factory=dict)
    credentials: dict[str, Any] = field(default_factory=dict)  # by binding
    usable: bool = False
    deletion: str | None = None  # the operation, once it is accepted

    @property
    def ids(self) -> tuple[str, Plan]:
        return self.id, self.plan

    @property
    def request(self) -> tuple[str, Plan, dict[str, Any]]:
        return self.id, self.plan, self.parameters


class Platform:
    """Does one thing after the other until the time is up, and deletes what it has when it is told to."""

    def __init__(self, broker: Client, stranger: Client, plans: dict[str, Plan], journal: Journal, seed: str) -> None:
        self._broker, self._stranger, self._plans, self._journal = broker, stranger, plans, journal
        self._random = random.Random(seed)
        self._instances: list[Instance] = []

    def run(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            usable = [instance for instance in self._instances if instance.usable]
            if len(usable) < self._random.randint(1, INSTANCES):
                actions, instance = WITH_NEW, self._new_instance()
            else:
                actions, instance = WITH_USABLE, self._random.choice(usable)
            [action] = self._random.choices(list(actions), list(actions.values()))
            try:
                action(self, instance)
            except Unexpected:
                instance.usable = False  # it is only deleted: so platforms do with what they got no good answer about

    def clean_up(self) -> None:
        # Every deletion is begun before the first is waited for.
        for part in (self._delete, self._await_deletion):
            for instance in list(self._instances):
                with suppress(Unexpected):
                    part(instance)

    # ----------------------------------------------------------------------------------- with a new instance

    def provision(self, instance: Instance) -> None:
        first = self._ask(self._broker.provision, *instance.request, expect={202})
        again = self._ask(self._broker.provision, *instance.request, expect={202})
        self._check(again == first, "provision", "sent again, the same request has another answer")
        self._await_creation(instance, first["operation"])
        self._ask(self._broker.provision, *instance.request, expect={200})

    def provision_at_once(self, instance: Instance) -> None:
        request = partial(self._ask, self._broker.provision, *instance.request, expect={200, 202, 422})
        operations = {body["operation"] for body in at_once(request, request) if "operation" in body}
        self._check(len(operations) == 1, "provision", f"two at once have begun {len(operations)} operations")
        self._await_creation(instance, operations.pop())

    def halt(self, instance: Instance) -> None:
        self._ask(self._broker.provision, *instance.request, expect={202})
        instance.deletion = self._ask(self._broker.deprovision, *instance.ids, expect={202})["operation"]
        self._ask(self._broker.provision, *instance.request, expect={422})
        self._ask(self._broker.bind, instance.id, new_id(), instance.plan, expect={422})

    def halt_at_once(self, instance: Instance) -> None:
        created, deleted = at_once(
            partial(self._ask, self._broker.provision, *instance.request, expect={202, 422}),
            partial(self._ask, self._broker.deprovision, *instance.ids, expect={202, 410}),
        )
        instance.deletion = deleted.get("operation")
        if not instance.deletion:
            self._await_creation(instance, created.get("operation"))

    # --------------------------------------------------------------------------------- with a usable instance

    def fetch(self, instance: Instance) -> None:
        body = self._ask(self._broker.fetch_instance, *instance.ids, expect={200})
        self._check(body.get("parameters", {}) == instance.parameters, "fetch_instance", "other parameters")
        for binding in instance.credentials:
            body = self._ask(self._broker.fetch_binding, instance.id, binding, instance.plan, expect={200})
            self._keep(instance, binding, body, "fetch_binding")

    def update(self, instance: Instance) -> None:
        for change in self._changes(instance, 1):
            body = self._ask(self._broker.update, *instance.ids, change, expect={202})
            self._poll(instance, body["operation"])
            instance.parameters = change["parameters"]
            self.fetch(instance)

    def update_at_once(self, instance: Instance) -> None:
        if changes := self._changes(instance, 2):
            update = partial(self._ask, self._broker.update, *instance.ids, expect={202, 422})
            bodies = at_once(*(partial(update, change) for change in changes))
            for body in bodies:
                self._poll(instance, body.get("operation"))
            body = self._ask(self._broker.fetch_instance, *instance.ids, expect={200})
            instance.parameters = body.get("parameters", {})
            accepted = [change for change, body in zip(changes, bodies, strict=True) if "operation" in body]
            done = {"parameters": instance.parameters} in accepted
            self._check(done, "update", "of two at once, none that was accepted is done")

    def bind(self, instance: Instance) -> None:
        self._bind(instance, self._broker.bind, instance.plan)

    def rotate(self, instance: Instance) -> None:
        if instance.credentials:
            self._bind(instance, self._broker.rotate, self._random.choice(list(instance.credentials)))

    def bind_at_once(self, instance: Instance) -> None:
        same, other = new_id(), new_id()
        ids = [(instance.id, binding, instance.plan) for binding in (same, same, other)]
        bodies = at_once(*(partial(self._ask, self._broker.bind, *each, expect={200, 201, 202, 422}) for each in ids))
        for (_, binding, _), body in zip(ids, bodies, strict=True):
            if "credentials" in body:
                self._keep(instance, binding, body, "bind")
        for _, binding, _ in ids:
            body = self._ask(self._broker.bind, instance.id, binding, instance.plan, expect={200, 201})
            self._keep(instance, binding, body, "bind")

    def unbind(self, instance: Instance) -> None:
        if ids := self._give_up_binding(instance):
            self._ask(self._broker.unbind, *ids, expect={200})
            self._ask(self._broker.unbind, *ids, expect={410})
            self._ask(self._broker.fetch_binding, *ids, expect={404})
            self._ask(self._broker.bind, *ids, expect={422})

    def unbind_at_once(self, instance: Instance) -> None:
        if ids := self._give_up_binding(instance):
            request = partial(self._ask, self._broker.unbind, *ids, expect={200, 202, 410, 422})
            at_once(request, request)
            self._ask(self._broker.unbind, *ids, expect={410})

    def deprovision(self, instance: Instance) -> None:
        self._delete(instance)
        self._await_deletion(instance)
        self._ask(self._broker.deprovision, *instance.ids, expect={410})
        self._ask(self._broker.provision, *instance.request, expect={422})

    def deprovision_while_updating(self, instance: Instance) -> None:
        for change in self._changes(instance, 1):
            updated = self._ask(self._broker.update, *instance.ids, change, expect={202})
            deleted = self._ask(self._broker.deprovision, *instance.ids, expect={202, 422})
            instance.parameters, instance.deletion = change["parameters"], deleted.get("operation")
            instance.usable = not instance.deletion
            self._poll(instance, instance.deletion or updated["operation"])

    def deprovision_while_binding(self, instance: Instance) -> None:
        # Where the binding comes first, the deletion takes it along.
        bind = partial(self._ask, self._broker.bind, instance.id, new_id(), instance.plan, expect={201, 422})
        at_once(bind, partial(self._delete, instance))

    def make_mistakes(self, instance: Instance) -> None:
        other_plan = self._plans["sqs" if instance.service == "sns" else "sns"]
        self._ask(self._broker.catalog, expect={200})
        self._ask(self._stranger.catalog, expect={401})
        self._ask(self._broker.provision, new_id(), Plan("", ""), expect={400})
        self._ask(self._broker.provision, instance.id, other_plan, expect={409})
        self._ask(self._broker.fetch_instance, new_id(), instance.plan, expect={404})
        self._ask(self._broker.unbind, instance.id, new_id(), instance.plan, expect={410})

    # ---------------------------------------------------------------------------------------------- the parts

    def _ask(self, call: Callable[..., Answer], *arguments: Any, expect: set[int]) -> dict[str, Any]:
        """The body of an answer with one of these statuses, where 422 stands for ConcurrencyError alone."""
        operation, began = call.__name__, time.perf_counter()
        try:
            answer = call(*arguments)
            self._journal.answers[operation].append((answer.status, (time.perf_counter() - began) * 1000))
            is_concurrency = answer.body.get("error") == "ConcurrencyError"
            return answer.expect(*(expect if is_concurrency else expect - {422}))
        except UnexpectedAnswer as error:
            raise self._journal.refuse(operation, str(error)) from None
        except (OSError, HTTPException, ValueError) as error:
            raise self._journal.refuse(operation, f"{type(error).__name__}: {error}") from None

    def _check(self, holds: bool, operation: str, reason: str) -> None:
        if not holds:
            raise self._journal.refuse(operation, reason)

    def _keep(self, instance: Instance, binding: str, body: dict[str, Any], operation: str) -> None:
        """A binding has the same credentials in every answer."""
        known = instance.credentials.setdefault(binding, body["credentials"])
        self._check(body["credentials"] == known, operation, "other credentials than in an earlier answer")

    def _poll(self, instance: Instance, operation: str | None) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            expected = {200, 410} if instance.deletion else {200}
            body = self._ask(self._broker.last_operation, *instance.ids, operation, expect=expected)
            if (state := body.get("state", "succeeded")) != "in progress":
                return self._check(state == "succeeded", "last_operation", f"{state}: {body.get('description')}")
            time.sleep(0.5)
        raise self._journal.refuse("last_operation", f"still in progress after {PATIENCE} s")

    def _bind(self, instance: Instance, call: Callable[..., Answer], origin: Plan | str) -> None:
        binding = new_id()
        for status in (201, 200):
            body = self._ask(call, instance.id, binding, origin, expect={status})
            self._keep(instance, binding, body, call.__name__)

    def _await_creation(self, instance: Instance, operation: str | None) -> None:
        self._poll(instance, operation)
        instance.usable = True

    def _delete(self, instance: Instance) -> None:
        if not instance.deletion:
            # What got no good answer may not be there.
            expected = {202} if instance.usable else {202, 410}
            instance.usable = False
            instance.deletion = self._ask(self._broker.deprovision, *instance.ids, expect=expected).get("operation")

    def _await_deletion(self, instance: Instance) -> None:
        if instance.deletion:
            self._poll(instance, instance.deletion)
        self._instances.remove(instance)

    def _new_instance(self) -> Instance:
        [service] = self._random.choices(list(PLANS), [weight for _, weight in PLANS.values()])
        instance = Instance(service, self._plans[service])
        self._instances.append(instance)
        return instance

    def _give_up_binding(self, instance: Instance) -> tuple[str, str, Plan] | None:
        if not instance.credentials:
            return None
        binding = self._random.choice(list(instance.credentials))
        del instance.credentials[binding]
        return instance.id, binding, instance.plan

    def _changes(self, instance: Instance, number: int) -> list[dict[str, Any]]:
        """Different updates; none of an instance other than a queue."""
        timeouts = self._random.sample(range(31, 43_200), number) if instance.service == "sqs" else []
        return [{"parameters": {"VisibilityTimeout": timeout}} for timeout in timeouts]


# How often each is done.
WITH_NEW = {Platform.provision: 8, Platform.provision_at_once: 4, Platform.halt: 1, Platform.halt_at_once: 2}
WITH_USABLE = {
    Platform.fetch: 3,
    Platform.update: 3,
    Platform.update_at_once: 2,
    Platform.bind: 5,
    Platform.rotate: 2,
    Platform.bind_at_once: 2,
    Platform.unbind: 3,
    Platform.unbind_at_once: 2,
    Platform.deprovision: 3,
    Platform.deprovision_while_updating: 1,
    Platform.deprovision_while_binding: 1,
    Platform.make_mistakes: 2,
}
