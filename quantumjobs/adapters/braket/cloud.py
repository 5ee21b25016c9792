"""The I/O half: the service's requests about devices and quantum tasks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from quantumjobs.abc import (
    Accepted,
    Answer,
    CancelReply,
    Gone,
    Raw,
    Remote,
    Sending,
    Status,
    Surveyed,
    Unreadable,
)
from quantumjobs.adapters.braket import about, searching
from quantumjobs.adapters.braket.alike import PAGES, Survey, cancelled, is_on_its_way, pages
from quantumjobs.adapters.braket.connections import Connections
from quantumjobs.adapters.braket.endpoints import NAMES, arn_of, region_of
from quantumjobs.adapters.braket.messages import (
    STATES,
    Created,
    Device,
    Devices,
    Found,
    Task,
    ahead,
    json,
)
from quantumjobs.adapters.braket.replies import checked
from quantumjobs.adapters.braket.storage import Storage
from quantumjobs.core.costs import RAN
from quantumjobs.core.records import Stamp
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from quantumjobs.wire import decode, shown, step

S = JobState
_QUEUE = "?additionalAttributeNames=QueueInfo"


class BraketAdapter:
    """One account in one region.

    Tasks of other regions are asked about where their ARN says that they are. `wall` gives seconds since the epoch.
    """

    survey_from = 50
    per_page = 100
    worth = 20

    def __init__(self, connections: Connections, storage: Storage, *, wall: Callable[[], float]) -> None:
        self._to = connections
        self._storage = storage
        self._wall = wall
        self._surveyed = Survey(lambda status: status.state is S.FAILED)
        """Why one has failed, only a look tells."""

    # --- what there is ----------------------------------------------------------------------
    async def describe(self, backend: str) -> bytes:
        """`about.About` as JSON: one request, and once for an account one more for its number, if its bucket is used."""
        arn = arn_of(backend, self._to.settings.devices)
        what = f"the question about device {backend!r}"
        reply = await self._to.braket(region_of(arn)).get(f"/device/{step(arn)}")
        device = decode(checked(reply, what).body, Device, provider="braket", what=what)
        found = decode(
            device.device_capabilities.encode(), about.Capabilities, provider="braket", what="the device's capabilities"
        )
        queues = {
            f"{one.queue}{f' ({one.queue_priority})' if one.queue_priority else ''}": str(one.queue_size)
            for one in device.device_queue_info or ()
            if one.queue and one.queue_size is not None
        }
        bucket, prefix = await self._storage.place(region_of(arn))
        return about.encode(
            about.About(
                arn=arn,
                name=device.device_name,
                provider=device.provider_name,
                type=device.device_type,
                status=device.device_status,
                queue=queues,
                capabilities=found,
                task_fee=None if about.is_simulator(arn) else self._to.settings.task_fee,
                bucket=bucket,
                prefix=prefix,
            )
        )

    async def backends(self) -> Sequence[str]:
        """Gate-model or not, whatever the region has and is not retired: by short names where there are such."""
        found: list[str] = []
        async for listed in pages(self._devices, {"filters": [], "maxResults": 100}):
            found += [one.device_arn for one in listed.devices if one.device_status != "RETIRED"]
        short = {arn: name for name, arn in NAMES.items()}
        return [short.get(arn, arn) for arn in dict.fromkeys(found)]

    async def _devices(self, body: Mapping[str, Any]) -> Devices:
        what = "the list of devices"
        reply = await self._to.braket().request("POST", "/devices", json(body))
        return decode(checked(reply, what).body, Devices, provider="braket", what=what)

    # --- a task -----------------------------------------------------------------------------
    async def stage(self, sending: Sending) -> None:
        """The bucket that the service is to write to, made if it is the account's default one and not there yet."""
        await self._storage.ensure(sending.details.get("bucket", ""), region_of(sending.details.get("device", "")))

    async def submit(self, sending: Sending) -> Accepted:
        """One POST, with our token as the service's key and in the place of the results: see `find`."""
        body: dict[str, Any] = msgspec.json.decode(sending.payload)
        body["clientToken"] = sending.token
        if self._to.settings.job_token is not None:  # of the hybrid job that this runs in: it goes before others
            body["jobToken"] = self._to.settings.job_token.reveal()
        body["outputS3KeyPrefix"] = searching.directory(body["outputS3KeyPrefix"], sending.token)
        wire = self._to.braket(region_of(body["deviceArn"]))
        reply = checked(await wire.submit("/quantum-task", json(body)), "the submit", taken=True)
        created = decode(reply.body, Created, provider="braket", what="the answer to the submit")
        if not searching.is_task(created.quantum_task_arn):
            raise ProviderProtocolError("braket: the answer to the submit has no task's ARN", provider="braket")
        return Accepted(remote_id=created.quantum_task_arn)

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """One GET a job."""
        return {job.id: await self._look(job) for job in jobs}

    async def _look(self, job: Remote) -> Answer:
        if not searching.is_task(job.id):
            return Gone(f"braket: {shown(job.id)} is not the ARN of a quantum task")
        path = f"/quantum-task/{step(job.id)}{_QUEUE}"
        try:
            reply = checked(await self._to.braket(region_of(job.id)).get(path), "the look")
        except ProviderRejected as error:
            if error.code == "ResourceNotFoundException":
                return Gone(str(error))
            raise
        try:
            task = decode(reply.body, Task, provider="braket", what="the answer about the task")
        except ProviderProtocolError as error:
            return Unreadable(str(error))
        if task.quantum_task_arn != job.id:
            return Unreadable(f"braket: asked about {job.id}, and was told about {shown(task.quantum_task_arn)}")
        return _status(task)

    async def survey(self, jobs: Sequence[Remote], after: str = "") -> Surveyed:
        """One page of all tasks created since the oldest of these. Raises as `poll` does; see `alike.Survey`."""
        found = await self._searched(searching.window(jobs, after=after, ahead=self._to.ahead))
        told = ((task.quantum_task_arn, _status(task)) for task in searching.tasks(found))
        return self._surveyed.page(told, {job.id for job in jobs}, after=after, more=found.next_token or "")

    async def find(self, sending: Sending) -> Sequence[str]:
        """Tasks whose results were to go where only this job's go."""
        directory = searching.directory("", sending.token)
        matching: dict[str, float] = {}
        more: str | None = None
        search = functools.partial(self._searched, region=region_of(sending.details.get("device", "")))
        async for found in pages(search, searching.around(sending, ahead=self._to.ahead)):
            for task in searching.tasks(found):
                if f"/{task.output_s3_directory or ''}/".find(f"/{directory}/") >= 0:
                    matching[task.quantum_task_arn] = task.created_at.timestamp() if task.created_at else 0.0
            more = found.next_token
        if more and not matching:  # not a proof that it is not there: too many have been created since
            raise ProviderUnavailable(
                f"braket: the task was not among {PAGES * self.per_page} that were created at that time",
                provider="braket",
                sent=False,
            )
        return sorted(matching, key=matching.__getitem__)

    async def _searched(self, body: Mapping[str, Any], region: str = "") -> Found:
        reply = await self._to.braket(region).request("POST", "/quantum-tasks", json(body))
        what = "the search for tasks"
        return decode(checked(reply, what).body, Found, provider="braket", what=what)

    async def fetch(self, job: Remote) -> Raw:
        """From S3: where the task said that it is, or, where that is not known yet, where it says now."""
        bucket, directory, ended = (job.details.get(name, "") for name in ("bucket", "directory", "ended"))
        if not bucket or not directory:
            answer = await self._look(job)
            if isinstance(answer, Gone):
                raise ProviderRejected(answer.reason, provider="braket")
            if not isinstance(answer, Status):
                raise ProviderUnavailable(
                    f"braket: where the results of {job.id} are is not to be learnt now", provider="braket", sent=False
                )
            bucket, directory, ended = (answer.details.get(name, "") for name in ("bucket", "directory", "ended"))
        try:
            return await self._storage.result(bucket, directory, region_of(job.id))
        except ProviderRejected as error:
            if is_on_its_way(error, completed=ended, now=self._wall() + self._to.ahead):
                raise ProviderUnavailable(str(error), provider="braket", sent=False) from error
            raise

    async def cancel(self, job: Remote) -> CancelReply:
        """With a token that is the same for each try; see `alike.cancelled`."""
        if not searching.is_task(job.id):
            return CancelReply.TOO_LATE
        path = f"/quantum-task/{step(job.id)}/cancel"
        body = json({"clientToken": str(uuid5(NAMESPACE_URL, job.id))})
        reply = await self._to.braket(region_of(job.id)).request("PUT", path, body)
        return await cancelled(reply, lambda: self._look(job))

    async def drop_connections(self) -> None:
        """After a suspend they are dead."""
        await self._to.drop()


def _status(task: Task) -> Status:
    state = STATES.get(task.status)
    did = task.action_metadata
    details = {
        "bucket": task.output_s3_bucket,
        "directory": task.output_s3_directory,
        "device": task.device_arn,
        "created": None if task.created_at is None else repr(task.created_at.timestamp()),
        "ended": None if task.ended_at is None else repr(task.ended_at.timestamp()),
        RAN: None if task.num_successful_shots is None else str(task.num_successful_shots),
    }
    timeline = []
    if task.created_at is not None:
        timeline.append(Stamp(task.created_at.timestamp(), "CREATED", "braket"))
    if task.ended_at is not None and state is not None and state.is_terminal:
        timeline.append(Stamp(task.ended_at.timestamp(), task.status, "braket"))
    return Status(
        state=state,
        raw_status=shown(task.status),
        queue_position=ahead(task.queue_info) if state is S.QUEUED else None,
        timeline=tuple(timeline),
        details={name: value for name, value in details.items() if value},
        reason=shown(task.failure_reason or "") if state in (S.FAILED, S.CANCELLED) else "",
        # A program set that failed in part has results of the other part.
        has_result=state is S.COMPLETED
        or (state is S.FAILED and did is not None and did.action_type == about.PROGRAM_SET),
    )
