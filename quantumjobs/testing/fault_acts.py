"""A cell of the fault matrix in two acts: what the adapter's call says, and what becomes of a job through a client."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

from tenacity import wait_fixed

from quantumjobs.abc import Remote, Sending, Status, Unreadable
from quantumjobs.client.client import Client
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import TERMINAL, CancelOutcome, Fetch, JobState
from quantumjobs.core.traits import Idempotent
from quantumjobs.engine.codecs import prepared_here
from quantumjobs.engine.job import Job
from quantumjobs.engine.policies import RETRY_AFTER_LIMIT, Policy
from quantumjobs.errors import (
    CredentialError,
    ProviderProtocolError,
    ProviderUnavailable,
    SubmissionUncertain,
)
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.testing.fault_scene import Scene
from quantumjobs.testing.fault_table import Fate, Says

POLICY = Policy(
    wait=wait_fixed(0.01), pace=Pace(first=0.0, at_least=0.01, at_most=60.0), credential_pause=0.05, puzzled_looks=1000
)
MEMORY = 40 << 20
"""Bytes that a reply may take, however large it is when unpacked; the bomb has 64 MiB."""
LATE = 5.0
"""Seconds after which an asked-for pause should be over."""
_HEEDED = frozenset({CancelOutcome.CANCELLED, CancelOutcome.REQUESTED})
Act = Callable[[], Awaitable[Any]]


# --- the adapter's call -----------------------------------------------------------------
async def at_the_adapter(scene: Scene) -> None:
    """The call in trouble, and where it may be repeated the same call afterwards."""
    cell, emulator = scene.cell, scene.emulator
    async with scene.connected() as adapter:
        call = await prepared(scene, adapter)
        before = emulator.requests[scene.theirs]
        async with scene.trouble(times=None):
            value, error, memory = await _tried(scene, call)
            requests = emulator.requests[scene.theirs] - before
        scene.ear.hear(repr(value), repr(adapter))
        _check_says(scene, value, error)
        if memory is not None:
            assert memory < MEMORY, f"the reply took {memory:,} bytes"
        if cell.operation == "submit":
            assert requests == (0 if cell.trouble.away else 1), f"{requests} requests for one submit"
            taken = cell.carried_out or cell.outcome.says is Says.ANSWER
            assert len(emulator.jobs) == taken
            return
        scene.given = scene.second if cell.trouble.credential else scene.given
        value, error, _ = await _tried(scene, call)
        assert error is None, f"the trouble is over, and still: {error!r}"
        assert len(emulator.jobs) <= 1


async def prepared(scene: Scene, adapter: Any) -> Act:
    """The cell's operation, with all done that must come before it."""
    rules, operation, backend = scene.rules, scene.cell.operation, scene.backend
    if operation == "describe":
        return lambda: adapter.describe(backend)
    about = await adapter.describe(backend)
    part = prepared_here(scene.provider.codec, rules.request(backend), about, 7).parts[0]
    sending = Sending(
        backend=backend,
        payload=part.payload,
        token=f"{id(scene):032x}",
        first_sent_at=rules.now(),
        attempt=1,
        details=part.details,
    )
    if operation == "submit":
        return lambda: adapter.submit(sending)
    accepted = await adapter.submit(sending)
    details = {**part.details, **(accepted.status.details if accepted.status else {})}
    remote = Remote(id=accepted.remote_id, backend=backend, created_at=rules.now(), details=details)
    if operation == "fetch" and scene.traits.fetch is not Fetch.INLINE:
        await _ended(adapter, remote)
    return {
        "look": lambda: adapter.poll([remote]),
        "fetch": lambda: adapter.fetch(remote),
        "cancel": lambda: adapter.cancel(remote),
    }[scene.called]


async def _ended(adapter: Any, remote: Remote) -> None:
    while True:
        answer = (await adapter.poll([remote])).get(remote.id)
        if isinstance(answer, Status) and answer.state in TERMINAL:
            return
        await asyncio.sleep(0.01)


