"""What the operator is shown and told: the dashboard and the alarms, by what the broker logs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import aws
from another_broker import AnotherBroker, template
from local_aws import REPOSITORY, STACK
from support import BrokerTestCase, client

# A metric's name and the names of its dimensions.
Metric = tuple[str, frozenset[str]]

LOGGING = (REPOSITORY / "LOGGING.md").read_text()
# Stacks are complete at once here. Only a deletion takes time, if the broker cannot know that nothing comes late.
SELDOM_SEEN = {("in_flight_seconds", frozenset[str]())}
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
LAMBDAS_FIELDS = {"type", "record.status"}


class OperationsTest(BrokerTestCase):
    def test_log_lines_declare_the_metrics_that_are_documented(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        self.deprovision(instance, plan)
        declared = {
            (metric["Name"], frozenset(dimensions))
            for line in made_for_programs()
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
            for metric in directive["Metrics"]
            for dimensions in directive["Dimensions"]
            if directive["Namespace"] == STACK
        }
        filters = client("logs").describe_metric_filters(logGroupName=os.environ["LOG_GROUP_NAME"])["metricFilters"]
        filtered = {
            (transformation["metricName"], frozenset[str]())
            for each in filters
            for transformation in each["metricTransformations"]
            if transformation["metricNamespace"] == STACK
        }
        self.assertEqual((declared | filtered) - SELDOM_SEEN, documented_metrics() - SELDOM_SEEN)
        self.assertLessEqual(SELDOM_SEEN, documented_metrics())

    def test_log_lines_have_the_fields_that_are_documented(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        self.deprovision(instance, plan)
        self.assertLessEqual({field for line in made_for_programs() for field in line}, documented_fields())

    def test_watched_metrics_exist(self) -> None:
        resources = {"FunctionName": "Function", "TableName": "Table", "ApiId": "Api"}
        ids = {dimension: physical_id(logical_id) for dimension, logical_id in resources.items()}
        for namespace, name, dimensions in [*watched_by_alarms(), *watched_by_dashboard()]:
            with self.subTest(f"{namespace} {name} {dimensions}"):
                if namespace == STACK:
                    self.assertIn((name, frozenset(dimensions)), documented_metrics())
                    for value in filter(None, dimensions.values()):
                        self.assertIn(f"`{value}`", LOGGING)
                else:
                    [(dimension, value)] = dimensions.items()
                    self.assertEqual(value, ids[dimension])

    def test_queries_use_documented_fields(self) -> None:
        described = [alarm["AlarmDescription"] for alarm in alarms() if "Logs Insights" in alarm["AlarmDescription"]]
        queries = [widget["properties"]["query"] for widget in widgets() if widget["type"] == "log"]
        self.assertTrue(described and queries)
        for query in [*described, *queries]:
            with self.subTest(query):
                # The access log's group is found in the stack's output.
                self.assertRegex(query, f"{re.escape(os.environ['LOG_GROUP_NAME'])}|output AccessLogGroupName")
                listed = [name for fields in re.findall(r"\| fields ([^|]*)", query) for name in fields.split(", ")]
                compared = re.findall(r"([\w.]+) (?:=|!=|>) ", query)
                asked = {name.strip() for name in [*listed, *compared]} - {"@timestamp"}
                self.assertLessEqual(asked, documented_fields() | LAMBDAS_FIELDS)

    def test_the_dashboard_shows_every_alarm(self) -> None:
        [shown] = [widget["properties"]["alarms"] for widget in widgets() if widget["type"] == "alarm"]
        self.assertEqual(set(shown), {alarm["AlarmArn"] for alarm in alarms()})

    def test_every_alarm_notifies_the_topic(self) -> None:
        topic = client("sns").create_topic(Name="alarms")["TopicArn"]
        made = AnotherBroker("told")
        made.create(template(), EnabledServices="sqs", TableDeletionProtection="no", AlarmTopicArn=topic)
        self.addCleanup(made.delete)
        self.assertEqual(len(alarms(made.stack)), len(alarms()))
        for alarm in alarms(made.stack):
            told = (alarm["AlarmActions"], alarm["OKActions"], alarm["TreatMissingData"])
            self.assertEqual(told, ([topic], [topic], "notBreaching"), alarm["AlarmName"])
        self.assertFalse([alarm for alarm in alarms() if alarm["AlarmActions"]])

    def test_state_and_logs_are_kept(self) -> None:
        table = client("dynamodb").describe_table(TableName=os.environ["TABLE_NAME"])["Table"]
        self.assertTrue(table["DeletionProtectionEnabled"])
        for logical_id in ("LogGroup", "AccessLog"):
            name = physical_id(logical_id)
            [group] = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
            self.assertEqual((group["kmsKeyId"], group["retentionInDays"]), (os.environ["KEY_ARN"], 90), name)

    def test_settings_of_sam_are_parameters_of_the_template(self) -> None:
        text = (REPOSITORY / "infra" / "samconfig.toml").read_text()
        [overrides] = re.findall(r'parameter_overrides = "(.*)"', text)
        names = {override.partition("=")[0] for override in overrides.split()}
        parameters = client("cloudformation").get_template_summary(StackName=STACK)["Parameters"]
        self.assertLessEqual(names, {parameter["ParameterKey"] for parameter in parameters})


def made_for_programs() -> list[dict[str, Any]]:
    """The lines of the three kinds, from the first one that the function has logged: a process is new only once."""
    lines = aws.log_lines(client("logs"), os.environ["LOG_GROUP_NAME"])
    read = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in read if line.get("message") in ("request", "audit", "operation")]


def documented_metrics() -> set[Metric]:
    found = set()
    for names, dimensions in re.findall(r"^\| (.*) \| .* \| (.*) \|$", section("Metrics"), re.MULTILINE):
        for name in re.findall(r"`(\w+)`", names):
            for alternative in dimensions.partition(":")[0].split(";"):
                found.add((name, frozenset(re.findall(r"`(\w+)`", alternative))))
    return found


def documented_fields() -> set[str]:
    rows = re.findall(r"^\| (.*?) \|", section("Fields"), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def section(title: str) -> str:
    return LOGGING.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def physical_id(logical_id: str, stack: str = STACK) -> str:
    found = client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def alarms(stack: str = STACK) -> list[dict[str, Any]]:
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-")
    return [alarm for page in pages for alarm in page["MetricAlarms"]]


def widgets() -> list[dict[str, Any]]:
    body = client("cloudwatch").get_dashboard(DashboardName=physical_id("Dashboard"))["DashboardBody"]
    return list(json.loads(body)["widgets"])


def watched_by_alarms() -> Iterator[tuple[str, str, dict[str, str]]]:
    for alarm in alarms():
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        yield alarm["Namespace"], alarm["MetricName"], dimensions


def watched_by_dashboard() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Of what a search looks for, without values."""
    for widget in widgets():
        for entry in widget["properties"].get("metrics", []):
            if isinstance(entry[0], dict):
                expression = entry[0]["expression"]
                [(namespace, names, metric)] = re.findall(r"""'\{"(.*?)",(.*?)\} MetricName="(.*?)"'""", expression)
                yield namespace, metric, dict.fromkeys(names.split(","), "")
            else:
                namespace, metric, *rest = (part for part in entry if isinstance(part, str))
                yield namespace, metric, dict(zip(rest[::2], rest[1::2], strict=True))
