"""The fake provider's I/O half. A capability that was not asked for is a method that is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from quantumjobs.abc import (
    Accepted,
    Answer,
    CancelReply,
    Gone,
    LookCloser,
    Raw,
    Remote,
    Report,
    Sending,
    Status,
    Surveyed,
)
from quantumjobs.core.records import Progress, Stamp
from quantumjobs.core.states import TERMINAL, Fetch, JobState
from quantumjobs.core.traits import Idempotent
from quantumjobs.errors import ProviderRejected, ProviderUnavailable
from quantumjobs.testing.codec import circuits_in, measure

if TYPE_CHECKING:
    from quantumjobs.testing.cloud import RemoteJob
    from quantumjobs.testing.fake import FakeProvider

S = JobState

WORDS: Mapping[JobState, str] = {
    S.QUEUED: "waiting",
    S.RUNNING: "working",
    S.CANCELLING: "stopping",
    S.COMPLETED: "done",
    S.FAILED: "broken",
    S.CANCELLED: "stopped",
}
"""The fake's own status words."""

_PLAIN: Mapping[JobState, Status] = {state: Status(state=state, raw_status=word) for state, word in WORDS.items()}
_HINTS: Mapping[JobState, Status] = {
    state: Status(state=state, raw_status=word, hint=True) for state, word in WORDS.items()
}


