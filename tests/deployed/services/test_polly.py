"""What applications do with Amazon Polly, and what they cannot.

The emulator has no Polly, so that IAM's simulator is asked about it.
"""

from __future__ import annotations

from service import Credentials, ServiceTestCase
from support import client


class PollyTest(ServiceTestCase):
    service = "polly"

    def test_default(self) -> None:
        self.live("default", {"Synthesize": self.synthesize, "ManageLexicons": self.manage_lexicons})

    def synthesize(self, binding: Credentials) -> None:
        self.assert_speaks(binding)
        own = lexicon(binding, f"{binding['LEXICON_PREFIX']}W3C")
        for action in ("polly:PutLexicon", "polly:GetLexicon", "polly:DeleteLexicon"):
            self.assert_simulated_denied(action, own)

    def manage_lexicons(self, binding: Credentials) -> None:
        self.assert_speaks(binding)
        prefix = binding["LEXICON_PREFIX"]
        # What is left for the rest of the name.
        self.assertRegex(prefix, "^[0-9A-Za-z]{8}$")
        for action in ("polly:PutLexicon", "polly:GetLexicon", "polly:DeleteLexicon"):
            self.assert_simulated(action, lexicon(binding, f"{prefix}W3C"))
            self.assert_simulated_denied(action, lexicon(binding, f"x{prefix}"))
            self.assert_simulated_denied(action, lexicon(binding, "W3C"))

    def assert_speaks(self, binding: Credentials) -> None:
        for action in ("polly:SynthesizeSpeech", "polly:StartSpeechSynthesisStream", "polly:DescribeVoices"):
            self.assert_simulated(action)
        # Names of other instances' lexicons, with which one could speak.
        self.assert_simulated_denied("polly:ListLexicons")
        # Would write into a bucket.
        self.assert_simulated_denied("polly:StartSpeechSynthesisTask")
        self.assert_simulated_denied("polly:ListSpeechSynthesisTasks")


def lexicon(binding: Credentials, name: str) -> str:
    account = client("sts").get_caller_identity()["Account"]
    return f"arn:aws:polly:{binding['AWS_REGION']}:{account}:lexicon/{name}"
