"""What applications do with an Amazon Cognito user pool, and what they cannot."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service import Credentials, ServiceTestCase
from support import client, unique_name

# Both fit every password policy of these tests.
TEMPORARY_PASSWORD = "Temporary-Passw0rd-of-a-user"
PASSWORD = "Permanent-Passw0rd-of-a-user"


class CognitoTest(ServiceTestCase):
    service = "cognito"

    def setUp(self) -> None:
        super().setUp()
        self.uses = {
            "SignIn": self.sign_in,
            "ManageUsers": self.manage_users,
            "SignInAndManageUsers": self.sign_in_and_manage_users,
            "ReadOnly": self.read_only,
        }

    def test_production(self) -> None:
        def sign_in(binding: Credentials) -> None:
            self.sign_in(binding)
            operator, pool = client("cognito-idp"), {"UserPoolId": binding["USER_POOL_ID"]}
            found = operator.describe_user_pool(**pool)["UserPool"]
            # The emulator lets everybody sign up all the same.
            self.assertTrue(found["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"])
            self.assertEqual(found["MfaConfiguration"], "OPTIONAL")
            self.assertTrue(operator.get_user_pool_mfa_config(**pool)["SoftwareTokenMfaConfiguration"]["Enabled"])
            app = operator.describe_user_pool_client(**pool, ClientId=binding["CLIENT_ID"])["UserPoolClient"]
            self.assertEqual(app["ClientSecret"], binding["CLIENT_SECRET"])
            self.assertEqual(app["PreventUserExistenceErrors"], "ENABLED")
            self.assertNotIn("ALLOW_USER_PASSWORD_AUTH", app["ExplicitAuthFlows"])
            self.assertFalse(app["AllowedOAuthFlowsUserPoolClient"])
            self.assertNotIn("DOMAIN_URL", binding)

        self.live("production", {**self.uses, "SignIn": sign_in})

    def test_production_with_every_parameter_changed(self) -> None:
        self.live(
            "production",
            self.uses,
            {
                **CHANGED,
                "SelfSignUp": "true",
                "Mfa": "OFF",
                "UserPoolTier": "PLUS",
                "ThreatProtection": "AUDIT",
                "PasswordMinimumLength": 16,
                "PasswordHistorySize": 24,
                "TemporaryPasswordValidityDays": 1,
                "EmailIdentityArn": email_identity(),
                "EmailFrom": "Example <no-reply@example.com>",
                "DeletionProtection": "ACTIVE",
                "DeletionPolicy": "Delete",
                "DomainPrefix": domain_prefix(),
            },
        )

    def test_dev(self) -> None:
        def sign_in(binding: Credentials) -> None:
            self.sign_in(binding)
            username = sign_up(binding)
            operator, user = client("cognito-idp"), {"UserPoolId": binding["USER_POOL_ID"], "Username": username}
            self.assertEqual(operator.admin_get_user(**user)["UserStatus"], "UNCONFIRMED")
            operator.admin_delete_user(**user)

        self.live("dev", {**self.uses, "SignIn": sign_in})

    def test_dev_with_every_parameter_changed(self) -> None:
        self.live(
            "dev", self.uses, {**CHANGED, "SelfSignUp": "false", "Mfa": "OPTIONAL", "DomainPrefix": domain_prefix()}
        )

    def test_custom(self) -> None:
        self.live("custom", self.uses)

    def test_custom_with_every_parameter_changed(self) -> None:
        self.live(
            "custom",
            self.uses,
            {
                **CHANGED,
                "SelfSignUp": "true",
                "Mfa": "OFF",
                "UserPoolTier": "PLUS",
                "ThreatProtection": "OFF",
                "PasswordMinimumLength": 8,
                "PasswordRequireLowercase": "false",
                "PasswordRequireUppercase": "false",
                "PasswordRequireNumbers": "false",
                "PasswordRequireSymbols": "false",
                "PasswordHistorySize": 1,
                "TemporaryPasswordValidityDays": 365,
                "AllowUserPasswordAuth": "true",
                "EmailIdentityArn": email_identity(),
                "EmailFrom": "no-reply@example.com",
                "DeletionProtection": "ACTIVE",
                "DeletionPolicy": "Retain",
                "DomainPrefix": domain_prefix(),
            },
        )

    def sign_in(self, binding: Credentials) -> None:
        cognito, pool = client("cognito-idp", binding), {"UserPoolId": binding["USER_POOL_ID"]}
        app = {**pool, "ClientId": binding["CLIENT_ID"]}
        self.assertEqual(binding["USER_POOL_ARN"].rpartition("/")[2], binding["USER_POOL_ID"])
        self.assertEqual(binding["JWKS_URL"], f"{binding['ISSUER_URL']}/.well-known/jwks.json")
        if "DOMAIN_URL" in binding:
            prefix = binding["DOMAIN_URL"].removeprefix("https://").partition(".")[0]
            domain = client("cognito-idp").describe_user_pool_domain(Domain=prefix)["DomainDescription"]
            self.assertEqual(domain["UserPoolId"], binding["USER_POOL_ID"])
        with new_user(binding) as username:
            challenge = cognito.admin_initiate_auth(
                **app,
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": username, "PASSWORD": TEMPORARY_PASSWORD, **secret_hash(binding, username)},
            )
            self.assertEqual(challenge["ChallengeName"], "NEW_PASSWORD_REQUIRED")
            name = challenge["ChallengeParameters"]["USER_ID_FOR_SRP"]
            tokens = cognito.admin_respond_to_auth_challenge(
                **app,
                ChallengeName="NEW_PASSWORD_REQUIRED",
                Session=challenge["Session"],
                ChallengeResponses={"USERNAME": name, "NEW_PASSWORD": PASSWORD, **secret_hash(binding, name)},
            )["AuthenticationResult"]
            claims = claims_of(tokens["IdToken"])
            self.assertEqual(claims["aud"], binding["CLIENT_ID"])
            self.assertEqual(claims["iss"].rpartition("/")[2], binding["USER_POOL_ID"])

            user = {**pool, "Username": username}
            self.assertEqual(cognito.admin_get_user(**user)["UserStatus"], "CONFIRMED")
            self.assertEqual(cognito.admin_list_groups_for_user(**user)["Groups"], [])
            cognito.admin_user_global_sign_out(**user)

            self.assert_denied(
                lambda: cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True),
                lambda: cognito.admin_delete_user(**user),
                lambda: cognito.list_users(**pool),
                lambda: cognito.describe_user_pool_client(**app),
                lambda: cognito.admin_get_user(UserPoolId=pool_of_operator(), Username=username),
                lambda: client("secretsmanager", binding).list_secrets(),
            )
        self.assert_no_administration(binding)

    def manage_users(self, binding: Credentials) -> None:
        self.administrate_users(binding)
        cognito = client("cognito-idp", binding)
        self.assert_denied(
            lambda: cognito.admin_initiate_auth(
                UserPoolId=binding["USER_POOL_ID"],
                ClientId=binding["CLIENT_ID"],
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": address(), "PASSWORD": PASSWORD},
            )
        )

    def sign_in_and_manage_users(self, binding: Credentials) -> None:
        self.administrate_users(binding)
        cognito, pool = client("cognito-idp", binding), {"UserPoolId": binding["USER_POOL_ID"]}
        with new_user(binding) as username:
            cognito.admin_set_user_password(**pool, Username=username, Password=PASSWORD, Permanent=True)
            tokens = cognito.admin_initiate_auth(
                **pool,
                ClientId=binding["CLIENT_ID"],
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": username, "PASSWORD": PASSWORD, **secret_hash(binding, username)},
            )["AuthenticationResult"]
            self.assertEqual(claims_of(tokens["IdToken"])["aud"], binding["CLIENT_ID"])
        self.assert_simulated("cognito-idp:AdminRespondToAuthChallenge", binding["USER_POOL_ARN"])

    def administrate_users(self, binding: Credentials) -> None:
        cognito, pool = client("cognito-idp", binding), {"UserPoolId": binding["USER_POOL_ID"]}
        username = address()
        user = {**pool, "Username": username}
        email = [{"Name": "email", "Value": username}, {"Name": "name", "Value": "A"}]
        cognito.admin_create_user(
            **user, UserAttributes=email, TemporaryPassword=TEMPORARY_PASSWORD, MessageAction="SUPPRESS"
        )
        cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
        cognito.admin_update_user_attributes(**user, UserAttributes=[{"Name": "name", "Value": "B"}])
        cognito.admin_disable_user(**user)
        found = cognito.admin_get_user(**user)
        self.assertEqual((found["UserStatus"], found["Enabled"]), ("CONFIRMED", False))
        self.assertIn({"Name": "name", "Value": "B"}, found["UserAttributes"])
        cognito.admin_enable_user(**user)
        cognito.admin_user_global_sign_out(**user)
        cognito.admin_reset_user_password(**user)
        self.assertEqual(len(cognito.list_users(**pool, Filter=f'email = "{username}"')["Users"]), 1)

        group = {**pool, "GroupName": unique_name()}
        cognito.create_group(**group)
        cognito.admin_add_user_to_group(**user, GroupName=group["GroupName"])
        self.assertEqual(cognito.get_group(**group)["Group"]["GroupName"], group["GroupName"])
        self.assertEqual(len(cognito.list_users_in_group(**group)["Users"]), 1)
        for groups in (cognito.list_groups(**pool), cognito.admin_list_groups_for_user(**user)):
            self.assertIn(group["GroupName"], [each["GroupName"] for each in groups["Groups"]])
        cognito.admin_remove_user_from_group(**user, GroupName=group["GroupName"])
        cognito.delete_group(**group)
        cognito.admin_delete_user(**user)
        self.assertEqual(cognito.describe_user_pool(**pool)["UserPool"]["Id"], binding["USER_POOL_ID"])
        # What the emulator does not have, or has only in another state of the user or the pool.
        for action in (
            "UpdateGroup",
            "AdminConfirmSignUp",
            "AdminDeleteUserAttributes",
            "AdminListUserAuthEvents",
            "AdminSetUserMFAPreference",
        ):
            self.assert_simulated(f"cognito-idp:{action}", binding["USER_POOL_ARN"])

        neighbour = {"UserPoolId": pool_of_operator()}
        self.assert_denied(
            lambda: cognito.admin_create_user(**neighbour, Username=username),
            lambda: cognito.list_users(**neighbour),
            lambda: cognito.create_group(**neighbour, GroupName="mallory"),
        )
        self.assert_no_administration(binding)

    def read_only(self, binding: Credentials) -> None:
        cognito, pool = client("cognito-idp", binding), {"UserPoolId": binding["USER_POOL_ID"]}
        group = {**pool, "GroupName": unique_name()}
        operator = client("cognito-idp")
        operator.create_group(**group)
        with new_user(binding) as username:
            user = {**pool, "Username": username}
            self.assertEqual(cognito.describe_user_pool(**pool)["UserPool"]["Arn"], binding["USER_POOL_ARN"])
            self.assertEqual(cognito.admin_get_user(**user)["UserStatus"], "FORCE_CHANGE_PASSWORD")
            self.assertEqual(len(cognito.list_users(**pool, Filter=f'email = "{username}"')["Users"]), 1)
            self.assertEqual(cognito.admin_list_groups_for_user(**user)["Groups"], [])
            self.assertIn(group["GroupName"], [each["GroupName"] for each in cognito.list_groups(**pool)["Groups"]])
            self.assertEqual(cognito.get_group(**group)["Group"]["GroupName"], group["GroupName"])
            self.assertEqual(cognito.list_users_in_group(**group)["Users"], [])

            self.assert_denied(
                lambda: cognito.admin_create_user(**pool, Username=address()),
                lambda: cognito.admin_delete_user(**user),
                lambda: cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True),
                lambda: cognito.admin_add_user_to_group(**user, GroupName=group["GroupName"]),
                lambda: cognito.delete_group(**group),
                lambda: cognito.list_users(UserPoolId=pool_of_operator()),
            )
        operator.delete_group(**group)
        self.assert_no_administration(binding)

    def assert_no_administration(self, binding: Credentials) -> None:
        """What the platform manages is beyond every scope."""
        cognito, pool = client("cognito-idp", binding), {"UserPoolId": binding["USER_POOL_ID"]}
        app = {**pool, "ClientId": binding["CLIENT_ID"]}
        self.assert_denied(
            lambda: cognito.delete_user_pool(**pool),
            lambda: cognito.update_user_pool(**pool, MfaConfiguration="OFF"),
            lambda: cognito.create_user_pool_client(**pool, ClientName="mallory"),
            lambda: cognito.update_user_pool_client(**app, ClientName="mallory"),
            lambda: cognito.list_user_pools(MaxResults=1),
            lambda: cognito.create_user_pool(PoolName=unique_name()),
        )


# What has the same default in all plans, with the value that it has not.
CHANGED = {
    "SignInWith": "username",
    "AccountRecovery": "admin_only",
    "GenerateClientSecret": "false",
    "AccessTokenValidityMinutes": 5,
    "RefreshTokenValidityDays": 2,
    "CallbackUrls": "https://app.example.com/callback,http://localhost:8080/callback",
    "LogoutUrls": "com.example.app://signed-out",
}


def domain_prefix() -> str:
    return f"app-{uuid.uuid4()}"


def address() -> str:
    return f"{uuid.uuid4()}@example.com"


def email_identity() -> str:
    """A domain of the operator's that may send e-mails."""
    client("ses").verify_domain_identity(Domain="example.com")
    account = client("sts").get_caller_identity()["Account"]
    return f"arn:aws:ses:{os.environ['AWS_REGION']}:{account}:identity/example.com"


