"""What applications do with Amazon Route 53, and what they cannot."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any

from osb import Plan
from service import Credentials, ServiceTestCase, Use
from support import BROKER, client, unique_name


class Route53Test(ServiceTestCase):
    service = "route53"

    def setUp(self) -> None:
        super().setUp()
        self.uses = {"ManageRecords": self.manage_records, "ReadOnly": self.read_only}
        # What a record is updated to, and what is in the zone then.
        self.changes: dict[str, Any] = {}
        self.changed_record: dict[str, Any] = {}

    def test_hostedzone(self) -> None:
        def manage_records(binding: Credentials) -> None:
            self.manage_records(binding)
            self.assertGreater(len(binding["NAME_SERVERS"].split(",")), 1)

        # A zone needs no more than a name.
        unchanged = {"Comment", "QueryLogGroupArn", "DeletionPolicy", "VpcId", "VpcRegion"}
        self.live("hostedzone", {**self.uses, "ManageRecords": manage_records}, {"DomainName": domain()}, unchanged)

    def test_hostedzone_with_every_parameter_changed(self) -> None:
        changed = {
            "DomainName": domain(),
            "Comment": "Of a test",
            "QueryLogGroupArn": log_group(),
            "DeletionPolicy": "Retain",
        }
        # Those of a private zone, whose queries are not logged.
        self.live("hostedzone", self.uses, changed, {"VpcId", "VpcRegion"})

    def test_private_hostedzone_with_every_parameter_changed(self) -> None:
        def manage_records(binding: Credentials) -> None:
            self.manage_records(binding)
            # There are none to delegate the domain to.
            self.assertNotIn("NAME_SERVERS", binding)

        changed = {
            "DomainName": domain(),
            "Comment": "Of a test",
            "DeletionPolicy": "Retain",
            "VpcId": client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"],
            "VpcRegion": os.environ["AWS_REGION"],
        }
        # Queries of a private zone are not logged.
        self.live("hostedzone", {**self.uses, "ManageRecords": manage_records}, changed, {"QueryLogGroupArn"})

    def test_recordset(self) -> None:
        zone, name = zone_of_operator()
        record = {"HostedZoneId": zone, "RecordName": f"www.{name}", "RecordValues": "192.0.2.1,192.0.2.2"}
        self.changes = {"RecordValues": "192.0.2.3"}
        self.changed_record = {"Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "192.0.2.3"}]}
        # A record needs no more than a name and values.
        unchanged = {"RecordType", "TimeToLive", "AliasTargetName", "AliasTargetZoneId", "EvaluateTargetHealth"}
        self.live("recordset", dict.fromkeys(self.uses, self.know_record), record, unchanged)
        self.assertEqual(records(zone, f"www.{name}"), [])

    def test_recordset_with_every_parameter_changed(self) -> None:
        zone, name = zone_of_operator()
        record = {
            "HostedZoneId": zone,
            "RecordName": f"*.{name}",
            "RecordType": "TXT",
            "TimeToLive": 60,
            "RecordValues": '"v=spf1 -all"',
        }
        self.changes = {"TimeToLive": None, "RecordValues": '"v=spf1 mx -all"'}
        self.changed_record = {"Type": "TXT", "TTL": 300, "ResourceRecords": [{"Value": '"v=spf1 mx -all"'}]}
        # A record has values or a target.
        unchanged = {"AliasTargetName", "AliasTargetZoneId", "EvaluateTargetHealth"}
        self.live("recordset", dict.fromkeys(self.uses, self.know_record), record, unchanged)
        self.assertEqual(records(zone, f"*.{name}"), [])

    def test_recordset_with_an_alias(self) -> None:
        zone, name = zone_of_operator()
        record = {
            "HostedZoneId": zone,
            "RecordName": name,
            "RecordType": "AAAA",
            "AliasTargetName": "lb-0123456789.us-east-1.elb.amazonaws.com",
            "AliasTargetZoneId": "Z35SXDOTRQ7X7K",
            "EvaluateTargetHealth": "true",
        }
        target = {"DNSName": f"www.{name}.", "HostedZoneId": zone, "EvaluateTargetHealth": False}
        self.changes = {
            "AliasTargetName": f"www.{name}",
            "AliasTargetZoneId": zone,
            "EvaluateTargetHealth": None,
        }
        self.changed_record = {"Type": "AAAA", "AliasTarget": target}
        # A record has values or a target, which has its own time to live.
        self.live("recordset", dict.fromkeys(self.uses, self.know_record), record, {"TimeToLive", "RecordValues"})
        self.assertEqual(records(zone, name), [])

    def set_back(
        self,
        instance: str,
        ids: Plan,
        offered: dict[str, Any],
        parameters: Mapping[str, Any],
        uses: Mapping[str | None, Use],
    ) -> None:
        """What a record leads to has no default, so that it is changed to something else."""
        if not self.changes:
            return super().set_back(instance, ids, offered, parameters, uses)
        accepted = BROKER.update(instance, ids, {"parameters": self.changes}).expect(202)
        BROKER.wait(instance, ids, accepted.get("operation"))
        [found] = records(parameters["HostedZoneId"], parameters["RecordName"])
        self.assertEqual({key: value for key, value in found.items() if key != "Name"}, self.changed_record)

    def manage_records(self, binding: Credentials) -> None:
        route53, zone = client("route53", binding), {"HostedZoneId": binding["HOSTED_ZONE_ID"]}
        self.assertEqual(binding["HOSTED_ZONE_ARN"].rpartition("/")[2], binding["HOSTED_ZONE_ID"])
        name = f"www.{binding['DOMAIN_NAME']}"
        changed = route53.change_resource_record_sets(**zone, ChangeBatch=batch("CREATE", name))
        self.assertEqual(records(binding["HOSTED_ZONE_ID"], name, route53)[0]["ResourceRecords"], VALUES)
        self.assertEqual(route53.get_hosted_zone(Id=zone["HostedZoneId"])["HostedZone"]["Name"], zone_name(binding))
        # The emulator does not see that a change is a resource.
        change = f"arn:aws:route53:::{changed['ChangeInfo']['Id'].strip('/')}"
        self.assert_simulated("route53:GetChange", change)
        route53.change_resource_record_sets(**zone, ChangeBatch=batch("DELETE", name))
        self.assertEqual(records(binding["HOSTED_ZONE_ID"], name), [])

        neighbour, name = zone_of_operator()
        self.assert_denied(
            lambda: route53.change_resource_record_sets(HostedZoneId=neighbour, ChangeBatch=batch("CREATE", name)),
            lambda: route53.list_resource_record_sets(HostedZoneId=neighbour),
        )
        self.assert_no_administration(binding)

    def read_only(self, binding: Credentials) -> None:
        route53, zone = client("route53", binding), {"HostedZoneId": binding["HOSTED_ZONE_ID"]}
        operator, name = client("route53"), f"www.{binding['DOMAIN_NAME']}"
        operator.change_resource_record_sets(**zone, ChangeBatch=batch("CREATE", name))
        self.assertEqual(records(binding["HOSTED_ZONE_ID"], name, route53)[0]["ResourceRecords"], VALUES)
        self.assertEqual(route53.get_hosted_zone(Id=zone["HostedZoneId"])["HostedZone"]["Name"], zone_name(binding))

        self.assert_denied(
            lambda: route53.change_resource_record_sets(**zone, ChangeBatch=batch("DELETE", name)),
            lambda: route53.list_resource_record_sets(HostedZoneId=zone_of_operator()[0]),
        )
        operator.change_resource_record_sets(**zone, ChangeBatch=batch("DELETE", name))
        self.assert_no_administration(binding)

    def know_record(self, binding: Credentials) -> None:
        """The zone is somebody else's: naming it gives no rights on it, so there is no identity."""
        self.assertNotIn("AWS_ACCESS_KEY_ID", binding)
        [found] = records(binding["HOSTED_ZONE_ID"], binding["RECORD_NAME"])
        self.assertEqual(found["Type"], binding["RECORD_TYPE"])

    def assert_no_administration(self, binding: Credentials) -> None:
        """What the platform manages is beyond every scope."""
        route53, zone = client("route53", binding), binding["HOSTED_ZONE_ID"]
        self.assert_denied(
            lambda: route53.delete_hosted_zone(Id=zone),
            lambda: route53.update_hosted_zone_comment(Id=zone, Comment="mallory"),
            lambda: route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, RemoveTagKeys=["a"]),
            lambda: route53.create_hosted_zone(Name=domain(), CallerReference=unique_name()),
            lambda: route53.list_hosted_zones(),
        )


VALUES = [{"Value": "192.0.2.1"}]


def batch(action: str, name: str) -> dict[str, Any]:
    record = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": VALUES}
    return {"Changes": [{"Action": action, "ResourceRecordSet": record}]}


def domain() -> str:
    return f"{uuid.uuid4()}.example.com"


def zone_name(binding: Credentials) -> str:
    return f"{binding['DOMAIN_NAME']}."


def zone_of_operator() -> tuple[str, str]:
    """The id and the name of a zone."""
    name = domain()
    zone = client("route53").create_hosted_zone(Name=name, CallerReference=unique_name())["HostedZone"]
    return zone["Id"].rpartition("/")[2], name


def records(zone: str, name: str, route53: Any = None) -> list[dict[str, Any]]:
    """The records of a name, but for those that every zone has."""
    found = (route53 or client("route53")).list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    names = {f"{name}.", f"{name}.".replace("*", "\\052")}
    return [each for each in found if each["Name"] in names and each["Type"] not in ("NS", "SOA")]


def log_group() -> str:
    logs, name = client("logs"), f"/aws/route53/{unique_name()}"
    logs.create_log_group(logGroupName=name)
    return logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["logGroupArn"]
