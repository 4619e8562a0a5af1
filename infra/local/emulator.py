"""ministack, with stack resources that it has not got, and with what those that it has lack.

Some are done by its services. For the others there are stand-ins, with nothing behind them but an identifier and
attributes in the form that AWS gives them. With them the stacks of all services can be made, bound and deleted here,
and IAM can be asked what a binding may do; but nothing can be done with what they stand for. `templates/README.md` says
where that is so.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack import app as gateway
from ministack.core import lambda_runtime
from ministack.services import dynamodb, eventbridge, secretsmanager, stepfunctions, waf
from ministack.services.cloudformation import changesets, engine, provisioners, stacks
from ministack.services.cloudformation import handlers as handlers_of_requests

import authorization
import cloudformation_rules
import databases
import deletion_rules
import iam_rules
import nested_stacks
import pace
import resource_properties
import stack_deletions
import stack_policies
import subscriptions

ACCOUNT, REGION = "000000000000", "us-east-1"


@dataclass(frozen=True)
class StandIn:
    """What `Ref` and `Fn::GetAtt` give, as texts with the resource's properties and {id}, {uuid}, {arn}."""

    ref: str
    arn: str
    attributes: dict[str, str] = field(default_factory=dict)

    def create(self, logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        """The same ones every time, so that an update, which creates again, changes nothing."""
        digest = hashlib.sha256(f"{stack_name}/{logical_id}".encode()).hexdigest()
        values = {
            **{name: value for name, value in properties.items() if isinstance(value, str)},
            "id": digest[:10].upper(),
            "uuid": str(uuid.UUID(digest[:32])),
        }
        values["arn"] = f"arn:aws:{self.arn}".format(**values, region=REGION, account=ACCOUNT)
        attributes = {name: text.format(**values, region=REGION) for name, text in self.attributes.items()}
        return self.ref.format(**values), attributes

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """There is nothing."""


# Return values: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/ - the page of each type.
STAND_INS = {
    "AWS::Bedrock::ApplicationInferenceProfile": StandIn(
        ref="{arn}",
        arn="bedrock:{region}:{account}:application-inference-profile/{id}",
        attributes={"InferenceProfileArn": "{arn}", "InferenceProfileId": "{id}"},
    ),
    "AWS::Bedrock::Guardrail": StandIn(
        ref="{arn}",
        arn="bedrock:{region}:{account}:guardrail/{id}",
        attributes={"GuardrailArn": "{arn}", "GuardrailId": "{id}", "Version": "DRAFT"},
    ),
    "AWS::CodeCommit::Repository": StandIn(
        ref="{uuid}",
        arn="codecommit:{region}:{account}:{RepositoryName}",
        attributes={
            "Arn": "{arn}",
            "Name": "{RepositoryName}",
            "CloneUrlHttp": "https://git-codecommit.{region}.amazonaws.com/v1/repos/{RepositoryName}",
            "CloneUrlSsh": "ssh://git-codecommit.{region}.amazonaws.com/v1/repos/{RepositoryName}",
        },
    ),
    # On this machine, every address admits every other one.
    "AWS::EC2::SecurityGroupEgress": StandIn(
        ref="sgr-{id}",
        arn="ec2:{region}:{account}:security-group-rule/sgr-{id}",
        attributes={"Id": "sgr-{id}"},
    ),
    "AWS::EC2::SecurityGroupIngress": StandIn(
        ref="sgr-{id}",
        arn="ec2:{region}:{account}:security-group-rule/sgr-{id}",
        attributes={"Id": "sgr-{id}"},
    ),
    "AWS::Lex::Bot": StandIn(
        ref="{id}", arn="lex:{region}:{account}:bot/{id}", attributes={"Id": "{id}", "Arn": "{arn}"}
    ),
    "AWS::Lex::BotVersion": StandIn(
        ref="{BotId}|1", arn="lex:{region}:{account}:bot/{BotId}", attributes={"BotId": "{BotId}", "BotVersion": "1"}
    ),
    "AWS::Lex::BotAlias": StandIn(
        ref="{id}|{BotId}",
        arn="lex:{region}:{account}:bot-alias/{BotId}/{id}",
        attributes={"Arn": "{arn}", "BotAliasId": "{id}", "BotAliasStatus": "Available"},
    ),
    "AWS::Location::GeofenceCollection": StandIn(
        ref="{CollectionName}",
        arn="geo:{region}:{account}:geofence-collection/{CollectionName}",
        attributes={"Arn": "{arn}", "CollectionArn": "{arn}"},
    ),
    "AWS::Location::TrackerConsumer": StandIn(
        ref="{TrackerName}|{ConsumerArn}", arn="geo:{region}:{account}:tracker/{TrackerName}"
    ),
    "AWS::RDS::OptionGroup": StandIn(ref="og-{id}", arn="rds:{region}:{account}:og:og-{id}"),
    "AWS::Rekognition::Collection": StandIn(
        ref="{CollectionId}",
        arn="rekognition:{region}:{account}:collection/{CollectionId}",
        attributes={"Arn": "{arn}"},
    ),
}


class Archive:
    """AWS::Events::Archive."""

    @staticmethod
    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        request = {"EventSourceArn": properties.get("SourceArn"), **numbers(properties, "RetentionDays")}
        if properties["ArchiveName"] in eventbridge._archives:
            succeed(eventbridge._update_archive(request))
        else:
            succeed(eventbridge._create_archive(request))
        arn = eventbridge._archives[properties["ArchiveName"]]["ArchiveArn"]
        return properties["ArchiveName"], {"Arn": arn, "ArchiveName": properties["ArchiveName"]}

    @staticmethod
    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        succeed(eventbridge._delete_archive({"ArchiveName": physical_id}))


class Activity:
    """AWS::StepFunctions::Activity."""

    @staticmethod
    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", [])]
        arn = succeed(stepfunctions._create_activity({"name": properties["Name"], "tags": tags}))["activityArn"]
        return arn, {"Arn": arn, "Name": properties["Name"]}

    @staticmethod
    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        succeed(stepfunctions._delete_activity({"activityArn": physical_id}))


class SecretPolicy:
    """AWS::SecretsManager::ResourcePolicy."""

    @staticmethod
    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        policy = json.dumps(properties["ResourcePolicy"])
        succeed(secretsmanager._put_resource_policy({"SecretId": properties["SecretId"], "ResourcePolicy": policy}))
        return properties["SecretId"], {"Id": properties["SecretId"]}

    @staticmethod
    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        secretsmanager._delete_resource_policy({"SecretId": physical_id})


class WebAclAssociation:
    """AWS::WAFv2::WebACLAssociation."""

    @staticmethod
    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        succeed(waf._associate_web_acl(properties))
        return f"{properties['WebACLArn']}|{properties['ResourceArn']}", {}

    @staticmethod
    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        succeed(waf._disassociate_web_acl(properties))


def succeed(response: tuple[int, Any, Any]) -> Any:
    status, _, body = response
    if status >= 400:
        raise ValueError(body)
    return json.loads(body or "{}")


def numbers(properties: dict[str, Any], *paths: str) -> dict[str, Any]:
    """The properties with numbers for what a parameter has made texts. A path names what is inside, with dots."""
    result = copy.deepcopy(properties)
    for path in paths:
        *parents, name = path.split(".")
        inner = result
        for parent in parents:
            inner = inner.get(parent) or {}
        if name in inner:
            inner[name] = int(inner[name])
    return result


NUMBERS = {
    "AWS::Cognito::UserPool": tuple(
        f"Policies.PasswordPolicy.{name}"
        for name in ("MinimumLength", "PasswordHistorySize", "TemporaryPasswordValidityDays")
    ),
    "AWS::Cognito::UserPoolClient": ("AccessTokenValidity", "IdTokenValidity", "RefreshTokenValidity"),
    "AWS::KMS::Key": ("PendingWindowInDays", "RotationPeriodInDays"),
    "AWS::SecretsManager::Secret": ("GenerateSecretString.PasswordLength",),
}


def with_numbers(handle: Callable[..., Any], paths: tuple[str, ...]) -> Callable[..., Any]:
    """Handlers take properties as dictionaries, wherever they take them, and identifiers as texts."""

    @functools.wraps(handle)
    def handler(*arguments: Any) -> Any:
        return handle(*(numbers(each, *paths) if isinstance(each, dict) else each for each in arguments))

    return handler


def with_dkim(handle: Callable[..., tuple[str, dict[str, str]]]) -> Callable[..., tuple[str, dict[str, str]]]:
    """The attributes of an AWS::SES::EmailIdentity that the owner of a domain has to enter into its DNS."""

    @functools.wraps(handle)
    def handler(*arguments: Any) -> tuple[str, dict[str, str]]:
        identity, attributes = handle(*arguments)
        for number in (1, 2, 3):
            attributes[f"DkimDNSTokenName{number}"] = f"token{number}._domainkey.{identity}"
            attributes[f"DkimDNSTokenValue{number}"] = f"token{number}.dkim.amazonses.com"
        return identity, attributes

    return handler


def with_key(handle: Callable[..., tuple[str, dict[str, str]]]) -> Callable[..., tuple[str, dict[str, str]]]:
    """The key of an AWS::DynamoDB::Table, which ministack forgets: whoever reads items has to be allowed to use it."""

    @functools.wraps(handle)
    def handler(*arguments: Any) -> tuple[str, dict[str, str]]:
        made = handle(*arguments)
        *_, properties = (each for each in arguments if isinstance(each, dict))
        asked = properties.get("SSESpecification") or {}
        specification = {**asked, "Enabled": asked.get("SSEEnabled")}
        dynamodb._tables[made[0]]["SSEDescription"] = dynamodb._sse_description_from_spec(specification)
        return made

    return handler


def functions_resolved(value: Any, parameters: dict[str, Any]) -> Any:
    """A condition with those functions done that ministack does not know in conditions, and takes for `true`."""
    if isinstance(value, list):
        return [functions_resolved(each, parameters) for each in value]
    if not isinstance(value, dict) or len(value) != 1:
        return value
    [(name, argument)] = value.items()
    if name == "Ref":
        return parameters[argument]["Value"] if argument in parameters else value
    if name == "Condition":
        return value
    if name == "Fn::Sub":
        text, values = argument if isinstance(argument, list) else (argument, {})
        values = {
            **{name: each["Value"] for name, each in parameters.items()},
            **functions_resolved(values, parameters),
        }
        return re.sub(r"\$\{(\w+)\}", lambda match: str(values.get(match[1], match[0])), text)
    argument = functions_resolved(argument, parameters)
    if name == "Fn::Join":
        separator, parts = argument
        return separator.join(parts if isinstance(parts, list) else parts.split(","))
    if name == "Fn::Split":
        return argument[1].split(argument[0])
    if name == "Fn::Select":
        index, entries = argument
        return (entries if isinstance(entries, list) else entries.split(","))[int(index)]
    return {name: argument}


def evaluate_conditions(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, bool]:
    conditions = {
        name: functions_resolved(condition, parameters) for name, condition in template.get("Conditions", {}).items()
    }
    return EVALUATE_CONDITIONS({**template, "Conditions": conditions}, parameters)


EVALUATE_CONDITIONS = engine._evaluate_conditions


def kill_workers(workers: list[Any]) -> None:
    """While a function is updated it answers requests, those with its previous code too: ministack would end them.

    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """

    def kill_when_done(worker: Any) -> None:
        while worker.in_use:
            time.sleep(0.05)
        KILL_WORKERS([worker])

    KILL_WORKERS([worker for worker in workers if not worker.in_use])
    for worker in workers:
        if worker.in_use:
            threading.Thread(target=kill_when_done, args=(worker,), daemon=True).start()


KILL_WORKERS = lambda_runtime.kill_workers


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """Serves a request as if it had come through TLS, which resources of instances demand and ministack does not speak.
    It listens on this machine alone. A client that says otherwise, with the header of a proxy, is believed.
    """
    if scope["type"] == "http":
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if refusal := cloudformation_rules.upload_refusal(scope["method"], scope["path"], headers):
            status, code = refusal
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": f"<Error><Code>{code}</Code></Error>".encode()})
            return
        if scope["path"] == pace.PATH:
            status, text = pace.answer(scope["method"], await whole_body(receive))
            start = {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"application/json")],
            }
            await send(start)
            await send({"type": "http.response.body", "body": text.encode()})
            return
        if PROTOCOL not in headers:
            scope = {**scope, "headers": [*scope["headers"], (PROTOCOL.encode(), b"https")]}
    await SERVE(scope, receive, send)


