"""A job service of no vendor: for tests of what must hold at any provider, and for counting who was sent what."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.core.states import JobState as S
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import generic_messages as messages
from quantumjobs.testing.emulators import replies
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.frame import Emulator
from quantumjobs.testing.emulators.jobs import Job

_QUBITS = 2


class Submitted(Struct, frozen=True):
    """What the service remembers of a job besides its circuits."""

    reference: str
    shots: int


class Coming(Struct, frozen=True):
    """A submission with a key: its body, the job that it makes, and when (on the monotonic clock) the job exists."""

    body: bytes
    job: Job
    due: float


class GenericEmulator(Emulator):
    """Nothing is simulated: a circuit's counts follow from its text and its shots. Other settings: see `Emulator`.

    With `idempotency` submissions of one `Idempotency-Key` give one job, also while the first of them is under way.
    With `find` jobs are looked for by `Client-Reference`. `accepting` seconds pass between the arrival of a submission
    and the existence of its job, and `replying` seconds from there to the reply; a client that leaves changes neither.
    """

    operations = ("backends", "describe", "submit", "look", "result", "cancel", "find")

    def __init__(
        self,
        *,
        idempotency: bool = True,
        find: bool = True,
        accepting: float = 0.0,
        replying: float = 0.0,
        backends: Sequence[str] = ("sim",),
        **settings: Any,
    ) -> None:
        if accepting < 0 or replying < 0:
            raise UsageError("accepting and replying are no less than 0 seconds")
        self.idempotency = idempotency
        self.find = find
        self.accepting = accepting
        self.replying = replying
        self.backends = tuple(backends)
        self.posts = Counter[str]()
        """Submissions that arrived, by their reference; also those that a fault kept from being carried out."""
        self.made: dict[str, list[str]] = {}
        """Ids of jobs by the reference they were submitted with, oldest first."""
        self.under_way = 0
        """Submissions that have arrived and are not decided."""
        self._coming: dict[str, Coming] = {}
        super().__init__(**settings)
        self.queue.instant = self.fixed_outcome

    def start(self, *, warm: bool = False) -> None:  # noqa: ARG002 - no worker is needed
        """Let jobs run."""
        super().start(warm=False)

    def routes(self) -> list[Route]:
        submit = self.route("POST", "/jobs", "submit", self._submit)
        look = self.route("GET", "/jobs", "look", self._look_at_many)
        find = self.route("GET", "/jobs", "find", self._find)

        async def counted(request: Request) -> Response:
            self.posts[_reference(request)] += 1
            self.under_way += 1
            try:
                return await _answer(submit, request)
            finally:
                self.under_way -= 1

        async def several(request: Request) -> Response:
            return await _answer(find if "token" in request.query_params else look, request)

        return [
            Route("/jobs", counted, methods=["POST"]),
            Route("/jobs", several, methods=["GET"]),
            self.route("GET", "/jobs/{job}", "look", self._look),
            self.route("GET", "/jobs/{job}/result", "result", self._result),
            self.route("POST", "/jobs/{job}/cancel", "cancel", self._cancel),
            self.route("GET", "/backends", "backends", self._backends),
            self.route("GET", "/backends/{backend}", "describe", self._describe),
        ]

    @property
    def stats(self) -> dict[str, Any]:
        """With the submissions and the jobs of each reference; what had none has the reference ""."""
        return {
            **super().stats,
            "posts_by_token": dict(self.posts),
            "jobs_by_token": self.made,
            "under_way": self.under_way,
        }

    # --- discovery ----------------------------------------------------------------------------
    async def _backends(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return replies.json(self.backends)

    async def _describe(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        wanted = request.path_params["backend"]
        if wanted not in self.backends:
            return _problem(404, f"there is no backend {wanted!r}")
        return replies.json(messages.About(name=wanted))

    # --- submissions --------------------------------------------------------------------------
    async def _submit(self, request: Request, body: bytes) -> Response:
        key = request.headers.get(messages.KEY) if self.idempotency else None
        coming = self._coming.get(key) if key is not None else None
        if coming is None:
            taken = self._taken(request, body)
            if isinstance(taken, Response):
                return taken
            coming = Coming(body, taken, time.monotonic() + self.accepting)
            if key is not None:
                self._coming[key] = coming
        elif coming.body != body:
            return _problem(422, "this idempotency key came with another body before")
        # Whoever is there when the job is due makes it: a second submission waits as long as the first one.
        await asyncio.sleep(max(0.0, coming.due - time.monotonic()))
        if coming.job.id not in self.jobs:
            self.queue.accept(coming.job)
            self.made.setdefault(coming.job.about.reference, []).append(coming.job.id)
        if self.replying:
            await asyncio.sleep(self.replying)
        return replies.json(_document(coming.job), 201)

    def _taken(self, request: Request, body: bytes) -> Job | Response:
        try:
            given = msgspec.json.decode(body, type=messages.Payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return _problem(422, str(error))
        if given.backend not in self.backends:
            return _problem(404, f"there is no backend {given.backend!r}")
        if given.shots < 1 or not given.circuits:
            return _problem(422, "at least one shot of at least one circuit is needed")
        if self.queue.is_full:
            return _problem(503, "the service keeps no more jobs", {"retry-after": "1"})
        fault: Fault | None = request.state.fault
        fails = (fault.body or "scripted failure") if fault is not None and fault.kind == "fail" else None
        return Job(list(given.circuits), Submitted(_reference(request), given.shots), fails=fails)

    async def _find(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        if not self.find:
            return _problem(404, "jobs are not looked for here")
        found = [self.jobs[one] for one in self.made.get(request.query_params["token"], ())]
        return replies.json(messages.Jobs(jobs=tuple(map(_document, found))))

    # --- jobs ---------------------------------------------------------------------------------
    async def _look(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job = self._job(request)
        return job if isinstance(job, Response) else replies.json(_document(job))

    async def _look_at_many(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        wanted = request.query_params.getlist("id")
        if not wanted:
            return _problem(422, "ask for jobs by their id, or for one by its token")
        found = tuple(_document(self.jobs[one]) for one in wanted if one in self.jobs)
        return replies.json(messages.Jobs(jobs=found, unknown=tuple(one for one in wanted if one not in self.jobs)))

    async def _result(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job = self._job(request)
        if isinstance(job, Response):
            return job
        if job.state is not S.COMPLETED:
            return _problem(410 if job.is_over else 409, f"a job that is {_word(job)} has no result")
        parts = tuple(msgspec.Raw(part) for part in job.parts)
        return replies.json({"id": job.id, "shots": job.about.shots, "counts": parts})

    async def _cancel(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job = self._job(request)
        if isinstance(job, Response):
            return job
        if job.is_over and job.state is not S.CANCELLED:
            return _problem(409, f"the job is {_word(job)}")
        self.queue.cancel(job)
        return replies.json(_document(job))

    def _job(self, request: Request) -> Job | Response:
        return self.jobs.get(request.path_params["job"]) or _problem(404, "there is no such job")

    # --- outcomes -----------------------------------------------------------------------------
    async def run_circuit(self, job: Job, place: int) -> bytes:
        return self.fixed_outcome(job, place)

    def fixed_outcome(self, job: Job, place: int) -> bytes:
        circuit: messages.Circuit = job.circuits[place]
        if self.pattern:
            return msgspec.json.encode({(self.pattern * _QUBITS)[:_QUBITS]: job.about.shots})
        return msgspec.json.encode(counts(circuit.body, job.about.shots))

    # --- what goes wrong ----------------------------------------------------------------------
    def unknown_job(self, fault: Fault, request: Request) -> Response:
        wanted = request.query_params.getlist("id")
        if wanted:
            return replies.json(messages.Jobs(unknown=tuple(wanted)))
        return _problem(fault.code, "there is no such job")

    def reworded(self, reply: Response, word: str) -> Response:
        document = msgspec.json.decode(reply.body) if reply.body else None
        if not isinstance(document, dict):
            return reply
        for one in [document, *document.get("jobs", ())]:
            if "status" in one:
                one["status"] = word
        return replies.json(document, reply.status_code)


def counts(circuit: str, shots: int) -> dict[str, int]:
    """What the service measures: the same for the same text and shots. About half of each of two outcomes."""
    zeros = min(shots, shots // 2 + crc32(circuit.encode()) % (shots // 8 + 1))
    return {outcome: number for outcome, number in (("00", zeros), ("11", shots - zeros)) if number}


def _reference(request: Request) -> str:
    return request.headers.get(messages.REFERENCE, "")


async def _answer(route: Route, request: Request) -> Response:
    reply: Response = await route.endpoint(request)
    return reply


def _word(job: Job) -> str:
    return messages.WORDS[S.CANCELLING if job.stops and not job.is_over else job.state]


def _document(job: Job) -> messages.Job:
    return messages.Job(id=job.id, status=_word(job), done=len(job.parts), of=len(job.circuits), message=job.message)


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return replies.json({"detail": detail}, status, headers)
