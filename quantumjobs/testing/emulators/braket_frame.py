"""What the services share: signatures, quotas, and how each says no."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from quantumjobs.testing.emulators import braket_door, braket_refusals, braket_signatures, replies
from quantumjobs.testing.emulators.braket_door import Door, service
from quantumjobs.testing.emulators.braket_limits import QUOTAS, Limits
from quantumjobs.testing.emulators.braket_refusals import BRAKET, JSON_1_1, LOGS, NOT_FOUND, S3, Refusal
from quantumjobs.testing.emulators.braket_signatures import Keys, Problem
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.frame import Emulator, Handler

_LARGEST = 1 << 30


class SignedEmulator(Emulator):
    """Lets in who signs, and counts requests against quotas."""

    def __init__(
        self, *, quotas: bool | Mapping[str, tuple[float, float]], clock_offset: float, **settings: Any
    ) -> None:
        self.limits = Limits(QUOTAS if quotas is True else quotas or {})
        self.clock_offset = clock_offset
        self._good: set[str] = set()
        """Access keys that were let in once."""
        super().__init__(**settings)
        self._door = Door(self._app, self.now)

    def now(self) -> float:
        """The services' clock: seconds since the epoch."""
        return time.time() + self.clock_offset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Implements ASGI."""
        await self._door(scope, receive, send)

    def route(
        self, method: str, path: str, operation: str, handler: Handler, *, guarded: bool = True, large: bool = False
    ) -> Route:
        """As everywhere; a refusal that a handler raises is its reply, and quotas count who is let in.

        Bodies of `large` requests may have a gigabyte.
        """

        async def answer(request: Request, body: bytes) -> Response:
            try:
                if guarded:
                    self._check(request, body)
                shared = service(request) == BRAKET
                self.limits.take(operation, asyncio.get_running_loop().time(), shared=shared)
                return await handler(request, body)
            except Refusal as refusal:
                return braket_refusals.reply(service(request), refusal)

        async def read_first(request: Request) -> Response:
            body = await _read(request)

            async def given(request: Request, _: bytes) -> Response:
                return await answer(request, body)

            return await self._perform(operation, given, Request(request.scope, _nothing), guarded=False)

        if large:
            return Route(path, read_first, methods=[method])
        return super().route(method, path, operation, answer, guarded=False)

    # --- who is let in ------------------------------------------------------------------------
    def credential(self, request: Request) -> str | None:
        """The access key; with its secret, where that is known."""
        shown, accepted = braket_door.key(request), self.tokens.accepted
        return accepted if accepted is not None and Keys.read(accepted).id == shown else shown or None

    def _check(self, request: Request, body: bytes) -> None:
        """Raises `Refusal` for a request that is not let in: its signature is about its body, too."""
        accepted = self.tokens.accepted
        keys = None if accepted is None else Keys.read(accepted)
        found = braket_signatures.problem(braket_door.signed(request, body), self.now(), keys)
        credential = self.credential(request)
        if found is None and self.tokens.takes(credential):
            self._good.add(braket_door.key(request))
            return
        if found is None or (found is Problem.KEY and braket_door.key(request) in self._good):
            found = Problem.EXPIRED
        raise braket_refusals.of_signature(service(request), found, self._late(request, found))

    def unauthorized(self, request: Request) -> Response:
        refusal = braket_refusals.of_signature(service(request), Problem.EXPIRED, "")
        return braket_refusals.reply(service(request), refusal)

    def _late(self, request: Request, found: Problem) -> str:
        """What is said of a time that is too far off."""
        date, now = request.headers.get("x-amz-date", ""), self.now()
        written, off = braket_signatures.written, braket_signatures.TOLERANCE
        if found is Problem.OLD:
            return f"Signature expired: {date} is now earlier than {written(now - off)} ({written(now)} - 5 min.)"
        return f"Signature not yet current: {date} is still later than {written(now + off)} ({written(now)} + 5 min.)"

    # --- what goes wrong ----------------------------------------------------------------------
    def said(self, code: int, message: str) -> dict[str, Any]:  # noqa: ARG002 - the status is told elsewhere
        return {"message": message}

    def unknown_job(self, fault: Fault, request: Request) -> Response:
        if service(request) == S3:
            return braket_refusals.reply(S3, Refusal("NoSuchKey", "The specified key does not exist.", fault.code))
        what = "Hybrid job" if braket_door.target(request).startswith("/job") else "Quantum task"
        what = "The specified log stream" if service(request) == LOGS else what
        return braket_refusals.reply(service(request), Refusal(NOT_FOUND, f"{what} not found", fault.code))

    def reworded(self, reply: Response, word: str) -> Response:
        """In the answer to a look, and in each element of a page."""
        if reply.media_type not in (replies.JSON, JSON_1_1):
            return reply
        document = msgspec.json.decode(reply.body)
        for one in [document, *document.get("quantumTasks", []), *document.get("jobs", [])]:
            if "status" in one:
                one["status"] = word
        return Response(msgspec.json.encode(document), reply.status_code, media_type=reply.media_type)

    def _instead(self, fault: Fault, request: Request) -> Response:
        """A scripted status has the service's own form, and a redirect goes to the path that was asked for."""
        if "date" in fault.headers:
            braket_door.dated(request, fault.headers["date"])
        if fault.kind == "redirect" and fault.location is None:
            port = request.scope["server"][1]
            fault = msgspec.structs.replace(fault, location=f"http://localhost:{port}{braket_door.target(request)}")
        elif fault.kind == "status" and fault.body is None and fault.code >= 400:
            refusal = braket_refusals.of_status(service(request), fault.code, f"scripted {fault.code}")
            reply = braket_refusals.reply(service(request), refusal)
            given = replies.status(msgspec.structs.replace(fault, body=bytes(reply.body).decode()), None)
            names = ("x-amzn-errortype", "content-type")
            given.headers.update({name: reply.headers[name] for name in names if name in reply.headers})
            given.headers.update(fault.headers)
            return given
        return super()._instead(fault, request)


async def _read(request: Request) -> bytes:
    """Raises `HTTPException` 413 for a body that is larger than any may be."""
    pieces = bytearray()
    async for piece in request.stream():
        pieces += piece
        if len(pieces) > _LARGEST:
            raise HTTPException(413, "Request body is too large", {"connection": "close"})
    return bytes(pieces)


async def _nothing() -> Message:
    """What comes of a request that was read before."""
    return {"type": "http.request", "body": b"", "more_body": False}
