"""The I/O half of the cloud: AQT's five requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from quantumjobs.abc import Accepted, Answer, CancelReply, Gone, Raw, Remote, Sending, Status, Unreadable
from quantumjobs.adapters.aqt.messages import (
    STATES,
    UNKNOWN_JOB,
    About,
    ResourceDetails,
    Response,
    ResultReply,
    SubmitReply,
    Workspace,
)
from quantumjobs.adapters.aqt.replies import GONE, checked, explained
from quantumjobs.adapters.aqt.schemas import BODY, CLOUD
from quantumjobs.core.records import Progress
from quantumjobs.core.states import TERMINAL, JobState
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, unknown_name
from quantumjobs.wire import Wire, decode, shown, step

API = "/api/v1"
_STALE = frozenset({"404", "422"})  # of a submit: the resource moved, or its limits changed
_CANCELLED = frozenset({204, 208})  # now, or already


class CloudAdapter:
    """One account at one portal."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    # --- what there is ----------------------------------------------------------------------
    async def describe(self, backend: str) -> bytes:
        """`messages.About` as JSON. Two requests."""
        workspace, _, resource = backend.partition("/")
        found = await self._workspaces()
        names = [f"{one.id}/{each.id}" for one in found for each in one.resources]
        if backend not in names:
            problem = unknown_name("resource", backend, names, where="aqt")
            raise ProviderRejected(str(problem), provider="aqt", code="404")
        reply = await self._wire.get(f"{API}/resources/{step(resource)}")
        details = decode(
            checked(reply, f"the question about {resource!r}").body,
            ResourceDetails,
            provider="aqt",
            what="the resource's description",
        )
        accepting = all(one.accepting_job_submissions for one in found if one.id == workspace)
        about = About(
            family="cloud",
            workspace=workspace,
            resource=resource,
            name=details.name,
            type=details.type,
            status=details.status,
            qubits=details.available_qubits,
            accepting_job_submissions=accepting,
            characterisation=details.characterisation,
        )
        return msgspec.json.encode(about)

    async def backends(self) -> Sequence[str]:
        """`<workspace>/<resource>` of everything this account may use."""
        return [f"{one.id}/{each.id}" for one in await self._workspaces() for each in one.resources]

    async def _workspaces(self) -> list[Workspace]:
        reply = checked(await self._wire.get(f"{API}/workspaces"), "the question about workspaces")
        return decode(reply.body, list[Workspace], provider="aqt", what="the list of workspaces")

    # --- a job ------------------------------------------------------------------------------
    async def submit(self, sending: Sending) -> Accepted:
        """One POST. AQT has no key that would make a second one harmless."""
        workspace, _, resource = sending.backend.partition("/")
        reply = await self._wire.submit(f"{API}/submit/{step(workspace)}/{step(resource)}", sending.payload)
        try:
            checked(reply, "the submit", taken=True)
        except ProviderRejected as error:
            error.stale_description = error.code in _STALE
            raise
        accepted = decode(reply.body, SubmitReply, provider="aqt", what="the answer to the submit")
        return Accepted(remote_id=accepted.job.job_id, status=_status(accepted.response, None, b""))

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """One GET a job; that of a finished one carries its result."""
        return {job.id: await self._look(job) for job in jobs}

    async def _look(self, job: Remote) -> Answer:
        reply = await self._wire.get(f"{API}/result/{step(job.id)}")
        if reply.status in GONE:
            return Gone(shown(explained(reply.body)) or f"aqt answered {reply.status}")
        checked(reply, "the look")
        found = decode(reply.body, ResultReply, provider="aqt", what="the answer about the job")
        if found.response is None:
            if found.message == UNKNOWN_JOB:  # the other way to say 404
                return Gone(shown(found.message))
            return Unreadable("aqt: the answer about the job has no word on it")
        if found.job is not None and found.job.job_id != job.id:
            return Unreadable(f"aqt: asked about job {job.id}, and was told about {shown(found.job.job_id)}")
        return _status(found.response, _total(job), reply.body)

    async def cancel(self, job: Remote) -> CancelReply:
        """A queued job is not started; a running one stops after its current circuit. A look shows which."""
        reply = await self._wire.request("DELETE", f"{API}/jobs/{step(job.id)}")
        if reply.status in {*GONE, 409}:
            return CancelReply.TOO_LATE
        if checked(reply, "the cancel").status not in _CANCELLED:  # somebody else's page must not pass for a yes
            raise ProviderProtocolError(f"aqt: the cancel was answered {reply.status}", provider="aqt")
        return CancelReply.CONFIRMED

    async def drop_connections(self) -> None:
        """After a suspend they are dead."""
        await self._wire.drop_connections()


def _total(job: Remote) -> int | None:
    told = job.details.get("circuits", "")
    return int(told) if told.isdecimal() else None


def _status(response: Response, total: int | None, body: bytes) -> Status:
    state = STATES.get(response.status)
    progress = None
    if total is not None:
        done = total if state is JobState.COMPLETED else response.finished_count
        progress = Progress(max(0, min(done, total)), total) if done is not None else None
    has_result = response.result is not msgspec.UNSET and state in TERMINAL
    return Status(
        state=state,
        raw_status=response.status,
        progress=progress,
        reason=shown(response.message),
        result=Raw(CLOUD, {BODY: body}) if has_result and body else None,
    )
