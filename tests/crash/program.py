"""The program that is killed. Run as a process, it does what it is told line by line, each time in a fork of itself.

The parent has imported all that is needed, and nothing else: no thread, no loop, no file. So a run costs a fork instead
of half a second of imports, and what is counted by `strace` are the run's own calls. An order is one line of JSON, see
`Order`; the answers on standard output are `pid N`, `ready` (where a gate was ordered), and `status N` as `waitpid` has
it. What a run has to say goes, line by line and unbuffered, to the file `out`: what was said there has been seen.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import msgspec
from tenacity import wait_fixed

from quantumjobs import Client
from quantumjobs.abc import Adapter, Ledger, Report
from quantumjobs.core.events import AnyEvent, Reported
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.engine import engine as _engine
from quantumjobs.engine.job import Job
from quantumjobs.engine.policies import Policy
from quantumjobs.errors import QuantumJobsError
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.ledgers.sqlite import SqliteLedger
from quantumjobs.testing.emulators import generic_messages as messages
from quantumjobs.testing.emulators.generic_adapter import GenericProvider
from quantumjobs.wire import Credential, Secret, Wire, transports

OPERATIONS = ("describe", "submit", "poll", "fetch", "cancel", "find")
LATE = ("anyio._backends._asyncio", "h11", "httpcore", "numpy")
"""What a run would import late: so many calls that are not the run's own."""
DURING = (0.05, 0.35)
"""Seconds after the beginning of a submit; the service makes the job after 0.3 and answers after 0.4."""
SETTLE = 2.0
LIMIT = 25.0
"""Seconds for a run that is not killed."""
GATE = {signal.SIGUSR1}
"""No call on a file or socket waits for it, so none is counted."""
BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
_POLICY = Policy(wait=wait_fixed(0.1), pace=Pace(first=0.05, at_least=0.1, at_most=0.5))
_PR_SET_PTRACER, _ANYBODY = 0x59616D61, ctypes.c_ulong(-1)


class Order(msgspec.Struct, kw_only=True):
    """What one run is to do."""

    scenario: str
    """submit, look, fetch or cancel: one job up to there; recover: whatever the ledger holds."""
    url: str
    ledger: str
    mode: str
    submit: str
    out: str
    kill: str = ""
    """The point at which to die: its name and how often it was reached, `after submit#1`."""
    list: bool = False
    """Say every point that is reached."""
    gate: bool = False
    """Say `ready` and wait for SIGUSR1 before what may be killed begins."""
    fault: str = ""
    """Do wrong, so that the judges can be judged: `twice` and `early` send what was not announced, `memory` keeps
    nothing."""


