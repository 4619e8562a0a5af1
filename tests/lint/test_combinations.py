"""Patterns and Rules of the templates: what AWS would refuse minutes later is refused before anything is made, and what
it takes is not.
"""

from __future__ import annotations

import functools
import re
import unittest
from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import load

TEMPLATES = Path(__file__).parents[2] / "templates"
ACCOUNT = "us-east-1:123456789012"


class PatternsTest(unittest.TestCase):
    def assert_takes(self, service: str, parameter: str, takes: list[str], refuses: list[str]) -> None:
        declared = template(service)["Parameters"][parameter]
        self.assertEqual([each for each in takes if not fits(declared, each)], [], "it should take these")
        self.assertEqual([each for each in refuses if fits(declared, each)], [], "it should refuse these")

    def test_sns_endpoint_has_a_supported_form(self) -> None:
        self.assert_takes(
            "sns",
            "Endpoint",
            [
                f"arn:aws:sqs:{ACCOUNT}:queue",
                f"arn:aws:sqs:{ACCOUNT}:queue.fifo",
                f"arn:aws-us-gov:lambda:{ACCOUNT}:function:name:live",
                "https://example.com/path?query",
                "me+news@example.com",
                "+14155550100",
            ],
            [
                "foo",
                "http://example.com",
                "me@",
                f"arn:aws:s3:{ACCOUNT}:bucket",
                f"arn:aws:lambda:{ACCOUNT}:name",
                f"arn:aws:sns:{ACCOUNT}:endpoint/GCM/app/5e3e9847-3183-3f18-a7e8-671c3a57d4b3",
                "14155",
            ],
        )

    def test_subscribable_endpoints_take_wildcards_not_variables(self) -> None:
        self.assert_takes(
            "sns",
            "SubscribableEndpoints",
            [
                "",
                "*",
                f"arn:aws:sqs:{ACCOUNT}:orders,*@example.com,+14155550100,https://*.example.com/?path=a|b",
                f"arn:aws:lambda:{ACCOUNT}:function:f:$LATEST",
            ],
            ["a@example.com, b@example.com", "a@example.com,", "${aws:username}", "a b"],
        )

    def test_publishing_source_is_a_supported_arn(self) -> None:
        self.assert_takes(
            "sns",
            "PublishingSourceArn",
            [
                "",
                f"arn:aws:cloudwatch:{ACCOUNT}:alarm:Too many orders, again",
                "arn:aws-cn:s3:::orders-*",
                f"arn:aws:ses:{ACCOUNT}:configuration-set/osb-ses-0",
                f"arn:aws:ses:{ACCOUNT}:identity/me+news@example.com",
            ],
            ["*", "orders", f"arn:aws:sqs:{ACCOUNT}:q", f"arn:aws:cloudwatch:{ACCOUNT}:alarm:${{aws:username}}"],
        )

    def test_service_source_arns_are_specific(self) -> None:
        self.assert_takes(
            "kms",
            "ServiceSourceArns",
            ["", f"arn:aws:sns:{ACCOUNT}:*,arn:aws:s3:::orders", f"arn:aws:events:{ACCOUNT}:rule/bus/*"],
            ["*", "arn:aws:*", "arn:aws:sns:*", f"arn:aws:sns:{ACCOUNT}:t, arn:aws:s3:::b", "arn:aws:s3:::${a}"],
        )

    def test_source_rule_arn_is_an_eventbridge_rule(self) -> None:
        self.assert_takes(
            "sqs",
            "SourceRuleArn",
            ["", f"arn:aws:events:{ACCOUNT}:rule/name", f"arn:aws:events:{ACCOUNT}:rule/osb-eventbridge-0/name"],
            [f"arn:aws:events:{ACCOUNT}:rule/*", f"arn:aws:events:{ACCOUNT}:event-bus/a", "rule/name"],
        )

    def test_eventbridge_target_is_a_queue_or_function(self) -> None:
        self.assert_takes(
            "eventbridge",
            "TargetArn",
            ["", f"arn:aws:sqs:{ACCOUNT}:queue", f"arn:aws:lambda:{ACCOUNT}:function:f:1"],
            [
                f"arn:aws:sns:{ACCOUNT}:topic",
                f"arn:aws:events:{ACCOUNT}:event-bus/bus",
                f"arn:aws:sqs:{ACCOUNT}:function:queue",
                f"arn:aws:lambda:{ACCOUNT}:name",
                f"arn:aws:sqs:{ACCOUNT}:a.fifo",
            ],
        )

    def test_a_password_keeps_characters_of_each_kind(self) -> None:
        self.assert_takes(
            "secretsmanager",
            "ExcludeCharacters",
            ["", "0O1lI", "123456789", "\"'@/\\"],
            ["0123456789", "01a23b45c67d89", "abcdefghijklmnopqrstuvwxyz", "a b"],
        )

    def test_cors_origin_has_at_most_one_wildcard(self) -> None:
        self.assert_takes(
            "s3",
            "CorsAllowedOrigins",
            ["", "*", "https://app.example.com", "https://*.example.com,http://localhost:3000"],
            ["example.com", "https://*.*.example.com", "https://a.example, https://b.example", "https://"],
        )

    def test_query_log_group_is_in_us_east_1(self) -> None:
        self.assert_takes(
            "route53",
            "QueryLogGroupArn",
            ["", "arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/example.com"],
            ["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/route53/example.com"],
        )


