"""How Braket, S3, STS, IAM and CloudWatch Logs say no: codes, statuses and bodies of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from starlette.responses import Response

from quantumjobs.testing.emulators import replies
from quantumjobs.testing.emulators.braket_signatures import Problem

BRAKET, S3, STS, IAM, LOGS = "braket", "s3", "sts", "iam", "logs"
JSON_1_1 = "application/x-amz-json-1.1"
VALIDATION = "ValidationException"
NOT_FOUND = "ResourceNotFoundException"
STATUSES = {
    VALIDATION: 400,
    "ServiceQuotaExceededException": 402,
    "AccessDeniedException": 403,
    NOT_FOUND: 404,
    "ConflictException": 409,
    "DeviceRetiredException": 410,
    "DeviceOfflineException": 424,
    "ThrottlingException": 429,
    "InternalServiceException": 500,
}
"""Braket's own."""
_S3_CODES = {403: "AccessDenied", 404: "NoSuchKey", 429: "SlowDown", 500: "InternalError", 503: "SlowDown"}
_STS_CODES = {400: "ValidationError", 403: "AccessDenied", 429: "Throttling", 500: "InternalFailure"}
_LOGS_CODES = {
    400: "InvalidParameterException",
    403: "AccessDeniedException",
    404: NOT_FOUND,
    429: "ThrottlingException",
    500: "InternalFailure",
    503: "ServiceUnavailableException",
}
_NAMESPACES = {STS: "https://sts.amazonaws.com/doc/2011-06-15/", IAM: "https://iam.amazonaws.com/doc/2010-05-08/"}
"""Of the services that are asked in forms, and answer in XML."""
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
    "signing method."
)


class Refusal(Exception):
    """A no, with the code that the service has for it."""

    def __init__(self, code: str, message: str, status: int | None = None, **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or STATUSES.get(code, 400)
        self.more = more
        """Further members of the body; for S3 headers."""


def invalid(message: str, **more: Any) -> Refusal:
    """What most requests that cannot be carried out are told."""
    return Refusal(VALIDATION, message, **more)


def reply(service: str, refusal: Refusal) -> Response:
    """The refusal as the service sends it."""
    if service == S3:
        return s3_error(refusal.status, refusal.code, refusal.message, refusal.more)
    if service in _NAMESPACES:
        error = f"<Type>Sender</Type><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"
        namespace = _NAMESPACES[service]
        return xml(f'<ErrorResponse xmlns="{namespace}"><Error>{error}</Error></ErrorResponse>', refusal.status)
    if service == LOGS:
        told = {"__type": refusal.code, "message": refusal.message} if refusal.code else {"message": refusal.message}
        return Response(msgspec.json.encode(told), _of_logs(refusal.status), media_type=JSON_1_1)
    headers = {"x-amzn-errortype": refusal.code} if refusal.code else {}
    return replies.json({"message": refusal.message, **refusal.more}, refusal.status, headers)


def _of_logs(status: int) -> int:
    """Its protocol has one status for all that is the client's fault."""
    return 400 if 400 <= status < 500 else status


def s3_error(status: int, code: str, message: str, headers: Mapping[str, str]) -> Response:
    """S3's form."""
    return xml(f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>", status, headers)


def xml(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A reply in XML."""
    whole = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'
    return Response(whole, status, headers and dict(headers), media_type="application/xml")


def of_status(service: str, status: int, message: str) -> Refusal:
    """What a service is likely to mean by a status."""
    if service == LOGS:
        code = _LOGS_CODES.get(status, "")
    elif service == BRAKET:
        code = next((code for code, known in STATUSES.items() if known == status), "")
    else:
        code = (_S3_CODES if service == S3 else _STS_CODES).get(status, "")
    return Refusal(code, message, status)


def of_signature(service: str, found: Problem, message: str) -> Refusal:
    """What a service says to a request that is not let in; `message` is about time."""
    if service == S3:
        return _s3(found)
    code, said = {
        Problem.MISSING: ("MissingAuthenticationTokenException", "Missing Authentication Token"),
        Problem.MALFORMED: ("IncompleteSignatureException", "The signature is incomplete"),
        Problem.KEY: ("UnrecognizedClientException", "The security token included in the request is invalid."),
        Problem.SESSION: ("UnrecognizedClientException", "The security token included in the request is invalid."),
        Problem.SIGNATURE: ("InvalidSignatureException", _MISMATCH),
        Problem.OLD: ("InvalidSignatureException", message),
        Problem.EARLY: ("InvalidSignatureException", message),
        Problem.EXPIRED: ("ExpiredTokenException", "The security token included in the request is expired"),
    }[found]
    if service in _NAMESPACES:
        code = _STS_WORDS[code]
    return Refusal(code, said, 403)


_STS_WORDS = {
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "ExpiredTokenException": "ExpiredToken",
}


def _s3(found: Problem) -> Refusal:
    status, code, message = {
        Problem.MISSING: (403, "AccessDenied", "Access Denied"),
        Problem.MALFORMED: (400, "AuthorizationHeaderMalformed", "The authorization header is malformed"),
        Problem.KEY: (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
        Problem.SESSION: (400, "InvalidToken", "The provided token is malformed or otherwise invalid."),
        Problem.SIGNATURE: (403, "SignatureDoesNotMatch", _MISMATCH),
        Problem.OLD: (403, "RequestTimeTooSkewed", "The difference between the request time and now is too large."),
        Problem.EARLY: (403, "RequestTimeTooSkewed", "The difference between the request time and now is too large."),
        Problem.EXPIRED: (400, "ExpiredToken", "The provided token has expired."),
    }[found]
    return Refusal(code, message, status)
