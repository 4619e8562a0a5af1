"""Rules of CloudFormation that ministack does not have.

CONTRIBUTING.md lists what remains more lenient than AWS.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudformation, iam, lambda_svc
from ministack.services.cloudformation import changesets, custom_resource, engine, handlers, helpers

Parameters = dict[str, Any]
Response = tuple[int, Any, Any]


# ------------------------------------------------------------------------------------------------ custom resources

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
LONGEST_ANSWER = 4_096
LONGEST_PHYSICAL_ID = 1_024
VERBATIM = ("StackId", "RequestId", "LogicalResourceId")
TYPES: dict[str, tuple[type, str]] = {
    **{name: (str, "String") for name in ("Status", "Reason", "PhysicalResourceId", *VERBATIM)},
    "NoEcho": (bool, "Boolean"),
    "Data": (dict, "Map"),
}

# By the token in its ResponseURL, each request that has not been answered.
_requests: dict[str, dict[str, Any]] = {}


def fault_of(answer: Any, request: dict[str, Any]) -> str | None:
    """The reason why CloudFormation rejects an answer, None if it accepts it.

    A member is absent or has its type; null is no type. The wording is CloudFormation's where it is known:
    https://github.com/SungardAS/lambda-formation/issues/8
    https://github.com/PaloAltoNetworks/aws-elb-autoscaling/issues/23
    """
    if not isinstance(answer, dict):
        return "Response is not a JSON object"
    if len(json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()) > LONGEST_ANSWER:
        return "Response object is too long."
    for name, (kind, called) in TYPES.items():
        if name in answer and not isinstance(answer[name], kind):
            return f"Value of property {name} must be of type {called}"
    status = answer.get("Status")
    if status not in ("SUCCESS", "FAILED"):
        return f"'{status}' is not a valid ResponseStatus"
    if status == "FAILED" and not answer.get("Reason"):
        return "Reason is required where Status is FAILED"
    for name in VERBATIM:
        if answer.get(name) != request[name]:
            return f"{name} is not that of the request"
    if not 0 < len(answer.get("PhysicalResourceId", "").encode()) <= LONGEST_PHYSICAL_ID:
        return "Invalid PhysicalResourceId"
    return None


def deliver_response(token: str, answer: Any) -> bool:
    """Delivers an answer, or a failure in place of an answer that CloudFormation rejects."""
    request = _requests.pop(token, None)
    fault = request and fault_of(answer, request)
    if fault:
        answer = {"Status": "FAILED", "Reason": f"Invalid Response object: {fault}"}
    return DELIVER_RESPONSE(token, answer)


def execute_function(record: Any, event: Any) -> Any:
    """Executes a function, and remembers the request if it is one of a custom resource."""
    if isinstance(event, dict) and "ResponseURL" in event and all(name in event for name in VERBATIM):
        _requests[event["ResponseURL"].rpartition("/")[2]] = event
    return EXECUTE_FUNCTION(record, event)


DELIVER_RESPONSE = custom_resource.deliver_response
EXECUTE_FUNCTION = lambda_svc._execute_function_with_config_scope

ANSWERS = "/_ministack/cfn-response/"


def upload_refusal(method: str, path: str, headers: dict[str, str]) -> tuple[int, str] | None:
    """The error of S3 for an upload to the URL of an answer, which is signed for a body without a content type.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    if method != "PUT" or not path.startswith(ANSWERS):
        return None
    if headers.get("content-type"):
        return 403, "SignatureDoesNotMatch"
    if "content-length" not in headers:
        return 411, "MissingContentLength"
    return None


# ------------------------------------------------------------------------------------------------ requests


def resolve_parameters(
    template: dict[str, Any], provided: list[dict[str, Any]], previous: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The values of a template's parameters, of which no others may be given."""
    known = template.get("Parameters") or {}
    unknown = [each["Key"] for each in provided if each["Key"] not in known]
    if unknown:
        raise ValueError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    return RESOLVE_PARAMETERS(template, provided, previous)


RESOLVE_PARAMETERS = engine._resolve_parameters


def accepted(action: str, stack: dict[str, Any]) -> Response:
    """The answer to a request that was taken before."""
    result = f"<{action}Result><StackId>{stack['StackId']}</StackId></{action}Result>"
    return helpers._xml(200, f"{action}Response", result)


def create_stack(p: Parameters) -> Response:
    """Creates a stack unless one of the same name exists, in whatever state. A repeated request, with the same token
    while the stack is being created, gets the same answer.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    """
    name, token = helpers._p(p, "StackName"), helpers._p(p, "ClientRequestToken")
    known = cloudformation._stacks.get(name)
    if known:
        if token and token == known.get(TOKEN) and known["StackStatus"] == "CREATE_IN_PROGRESS":
            return accepted("CreateStack", known)
        return helpers._error("AlreadyExistsException", f"Stack [{name}] already exists")
    response = CREATE_STACK(p)
    if response[0] == 200:
        cloudformation._stacks[name][TOKEN] = token
    return response


CREATE_STACK = handlers._create_stack
TOKEN = "_client_request_token"


def update_stack(p: Parameters) -> Response:
    """Updates a stack that is at rest and was created. A repeated request, with the same token while the stack is being
    updated, gets the same answer.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes
    """
    stack, token = handlers._resolve_stack(helpers._p(p, "StackName")), helpers._p(p, "ClientRequestToken")
    if stack and stack["StackStatus"] != "DELETE_COMPLETE":
        status = stack["StackStatus"]
        if token and token == stack.get(TOKEN) and status == "UPDATE_IN_PROGRESS":
            return accepted("UpdateStack", stack)
        if status not in UPDATABLE:
            message = f"Stack:{stack['StackId']} is in {status} state and can not be updated."
            return helpers._error("ValidationError", message)
    response = UPDATE_STACK(p)
    if stack and response[0] == 200:
        stack[TOKEN] = token
    return response


UPDATE_STACK = handlers._update_stack
UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)


