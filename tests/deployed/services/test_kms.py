"""What applications do with AWS KMS, and what they cannot."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone
from typing import Any

from service import Credentials, ServiceTestCase
from support import BROKER, client


class KmsTest(ServiceTestCase):
    service = "kms"

    def test_default(self) -> None:
        uses = {
            "Use": self.encrypt_and_decrypt,
            "Encrypt": self.encrypt,
            "Decrypt": self.decrypt,
            "Verify": self.describe,
        }
        self.live("default", uses)

    def test_default_with_every_parameter_changed(self) -> None:
        self.live(
            "default",
            {"Use": self.sign_and_verify, "Encrypt": self.describe, "Decrypt": self.describe, "Verify": self.verify},
            {
                "KeySpec": "ECC_NIST_P256",
                "RotationPeriodInDays": 90,
                "ServicePrincipals": "sns.amazonaws.com,events.amazonaws.com",
                "ServiceSourceArns": "arn:aws:sns:us-east-1:000000000000:orders-*",
                "PendingWindowInDays": 7,
                "DeletionPolicy": "Retain",
            },
        )

    def test_a_key_waits_for_its_deletion(self) -> None:
        deleted = self.key_of_a_deleted_instance({"PendingWindowInDays": 8})
        self.assertEqual(deleted["KeyState"], "PendingDeletion")
        self.assertAlmostEqual((deleted["DeletionDate"] - datetime.now(timezone.utc)).total_seconds() / 86400, 8, 1)

    def test_a_key_can_be_retained(self) -> None:
        retained = self.key_of_a_deleted_instance({"DeletionPolicy": "Retain"})
        self.assertEqual(retained["KeyState"], "Enabled")
        client("kms").schedule_key_deletion(KeyId=retained["KeyId"], PendingWindowInDays=7)

    def test_key_is_tagged_with_its_space(self) -> None:
        """Policies of other services ask for the tag, which is its stack's."""
        instance, ids = self.provision(self.service, "default")
        binding, credentials = self.bind_with(instance, ids, "Use")
        found = client("kms").list_resource_tags(KeyId=credentials["KEY_ID"])["Tags"]
        tags = {each["TagKey"]: each["TagValue"] for each in found}
        self.assertEqual(tags["servicebroker:space-guid"], "local")
        self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)

    def test_service_uses_the_key_only_for_named_sources(self) -> None:
        sources = ["arn:aws:sns:us-east-1:000000000000:orders", "arn:aws:events:us-east-1:000000000000:event-bus/a-*"]
        parameters = {"ServicePrincipals": "sns.amazonaws.com", "ServiceSourceArns": ",".join(sources)}
        instance, ids = self.provision(self.service, "default", parameters)
        binding, credentials = self.bind_with(instance, ids, "Use")
        policy = client("kms").get_key_policy(KeyId=credentials["KEY_ARN"], PolicyName="default")["Policy"]
        [services] = [each for each in json.loads(policy)["Statement"] if each["Sid"] == "AllowServices"]
        self.assertEqual(services["Principal"], {"Service": ["sns.amazonaws.com"]})
        self.assertEqual(services["Condition"]["ArnLikeIfExists"], {"aws:SourceArn": sources})
        self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)

    def test_a_service_without_a_source_is_refused_at_once(self) -> None:
        parameters = {"ServicePrincipals": "sns.amazonaws.com"}
        answer = BROKER.provision(str(uuid.uuid4()), BROKER.plan("kms", "default"), parameters).expect(400)
        self.assertIn("ServicePrincipals requires ServiceSourceArns", answer["description"])

    def key_of_a_deleted_instance(self, parameters: dict[str, Any]) -> dict[str, Any]:
        instance, ids = self.provision(self.service, "default", parameters)
        binding, credentials = self.bind_with(instance, ids, "Use")
        self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)
        return client("kms").describe_key(KeyId=credentials["KEY_ARN"])["KeyMetadata"]

    def encrypt_and_decrypt(self, binding: Credentials) -> None:
        kms, key = client("kms", binding), {"KeyId": binding["KEY_ARN"]}
        made = kms.describe_key(**key)["KeyMetadata"]
        self.assertEqual((made["KeyId"], made["KeyUsage"]), (binding["KEY_ID"], "ENCRYPT_DECRYPT"))
        rotation = client("kms").get_key_rotation_status(**key)
        self.assertEqual((rotation["KeyRotationEnabled"], rotation["RotationPeriodInDays"]), (True, 365))
        self.assertEqual(
            client("kms").describe_key(KeyId=binding["KEY_ALIAS"])["KeyMetadata"]["Arn"], binding["KEY_ARN"]
        )

        context = {"EncryptionContext": {"for": "a test"}}
        sealed = kms.encrypt(**key, Plaintext=b"hello", **context)["CiphertextBlob"]
        self.assertEqual(kms.decrypt(**key, CiphertextBlob=sealed, **context)["Plaintext"], b"hello")
        data_key = kms.generate_data_key(**key, KeySpec="AES_256")
        self.assertEqual(
            kms.decrypt(**key, CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"], data_key["Plaintext"]
        )
        self.assertIn("CiphertextBlob", kms.generate_data_key_without_plaintext(**key, KeySpec="AES_256"))
        # The emulator takes it for an action of its own, which it is not.
        self.assert_simulated("kms:ReEncryptFrom", binding["KEY_ARN"])
        self.assert_simulated("kms:ReEncryptTo", binding["KEY_ARN"])

        self.assert_no_administration(binding)

    def encrypt(self, binding: Credentials) -> None:
        kms, key = client("kms", binding), {"KeyId": binding["KEY_ARN"]}
        sealed = kms.encrypt(**key, Plaintext=b"hello")["CiphertextBlob"]
        self.assertEqual(client("kms").decrypt(**key, CiphertextBlob=sealed)["Plaintext"], b"hello")
        self.assertIn("Plaintext", kms.generate_data_key(**key, KeySpec="AES_256"))
        self.assert_denied(lambda: kms.decrypt(**key, CiphertextBlob=sealed))
        self.assert_simulated_denied("kms:ReEncryptFrom", binding["KEY_ARN"])
        self.assert_no_administration(binding)

    def decrypt(self, binding: Credentials) -> None:
        kms, key = client("kms", binding), {"KeyId": binding["KEY_ARN"]}
        sealed = client("kms").encrypt(**key, Plaintext=b"hello")["CiphertextBlob"]
        self.assertEqual(kms.decrypt(**key, CiphertextBlob=sealed)["Plaintext"], b"hello")
        self.assert_denied(
            lambda: kms.encrypt(**key, Plaintext=b"hello"),
            lambda: kms.generate_data_key(**key, KeySpec="AES_256"),
        )
        self.assert_no_administration(binding)

    def sign_and_verify(self, binding: Credentials) -> None:
        kms, key = client("kms", binding), {"KeyId": binding["KEY_ARN"]}
        made = kms.describe_key(**key)["KeyMetadata"]
        self.assertEqual((made["KeySpec"], made["KeyUsage"]), ("ECC_NIST_P256", "SIGN_VERIFY"))
        signed = {"Message": b"hello", "SigningAlgorithm": "ECDSA_SHA_256"}
        signature = kms.sign(**key, **signed)["Signature"]
        self.assertTrue(kms.verify(**key, **signed, Signature=signature)["SignatureValid"])
        self.assertIn("PublicKey", kms.get_public_key(**key))
        self.assert_denied(lambda: kms.encrypt(**key, Plaintext=b"hello"))
        self.assert_no_administration(binding)

    def verify(self, binding: Credentials) -> None:
        kms, key = client("kms", binding), {"KeyId": binding["KEY_ARN"]}
        signed = {"Message": b"hello", "SigningAlgorithm": "ECDSA_SHA_256"}
        signature = client("kms").sign(**key, **signed)["Signature"]
        self.assertTrue(kms.verify(**key, **signed, Signature=signature)["SignatureValid"])
        self.assertIn("PublicKey", kms.get_public_key(**key))
        self.assert_denied(lambda: kms.sign(**key, **signed))
        self.assert_no_administration(binding)

    def describe(self, binding: Credentials) -> None:
        """With a scope that is for the other kind of key."""
        kms, key = client("kms", binding), {"KeyId": binding["KEY_ARN"]}
        self.assertEqual(kms.describe_key(**key)["KeyMetadata"]["Arn"], binding["KEY_ARN"])
        self.assert_denied(
            lambda: kms.encrypt(**key, Plaintext=b"hello"),
            lambda: kms.sign(**key, Message=b"hello", SigningAlgorithm="ECDSA_SHA_256"),
            lambda: kms.get_public_key(**key),
        )
        self.assert_no_administration(binding)

    def assert_no_administration(self, binding: Credentials) -> None:
        kms, key = client("kms", binding), {"KeyId": binding["KEY_ARN"]}
        neighbour = client("kms").create_key()["KeyMetadata"]["KeyId"]
        self.assert_denied(
            lambda: kms.encrypt(KeyId=neighbour, Plaintext=b"hello"),
            lambda: kms.describe_key(KeyId=neighbour),
            lambda: kms.schedule_key_deletion(**key, PendingWindowInDays=7),
            lambda: kms.disable_key(**key),
            lambda: kms.put_key_policy(**key, PolicyName="default", Policy="{}"),
            lambda: kms.tag_resource(**key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
            lambda: kms.create_grant(**key, GranteePrincipal="arn:aws:iam::111122223333:root", Operations=["Decrypt"]),
            lambda: kms.create_alias(AliasName=f"{binding['KEY_ALIAS']}-2", TargetKeyId=binding["KEY_ID"]),
            lambda: kms.create_key(),
        )
        client("kms").schedule_key_deletion(KeyId=neighbour, PendingWindowInDays=7)
