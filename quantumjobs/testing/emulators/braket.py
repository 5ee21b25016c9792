"""Amazon Braket's quantum tasks and hybrid jobs, with as much of S3, STS, IAM and CloudWatch Logs as they need.

All of it is behind one port, on loopback. Entry points of hybrid jobs run with the rights of whoever serves it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from math import inf
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.core.states import JobState as S
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import (
    braket_capabilities,
    braket_documents,
    braket_jobs,
    braket_logs,
    braket_payload,
    braket_roles,
    braket_run,
    braket_search,
    braket_tasks,
    replies,
)
from quantumjobs.testing.emulators.braket_devices import DEVICES, Device
from quantumjobs.testing.emulators.braket_door import region
from quantumjobs.testing.emulators.braket_frame import SignedEmulator
from quantumjobs.testing.emulators.braket_jobs import HybridJobs, HybridSettings
from quantumjobs.testing.emulators.braket_jobs_search import JobSearch
from quantumjobs.testing.emulators.braket_logs import Logs
from quantumjobs.testing.emulators.braket_logs_store import LogSettings
from quantumjobs.testing.emulators.braket_payload import Cancellation, Creation
from quantumjobs.testing.emulators.braket_refusals import NOT_FOUND, Refusal, invalid
from quantumjobs.testing.emulators.braket_run import Outcome
from quantumjobs.testing.emulators.braket_search import DeviceSearch, Search
from quantumjobs.testing.emulators.braket_store import Store
from quantumjobs.testing.emulators.braket_tasks import BraketTask
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.frame import JOB_LIMIT
from quantumjobs.testing.emulators.jobs import Job
from quantumjobs.workers.aer import SEED_STEP, wrap_seed

_FAR = 4000
"""Places in a device's queue that are told exactly."""


