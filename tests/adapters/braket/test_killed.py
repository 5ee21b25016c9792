"""`kill -9` on the way of a submit: the next program on the ledger has the same task, and there is never a second one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import JobState as S
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import BraketEmulator, Fault, serve
from quantumjobs.testing.emulators.frame import Handler
from tests.adapters.braket.helpers import TURN, client_of, settings_of

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parents[3]
QUICK = {"braket": Policy(wait=wait_fixed(0.1), pace=Pace(first=0.02, at_least=0.05, at_most=0.1))}
PROGRAM = """
import asyncio, json, sys
import quantumjobs as qj

class InLoop:
    inline = frozenset({"prepare", "decode"})  # no workers: they take as long to start as all the rest
    def __init__(self, codec):
        self.prepare, self.decode = codec.prepare, codec.decode

async def main():
    from quantumjobs.adapters.braket import provider
    given = await asyncio.to_thread(provider, json.loads(sys.argv[2]))
    given._codec = InLoop(given.codec)
    async with qj.Client(ledger=sys.argv[1], providers={"braket": given}) as client:
        job = await client.backend("braket/sv1").run(sys.argv[3], shots=5, inputs={"theta": 0})
        print("accepted", flush=True)
        await job
        print("done", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


class Deadly(BraketEmulator):
    """Kills `victim` when a request of `operation` comes, or when it has been carried out and is not answered yet."""

    victim: asyncio.subprocess.Process | None = None

    def __init__(self, operation: str, *, carried_out: bool, clock_offset: float) -> None:
        super().__init__(results="zeros", queue=0.2, clock_offset=clock_offset)
        self._at = operation
        self._carried_out = carried_out

    async def _perform(self, operation: str, handler: Handler, request: Request, guarded: bool) -> Response:
        if operation != self._at or self.victim is None:
            return await super()._perform(operation, handler, request, guarded)
        victim, self.victim = self.victim, None
        reply = Response(status_code=500)
        if self._carried_out:
            reply = await super()._perform(operation, handler, request, guarded)
        else:
            self.requests[operation] += 1
        os.kill(victim.pid, signal.SIGKILL)
        await victim.wait()
        return reply


async def dies(emulator: Deadly, program: str, *arguments: str) -> bytes:
    """A program is killed by the emulator; what it said before."""
    victim = emulator.victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, wrong = await victim.communicate()
    assert (victim.returncode, wrong) == (-signal.SIGKILL, b""), wrong.decode()
    return said


async def killed_at(folder: Path, operation: str, *, carried_out: bool, submits: int, more: dict[str, float]) -> None:
    """A program dies there; then another one uses its ledger, and `submits` requests were sent in all."""
    ledger = folder / f"{operation}-{carried_out}-{submits}.db"
    # Whoever looks for a task with a wrong clock, and does not know that yet, looks at another time.
    emulator = Deadly(operation, carried_out=carried_out, clock_offset=-7200.0 if more else 0.0)
    async with serve(emulator) as url:
        said = await dies(emulator, PROGRAM, str(ledger), json.dumps(settings_of(url)), TURN)
        assert not said or operation in ("poll", "fetch")  # what it said, was so
        async with client_of(url, ledger=ledger, policies=QUICK, more=more) as client:
            jobs = await client.jobs()
            assert len(jobs) == bool(submits)
            for job in jobs:
                assert (await job).counts == {"0": 5}
                (part,) = job.parts
                assert [(task.about.client_token, arn) for arn, task in emulator.jobs.items()] == [
                    (part.id, part.remote_id)
                ]
        assert len(emulator.jobs) == len(jobs)
        assert emulator.requests["submit"] == submits


PASSED = {"window": 1e-6}
INSTANTS = [
    ("describe", False, 0, {}),  # nothing was promised, and nothing is there
    ("bucket", True, 1, {}),
    ("submit", False, 2, {}),
    ("submit", True, 2, {}),
    ("submit", True, 1, PASSED),  # it is looked for
    ("poll", True, 1, {}),
    ("fetch", True, 1, {}),
]


async def test_whenever_a_program_dies_there_is_one_task_and_its_result_is_had(tmp_path: Path):
    places = asyncio.Semaphore(2)

    async def one(operation: str, carried_out: bool, submits: int, more: dict[str, float]) -> None:
        async with places:
            await killed_at(tmp_path, operation, carried_out=carried_out, submits=submits, more=more)

    async with asyncio.TaskGroup() as group:
        for instant in INSTANTS:
            group.create_task(one(*instant))


# --- after the window ---------------------------------------------------------------------------
@pytest.mark.parametrize("more", [{}, {"search_lag": 0.3}, {"clock_offset": -7200.0}, {"clock_offset": 7200.0}])
async def test_after_the_window_a_task_is_looked_for_and_not_sent_again(more: dict[str, float]):
    lost = Fault("reset", operation="submit", after=True)
    emulator = BraketEmulator(results="zeros", faults=[lost], **more)
    async with serve(emulator) as url, client_of(url, policies=QUICK, more=PASSED) as client:
        for _ in range(3):  # others are not taken for it
            await (await client.backend("braket/sv1").run(TURN, shots=5, inputs={"theta": 0}))
    assert len(emulator.jobs) == emulator.requests["submit"] == 3
    assert emulator.requests["survey"] > 0


async def test_what_is_not_found_then_is_for_the_user_to_decide():
    lost = Fault("reset", operation="submit")
    emulator = BraketEmulator(results="zeros", faults=[lost])
    async with serve(emulator) as url, client_of(url, policies=QUICK, more=PASSED) as client:
        with pytest.raises(qj.SubmissionUncertain) as caught:
            await client.backend("braket/sv1").run(TURN, shots=5, inputs={"theta": 0})
        job = caught.value.job
        assert job.state is S.IN_DOUBT
        assert (len(emulator.jobs), emulator.requests["submit"]) == (0, 1)
        await job.resubmit()
        assert (await job).counts == {"0": 5}
    assert (len(emulator.jobs), emulator.requests["submit"]) == (1, 2)


async def test_within_the_window_the_same_is_sent_again_and_is_the_same_task():
    lost = Fault("reset", operation="submit", after=True, times=3)
    emulator = BraketEmulator(results="zeros", faults=[lost])
    async with serve(emulator) as url, client_of(url, policies=QUICK) as client:
        job = await client.backend("braket/sv1").run(TURN, shots=5, inputs={"theta": 0})
        assert (await job).counts == {"0": 5}
    assert (len(emulator.jobs), emulator.requests["submit"]) == (1, 4)
    assert "survey" not in emulator.requests
