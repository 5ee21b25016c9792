"""Hybrid jobs of the Braket emulator: requests about them, and the queue in which they wait.

Their entry points run as the user: see `braket_jobs_run`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.core.states import JobState as S
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import (
    braket_jobs_run,
    braket_jobs_search,
    braket_jobs_state,
    braket_payload,
    replies,
)
from quantumjobs.testing.emulators.braket_door import region
from quantumjobs.testing.emulators.braket_jobs_payload import JobCreation, job_creation, place
from quantumjobs.testing.emulators.braket_jobs_run import Programs
from quantumjobs.testing.emulators.braket_jobs_search import JobSearch
from quantumjobs.testing.emulators.braket_jobs_state import HybridJob
from quantumjobs.testing.emulators.braket_logs_store import Invented
from quantumjobs.testing.emulators.braket_refusals import NOT_FOUND, Refusal, invalid
from quantumjobs.testing.emulators.braket_roles import ROLE
from quantumjobs.testing.emulators.braket_signatures import Keys
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.jobs import Job, JobQueue

if TYPE_CHECKING:
    from quantumjobs.testing.emulators.braket import BraketEmulator

OPERATIONS = ("CreateJob", "GetJob", "SearchJobs", "CancelJob", "ListTagsForResource", "TagResource", "UntagResource")
CONFLICT = "ConflictException"
_LOCAL = re.compile(r"local:[^/]+/.+", re.ASCII)


class HybridSettings(Struct, forbid_unknown_fields=True):
    """Of hybrid jobs; all but the first may be changed while they are served."""

    concurrent: int = 5
    """Jobs that run at a time; the others wait."""
    instances: int | None = None
    """Machines that a job may have: one, in an account that has asked for no more."""
    tells_count: bool = True
    """Whether a job that is looked at says how many instances it has."""


class Invention(Struct):
    """What a job without a program does."""

    lines: int | Sequence[str]
    rate: float
    results: bytes
    streams: list[Invented] = []
    """From its beginning on."""


class HybridJobs:
    """Those of one emulator, whose settings for tasks hold for them, too."""

    def __init__(self, emulator: BraketEmulator, settings: HybridSettings, **queue: Any) -> None:
        self.settings = settings
        self.queue = JobQueue(self._run, parallel=settings.concurrent, **queue)
        self.programs = Programs(emulator.store, emulator.logs, self._keys, lambda: emulator.clock_offset)
        self._emulator = emulator
        self._created: dict[tuple[str, str], tuple[float, Any, str]] = {}
        """By region and the client's token: when, what, and the ARN."""
        self._invented: dict[str, Invention] = {}

    @property
    def jobs(self) -> list[HybridJob]:
        """In the order of their creation."""
        return [job for job in self.queue.jobs.values() if isinstance(job, HybridJob)]

    def of_token(self, token: str, region: str) -> HybridJob:
        """The job whose program has this token. Raises `Refusal` for one of no job that runs."""
        for job in self.jobs:
            if job.token == token and job.region == region and not job.is_over:
                return job
        raise invalid("The job token is not valid")

    def invent(
        self,
        *,
        lines: int | Sequence[str] = 0,
        rate: float = 1000.0,
        instances: int = 1,
        results: Mapping[str, Any] = {},
        name: str = "",
        region: str = "us-east-1",
    ) -> HybridJob:
        """A job that runs no program, and writes `lines` (or so many) at `rate` a second into each instance's stream.

        It is over with the last of them, by the loop's clock, and has saved the `results`. While the emulator is not
        served its lines come all the same.
        """
        if rate <= 0:
            raise UsageError("rate is more than 0 lines a second")
        where = f"s3://amazon-braket-{region}/jobs/{uuid4()}"
        body = {
            "clientToken": str(uuid4()),
            "jobName": name or f"invented-{uuid4().hex[:12]}",
            "roleArn": ROLE,
            "algorithmSpecification": {"scriptModeConfig": {"entryPoint": "none", "s3Uri": f"{where}/none.tar.gz"}},
            "outputDataConfig": {"s3Path": f"{where}/data"},
            "instanceConfig": {"instanceType": "ml.m5.large", "volumeSizeInGb": 30, "instanceCount": instances},
            "deviceConfig": {"device": "local:none/none"},
        }
        job = HybridJob(job_creation(msgspec.json.encode(body)), region=region, now=self._emulator.moment)
        self._invented[job.id] = Invention(lines, rate, braket_jobs_run.saved(results))
        self.queue.accept(job)
        return job

    # --- requests -----------------------------------------------------------------------------
    def routes(self) -> list[Route]:
        """One for each operation."""
        route, job, tags = self._emulator.route, "/braket/job/{arn}", "/braket/tags/{arn}"
        return [
            route("POST", "/braket/job", "CreateJob", self._create),
            route("GET", job, "GetJob", self._look),
            route("POST", "/braket/jobs", "SearchJobs", self._search),
            route("PUT", f"{job}/cancel", "CancelJob", self._cancel),
            route("GET", tags, "ListTagsForResource", self._tags),
            route("POST", tags, "TagResource", self._tags),
            route("DELETE", tags, "UntagResource", self._tags),
        ]

    async def _create(self, request: Request, body: bytes) -> Response:
        asked, here = job_creation(body), region(request)
        key, moment, same = (here, asked.client_token), _now(), msgspec.json.decode(body)
        before = self._created.get(key)
        if before is not None and moment - before[0] <= self._emulator.remembers:
            if before[1] != same:
                raise Refusal(CONFLICT, "The client token has been used for another request")
            return replies.json({"jobArn": before[2]}, 201)
        self._check(asked, here)
        fault: Fault | None = request.state.fault
        job = HybridJob(
            asked,
            region=here,
            endpoint=_endpoint(request),
            now=self._emulator.moment,
            fails=(fault.body or "scripted failure") if fault is not None and fault.kind == "fail" else None,
        )
        self._created[key] = (moment, same, job.id)
        self._accept(job)
        return replies.json({"jobArn": job.id}, 201)

    def _check(self, asked: JobCreation, here: str) -> None:
        """Raises `Refusal` for a job that cannot be."""
        if asked.role_arn != ROLE:
            raise invalid(f"The role {asked.role_arn} does not exist, or Amazon Braket may not assume it")
        device = asked.device_config.device
        if _LOCAL.fullmatch(device) is None:
            self._emulator.usable(device, here)
        if place(asked.output_data_config.s3_path)[0] in self._emulator.store.foreign:
            raise invalid("The S3 bucket cannot be written to")
        if any(job.about.job_name == asked.job_name and job.region == here for job in self.jobs):
            raise Refusal(CONFLICT, f"A hybrid job with the name {asked.job_name} already exists")
        most = self.settings.instances
        if self.queue.is_full or (most is not None and asked.instances > most):
            raise Refusal("ServiceQuotaExceededException", "The number of instances of hybrid jobs is exceeded")

    async def _look(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job = self._wanted(request)
        found = braket_jobs_state.document(job, tells_count=self.settings.tells_count)
        if "QueueInfo" in request.query_params.getlist("additionalAttributeNames"):
            found["queueInfo"] = braket_jobs_state.queue_info(job, self.queue.ahead(job))
        return replies.json(found)

    async def _search(self, request: Request, body: bytes) -> Response:
        asked: JobSearch = braket_payload.decode(body, JobSearch)
        then, here = _now() - self._emulator.search_lag, region(request)
        newest_first = [job for job in reversed(self.jobs) if job.region == here]
        found = list(braket_jobs_search.matching(asked, newest_first, lambda job: job.status_at(then)))
        page = self._emulator.paged("jobs", found, asked)
        page["jobs"] = [braket_jobs_state.summary(job, word) for job, word in page["jobs"]]
        return replies.json(page)

    async def _cancel(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job, seconds, loop = self._wanted(request), self._emulator.cancelling, asyncio.get_running_loop()
        if job.is_over:
            raise Refusal(CONFLICT, f"Cannot cancel a hybrid job in status {job.status}")
        if job.status != "CANCELLING":
            if job.state is S.RUNNING:
                job.cancelling()
                loop.call_later(seconds, job.cancel_asked.set)
            elif seconds:
                job.cancelling()
                loop.call_later(seconds, self.queue.interrupt, job)
            else:
                self.queue.interrupt(job)
        return replies.json({"jobArn": job.id, "cancellationStatus": job.status})

    def _wanted(self, request: Request) -> HybridJob:
        found = self.queue.jobs.get(unquote(request.path_params["arn"]))
        if not isinstance(found, HybridJob) or found.region != region(request):
            raise Refusal(NOT_FOUND, "Hybrid job not found")
        return found

    # --- tags, of hybrid jobs alone ---------------------------------------------------------------------------------
    async def _tags(self, request: Request, body: bytes) -> Response:
        job = self._wanted(request)
        if request.method == "GET":
            return replies.json({"tags": job.tags})
        if request.method == "POST":
            job.tags |= braket_payload.decode(body, _Tags).tags
        for name in request.query_params.getlist("tagKeys"):
            job.tags.pop(name, None)
        return replies.json({})

    # --- running ------------------------------------------------------------------------------
    def start(self) -> None:
        """Let jobs run. What was under way when the emulator was stopped begins anew."""
        for job in self.jobs:
            if not job.is_over:
                job.again()
        self.queue.start()

    async def stop(self) -> None:
        """End what runs, and remove its folders."""
        await self.queue.stop()
        self.programs.close()

    def _keys(self) -> Keys | None:
        accepted = self._emulator.tokens.accepted
        return None if accepted is None else Keys.read(accepted)

    def _accept(self, job: HybridJob) -> None:
        """Where results are fixed and nothing takes time, it is over at once, as a task is."""
        if self._emulator.pattern and not (self.queue.queue or self.queue.duration or job.fails):
            self.queue.jobs[job.id] = job
            self._save(job)
            job.end(S.COMPLETED)
        else:
            self.queue.accept(job)

    def _save(self, job: HybridJob) -> None:
        self.programs.keep(job, braket_jobs_run.saved({"bits": self._emulator.pattern}))

    async def _run(self, job: Job, _: int) -> bytes:
        assert isinstance(job, HybridJob)
        invention = self._invented.get(job.id)
        if invention is not None:
            await self._make_up(job, invention)
        elif self._emulator.pattern:
            self._save(job)
        else:
            await self.programs.run(job)
        return b""

    async def _make_up(self, job: HybridJob, invention: Invention) -> None:
        if not invention.streams:
            about = {"lines": invention.lines, "rate": invention.rate, "since": _now()}
            names = [job.stream(number) for number in range(1, job.about.instances + 1)]
            invention.streams = [self._emulator.logs.invent(job.region, name, **about) for name in names]
        job.happened("RUNNING", "The hybrid job is running.")
        first = invention.streams[0]
        try:
            async with asyncio.timeout_at(first.since + first.length / first.rate):
                await job.cancel_asked.wait()
        except TimeoutError:
            self.programs.keep(job, invention.results)
            return
        job.was_ended = True
        for stream in invention.streams:
            stream.stop(_now())


class _Tags(Struct, frozen=True):
    tags: dict[str, str]


def _now() -> float:
    return asyncio.get_running_loop().time()


def _endpoint(request: Request) -> str:
    """Where the program of a job finds the emulator."""
    server = request.scope.get("server")
    return f"http://127.0.0.1:{server[1]}" if server else ""
