"""What applications do with Amazon Translate, and what they cannot.

The emulator has none of the calls that a binding may make, so that IAM's simulator is asked about them.
"""

from __future__ import annotations

from service import Credentials, ServiceTestCase
from support import client, unique_name

OWN = ("translate:ImportTerminology", "translate:GetTerminology", "translate:DeleteTerminology")


class TranslateTest(ServiceTestCase):
    service = "translate"

    def test_default(self) -> None:
        self.live("default", {"Translate": self.translate, "ManageTerminologies": self.manage_terminologies})

    def translate(self, binding: Credentials) -> None:
        self.assert_translates(binding)
        own = terminology(binding, f"{binding['TERMINOLOGY_PREFIX']}products")
        self.assert_simulated("translate:GetTerminology", own)
        self.assert_simulated_denied("translate:ImportTerminology", own)
        self.assert_simulated_denied("translate:DeleteTerminology", own)

    def manage_terminologies(self, binding: Credentials) -> None:
        self.assert_translates(binding)
        for action in OWN:
            self.assert_simulated(action, terminology(binding, f"{binding['TERMINOLOGY_PREFIX']}products"))

    def assert_translates(self, binding: Credentials) -> None:
        for action in ("TranslateText", "TranslateDocument", "ListLanguages"):
            self.assert_simulated(f"translate:{action}")
        # For a source language that is not given.
        self.assert_simulated("comprehend:DetectDominantLanguage")

        for action in OWN:
            self.assert_simulated_denied(action, terminology(binding, f"{unique_name()}-products"))
        # Names are the ids of other instances.
        self.assert_simulated_denied("translate:ListTerminologies")
        self.assert_simulated_denied("comprehend:DetectSentiment")
        # Batch jobs, which the emulator does know.
        translate = client("translate", binding)
        self.assert_denied(
            lambda: translate.list_text_translation_jobs(),
            lambda: translate.stop_text_translation_job(JobId="0" * 32),
        )


def terminology(binding: Credentials, name: str) -> str:
    account = client("sts").get_caller_identity()["Account"]
    return f"arn:aws:translate:{binding['AWS_REGION']}:{account}:terminology/{name}/LATEST"