class RulesTest(unittest.TestCase):
    def assert_rules(self, service: str, given: dict[str, Any], *broken: str) -> None:
        self.assertEqual(broken_rules(service, given), list(broken), f"{service} with {given}")

    def test_infrequent_access_needs_thirty_days(self) -> None:
        for class_, days, is_refused in [
            ("STANDARD_IA", 29, True),
            ("ONEZONE_IA", 30, False),
            ("GLACIER_IR", 1, False),
        ]:
            given = {"TransitionStorageClass": class_, "TransitionDays": days}
            self.assertEqual(bool(broken_rules("s3", given)), is_refused, given)

    def test_services_need_a_source_to_publish_or_use_keys(self) -> None:
        publishing = {"PublishingService": "s3", "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"}
        topic = {"Creates": "topic", "TopicArn": "", "Protocol": "https", "Endpoint": ""}
        self.assert_rules("sns", {**topic, **publishing, "PublishingSourceArn": "arn:aws:s3:::b"})
        self.assertEqual(len(broken_rules("sns", {**topic, **publishing})), 1)
        self.assertEqual(len(broken_rules("kms", {"ServicePrincipals": "sns.amazonaws.com"})), 1)

    def test_subscribable_endpoints_need_the_flag(self) -> None:
        topic = {"Creates": "topic", "TopicArn": "", "Protocol": "https", "Endpoint": ""}
        self.assert_rules("sns", {**topic, "AllowSubscriptions": "true"})
        self.assert_rules(
            "sns",
            {**topic, "SubscribableEndpoints": "*"},
            "SubscribableEndpoints requires AllowSubscriptions to be true.",
        )

    def test_settings_of_an_alias_need_an_alias(self) -> None:
        record = {"Creates": "recordset", "DomainName": "", "HostedZoneId": "Z1", "RecordName": "a.example"}
        values = {**record, "RecordValues": "192.0.2.1"}
        alias = {**record, "AliasTargetName": "d.cloudfront.net", "AliasTargetZoneId": "Z2FDTNDATAQYW2"}
        self.assert_rules("route53", values)
        self.assert_rules("route53", alias)
        self.assert_rules(
            "route53", {**values, "AliasTargetZoneId": "Z1"}, "AliasTargetZoneId requires an AliasTargetName."
        )
        self.assert_rules(
            "route53", {**values, "EvaluateTargetHealth": "true"}, "EvaluateTargetHealth requires an AliasTargetName."
        )
        self.assert_rules(
            "route53",
            {**alias, "RecordType": "TXT"},
            "An alias of a CloudFront distribution requires RecordType A or AAAA.",
        )


@functools.cache
def template(service: str) -> Any:
    return load(str(TEMPLATES / service / "template.yaml"))


def fits(parameter: Any, value: str) -> bool:
    shortest, longest = int(parameter.get("MinLength", 0)), int(parameter.get("MaxLength", 4096))
    return shortest <= len(value) <= longest and bool(re.fullmatch(parameter["AllowedPattern"], value))


def broken_rules(service: str, given: dict[str, Any]) -> list[str]:
    """The descriptions of the assertions that do not hold; what is not given is as the template has it."""
    declared = template(service)
    values = {name: str(given.get(name, each.get("Default", ""))) for name, each in declared["Parameters"].items()}
    return [
        assertion["AssertDescription"]
        for rule in declared.get("Rules", {}).values()
        if evaluated(rule.get("RuleCondition", True), values)
        for assertion in rule["Assertions"]
        if not evaluated(assertion["Assert"], values)
    ]


def evaluated(expression: Any, values: dict[str, str]) -> Any:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html"""
    if not isinstance(expression, dict):
        return expression
    [(function, argument)] = expression.items()
    if function == "Ref":
        return values[argument]
    operands = [evaluated(each, values) for each in argument]
    match function:
        case "Fn::Equals":
            return str(operands[0]) == str(operands[1])
        case "Fn::Not":
            return not operands[0]
        case "Fn::And":
            return all(operands)
        case "Fn::Or":
            return any(operands)
        case "Fn::Contains":
            return operands[1] in [str(each) for each in operands[0]]
    raise AssertionError(f"{function} is not known here")
