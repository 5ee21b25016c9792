"""Hybrid jobs on this machine: the same programs, as processes that outlive the client. All of a job is in its folder.

Nothing of a job is kept here, so every client on this machine finds it. See `workers.programs` for what runs it.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from quantumjobs.abc import (
    Accepted,
    Answer,
    CancelReply,
    Gone,
    LogPage,
    Piece,
    Raw,
    Remote,
    Sending,
    Status,
    Unreadable,
)
from quantumjobs.adapters.braket import jobs_payload
from quantumjobs.adapters.braket.jobs_about import About, device_of
from quantumjobs.adapters.braket.local_folders import Archive, Folder, opened
from quantumjobs.adapters.braket.messages import STATES
from quantumjobs.adapters.braket.schemas import JOB, RESULTS
from quantumjobs.core.logs import LogLine
from quantumjobs.core.records import Stamp
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderError, ProviderRejected, ProviderUnavailable, UsageError
from quantumjobs.wire import shown
from quantumjobs.workers.beside import beside
from quantumjobs.workers.programs import NotStarted, Plan, Run

_STREAM = "algo-1"
"""A program has one instance here; so the service begins the first one's name."""
_METRICS = "Metrics - "
_PIECE = 8 << 20
_MOST = 64 << 20
"""Bytes of saved values."""
T = TypeVar("T")


class LocalJobs:
    """Jobs below the folder `root`, each in one that is named by its token; and those that are attached, anywhere.

    `devices` are the user's short names for ARNs.
    """

    def __init__(self, root: Path, devices: Mapping[str, str] = {}) -> None:
        self._root = root
        self._devices = devices
        self._last: tuple[str, Archive] | None = None
        """What was packed for the pieces of one download, while it goes on."""

    async def describe(self, backend: str) -> bytes:
        """`jobs_about.About` as JSON: the device, and where jobs are."""
        return msgspec.json.encode(About(device=device_of(backend, self._devices), root=str(self._root)))

    async def stage(self, sending: Sending) -> None:
        """Place the job's folder, unless it is there."""
        await _beside(self._place, sending)

    async def submit(self, sending: Sending) -> Accepted:
        """Begin the job, unless it was begun by this token."""
        return await _beside(self._start, sending)

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """Read each job's state."""
        return await _beside(lambda: {job.id: _look(job.id) for job in jobs})

    async def cancel(self, job: Remote) -> CancelReply:
        """The program is asked to end, and killed where it does not within some seconds."""
        return await _beside(_cancel, job.id)

    async def fetch(self, job: Remote) -> Raw:
        """What the program has saved; without a body where that is nothing."""
        return await _beside(_fetch, job.id)

    async def piece(self, job: Remote, at: int, tag: str = "") -> Piece:
        """Of the packed results; a folder of the vendor's is packed for it."""
        return await _beside(self._piece, job.id, at, tag)

    async def metadata(self, job: Remote) -> bytes:
        """JSON with the members of GetJob, as far as they make sense here."""
        return await _beside(_metadata, job.id)

    async def log_streams(self, job: Remote) -> Sequence[str]:
        """One, from the beginning on."""
        state = await _beside(lambda: opened(job.id).state())
        return () if state.state == "queued" else (_STREAM,)

    async def log_page(self, job: Remote, stream: str, after: str = "") -> LogPage:
        """About a quarter of a megabyte at the most. A vendor's log has no times."""
        return await _beside(_page, job.id, stream, after, "")

    async def metric_page(self, job: Remote, after: str = "") -> LogPage:
        """A page of the log, but for what reports no metrics."""
        return await _beside(_page, job.id, _STREAM, after, _METRICS)

    # --- in a thread ------------------------------------------------------------------------
    def _run(self, sending: Sending) -> Run:
        return Run(Path(sending.details.get("root") or self._root) / sending.token)

    def _place(self, sending: Sending) -> None:
        run = self._run(sending)
        if run.is_placed:
            return
        if sys.platform == "win32":
            raise ProviderRejected("braket: local hybrid jobs need Linux or macOS", provider="braket")
        payload = jobs_payload.decode(sending.payload)
        asked: dict[str, Any] = msgspec.json.decode(payload.body)
        elsewhere = [one["channelName"] for one in asked.get("inputDataConfig", ()) if "dataSource" in one]
        if elsewhere or payload.copy_from:
            what = f"input channel {elsewhere[0]!r}" if elsewhere else "the checkpoints of another job"
            raise ProviderRejected(
                f"braket: {what} is in S3, and a local hybrid job takes files of this machine", provider="braket"
            )
        name = jobs_payload.name_of(asked, sending.token)
        run.place(
            Plan(
                entry_point=asked["algorithmSpecification"]["scriptModeConfig"]["entryPoint"],
                variables={
                    "AMZN_BRAKET_JOB_NAME": name,
                    "AMZN_BRAKET_DEVICE_ARN": asked["deviceConfig"]["device"],
                },
                max_runtime=asked["stoppingCondition"]["maxRuntimeInSeconds"],
                request={**asked, "jobName": name},
            ),
            payload.archive,
            payload.files,
            asked.get("hyperParameters", {}),
        )

    def _start(self, sending: Sending) -> Accepted:
        self._place(sending)
        run = self._run(sending)
        run.start()
        folder = str(run.folder)
        return Accepted(remote_id=folder, status=_status(opened(folder)))

    def _piece(self, job_id: str, at: int, tag: str) -> Piece:
        known = self._last
        archive = known[1] if at and known is not None and known[0] == job_id else opened(job_id).archive()
        if tag and archive.tag != tag:
            raise ProviderRejected(f"braket: the files in {job_id} have changed", provider="braket")
        body = archive.read(at, _PIECE)
        self._last = (job_id, archive) if at + len(body) < archive.total else None
        return Piece(body, archive.total, archive.tag)


