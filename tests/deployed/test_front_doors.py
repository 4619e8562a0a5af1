"""What platforms send their requests to, as the operator chooses it: brokers beside the one under test."""

from __future__ import annotations

import json
import os
import unittest
import uuid

import botocore.exceptions

from another_broker import AnotherBroker, template
from osb import Client
from support import BrokerTestCase, client

DOMAIN = "broker.example.com"
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/any"
LIMITS = {"ThrottlingRateLimit": "7", "ThrottlingBurstLimit": "14"}
VPC_ENDPOINTS = ["vpce-0a1b2c3d", "vpce-4e5f6a7b"]


class FrontDoorTest(BrokerTestCase):
    def broker(self, prefix: str, **parameters: str) -> AnotherBroker:
        made = AnotherBroker(prefix)
        made.create(template(), EnabledServices="sqs", TableDeletionProtection="no", **parameters)
        self.addCleanup(made.delete)
        return made

    def assert_serves(self, made: AnotherBroker) -> None:
        """The life of an instance, and that nobody gets in without the password."""
        broker, instance, binding = made.client, str(uuid.uuid4()), str(uuid.uuid4())
        plan = broker.plan("sqs", "standard")
        broker.wait(instance, plan, broker.provision(instance, plan).expect(202)["operation"])
        broker.bind(instance, binding, plan).expect(201)
        broker.unbind(instance, binding, plan).expect(200)
        broker.wait(instance, plan, broker.deprovision(instance, plan).expect(202)["operation"])
        # The broker's own answers.
        self.assertIn("description", broker.request("GET", "no/such/path").expect(404))
        self.assertIn("description", Client(made.broker.url).catalog().expect(401))

    def assert_watched(self, made: AnotherBroker, namespace: str, metric: str, **dimensions: str) -> None:
        """By the alarm of what platforms get to see."""
        [alarm] = client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{made.stack}-FrontDoor")["MetricAlarms"]
        watched = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        self.assertEqual((alarm["Namespace"], alarm["MetricName"], watched), (namespace, metric, dimensions))

    def assert_logs_accesses(self, settings: dict[str, str], outputs: dict[str, str]) -> None:
        """One JSON object a request, of what API Gateway knows about it; nothing that its sender writes, which may be
        credentials, or could add fields.
        """
        self.assertIn(outputs["AccessLogGroupName"], settings["DestinationArn"])
        logged = json.loads(settings["Format"])
        self.assertEqual(logged["status"], "$context.status")
        for variable in logged.values():
            self.assertRegex(variable, r"^\$context\.[A-Za-z.]+$")
            self.assertNotRegex(
                variable, "header|Header|authoriz|Override|[pP]ath|userAgent|essage|identity.(?!sourceIp)"
            )

    def test_an_http_api(self) -> None:
        made = self.broker("web")
        self.assert_serves(made)
        self.assert_watched(made, "AWS/ApiGateway", "5xx", ApiId=api_of(made))
        [stage] = client("apigatewayv2").get_stages(ApiId=api_of(made))["Items"]
        self.assert_logs_accesses(stage["AccessLogSettings"], made.broker.outputs)

    def test_a_rest_api(self) -> None:
        made = self.broker("rest", FrontDoor="rest-api", **LIMITS)
        self.assertTrue(made.broker.outputs["BrokerUrl"].endswith(".amazonaws.com/broker"), made.broker.outputs)
        self.assert_serves(made)
        self.assert_watched(made, "AWS/ApiGateway", "5XXError", ApiName=made.stack)
        stage = client("apigateway").get_stage(restApiId=api_of(made), stageName="broker")
        limits = stage["methodSettings"]["*/*"]
        self.assertEqual((limits["throttlingRateLimit"], limits["throttlingBurstLimit"]), (7, 14))
        self.assertTrue(stage["tracingEnabled"])

    def test_private_rest_api_needs_a_vpc_endpoint(self) -> None:
        made = self.broker("inside", FrontDoor="private-rest-api", VpcEndpointIds=",".join(VPC_ENDPOINTS))
        self.assertIn(f"-{VPC_ENDPOINTS[0]}.execute-api.", made.broker.outputs["BrokerUrl"])
        self.assert_watched(made, "AWS/ApiGateway", "5XXError", ApiName=made.stack)
        made.client.catalog().expect(403)
        api = client("apigateway").get_rest_api(restApiId=api_of(made))
        # API Gateway gives it as a part of a JSON text.
        [statement] = json.loads(json.loads(f'"{api["policy"]}"'))["Statement"]
        self.assertEqual(statement["Condition"], {"StringEquals": {"aws:SourceVpce": VPC_ENDPOINTS}})

    def test_a_function_url(self) -> None:
        made = self.broker("open", FrontDoor="function-url", ReservedConcurrency="20")
        self.assertNotRegex(made.broker.outputs["BrokerUrl"], "/$")
        self.assert_serves(made)
        self.assertFalse({"Api", "RestApi", "AccessLog"} & made.resources())
        functions, name = client("lambda"), made.broker.outputs["FunctionName"]
        self.assert_watched(made, "AWS/Lambda", "Url5xxCount", FunctionName=name)
        statements = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
        anyone = [statement for statement in statements if "events.amazonaws.com" not in json.dumps(statement)]
        conditions = {statement["Action"]: json.dumps(statement["Condition"]) for statement in anyone}
        self.assertEqual(set(conditions), {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"})
        self.assertRegex(conditions["lambda:InvokeFunctionUrl"], '"lambda:FunctionUrlAuthType": "NONE"')
        self.assertRegex(conditions["lambda:InvokeFunction"], '"lambda:InvokedViaFunctionUrl": "?true')

    def test_a_domain_stays_when_the_front_door_changes(self) -> None:
        zone = client("route53").create_hosted_zone(Name="example.com", CallerReference=str(uuid.uuid4()))
        zone_id = zone["HostedZone"]["Id"].rpartition("/")[2]
        self.addCleanup(client("route53").delete_hosted_zone, Id=zone_id)
        domain = {"DomainName": DOMAIN, "CertificateArn": CERTIFICATE, "HostedZoneId": zone_id}
        acl = self.web_acl()

        made = self.broker("named", FrontDoor="rest-api", WebAclArn=acl, **domain)
        outputs = made.broker.outputs
        self.assertEqual(outputs["BrokerUrl"], f"https://{DOMAIN}")
        self.assert_domain_serves(made)
        records = client("route53").list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
        targets = [record["AliasTarget"]["DNSName"] for record in records if record["Name"].startswith(DOMAIN)]
        self.assertEqual([target.rstrip(".") for target in targets], [outputs["DomainTarget"]])
        [guarded] = client("wafv2").list_resources_for_web_acl(WebACLArn=acl)["ResourceArns"]
        self.assertRegex(guarded, r"^arn:aws:apigateway:us-east-1::/restapis/\w+/stages/broker$")
        api, stage = guarded.split("/")[2::2]
        gateway = client("apigateway")
        self.assertFalse(gateway.get_rest_api(restApiId=api)["disableExecuteApiEndpoint"])
        everywhere = gateway.get_stage(restApiId=api, stageName=stage)["description"]

        # It takes effect because the stage changes, too.
        alone = {"FrontDoor": "rest-api", "WebAclArn": acl, "DefaultEndpoint": "no"}
        made.update(template(), EnabledServices="sqs", TableDeletionProtection="no", **alone, **domain)
        self.assertTrue(gateway.get_rest_api(restApiId=api)["disableExecuteApiEndpoint"])
        self.assertNotEqual(gateway.get_stage(restApiId=api, stageName=stage)["description"], everywhere)
        self.assert_domain_serves(made)

        made.update(template(), EnabledServices="sqs", TableDeletionProtection="no", DefaultEndpoint="no", **domain)
        self.assertFalse({"RestApi", "WebAclAssociation"} & made.resources())
        apis = client("apigatewayv2").get_apis()["Items"]
        self.assertEqual([each["DisableExecuteApiEndpoint"] for each in apis if each["Name"] == made.stack], [True])
        self.assertEqual(made.broker.outputs["BrokerUrl"], f"https://{DOMAIN}")
        self.assert_domain_serves(made)

    def web_acl(self) -> str:
        visibility = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "any"}
        made = client("wafv2").create_web_acl(
            Name=f"acl-{uuid.uuid4()}", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visibility
        )
        return str(made["Summary"]["ARN"])

    def assert_domain_serves(self, made: AnotherBroker) -> None:
        broker = Client(os.environ["AWS_ENDPOINT_URL"], made.broker.username, made.broker.password)
        self.assertIn("services", broker.request("GET", "catalog", headers={"Host": DOMAIN}).expect(200))


class RulesTest(unittest.TestCase):
    """Combinations of parameters that could be deployed, but would not do what was asked for."""

    CERTIFIED = {"DomainName": DOMAIN, "CertificateArn": CERTIFICATE}
    PRIVATE = {"FrontDoor": "private-rest-api", "VpcEndpointIds": VPC_ENDPOINTS[0]}
    OPEN = {"FrontDoor": "function-url", "ReservedConcurrency": "20"}
    REFUSED = (
        ("needs VpcEndpointIds", {"FrontDoor": "private-rest-api"}),
        ("VpcEndpointIds are for", {"FrontDoor": "rest-api", "VpcEndpointIds": VPC_ENDPOINTS[0]}),
        ("needs CertificateArn", {"DomainName": DOMAIN}),
        ("DomainName is for", {**CERTIFIED, **OPEN}),
        ("DomainName is for", {**CERTIFIED, **PRIVATE}),
        ("need DomainName", {"CertificateArn": CERTIFICATE}),
        ("need DomainName", {"HostedZoneId": "Z123"}),
        ("WebAclArn is for", {"WebAclArn": "arn:aws:wafv2:us-east-1:000000000000:regional/webacl/any/any"}),
        ("needs DomainName", {"DefaultEndpoint": "no"}),
        ("needs ReservedConcurrency", {"FrontDoor": "function-url"}),
        ("must not be aws or service", {"NamePrefix": "aws"}),
        ("must not be aws or service", {"NamePrefix": "service"}),
    )

    def test_parameters_that_contradict_each_other_are_refused(self) -> None:
        text = template()
        for reason, parameters in self.REFUSED:
            with self.subTest(parameters), self.assertRaisesRegex(botocore.exceptions.ClientError, reason):
                AnotherBroker("never").create(text, **parameters)


def api_of(made: AnotherBroker) -> str:
    return made.broker.outputs["BrokerUrl"].partition("//")[2].partition(".")[0].partition("-vpce-")[0]
