"""The rules of the API that need a real stack, or the real way through API Gateway and Lambda, to be believed."""

from __future__ import annotations

import uuid
from typing import Any

from osb import Plan
from support import BROKER, BrokerTestCase, client, stacks_of


class ProtocolTest(BrokerTestCase):
    def test_catalog_is_not_sent_again_while_unchanged(self) -> None:
        catalog = BROKER.catalog()
        known = BROKER.request("GET", "catalog", headers={"If-None-Match": catalog.headers["etag"]})
        self.assertEqual((known.status, known.body), (304, {}))
        other = BROKER.request("GET", "catalog", headers={"If-None-Match": '"another"'})
        self.assertEqual(other.expect(200), catalog.expect(200))

    def test_request_identity_is_returned(self) -> None:
        answer = BROKER.request("GET", "catalog", headers={"X-Broker-API-Request-Identity": "abc"})
        self.assertEqual(answer.headers["x-broker-api-request-identity"], "abc")

    def test_ids_may_hold_other_characters_than_those_of_a_uuid(self) -> None:
        # Except those that end a path: API Gateway decodes it before the broker sees it.
        instance, plan = f"a b ü%&+{uuid.uuid4()}", BROKER.plan("sqs", "standard")
        operation = BROKER.provision(instance, plan).expect(202)["operation"]
        BROKER.wait(instance, plan, operation)
        BROKER.fetch_instance(instance, plan).expect(200)
        self.deprovision(instance, plan)

    def test_resent_requests_keep_their_answers(self) -> None:
        plan = BROKER.plan("sqs", "standard")
        instance, binding = str(uuid.uuid4()), str(uuid.uuid4())
        first = BROKER.provision(instance, plan).expect(202)
        self.assertEqual(BROKER.provision(instance, plan).expect(202), first)
        BROKER.provision(instance, plan, {"DelaySeconds": 1}).expect(409)
        BROKER.wait(instance, plan, first["operation"])
        BROKER.provision(instance, plan).expect(200)
        bound = BROKER.bind(instance, binding, plan).expect(201)
        self.assertEqual(BROKER.bind(instance, binding, plan).expect(200), bound)
        BROKER.bind(instance, binding, plan, {"Scope": "Send"}).expect(409)
        deleted = BROKER.deprovision(instance, plan).expect(202)
        self.assertEqual(BROKER.deprovision(instance, plan).expect(202), deleted)
        BROKER.wait(instance, plan, deleted["operation"])
        BROKER.deprovision(instance, plan).expect(410)
        # The id is free when no earlier request can be under way: half a minute later.
        self.assertEqual(BROKER.provision(instance, plan).expect(422)["error"], "ConcurrencyError")
        self.assertEqual(stacks_of(instance), [])

    def test_update_changes_only_named_parameters(self) -> None:
        instance, plan = self.provision("sqs", "standard", {"DelaySeconds": 5, "VisibilityTimeout": 60})
        _, credentials = self.bind(instance, plan)

        self.update(instance, plan, {"parameters": {"VisibilityTimeout": 90}})
        self.assertEqual(attributes(credentials), {"DelaySeconds": "5", "VisibilityTimeout": "90"})
        self.update(instance, plan, {"parameters": {"DelaySeconds": None}})
        self.assertEqual(attributes(credentials), {"DelaySeconds": "0", "VisibilityTimeout": "90"})
        parameters = BROKER.fetch_instance(instance, plan).expect(200)["parameters"]
        self.assertEqual(parameters, {"VisibilityTimeout": 90})

        same = {"parameters": {"VisibilityTimeout": 90}, "maintenance_info": {"version": "1.1.0"}}
        BROKER.update(instance, plan, same).expect(200)
        BROKER.update(instance, plan, {"context": {"platform": "kubernetes"}}, accepts_incomplete=False).expect(200)
        BROKER.update(instance, plan, {"parameters": {"DelaySeconds": 901}}).expect(400)
        # What can never work is a 400 to Kubernetes, which this instance is of, and a 422 elsewhere.
        for context, status in ({}, 400), ({"context": {"platform": "cloudfoundry"}}, 422):
            BROKER.update(instance, plan, {"parameters": {"UseDeadLetterQueue": "false"}, **context}).expect(status)
            BROKER.update(instance, plan, {"plan_id": BROKER.plan("sqs", "fifo").plan_id, **context}).expect(status)
            BROKER.update(instance, plan, {"maintenance_info": {"version": "0.0.1"}, **context}).expect(status)
        self.assertEqual(attributes(credentials), {"DelaySeconds": "0", "VisibilityTimeout": "90"})
        self.deprovision(instance, plan)

    def test_update_changes_the_plan(self) -> None:
        instance, plan = self.provision("s3", "simple")
        binding, credentials = self.bind(instance, plan)
        bucket = {"Bucket": credentials["BUCKET_NAME"]}
        self.assertNotEqual(client("s3").get_bucket_versioning(**bucket).get("Status"), "Enabled")

        production = BROKER.plan("s3", "production")
        self.update(instance, plan, {"plan_id": production.plan_id})
        self.assertEqual(client("s3").get_bucket_versioning(**bucket)["Status"], "Enabled")
        self.assertEqual(BROKER.fetch_instance(instance, production).expect(200)["plan_id"], production.plan_id)
        self.assertEqual(BROKER.fetch_binding(instance, binding, plan).expect(200)["credentials"], credentials)
        BROKER.unbind(instance, binding, production).expect(200)
        self.deprovision(instance, production)

    def test_update_that_aws_refuses_leaves_the_instance_as_it_was(self) -> None:
        instance, plan = self.provision("sqs", "fifo", {"VisibilityTimeout": 60})
        _, credentials = self.bind(instance, plan)
        # The values are good each by itself: it is a rule of the template that is broken, which CloudFormation checks.
        change = {"VisibilityTimeout": 61, "FifoThroughputLimit": "perMessageGroupId"}
        refused = BROKER.update(instance, plan, {"parameters": change}).expect(400)
        self.assertIn("FifoThroughputLimit perMessageGroupId requires", refused["description"])
        self.assertEqual(attributes(credentials)["VisibilityTimeout"], "60")
        self.assertEqual(BROKER.fetch_instance(instance, plan).expect(200)["parameters"], {"VisibilityTimeout": 60})
        self.update(instance, plan, {"parameters": {**change, "DeduplicationScope": "messageGroup"}})
        self.assertEqual(attributes(credentials)["VisibilityTimeout"], "61")
        self.deprovision(instance, plan)

    def test_rotation_makes_a_second_binding_beside_the_first(self) -> None:
        instance, plan = self.provision("sqs", "standard")
        old, first = self.bind(instance, plan)
        new = str(uuid.uuid4())
        rotated = BROKER.rotate(instance, new, old).expect(201)["credentials"]
        self.assertNotEqual(rotated["AWS_ACCESS_KEY_ID"], first["AWS_ACCESS_KEY_ID"])
        for credentials in (first, rotated):
            client("sqs", credentials).send_message(QueueUrl=credentials["QUEUE_URL"], MessageBody="hello")
        BROKER.unbind(instance, old, plan).expect(200)
        client("sqs", rotated).send_message(QueueUrl=rotated["QUEUE_URL"], MessageBody="hello")
        self.deprovision(instance, plan)

    def update(self, instance: str, plan: Plan, members: dict[str, Any]) -> None:
        accepted = BROKER.update(instance, plan, members).expect(202)
        BROKER.wait(instance, plan, accepted["operation"])


def attributes(credentials: dict[str, str]) -> dict[str, str]:
    names = ["DelaySeconds", "VisibilityTimeout"]
    queue = {"QueueUrl": credentials["QUEUE_URL"]}
    return client("sqs").get_queue_attributes(**queue, AttributeNames=names)["Attributes"]
