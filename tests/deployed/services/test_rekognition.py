"""What applications do with Amazon Rekognition, and what they cannot.

The emulator has no Rekognition, so that IAM's simulator is asked about it. A stand-in takes the place of a collection.
"""

from __future__ import annotations

from service import Credentials, ServiceTestCase
from support import unique_name

ANALYSES = (
    "DetectLabels",
    "DetectText",
    "DetectFaces",
    "DetectModerationLabels",
    "DetectProtectiveEquipment",
    "CompareFaces",
    "RecognizeCelebrities",
    "GetCelebrityInfo",
)
SEARCHES = (
    "DescribeCollection",
    "ListFaces",
    "ListUsers",
    "SearchFaces",
    "SearchFacesByImage",
    "SearchUsers",
    "SearchUsersByImage",
)
CHANGES = ("IndexFaces", "DeleteFaces", "CreateUser", "DeleteUser", "AssociateFaces", "DisassociateFaces")


class RekognitionTest(ServiceTestCase):
    service = "rekognition"

    def test_default(self) -> None:
        self.live("default", {"ReadWrite": self.analyze, "ReadOnly": self.analyze})

    def test_collection(self) -> None:
        self.live("collection", {"ReadWrite": self.index, "ReadOnly": self.search})

    def test_collection_with_every_parameter_changed(self) -> None:
        uses = {"ReadWrite": self.index, "ReadOnly": self.search}
        self.live("collection", uses, {"DeletionPolicy": "Retain"})

    def analyze(self, binding: Credentials) -> None:
        self.assertNotIn("COLLECTION_ID", binding)
        self.assert_analyzes(binding)

    def search(self, binding: Credentials) -> None:
        self.assert_searches(binding)
        for action in CHANGES:
            self.assert_simulated_denied(f"rekognition:{action}", binding["COLLECTION_ARN"])

    def index(self, binding: Credentials) -> None:
        self.assert_searches(binding)
        for action in CHANGES:
            self.assert_simulated(f"rekognition:{action}", binding["COLLECTION_ARN"])

    def assert_searches(self, binding: Credentials) -> None:
        self.assert_analyzes(binding)
        collection = binding["COLLECTION_ARN"]
        self.assertEqual(collection.rpartition("/")[2], binding["COLLECTION_ID"])
        neighbour = collection.replace(binding["COLLECTION_ID"], unique_name())
        for action in SEARCHES:
            self.assert_simulated(f"rekognition:{action}", collection)
            self.assert_simulated_denied(f"rekognition:{action}", neighbour)
        for action in ("DeleteCollection", "TagResource"):
            self.assert_simulated_denied(f"rekognition:{action}", collection)

    def assert_analyzes(self, binding: Credentials) -> None:
        for action in ANALYSES:
            self.assert_simulated(f"rekognition:{action}")
        for action in ("CreateCollection", "ListCollections", "StartLabelDetection", "DetectCustomLabels"):
            self.assert_simulated_denied(f"rekognition:{action}")
