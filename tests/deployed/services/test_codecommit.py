"""What applications do with AWS CodeCommit, and what they cannot.

The emulator has no CodeCommit: a stack's repository is a name there, and IAM is asked what a binding may do with it.
"""

from __future__ import annotations

from service import Credentials, ServiceTestCase
from support import kms_key, unique_name

READS = [
    "codecommit:GitPull",
    "codecommit:GetRepository",
    "codecommit:GetBranch",
    "codecommit:ListBranches",
    "codecommit:GetCommit",
    "codecommit:GetDifferences",
    "codecommit:GetBlob",
    "codecommit:GetFile",
    "codecommit:GetFolder",
    "codecommit:ListFileCommitHistory",
    "codecommit:GetMergeConflicts",
    "codecommit:GetMergeOptions",
    "codecommit:GetPullRequest",
    "codecommit:ListPullRequests",
    "codecommit:GetCommentsForPullRequest",
]
WRITES = [
    "codecommit:GitPush",
    "codecommit:CreateBranch",
    "codecommit:DeleteBranch",
    "codecommit:CreateCommit",
    "codecommit:MergeBranchesByFastForward",
    "codecommit:MergeBranchesBySquash",
    "codecommit:MergeBranchesByThreeWay",
    "codecommit:CreatePullRequest",
    "codecommit:UpdatePullRequestDescription",
    "codecommit:UpdatePullRequestStatus",
    "codecommit:UpdatePullRequestTitle",
    "codecommit:MergePullRequestByFastForward",
    "codecommit:MergePullRequestBySquash",
    "codecommit:MergePullRequestByThreeWay",
    "codecommit:PostCommentForPullRequest",
    "codecommit:PostCommentReply",
]
# What the platform manages, and the rules that somebody sets for pull requests.
NEVER = [
    "codecommit:CreateRepository",
    "codecommit:DeleteRepository",
    "codecommit:UpdateRepositoryName",
    "codecommit:UpdateRepositoryDescription",
    "codecommit:UpdateRepositoryEncryptionKey",
    "codecommit:PutRepositoryTriggers",
    "codecommit:TagResource",
    "codecommit:DeletePullRequestApprovalRule",
    "codecommit:OverridePullRequestApprovalRules",
]


class CodeCommitTest(ServiceTestCase):
    service = "codecommit"

    def setUp(self) -> None:
        super().setUp()
        self.uses = {"ReadWrite": self.read_and_write, "ReadOnly": self.read}

    def test_default(self) -> None:
        self.live("default", self.uses)

    def test_default_with_every_parameter_changed(self) -> None:
        parameters = {
            "RepositoryDescription": "The shop",
            "DeletionPolicy": "Retain",
            "KmsKeyArn": kms_key(),
        }
        self.live("default", self.uses, parameters)

    def read_and_write(self, binding: Credentials) -> None:
        self.assert_simulated_all(binding, READS + WRITES)
        self.assert_others_denied(binding)

    def read(self, binding: Credentials) -> None:
        self.assert_simulated_all(binding, READS)
        for action in WRITES:
            self.assert_simulated_denied(action, binding["REPOSITORY_ARN"])
        self.assert_others_denied(binding)

    def assert_simulated_all(self, binding: Credentials, actions: list[str]) -> None:
        name, region = binding["REPOSITORY_NAME"], binding["AWS_REGION"]
        self.assertEqual(binding["REPOSITORY_ARN"].rpartition(":")[2], name)
        self.assertTrue(binding["CLONE_URL"].startswith("https://"))
        self.assertTrue(binding["CLONE_URL"].endswith(f"/v1/repos/{name}"))
        self.assertEqual(binding["CLONE_URL_GRC"], f"codecommit::{region}://{name}")
        for action in actions:
            self.assert_simulated(action, binding["REPOSITORY_ARN"])

    def assert_others_denied(self, binding: Credentials) -> None:
        for action in NEVER:
            self.assert_simulated_denied(action, binding["REPOSITORY_ARN"])
        neighbour = f"{binding['REPOSITORY_ARN'].rpartition(':')[0]}:{unique_name()}"
        for action in READS + WRITES:
            self.assert_simulated_denied(action, neighbour)
        self.assert_simulated_denied("codecommit:ListRepositories", "*")