class BraketEmulator(SignedEmulator):
    """Serves `devices`, and buckets, of which those called `foreign` are another account's; see `Emulator`, too.

    Executable *i* of a task is seeded with `seed + 2113 * i`. All devices share one queue. `token` is what requests are
    to be signed with: `access-key:secret`, or `access-key:secret:session-token`. Without one every signature is let in, if
    it is whole and its time is right.

    `quotas` limit requests: True for those that are documented, or of some operations (a second, at once). `concurrent`
    tasks of a simulator may be under way. A search shows what was `search_lag` seconds ago, in pages of `page` at most. A cancelled task
    is so after `cancelling` seconds, unless it is over before. A client's token is remembered for `remembers` seconds.
    Results of program sets are `spilled` into many objects. The services' clock is `clock_offset` seconds ahead.
    """

    operations = (
        *("submit", "poll", "cancel", "survey", "describe", "backends"),
        *("fetch", "head", "put", "delete", "list", "bucket", "upload", "identity", "ListRoles"),
        *braket_jobs.OPERATIONS,
        *braket_logs.OPERATIONS,
    )
    submitting = ("submit", "CreateJob")

    def __init__(
        self,
        *,
        devices: Sequence[Device] = DEVICES,
        quotas: bool | Mapping[str, tuple[float, float]] = False,
        concurrent: int | None = None,
        search_lag: float = 0.0,
        page: int = braket_search.PAGE,
        cancelling: float = 0.0,
        remembers: float = inf,
        spilled: bool = False,
        foreign: Collection[str] = (),
        clock_offset: float = 0.0,
        hybrid: HybridSettings | None = None,
        logs: LogSettings | None = None,
        **settings: Any,
    ) -> None:
        if page < 1 or search_lag < 0 or cancelling < 0:
            raise UsageError("page is 1 or more; search_lag and cancelling are no less than 0 seconds")
        self.devices = {one.arn: one for one in devices}
        self.concurrent = concurrent
        self.search_lag = search_lag
        self.page = page
        self.cancelling = cancelling
        self.remembers = remembers
        self.spilled = spilled
        self.store = Store(self.now, foreign)
        self._created: dict[tuple[str, str], tuple[float, Any, str]] = {}
        """By region and the client's token: when, what, and the ARN."""
        self._origin: tuple[asyncio.AbstractEventLoop, float] | None = None
        self.logs = Logs(logs or LogSettings(), lambda: int(self.moment() * 1000))
        queue = {name: settings.get(name, 0.0) for name in ("queue", "duration")}
        limit = settings.get("job_limit", JOB_LIMIT)
        self.hybrid = HybridJobs(self, hybrid or HybridSettings(), limit=limit, **queue)
        super().__init__(quotas=quotas, clock_offset=clock_offset, **settings)

    @property
    def jobs(self) -> dict[str, Job]:
        """Tasks and hybrid jobs, by ARN."""
        return {**self.queue.jobs, **self.hybrid.queue.jobs}

    @property
    def stats(self) -> dict[str, Any]:
        cancels = self.requests["cancel"] + self.requests["CancelJob"]
        return super().stats | {"cancels": cancels, "hybrid_jobs": len(self.hybrid.queue.jobs)}

    def moment(self) -> float:
        """The services' clock as hybrid jobs and their logs have it: it goes as the loop's does, which may be faster."""
        loop = asyncio.get_running_loop()
        if self._origin is None or self._origin[0] is not loop:
            self._origin = loop, time.time() - loop.time()
        return self._origin[1] + loop.time() + self.clock_offset

    def routes(self) -> list[Route]:
        route = self.route
        return [
            route("POST", "/braket/quantum-task", "submit", self._create),
            route("GET", "/braket/quantum-task/{arn}", "poll", self._task),
            route("PUT", "/braket/quantum-task/{arn}/cancel", "cancel", self._cancel),
            route("POST", "/braket/quantum-tasks", "survey", self._search),
            route("GET", "/braket/device/{arn}", "describe", self._device),
            route("POST", "/braket/devices", "backends", self._search_devices),
            route("POST", "/sts/", "identity", braket_roles.identity),
            route("POST", "/iam/", "ListRoles", braket_roles.list_roles),
            *self.hybrid.routes(),
            *self.logs.routes(route),
            *self.store.routes(route),
        ]

    # --- devices ------------------------------------------------------------------------------
    async def _device(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        device = self._known(unquote(request.path_params["arn"]), region(request))
        if device is None:
            raise Refusal(NOT_FOUND, "Device not found")
        openqasm = braket_capabilities.knows_openqasm(request.headers.get("user-agent", ""))
        told = braket_capabilities.capabilities(device, openqasm=openqasm)
        ahead = sum(job.state is S.QUEUED and job.about.device_arn == device.arn for job in self._tasks())
        size = str(ahead) if ahead <= _FAR else f">{_FAR}"
        queue = {"queue": "QUANTUM_TASKS_QUEUE", "queueSize": size, "queuePriority": "Normal"}
        document = {**braket_capabilities.listed(device), "deviceCapabilities": msgspec.json.encode(told).decode()}
        return replies.json(document | {"deviceQueueInfo": [queue]})

    async def _search_devices(self, request: Request, body: bytes) -> Response:
        asked: DeviceSearch = braket_payload.decode(body, DeviceSearch)
        wanted = {arn for one in asked.filters for arn in one.values}
        here = region(request)
        found = [one for one in self.devices.values() if one.region in ("", here) and (not wanted or one.arn in wanted)]
        return replies.json(self.paged("devices", [braket_capabilities.listed(one) for one in found], asked))

    def _known(self, arn: str, here: str) -> Device | None:
        found = self.devices.get(arn)
        return found if found is not None and found.region in ("", here) else None

    def paged(self, name: str, found: Sequence[Any], asked: Search | DeviceSearch | JobSearch) -> dict[str, Any]:
        """What a search answers. Raises `Refusal` for a token of no page."""
        first = braket_search.start(asked.next_token)
        after = first + min(asked.max_results, self.page)
        more = {"nextToken": f"from-{after}"} if after < len(found) else {}
        return {name: found[first:after], **more}

    # --- tasks --------------------------------------------------------------------------------
    async def _create(self, request: Request, body: bytes) -> Response:
        asked: Creation = braket_payload.decode(body, Creation)
        here, same = region(request), msgspec.json.decode(body)
        key, moment = (here, asked.client_token), asyncio.get_running_loop().time()
        before = self._created.get(key)
        if before is not None and moment - before[0] <= self.remembers:
            if before[1] != same:
                raise invalid("The client token has been used for another request")
            return replies.json({"quantumTaskArn": before[2]}, 201)
        device = self.usable(asked.device_arn, here)
        work = braket_payload.work(asked, device)
        if asked.output_s3_bucket in self.store.foreign:
            raise invalid("The S3 bucket cannot be written to")
        if self.queue.is_full or self._is_busy(device, here):
            raise Refusal("ServiceQuotaExceededException", "The number of concurrent tasks is exceeded")
        job_arn = "" if asked.job_token is None else self.hybrid.of_token(asked.job_token, here).id
        fault: Fault | None = request.state.fault
        fails = (fault.body or "scripted failure") if fault is not None and fault.kind == "fail" else None
        task = BraketTask(
            *(work, asked),
            device=device,
            region=here,
            now=self.now,
            store=self._store,
            fails=fails,
            job_arn=job_arn,
        )
        self._created[key] = (moment, same, task.id)
        self.queue.accept(task)
        return replies.json({"quantumTaskArn": task.id}, 201)

    def usable(self, arn: str, here: str) -> Device:
        """A device that takes tasks. Raises `Refusal`."""
        device = self._known(arn, here)
        if device is None:
            raise invalid(f"Device {arn} is not available in {here}")
        if device.status == "OFFLINE":
            raise Refusal("DeviceOfflineException", "Device is offline")
        if device.status == "RETIRED":
            raise Refusal("DeviceRetiredException", "Device is retired")
        return device

    def _is_busy(self, device: Device, here: str) -> bool:
        if self.concurrent is None or device.type != "SIMULATOR":
            return False
        same = (one for one in self._tasks() if one.device.arn == device.arn and one.region == here)
        return sum(not one.is_over for one in same) >= self.concurrent

    async def _task(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        task = self._wanted(request)
        found = braket_tasks.document(task)
        if "QueueInfo" in request.query_params.getlist("additionalAttributeNames"):
            found["queueInfo"] = braket_tasks.queue_info(task, self.queue.ahead(task))
        task.looked_at()
        return replies.json(found)

    async def _search(self, request: Request, body: bytes) -> Response:
        asked: Search = braket_payload.decode(body, Search)
        then = asyncio.get_running_loop().time() - self.search_lag
        here = [one for one in reversed(self._tasks()) if one.region == region(request)]
        found = list(braket_search.matching(asked, here, lambda task: task.status_at(then)))
        page = self.paged("quantumTasks", found, asked)
        page["quantumTasks"] = [braket_tasks.summary(task, word) for task, word in page["quantumTasks"]]
        return replies.json(page)

    async def _cancel(self, request: Request, body: bytes) -> Response:
        braket_payload.decode(body, Cancellation)
        task = self._wanted(request)
        if task.is_over:
            raise Refusal("ConflictException", f"Cannot cancel a task in status {task.status}")
        if not self.cancelling:
            self.queue.interrupt(task)
        elif task.status != "CANCELLING":
            task.cancelling()
            asyncio.get_running_loop().call_later(self.cancelling, self.queue.interrupt, task)
        return replies.json({"quantumTaskArn": task.id, "cancellationStatus": task.status})

    def _tasks(self) -> list[BraketTask]:
        """In the order of their creation."""
        return [job for job in self.queue.jobs.values() if isinstance(job, BraketTask)]

    def _wanted(self, request: Request) -> BraketTask:
        found = self.queue.jobs.get(unquote(request.path_params["arn"]))
        if not isinstance(found, BraketTask) or found.region != region(request):
            raise Refusal(NOT_FOUND, "Quantum task not found")
        return found

    def _store(self, task: BraketTask) -> None:
        for path, body in braket_documents.objects(task, spilled=self.spilled).items():
            self.store.put(task.about.output_s3_bucket, f"{task.directory}/{path}", body, region=task.region)

    def start(self, *, warm: bool = False) -> None:
        for task in self._tasks():
            if not task.is_over:
                task.again()
        super().start(warm=warm)
        self.hybrid.start()

    async def stop(self) -> None:
        await self.hybrid.stop()
        await super().stop()

    # --- outcomes -----------------------------------------------------------------------------
    async def run_circuit(self, job: Job, place: int) -> bytes:
        assert isinstance(job, BraketTask)
        seed = None if self.seed is None else wrap_seed(self.seed + SEED_STEP * place)
        task = msgspec.structs.replace(job.work.tasks[place], seed=seed)
        memory = braket_run.memory(task.text, task.shots)
        found = await self.work(braket_run.SIMULATE, braket_run.encode(task), memory=memory)
        failure = braket_run.decode(found).failure
        if failure and not job.is_set:
            raise UsageError(failure)
        return found

    def fixed_outcome(self, job: Job, place: int) -> bytes:
        assert isinstance(job, BraketTask)
        task = job.work.tasks[place]
        wide = max(1, braket_run.width(task.text))
        row = ",".join((self.pattern * wide)[:wide])
        rows = f"[{','.join([f'[{row}]'] * task.shots)}]".encode() if task.shots else b""
        return braket_run.encode(Outcome(rows=rows, qubits=tuple(range(wide))))
