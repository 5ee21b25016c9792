"""The I/O half: IQM Server's requests about quantum computers and jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from quantumjobs.abc import Accepted, Answer, CancelReply, Gone, Raw, Remote, Sending, Status, Unreadable
from quantumjobs.adapters.iqm import metrics
from quantumjobs.adapters.iqm.messages import (
    DEFAULT,
    STATES,
    About,
    Architecture,
    Computers,
    Heard,
    JobData,
    Least,
    Listed,
    Queue,
    Said,
    Stamped,
    Uncounted,
    json,
)
from quantumjobs.adapters.iqm.replies import GONE, checked, explained
from quantumjobs.adapters.iqm.schemas import BODY, COUNTS, JOB, PAYLOAD, SHOTS
from quantumjobs.core.records import Progress, Stamp
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable, unknown_name
from quantumjobs.wire import Reply, Wire, decode, shown, step

T = TypeVar("T")

API = "/api/v1"
TOO_LATE = "illegal_job_status"
"""The code with which a cancel of a job that has ended is refused."""
_STALE = frozenset({"400", "404", "409", "422"})  # of a submit: the calibration has changed, or a gate is gone
_NOTHING = frozenset({b"", b"null", b"{}"})  # of an answer to a cancel, whose form nobody has published
_LINES = 100  # of a timeline that are kept
_SPLIT = "give circuits_per_job=... to send the list as several jobs, or run shorter circuits"


class ServerAdapter:
    """One account at one server. `computer`: the quantum computer where none is named."""

    def __init__(self, wire: Wire, computer: str | None = None) -> None:
        self._wire = wire
        self._computer = computer

    # --- what there is ----------------------------------------------------------------------
    async def describe(self, backend: str) -> bytes:
        """`messages.About` as JSON, of `<computer>` or `<computer>/<calibration set>`. Four requests."""
        name, _, calibration = backend.partition("/")
        computer = self._chosen(name, await self._computers())
        calibration = calibration or DEFAULT
        place = f"{API}/calibration-sets/{step(computer.alias)}/{step(calibration)}"
        reply, errors, queue = await asyncio.gather(
            self._wire.get(f"{place}/dynamic-quantum-architecture"),
            self._optional(f"{place}/metrics", metrics.Observations, "the quality metrics"),
            self._optional(
                f"{API}/quantum-computers/{step(computer.id or computer.alias)}/queue-availability", Queue, "the queue"
            ),
        )
        checked(reply, f"the question about {computer.alias!r} with calibration set {calibration!r}")
        architecture = decode(reply.body, Architecture, provider="iqm", what="the architecture")
        rates, durations = metrics.read(errors) if errors is not None else ({}, {})
        about = About(
            alias=computer.alias,
            id=computer.id,
            name=computer.display_name or "",
            architecture=architecture,
            errors=rates,
            durations=durations,
            queue_length=queue.queue_length if queue is not None else None,
            available=None if queue is None or queue.available is None else bool(queue.available),
        )
        return json(about)

    async def backends(self) -> Sequence[str]:
        """The aliases of all quantum computers that the server has."""
        return [one.alias for one in await self._computers()]

    async def _computers(self) -> tuple[Listed, ...]:
        reply = checked(await self._wire.get(f"{API}/quantum-computers"), "the question about quantum computers")
        return decode(reply.body, Computers, provider="iqm", what="the list of quantum computers").quantum_computers

    def _chosen(self, name: str, computers: Sequence[Listed]) -> Listed:
        """By alias or id; without a name the account's, or the only one."""
        wanted = name or self._computer or ""
        if not wanted and len(computers) == 1:
            return computers[0]
        found = next((one for one in computers if wanted and wanted in (one.alias, one.id)), None)
        if found is None:
            aliases = [one.alias for one in computers]
            if wanted:
                problem = str(unknown_name("quantum computer", wanted, aliases, where="iqm"))
            else:
                problem = f"iqm: name a quantum computer, iqm/<alias>; the server has {', '.join(aliases) or 'none'}"
            raise ProviderRejected(problem, provider="iqm", code="404")
        return found

    async def _optional(self, path: str, kind: type[T], what: str) -> T | None:
        """What not every server has, and nothing depends on."""
        try:
            return decode(checked(await self._wire.get(path), what).body, kind, provider="iqm", what=what)
        except (ProviderRejected, ProviderProtocolError):
            return None

    # --- a job ------------------------------------------------------------------------------
    async def submit(self, sending: Sending) -> Accepted:
        """One POST. IQM has no key that would make a second one harmless."""
        alias = sending.details.get("alias") or sending.backend.partition("/")[0]
        timeslot = "true" if sending.details.get("use_timeslot") else "false"
        path = f"{API}/jobs/{step(alias)}/circuit?use_timeslot={timeslot}"
        reply = await self._wire.submit(path, sending.payload)
        try:
            checked(reply, "the submit", taken=True)
        except ProviderRejected as error:
            error.stale_description = error.code in _STALE
            if error.code == "413":
                error.args = (f"{error}: {_SPLIT}",)
            raise
        told = _read(reply.body, "the answer to the submit")
        return Accepted(remote_id=told.id, status=_status(told, None))

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """One GET a job."""
        return {job.id: await self._look(job) for job in jobs}

    async def _look(self, job: Remote) -> Answer:
        reply = await self._job(job)
        if reply.status in GONE:
            return Gone(shown(str(explained(reply.body))) or f"iqm answered {reply.status}")
        checked(reply, "the look")
        told = _read(reply.body, "the answer about the job")
        if told.id != job.id:
            return Unreadable(f"iqm: asked about job {job.id}, and was told about {shown(told.id)}")
        return _status(told, _total(job))

    async def _job(self, job: Remote) -> Reply:
        return await self._wire.get(f"{API}/jobs/{step(job.id)}")

    async def fetch(self, job: Remote) -> Raw:
        """The counts, which are small, or the shots where these were asked for or there is nothing else.

        Of a job that somebody else sent also what was sent, which tells of its circuits.
        """
        told = {name: job.details[name] for name in ("calibration_set_id", "messages") if name in job.details}
        blobs = {JOB: json(told)} if told else {}
        memory = job.details.get("memory")
        if memory is None:
            payload = await self._wire.get(f"{API}/jobs/{step(job.id)}/payload")
            if payload.status not in GONE:
                blobs[PAYLOAD] = checked(payload, "the question what was sent").body
        place = f"{API}/jobs/{step(job.id)}/artifacts"
        if memory == "0":
            reply = await self._wire.get(f"{place}/measurement_counts")
            if reply.status not in GONE:
                return Raw(COUNTS, {BODY: _kept(reply, list[Uncounted]), **blobs})
        reply = await self._wire.get(f"{place}/measurements")
        if reply.status in GONE:
            raise await self._missing(job, reply)
        return Raw(SHOTS, {BODY: _kept(reply, list[dict[str, msgspec.Raw]]), **blobs})

    async def _missing(self, job: Remote, refused: Reply) -> ProviderRejected | ProviderUnavailable:
        """Whether a result that is not there is gone for good, or not there yet."""
        reply = await self._job(job)
        if reply.status not in GONE:
            told = _read(checked(reply, "the look").body, "the answer about the job")
            kinds = None if told.artifacts is None else {one.type for one in told.artifacts}
            if kinds is None or "measurements" in kinds:
                return ProviderUnavailable("iqm: the result is not there yet", provider="iqm", sent=False)
        words = shown(str(explained(refused.body)))
        return ProviderRejected(
            f"iqm: the server has no result of it{f': {words}' if words else ''}",
            provider="iqm",
            code=str(refused.status),
        )

    async def cancel(self, job: Remote) -> CancelReply:
        """A waiting job is not started, a running one is interrupted. A look shows which."""
        reply = await self._wire.request("POST", f"{API}/jobs/{step(job.id)}/cancel", b"")
        if reply.status in GONE or (reply.status == 403 and explained(reply.body).error_code == TOO_LATE):
            return CancelReply.TOO_LATE
        checked(reply, "the cancel")
        if reply.body not in _NOTHING:
            said = decode(reply.body, Heard, provider="iqm", what="the answer to the cancel")
            if said == Heard():
                raise ProviderProtocolError("iqm: the answer to the cancel is not the server's", provider="iqm")
        return CancelReply.CONFIRMED

    async def drop_connections(self) -> None:
        """After a suspend they are dead."""
        await self._wire.drop_connections()