async def _tried(scene: Scene, call: Act) -> tuple[Any, Exception | None, int | None]:
    """What a call gave or raised; for a bomb the memory it took at most, in bytes."""
    measured = scene.cell.trouble.name == "gzip bomb"
    if measured:
        tracemalloc.start()
    try:
        return await call(), None, tracemalloc.get_traced_memory()[1] if measured else None
    except Exception as error:
        return None, error, tracemalloc.get_traced_memory()[1] if measured else None
    finally:
        if measured:
            tracemalloc.stop()


def _check_says(scene: Scene, value: Any, error: Exception | None) -> None:
    cell = scene.cell
    says = cell.outcome.says
    answer = next(iter(value.values()), None) if scene.called == "look" and value else value
    told = f"{cell.operation} in {cell.trouble.name} should say: {says.value}; it said {error or answer!r}"
    match says:
        case Says.ANSWER:
            assert error is None, told
        case Says.WORD:
            word = cell.trouble.fault.word if cell.trouble.fault else ""
            assert isinstance(answer, Status), told
            assert (answer.state, answer.raw_status) == (None, word), told
        case Says.PROTOCOL:
            unreadable = scene.called == "look" and isinstance(answer, Unreadable)
            assert unreadable or isinstance(error, ProviderProtocolError), told
        case Says.CREDENTIAL:
            assert isinstance(error, CredentialError), told
        case Says.UNAVAILABLE | Says.NOT_SENT:
            assert isinstance(error, ProviderUnavailable), told
            if cell.operation == "submit":
                assert error.sent is (says is Says.UNAVAILABLE), told
            if cell.trouble.asked is not None:
                assert error.retry_after == scene.silence, f"{told}, to wait {error.retry_after} s"


# --- a whole client ---------------------------------------------------------------------
async def through_a_client(scene: Scene) -> None:
    """A job from `run` to its result, or to its cancellation, with the trouble on the way."""
    cell, emulator = scene.cell, scene.emulator
    ledger = MemoryLedger()
    providers, policies = {scene.key: scene.provider}, {scene.key: POLICY}
    async with Client(ledger=ledger, providers=providers, policies=policies) as client:
        play = _Play(scene, client)
        if cell.trouble.away:
            await _while_away(scene, play)
        else:
            async with scene.trouble(times=_times(scene)):
                await play.whole()
                assert emulator.went_wrong == _times(scene), "the trouble was not met"
        scene.ear.hear(client, scene.provider, *await client.jobs())
        for job in await client.jobs():
            scene.ear.hear(job.story, job.snapshot, job.token, job.error)
    scene.ear.hear(vars(ledger))
    assert len(emulator.jobs) == 1, f"{len(emulator.jobs)} jobs at the provider"
    submits = emulator.requests[scene.rules.operations["submit"]]
    assert submits in _submits(scene), f"{submits} requests to submit"
    _check_patience(scene)


def _times(scene: Scene) -> int:
    """How often the trouble is met: twice, where that can be."""
    cell = scene.cell
    if cell.trouble.credential or cell.trouble.slow or cell.outcome.fate is Fate.GIVES_UP:
        return 1
    match cell.operation:
        case "submit":
            return 2 if cell.outcome.says is Says.NOT_SENT else 1
        case "cancel":  # one that was carried out need not be sent again: a look tells
            return 1 if cell.carried_out else 2
    return 2


def _submits(scene: Scene) -> tuple[int, ...]:
    """How many requests to submit there may be in all: none that is not proven to make no second job."""
    cell = scene.cell
    if cell.operation != "submit" or cell.trouble.away:
        return (1,)
    match cell.outcome.fate:
        case Fate.DOUBT if isinstance(scene.traits.submit, Idempotent):
            return (2,)
        case Fate.DOUBT:
            return (1,) if cell.carried_out else (2,)
        case Fate.RUN_ASKS:  # all but the last are refused; the old credential may be tried once more
            return (2, 3)
    return (1,) if cell.outcome.says is Says.ANSWER else (1 + _times(scene),)


def _silence(scene: Scene) -> float:
    """Seconds that a client keeps away."""
    return min(scene.silence or 0.0, RETRY_AFTER_LIMIT)