class FakeAdapter:
    """Implements `quantumjobs.abc.Adapter`."""

    def __init__(self, fake: FakeProvider, report: Report) -> None:
        self._fake = fake
        self._report = report
        self._traits = fake.traits("fake")
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._closed = False

    def close(self) -> None:
        """Push nothing more."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def describe(self, backend: str) -> bytes:
        """The same bytes for every backend."""
        fake = self._fake
        fault = await fake.begin("describe")
        if backend not in fake.backends and fake.backends:
            raise ProviderRejected(f"no backend {backend!r}; there are {', '.join(fake.backends)}", provider=fake.name)
        await fake.finish("describe", fault)
        return fake.about

    async def backends(self) -> Sequence[str]:
        """The names it was made with."""
        fake = self._fake
        await fake.finish("backends", await fake.begin("backends"))
        return fake.backends

    async def submit(self, sending: Sending) -> Accepted:
        """Make a remote job, or find the one that this token already made where the provider is idempotent."""
        fake = self._fake
        fault = await fake.begin("submit")
        now = fake.wall()
        job = self._same(sending, now) or self._make(sending, now)
        await fake.finish("submit", fault)
        return Accepted(remote_id=job.id)

    def _same(self, sending: Sending, now: float) -> RemoteJob | None:
        submit = self._traits.submit
        if isinstance(submit, Idempotent) and sending.token in self._fake.made:
            first = self._fake.cloud.jobs[self._fake.made[sending.token][0]]
            if now - first.created <= submit.window:
                return first
        return None

    def _make(self, sending: Sending, now: float) -> RemoteJob:
        fake = self._fake
        limit = self._traits.in_flight
        if limit is not None and fake.cloud.in_flight(now) >= limit:
            fake.over_limit += 1
            raise ProviderUnavailable(f"more than {limit} jobs", provider=fake.name, sent=False, retry_after=1.0)
        job = fake.cloud.make(token=sending.token, backend=sending.backend, payload=sending.payload, now=now)
        if self._traits.pushes:
            self._plan_pushes(job, now)
        return job

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """Every job gets an answer."""
        fake = self._fake
        if len(jobs) > self._traits.bulk:
            raise AssertionError(f"asked about {len(jobs)} jobs at once, {self._traits.bulk} are allowed")
        fake.looks += len(jobs)
        fault = await fake.begin("poll")
        now = fake.wall()
        if self._traits.holds:
            now = await self._hold(jobs, now)
        answers = {job.id: self._look(job.id, now) for job in jobs}
        await fake.finish("poll", fault)
        return answers

    def _look(self, remote_id: str, now: float) -> Answer:
        fake = self._fake
        job = fake.cloud.jobs.get(remote_id)
        if job is None:
            return Gone("no such job")
        age = now - job.created
        if age < fake.lag:
            return Gone("no such job (yet)")
        state = job.state_at(now)
        if state is None:
            return Gone("no such job (any more)")
        if fake.unknown_word and fake.unknown_between[0] <= age < fake.unknown_between[1]:
            return Status(state=None, raw_status=fake.unknown_word)
        if state in TERMINAL:
            return self._ended(job, state)
        return self._hinted(job, state, now) if fake.hints else _PLAIN[state]

    def _ended(self, job: RemoteJob, state: JobState) -> Status:
        failed = self._failed_circuits(job, state)
        if failed is None:
            return Status(state=state, raw_status=WORDS[state], reason="as told" if state is S.FAILED else "")
        inline = self._traits.fetch is Fetch.INLINE
        return Status(
            state=state,
            raw_status=WORDS[state],
            reason="as told" if state is S.FAILED else "",
            result=measure(job.payload, failed=failed) if inline else None,
            has_result=not inline,
            timeline=_timeline(job, state) if self._fake.hints else (),
        )

    def _failed_circuits(self, job: RemoteJob, state: JobState) -> int | None:
        """How many circuits are missing in the result; None where there is no result."""
        if state is S.COMPLETED:
            return 0
        if state is S.FAILED and self._fake.partial is not None:
            return circuits_in(job.payload) - self._fake.partial
        return None

    def _hinted(self, job: RemoteJob, state: JobState, now: float) -> Status:
        cloud = self._fake.cloud
        total = circuits_in(job.payload)
        share = (now - job.starts) / (job.ends - job.starts) if state is S.RUNNING else 0.0
        return Status(
            state=state,
            raw_status=WORDS[state],
            queue_position=sum(other.state_at(now) is S.QUEUED for other in list(cloud.jobs.values())[: job.index])
            if state is S.QUEUED
            else None,
            progress=Progress(int(share * total), total),
            eta=job.ends,
            timeline=_timeline(job, state),
        )

    async def _hold(self, jobs: Sequence[Remote], now: float) -> float:
        """Answer only once one of the jobs has ended or is not there."""
        cloud = self._fake.cloud
        while True:
            here = [cloud.jobs.get(job.id) for job in jobs]
            until = min(0.0 if job is None else job.over for job in here)
            if until <= now:
                return now
            # In slices: a cancel from elsewhere may end the job earlier than it looks now.
            await asyncio.sleep(min(until - now, 60.0))
            now = self._fake.wall()

    # --- pushes -------------------------------------------------------------------------
    def _plan_pushes(self, job: RemoteJob, now: float) -> None:
        for name, at in (("starts", job.starts), ("ends", job.ends)):
            if name == "starts" and job.starts >= job.ends:
                continue
            self._push_in(at - now, job, name)

    def _push_in(self, delay: float, job: RemoteJob, name: str) -> None:
        if delay < 1e12:  # a job that never ends pushes nothing
            loop = asyncio.get_running_loop()
            self._timers[job.id, name] = loop.call_later(max(0.0, delay), self._push, job, name)

    def _push(self, job: RemoteJob, name: str) -> None:
        del self._timers[job.id, name]
        now = self._fake.wall()
        if now < getattr(job, name):  # moved by a cancel, or rounded down
            self._push_in(getattr(job, name) - now, job, name)
        elif not self._closed and now < job.vanishes:
            self._report(job.id, self._look(job.id, now))

    def cancelled(self, job: RemoteJob, now: float) -> None:
        """Its end has moved."""
        if self._traits.pushes:
            for name in ("starts", "ends"):
                if timer := self._timers.pop((job.id, name), None):
                    timer.cancel()
            self._push_in(job.ends - now, job, "ends")


class _Fetching(FakeAdapter):
    async def fetch(self, job: Remote) -> Raw:
        """The result, as often as one asks."""
        fake = self._fake
        fault = await fake.begin("fetch")
        remote = fake.cloud.jobs.get(job.id)
        now = fake.wall()
        state = None if remote is None else remote.state_at(now)
        failed = self._failed_circuits(remote, state) if remote and state and state in TERMINAL else None
        if remote is None or failed is None:
            raise ProviderRejected(f"no result of {job.id}", provider=fake.name)
        await fake.finish("fetch", fault)
        return measure(remote.payload, failed=failed)


class _Cancelling(FakeAdapter):
    async def cancel(self, job: Remote) -> CancelReply:
        """As told by the provider's `cancel`."""
        fake = self._fake
        fault = await fake.begin("cancel")
        now = fake.wall()
        remote = fake.cloud.jobs.get(job.id)
        if remote is None or remote.over <= now:
            reply = CancelReply.TOO_LATE
        else:
            reply = CancelReply(fake.next_cancel())
            if reply in {CancelReply.ACCEPTED, CancelReply.CONFIRMED}:
                fake.cloud.cancel(remote, now, at_once=reply is CancelReply.CONFIRMED)
                self.cancelled(remote, now)
        await fake.finish("cancel", fault)
        return reply