def pool_of_operator() -> str:
    return client("cognito-idp").create_user_pool(PoolName=unique_name())["UserPool"]["Id"]


@contextmanager
def new_user(binding: Credentials) -> Iterator[str]:
    """A user who has not signed in yet, as an administrator makes one."""
    operator, username = client("cognito-idp"), address()
    user = {"UserPoolId": binding["USER_POOL_ID"], "Username": username}
    operator.admin_create_user(
        **user,
        UserAttributes=[{"Name": "email", "Value": username}],
        TemporaryPassword=TEMPORARY_PASSWORD,
        MessageAction="SUPPRESS",
    )
    yield username
    operator.admin_delete_user(**user)


def sign_up(binding: Credentials) -> str:
    """What everybody can do who knows the client, without any permission."""
    username = address()
    client("cognito-idp", binding).sign_up(
        ClientId=binding["CLIENT_ID"],
        Username=username,
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": username}],
        **secret_hash(binding, username, "SecretHash"),
    )
    return username


def secret_hash(binding: Credentials, username: str, name: str = "SECRET_HASH") -> dict[str, str]:
    """How a client with a secret proves that it knows it.

    https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html
    """
    if "CLIENT_SECRET" not in binding:
        return {}
    message = username + binding["CLIENT_ID"]
    digest = hmac.digest(binding["CLIENT_SECRET"].encode(), message.encode(), hashlib.sha256)
    return {name: base64.b64encode(digest).decode()}


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
