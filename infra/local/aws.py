"""AWS as the demo and the tests use it: clients for given keys, refusals, the function's log, secrets in a text."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import botocore.config
import botocore.exceptions
import botocore.session


def client(service: str, environment: Mapping[str, str], tls: bool = True) -> Any:
    """A client with the keys, the Region and the endpoint of these variables.

    Their names are those of the environment, and of the credentials of a binding. Without TLS the client says, as a
    proxy would, that its requests have come without: the local AWS takes what comes from this machine for encrypted.
    """
    made = _session.create_client(
        service,
        region_name=environment["AWS_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        config=botocore.config.Config(proxies={}),
    )
    if not tls:
        made.meta.events.register("before-sign", _come_without_tls)
    return made


# Shared, because each would read the services' models for itself.
_session = botocore.session.get_session()


def _come_without_tls(request: Any, **_: Any) -> None:
    request.headers["X-Forwarded-Proto"] = "http"


def log_lines(logs: Any, group: str, since: float = 0) -> Iterator[str]:
    """What the function has written to its log group since a time, as `time.time()` gives it.

    The emulator gives the first 10,000 lines, and does not say that there are more.
    """
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=int(since * 1000)):
        for event in page["events"]:
            yield event["message"]


def leaked(secrets: Iterable[str], text: str) -> list[str]:
    """Which of the secrets the text holds, as they are, in base64 or percent-encoded."""
    return [secret for secret in secrets if any(form in text for form in forms(secret))]


def forms(secret: str) -> set[str]:
    """What a secret looks like: also in the middle of what is in base64, where it begins at one of three places."""
    encoded = {base64.b64encode(b"x" * before + secret.encode()).decode() for before in range(3)}
    # The first and the last characters are of its neighbours, too.
    return {secret, quote(secret, safe=""), *(text.rstrip("=")[4:-1] for text in encoded)}


# How the services say that a policy does not allow a call, and that they do not know an access key.
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
UNKNOWN_KEY = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}


def error_code(call: Callable[[], Any]) -> str | None:
    """The code of the error that a call ends with, None if it succeeds."""
    try:
        call()
    except botocore.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    return None
