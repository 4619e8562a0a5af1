"""Rules of IAM that ministack does not have: limits and conflicts.

They hold for requests and for resources of stacks alike, with IAM's own error codes and messages.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

Parameters = dict[str, Any]
Response = tuple[int, Any, Any]


class Refusal(Exception):
    """An error of IAM: its status, its code and its message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


# Names: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LONGEST_NAMES = {
    "UserName": 64,
    "RoleName": 64,
    "GroupName": 128,
    "PolicyName": 128,
    "ManagedPolicyName": 128,
    "InstanceProfileName": 128,
    "Path": 512,
}
# Policies, in characters without white space, all inline policies of an identity together; same page.
LONGEST_INLINE = {"user": 2_048, "role": 10_240, "group": 5_120}
LONGEST_MANAGED = 6_144
LONGEST_TRUST = 2_048
MOST_ACCESS_KEYS = 2
MOST_ATTACHED = 10


def length(document: Any) -> int:
    """The length of a policy as IAM counts it."""
    text = document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))
    return len(re.sub(r"\s", "", text))


def check_names(values: Mapping[str, Any]) -> None:
    for member, longest in LONGEST_NAMES.items():
        if len(str(values.get(member) or "")) > longest:
            where = member[0].lower() + member[1:]
            raise Refusal(
                400,
                "ValidationError",
                f"1 validation error detected: Value at '{where}' failed to satisfy constraint: "
                f"Member must have length less than or equal to {longest}",
            )


def check_managed(document: Any) -> None:
    if length(document) > LONGEST_MANAGED:
        raise Refusal(409, "LimitExceeded", f"Cannot exceed quota for PolicySize: {LONGEST_MANAGED}")


def check_trust(document: Any) -> None:
    if length(document) > LONGEST_TRUST:
        raise Refusal(409, "LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {LONGEST_TRUST}")


def check_inline(kind: str, name: str, documents: Iterable[Any]) -> None:
    longest = LONGEST_INLINE[kind]
    if sum(map(length, documents)) > longest:
        raise Refusal(409, "LimitExceeded", f"Maximum policy size of {longest} bytes exceeded for {kind} {name}")


def check_attached(kind: str, arns: Iterable[str]) -> None:
    if len(set(arns)) > MOST_ATTACHED:
        quota = f"PoliciesPer{kind.title()}"
        raise Refusal(409, "LimitExceeded", f"Cannot exceed quota for {quota}: {MOST_ATTACHED}")