class _Finding(FakeAdapter):
    async def find(self, sending: Sending) -> Sequence[str]:
        """The remote ids of a token, once they are in the index."""
        fake = self._fake
        fault = await fake.begin("find")
        now = fake.wall()
        ids = [
            remote_id
            for remote_id in fake.made.get(sending.token, ())
            if now - fake.cloud.jobs[remote_id].created >= fake.find_lag
        ]
        await fake.finish("find", fault)
        return ids


class _Surveying(FakeAdapter):
    survey_from: int
    per_page: int
    worth: int

    def __init__(self, fake: FakeProvider, report: Report) -> None:
        super().__init__(fake, report)
        self.survey_from = fake.survey_from or 1
        self.per_page = fake.survey_page
        self.worth = max(1, fake.survey_page // 5)

    async def survey(self, jobs: Sequence[Remote], after: str = "") -> Surveyed:
        """A page of all jobs since the oldest of these, oldest first, as hints; an end needs a closer look."""
        fake = self._fake
        fault = await fake.begin("survey")
        search = f"{len(jobs)} jobs since {min(job.created_at for job in jobs)}"
        begun, _, where = after.partition(";")
        if where and begun != search:  # as clouds do: the token of a page belongs to its search
            raise ProviderRejected(
                f"that page is of a search for {begun}, this one is for {search}", provider=fake.name
            )
        seen_at = fake.wall() - fake.survey_lag
        window = self._window(min(job.created_at for job in jobs), seen_at)
        first = int(where or 0)
        rows = window[first : first + fake.survey_page]
        answers: dict[str, Answer] = {}
        for place, row in enumerate(rows, first):
            if row is None:
                answers[f"foreign-{place}"] = _HINTS[S.RUNNING]
            elif (state := row.state_at(seen_at)) is not None:
                answers[row.id] = LookCloser() if state in TERMINAL else _HINTS[state]
        end = first + len(rows)
        await fake.finish("survey", fault)
        return Surveyed(answers, f"{search};{end}" if end < len(window) else "")

    def _window(self, since: float, until: float) -> Sequence[RemoteJob | None]:
        """What the index holds of that time, with others' jobs (None) evenly among ours."""
        ours = [job for job in self._fake.cloud.jobs.values() if since <= job.created <= until]
        foreign, count = self._fake.survey_foreign, len(ours)
        if not foreign:
            return ours
        rows: list[RemoteJob | None] = []
        for place in range(count + foreign):
            is_ours = (place + 1) * count // (count + foreign) > place * count // (count + foreign)
            rows.append(ours[(place + 1) * count // (count + foreign) - 1] if is_ours else None)
        return rows


class _Staging(FakeAdapter):
    async def stage(self, sending: Sending) -> None:  # noqa: ARG002 - nothing to keep
        """A free upload."""
        await self._fake.finish("stage", await self._fake.begin("stage"))


class _Pooling(FakeAdapter):
    async def drop_connections(self) -> None:
        """Counted."""
        await self._fake.finish("drop_connections", await self._fake.begin("drop_connections"))


@lru_cache(maxsize=64)
def adapter_class(**capabilities: bool) -> type[FakeAdapter]:
    """The class with just these capabilities."""
    known = {
        "fetches": _Fetching,
        "cancels": _Cancelling,
        "finds": _Finding,
        "surveys": _Surveying,
        "stages": _Staging,
        "pools": _Pooling,
    }
    bases: tuple[Any, ...] = (*(cls for name, cls in known.items() if capabilities[name]), FakeAdapter)
    made: type[FakeAdapter] = type("FakeAdapter", bases, {})
    return made


def _timeline(job: RemoteJob, state: JobState) -> tuple[Stamp, ...]:
    """What the cloud has seen of a job that it did not cancel."""
    times = ((S.QUEUED, job.created), (S.RUNNING, job.starts), (job.ending, job.ends))
    past = 1 if state is S.QUEUED else 2 if state is S.RUNNING else 3
    return tuple(Stamp(at, WORDS[word], "cloud") for word, at in times[:past])
