"""What applications do with Amazon SES, and what they cannot."""

from __future__ import annotations

import json
import uuid

from service import Credentials, ServiceTestCase
from support import BROKER, client, kms_key, unique_name

ACCOUNT = "000000000000"
SEND = ("ses:SendEmail", "ses:SendRawEmail", "ses:SendBulkEmail")


class SesTest(ServiceTestCase):
    service = "ses"

    def setUp(self) -> None:
        super().setUp()
        self.uses = {"Send": self.send, "ReadOnly": self.read}

    def test_identity(self) -> None:
        self.live("identity", self.uses, {"Domain": unique_domain()}, unchanged=OPTIONS)

    def test_identity_with_every_parameter_changed(self) -> None:
        domain = unique_domain()
        self.live("identity", self.uses, {"Domain": domain, **options(domain)})

    def test_address(self) -> None:
        self.live("address", self.uses, {"EmailAddress": f"me@{unique_domain()}"}, unchanged=OPTIONS)

    def test_address_with_every_parameter_changed(self) -> None:
        domain = unique_domain()
        self.live("address", self.uses, {"EmailAddress": f"me@{domain}", **options(domain)})

    def test_topic_trusts_only_this_instances_events(self) -> None:
        instance, ids = self.provision(self.service, "identity", {"Domain": unique_domain()})
        binding, credentials = self.bind_with(instance, ids, "Send")
        source = {"PublishingService": "ses", "PublishingSourceArn": credentials["SES_CONFIGURATION_SET_ARN"]}
        topic, topic_ids = self.provision("sns", "topic", {"KmsKeyArn": kms_key(), **source})
        _, keys = self.bind(topic, topic_ids)
        accepted = BROKER.update(instance, ids, {"parameters": {"EventTopicArn": keys["TOPIC_ARN"]}}).expect(202)
        BROKER.wait(instance, ids, accepted.get("operation"))

        attributes = client("sns").get_topic_attributes(TopicArn=keys["TOPIC_ARN"])["Attributes"]
        [trusted] = [each for each in json.loads(attributes["Policy"])["Statement"] if each["Effect"] == "Allow"]
        self.assertEqual(trusted["Principal"], {"Service": "ses.amazonaws.com"})
        self.assertEqual(trusted["Condition"]["ArnLike"], {"aws:SourceArn": source["PublishingSourceArn"]})
        self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)
        self.deprovision(topic, topic_ids)

    def send(self, binding: Credentials) -> None:
        """The local AWS does not know which identity a message is from, so that IAM's simulator is asked."""
        identity = arn("identity", binding["SES_IDENTITY"])
        configuration_set = arn("configuration-set", binding["SES_CONFIGURATION_SET"])
        self.assertEqual(binding["SES_IDENTITY_ARN"], identity)
        self.assertEqual(binding["SES_CONFIGURATION_SET_ARN"], configuration_set)
        for action in SEND:
            self.assert_simulated(action, identity)
            self.assert_simulated(action, configuration_set)
            self.assert_simulated_denied(action, arn("identity", unique_domain()))
            self.assert_simulated_denied(action, arn("configuration-set", unique_name()))
        self.assert_simulated_denied("ses:CreateEmailIdentity", identity)
        self.assert_simulated_denied("ses:GetSendStatistics")
        self.assert_knows_what_to_do(binding)

        sesv2, own = client("sesv2", binding), {"EmailIdentity": binding["SES_IDENTITY"]}
        content = {"Simple": {"Subject": {"Data": "hello"}, "Body": {"Text": {"Data": "hello"}}}}
        to = {"Destination": {"ToAddresses": ["you@example.com"]}, "Content": content}
        stranger = f"mallory@{unique_domain()}"
        self.assert_denied(
            lambda: sesv2.send_email(FromEmailAddress=stranger, **to),
            lambda: sesv2.get_email_identity(**own),
            lambda: sesv2.delete_email_identity(**own),
            lambda: sesv2.create_email_identity(EmailIdentity=unique_domain()),
            lambda: sesv2.list_email_identities(),
            lambda: sesv2.delete_configuration_set(ConfigurationSetName=binding["SES_CONFIGURATION_SET"]),
            lambda: client("iam", binding).create_user(UserName="mallory"),
        )

    def assert_knows_what_to_do(self, binding: Credentials) -> None:
        """The records that verify a domain, and the host of SMTP."""
        records = [binding.get(f"DKIM_RECORD_{number}") for number in (1, 2, 3)]
        if "@" in binding["SES_IDENTITY"]:
            self.assertEqual(records, [None] * 3)
        else:
            for record in records:
                name, kind, target = record.split()
                self.assertTrue(name.endswith(f"._domainkey.{binding['SES_IDENTITY']}"), record)
                self.assertEqual((kind, bool(target)), ("CNAME", True))
        self.assertEqual((binding["SMTP_HOST"], binding["SMTP_PORT"]), ("email-smtp.us-east-1.amazonaws.com", "587"))
        self.assertEqual(binding["SMTP_USERNAME"], binding["AWS_ACCESS_KEY_ID"])

    def read(self, binding: Credentials) -> None:
        sesv2, own = client("sesv2", binding), {"EmailIdentity": binding["SES_IDENTITY"]}
        configuration_set = {"ConfigurationSetName": binding["SES_CONFIGURATION_SET"]}
        identity = sesv2.get_email_identity(**own)
        self.assertEqual(identity["ConfigurationSetName"], binding["SES_CONFIGURATION_SET"])
        self.assertEqual(identity["MailFromAttributes"]["MailFromDomain"], mail_from_domain(binding))
        made = sesv2.get_configuration_set(**configuration_set)
        destinations = sesv2.get_configuration_set_event_destinations(**configuration_set).get("EventDestinations", [])
        if mail_from_domain(binding):
            # All that can be changed is.
            self.assertEqual(made["DeliveryOptions"]["TlsPolicy"], "OPTIONAL")
            self.assertEqual(made["SuppressionOptions"]["SuppressedReasons"], [])
            self.assertEqual([each["Name"] for each in destinations], ["problems"])
            self.assertFalse(made["SendingOptions"]["SendingEnabled"])
        else:
            self.assertEqual(made["DeliveryOptions"]["TlsPolicy"], "REQUIRE")
            self.assertEqual(made["SuppressionOptions"]["SuppressedReasons"], ["BOUNCE", "COMPLAINT"])
            self.assertEqual(destinations, [])
            self.assertTrue(made["SendingOptions"]["SendingEnabled"])

        other, other_set = unique_domain(), unique_name()
        client("sesv2").create_email_identity(EmailIdentity=other)
        client("sesv2").create_configuration_set(ConfigurationSetName=other_set)
        self.assert_denied(
            lambda: sesv2.get_email_identity(EmailIdentity=other),
            lambda: sesv2.get_configuration_set(ConfigurationSetName=other_set),
            lambda: sesv2.put_email_identity_feedback_attributes(**own, EmailForwardingEnabled=False),
            lambda: sesv2.put_configuration_set_delivery_options(**configuration_set, TlsPolicy="OPTIONAL"),
            lambda: sesv2.delete_email_identity(**own),
            lambda: sesv2.get_account(),
        )
        self.assert_simulated_denied("ses:SendEmail", binding["SES_IDENTITY_ARN"])


OPTIONS = (
    "MailFromDomain",
    "MailFromFailure",
    "TlsPolicy",
    "SendingEnabled",
    "FeedbackForwarding",
    "SuppressedReasons",
    "ReputationMetrics",
    "EventTopicArn",
)


def options(domain: str) -> dict[str, str]:
    """Another value for each of OPTIONS."""
    return {
        "MailFromDomain": f"bounces.{domain}",
        "MailFromFailure": "REJECT_MESSAGE",
        "TlsPolicy": "OPTIONAL",
        "SendingEnabled": "false",
        "FeedbackForwarding": "false",
        "SuppressedReasons": "NONE",
        "ReputationMetrics": "false",
        "EventTopicArn": client("sns").create_topic(Name=unique_name())["TopicArn"],
    }


def unique_domain() -> str:
    return f"{uuid.uuid4()}.example.com"


def arn(kind: str, name: str) -> str:
    return f"arn:aws:ses:us-east-1:{ACCOUNT}:{kind}/{name}"


def mail_from_domain(binding: Credentials) -> str:
    return binding.get("MAIL_FROM_MX_RECORD", "").partition(" ")[0]
