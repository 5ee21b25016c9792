"""The role that a hybrid job takes when none is given: the one that Braket's console makes, as the vendor's SDK finds it."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote

from quantumjobs.adapters.braket.replies import checked
from quantumjobs.errors import ProviderProtocolError, ProviderRejected
from quantumjobs.wire import Wire, shown

_START = "AmazonBraketJobsExecutionRole"
_BODY = b"Action=ListRoles&PathPrefix=%2Fservice-role%2F&Version=2010-05-08&MaxItems=1000"
_FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
_MARKER = re.compile(rb"<Marker>([^<]{1,2048})</Marker>")
_PAGES = 20
_ARN = re.compile(rb"<Arn>(arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512})</Arn>", re.ASCII)


async def role(wire: Wire) -> tuple[str, str]:
    """Its ARN, or "" and why there is none: who gives a role of their own needs no right to list them.

    Raises `CredentialError`, `ProviderUnavailable` and `ProviderProtocolError`.
    """
    more = b""
    for _ in range(_PAGES):  # IAM may give fewer than it has, also on the first page
        try:
            reply = checked(await wire.request("POST", "/", _BODY + more, headers=_FORM), "the list of roles")
        except ProviderRejected as error:
            return "", shown(str(error))
        if b"<Roles" not in reply.body:
            raise ProviderProtocolError("braket: the list of roles is none", provider="braket")
        for found in _ARN.findall(reply.body):
            arn: str = found.decode()
            if arn.rpartition("/")[2].startswith(_START):
                return arn, ""
        marker = _MARKER.search(reply.body)
        if marker is None:
            break
        more = b"&Marker=" + quote(unescape(marker[1].decode("utf-8", "replace")), safe="").encode()
    return "", f"the account has no role under /service-role/ whose name begins with {_START}"
