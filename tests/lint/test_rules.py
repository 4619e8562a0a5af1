"""The rules of `infra/lint`: each finds the mistake that it is for, put into a template that has none."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import loads
from cfnlint.template import Template

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "infra/lint"))

import parameters  # noqa: E402
import permissions  # noqa: E402
import resources  # noqa: E402


class RulesTest(unittest.TestCase):
    def assert_finds(self, rule: Any, service: str, mistakes: dict[str, str], *messages: str) -> None:
        """Each key of `mistakes` is a text of the template, and its value is what stands in its place."""
        text = (REPOSITORY / "templates" / service / "template.yaml").read_text()
        self.assertEqual(found(rule, text), [])
        for right, wrong in mistakes.items():
            self.assertIn(right, text)
            text = text.replace(right, wrong)
        self.assertEqual(found(rule, text), list(messages))

    def test_deletion_policy_without_metadata_is_found(self) -> None:
        self.assert_finds(
            resources.DeletionPolicies(),
            "kms",
            {"    Metadata: {DeletionPolicy: !Ref DeletionPolicy}\n": ""},
            "Alias needs `Metadata: {DeletionPolicy: !Ref DeletionPolicy}`",
        )

    def test_every_parameter_in_a_condition_needs_metadata(self) -> None:
        self.assert_finds(
            resources.DeletionPolicies(),
            "cognito",
            {"    Metadata: {DeletionPolicy: !Ref DeletionPolicy, DeletionProtection: !Ref DeletionProtection}\n": ""},
            "Client needs `Metadata: {DeletionPolicy: !Ref DeletionPolicy}`",
            "Client needs `Metadata: {DeletionProtection: !Ref DeletionProtection}`",
            "Domain needs `Metadata: {DeletionPolicy: !Ref DeletionPolicy}`",
            "Domain needs `Metadata: {DeletionProtection: !Ref DeletionProtection}`",
        )

    def test_a_generated_fifo_name_that_is_too_long_is_found(self) -> None:
        self.assert_finds(
            resources.Names(),
            "sqs",
            {'      QueueName: !If [IsFifo, !Sub "${AWS::StackName}-dead.fifo", !Ref AWS::NoValue]\n': ""},
            "DeadLetterQueue needs a QueueName: that of CloudFormation has 88 characters; 80 are allowed",
        )

    def test_a_given_name_that_is_too_long_is_found(self) -> None:
        self.assert_finds(
            resources.Names(),
            "eventbridge",
            {"${Prefix}-${Id}": "${Prefix}-archive-${Id}"},
            "ArchiveName can have 53 characters; 48 are allowed",
        )

    def test_a_name_within_an_object_is_measured(self) -> None:
        self.assert_finds(
            resources.Names(),
            "athena",
            {'Name: !Join [_, !Split ["-", !Ref AWS::StackName]]': "Name: !Sub " + "${AWS::StackName}" * 5},
            "Name can have 280 characters; 255 are allowed",
        )

    def test_a_secret_attribute_in_a_property_or_an_output_is_found(self) -> None:
        self.assert_finds(
            resources.SecretAttributes(),
            "cognito",
            {
                "ManagedLoginVersion: 1\n": "ManagedLoginVersion: !GetAtt Client.ClientSecret\n",
                "Value: !Sub cognito:${UserPool}/${Client}\n": "Value: !Sub ${UserPool}/${Client.ClientSecret}\n",
            },
            "Client.ClientSecret is a secret, which would be in the stack's events or outputs",
            "Client.ClientSecret is a secret, which would be in the stack's events or outputs",
        )

    def test_a_service_that_is_trusted_for_the_account_is_found(self) -> None:
        self.assert_finds(
            permissions.Sources(),
            "sqs",
            {
                "ArnEquals:\n                  aws:SourceArn: !Ref SourceTopicArn": "StringEquals:\n"
                "                  aws:SourceAccount: !Ref AWS::AccountId"
            },
            "QueuePolicy trusts sns.amazonaws.com for everybody: it needs a condition on aws:SourceArn",
        )

    def test_a_service_that_is_trusted_for_all_but_a_source_is_found(self) -> None:
        self.assert_finds(
            permissions.Sources(),
            "sqs",
            {
                "ArnEquals:\n                  aws:SourceArn: !Ref SourceRuleArn": "ArnNotEquals:\n"
                "                  aws:SourceArn: !Ref SourceRuleArn"
            },
            "QueuePolicy trusts events.amazonaws.com for everybody: it needs a condition on aws:SourceArn",
        )

    def test_a_role_that_a_service_takes_for_the_account_is_found(self) -> None:
        self.assert_finds(
            permissions.Sources(),
            "stepfunctions",
            {"                aws:SourceArn: !Sub\n": "                aws:SourceOrgID: !Sub\n"},
            "Role trusts states.amazonaws.com for everybody: it needs a condition on aws:SourceArn",
        )

    def test_pattern_without_description_is_found(self) -> None:
        self.assert_finds(
            parameters.Constraints(),
            "kms",
            {"    ConstraintDescription: must be empty or service": "    ConstraintDescription: Empty or service"},
            "ServicePrincipals needs a ConstraintDescription that begins with `must`",
        )

    def test_a_pattern_that_looks_ahead_is_found(self) -> None:
        self.assert_finds(
            parameters.Patterns(),
            "codecommit",
            {"AllowedPattern: ^(arn:": "AllowedPattern: ^(?!x)(arn:"},
            "the pattern of KmsKeyArn looks ahead or behind",
        )

    def test_flag_without_true_and_false_is_found(self) -> None:
        self.assert_finds(
            parameters.Flags(),
            "kinesis",
            {'AllowedValues: ["true", "false"]': 'AllowedValues: ["yes", "no"]'},
            "ShardLevelMetrics is a flag: its AllowedValues are ['true', 'false']",
        )


def found(rule: Any, text: str) -> list[str]:
    return [match.message for match in rule.match(Template("template.yaml", loads(text), ["us-east-1"]))]
