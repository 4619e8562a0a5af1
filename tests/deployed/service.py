"""The life of an instance: provision, bind in every scope, use, update, unbind, deprovision, and nothing left."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import aws
from osb import Plan
from support import BROKER, BrokerTestCase, client, of_service, records_of, stacks_of

Credentials = dict[str, str]
Use = Callable[[Credentials], None]

# How the names of credentials end that nobody but the application may see.
SECRET_CREDENTIALS = ("SECRET", "SECRET_ACCESS_KEY", "PASSWORD", "TOKEN")

# How many things that a binding is not for are tried with it, at least.
NEIGHBOURS = 3

# IAM's limit of a user's inline policies, in characters without white space:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MAX_POLICY_LENGTH = 2048
# What the broker adds to the policy of a binding that ends by itself.
LIFETIME_LENGTH = len(
    '{"Effect":"Deny","Action":"*","Resource":"*",'
    '"Condition":{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}},'
)
# The longest that there may be, instead of those of this AWS.
LONGEST = {"NAME_PREFIX": 12, "AWS_REGION": len("ap-southeast-1")}


def shown(value: Any) -> Any:
    """The form in which a parameter's value is fetched: flags may be sent as texts."""
    return value == "true" if value in ("true", "false") else value


class ServiceTestCase(BrokerTestCase):
    """What a service's tests have in common. A test of a plan calls `live`."""

    service: str
    # Parameters that can grow, and not be set back.
    growing: Collection[str] = ()

    def setUp(self) -> None:
        super().setUp()
        # All that were handed out.
        self.secrets: set[str] = set()
        self.denied = 0

    def live(
        self,
        plan: str,
        uses: Mapping[str | None, Use],
        parameters: Mapping[str, Any] | None = None,
        unchanged: Collection[str] = (),
    ) -> None:
        """Takes an instance through its life.

        `uses` says what is done with a binding of each scope: what it is for, and what it is not for. `parameters` are
        values other than the defaults for all that the plan leaves open but for `unchanged`; those that can be updated
        are then set back to their defaults.
        """
        offered = self.offered_plan(plan)
        schema = offered["schemas"]["service_instance"]["create"]["parameters"]
        if parameters is not None:
            self.assert_all_changed(schema["properties"], parameters, unchanged)
        bind_schema = offered["schemas"]["service_binding"]["create"]["parameters"]["properties"]
        scopes = bind_schema["Scope"]["enum"] if "Scope" in bind_schema else [None]
        self.assertEqual(sorted(map(str, uses)), sorted(map(str, scopes)), "the scopes that are tried")

        instance, ids = self.provision(self.service, plan, dict(parameters or {}))
        for scope, use in uses.items():
            with self.subTest(service=self.service, plan=plan, scope=scope):
                self.bind_and_use(instance, ids, scope, use)

        if parameters is not None:
            self.set_back(instance, ids, offered, parameters, uses)
        self.assertEqual(BROKER.fetch_instance(instance, ids).expect(200)["plan_id"], ids.plan_id)
        self.assert_no_secret_in_events(instance)
        self.deprovision(instance, ids)
        self.assertEqual(stacks_of(instance), [])
        self.assertEqual(records_of(instance), [])
        BROKER.fetch_instance(instance, ids).expect(404)

    def bind_and_use(self, instance: str, ids: Plan, scope: str | None, use: Use) -> None:
        binding, credentials = self.bind_with(instance, ids, scope)
        self.use(use, credentials)
        self.assertEqual(BROKER.fetch_binding(instance, binding, ids).expect(200)["credentials"], credentials)
        self.unbind(instance, binding, ids, credentials)

    def assert_no_secret_in_events(self, instance: str) -> None:
        """Many may read a stack's events, which show the properties of its resources."""
        [stack] = stacks_of(instance)
        pages = client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
        events = [event for page in pages for event in page["StackEvents"]]
        self.assertTrue(any("ResourceProperties" in event for event in events), "no event shows properties")
        self.assertEqual(aws.leaked(self.secrets, json.dumps(events, default=str)), [])

    def offered_plan(self, plan: str) -> dict[str, Any]:
        services = BROKER.catalog().expect(200)["services"]
        [service] = [each for each in services if each["name"] == self.service]
        [offered] = [each for each in service["plans"] if each["name"] == plan]
        return offered

    def assert_all_changed(
        self, properties: dict[str, Any], parameters: Mapping[str, Any], unchanged: Collection[str]
    ) -> None:
        self.assertEqual(sorted(properties), sorted({*parameters, *unchanged}), "the parameters that are given")
        same = [name for name, value in parameters.items() if properties[name].get("default", ...) == value]
        self.assertEqual(same, [], "these are the defaults")

    def bind_with(self, instance: str, ids: Plan, scope: str | None) -> tuple[str, Credentials]:
        binding = str(uuid.uuid4())
        parameters = {"Scope": scope} if scope else {}
        credentials = BROKER.bind(instance, binding, ids, parameters).expect(201)["credentials"]
        self.secrets |= {value for name, value in credentials.items() if name.endswith(SECRET_CREDENTIALS)}
        return binding, credentials

    def assert_fits(self, policy: dict[str, Any]) -> None:
        """The binding's policy is one that IAM takes, also where names are longer than here."""
        text = json.dumps(policy, separators=(",", ":"))
        for name, longest in LONGEST.items():
            text = text.replace(os.environ[name], "x" * longest)
        text = text.replace("arn:aws:", "arn:aws-us-gov:")
        self.assertLessEqual(len(text) + LIFETIME_LENGTH, MAX_POLICY_LENGTH, "characters of the policy")

    def use(self, use: Use, credentials: Credentials) -> None:
        has_identity, self.denied = "AWS_ACCESS_KEY_ID" in credentials, 0
        if has_identity:
            user = user_of(credentials)
            self.policy, self.boundary = policy_of(user), policy_document(boundary_of(user))
            self.assertEqual(boundary_of(user), of_service("policy", self.service))
            self.assert_fits(self.policy)
        use(credentials)
        if has_identity:
            self.assertGreaterEqual(self.denied, NEIGHBOURS, "too little was tried that is not allowed")

    @contextlib.contextmanager
    def allowed_besides(self, credentials: Credentials, actions: str, resource: str) -> Iterator[None]:
        """The binding's identity may do more than the binding is for, as a role of an application's may."""
        identity = {"UserName": user_of(credentials), "PolicyName": "besides"}
        statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        client("iam").put_user_policy(**identity, PolicyDocument=document)
        try:
            yield
        finally:
            client("iam").delete_user_policy(**identity)

    def set_back(
        self,
        instance: str,
        ids: Plan,
        offered: dict[str, Any],
        parameters: Mapping[str, Any],
        uses: Mapping[str | None, Use],
    ) -> None:
        """Updates all that can be, and uses a binding that was there before."""
        updatable = offered["schemas"]["service_instance"]["update"]["parameters"]["properties"]
        changes = {name: None for name in updatable if name in parameters and name not in self.growing}
        if not changes:
            return
        scope, use = next(iter(uses.items()))
        binding, credentials = self.bind_with(instance, ids, scope)
        accepted = BROKER.update(instance, ids, {"parameters": changes}).expect(202)
        BROKER.wait(instance, ids, accepted.get("operation"))
        seen = BROKER.fetch_instance(instance, ids).expect(200).get("parameters", {})
        kept = {name: value for name, value in parameters.items() if name not in changes}
        self.assertEqual(seen, {name: shown(value) for name, value in kept.items()})
        self.use(use, credentials)
        self.unbind(instance, binding, ids, credentials)

    def unbind(self, instance: str, binding: str, plan: Plan, credentials: Credentials) -> None:
        """Unbinds, and sees the identity go, if the binding has one."""
        user = user_of(credentials) if "AWS_ACCESS_KEY_ID" in credentials else None
        BROKER.unbind(instance, binding, plan).expect(200)
        BROKER.unbind(instance, binding, plan).expect(410)
        if user:
            self.assertIn(aws.error_code(client("sts", credentials).get_caller_identity), aws.UNKNOWN_KEY)
            self.assertEqual(aws.error_code(lambda: client("iam").get_user(UserName=user)), "NoSuchEntity")

    def assert_denied(self, *calls: Callable[[], Any]) -> None:
        super().assert_denied(*calls)
        self.denied += len(calls)

    def assert_simulated(self, action: str, resource: str = "*") -> None:
        """IAM would let the binding do it; for what the emulator has no API for."""
        self.assertEqual(self.decisions(action, resource), ["allowed", "allowed"], f"{action} on {resource}")

    def assert_simulated_denied(self, action: str, resource: str = "*") -> None:
        """IAM would not let the binding do it."""
        self.assertNotEqual(self.decisions(action, resource), ["allowed", "allowed"], f"{action} on {resource}")
        self.denied += 1

    def decisions(self, action: str, resource: str) -> list[str]:
        """What the binding's own policy and its boundary say to a call, each alone: both have to allow it."""
        return [decision(document, action, resource) for document in (self.policy, self.boundary)]