async def whole_body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


SERVE = gateway.app
PROTOCOL = "x-forwarded-proto"


def register() -> None:
    """Adds all of it. What ministack has got by now is not replaced."""
    handlers = provisioners._RESOURCE_HANDLERS
    for name, resource in {
        **STAND_INS,
        "AWS::Events::Archive": Archive,
        "AWS::SecretsManager::ResourcePolicy": SecretPolicy,
        "AWS::StepFunctions::Activity": Activity,
        "AWS::WAFv2::WebACLAssociation": WebAclAssociation,
    }.items():
        handlers.setdefault(name, {"create": resource.create, "delete": resource.delete})
    for module in (changesets, engine, handlers_of_requests, stacks):
        module._evaluate_conditions = evaluate_conditions
    lambda_runtime.kill_workers = kill_workers
    gateway.app = serve
    authorization.register()
    deletion_rules.register()
    stack_deletions.register()
    pace.register()
    resource_properties.register()
    iam_rules.register()
    nested_stacks.register()
    cloudformation_rules.register()
    subscriptions.register()
    stack_policies.register()
    databases.register()
    table = handlers["AWS::DynamoDB::Table"]
    for step in ("create", "update"):
        table[step] = with_key(table[step])
    identity = handlers["AWS::SES::EmailIdentity"]
    for step in ("create", "update"):
        identity[step] = with_dkim(identity[step])
    for name, paths in NUMBERS.items():
        for step, handle in handlers[name].items():
            if callable(handle):
                handlers[name][step] = with_numbers(handle, paths)


if __name__ == "__main__":
    register()
    sys.exit(gateway.main())