def with_role(handle: Callable[[Parameters], Response]) -> Callable[[Parameters], Response]:
    """Keeps the role that a stack was last given, and refuses every operation once that role is gone, or does not trust
    CloudFormation for this stack.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """

    @functools.wraps(handle)
    def handler(p: Parameters) -> Response:
        name, role = helpers._p(p, "StackName"), helpers._p(p, "RoleARN")
        stack = handlers._resolve_stack(name)
        is_there = stack is not None and stack["StackStatus"] != "DELETE_COMPLETE"
        role = role or (stack.get(ROLE) if is_there else None)
        if role and not can_assume(role, stack["StackId"] if stack else stack_arn(name)):
            return helpers._error("ValidationError", f"Role {role} is invalid or cannot be assumed")
        response = handle(p)
        if response[0] == 200 and (stack := handlers._resolve_stack(name)):
            stack[ROLE] = role
        return response

    return handler


ROLE = "_role_arn"
SERVICE = "cloudformation.amazonaws.com"


def stack_arn(name: str) -> str:
    """The ARN of a stack that is not there, but for the part that CloudFormation makes up."""
    return (
        name if name.startswith("arn:") else f"arn:aws:cloudformation:{get_region()}:{get_account_id()}:stack/{name}/"
    )


def can_assume(role_arn: str, stack: str) -> bool:
    """Whether CloudFormation can assume a role for a stack, whose ARN and account it names.

    AWS documents these two condition keys for stack sets and extensions:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    role = next((known for known in iam._roles.values() if known["Arn"] == role_arn), None)
    if role is None:
        return False
    trust = role["AssumeRolePolicyDocument"]
    statements = (json.loads(trust) if isinstance(trust, str) else trust).get("Statement", [])
    about_it = [each for each in statements if SERVICE in services(each.get("Principal"))]
    context = iam_evaluator.EvalContext(
        principal_arn=SERVICE,
        principal_type="AWSService",
        principal_account=get_account_id(),
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=get_region(),
        service_context={"aws:sourcearn": stack, "aws:sourceaccount": get_account_id()},
    )
    # ministack knows no services as principals.
    anybody = [{**each, "Principal": "*"} for each in about_it]
    return iam_evaluator.evaluate_trust_policy({"Statement": anybody}, SERVICE, context)


def services(principal: Any) -> list[str]:
    """The services that a statement is about."""
    named = principal.get("Service", []) if isinstance(principal, dict) else []
    return [named] if isinstance(named, str) else named


def describe_stacks(p: Parameters) -> Response:
    """Describes stacks, each with its role.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
    """

    def role_of(match: re.Match[bytes]) -> bytes:
        role = (handlers._resolve_stack(match[1].decode()) or {}).get(ROLE)
        return match[0] + (f"<RoleARN>{role}</RoleARN>".encode() if role else b"")

    status, headers, body = DESCRIBE_STACKS(p)
    return status, headers, re.sub(rb"<StackId>([^<]+)</StackId>", role_of, body)


DESCRIBE_STACKS = handlers._describe_stacks


def delete_stack(p: Parameters) -> Response:
    """Deletes a stack, unless it is being updated, or is to retain resources that are gone.

    https://github.com/rebuy-de/aws-nuke/issues/270
    """
    stack = handlers._resolve_stack(helpers._p(p, "StackName"))
    status = stack["StackStatus"] if stack else ""
    if status.startswith("UPDATE_") and status.endswith("_IN_PROGRESS"):
        message = f"Stack [{stack['StackId']}] cannot be deleted while in status {status}"
        return helpers._error("ValidationError", message)
    retained = helpers._extract_string_members(p, "RetainResources")
    if stack and stack["StackStatus"] == "DELETE_FAILED" and not set(retained) <= stack["_resources"].keys():
        return helpers._error(
            "ValidationError",
            "The specified resources to retain must be in a valid state. "
            "Do not specify resources that are in the DELETE_COMPLETE state.",
        )
    return DELETE_STACK(p)


DELETE_STACK = handlers._delete_stack


# ------------------------------------------------------------------------------------------------ stacks that are gone


def bury(name: str) -> None:
    """Takes the name of a stack away once it is deleted: it is then known by its id alone.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
    """
    stack = cloudformation._stacks.get(name)
    if stack and stack["StackStatus"] == "DELETE_COMPLETE":
        cloudformation._stacks[stack["StackId"]] = stack
        del cloudformation._stacks[name]


def register() -> None:
    custom_resource.deliver_response = deliver_response
    lambda_svc._execute_function_with_config_scope = execute_function
    for module in (changesets, engine, handlers):
        module._resolve_parameters = resolve_parameters
    actions = cloudformation._ACTION_HANDLERS
    actions.update(
        CreateStack=with_role(create_stack),
        DescribeStacks=describe_stacks,
        UpdateStack=with_role(update_stack),
        DeleteStack=with_role(delete_stack),
        CreateChangeSet=with_role(actions["CreateChangeSet"]),
    )
