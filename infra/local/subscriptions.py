"""Subscriptions of stacks, as SNS makes them: ministack's CloudFormation subscribes with all permissions, and anew.

Whoever names the topic and the endpoint of a subscription that exists gets that one, and could change or delete it. So
the local AWS asks who may: the policies of the stack's role, and that of the topic.
https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_evaluator
from ministack.services import cloudformation, iam, sns
from ministack.services.cloudformation import provisioners

import authorization
from cloudformation_rules import ROLE

TYPE, ACTION = "AWS::SNS::Subscription", "sns:Subscribe"
Properties = dict[str, Any]


def create(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, dict[str, str]]:
    """Subscribes an endpoint, or finds its subscription."""
    topic = sns._topics.get(properties["TopicArn"])
    if not topic:
        raise ValueError(f"Topic does not exist: {properties['TopicArn']}")
    role_arn = (cloudformation._stacks.get(stack_name) or {}).get(ROLE)
    if role_arn and not may_subscribe(role_arn, properties):
        raise ValueError(f"{role_arn} is not authorized to perform: {ACTION} on resource: {topic['arn']}")

    wanted = (properties["Protocol"], properties["Endpoint"])
    existing = next((each for each in topic["subscriptions"] if (each["protocol"], each["endpoint"]) == wanted), None)
    if not existing:
        return CREATE(logical_id, properties, stack_name)
    if any(existing["attributes"].get(name, "") != value for name, value in attributes_of(properties).items()):
        raise ValueError("Invalid parameter: Subscription already exists with different attributes")
    return existing["arn"], {"Arn": existing["arn"]}


def attributes_of(properties: Properties) -> dict[str, str]:
    return {"RawMessageDelivery": "false", **provisioners._sns_sub_attributes(properties)}


def may_subscribe(role_arn: str, properties: Properties) -> bool:
    """True if both the policies of the role and the policy of the topic let the role subscribe the endpoint."""
    role = next(known for known in iam._roles.values() if known["Arn"] == role_arn)
    account, topic_arn = role_arn.split(":")[4], properties["TopicArn"]
    keys = {
        **authorization.resource_context(ACTION, topic_arn),
        **authorization.subscription_context(properties["Protocol"], properties["Endpoint"]),
    }
    context = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account,
        action=ACTION,
        resource_arn=topic_arn,
        region=topic_arn.split(":")[3],
        secure_transport=True,
        service_context={key.lower(): value for key, value in keys.items()},
        principal_keys={f"aws:principaltag/{tag['Key'].lower()}": tag["Value"] for tag in role.get("Tags") or []},
    )
    identity = iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(role["RoleName"], account))
    policy, owner = sns.topic_policy_for_arn(topic_arn) or ("", account)
    return iam_evaluator.combine_resource_policy(identity, context, policy, owner).decision == "Allow"


CREATE = provisioners._sns_sub_create


def register() -> None:
    provisioners._RESOURCE_HANDLERS[TYPE]["create"] = create