def _check_patience(scene: Scene) -> None:
    """As long as the provider asked for nothing came, and not much later it did."""
    if scene.cell.trouble.asked is None or not scene.inside:
        return
    wait = _silence(scene)
    heard = scene.heard()
    for met in range(_times(scene)):
        gap = heard[met + 1] - heard[met]
        assert wait <= gap < wait + LATE, f"asked for {wait} s, and the next request came after {gap:g} s"


async def _while_away(scene: Scene, play: _Play) -> None:
    """Nobody is there when the operation comes, and then somebody is."""
    scene.gate = asyncio.Event()
    playing = asyncio.create_task(play.whole())
    try:
        await scene.until(lambda: bool(scene.waiting) or playing.done())
        async with scene.trouble(times=None):
            failures = scene.failures
            scene.gate.set()
            await scene.until(lambda: scene.failures > failures + (not scene.cell.trouble.slow) or playing.done())
            assert not playing.done(), "the job went on with nobody there, or a wait was ended"
        await playing
    finally:
        playing.cancel()
        await asyncio.wait([playing])


class _Play:
    """What a user does."""

    def __init__(self, scene: Scene, client: Client) -> None:
        self._scene = scene
        self._client = client

    async def whole(self) -> None:
        """All of it."""
        scene = self._scene
        if scene.cell.operation == "cancel":
            await self._cancelled(await self._run())
        else:
            job = await self._accepted()
            if scene.cell.outcome.fate is Fate.PAUSES:
                await self._paused(job)
            scene.rules.check_result(await job)
            assert job.state is JobState.COMPLETED

    async def _run(self) -> Job:
        return await self._scene.rules.run_job(self._client, self._scene.address)

    async def _accepted(self) -> Job:
        """A job that was accepted, whatever that takes."""
        scene = self._scene
        match scene.cell.outcome.fate:
            case Fate.GIVES_UP:
                await self._raises(ProviderUnavailable)
                await asyncio.sleep(_silence(scene) - POLICY.budget)
            case Fate.RUN_ASKS:
                await self._raises(CredentialError)
                scene.given = scene.second
            case Fate.DOUBT if not scene.resolves_doubts:
                return await self._decided(await self._raises(SubmissionUncertain))
        return await self._run()

    async def _raises(self, kind: type[Exception]) -> Any:
        """The error that `run` raises; then nothing is at the provider but what is in doubt."""
        scene = self._scene
        try:
            await self._run()
        except kind as error:
            scene.ear.hear(error)
            assert len(scene.emulator.jobs) == scene.cell.carried_out
            return error
        raise AssertionError(f"run() should have raised {kind.__name__}")

    async def _decided(self, error: SubmissionUncertain) -> Job:
        """In doubt, nothing was sent again; then the user looks at the provider and decides."""
        scene = self._scene
        job: Job = error.job
        assert job.state is JobState.IN_DOUBT
        assert scene.emulator.requests[scene.theirs] == 1
        there = list(scene.emulator.jobs)
        await (job.adopt(there[0]) if there else job.resubmit())
        return job

    async def _paused(self, job: Job) -> None:
        """It waits for a credential, and is given one."""
        scene = self._scene
        waiting = asyncio.ensure_future(job.result())
        await scene.until(lambda: scene.failures > 0)
        while job.error is None:  # noqa: ASYNC110 - it is told in one of the loop's next turns
            await asyncio.sleep(0)
        assert isinstance(job.error, CredentialError), job.error
        assert not waiting.done(), "a wait was ended for want of a credential"
        scene.ear.hear(job.error)
        scene.given = scene.second
        await waiting

    async def _cancelled(self, job: Job) -> None:
        """A cancel in trouble says that it does not know, and is heeded in the end."""
        scene = self._scene
        outcome = await job.cancel()
        if scene.cell.outcome.says is Says.ANSWER:
            assert outcome in _HEEDED, outcome
        else:  # a wire may ask once more by itself, on a connection that was new
            assert outcome is CancelOutcome.UNKNOWN or (scene.cell.carried_out and outcome in _HEEDED), outcome
        if scene.cell.outcome.fate is Fate.PAUSES:
            assert isinstance(job.error, CredentialError), job.error
            scene.given = scene.second
        await job.wait()
        assert job.state is JobState.CANCELLED