def _kept(reply: Reply, form: Any) -> bytes:
    """An artifact. It is kept for good, so somebody else's page must not be taken for one; values are a worker's affair."""
    body = checked(reply, "the question about the result").body
    decode(body, form, provider="iqm", what="the result")
    return body


def _read(body: bytes, what: str) -> JobData:
    """What the server says of a job; where a field is of another kind than it was, the two that count."""
    try:
        return decode(body, JobData, provider="iqm", what=what)
    except ProviderProtocolError as error:
        try:
            least = decode(body, Least, provider="iqm", what=what)
        except ProviderProtocolError:
            raise error from None  # the first says more
        return JobData(id=least.id, status=least.status)


def _total(job: Remote) -> int | None:
    told = job.details.get("circuits", "")
    return int(told) if told.isdecimal() else None


def _status(told: JobData, total: int | None) -> Status:
    state = STATES.get(told.status)
    ended = state is not None and state.is_terminal
    reason, details = _failure(told.errors or ()) if state is JobState.FAILED else ("", {})
    if ended and told.compilation is not None and told.compilation.calibration_set_id:
        details["calibration_set_id"] = shown(told.compilation.calibration_set_id)
    if ended and told.messages:
        details["messages"] = "\n".join(shown(one.words) for one in told.messages[:20])
    return Status(
        state=state,
        raw_status=told.status,
        queue_position=told.queue_position if told.queue_position is None or told.queue_position >= 0 else None,
        progress=_progress(told, total, state),
        timeline=tuple(stamp for line in (told.timeline or ())[-_LINES:] if (stamp := _stamp(line)) is not None),
        details=details,
        reason=reason,
        has_result=state is JobState.COMPLETED,
    )


def _progress(told: JobData, total: int | None, state: JobState | None) -> Progress | None:
    labels = (told.execution.progress if told.execution is not None else None) or {}
    count = labels.get("circuits")
    if count is not None and count.max_value > 0:
        total = count.max_value if total is None else total
        return Progress(max(0, min(count.value, total)), total)
    return Progress(total, total) if total is not None and state is JobState.COMPLETED else None


def _stamp(line: Stamped) -> Stamp | None:
    try:
        at = datetime.fromisoformat(line.timestamp)
    except ValueError:
        return None
    return Stamp((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp(), shown(line.status), shown(line.source))


def _failure(errors: Sequence[Said]) -> tuple[str, dict[str, str]]:
    """Why a job failed, in words and as facts."""
    words = [f"{shown(one.words) or 'no reason'}{f' ({told})' if (told := _origin(one)) else ''}" for one in errors[:5]]
    first = next(iter(errors), None)
    facts = {} if first is None else {"error_code": first.error_code, "error_source": first.source}
    return "; ".join(words), {name: shown(fact) for name, fact in facts.items() if fact}


def _origin(one: Said) -> str:
    return ", ".join(shown(fact) for fact in (one.error_code, one.source) if fact)
