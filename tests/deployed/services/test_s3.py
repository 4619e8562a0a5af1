"""What applications do with Amazon S3, and what they cannot."""

from __future__ import annotations

from typing import Any

from osb import Plan
from service import Credentials, ServiceTestCase, key_contexts
from support import BROKER, client, kms_key, stacks_of, unique_name


class S3Test(ServiceTestCase):
    service = "s3"

    def setUp(self) -> None:
        super().setUp()
        self.uses = {
            "ReadWrite": self.read_and_write,
            "ReadOnly": self.read,
            "WriteOnly": self.write,
            "Purge": self.purge,
        }

    def test_simple(self) -> None:
        self.live("simple", self.uses)

    def test_simple_with_every_parameter_changed(self) -> None:
        self.live("simple", self.uses, {"DeletionPolicy": "Retain"})

    def test_production(self) -> None:
        self.live("production", self.uses)

    def test_production_with_every_parameter_changed(self) -> None:
        self.live("production", self.uses, {**self.changed, "NoncurrentVersionExpirationDays": 30})

    def test_custom(self) -> None:
        self.live("custom", self.uses)

    def test_custom_with_every_parameter_changed(self) -> None:
        changed = {**self.changed, "Versioning": "true", "NoncurrentVersionExpirationDays": 30}
        self.live("custom", self.uses, changed)

    def set_back(self, instance: str, ids: Plan, *arguments: Any) -> None:
        """Leaves no versions behind, with which the bucket could not be deleted."""
        super().set_back(instance, ids, *arguments)
        binding, credentials = self.bind_with(instance, ids, "Purge")
        self.purge(credentials)
        self.unbind(instance, binding, ids, credentials)

    @property
    def changed(self) -> dict[str, object]:
        return {
            "ExpirationDays": 90,
            "TransitionDays": 30,
            "TransitionStorageClass": "STANDARD_IA",
            "AbortIncompleteMultipartUploadDays": 3,
            "CorsAllowedOrigins": "https://app.example.com",
            "KmsKeyArn": kms_key(),
            "DeletionPolicy": "Retain",
        }

    def test_retained_bucket_keeps_its_objects(self) -> None:
        instance, ids = self.provision("s3", "simple", {"DeletionPolicy": "Retain"})
        binding, credentials = self.bind(instance, ids)
        bucket = {"Bucket": credentials["BUCKET_NAME"]}
        client("s3", credentials).put_object(**bucket, Key="greeting", Body=b"hello")
        BROKER.unbind(instance, binding, ids).expect(200)
        self.deprovision(instance, ids)
        self.assertEqual(stacks_of(instance), [])
        self.assertEqual(client("s3").get_object(**bucket, Key="greeting")["Body"].read(), b"hello")

    def test_custom_key_works_only_for_this_bucket(self) -> None:
        """The local AWS asks nobody for the key of an object: the policy says it."""
        key = kms_key()
        instance, ids = self.provision("s3", "custom", {"KmsKeyArn": key})
        for scope in ("ReadWrite", "ReadOnly", "WriteOnly"):
            binding, credentials = self.bind_with(instance, ids, scope)
            bucket = credentials["BUCKET_ARN"]
            self.assertEqual(key_contexts(credentials), [{"aws:s3:arn": [bucket, f"{bucket}/*"]}])
            own = {"KeyId": key, "EncryptionContext": {"aws:s3:arn": bucket}}
            kms = client("kms", credentials)
            self.assert_denied(lambda kms=kms, own=own: kms.generate_data_key(**own, KeySpec="AES_256"))
            self.unbind(instance, binding, ids, credentials)
        self.deprovision(instance, ids)

    def read_and_write(self, binding: Credentials) -> None:
        s3, bucket = client("s3", binding), {"Bucket": binding["BUCKET_NAME"]}
        self.assertEqual(binding["BUCKET_ARN"].rpartition(":")[2], binding["BUCKET_NAME"])
        s3.put_object(**bucket, Key="greeting", Body=b"hello")
        self.assertEqual(s3.get_object(**bucket, Key="greeting")["Body"].read(), b"hello")
        self.assertEqual([each["Key"] for each in s3.list_objects_v2(**bucket)["Contents"]], ["greeting"])
        versions = s3.list_object_versions(**bucket)["Versions"]
        self.assertEqual({version["Key"] for version in versions}, {"greeting"})

        neighbour = unique_name()
        client("s3").create_bucket(Bucket=neighbour)
        version = {"Key": "greeting", "VersionId": versions[0]["VersionId"]}
        self.assert_denied(
            lambda: s3.delete_bucket(**bucket),
            lambda: s3.delete_bucket_policy(**bucket),
            lambda: s3.delete_object(**bucket, **version),
            lambda: s3.put_object(Bucket=neighbour, Key="greeting", Body=b"hello"),
            lambda: s3.list_objects_v2(Bucket=neighbour),
            lambda: s3.create_bucket(Bucket=unique_name()),
            lambda: client("s3", binding, tls=False).get_object(**bucket, Key="greeting"),
        )
        s3.delete_object(**bucket, Key="greeting")

    def read(self, binding: Credentials) -> None:
        s3, bucket = client("s3", binding), {"Bucket": binding["BUCKET_NAME"]}
        client("s3").put_object(**bucket, Key="greeting", Body=b"hello")
        self.assertEqual(s3.get_object(**bucket, Key="greeting")["Body"].read(), b"hello")
        self.assertEqual([each["Key"] for each in s3.list_objects_v2(**bucket)["Contents"]], ["greeting"])
        self.assert_denied(
            lambda: s3.put_object(**bucket, Key="greeting", Body=b"hello"),
            lambda: s3.delete_object(**bucket, Key="greeting"),
            lambda: s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Suspended"}),
        )

    def write(self, binding: Credentials) -> None:
        s3, bucket = client("s3", binding), {"Bucket": binding["BUCKET_NAME"]}
        s3.put_object(**bucket, Key="report", Body=b"hello")
        self.assertEqual(client("s3").get_object(**bucket, Key="report")["Body"].read(), b"hello")
        self.assert_denied(
            lambda: s3.get_object(**bucket, Key="report"),
            lambda: s3.list_objects_v2(**bucket),
            lambda: s3.delete_object(**bucket, Key="report"),
        )

    def purge(self, binding: Credentials) -> None:
        s3, bucket = client("s3", binding), {"Bucket": binding["BUCKET_NAME"]}
        client("s3").put_object(**bucket, Key="greeting", Body=b"hello")
        self.assert_denied(
            lambda: s3.get_object(**bucket, Key="greeting"),
            lambda: s3.put_object(**bucket, Key="greeting", Body=b"hello"),
            lambda: s3.delete_bucket(**bucket),
        )
        listing = s3.list_object_versions(**bucket)
        for version in [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]:
            s3.delete_object(**bucket, Key=version["Key"], VersionId=version["VersionId"])
        self.assertNotIn("Versions", s3.list_object_versions(**bucket))
