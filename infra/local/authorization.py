"""IAM as ministack evaluates it, with what that lacks: condition keys, the paths of users and roles, and the
permissions that a request takes besides the one that it is named after.

Which they are says the Service Authorization Reference, on the page of each service:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb, iam, kms, secretsmanager, sqs, ssm, tagging

Context = dict[str, Any]
# What no condition can ask for: that a request sets a stack policy.
SETS_POLICY = "local:SetsStackPolicy"
# A service, its action, the resource's ARN and the condition keys.
Needed = tuple[str, str, str, Context]


def parameter(parameters: dict[str, Any], name: str) -> str:
    return iam_actions._query_param(parameters, name)


def identity(parameters: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """The user or role that a request to IAM is about: its kind, its name, and what there is under this name."""
    for kind, member, known in (("role", "RoleName", iam._roles), ("user", "UserName", iam._users)):
        if name := parameter(parameters, member):
            return kind, name, known.get(name) or {}
    return "", "", {}


def extract_resource_arn(
    service: str, method: str, path: str, headers: Any, body: bytes, parameters: Any, region: str, account_id: str
) -> str:
    """A user or role has its path in its ARN. Of one that does not exist IAM knows no path."""
    kind, name, known = identity(parameters) if service == "iam" else ("", "", {})
    if wanted := name and parameter(parameters, "Path"):
        return f"arn:aws:iam::{account_id}:{kind}{wanted}{name}"
    if known:
        return known["Arn"]
    return EXTRACT_RESOURCE_ARN(service, method, path, headers, body, parameters, region, account_id)


def request_context(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> Context:
    """The condition keys that follow from what a request says."""
    context = REQUEST_TAG_CONTEXT(service, action, body, parameters)
    if service == "cloudformation" and (role_arn := parameter(parameters, "RoleARN")):
        context["cloudformation:RoleArn"] = role_arn
    if service == "cloudformation" and parameter(parameters, "StackPolicyBody"):
        context[SETS_POLICY] = "true"
    if service == "iam":
        *_, known = identity(parameters)
        if boundary := parameter(parameters, "PermissionsBoundary") or known.get("PermissionsBoundary"):
            context["iam:PermissionsBoundary"] = boundary
    if action == "sns:Subscribe":
        context.update(subscription_context(parameter(parameters, "Protocol"), parameter(parameters, "Endpoint")))
    if service == "kms":
        pairs = json.loads(body or b"{}").get("EncryptionContext") or {}
        context.update({f"kms:EncryptionContext:{key}": value for key, value in pairs.items()})
    return context


def subscription_context(protocol: str, endpoint: str) -> Context:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html"""
    return {"sns:Protocol": protocol, "sns:Endpoint": endpoint}


def resource_context(action: str, resource_arn: str) -> Context:
    """The condition keys that follow from the resource's tags."""
    tags = tagging.resource_tags(resource_arn) or {}
    prefixes = ("aws", action.partition(":")[0])
    return {f"{prefix}:ResourceTag/{key}": value for prefix in prefixes for key, value in tags.items()}


def enforce(
    access_key_id: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: Context | None = None,
) -> Any:
    """Nothing if all that the request takes is allowed, and else the first refusal."""
    context = {**resource_context(action, resource_arn), **(service_context or {})}
    needed: list[Needed] = [
        (service, action, resource_arn, context),
        *further_actions(action, resource_arn, context),
        *key_uses(action, service, region, resource_arn),
    ]
    checked = (ENFORCE(access_key_id, act, of, region, arn, keys) for of, act, arn, keys in needed)
    return next(filter(None, checked), None)


def further_actions(action: str, resource_arn: str, context: Context) -> Iterator[Needed]:
    """What the caller needs besides, because of what is in the request."""
    service, _, operation = action.partition(":")
    role_arn, is_tagged = context.get("cloudformation:RoleArn"), "aws:TagKeys" in context
    if role_arn and operation in ("CreateStack", "UpdateStack", "DeleteStack"):
        yield "iam", "iam:PassRole", role_arn, {"iam:PassedToService": "cloudformation.amazonaws.com"}
    if is_tagged and action in ("cloudformation:CreateStack", "cloudformation:UpdateStack"):
        yield service, "cloudformation:TagResource", resource_arn, {**context, "cloudformation:CreateAction": operation}
    # https://github.com/mattclay/aws-terminator/pull/131
    if SETS_POLICY in context:
        yield service, "cloudformation:SetStackPolicy", resource_arn, context
    if is_tagged and action in ("iam:CreateUser", "iam:CreateRole"):
        yield service, action.replace("Create", "Tag"), resource_arn, context
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
    if action == "cloudformation:DescribeStacks" and resource_arn == "*":
        yield service, "cloudformation:ListStacks", resource_arn, context


