"""What IAM statements must be, for cfn-lint.

It does not look for policies in a template's AWS::ServiceBroker::Specification: there, actions exist and are needed,
with no more resources than an action needs. In resources, services are trusted for a source.

https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/getting_started/rules.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource
from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

SPECIFICATION = ["Metadata", "AWS::ServiceBroker::Specification"]
# By service prefix and, in lower case, action: the service authorization reference.
SERVICES = load_resource(AdditionalSpecs, "Policies.json")


class Actions(CloudFormationLintRule):
    """An action that is misspelt allows nothing, and nobody says so."""

    id = "E9001"
    shortdesc = "Check the actions of AWS::ServiceBroker::Specification"
    description = "Actions exist, and none stands for everything that a service can do"
    source_url = "https://docs.aws.amazon.com/service-authorization/latest/reference/"
    tags = ["metadata", "iam"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        return matches(cfn, action_findings)


class Resources(CloudFormationLintRule):
    """The reference names resources that an action may have. If it need not, as where none is used, say so:
    `ignore_checks: [W9002]` in the template's Metadata, with the reason.
    """

    id = "W9002"
    shortdesc = "Check the resources of AWS::ServiceBroker::Specification"
    description = "Resource is `*` only for actions without resource-level permissions, or under a condition"
    source_url = "https://docs.aws.amazon.com/service-authorization/latest/reference/"
    tags = ["metadata", "iam"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        return matches(cfn, resource_findings)


class Needs(CloudFormationLintRule):
    """The schema of a resource type lists what CloudFormation calls for it. That something listed is not allowed is no
    finding: much of it is for properties that the template does not set. Older types have no list. If one of them needs
    an action, say so: `ignore_checks: [W9005]` in the template's Metadata, with the reason.
    """

    id = "W9005"
    shortdesc = "Check that the resources need the DeployPolicy of AWS::ServiceBroker::Specification"
    description = "DeployPolicy allows what CloudFormation's handlers of the template's resource types call"
    source_url = "https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html"
    tags = ["metadata", "iam"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        called = set(called_actions(cfn))
        return matches(cfn, lambda statement: need_findings(statement, called), parts=("DeployPolicy",))


class Roles(CloudFormationLintRule):
    """The deploy role makes no role without the boundary of `infra/template.yaml`."""

    id = "E9003"
    shortdesc = "Check the boundary of roles in the stacks of instances"
    description = "A role has the permissions boundary `<prefix>-stack-roles-<Region>`"
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"
    tags = ["resources", "iam"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        boundary = "policy/${NamePrefix}-stack-roles-${AWS::Region}"
        return [
            RuleMatch(["Resources", name], f"a role needs the PermissionsBoundary `{boundary}`")
            for name, role in cfn.get_resources("AWS::IAM::Role").items()
            if boundary not in str(role["Properties"].get("PermissionsBoundary"))
        ]


class Sources(CloudFormationLintRule):
    """A service acts for everybody in the account, and so for everybody who uses the broker in it: `aws:SourceAccount`
    alone tells no tenants apart. Where AWS does not say that a service sends `aws:SourceArn`, say so: `ignore_checks:
    [E9012]` in the resource's Metadata, with the reason.
    """

    id = "E9012"
    shortdesc = "Check for what services are trusted"
    description = (
        "A statement that allows a service something has a condition on `aws:SourceArn`, trust policies as well"
    )
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"
    tags = ["resources", "iam"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", name], f"{name} trusts {service} for everybody: it needs a condition on aws:SourceArn"
            )
            for name, resource in cfn.get_resources().items()
            for service in services_of_everybody(resource.get("Properties", {}))
        ]


def matches(
    cfn: Any, findings: Callable[[Any], Iterator[str]], parts: tuple[str, ...] = ("DeployPolicy", "Bindings")
) -> list[RuleMatch]:
    specification = cfn.template.get("Metadata", {}).get(SPECIFICATION[1], {})
    return [
        RuleMatch([*SPECIFICATION, *path], message)
        for path, statement in statements(specification)
        if path[0] in parts
        for message in findings(statement)
    ]


def statements(specification: Any) -> Iterator[tuple[list[Any], Any]]:
    bindings = specification.get("Bindings", {})
    lists = [(["DeployPolicy"], specification.get("DeployPolicy", []))]
    lists.append((["Bindings", "Boundary"], bindings.get("Boundary", [])))
    lists.extend((["Bindings", "Policies", scope], list_) for scope, list_ in bindings.get("Policies", {}).items())
    for path, list_ in lists:
        for index, statement in enumerate(list_):
            yield [*path, index], statement


def action_findings(statement: Any) -> Iterator[str]:
    for action in as_list(statement.get("Action")):
        if not known_actions(action):
            yield f"{action} is no action of its service"
        elif statement["Effect"] == "Allow" and action.partition(":")[2].strip("*") == "":
            yield f"{action} allows everything"


def resource_findings(statement: Any) -> Iterator[str]:
    if statement["Effect"] != "Allow" or "Condition" in statement or "*" not in as_list(statement.get("Resource")):
        return
    for action in as_list(statement.get("Action")):
        known = known_actions(action)
        if known and all(each.get("Resources") for each in known):
            yield f"{action} takes a resource: Resource must not be `*`"


def need_findings(statement: Any, called: set[str]) -> Iterator[str]:
    # What a service asks KMS in the role's name is in the service's documentation. The lists have a part of it.
    if statement["Effect"] != "Allow" or "kms:ViaService" in str(statement.get("Condition")):
        return
    for action in as_list(statement.get("Action")):
        if not any(fnmatchcase(each, action.lower()) for each in called):
            yield f"{action} is called for none of the resources"


def called_actions(cfn: Any) -> Iterator[str]:
    types = {resource["Type"] for resource in cfn.get_resources().values()}
    for type_ in types:
        for _, schema in PROVIDER_SCHEMA_MANAGER.get_resource_schemas_by_regions(type_, cfn.regions):
            for operation, handler in schema.schema.get("handlers", {}).items():
                # No operation on a stack calls it:
                # https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-develop.html
                if operation != "list":
                    yield from map(str.lower, handler["permissions"])


def services_of_everybody(properties: Any) -> Iterator[str]:
    """The services that a statement somewhere in the properties allows something, whatever they do it for."""
    if isinstance(properties, list):
        for each in properties:
            yield from services_of_everybody(each)
    if not isinstance(properties, dict):
        return
    principal = properties.get("Principal")
    if isinstance(principal, dict) and "Service" in principal and properties.get("Effect") == "Allow":
        if not names_source(properties.get("Condition", {})):
            yield str(principal["Service"])
    for each in properties.values():
        yield from services_of_everybody(each)


def names_source(condition: dict[str, Any]) -> bool:
    """True if the condition holds for sources that it names, and not for all others. Names of keys are in any case."""
    return any(
        key.lower() == "aws:sourcearn"
        for operator, keys in condition.items()
        if "Not" not in operator and operator != "Null"
        for key in keys
    )


def known_actions(pattern: str) -> list[Any]:
    service, _, name = pattern.partition(":")
    actions = SERVICES.get(service, {}).get("Actions", {})
    return [known for action, known in actions.items() if fnmatchcase(action, name.lower())]


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
