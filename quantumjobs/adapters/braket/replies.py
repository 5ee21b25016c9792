"""Replies of AWS services: the code of an error says more than its status.

Codes as botocore knows them: those that throttle, those that pass, and those that refuse a credential.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from quantumjobs.errors import ProviderError, ProviderRejected, ProviderUnavailable
from quantumjobs.wire import Reply, Told, check, shown

THROTTLED = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled",
    "TooManyRequestsException", "SlowDown", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException",
    "ProvisionedThroughputExceededException", "PriorRequestNotComplete", "TransactionInProgressException",
    "EC2ThrottledException",
})  # fmt: skip
PASSING = frozenset({"InternalServiceException", "RequestTimeout", "RequestTimeoutException"})
_LATER = frozenset({503})
FULL = "ServiceQuotaExceededException"
"""As many tasks at a time as the account may have: a submit was not taken, and is when one of them has ended."""
DENIED = frozenset({
    "MissingAuthenticationTokenException", "MissingAuthenticationToken", "UnrecognizedClientException",
    "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignatureException", "ExpiredTokenException",
    "ExpiredToken", "InvalidClientTokenId", "InvalidAccessKeyId", "InvalidToken",
})  # fmt: skip
"""Refusals of the credential, by all of the services that are asked here. AccessDenied is none: a right is missing."""
_ERROR = re.compile(rb"<Code>([^<]{1,200})</Code>\s*(?:<Message>([^<]{0,4000})</Message>)?")
_LIMIT = 16 << 10
"""Bytes of an error's body that are read."""


def code_of(reply: Reply) -> str:
    """The error's code: of the header, of the JSON body, or of S3's XML; "" where there is none."""
    named = reply.headers.get("x-amzn-errortype", "")
    return _plain(named) if named else _told(reply.body)[0]


def denies(reply: Reply) -> bool:
    """Whether the credential is refused: AWS says 403, which also stands for a right that is missing."""
    return reply.status in (400, 401, 403) and code_of(reply) in DENIED


def checked(reply: Reply, what: str, *, taken: bool = False, provider: str = "braket") -> Reply:
    """The reply, if it is a 2xx. Raises what its code means otherwise, and what its status means where it has none.

    `taken`: whether a failed request may have been carried out all the same.
    """
    if 200 <= reply.status < 300:
        return reply
    code = code_of(reply)
    told = Told(_told(reply.body)[1], code, reply.headers.get("x-amzn-requestid", ""))
    if code in THROTTLED or code in PASSING or code == FULL:
        reason = shown(str(told))
        error: ProviderError = ProviderUnavailable(
            f"{provider}: {what} was answered {reply.status}: {reason}",
            provider=provider,
            sent=taken and code in PASSING,
            retry_after=reply.retry_after,
        )
        error.error_code, error.request_id = shown(code), shown(told.request_id)
        raise error
    try:
        return check(reply, provider=provider, what=what, explain=lambda _: told, taken=taken, later=_LATER)
    except ProviderRejected as error:
        error.code = code or error.code
        raise


def _told(body: bytes) -> tuple[str, str]:
    """Code and message in the body of an error."""
    text = body[:_LIMIT]
    found = _ERROR.search(text)
    if found is not None:
        code, message = (part.decode("utf-8", "replace") if part else "" for part in found.groups())
        return code, message
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    if not isinstance(document, dict):
        return "", ""
    code = _text(document, "code", "Code", "__type")
    return _plain(code), ": ".join(filter(None, (_text(document, "message", "Message"), _failures(document))))


def _failures(document: dict[str, Any]) -> str:
    """What is wrong with which programs of a set."""
    failures = document.get("programSetValidationFailures")
    if not isinstance(failures, list):
        return ""
    return "; ".join(
        f"program {one.get('programIndex')}: {', '.join(map(str, one['errors'][:3]))}"
        for one in failures[:5]
        if isinstance(one, dict) and isinstance(one.get("errors"), list)
    )


def _text(document: dict[str, Any], *names: str) -> str:
    return next((document[name] for name in names if isinstance(document.get(name), str)), "")


def _plain(code: str) -> str:
    """`prefix#Code:http://...` is `Code`."""
    return code.partition(":")[0].rpartition("#")[2].strip()
