"""What applications do with Amazon Lex, and what they cannot.

The emulator has no Lex, so that IAM's simulator is asked about it. Stand-ins take the place of the bot, its version and
its alias.
"""

from __future__ import annotations

from service import Credentials, ServiceTestCase

CONVERSATION = (
    "RecognizeText",
    "RecognizeUtterance",
    "StartConversation",
    "GetSession",
    "PutSession",
    "DeleteSession",
)
# An import of a locale, its build and a version of it need all of these.
CONTENT = (
    *(f"{verb}{noun}" for verb in ("Create", "Update", "Delete", "Describe") for noun in ("BotLocale", "Intent")),
    *(f"{verb}{noun}" for verb in ("Create", "Update", "Delete", "Describe") for noun in ("Slot", "SlotType")),
    *(f"List{noun}" for noun in ("BotAliases", "BotLocales", "BotVersions", "Intents", "Slots", "SlotTypes")),
    *(f"{verb}CustomVocabulary" for verb in ("Create", "Update", "Delete", "Describe")),
    *(f"Batch{verb}CustomVocabularyItem" for verb in ("Create", "Update", "Delete")),
    "ListCustomVocabularyItems",
    "DescribeCustomVocabularyMetadata",
    *(f"{verb}BotVersion" for verb in ("Create", "Delete", "Describe")),
    "DescribeBot",
    "BuildBotLocale",
    "StartImport",
    "DescribeImport",
    "CreateExport",
    "DescribeExport",
)
# Some of it, to be denied.
CHANGES = ("CreateIntent", "DeleteSlot", "BuildBotLocale", "CreateBotVersion", "StartImport", "CreateExport")
OTHERS = "AAAAAAAAAA"


class LexTest(ServiceTestCase):
    service = "lex"

    def test_default(self) -> None:
        self.live("default", {"Converse": self.converse, "Build": self.build})

    def test_default_with_every_parameter_changed(self) -> None:
        parameters = {
            "LocaleId": "de_DE",
            "GreetingUtterance": "Guten Tag",
            "GreetingReply": "Guten Tag! Was kann ich für Sie tun?",
            "NluConfidenceThreshold": 0.6,
            "IdleSessionTTLInSeconds": 600,
            "VoiceId": "Vicki",
            "VoiceEngine": "standard",
            "LambdaFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:fulfill:live",
            "DetectSentiment": "true",
            "ChildDirected": "true",
            "DeletionPolicy": "Retain",
        }
        self.live("default", {"Converse": self.converse, "Build": self.build}, parameters)

    def converse(self, binding: Credentials) -> None:
        alias = self.alias_of(binding)
        for action in CONVERSATION:
            self.assert_simulated(f"lex:{action}", alias)
            self.assert_simulated_denied(f"lex:{action}", alias.replace(binding["BOT_ID"], OTHERS))
        self.assert_simulated_denied("lex:UpdateBotAlias", alias)
        for action in CHANGES:
            self.assert_simulated_denied(f"lex:{action}", binding["BOT_ARN"])

    def build(self, binding: Credentials) -> None:
        alias, bot = self.alias_of(binding), binding["BOT_ARN"]
        for action in CONTENT:
            self.assert_simulated(f"lex:{action}", bot)
        for action in CHANGES:
            self.assert_simulated_denied(f"lex:{action}", bot.replace(binding["BOT_ID"], OTHERS))
        self.assert_simulated("lex:CreateUploadUrl")
        for action in ("DescribeBotAlias", "UpdateBotAlias"):
            self.assert_simulated(f"lex:{action}", alias)

        for action in ("CreateBotAlias", "DeleteBotAlias", "RecognizeText", "CreateResourcePolicy"):
            self.assert_simulated_denied(f"lex:{action}", alias)
        for action in ("UpdateBot", "DeleteBot", "TagResource", "CreateResourcePolicy"):
            self.assert_simulated_denied(f"lex:{action}", bot)
        self.assert_simulated_denied("lex:ListBots")

    def alias_of(self, binding: Credentials) -> str:
        self.assertEqual(binding["BOT_ARN"].rpartition("/")[2], binding["BOT_ID"])
        self.assertRegex(binding["LOCALE_ID"], "^(en_US|de_DE)$")
        path = f"bot-alias/{binding['BOT_ID']}/{binding['BOT_ALIAS_ID']}"
        self.assertEqual(binding["BOT_ALIAS_ARN"].rpartition(":")[2], path)
        return binding["BOT_ALIAS_ARN"]
