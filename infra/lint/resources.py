"""What the resources in the stacks of instances must be, for cfn-lint: names that are short enough for every instance,
deletion policies whose change CloudFormation sees, and properties without secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

# The longest that there can be: the parameter NamePrefix of `infra/template.yaml`, and an instance's id.
LONGEST_PREFIX = "p" * 12
INSTANCE_ID = "01234567-89ab-cdef-0123-456789abcdef"
LONGEST_STACK_ID = "arn:aws-us-gov:cloudformation:ap-southeast-1:123456789012:stack/{name}/" + INSTANCE_ID
LONGEST_PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-1",
    "AWS::URLSuffix": "amazonaws.com.cn",
}
NO_VALUE = {"Ref": "AWS::NoValue"}

# Limits that are in no schema.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
LIMITS = {("AWS::SQS::Queue", "QueueName"): 80}

# Of the names that CloudFormation generates, it shortens all but those that end in `.fifo`: by type, the property that
# makes it so, the name's property, and its limit.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
# https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/280
FIFO_TYPES = {
    "AWS::SQS::Queue": ("FifoQueue", "QueueName", 80),
    "AWS::SNS::Topic": ("FifoTopic", "TopicName", 256),
}
# What such a name has behind the stack's name and the logical id: two hyphens, random characters, and the suffix.
LONGEST_FIFO_SUFFIX = len("-") + len("-0123456789ABC") + len(".fifo")

POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")


class DeletionPolicies(CloudFormationLintRule):
    """CloudFormation does not take the change of a deletion policy for an update by itself, but that of a resource's
    Metadata: without this, an instance would be recorded as kept and be deleted.
    """

    id = "E9006"
    shortdesc = "Check that parameters of deletion policies are in the resource's Metadata"
    description = (
        "A parameter that decides a DeletionPolicy or UpdateReplacePolicy is in the resource's Metadata, by name"
    )
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html"
    tags = ["resources", "metadata"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(["Resources", name], f"{name} needs `Metadata: {{{parameter}: !Ref {parameter}}}`")
            for name, resource in cfn.get_resources().items()
            for parameter in sorted(deciding_parameters(cfn, resource))
            if resource.get("Metadata", {}).get(parameter) != {"Ref": parameter}
        ]


class Names(CloudFormationLintRule):
    """A name that is too long fails in the stack, minutes after the request, and in no test with a short prefix."""

    id = "E9007"
    shortdesc = "Check that names fit at their longest"
    description = "No name is longer than its type allows, with a NamePrefix of 12 characters"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html"
    tags = ["resources"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        specification = cfn.template.get("Metadata", {}).get("AWS::ServiceBroker::Specification", {})
        stack_name = f"{LONGEST_PREFIX}-{specification.get('Name', '')}-{INSTANCE_ID}"
        return [
            RuleMatch(["Resources", name, *path], message)
            for name, resource in cfn.get_resources().items()
            for path, message in (
                *given_name_findings(cfn, stack_name, resource),
                *generated_name_findings(cfn, stack_name, name, resource),
            )
        ]


def deciding_parameters(cfn: Any, resource: Any) -> set[str]:
    parameters, conditions = cfn.template.get("Parameters", {}), cfn.template.get("Conditions", {})
    found: set[str] = set()
    seen: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, dict):
            for function, argument in value.items():
                if function == "Ref" and argument in parameters:
                    found.add(argument)
                elif function == "Fn::If":
                    walk_condition(argument[0])
                    walk(argument[1:])
                elif function == "Condition":
                    walk_condition(argument)
                else:
                    walk(argument)

    def walk_condition(name: str) -> None:
        if name not in seen:
            seen.add(name)
            walk(conditions.get(name))

    walk([resource.get(policy) for policy in POLICIES])
    return found


def given_name_findings(cfn: Any, stack_name: str, resource: Any) -> Iterator[tuple[list[str], str]]:
    type_, properties = resource["Type"], resource.get("Properties", {})
    for _, schema in PROVIDER_SCHEMA_MANAGER.get_resource_schemas_by_regions(type_, cfn.regions[:1]):
        for path, value, declared in named_properties(schema.schema, schema.schema, properties):
            limit = LIMITS.get((type_, ".".join(path)), limit_of(declared))
            length = max(map(len, texts(cfn, stack_name, value)), default=0)
            if limit is not None and length > limit:
                yield ["Properties", *path], f"{path[-1]} can have {length} characters; {limit} are allowed"


def named_properties(schema: Any, declared: Any, value: Any) -> Iterator[tuple[list[str], Any, Any]]:
    """Every property that has something of the stack's name, with its path and what the schema says of it."""
    for name, value_ in value.items():
        its = declared.get("properties", {}).get(name, {})
        if "$ref" in its:
            its = schema["definitions"].get(its["$ref"].rpartition("/")[2], {})
        if its.get("properties") and isinstance(value_, dict):
            yield from (([name, *path], *rest) for path, *rest in named_properties(schema, its, value_))
        elif names_stack(value_):
            yield [name], value_, its