# What a service does with a customer managed key in the name of whoever calls it, where ministack knows of the key:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
# https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
KEY_USES = {
    r"dynamodb:(\w+Item|Query|Scan|PartiQL\w+)": ("kms:Decrypt",),
    r"secretsmanager:GetSecretValue": ("kms:Decrypt",),
    r"secretsmanager:PutSecretValue": ("kms:GenerateDataKey", "kms:Decrypt"),
    r"sqs:ReceiveMessage": ("kms:Decrypt",),
    r"sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    r"ssm:GetParameters?": ("kms:Decrypt",),
}


def key_of(service: str, arn: str) -> str | None:
    """What the resource's owner has said of the key that it is encrypted with: an ARN, an id or an alias."""
    match service:
        case "dynamodb":
            return (dynamodb._tables.get(table_name(arn), {}).get("SSEDescription") or {}).get("KMSMasterKeyArn")
        case "secretsmanager":
            return (secretsmanager._resolve(arn)[1] or {}).get("KmsKeyId")
        case "sqs":
            return (sqs._queue_by_arn(arn) or {}).get("attributes", {}).get("KmsMasterKeyId")
        case "ssm":
            name = arn.partition(":parameter")[2]
            return (ssm._parameters.get(name) or ssm._parameters.get(name[1:]) or {}).get("KeyId")
    return None


def encryption_context(service: str, arn: str) -> dict[str, str]:
    """What the service adds to what it asks of KMS, so that policies can tell for which resource that is."""
    match service:
        case "dynamodb":
            return {"aws:dynamodb:tableName": table_name(arn)}
        case "secretsmanager":
            # A request may leave out the random characters at the end.
            return {"SecretARN": (secretsmanager._resolve(arn)[1] or {}).get("ARN", arn)}
        case "sqs":
            return {"aws:sqs:arn": arn}
        case "ssm":
            return {"PARAMETER_ARN": arn}
    return {}


def table_name(arn: str) -> str:
    return arn.split("/")[1]


def key_uses(action: str, service: str, region: str, resource_arn: str) -> Iterator[Needed]:
    """What the caller needs besides, because of the key of what is read or written."""
    uses = next((uses for pattern, uses in KEY_USES.items() if re.fullmatch(pattern, action)), ())
    if not uses or not resource_arn.startswith("arn:"):
        return
    # An AWS managed key, which everybody in the account may use, is not among those that somebody has made.
    key = kms._resolve_key(key_of(service, resource_arn))
    if not key:
        return
    pairs = encryption_context(service, resource_arn)
    context = {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()}
    context["kms:ViaService"] = f"{service}.{region}.amazonaws.com"
    for use in uses:
        yield "kms", use, key["Arn"], {**resource_context(use, key["Arn"]), **context}


# Not `${*}`, `${?}` and `${$}`, which are these characters themselves.
VARIABLE = re.compile(r"\$\{([a-z][^}]*)\}")


def conditions_met(conditions: Context, context: Any) -> bool:
    """Evaluates conditions with policy variables in them. One without a value stays as it is, and equals nothing.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """

    def value_of(match: re.Match[str]) -> str:
        value = iam_evaluator._resolve_condition_key(match[1], context)
        return value if isinstance(value, str) else match[0]

    def with_values(element: Any) -> Any:
        if isinstance(element, dict):
            return {key: with_values(value) for key, value in element.items()}
        if isinstance(element, list):
            return [with_values(each) for each in element]
        return VARIABLE.sub(value_of, element) if isinstance(element, str) else element

    return CONDITIONS_MET(with_values(conditions), context)


CONDITIONS_MET = iam_evaluator._conditions_met
EXTRACT_RESOURCE_ARN = iam_actions.extract_resource_arn
REQUEST_TAG_CONTEXT = iam_actions.request_tag_context
ENFORCE = iam_evaluator.enforce


def register() -> None:
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.request_tag_context = request_context
    iam_evaluator.enforce = enforce
    iam_evaluator._conditions_met = conditions_met
    # Whose tags ministack knows, but does not evaluate.
    tagging._RESOURCE_TAG_COLLECTORS.setdefault("cognito-idp", tagging._collect_cognito)
