"""Five services behind one port: told apart by what a request was signed for, each with paths of its own."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quantumjobs.testing.emulators import braket_signatures
from quantumjobs.testing.emulators.braket_refusals import BRAKET, IAM, LOGS, S3, STS
from quantumjobs.testing.emulators.braket_signatures import Signed

REGION = "us-east-1"
"""Of a request that names none."""
_PATHS = frozenset({"quantum-task", "quantum-tasks", "device", "devices", "job", "jobs", "tags"})
_IDS = {**dict.fromkeys((BRAKET, STS, IAM, LOGS), "x-amzn-requestid"), S3: "x-amz-request-id"}
_TARGET = "Logs_20140328."


class Door:
    """Gives requests to an application, with the path `/{service}{path as it came}`; and stamps its replies.

    The path stays encoded: an ARN is one segment of it. The one path of the logs is followed by the operation. `now` is the services' clock, in seconds since the epoch.
    """

    def __init__(self, app: ASGIApp, now: Callable[[], float]) -> None:
        self._app = app
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Implements ASGI."""
        path = _path(scope) if scope["type"] == "http" else ""
        if not path or path.startswith("/_emulator/"):
            await self._app(scope, receive, send)
            return
        service, region, key = _told(scope, path)
        about = {"service": service, "region": region, "key": key, "target": path}

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.get("headers", []))
                headers["date"] = about.get("date") or formatdate(self._now(), usegmt=True)
                headers[_IDS[service]] = str(uuid4())
                message = {**message, "headers": headers.raw}
            await send(message)

        inner = f"/{service}{path}"
        if service == LOGS:
            inner += Headers(scope=scope).get("x-amz-target", "").removeprefix(_TARGET)
        await self._app({**scope, "path": inner, "aws": about}, receive, stamped)


def _path(scope: Scope) -> str:
    """As it came, and without what an absolute form has before it."""
    raw: str = scope["raw_path"].decode("ascii", "replace")
    return raw if raw.startswith("/") else urlsplit(raw).path or "/"


def _told(scope: Scope, path: str) -> tuple[str, str, str]:
    shown = braket_signatures.read(Headers(scope=scope).get("authorization", ""))
    if shown is not None and shown.service in _IDS:
        return shown.service, shown.region, shown.key
    if path.split("/")[1] in _PATHS:
        return BRAKET, REGION, ""
    if "x-amz-target" in Headers(scope=scope):
        return LOGS, REGION, ""
    return (STS if path == "/" and scope["method"] == "POST" else S3), REGION, ""


def service(request: Request) -> str:
    """Which of the five."""
    found: str = _about(request)["service"]
    return found


def region(request: Request) -> str:
    """What the request was signed for."""
    found: str = _about(request)["region"]
    return found


def key(request: Request) -> str:
    """The access key that it was signed with; empty where nothing can be read."""
    found: str = _about(request)["key"]
    return found


def target(request: Request) -> str:
    """The path as it came."""
    found: str = _about(request)["target"]
    return found


def _about(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = request.scope["aws"]
    return found


def dated(request: Request, date: str) -> None:
    """The reply is to have this date, and not the services' own."""
    _about(request)["date"] = date


def signed(request: Request, body: bytes) -> Signed:
    """What a signature is about."""
    headers: dict[str, str] = {}
    for name, text in request.headers.items():
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    query = request.scope["query_string"].decode("ascii", "replace")
    return Signed(request.method, target(request), query, headers, body)
