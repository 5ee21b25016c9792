"""A provider that queues, runs, ends and breaks as told, on the loop's clock: no network, no account, no waiting.

    fake = FakeProvider(queued=86_400, running=60)
    async with Client(ledger="memory", providers={"fake": fake}) as client:
        job = await client.backend("fake/sim").run(circuit)
        await job
    assert fake.most_made == 1

Any object is taken as a circuit. Every setting is an attribute that may be changed while jobs run. The provider keeps
its jobs when a client leaves: a second client with the same object finds them again, as in a real cloud.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import Enum
from math import inf
from typing import Any

import msgspec

from quantumjobs.abc import Adapter, Report
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.traffic import Rate
from quantumjobs.core.traits import Findable, SubmitClass, Traits, Unknown
from quantumjobs.errors import ProviderUnavailable, UsageError, unknown_name
from quantumjobs.testing.cloud import Cloud, Ending, Plan
from quantumjobs.testing.codec import About, FakeCodec
from quantumjobs.testing.fake_adapter import adapter_class


class Fault(Enum):
    """What a script may let happen to one request, besides raising a given exception."""

    NOT_SENT = "not sent"
    """No connection: proof that nothing was taken."""
    REQUEST_LOST = "request lost"
    """It left and never arrived; the sender cannot know that."""
    REPLY_LOST = "reply lost"
    """It arrived and was carried out; the sender cannot know that."""
    HANG = "hang"
    """It arrived and was carried out; no answer ever comes."""


_UNKNOWN = Unknown()
Step = BaseException | type[BaseException] | Fault | None
Latency = float | Mapping[str, float] | Callable[[str], float]


class FakeProvider:
    """Implements `quantumjobs.abc.Provider`.

    How jobs go: `queued` and `running` (seconds, or a function of the job's index), `outcome` ("completed", "failed",
    "cancelled", or a function of the index), `partial` circuits of a failed job that have a result, `vanish_after`
    seconds since acceptance (forgotten by the cloud), `lag` (a new job is unknown for so long), `unknown_word` shown
    within `unknown_between` seconds of a job's age, `hints` (queue position, progress, estimated end and
    timeline are told).

    How the provider behaves: `submit_class`, `fetch`, `bulk`, `pushes`, `holds`, `in_flight`, `part_size` (longer lists
    of circuits are split), `shares` (programs a circuit), `in_order` and `stop_on_failure` (see `abc.Prepared`), `cancel` ("accepted": ends after `cancelling` seconds; "confirmed": at once; "refused",
    "too_late", "unsupported"; a list is followed answer by answer and its last one stays), `no_cancelled_word` (a
    cancelled job is shown as failed), `survey_from`, `find_lag` (a new job is found only after so long), `stages`,
    `rates` and `channels` (declared, not enforced), `pools` (dropped connections are counted in `calls`). Surveys list
    all jobs since the oldest asked about, ended or not, `survey_page` on a page (worth it from a fifth of that), as they
    were `survey_lag` seconds ago, and among them `survey_foreign` jobs that are nobody's here.

    What goes wrong: `latency` per operation, `script` (operation -> what becomes of its next requests, one item each;
    None: it works; a `Fault`; or an exception, raised before the request does anything; also `fail_submit` and
    `weather`, for submit and poll), `breaks` (operations that raise a bug; with a mapping: which; a `ProviderUnavailable`
    there is an outage).

    What it saw: `calls` per operation (`submits`, `polls`, `cancels`), `looks` (jobs asked about), `made` (remote ids
    per token), `most_made`, `max_in_flight`, `jobs`.
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        queued: Plan = 0.0,
        running: Plan = 0.0,
        outcome: Ending = "completed",
        partial: int | None = None,
        vanish_after: Plan = inf,
        lag: float = 0.0,
        unknown_word: str = "",
        unknown_between: tuple[float, float] = (0.0, inf),
        hints: bool = False,
        submit_class: SubmitClass = _UNKNOWN,
        fetch: Fetch = Fetch.INLINE,
        bulk: int = 1,
        pushes: bool = False,
        holds: bool = False,
        in_flight: int | None = None,
        part_size: int | None = None,
        shares: int = 0,
        in_order: bool = False,
        stop_on_failure: bool = True,
        cancel: str | Iterable[str] = "confirmed",
        cancelling: float = 1.0,
        no_cancelled_word: bool = False,
        survey_from: int | None = None,
        survey_page: int = 100,
        survey_lag: float = 0.0,
        survey_foreign: int = 0,
        find_lag: float = 0.0,
        stages: bool = False,
        gone_after: int = 3,
        gone_for: float = 120.0,
        min_interval: float = 0.5,
        described_for: float = inf,
        rates: Mapping[str, Rate] | None = None,
        channels: Mapping[str, str] | None = None,
        pools: bool = False,
        latency: Latency = 0.0,
        script: Mapping[str, Iterable[Step]] | None = None,
        fail_submit: Iterable[Step] = (),
        weather: Iterable[Step] = (),
        breaks: str | Iterable[str] | Mapping[str, BaseException] = (),
        options: Mapping[str, type] | None = None,
        backends: Iterable[str] = ("sim",),
    ) -> None:
        self.name = name
        self.codec = FakeCodec()
        self.cloud = Cloud(
            queued=queued,
            running=running,
            ending=outcome,
            vanish_after=vanish_after,
            cancelling=cancelling,
            cancelled=JobState.FAILED if no_cancelled_word else JobState.CANCELLED,
        )
        self.partial = partial
        self.lag = lag
        self.unknown_word = unknown_word
        self.unknown_between = unknown_between
        self.hints = hints
        self.cancel = deque([cancel] if isinstance(cancel, str) else cancel)
        self.survey_from = survey_from
        self.survey_page = survey_page
        self.survey_lag = survey_lag
        self.survey_foreign = survey_foreign
        self.find_lag = find_lag
        self.latency = latency
        self.script: dict[str, deque[Step]] = {op: deque(steps) for op, steps in (script or {}).items()}
        self.script.setdefault("submit", deque()).extend(fail_submit)
        self.script.setdefault("poll", deque()).extend(weather)
        self.breaks = _bugs(breaks)
        self.options = {"seed": int} if options is None else dict(options)
        self.backends = tuple(backends)
        self.about = msgspec.json.encode(
            About(part_size=part_size, shares=shares, in_order=in_order, stop_on_failure=stop_on_failure)
        )
        self.calls: Counter[str] = Counter()
        self.looks = 0
        self.over_limit = 0
        """Submits refused because `in_flight` jobs were there already."""
        self._traits = Traits(
            submit=submit_class,
            fetch=fetch,
            bulk=bulk,
            holds=holds,
            pushes=pushes,
            failed_after_cancel_is_cancelled=no_cancelled_word,
            gone_after=gone_after,
            gone_for=gone_for,
            in_flight=in_flight,
            min_interval=min_interval,
            described_for=described_for,
            rates=dict(rates or {}),
            channels=dict(channels or {}),
        )
        self._adapter_class = adapter_class(
            fetches=fetch is not Fetch.INLINE,
            cancels="unsupported" not in self.cancel,
            finds=isinstance(submit_class, Findable),
            surveys=survey_from is not None,
            stages=stages,
            pools=pools,
        )

    def __repr__(self) -> str:
        return f"<FakeProvider {self.name}: {len(self.cloud.jobs)} jobs>"

    # --- the plug-in's face -------------------------------------------------------------
    def lane(self, backend: str) -> str:  # noqa: ARG002 - one account
        """One lane for all backends."""
        return f"{self.name}:memory:default"

    def family(self, backend: str) -> str:  # noqa: ARG002 - one family
        """All backends are alike."""
        return "fake"

    def traits(self, family: str) -> Traits:  # noqa: ARG002 - one family
        """As constructed."""
        return self._traits

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Options of type bytes travel as blobs."""
        plain: dict[str, Any] = {}
        blobs: dict[str, bytes] = {}
        for name, value in options.items():
            kind = self.options.get(name)
            if kind is None:
                raise unknown_name("option", name, self.options, where=f"{self.name}/{backend}")
            if not isinstance(value, kind):
                raise UsageError(f"option {name!r} must be {kind.__name__}, not {type(value).__name__}")
            if isinstance(value, bytes):
                blobs[name] = value
            else:
                plain[name] = value
        return plain, blobs

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:  # noqa: ARG002 - one lane
        """A connection to the one cloud."""
        return self._connected(report)

    @asynccontextmanager
    async def _connected(self, report: Report) -> AsyncIterator[Adapter]:
        await self.begin("connect")
        adapter = self._adapter_class(self, report)
        try:
            yield adapter
        finally:
            adapter.close()

    # --- what it saw --------------------------------------------------------------------
    @property
    def submits(self) -> int:
        """Submit requests, whatever became of them."""
        return self.calls["submit"]

    @property
    def polls(self) -> int:
        """Looks as requests; `looks` counts the jobs they asked about."""
        return self.calls["poll"]

    @property
    def cancels(self) -> int:
        """Cancel requests."""
        return self.calls["cancel"]

    @property
    def jobs(self) -> Mapping[str, Any]:
        """The cloud's jobs by remote id."""
        return self.cloud.jobs

    @property
    def made(self) -> Mapping[str, list[str]]:
        """Remote ids per token."""
        return self.cloud.made

    @property
    def most_made(self) -> int:
        """The most remote jobs that one token got: 1 where nothing ran twice, 0 before the first."""
        return max(map(len, self.cloud.made.values()), default=0)

    @property
    def max_in_flight(self) -> int:
        """The most jobs that were in the cloud and not ended at a time."""
        return self.cloud.max_in_flight

    # --- one request --------------------------------------------------------------------
    def wall(self) -> float:
        """The cloud's clock, seconds since the epoch: it goes on while a laptop sleeps."""
        wall: Callable[[], float] = getattr(asyncio.get_running_loop(), "wall_time", time.time)
        return wall()

    async def begin(self, operation: str) -> Fault | None:
        """Count the request, let it travel, and raise what stops it on the way. The rest is for `finish`."""
        self.calls[operation] += 1
        if self.latency:
            await self.travel(operation)
        if self.breaks and operation in self.breaks:
            raise self.breaks[operation]
        steps = self.script.get(operation)
        if not steps:
            return None
        step = steps.popleft()
        match step:
            case Fault.NOT_SENT:
                raise ProviderUnavailable(f"{operation}: no connection", provider=self.name, sent=False)
            case Fault.REQUEST_LOST:
                raise ProviderUnavailable(f"{operation}: connection lost", provider=self.name)
            case Fault() | None:
                return step
        raise step

    async def finish(self, operation: str, fault: Fault | None) -> None:
        """Let the reply travel."""
        if fault is Fault.HANG:
            await asyncio.get_running_loop().create_future()
        if self.latency:
            await self.travel(operation)
        if fault is Fault.REPLY_LOST:
            raise ProviderUnavailable(f"{operation}: connection lost", provider=self.name)

    async def travel(self, operation: str) -> None:
        """Half a request's latency."""
        latency = self.latency
        if isinstance(latency, Mapping):
            latency = latency.get(operation, 0.0)
        elif callable(latency):
            latency = latency(operation)
        if latency:
            await asyncio.sleep(latency / 2)

    def next_cancel(self) -> str:
        """What the cloud says to this cancel."""
        return self.cancel.popleft() if len(self.cancel) > 1 else self.cancel[0]


def _bugs(breaks: str | Iterable[str] | Mapping[str, BaseException]) -> dict[str, BaseException]:
    if isinstance(breaks, Mapping):
        return dict(breaks)
    names = [breaks] if isinstance(breaks, str) else breaks
    return {name: KeyError(f"a bug in the fake's {name}") for name in names}