def user_of(credentials: Credentials) -> str:
    return client("sts", credentials).get_caller_identity()["Arn"].rpartition("/")[2]


def policy_of(user: str) -> dict[str, Any]:
    iam = client("iam")
    [name] = iam.list_user_policies(UserName=user)["PolicyNames"]
    return iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"]


def key_contexts(credentials: Credentials) -> list[dict[str, Any]]:
    """The encryption contexts with which the binding may use a key, a statement each. To describe a key is no use."""
    contexts, prefix = [], "kms:EncryptionContext:"
    for statement in policy_of(user_of(credentials))["Statement"]:
        if any(action.startswith("kms:") and action != "kms:DescribeKey" for action in statement["Action"]):
            conditions = statement["Condition"]["StringLike"].items()
            contexts.append({key.removeprefix(prefix): value for key, value in conditions if key.startswith(prefix)})
    return contexts


def boundary_of(user: str) -> str:
    return client("iam").get_user(UserName=user)["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"]


@functools.cache
def policy_document(arn: str) -> dict[str, Any]:
    iam = client("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]


def decision(document: dict[str, Any], action: str, resource: str) -> str:
    simulated = client("iam").simulate_custom_policy(
        PolicyInputList=[json.dumps(without_conditions(document))], ActionNames=[action], ResourceArns=[resource]
    )
    return simulated["EvaluationResults"][0]["EvalDecision"]


def without_conditions(document: dict[str, Any]) -> dict[str, Any]:
    """The emulator's simulator has no context that conditions could be true in. What denies under a condition goes."""
    statements = [each for each in document["Statement"] if each["Effect"] == "Allow" or "Condition" not in each]
    bare = [{key: value for key, value in each.items() if key != "Condition"} for each in statements]
    return {**document, "Statement": bare}