def _look(job_id: str) -> Answer:
    try:
        return _status(opened(job_id))
    except FileNotFoundError as error:
        return Gone(f"braket: {error}")
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Unreadable(f"braket: {job_id}: {error}")


def _status(folder: Folder) -> Status:
    found = folder.state()
    word = found.state.upper()
    state = STATES[word]
    request = folder.request()
    created = folder.created_at()
    moments = ((created, "CREATED"), (found.started_at, "RUNNING"), (found.ended_at, word))
    details = {
        "name": str(request.get("jobName") or folder.path.name),
        "device": str(request.get("deviceConfig", {}).get("device", "")),
        "started": "" if found.started_at is None else repr(found.started_at),
        "ended": "" if found.ended_at is None else repr(found.ended_at),
    }
    return Status(
        state=state,
        raw_status=word,
        timeline=tuple(Stamp(at, status, "local") for at, status in moments if at is not None),
        details={name: value for name, value in details.items() if value},
        reason=shown(found.reason),
        has_result=state is JobState.COMPLETED or (state.is_terminal and (folder.path / RESULTS).is_file()),
    )


def _cancel(job_id: str) -> CancelReply:
    try:
        folder = opened(job_id)
    except FileNotFoundError:
        return CancelReply.TOO_LATE
    if not folder.cancel():
        return CancelReply.TOO_LATE
    return CancelReply.CONFIRMED if folder.state().is_over else CancelReply.ACCEPTED


def _fetch(job_id: str) -> Raw:
    file = opened(job_id).path / RESULTS
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return Raw(JOB, {})
    with os.fdopen(handle, "rb") as saved:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _MOST:
            raise ProviderRejected(f"braket: {file} is no file of up to {_MOST >> 20} MiB", provider="braket")
        return Raw(JOB, {RESULTS: saved.read(_MOST)})


def _page(job_id: str, stream: str, after: str, containing: str) -> LogPage:
    folder = opened(job_id)
    over = folder.state().is_over  # before reading: then all that was written is there
    lines, behind, more = folder.lines(int(after or 0))
    found = [LogLine(text, at, stream) for at, text in lines if containing in text]
    return LogPage(found, str(behind), more, closed=over and not more)


def _metadata(job_id: str) -> bytes:
    folder = opened(job_id)
    found = folder.state()
    name = folder.request().get("jobName") or folder.path.name
    told = {
        **folder.request(),
        "jobArn": f"local:job/{name}",
        "jobName": name,
        "status": found.state.upper(),
        "failureReason": found.reason,
        "createdAt": _moment(folder.created_at()),
        "startedAt": _moment(found.started_at),
        "endedAt": _moment(found.ended_at),
    }
    return msgspec.json.encode({name: value for name, value in told.items() if value not in (None, "")})


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


async def _beside(function: Callable[..., T], *args: Any) -> T:
    """Call it in a thread, with errors as an adapter's."""
    try:
        return await beside(function, *args)
    except ProviderError:
        raise
    except NotStarted as error:
        raise ProviderUnavailable(f"braket: {error}", provider="braket", sent=False) from error
    except (FileNotFoundError, UsageError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderRejected(f"braket: {error}", provider="braket") from error
    except OSError as error:
        raise ProviderUnavailable(f"braket: {error}", provider="braket", sent=False) from error