def generated_name_findings(cfn: Any, stack_name: str, name: str, resource: Any) -> Iterator[tuple[list[str], str]]:
    if resource["Type"] not in FIFO_TYPES:
        return
    fifo, property_, limit = FIFO_TYPES[resource["Type"]]
    length = len(stack_name) + len(name) + LONGEST_FIFO_SUFFIX
    if length <= limit:
        return
    # Once for each way that the conditions can turn out.
    for scenario in cfn.get_object_without_conditions(resource.get("Properties", {}), [fifo, property_]):
        properties = scenario["Object"]
        if str(properties.get(fifo, False)).lower() == "true" and property_ not in properties:
            yield [], f"{name} needs a {property_}: that of CloudFormation has {length} characters; {limit} are allowed"
            return


def limit_of(declared: Any) -> int | None:
    if "maxLength" in declared:
        return declared["maxLength"]
    # Some say it in the pattern alone, as in `^[a-z]{1,64}$`.
    in_pattern = re.search(r"\]\{[0-9]+,([0-9]+)\}(\$|\\Z|$)", declared.get("pattern", ""))
    return int(in_pattern[1]) if in_pattern else None


def names_stack(value: Any) -> bool:
    return re.search(r"AWS::Stack(Name|Id)\b", str(value)) is not None


def texts(cfn: Any, stack_name: str, value: Any) -> list[str]:
    """The longest texts that the value can be; none if it is not known before there is a stack."""
    variables = {
        **LONGEST_PSEUDO_PARAMETERS,
        "AWS::StackName": stack_name,
        "AWS::StackId": LONGEST_STACK_ID.format(name=stack_name),
    }
    return [each for each in evaluated(cfn, variables, value) if isinstance(each, str)]


def evaluated(cfn: Any, variables: dict[str, str], value: Any) -> list[Any]:
    """Every text, or list of texts, that the value can be."""
    if not isinstance(value, dict):
        return [str(value)]
    if len(value) != 1:
        return []
    [(function, argument)] = value.items()
    if function == "Ref":
        return [variables[argument]] if argument in variables else longest_of_parameter(cfn, argument)
    if function == "Fn::If":
        return [each for branch in argument[1:] if branch != NO_VALUE for each in evaluated(cfn, variables, branch)]
    if function == "Fn::Sub":
        return substituted(cfn, variables, argument)
    if function == "Fn::Split":
        return [text.split(argument[0]) for text in evaluated(cfn, variables, argument[1])]
    if function == "Fn::Select":
        return [list_[int(argument[0])] for list_ in evaluated(cfn, variables, argument[1])]
    if function == "Fn::Join":
        if isinstance(argument[1], dict):
            return [argument[0].join(list_) for list_ in evaluated(cfn, variables, argument[1])]
        parts = [max(evaluated(cfn, variables, part), key=len, default=None) for part in argument[1]]
        return [] if None in parts else [argument[0].join(parts)]
    return []


def substituted(cfn: Any, variables: dict[str, str], argument: Any) -> list[str]:
    text, own = (argument, {}) if isinstance(argument, str) else argument
    for name in re.findall(r"\$\{([^!}]+)\}", text):
        values = evaluated(cfn, variables, own.get(name, {"Ref": name}))
        if not values:
            return []
        text = text.replace(f"${{{name}}}", max(values, key=len))
    return [text]


def longest_of_parameter(cfn: Any, name: str) -> list[str]:
    parameter = cfn.template.get("Parameters", {}).get(name, {})
    if "AllowedValues" in parameter:
        return [max(map(str, parameter["AllowedValues"]), key=len)]
    return ["x" * int(parameter["MaxLength"])] if "MaxLength" in parameter else []


# Attributes by which CloudFormation hands out what nobody but an application may see.
SECRET_ATTRIBUTE = re.compile(r"(Secret|Password|SecretAccessKey|PrivateKey|ApiKey|StreamKey|Token)$", re.IGNORECASE)
ATTRIBUTE_IN_SUB = re.compile(r"\$\{([A-Za-z0-9]+)\.([A-Za-z0-9.]+)\}")


class SecretAttributes(CloudFormationLintRule):
    """CloudFormation shows the properties of every resource in the stack's events, for 90 days, and every output."""

    id = "E9011"
    shortdesc = "Check that no secret attribute is a property or an output"
    description = "No property and no output has a secret attribute of a resource, be it as a part of a text"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html"
    tags = ["resources", "outputs"]

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(path, f"{attribute} is a secret, which would be in the stack's events or outputs")
            for path, attribute in attributes(cfn)
            if path[0] in ("Resources", "Outputs") and SECRET_ATTRIBUTE.search(attribute)
        ]


def attributes(cfn: Any) -> Iterator[tuple[list[Any], str]]:
    """Every attribute that the template refers to, with the path of the reference."""
    for *path, value in cfn.search_deep_keys("Fn::GetAtt"):
        resource, _, attribute = value.partition(".") if isinstance(value, str) else (value[0], ".", value[1])
        yield path, f"{resource}.{attribute}"
    for *path, value in cfn.search_deep_keys("Fn::Sub"):
        text = value if isinstance(value, str) else value[0]
        yield from ((path, f"{resource}.{attribute}") for resource, attribute in ATTRIBUTE_IN_SUB.findall(text))
