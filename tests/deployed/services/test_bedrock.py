"""What applications do with Amazon Bedrock, and what they cannot.

The emulator knows InvokeModel, by the ids of foundation models; but Converse only by a permission of that name, which
AWS does not have, and no condition keys of Bedrock. IAM's simulator is asked about the rest. Stand-ins take the place
of guardrails and inference profiles.
"""

from __future__ import annotations

import json
from typing import Any

from service import Credentials, ServiceTestCase
from support import client

DEFAULT = "global.amazon.nova-2-lite-v1:0"
OTHER = "amazon.nova-premier-v1:0"
INVOKE = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")


class BedrockTest(ServiceTestCase):
    service = "bedrock"

    def test_models(self) -> None:
        def use(binding: Credentials) -> None:
            self.assertEqual(models_of(binding), [DEFAULT])
            self.invoke(binding, DEFAULT)

        self.live("models", {"Invoke": use})

    def test_models_by_family(self) -> None:
        def use(binding: Credentials) -> None:
            self.assertEqual(models_of(binding), list(models.values()))
            for model in ("amazon.titan-embed-text-v2:0", "anthropic.claude-a", "us.anthropic.claude-b"):
                self.invoke(binding, model)
            self.assert_denied(lambda: invoke(binding, "amazon.titan-embed-text-v1"))

        models = {
            "ModelId": "amazon.titan-embed-text-v2:0",
            "ModelId2": "anthropic.claude-*",
            "ModelId3": "us.anthropic.*",
        }
        self.live("models", {"Invoke": use}, models, unchanged=["CostTracking"])

    def test_models_with_every_parameter_changed(self) -> None:
        models = {"ModelId": "amazon.nova-lite-v1:0", "ModelId2": "amazon.nova-pro-v1:0", "ModelId3": OTHER}
        parameters = {**models, "CostTracking": "foundation-model"}
        self.live("models", {"Invoke": self.invoke_through_profiles}, parameters)

    def test_guarded(self) -> None:
        self.live("guarded", {"Invoke": self.invoke_guarded})

    def test_guarded_with_every_parameter_changed(self) -> None:
        key = client("kms").create_key()["KeyMetadata"]["Arn"]

        def use(binding: Credentials) -> None:
            self.invoke_through_profiles(binding)
            self.assert_guarded(binding)
            self.assert_simulated("kms:Decrypt", key)
            self.assert_simulated_denied("kms:Encrypt", key)

        parameters = {
            "ModelId": "eu.amazon.nova-lite-v1:0",
            "ModelId2": "eu.amazon.nova-pro-v1:0",
            "ModelId3": "eu.amazon.nova-micro-v1:0",
            "CostTracking": "inference-profile",
            "BlockedInputMessage": "No.",
            "BlockedOutputMessage": "Nothing.",
            "KmsKeyArn": key,
            "HateStrength": "HIGH",
            "InsultsStrength": "LOW",
            "SexualStrength": "HIGH",
            "ViolenceStrength": "HIGH",
            "MisconductStrength": "NONE",
            "PromptAttackStrength": "HIGH",
            "ProfanityFilter": "true",
            "DeniedTopic": "Advice on what to invest money in.",
            "ContactDataAction": "ANONYMIZE",
            "FinancialDataAction": "BLOCK",
            "CredentialsAction": "BLOCK",
        }
        self.live("guarded", {"Invoke": use}, parameters)

    def invoke(self, binding: Credentials, model: str) -> None:
        """Invokes a model, and what is not allowed beside it."""
        self.assertTrue(invoke(binding, model))
        runtime = client("bedrock-runtime", binding)
        stream = runtime.invoke_model_with_response_stream(modelId=model, body=request())
        self.assertTrue(list(stream["body"]))
        # As a cross-Region inference profile, and in a Region of its.
        for action in INVOKE:
            self.assert_simulated(action, profile(binding, model))
            self.assert_simulated(action, foundation_model("us-west-2", model))

        self.assertNotIn("GUARDRAIL_ID", binding)
        bedrock = client("bedrock", binding)
        self.assert_denied(
            lambda: invoke(binding, OTHER),
            lambda: runtime.invoke_model_with_response_stream(modelId=OTHER, body=request()),
            lambda: bedrock.list_foundation_models(),
            lambda: bedrock.create_guardrail(name="x", blockedInputMessaging="x", blockedOutputsMessaging="x"),
            lambda: runtime.list_async_invokes(),
        )
        self.assert_simulated_denied("bedrock:InvokeModel", profile(binding, f"us.{OTHER}"))
        self.assert_simulated_denied("bedrock:ApplyGuardrail", guardrail(binding, "abcdefghijkl"))

    def invoke_through_profiles(self, binding: Credentials) -> None:
        models = models_of(binding)
        self.assertEqual(len(set(models)), 3)
        for model in models:
            self.assertRegex(model, "^arn:aws:bedrock:us-east-1:[0-9]{12}:application-inference-profile/")
            for action in INVOKE:
                self.assert_simulated(action, model)
            self.assert_simulated_denied("bedrock:DeleteInferenceProfile", model)
        self.assert_simulated_denied("bedrock:InvokeModel", f"{models[0]}x")
        self.assert_simulated_denied("bedrock:InvokeModel", profile(binding, "eu.amazon.nova-lite-v1:0"))
        # Without its profile the model is denied, since the condition does not hold.
        self.assert_denied(lambda: invoke(binding, "amazon.nova-lite-v1:0"))

    def invoke_guarded(self, binding: Credentials) -> None:
        self.assertEqual(models_of(binding), [DEFAULT])
        for action in INVOKE:
            self.assert_simulated(action, foundation_model("us-east-1", DEFAULT))
            self.assert_simulated(action, profile(binding, DEFAULT))
        self.assert_guarded(binding)

    def assert_guarded(self, binding: Credentials) -> None:
        self.assertEqual(binding["GUARDRAIL_ARN"].rpartition("/")[2], binding["GUARDRAIL_ID"])
        self.assertEqual(binding["GUARDRAIL_VERSION"], "DRAFT")
        self.assert_simulated("bedrock:ApplyGuardrail", binding["GUARDRAIL_ARN"])
        self.assert_simulated_denied("bedrock:ApplyGuardrail", guardrail(binding, "abcdefghijkl"))
        for action in ("bedrock:UpdateGuardrail", "bedrock:DeleteGuardrail", "bedrock:CreateGuardrailVersion"):
            self.assert_simulated_denied(action, binding["GUARDRAIL_ARN"])
        # Without the guardrail, every model is denied.
        self.assert_denied(lambda: invoke(binding, DEFAULT))


def invoke(binding: Credentials, model: str) -> Any:
    return json.load(client("bedrock-runtime", binding).invoke_model(modelId=model, body=request())["body"])


def request() -> str:
    return json.dumps({"inputText": "hello"})


def models_of(binding: Credentials) -> list[str]:
    return [binding[key] for key in ("MODEL_ID", "MODEL_ID_2", "MODEL_ID_3") if key in binding]


def foundation_model(region: str, model: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{model}"


def profile(binding: Credentials, name: str) -> str:
    return arn(binding, f"inference-profile/{name}")


def guardrail(binding: Credentials, name: str) -> str:
    return arn(binding, f"guardrail/{name}")


def arn(binding: Credentials, resource: str) -> str:
    account = client("sts").get_caller_identity()["Account"]
    return f"arn:aws:bedrock:{binding['AWS_REGION']}:{account}:{resource}"
