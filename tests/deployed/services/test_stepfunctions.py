"""What applications do with AWS Step Functions, and what they cannot."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from typing import Any

import botocore.exceptions

from service import Credentials, ServiceTestCase
from support import client, kms_key, unique_name

PASS = {"Type": "Pass", "End": True}


class StepFunctionsTest(ServiceTestCase):
    service = "stepfunctions"

    def test_standard(self) -> None:
        self.live("standard", {"Start": self.start, "Work": self.work, "ReadOnly": self.read})

    def test_standard_with_every_parameter_changed(self) -> None:
        """The definition comes in four parts; its middle step is a task of the activity."""
        steps = {"Before": {"Type": "Pass", "Next": "Task"}, "After": PASS}
        steps["Task"] = {"Type": "Task", "Resource": "${ActivityArn}", "Next": "After"}
        parameters = {
            **parts({"StartAt": "Before", "States": steps}),
            **callees(),
            "LogLevel": "OFF",
            "LogExecutionData": "true",
            "LogRetentionDays": 7,
            "Tracing": "true",
            "KmsKeyArn": kms_key(),
        }
        # The update makes the definition the default one again, which ends at once.
        self.live(
            "standard", {"Start": self.start, "Work": self.work_for_own_workflow, "ReadOnly": self.read}, parameters
        )

    def test_express(self) -> None:
        self.live("express", {"Start": self.start_express, "Work": self.work_nowhere, "ReadOnly": self.read_log})

    def test_express_with_every_parameter_changed(self) -> None:
        parameters = {
            **parts({"StartAt": "Only", "States": {"Only": PASS}}),
            **callees(),
            "LogLevel": "FATAL",
            "LogExecutionData": "true",
            "LogRetentionDays": 1,
            "Tracing": "true",
            "KmsKeyArn": kms_key(),
        }
        uses = {"Start": self.start_express, "Work": self.work_nowhere, "ReadOnly": self.read_log}
        self.live("express", uses, parameters)

    # --------------------------------------------------------------------------------------------------- Start

    def start(self, binding: Credentials) -> None:
        sfn, machine = client("stepfunctions", binding), {"stateMachineArn": binding["STATE_MACHINE_ARN"]}
        self.assertEqual(sfn.describe_state_machine(**machine)["name"], binding["STATE_MACHINE_NAME"])
        started = sfn.start_execution(**machine, input='{"greeting": "hello"}')["executionArn"]
        described = sfn.describe_execution(executionArn=started)
        self.assertEqual(json.loads(described["input"]), {"greeting": "hello"})
        self.assertIn(started, [each["executionArn"] for each in sfn.list_executions(**machine)["executions"]])
        self.assertTrue(sfn.get_execution_history(executionArn=started)["events"])
        sfn.describe_state_machine_for_execution(executionArn=started)
        # It waits for a worker, or has ended already.
        sfn.stop_execution(executionArn=started)
        self.assertIn(sfn.describe_execution(executionArn=started)["status"], ("ABORTED", "SUCCEEDED"))

        other, execution = neighbour()
        self.assert_denied(
            lambda: sfn.start_execution(stateMachineArn=other),
            lambda: sfn.describe_execution(executionArn=execution),
            lambda: sfn.stop_execution(executionArn=execution),
            lambda: sfn.update_state_machine(**machine, definition=definition_of(PASS)),
            lambda: sfn.delete_state_machine(**machine),
            lambda: sfn.get_activity_task(activityArn=binding["ACTIVITY_ARN"]),
            lambda: sfn.list_state_machines(),
            lambda: client("logs", binding).filter_log_events(logGroupName=binding["LOG_GROUP_NAME"]),
        )
        self.may_use_no_other_service(binding)

    def start_express(self, binding: Credentials) -> None:
        sfn, machine = client("stepfunctions", binding), {"stateMachineArn": binding["STATE_MACHINE_ARN"]}
        self.assertNotIn("ACTIVITY_ARN", binding)
        self.assertEqual(sfn.describe_state_machine(**machine)["type"], "EXPRESS")
        self.assertIn(binding["STATE_MACHINE_NAME"], sfn.start_execution(**machine)["executionArn"])
        # The local AWS has one host, without the prefix of this call.
        sfn.meta.config.inject_host_prefix = False
        answer = sfn.start_sync_execution(**machine, input='{"greeting": "hello"}')
        self.assertEqual((answer["status"], json.loads(answer["output"])), ("SUCCEEDED", {"greeting": "hello"}))

        other, _ = neighbour()
        self.assert_denied(
            lambda: sfn.start_sync_execution(stateMachineArn=other),
            lambda: sfn.update_state_machine(**machine, definition=definition_of(PASS)),
            lambda: sfn.delete_state_machine(**machine),
            lambda: client("logs", binding).filter_log_events(logGroupName=binding["LOG_GROUP_NAME"]),
        )

    # ---------------------------------------------------------------------------------------------------- Work

    def work(self, binding: Credentials) -> None:
        """Does tasks of a workflow of the operator's that uses the activity, as the instance's own has none."""
        task = {"Type": "Task", "Resource": binding["ACTIVITY_ARN"], "End": True}
        self.do_tasks(binding, state_machine(definition_of(task)))

    def work_for_own_workflow(self, binding: Credentials) -> None:
        self.do_tasks(binding, binding["STATE_MACHINE_ARN"])

    def do_tasks(self, binding: Credentials, machine: str) -> None:
        sfn, operator, activity = client("stepfunctions", binding), client("stepfunctions"), binding["ACTIVITY_ARN"]
        self.assertEqual(sfn.describe_activity(activityArn=activity)["activityArn"], activity)
        # To know its ARN is enough to give it tasks: it follows from nothing that others see.
        instance = binding["STATE_MACHINE_NAME"][-len(str(uuid.UUID(int=0))) :]
        self.assertNotIn(instance, activity)
        failing = operator.start_execution(stateMachineArn=machine, input='{"number": 1}')["executionArn"]
        token = task_of(sfn, activity, {"number": 1})
        sfn.send_task_heartbeat(taskToken=token)
        sfn.send_task_failure(taskToken=token, error="NotToday", cause="a test")
        self.assertEqual(end_of(operator, failing), "FAILED")
        succeeding = operator.start_execution(stateMachineArn=machine, input='{"number": 2}')["executionArn"]
        sfn.send_task_success(taskToken=task_of(sfn, activity, {"number": 2}), output='{"number": 3}')
        self.assertEqual(end_of(operator, succeeding), "SUCCEEDED")
        self.assert_work_only(binding)

    def assert_work_only(self, binding: Credentials) -> None:
        sfn, machine = client("stepfunctions", binding), {"stateMachineArn": binding["STATE_MACHINE_ARN"]}
        other = client("stepfunctions").create_activity(name=unique_name())["activityArn"]
        self.assert_denied(
            lambda: sfn.get_activity_task(activityArn=other),
            lambda: sfn.describe_activity(activityArn=other),
            lambda: sfn.delete_activity(activityArn=binding["ACTIVITY_ARN"]),
            lambda: sfn.start_execution(**machine),
            lambda: sfn.list_executions(**machine),
            lambda: sfn.describe_state_machine(**machine),
        )
        self.may_use_no_other_service(binding)

    def work_nowhere(self, binding: Credentials) -> None:
        """An express workflow has no activity: such a binding can answer with tokens of elsewhere, and no more."""
        self.assertNotIn("ACTIVITY_ARN", binding)
        sfn, machine = client("stepfunctions", binding), {"stateMachineArn": binding["STATE_MACHINE_ARN"]}
        other = client("stepfunctions").create_activity(name=unique_name())["activityArn"]
        self.assert_denied(
            lambda: sfn.get_activity_task(activityArn=other),
            lambda: sfn.start_execution(**machine),
            lambda: sfn.describe_state_machine(**machine),
        )

    # ------------------------------------------------------------------------------------------------ ReadOnly

    def read(self, binding: Credentials) -> None:
        sfn, machine = client("stepfunctions", binding), {"stateMachineArn": binding["STATE_MACHINE_ARN"]}
        started = client("stepfunctions").start_execution(**machine)["executionArn"]
        self.assertEqual(sfn.describe_state_machine(**machine)["name"], binding["STATE_MACHINE_NAME"])
        self.assertIn(started, [each["executionArn"] for each in sfn.list_executions(**machine)["executions"]])
        self.assertEqual(sfn.describe_execution(executionArn=started)["executionArn"], started)
        self.assertTrue(sfn.get_execution_history(executionArn=started)["events"])
        _, execution = neighbour()
        self.assert_denied(
            lambda: sfn.describe_execution(executionArn=execution),
            lambda: sfn.get_execution_history(executionArn=execution),
            lambda: sfn.start_execution(**machine),
            lambda: sfn.stop_execution(executionArn=started),
            lambda: sfn.send_task_success(taskToken="none", output="{}"),
        )
        with suppress(botocore.exceptions.ClientError):  # It may be over by now.
            client("stepfunctions").stop_execution(executionArn=started)
        self.assert_reads_own_log(binding)

    def read_log(self, binding: Credentials) -> None:
        sfn, machine = client("stepfunctions", binding), {"stateMachineArn": binding["STATE_MACHINE_ARN"]}
        self.assertEqual(sfn.describe_state_machine(**machine)["name"], binding["STATE_MACHINE_NAME"])
        self.assert_denied(
            lambda: sfn.start_execution(**machine),
            lambda: sfn.delete_state_machine(**machine),
            lambda: sfn.send_task_success(taskToken="none", output="{}"),
        )
        self.assert_reads_own_log(binding)

    def assert_reads_own_log(self, binding: Credentials) -> None:
        """As whoever operates the workflow: the local AWS delivers no log, so the test writes its line."""
        logs, operator, group = client("logs", binding), client("logs"), {"logGroupName": binding["LOG_GROUP_NAME"]}
        stream = {**group, "logStreamName": unique_name()}
        operator.create_log_stream(**stream)
        operator.put_log_events(**stream, logEvents=[{"timestamp": 1, "message": "hello"}])
        [event] = logs.get_log_events(**stream)["events"]
        self.assertEqual(event["message"], "hello")
        self.assertIn("hello", [event["message"] for event in logs.filter_log_events(**group)["events"]])
        operator.delete_log_stream(**stream)

        other = {"logGroupName": f"/aws/vendedlogs/states/{unique_name()}"}
        operator.create_log_group(**other)
        self.assert_denied(
            lambda: logs.filter_log_events(**other),
            lambda: logs.delete_log_group(**group),
            lambda: logs.put_retention_policy(**group, retentionInDays=1),
        )

    def may_use_no_other_service(self, binding: Credentials) -> None:
        self.assert_denied(
            lambda: client("iam", binding).create_user(UserName="mallory"),
            lambda: client("lambda", binding).list_functions(),
            lambda: client("sqs", binding).list_queues(),
        )


def definition_of(state: dict[str, Any]) -> str:
    return json.dumps({"StartAt": "Only", "States": {"Only": state}})


def state_machine(definition: str) -> str:
    """The ARN of a state machine of the operator's."""
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = client("iam").create_role(RoleName=unique_name(), AssumeRolePolicyDocument=document)["Role"]["Arn"]
    made = client("stepfunctions").create_state_machine(name=unique_name(), definition=definition, roleArn=role)
    return made["stateMachineArn"]


