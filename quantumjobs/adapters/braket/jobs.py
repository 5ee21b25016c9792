"""The I/O half of hybrid jobs: the service's requests about them, their logs, their metrics and their files."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from quantumjobs.abc import (
    Accepted,
    Answer,
    CancelReply,
    Child,
    Children,
    Gone,
    LogPage,
    Piece,
    Raw,
    Remote,
    Sending,
    Status,
    Surveyed,
    Unreadable,
)
from quantumjobs.adapters.braket import jobs_logs, jobs_payload, jobs_searching, searching
from quantumjobs.adapters.braket.alike import PAGES, Survey, cancelled, is_on_its_way, pages
from quantumjobs.adapters.braket.connections import Connections
from quantumjobs.adapters.braket.endpoints import NAMES, region_of
from quantumjobs.adapters.braket.jobs_about import About, device_of
from quantumjobs.adapters.braket.jobs_messages import Created, Found, HybridJob, status_of
from quantumjobs.adapters.braket.jobs_storage import JobStorage
from quantumjobs.adapters.braket.messages import Found as FoundTasks
from quantumjobs.adapters.braket.messages import json
from quantumjobs.adapters.braket.replies import checked
from quantumjobs.adapters.braket.roles import role
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from quantumjobs.wire import decode, shown, step

S = JobState
_QUEUE = "?additionalAttributeNames=QueueInfo"


class HybridJobs:
    """One account's hybrid jobs in one region; those of other regions are asked about where their ARN says they are.

    `wall` gives seconds since the epoch.
    """

    survey_from = 10
    per_page = 100
    worth = 5

    def __init__(self, connections: Connections, storage: JobStorage, *, wall: Callable[[], float]) -> None:
        self._to = connections
        self._storage = storage
        self._wall = wall
        self._surveyed = Survey(lambda status: status.state is not None and status.state.is_terminal)
        """Where the files of one that has ended are, only a look tells."""

    # --- submitting ---------------------------------------------------------------------------
    async def describe(self, backend: str) -> bytes:
        """`jobs_about.About` as JSON: where files go, and the role that a job takes when none is given."""
        device = device_of(backend, self._to.settings.devices)
        bucket, prefix = await self._storage.place(_region(device))
        found, why = (self._to.settings.job_role, "") if self._to.settings.job_role else await role(self._to.roles())
        return msgspec.json.encode(About(device=device, bucket=bucket, prefix=prefix, role=found, why_no_role=why))

    async def stage(self, sending: Sending) -> None:
        """Upload the sources and inputs, and copy the checkpoints that the job is to begin with: all of it is free."""
        payload = jobs_payload.decode(sending.payload)
        asked = msgspec.json.decode(payload.body)
        place = self._place(sending, asked)
        region = _region(sending.details.get("device", ""))
        await self._storage.ensure(place.bucket, region)
        if payload.archive:
            await self._storage.put(place, jobs_payload.SOURCE, payload.archive, region)
        for name, body in payload.files.items():
            await self._storage.put(place, f"input/{name}", body, region)
        if payload.copy_from:
            job = await self._asked(payload.copy_from)
            if job.checkpoint_config is None or not job.checkpoint_config.s3_uri:
                raise ProviderRejected(f"braket: {payload.copy_from} has no checkpoints to copy", provider="braket")
            to = jobs_payload.completed(asked, place, token=sending.token, role="")["checkpointConfig"]["s3Uri"]
            await self._storage.copy(job.checkpoint_config.s3_uri, to, region, of=region_of(payload.copy_from))

    async def submit(self, sending: Sending) -> Accepted:
        """One POST, with our token as the service's key.

        A conflict is one about the name or the token: where what was there first is this very job, of an attempt
        whose answer was lost, it is that one; somebody else's is never taken.
        """
        asked = msgspec.json.decode(jobs_payload.decode(sending.payload).body)
        body = jobs_payload.completed(
            asked, self._place(sending, asked), token=sending.token, role=sending.details.get("role", "")
        )
        wire = self._to.braket(_region(sending.details.get("device", "")))
        try:
            reply = checked(await wire.submit("/job", json(body)), "the submit", taken=True)
        except ProviderRejected as error:
            if error.code != "ConflictException":
                raise
            ours, others = await self._named(sending)
            if not ours:
                # A name is one job's only: as long as it is another's, none of our requests was taken.
                error.certain = bool(others)
                raise
            return Accepted(remote_id=ours[0])
        created = decode(reply.body, Created, provider="braket", what="the answer to the submit")
        if not jobs_searching.is_job(created.job_arn):
            raise ProviderProtocolError("braket: the answer to the submit has no job's ARN", provider="braket")
        told = Status(state=S.QUEUED, details={"name": body["jobName"]})
        return Accepted(remote_id=created.job_arn, status=told)

    def _place(self, sending: Sending, asked: dict[str, Any]) -> jobs_payload.Place:
        details = sending.details
        name = jobs_payload.name_of(asked, sending.token)
        return jobs_payload.place_of(details["bucket"], details["prefix"], name, sending.token)

    async def find(self, sending: Sending) -> Sequence[str]:
        """Jobs of that name whose results were to go where only this submission's go."""
        return (await self._named(sending))[0]

    async def _named(self, sending: Sending) -> tuple[Sequence[str], Sequence[str]]:
        """Jobs of that name that were created since: this submission's, oldest first, and others'."""
        asked = msgspec.json.decode(jobs_payload.decode(sending.payload).body)
        name = jobs_payload.name_of(asked, sending.token)
        region = _region(sending.details.get("device", ""))
        matching: dict[str, float] = {}
        others: list[str] = []
        more: str | None = None
        search = functools.partial(self._searched, region=region)
        async for found in pages(search, jobs_searching.around(sending, ahead=self._to.ahead)):
            for job in jobs_searching.jobs(found):
                if job.job_name != name:
                    continue
                if await self._is_of(job.job_arn, sending.token):
                    matching[job.job_arn] = job.created_at.timestamp() if job.created_at else 0.0
                else:
                    others.append(job.job_arn)
            more = found.next_token
        if more and not matching:  # not a proof that it is not there: too many have been created since
            raise ProviderUnavailable(
                f"braket: the job was not among {PAGES * self.per_page} that were created at that time",
                provider="braket",
                sent=False,
            )
        return sorted(matching, key=matching.__getitem__), others

    async def _is_of(self, arn: str, token: str) -> bool:
        """Our token is the service's key for it, too; what it shows of that is where its results go."""
        output = (await self._asked(arn)).output_data_config
        return output is not None and f"/{token}/" in f"{output.s3_path}/"

    async def _searched(self, body: Mapping[str, Any], region: str = "") -> Found:
        what = "the search for jobs"
        reply = await self._to.braket(region).request("POST", "/jobs", json(body))
        return decode(checked(reply, what).body, Found, provider="braket", what=what)

    # --- looking ------------------------------------------------------------------------------
    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """One GET a job."""
        return {job.id: await self._look(job.id) for job in jobs}

    async def _look(self, arn: str) -> Answer:
        if not jobs_searching.is_job(arn):
            return Gone(f"braket: {shown(arn)} is not the ARN of a hybrid job")
        try:
            job = await self._asked(arn)
        except ProviderRejected as error:
            if error.code == "ResourceNotFoundException":
                return Gone(str(error))
            raise
        except ProviderProtocolError as error:
            return Unreadable(str(error))
        if job.job_arn != arn:
            return Unreadable(f"braket: asked about {arn}, and was told about {shown(job.job_arn)}")
        return status_of(job)

    async def _asked(self, arn: str) -> HybridJob:
        return decode(await self._body(arn), HybridJob, provider="braket", what="the answer about the job")

    async def _body(self, arn: str) -> bytes:
        reply = await self._to.braket(region_of(arn)).get(f"/job/{step(arn)}{_QUEUE}")
        return checked(reply, "the look").body

    async def metadata(self, job: Remote) -> bytes:
        """The answer of GetJob, as it is."""
        return await self._body(job.id)

    async def survey(self, jobs: Sequence[Remote], after: str = "") -> Surveyed:
        """One page of all jobs created since the oldest of these. Raises as `poll` does; see `alike.Survey`."""
        found = await self._searched(jobs_searching.window(jobs, after=after, ahead=self._to.ahead))
        told = ((job.job_arn, status_of(job)) for job in jobs_searching.jobs(found))
        return self._surveyed.page(told, {job.id for job in jobs}, after=after, more=found.next_token or "")

    async def cancel(self, job: Remote) -> CancelReply:
        """Without a body, unlike a task's; see `alike.cancelled`."""
        if not jobs_searching.is_job(job.id):
            return CancelReply.TOO_LATE
        reply = await self._to.braket(region_of(job.id)).request("PUT", f"/job/{step(job.id)}/cancel")
        return await cancelled(reply, lambda: self._look(job.id))

    # --- files --------------------------------------------------------------------------------
    async def fetch(self, job: Remote) -> Raw:
        """What the program saved, out of its archive: of that nothing else is kept."""
        output, completed = await self._output(job)
        try:
            return await self._storage.saved(output, region_of(job.id))
        except ProviderRejected as error:
            if is_on_its_way(error, completed=completed, now=self._wall() + self._to.ahead):
                raise ProviderUnavailable(str(error), provider="braket", sent=False) from error
            raise

    async def piece(self, job: Remote, at: int, tag: str = "") -> Piece:
        """Of the archive that the service has made of the program's files."""
        output, completed = await self._output(job)
        try:
            return await self._storage.piece(output, region_of(job.id), at, tag)
        except ProviderRejected as error:
            if is_on_its_way(error, completed=completed, now=self._wall() + self._to.ahead):
                raise ProviderUnavailable(str(error), provider="braket", sent=False) from error
            raise

    async def _output(self, job: Remote) -> tuple[str, str]:
        """Where its files are, and when it completed, if so: as it was told, or where that is not known, as it is now."""
        details = job.details
        if not details.get("output"):
            answer = await self._look(job.id)
            if isinstance(answer, Gone):
                raise ProviderRejected(answer.reason, provider="braket")
            details = answer.details if isinstance(answer, Status) else {}
        if not details.get("output"):
            raise ProviderUnavailable(
                f"braket: where the files of {job.id} are is not to be learnt now", provider="braket", sent=False
            )
        return details["output"], details.get("completed", "")

    # --- what it writes -------------------------------------------------------------------------
    async def log_streams(self, job: Remote) -> Sequence[str]:
        """One stream for each instance of the job."""
        return await jobs_logs.streams(self._to.logs(region_of(job.id)), await self._prefix(job))

    async def log_page(self, job: Remote, stream: str, after: str = "") -> LogPage:
        """GetLogEvents."""
        return await jobs_logs.page(self._to.logs(region_of(job.id)), stream, after)

    async def metric_page(self, job: Remote, after: str = "") -> LogPage:
        """FilterLogEvents: unlike a query it has no limit, no price, and no time in which it must be answered."""
        return await jobs_logs.metrics(self._to.logs(region_of(job.id)), await self._prefix(job), after)

    async def _prefix(self, job: Remote) -> str:
        name = job.details.get("name") or (await self._asked(job.id)).job_name
        return jobs_searching.stream_prefix(job.id, name)

    async def children(self, job: Remote, after: str = "") -> Children:
        """Quantum tasks that were created with the job's token."""
        body = jobs_searching.of_job(job.id, after=after)
        what = "the search for tasks"
        reply = await self._to.braket(region_of(job.id)).request("POST", "/quantum-tasks", json(body))
        found = decode(checked(reply, what).body, FoundTasks, provider="braket", what=what)
        tasks = [task for task in searching.tasks(found) if searching.is_task(task.quantum_task_arn)]
        short = {arn: name for name, arn in NAMES.items()}
        made = [
            Child(
                task.quantum_task_arn,
                short.get(task.device_arn or "", task.device_arn or ""),
                task.created_at.timestamp() if task.created_at is not None else 0.0,
            )
            for task in tasks
        ]
        return Children(made, found.next_token or "")

    async def drop_connections(self) -> None:
        """After a suspend they are dead."""
        await self._to.drop()


def _region(device: str) -> str:
    """Of a device that is in one; a simulator, or one that the program brings, is anywhere."""
    return region_of(device) if device.startswith("arn:") else ""
