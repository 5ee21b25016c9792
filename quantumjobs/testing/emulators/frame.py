"""What all emulators share: who is let in, what goes wrong, what is counted, and the queue behind it.

An emulator of a vendor subclasses `Emulator`, names its operations and routes, and runs its circuits in workers.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, ClassVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import replies, text_run
from quantumjobs.testing.emulators.faults import Fault, Script, read_faults
from quantumjobs.testing.emulators.jobs import Job, JobQueue
from quantumjobs.testing.emulators.tokens import Tokens
from quantumjobs.workers.aer import SEED_STEP, wrap_seed
from quantumjobs.workers.pool import WorkerPool

BODY_LIMIT = 1 << 26
JOB_LIMIT = 100_000
SIMULATED = "simulated"

Handler = Callable[[Request, bytes], Awaitable[Response]]


class Emulator(ABC):
    """Settings are attributes, and may be changed while it is served. Jobs stay when it is served again.

    `latency` seconds pass before every reply, `queue` seconds before a job starts, and `duration` seconds before each
    circuit; `parallel` jobs run at a time. `results` is "simulated", or "zeros", or bits ("01") that every circuit
    answers without simulation, repeated to its width; then, and with no queue, jobs are over at the first look.
    Any credential is let in unless `token` names one, and for `token_lifetime` requests if that is given.
    """

    operations: ClassVar[Sequence[str]]
    """What requests are counted as, and what faults name. `cancel` is counted apart, too."""
    submitting: ClassVar[Sequence[str]] = ("submit",)
    """Operations that are counted as submissions."""

    def __init__(
        self,
        *,
        seed: int | None = None,
        results: str = SIMULATED,
        latency: float = 0.0,
        queue: float = 0.0,
        duration: float = 0.0,
        parallel: int = 1,
        token: str | None = None,
        token_lifetime: int | None = None,
        faults: Iterable[Fault] = (),
        job_limit: int = JOB_LIMIT,
    ) -> None:
        if latency < 0:
            raise UsageError("latency is no less than 0 seconds")
        self.seed = seed
        self.latency = latency
        self.pattern = outcome_pattern(results)
        """The bits that circuits answer; empty where they are run."""
        self.tokens = Tokens(token, lifetime=token_lifetime)
        self.script = Script(faults, operations=self.operations)
        self.queue = JobQueue(self.run_circuit, parallel=parallel, queue=queue, duration=duration, limit=job_limit)
        if self.pattern:
            self.queue.instant = self.fixed_outcome
        self.requests = Counter[str]()
        self.went_wrong = 0
        self.connections = 0
        self.open_connections = 0
        self._pool: WorkerPool | None = None
        self._app = Starlette(
            routes=[
                *self.routes(),
                Route("/_emulator/stats", self._stats, methods=["GET"]),
                Route("/_emulator/faults", self._faults, methods=["POST"]),
                Route("/_emulator/token", self._token, methods=["POST", "DELETE"]),
            ],
            exception_handlers={HTTPException: self._refused, ClientDisconnect: _left},
        )
        self._app.router.redirect_slashes = False

    # --- what a vendor's emulator says --------------------------------------------------------
    @abstractmethod
    def routes(self) -> list[Route]:
        """Made by `route`."""

    @abstractmethod
    async def run_circuit(self, job: Job, place: int) -> bytes:
        """The outcome of one circuit. Errors of this library fail the job."""

    @abstractmethod
    def fixed_outcome(self, job: Job, place: int) -> bytes:
        """The outcome of one circuit that is not run: `pattern`, repeated."""

    def unknown_job(self, fault: Fault, request: Request) -> Response:  # noqa: ARG002 - a cloud may say it otherwise
        """How the cloud says that it does not know the job of a request; by default as it says all else."""
        return replies.json(self.said(fault.code, "Job not found"), fault.code)

    def said(self, code: int, message: str) -> dict[str, Any]:  # noqa: ARG002 - a cloud may have words of its own for it
        """The body of a refusal that the cloud's own code did not make; by default `{"detail": ...}`."""
        return {"detail": message}

    def reworded(self, reply: Response, word: str) -> Response:
        """The reply with another status in it; by default in the field "status" of its object."""
        document = msgspec.json.decode(reply.body) if reply.body else None
        if not isinstance(document, dict) or "status" not in document:
            return reply
        return replies.json({**document, "status": word})

    def credential(self, request: Request) -> str | None:
        """What a request shows."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    def unauthorized(self, request: Request) -> Response:
        """The reply to whoever is not let in."""
        known = "authorization" in request.headers
        detail = "Could not validate credentials" if known else "Not authenticated"
        return replies.json({"detail": detail}, 401, {"www-authenticate": "Bearer"})

    # --- for tests and subclasses -------------------------------------------------------------
    @property
    def jobs(self) -> dict[str, Job]:
        """By id, in the order of acceptance."""
        return self.queue.jobs

    @property
    def stats(self) -> dict[str, Any]:
        """What `GET /_emulator/stats` says."""
        states = Counter(job.state.value for job in self.jobs.values())
        return {
            "requests": dict(self.requests),
            "submissions": sum(self.requests[name] for name in self.submitting),
            "cancels": self.requests["cancel"],
            "jobs": len(self.jobs),
            "accepted": len(self.jobs),
            "states": dict(states),
            "faults": self.went_wrong,
            "connections": self.connections,
            "open_connections": self.open_connections,
        }

    def expire_token(self) -> None:
        """Refuse the token in use until another one comes."""
        self.tokens.expire()

    async def work(self, function: str, body: bytes, *, memory: int = 0) -> bytes:
        """Run a function in a worker."""
        if self._pool is None:
            raise UsageError("an emulator runs circuits while it is served")
        return await self._pool.run(function, body, memory=memory)

    async def simulated(self, text: str, *, shots: int, place: int = 0) -> dict[str, int]:
        """Counts of a circuit in OpenQASM, from Aer in a worker; `place` is the circuit's in its job.

        Seeded as the vendors' simulators seed a list. Raises `UsageError` for what Aer cannot run.
        """
        seed = None if self.seed is None else wrap_seed(self.seed + SEED_STEP * place)
        task = text_run.Task(text=text, shots=shots, seed=seed)
        return msgspec.msgpack.decode(
            await self.work(text_run.SIMULATE, msgspec.msgpack.encode(task)), type=dict[str, int]
        )

    def lets_in(self, operation: str, request: Request) -> bool:  # noqa: ARG002 - a cloud may have several doors
        """Whether the credential of a request is good for the operation; counts its use."""
        return self.tokens.takes(self.credential(request))

    def route(self, method: str, path: str, operation: str, handler: Handler, *, guarded: bool = True) -> Route:
        """One operation of the cloud. The handler is given the request and its body; unguarded, anybody is let in."""

        async def endpoint(request: Request) -> Response:
            return await self._perform(operation, handler, request, guarded)

        return Route(path, endpoint, methods=[method])

    # --- being served -------------------------------------------------------------------------
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Implements ASGI."""
        await self._app(scope, receive, send)

    def start(self, *, warm: bool = False) -> None:
        """Let jobs run; `warm` starts a worker before there is one."""
        self._pool = WorkerPool.of_loop()
        if warm and not self.pattern:
            self._pool.warm()
        self.queue.start()

    async def stop(self) -> None:
        """End what runs and give the workers back. Jobs that are not over begin anew at the next `start`."""
        await self.queue.stop()
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    # --- requests -----------------------------------------------------------------------------
    async def _perform(self, operation: str, handler: Handler, request: Request, guarded: bool) -> Response:
        self.requests[operation] += 1
        fault = self.script.next(operation)
        self.went_wrong += fault is not None
        body = await read_body(request)
        request.state.fault = fault
        reply: Response | None = None
        if fault is None or fault.carries_out:
            let_in = not guarded or self.lets_in(operation, request)
            reply = await handler(request, body) if let_in else self.unauthorized(request)
        if fault is not None:
            reply = self._spoilt(fault, reply, request)
        assert reply is not None
        if self.latency:
            await asyncio.sleep(self.latency)
        return reply

    def _spoilt(self, fault: Fault, reply: Response | None, request: Request) -> Response:
        if fault.kind == "expire":
            self.tokens.expire(self.credential(request))
            return self.unauthorized(request)
        if fault.kind == "vanish":
            return self.unknown_job(fault, request)
        if reply is not None:
            if fault.kind == "cut":
                return replies.Cut(reply)
            if fault.kind == "drip":
                return replies.Drip(reply, fault.rate)
            if fault.kind == "word":
                return self.reworded(reply, fault.word)
            if fault.kind == "fail":
                return reply
        return self._instead(fault, request)

    def _instead(self, fault: Fault, request: Request) -> Response:
        """What comes in the place of a reply."""
        if fault.kind == "reset":
            return replies.Reset()
        if fault.kind == "hang":
            return replies.Hang(fault.seconds)
        if fault.kind == "redirect":
            return replies.redirect(fault, request)
        if fault.kind == "garbage":
            text = "<html>\x00 this is no JSON" if fault.body is None else fault.body
            return replies.json(text.encode(), fault.code, fault.headers)
        if fault.kind == "schema":
            text = '{"surprise": [1, 2, 3]}' if fault.body is None else fault.body
            return replies.json(text.encode(), fault.code, fault.headers)
        if fault.kind == "bomb":
            return replies.json(replies.bomb(fault.size), fault.code, {"content-encoding": "gzip", **fault.headers})
        return replies.status(fault, self.said(fault.code, f"scripted {fault.code}"))

    async def _refused(self, request: Request, error: Exception) -> Response:  # noqa: ARG002 - a handler's form
        assert isinstance(error, HTTPException)
        return replies.json(self.said(error.status_code, error.detail), error.status_code, error.headers)

    # --- the emulator's own -------------------------------------------------------------------
    async def _stats(self, request: Request) -> Response:  # noqa: ARG002 - a handler's form
        return replies.json(self.stats)

    async def _faults(self, request: Request) -> Response:
        try:
            faults = read_faults(await read_body(request))
            self.script.replace(faults)
        except UsageError as error:
            return replies.json({"detail": str(error)}, 422)
        return replies.json({"faults": len(faults)})

    async def _token(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.expire_token()
            return replies.json({})
        try:
            given = msgspec.json.decode(await read_body(request), type=dict[str, str | None])
            self.tokens.accept(given["token"])
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
            return replies.json({"detail": 'send {"token": "..."}, or null for any'}, 422)
        return replies.json({})


def outcome_pattern(results: str) -> str:
    """The bits that circuits answer; empty for those that are to be run. Raises `UsageError`."""
    if results == SIMULATED:
        return ""
    pattern = {"zeros": "0", "ones": "1"}.get(results, results)
    if not pattern or pattern.strip("01"):
        raise UsageError(f"results {results!r}: 'simulated', 'zeros', 'ones', or bits such as '01' are known")
    return pattern


async def read_body(request: Request) -> bytes:
    """All of it. Raises `HTTPException` 413 for one that is too large."""
    pieces = bytearray()
    async for piece in request.stream():
        pieces += piece
        if len(pieces) > BODY_LIMIT:
            raise HTTPException(413, "Request body is too large", {"connection": "close"})
    return bytes(pieces)


async def _left(request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's form
    return Response(status_code=400)  # nobody reads it