class Points:
    """Where a run may die. They count from `arm` on."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._out = os.open(order.out, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._seen = Counter[str]()
        self._armed = False

    def say(self, what: str, **facts: Any) -> None:
        """On return it has been said, whatever happens to this process."""
        os.write(self._out, msgspec.json.encode({"said": what, **facts}) + b"\n")

    def arm(self) -> None:
        """From here on everything counts."""
        if self._order.gate:
            os.write(1, b"ready\n")
            signal.sigwait(GATE)
        self._armed = True

    def reach(self, name: str) -> None:
        """One point; the process may end here."""
        if not self._armed:
            return
        self._seen[name] += 1
        name = f"{name}#{self._seen[name]}"
        if self._order.list:
            self.say("point", name=name)
        if name == self._order.kill:
            os.kill(os.getpid(), signal.SIGKILL)

    async def _post(self, token: str) -> None:
        async with Wire(self._order.url, provider="generic", credential=Credential(_secret)) as wire:
            payload = messages.Payload(backend="sim", shots=60, circuits=(messages.Circuit("qasm", BELL),))
            await wire.submit("/jobs", msgspec.json.encode(payload), headers={messages.REFERENCE: token})

    def watch_ledger(self, ledger: Ledger) -> Ledger:
        """Each durable write is two points, named by the events in it."""
        commit = ledger.commit

        async def watched(changes: Any, **more: Any) -> None:
            name = f"commit {'+'.join(dict.fromkeys(_named(change.event) for change in changes))}"
            if name == "commit SubmitStarted" and self._order.fault == "early":
                await self._post(changes[0].record.id)
            self.reach(f"before {name}")
            await commit(changes, **more)
            self.reach(f"after {name}")

        ledger.commit = watched  # type: ignore[method-assign]
        return ledger

    def watch_adapter(self, adapter: Adapter) -> Adapter:
        """Each operation is two points, and a submit some more while it is under way."""
        for name in OPERATIONS:
            if hasattr(adapter, name):  # what it lacks it goes on to lack
                setattr(adapter, name, self._watched(name, getattr(adapter, name)))
        return adapter

    def _watched(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(*arguments: Any) -> Any:
            self.reach(f"before {name}")
            loop = asyncio.get_running_loop()
            timers = [
                loop.call_later(after, self.reach, f"{after} s into {name}") for after in DURING if name == "submit"
            ]
            try:
                if name == "submit" and self._order.fault == "twice":
                    await self._post(arguments[0].token)
                answer = await operation(*arguments)
            finally:
                for timer in timers:
                    timer.cancel()
            self.reach(f"after {name}")
            return answer

        return watched


async def _secret(fresh: bool) -> Secret:
    return Secret("any-token")


def _named(event: AnyEvent | None) -> str:
    if event is None:
        return "Intent"
    return f"{event.state} Reported" if isinstance(event, Reported) else type(event).__name__


class WatchedProvider(GenericProvider):
    """The provider as it is, with points around its operations."""

    def __init__(self, points: Points, **settings: Any) -> None:
        super().__init__(**settings)
        self._points = points

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:
        return self._watched(super().connect(lane, report))

    @asynccontextmanager
    async def _watched(self, connection: AbstractAsyncContextManager[Adapter]) -> AsyncIterator[Adapter]:
        async with connection as adapter:
            yield self._points.watch_adapter(adapter)


# --- what is done -----------------------------------------------------------------------
async def scenario(order: Order, points: Points) -> None:
    if order.scenario in {"submit", "recover"}:  # the opening of the ledger is part of it
        points.arm()
    provider = WatchedProvider(
        points,
        url=order.url,
        token="any-token",
        submit=order.submit,  # type: ignore[arg-type]
        settle=SETTLE,
        attempts=100,
        fetch=Fetch.LAZY if order.scenario == "fetch" else Fetch.EAGER,
        min_interval=0.05,
    )
    lasting = SqliteLedger(order.ledger, journal_mode=order.mode)  # type: ignore[arg-type]
    ledger = MemoryLedger() if order.fault == "memory" else lasting
    ledger = points.watch_ledger(ledger)
    async with Client(ledger=ledger, providers={"generic": provider}, policies={"generic": _POLICY}) as client:
        if order.scenario == "recover":
            for job in await client.jobs():
                await follow(job, points)
            return
        job = await client.backend("generic/sim").run(BELL, shots=60)
        points.say("accepted", id=job.id)
        match order.scenario:
            case "look":
                points.arm()
                await follow(job, points)
            case "fetch":
                await job.wait()
                points.arm()
                await follow(job, points)
            case "cancel":
                points.arm()
                points.say("cancelled", id=job.id, outcome=await job.cancel())
                await follow(job, points)


async def follow(job: Job, points: Points) -> None:
    """Up to its end, or to where only the user can go on; its result, if it has one, is said."""
    await job.wait()
    if job.state is not JobState.COMPLETED:
        points.say("ended" if job.state.is_terminal else "stuck", id=job.id, state=job.state)
        return
    try:
        result = await job.result()
    except QuantumJobsError as error:
        points.say("unreadable", id=job.id, error=str(error))
    else:
        points.say("result", id=job.id, counts=dict(result.counts))


# --- orders -----------------------------------------------------------------------------
def carry_out(order: Order) -> int:
    """In a fork. The exit code: 0 when all was done."""

    async def main() -> None:
        async with asyncio.timeout(LIMIT):
            await scenario(order, Points(order))

    try:
        asyncio.run(main())
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def lines() -> Any:
    """Standard input, read no further than asked: the rest belongs to the forks."""
    line = bytearray()
    while byte := os.read(0, 1):
        if byte != b"\n":
            line += byte
            continue
        yield bytes(line)
        line.clear()


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, GATE)  # in all threads that there will be
    transports.prepare()
    for module in LATE:
        importlib.import_module(module)
    libc = ctypes.CDLL(None)
    for line in lines():
        order = msgspec.json.decode(line, type=Order)
        child = os.fork()
        if child == 0:
            with suppress(AttributeError):  # not Linux
                libc.prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
            os.write(1, b"pid %d\n" % os.getpid())
            os.dup2(os.open(f"{order.out}.err", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), 2)
            code = carry_out(order)
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        os.write(1, b"status %d\n" % status)


if __name__ == "__main__":
    assert _engine  # imported for its time only
    main()
