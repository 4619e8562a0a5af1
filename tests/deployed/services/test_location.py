"""What applications do with Amazon Location, and what they cannot.

The emulator has trackers alone: for maps, places, routes and geofences IAM's simulator is asked.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from service import Credentials, ServiceTestCase
from support import client, kms_key, unique_name

ACCOUNT = "000000000000"
MAPS = ("geo-maps:GetStaticMap", "geo-maps:GetTile")
PLACES = ("Autocomplete", "Geocode", "GetPlace", "ReverseGeocode", "SearchNearby", "SearchText", "Suggest")
ROUTES = ("CalculateIsolines", "CalculateRouteMatrix", "CalculateRoutes", "OptimizeWaypoints", "SnapToRoads")
READ_POSITIONS = ("BatchGetDevicePosition", "GetDevicePosition", "GetDevicePositionHistory", "ListDevicePositions")
READ_GEOFENCES = ("DescribeGeofenceCollection", "ForecastGeofenceEvents", "GetGeofence", "ListGeofences")
WRITE_GEOFENCES = ("BatchDeleteGeofence", "BatchEvaluateGeofences", "BatchPutGeofence", "PutGeofence")

DEVICE = "truck"
POSITION = [13.4, 52.5]


class LocationTest(ServiceTestCase):
    service = "location"

    def test_places(self) -> None:
        self.live("places", {"ReadWrite": self.find, "Update": self.has_no_keys, "ReadOnly": self.find})

    def test_tracking(self) -> None:
        self.live("tracking", {"ReadWrite": self.follow, "Update": self.move, "ReadOnly": self.watch})

    def test_tracking_with_every_parameter_changed(self) -> None:
        parameters = {
            "PositionFiltering": "AccuracyBased",
            "PublishUpdates": "true",
            "KmsKeyArn": kms_key(),
            "DeletionPolicy": "Retain",
        }
        self.live("tracking", {"ReadWrite": self.follow, "Update": self.move, "ReadOnly": self.watch}, parameters)

    # -------------------------------------------------------------------------------------------------- places

    def find(self, binding: Credentials) -> None:
        self.assertNotIn("TRACKER_NAME", binding)
        actions = [*MAPS, *[f"geo-places:{name}" for name in PLACES], *[f"geo-routes:{name}" for name in ROUTES]]
        for action in actions:
            service = action.partition(":")[0]
            self.assert_simulated(action, f"arn:aws:{service}:us-east-1::provider/default")
        # The earlier generation, and trackers, which are of the other plan.
        self.assert_simulated_denied("geo:SearchPlaceIndexForText", arn("place-index", unique_name()))
        self.assert_simulated_denied("geo:GetMapTile", arn("map", unique_name()))
        other = tracker()
        self.assert_denied(
            lambda: location(binding).get_device_position(TrackerName=other, DeviceId=DEVICE),
            lambda: location(binding).create_tracker(TrackerName=unique_name()),
            lambda: location(binding).list_trackers(),
        )

    def has_no_keys(self, binding: Credentials) -> None:
        """Nothing is there to be updated, so that there is no identity."""
        self.assertNotIn("AWS_ACCESS_KEY_ID", binding)

    # ------------------------------------------------------------------------------------------------ tracking

    def follow(self, binding: Credentials) -> None:
        update_position(binding["TRACKER_NAME"], binding)
        self.assert_position_is_read(binding)
        for action in ("BatchDeleteDevicePositionHistory", "BatchUpdateDevicePosition", *READ_POSITIONS):
            self.assert_simulated(f"geo:{action}", binding["TRACKER_ARN"])
        for action in (*READ_GEOFENCES, *WRITE_GEOFENCES):
            self.assert_simulated(f"geo:{action}", binding["GEOFENCE_COLLECTION_ARN"])
        self.assert_no_more(binding)

    def move(self, binding: Credentials) -> None:
        update_position(binding["TRACKER_NAME"], binding)
        own = {"TrackerName": binding["TRACKER_NAME"]}
        self.assert_denied(
            lambda: location(binding).get_device_position(**own, DeviceId=DEVICE),
            lambda: location(binding).get_device_position_history(**own, DeviceId=DEVICE),
            lambda: location(binding).batch_get_device_position(**own, DeviceIds=[DEVICE]),
            lambda: location(binding).describe_tracker(**own),
        )
        for action in (*READ_GEOFENCES, *WRITE_GEOFENCES):
            self.assert_simulated_denied(f"geo:{action}", binding["GEOFENCE_COLLECTION_ARN"])
        self.assert_no_more(binding)

    def watch(self, binding: Credentials) -> None:
        update_position(binding["TRACKER_NAME"])
        self.assert_position_is_read(binding)
        for action in READ_POSITIONS:
            self.assert_simulated(f"geo:{action}", binding["TRACKER_ARN"])
        for action in READ_GEOFENCES:
            self.assert_simulated(f"geo:{action}", binding["GEOFENCE_COLLECTION_ARN"])
        self.assert_denied(lambda: update_position(binding["TRACKER_NAME"], binding))
        self.assert_simulated_denied("geo:BatchDeleteDevicePositionHistory", binding["TRACKER_ARN"])
        for action in WRITE_GEOFENCES:
            self.assert_simulated_denied(f"geo:{action}", binding["GEOFENCE_COLLECTION_ARN"])
        self.assert_no_more(binding)

    def assert_position_is_read(self, binding: Credentials) -> None:
        own = {"TrackerName": binding["TRACKER_NAME"]}
        self.assertEqual(location(binding).describe_tracker(**own)["TrackerArn"], binding["TRACKER_ARN"])
        self.assertEqual(location(binding).get_device_position(**own, DeviceId=DEVICE)["Position"], POSITION)
        [position] = location(binding).batch_get_device_position(**own, DeviceIds=[DEVICE])["DevicePositions"]
        self.assertEqual(position["DeviceId"], DEVICE)
        history = location(binding).get_device_position_history(**own, DeviceId=DEVICE)["DevicePositions"]
        self.assertEqual(history[-1]["Position"], POSITION)

    def assert_no_more(self, binding: Credentials) -> None:
        """Nothing of others, and nothing of what the platform manages."""
        own, other = {"TrackerName": binding["TRACKER_NAME"]}, tracker()
        self.assert_denied(
            lambda: update_position(other, binding),
            lambda: location(binding).get_device_position(TrackerName=other, DeviceId=DEVICE),
            lambda: location(binding).update_tracker(**own, PositionFiltering="DistanceBased"),
            lambda: location(binding).delete_tracker(**own),
            lambda: client("iam", binding).create_user(UserName="mallory"),
        )
        for action in ("geo:GetGeofence", "geo:PutGeofence"):
            self.assert_simulated_denied(action, arn("geofence-collection", unique_name()))
        collection = binding["GEOFENCE_COLLECTION_ARN"]
        self.assert_simulated_denied("geo:DeleteGeofenceCollection", collection)
        self.assert_simulated_denied("geo:DisassociateTrackerConsumer", binding["TRACKER_ARN"])
        self.assert_simulated_denied("geo-places:Geocode", "arn:aws:geo-places:us-east-1::provider/default")


def location(binding: Credentials | None = None) -> Any:
    """A client that does not put the part of the service before the host: the emulator has one host."""
    made = client("location", binding)
    made.meta.config.inject_host_prefix = False
    return made


def update_position(tracker_name: str, binding: Credentials | None = None) -> None:
    """Sends the position of the device, as the application or else as the operator."""
    update = {"DeviceId": DEVICE, "Position": POSITION, "SampleTime": datetime.now(timezone.utc)}
    location(binding).batch_update_device_position(TrackerName=tracker_name, Updates=[update])


def tracker() -> str:
    """The name of another tracker, with a position."""
    name = unique_name()
    location().create_tracker(TrackerName=name)
    update_position(name)
    return name


def arn(kind: str, name: str) -> str:
    return f"arn:aws:geo:us-east-1:{ACCOUNT}:{kind}/{name}"