def check_access_keys(user: str) -> None:
    keys = [key for key in iam._access_keys.values() if key["UserName"] == user]
    if len(keys) >= MOST_ACCESS_KEYS:
        raise Refusal(409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {MOST_ACCESS_KEYS}")


def check_user_is_bare(user: str) -> None:
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
    if iam._user_inline_policies.get(user):
        raise Refusal(409, "DeleteConflict", "Cannot delete entity, must delete policies first.")
    if any(user in group.get("Users", []) for group in iam._groups.values()):
        raise Refusal(409, "DeleteConflict", "Cannot delete entity, must remove users from group first.")


def check_policy_is_unused(arn: str) -> None:
    """Refuses to delete a policy that is attached to an identity or the boundary of one.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
    https://github.com/gruntwork-io/cloud-nuke/issues/972
    """
    policy = iam._policies.get(arn) or {}
    if policy.get("AttachmentCount", 0) > 0 or iam._boundary_usage_counts().get(arn):
        raise Refusal(409, "DeleteConflict", "Cannot delete a policy attached to entities.")


def inline_policies(kind: str, name: str) -> dict[str, Any]:
    """The documents of an identity's inline policies, by their names."""
    if kind == "role":
        return (iam._roles.get(name) or {}).get("InlinePolicies") or {}
    return (iam._user_inline_policies if kind == "user" else iam._group_inline_policies).get(name) or {}


def check_put(kind: str, p: Parameters) -> None:
    name = iam._p(p, f"{kind.title()}Name")
    documents = {**inline_policies(kind, name), iam._p(p, "PolicyName"): iam._p(p, "PolicyDocument")}
    check_inline(kind, name, documents.values())


def check_attach(kind: str, p: Parameters) -> None:
    known = {"user": iam._users, "role": iam._roles}[kind].get(iam._p(p, f"{kind.title()}Name")) or {}
    check_attached(kind, [*known.get("AttachedPolicies", []), iam._p(p, "PolicyArn")])


# The check of each request, besides that of the lengths of names.
REQUESTS: dict[str, Callable[[Parameters], None]] = {
    "AttachRolePolicy": lambda p: check_attach("role", p),
    "AttachUserPolicy": lambda p: check_attach("user", p),
    "CreateAccessKey": lambda p: check_access_keys(iam._p(p, "UserName")),
    "CreatePolicy": lambda p: check_managed(iam._p(p, "PolicyDocument")),
    "CreatePolicyVersion": lambda p: check_managed(iam._p(p, "PolicyDocument")),
    "CreateRole": lambda p: check_trust(iam._p(p, "AssumeRolePolicyDocument")),
    "CreateUser": lambda p: None,
    "DeletePolicy": lambda p: check_policy_is_unused(iam._p(p, "PolicyArn")),
    "DeleteUser": lambda p: check_user_is_bare(iam._p(p, "UserName")),
    "PutGroupPolicy": lambda p: check_put("group", p),
    "PutRolePolicy": lambda p: check_put("role", p),
    "PutUserPolicy": lambda p: check_put("user", p),
    "UpdateAssumeRolePolicy": lambda p: check_trust(iam._p(p, "PolicyDocument")),
}


def checked(handle: Callable[[Parameters], Response], check: Callable[[Parameters], None]) -> Any:
    @functools.wraps(handle)
    def handler(p: Parameters) -> Response:
        try:
            check_names({member: iam._p(p, member) for member in LONGEST_NAMES})
            check(p)
        except Refusal as refusal:
            return iam._error(refusal.status, refusal.code, str(refusal), ns="iam")
        return handle(p)

    return handler


def check_role(properties: dict[str, Any]) -> None:
    """Checks an AWS::IAM::Role, which ministack creates without its own IAM."""
    policies = properties.get("Policies") or []
    check_names(
        {**properties, "PolicyName": max((str(each.get("PolicyName")) for each in policies), key=len, default="")}
    )
    check_trust(properties.get("AssumeRolePolicyDocument", {}))
    check_inline("role", properties.get("RoleName", ""), (each.get("PolicyDocument", {}) for each in policies))
    check_attached("role", properties.get("ManagedPolicyArns") or [])
    boundary = properties.get("PermissionsBoundary")
    if boundary and not iam._policy_exists(boundary):
        raise Refusal(404, "NoSuchEntity", f"Scope ARN: {boundary} does not exist or is not attachable.")


def check_managed_policy(properties: dict[str, Any]) -> None:
    """Checks an AWS::IAM::ManagedPolicy, likewise."""
    check_names(properties)
    check_managed(properties.get("PolicyDocument", {}))


def failing(check: Callable[..., None], *arguments: Any) -> None:
    """Runs a check, and fails the resource in the words of CloudFormation."""
    try:
        check(*arguments)
    except Refusal as refusal:
        raise ValueError(f"{refusal} (Service: Iam, Status Code: {refusal.status})") from None


def with_boundary(handle: Callable[..., tuple[str, Any]]) -> Callable[..., tuple[str, Any]]:
    """Keeps the boundary of a role in a stack, which ministack forgets, and its limits."""

    @functools.wraps(handle)
    def handler(*arguments: Any, **options: Any) -> tuple[str, Any]:
        *_, properties = (each for each in arguments if isinstance(each, dict))
        failing(check_role, properties)
        made = handle(*arguments, **options)
        iam._roles[made[0]]["PermissionsBoundary"] = properties.get("PermissionsBoundary")
        return made

    return handler


def with_limits(handle: Callable[..., tuple[str, Any]]) -> Callable[..., tuple[str, Any]]:
    @functools.wraps(handle)
    def handler(*arguments: Any, **options: Any) -> tuple[str, Any]:
        *_, properties = (each for each in arguments if isinstance(each, dict))
        failing(check_managed_policy, properties)
        return handle(*arguments, **options)

    return handler


def remove_policy(arn: str, properties: dict[str, Any]) -> None:
    """Deletes the managed policy of a stack, once it is no longer attached to what the stack itself names."""
    provisioners._iam_policy_reconcile_entities(arn, properties, {})
    failing(check_policy_is_unused, arn)
    iam._policies.pop(arn, None)


def register() -> None:
    for action, check in REQUESTS.items():
        handler = checked(iam._IAM_HANDLERS[action], check)
        # CloudFormation finds it by its name in the module.
        setattr(iam, iam._IAM_HANDLERS[action].__name__, handler)
        iam._IAM_HANDLERS[action] = handler

    provisioners._iam_policy_remove = remove_policy
    role = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    policy = provisioners._RESOURCE_HANDLERS["AWS::IAM::ManagedPolicy"]
    for step in ("create", "update"):
        role[step] = with_boundary(role[step])
        policy[step] = with_limits(policy[step])
