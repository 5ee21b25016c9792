"""Amazon Braket's quantum tasks, with as much of S3 and STS as they need, behind one port."""

from __future__ import annotations

import asyncio
import functools
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
    braket_payload,
    braket_refusals,
    braket_run,
    braket_search,
    braket_tasks,
    replies,
)
from quantumjobs.testing.emulators.braket_devices import DEVICES, Device
from quantumjobs.testing.emulators.braket_door import region
from quantumjobs.testing.emulators.braket_frame import SignedEmulator
from quantumjobs.testing.emulators.braket_payload import Cancellation, Creation
from quantumjobs.testing.emulators.braket_refusals import NOT_FOUND, Refusal, invalid
from quantumjobs.testing.emulators.braket_run import Outcome
from quantumjobs.testing.emulators.braket_search import DeviceSearch, Search
from quantumjobs.testing.emulators.braket_store import Store
from quantumjobs.testing.emulators.braket_tasks import ACCOUNT, BraketTask
from quantumjobs.testing.emulators.faults import Fault
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
        *("fetch", "head", "put", "delete", "list", "bucket", "identity"),
    )

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
        super().__init__(quotas=quotas, clock_offset=clock_offset, **settings)

    def routes(self) -> list[Route]:
        get, post = functools.partial(self.route, "GET"), functools.partial(self.route, "POST")
        put, head, delete = (functools.partial(self.route, method) for method in ("PUT", "HEAD", "DELETE"))
        key, bucket = "/s3/{bucket}/{key:path}", "/s3/{bucket}"
        store = self.store
        made = [
            post("/braket/quantum-task", "submit", self._create),
            get("/braket/quantum-task/{arn}", "poll", self._task),
            put("/braket/quantum-task/{arn}/cancel", "cancel", self._cancel),
            post("/braket/quantum-tasks", "survey", self._search),
            get("/braket/device/{arn}", "describe", self._device),
            post("/braket/devices", "backends", self._search_devices),
            post("/sts/", "identity", self._identity),
        ]
        for path in (bucket, f"{bucket}/"):
            made += [
                head(path, "head", store.bucket),
                get(path, "list", store.list),
                put(path, "bucket", store.bucket),
                delete(path, "bucket", store.bucket),
            ]
        objects = [(head, "head", store.fetch), (get, "fetch", store.fetch), (put, "put", store.keep)]
        return [*made, *(how(key, name, what) for how, name, what in objects), delete(key, "delete", store.remove)]

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
        document = {**_listed(device), "deviceCapabilities": msgspec.json.encode(told).decode()}
        return replies.json(document | {"deviceQueueInfo": [queue]})

    async def _search_devices(self, request: Request, body: bytes) -> Response:
        asked: DeviceSearch = braket_payload.decode(body, DeviceSearch)
        wanted = {arn for one in asked.filters for arn in one.values}
        here = region(request)
        found = [one for one in self.devices.values() if one.region in ("", here) and (not wanted or one.arn in wanted)]
        return replies.json(self._paged("devices", [_listed(one) for one in found], asked))

    def _known(self, arn: str, here: str) -> Device | None:
        found = self.devices.get(arn)
        return found if found is not None and found.region in ("", here) else None

    def _paged(self, name: str, found: Sequence[Any], asked: Search | DeviceSearch) -> dict[str, Any]:
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
        device = self._usable(asked, here)
        work = braket_payload.work(asked, device)
        if asked.output_s3_bucket in self.store.foreign:
            raise invalid("The S3 bucket cannot be written to")
        if self.queue.is_full or self._is_busy(device, here):
            raise Refusal("ServiceQuotaExceededException", "The number of concurrent tasks is exceeded")
        fault: Fault | None = request.state.fault
        fails = (fault.body or "scripted failure") if fault is not None and fault.kind == "fail" else None
        task = BraketTask(work, asked, device=device, region=here, now=self.now, store=self._store, fails=fails)
        self._created[key] = (moment, same, task.id)
        self.queue.accept(task)
        return replies.json({"quantumTaskArn": task.id}, 201)

    def _usable(self, asked: Creation, here: str) -> Device:
        device = self._known(asked.device_arn, here)
        if device is None:
            raise invalid(f"Device {asked.device_arn} is not available in {here}")
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
        page = self._paged("quantumTasks", found, asked)
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
        return [job for job in self.jobs.values() if isinstance(job, BraketTask)]

    def _wanted(self, request: Request) -> BraketTask:
        found = self.jobs.get(unquote(request.path_params["arn"]))
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

    # --- STS ----------------------------------------------------------------------------------
    async def _identity(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        if b"Action=GetCallerIdentity" not in body:
            raise Refusal("InvalidAction", "Could not find operation for version 2011-06-15", 400)
        return braket_refusals.xml(
            '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            f"<Arn>arn:aws:iam::{ACCOUNT}:user/emulated</Arn><UserId>AIDAEMULATED</UserId><Account>{ACCOUNT}</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>"
        )


def _listed(device: Device) -> dict[str, Any]:
    return {
        "deviceArn": device.arn,
        "deviceName": device.name,
        "providerName": device.provider,
        "deviceType": device.type,
        "deviceStatus": device.status,
    }
