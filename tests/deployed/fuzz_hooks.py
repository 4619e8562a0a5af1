"""What test_schema.py adds to openapi.yaml, inside of schemathesis: the live catalog, ids that meet, two checks."""

from __future__ import annotations

import atexit
import json
import os
import re
import uuid
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import schemathesis
from schemathesis.checks import CheckContext
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.generation.meta import TestPhase
from schemathesis.hooks import HookContext
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

from osb import API_VERSION, Plan
from support import BROKER

VERSION = "X-Broker-API-Version"
REQUEST_IDENTITY = "X-Broker-API-Request-Identity"
TEMPLATES = Path(__file__).resolve().parents[2] / "templates"

# Plans without parameters, with required ones and with optional ones, and what an instance of them needs. All plans
# would take minutes.
FUZZED: dict[tuple[str, str], dict[str, Any]] = {
    ("s3", "simple"): {},
    ("sns", "topicwithsub"): {"Protocol": "email", "Endpoint": "fuzz@example.com"},
    ("sqs", "standard"): {},
}
OFFERED = [
    (service, plan)
    for service in BROKER.catalog().expect(200)["services"]
    for plan in service["plans"]
    if (service["name"], plan["name"]) in FUZZED
]
PLANS = {plan["id"]: Plan(service["id"], plan["id"]) for service, plan in OFFERED}
NEEDS = {plan["id"]: FUZZED[service["name"], plan["name"]] for service, plan in OFFERED}

# The instance of each plan that most requests are about.
_instances: dict[str, str] = {}
# The plan of every instance that a request was about.
_plan_of: dict[str, str] = {}
# The instances of which no poll has said yet that they are gone.
_being_deleted: set[str] = set()


def _make_instance(plan_id: str) -> None:
    instance, ids = str(uuid.uuid4()), PLANS[plan_id]
    accepted = BROKER.provision(instance, ids, NEEDS[plan_id]).expect(202)
    BROKER.wait(instance, ids, accepted["operation"])
    _plan_of[instance], _instances[plan_id] = plan_id, instance


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Makes the instances, and says in the document what requests hold for the plans that there are.

    With ids at random, every request would be a 400.
    """
    for plan_id in PLANS:
        _make_instance(plan_id)
    schemas = raw_schema["components"]["schemas"]
    for request, slot in {
        "ProvisionRequest": ("service_instance", "create"),
        "UpdateRequest": ("service_instance", "update"),
        "BindRequest": ("service_binding", "create"),
    }.items():
        schemas[request] = {"anyOf": [_for_plan(schemas[request], *slot, service, plan) for service, plan in OFFERED]}


def _for_plan(
    request: dict[str, Any], kind: str, action: str, service: dict[str, Any], plan: dict[str, Any]
) -> dict[str, Any]:
    required = {*request.get("required", []), "service_id", "plan_id"}
    properties = dict(request["properties"])
    properties["service_id"] = {"type": "string", "enum": [service["id"]]}
    properties["plan_id"] = {"type": "string", "enum": [plan["id"]]}
    if action == "update":
        # The plan stays where an update does not name one.
        properties["plan_id"] = {"type": "string", "nullable": True, "enum": [plan["id"], None]}
        required.discard("plan_id")
    # OpenAPI 3.0 takes draft 4 as it is, but for its name.
    parameters = {**plan["schemas"].get(kind, {}).get(action, {}).get("parameters", {})}
    parameters.pop("$schema", None)
    if not parameters:
        del properties["parameters"]
    elif "required" in parameters:
        required.add("parameters")
        properties["parameters"] = parameters
    else:
        properties["parameters"] = {**parameters, "nullable": True}
    if "maintenance_info" in properties and "maintenance_info" in plan:
        version = {"type": "string", "enum": [plan["maintenance_info"]["version"]]}
        properties["maintenance_info"] = {
            "type": "object",
            "nullable": True,
            "required": ["version"],
            "properties": {"version": version},
        }
    if not plan.get("binding_rotatable"):
        properties.pop("predecessor_binding_id", None)
    return {"type": "object", "required": sorted(required), "properties": properties}


# ------------------------------------------------------------------------------------------------- the requests


@schemathesis.hook
def filter_path_parameters(context: HookContext, path_parameters: dict[str, Any] | None) -> bool:
    """Without ids that never arrive: API Gateway decodes paths, so that a slash divides, and clients resolve dots."""
    ids = [unquote(str(value)) for value in (path_parameters or {}).values()]
    # The local AWS decodes a path twice, so that a percent sign is not what it was.
    return not any("/" in value or "%" in value or value in {".", ".."} for value in ids)


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Lets requests meet: most are about one of a few instances, and those about an instance have its ids."""
    if not _is_about_the_version(case):
        # What is wrong elsewhere is sent with a wrong version as well, and that would be all that is answered.
        case.headers[VERSION] = API_VERSION
    if "instance_id" not in (case.path_parameters or {}) or not _is_positive(case, ParameterLocation.PATH):
        return
    body = case.body if isinstance(case.body, dict) else {}
    plan_id = body.get("plan_id")
    plan_id = plan_id if isinstance(plan_id, str) and plan_id in PLANS else None
    # Sequences pass on the ids of their own instances, and would mostly end where they begin without the word for 202.
    if case.meta.phase.name is not TestPhase.STATEFUL:
        _choose_ids(case, plan_id)
    elif _takes_accepts_incomplete(case) and _is_positive(case, ParameterLocation.QUERY):
        case.query = {**(case.query or {}), "accepts_incomplete": "true"}
    known = _plan_of.get(case.path_parameters["instance_id"])
    if known is None or _operation(case) == "provision":
        return
    ids = PLANS[known].ids
    if body and plan_id != known and _is_positive(case, ParameterLocation.BODY):
        # The parameters were those of another plan, and the instance of this one has what it needs.
        case.body = {**{name: value for name, value in body.items() if name != "parameters"}, **ids}
    if case.query and _is_positive(case, ParameterLocation.QUERY):
        case.query.update({name: value for name, value in ids.items() if name in case.query})