def neighbour() -> tuple[str, str]:
    """Another state machine, and an execution of it."""
    machine = state_machine(definition_of(PASS))
    return machine, client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]


def parts(definition: dict[str, Any]) -> dict[str, str]:
    """The definition in four parts, cut between tokens."""
    start, _, states = json.dumps(definition).partition(', "States"')
    return {
        "Definition": start,
        "DefinitionPart2": ',"States"',
        "DefinitionPart3": states[:-1],
        "DefinitionPart4": states[-1],
    }


def callees() -> dict[str, list[str]]:
    """A function, a queue and a topic that the steps may call."""
    queue = client("sqs").create_queue(QueueName=unique_name())["QueueUrl"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    return {
        "LambdaFunctionArns": [
            f"arn:aws:lambda:us-east-1:000000000000:function:{name}" for name in ("one", "two:live")
        ],
        "SqsQueueArns": [attributes["QueueArn"]],
        "SnsTopicArns": [client("sns").create_topic(Name=unique_name())["TopicArn"]],
    }


def task_of(sfn: Any, activity: str, data: dict[str, Any]) -> str:
    """The token of the task with this input; there may be others, whose executions were stopped."""
    while json.loads((task := sfn.get_activity_task(activityArn=activity, workerName="worker"))["input"]) != data:
        pass
    return task["taskToken"]


def end_of(sfn: Any, execution: str) -> str:
    """The status that an execution ends with whose last task is done."""
    for _ in range(1000):
        status = sfn.describe_execution(executionArn=execution)["status"]
        if status != "RUNNING":
            break
    return status