def _choose_ids(case: Case, plan_id: str | None) -> None:
    # A number that follows from the generated id, so that a seed chooses the same ids every time.
    number = zlib.crc32(str(case.path_parameters["instance_id"]).encode(errors="replace"))
    if number % 3 == 0:
        return
    case.path_parameters["instance_id"] = _instances[plan_id or sorted(PLANS)[number % len(PLANS)]]
    if "binding_id" in case.path_parameters:
        case.path_parameters["binding_id"] = f"fuzz-{number % 2}"


def _is_about_the_version(case: Case) -> bool:
    """Whether the version is what the request is there to try."""
    if _is_positive(case, ParameterLocation.HEADER):
        return True
    if case.meta.phase.name is TestPhase.COVERAGE:
        return case.meta.phase.data.parameter == VERSION
    return all(_is_positive(case, location) for location in ParameterLocation if location != ParameterLocation.HEADER)


def _is_positive(case: Case, location: ParameterLocation) -> bool:
    component = case.meta.components.get(location)
    return component is None or component.mode.is_positive


def _takes_accepts_incomplete(case: Case) -> bool:
    return any(parameter.name == "accepts_incomplete" for parameter in case.operation.iter_parameters())


def _operation(case: Case) -> str:
    return case.operation.definition.raw["operationId"]


# -------------------------------------------------------------------------------------------------- the answers


@schemathesis.check
def request_identity_is_echoed(ctx: CheckContext, response: Response, case: Case) -> None:
    sent = response.request.headers.get(REQUEST_IDENTITY)
    if sent is not None:
        [received] = response.headers.get(REQUEST_IDENTITY.lower(), [None])
        # HTTP takes white space at the ends away.
        assert (received or "") == sent.strip(" \t"), f"sent {REQUEST_IDENTITY}: {sent!r}, received {received!r}"


@schemathesis.check
def accepted_only_if_the_platform_polls(ctx: CheckContext, response: Response, case: Case) -> None:
    if response.status_code == 202:
        assert "accepts_incomplete=true" in response.request.url, "202 without accepts_incomplete=true"


def _texts_of_rules() -> Iterator[bytes]:
    """What the templates say where values do not go together. Only a rule's text is in an answer as it is."""
    for service in {service for service, _ in FUZZED}:
        template = (TEMPLATES / service / "template.yaml").read_text()
        for text in re.findall(r"^ +(?:Assert)?Description: (\w.+)$", template, re.MULTILINE):
            yield text.encode()


# What is no fault of a request's form, and a 400 all the same: a 422 needs a word that Cloud Foundry knows.
RIGHTLY_REFUSED = [
    # A template's rules between parameters, which the catalog's schemas cannot say.
    b"AWS CloudFormation rejected the request",
    *_texts_of_rules(),
    b"The service instance cannot be bound",
    # Which bindings there are to rotate, no schema can say.
    b"predecessor_binding_id must name an unexpired binding",
    # Nor which roles there are, which of them are allowed, and in which namespace a binding is.
    b"The IAM role does not exist",
    b"operator does not allow this role in bindings",
    b"Send only one of RoleName, RoleArn and ServiceAccount",
    b"did not send a namespace",
    b"must be in the binding's namespace",
]


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    if isinstance(failure, RejectedPositiveData) and response.status_code == 400:
        return not any(reason in response.content for reason in RIGHTLY_REFUSED)
    if isinstance(failure, UseAfterFree):
        # A deletion that was accepted is not done before a poll says so, and its outcome can be polled for days.
        instance = (case.path_parameters or {}).get("instance_id")
        return instance not in _being_deleted and not _operation(case).endswith("last_operation")
    return True


_answers: Counter[tuple[str, int]] = Counter()


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    operation, instance = _operation(case), (case.path_parameters or {}).get("instance_id")
    _answers[operation, response.status_code] += 1
    if response.status_code == 202 and operation == "provision":
        _plan_of[instance] = case.body["plan_id"]
    # An id that was in use is not given again, so that the next requests are about a new instance.
    elif response.status_code == 202 and operation == "deprovision":
        _being_deleted.add(instance)
        plan_id = _plan_of.get(instance)
        if _instances.get(plan_id) == instance:
            _make_instance(plan_id)
    elif response.status_code == 200 and operation == "last_operation" and response.json()["state"] == "succeeded":
        _being_deleted.discard(instance)


@atexit.register
def _write_answers() -> None:
    """For test_schema.py: how often each operation was answered with which status."""
    answers: dict[str, dict[int, int]] = {}
    for (operation, status), number in sorted(_answers.items()):
        answers.setdefault(operation, {})[status] = number
    Path(os.environ["FUZZ_ANSWERS"]).write_text(json.dumps(answers))
