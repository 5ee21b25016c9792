"""`kill -9` while a hybrid job is created: the next program on the ledger has the same job, and never a second one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import BraketEmulator, Fault, serve
from tests.adapters.braket.helpers import client_of, settings_of
from tests.adapters.braket.test_killed import PASSED, QUICK, Deadly, dies

pytestmark = pytest.mark.real_time
PROGRAM = """
import asyncio, json, sys
import quantumjobs as qj

async def main():
    async with qj.Client(ledger=sys.argv[1], providers={"braket": json.loads(sys.argv[2])}) as client:
        job = await client.hybrid_job("braket/sv1", sys.argv[3], **json.loads(sys.argv[4]))
        print("accepted", flush=True)
        await job
        print("done", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
SAVED = {"bits": "0"}
"""What the emulator makes up, where it runs nothing."""


def source_in(folder: Path) -> Path:
    file = folder / "algo.py"
    file.write_text("print('not run here')\n")
    return file


async def killed_at(
    folder: Path, operation: str, *, carried_out: bool, requests: int, more: dict[str, Any], given: dict[str, Any]
) -> None:
    """A program dies there; then another one uses its ledger, and `requests` to create were sent in all."""
    ledger = folder / f"{operation}-{carried_out}-{requests}-{len(given)}.db"
    # Whoever looks for a job with a wrong clock, and does not know that yet, looks at another time.
    emulator = Deadly(operation, carried_out=carried_out, clock_offset=-7200.0 if more else 0.0)
    async with serve(emulator) as url:
        said = await dies(
            emulator, PROGRAM, str(ledger), json.dumps(settings_of(url)), str(source_in(folder)), json.dumps(given)
        )
        assert not said or operation in ("GetJob", "fetch")  # what it said, was so
        async with client_of(url, ledger=ledger, policies=QUICK, more=more) as client:
            jobs = await client.jobs()
            assert len(jobs) == bool(requests)
            for job in jobs:
                assert isinstance(job, qj.HybridJob)
                assert set(await job) == set(SAVED)
                (part,) = job.parts
                assert [(made.about.client_token, arn) for arn, made in emulator.hybrid.queue.jobs.items()] == [
                    (part.id, job.arn)
                ]
        assert len(emulator.jobs) == len(jobs)
        assert emulator.requests["CreateJob"] == requests


INSTANTS: list[tuple[str, bool, int, dict[str, Any], dict[str, Any]]] = [
    ("ListRoles", False, 0, {}, {}),  # nothing was promised, and nothing is there
    ("put", False, 1, {}, {}),
    ("put", True, 1, {}, {}),
    ("CreateJob", False, 2, {}, {}),
    ("CreateJob", True, 2, {}, {}),
    ("CreateJob", True, 1, PASSED, {}),  # it is looked for
    ("CreateJob", True, 1, PASSED, {"name": "of-my-own"}),
    ("GetJob", True, 1, {}, {}),
    ("fetch", True, 1, {}, {}),
]


async def test_whenever_a_program_dies_there_is_one_job_and_what_it_saved_is_had(tmp_path: Path):
    places = asyncio.Semaphore(2)

    async def one(
        operation: str, carried_out: bool, requests: int, more: dict[str, Any], given: dict[str, Any]
    ) -> None:
        async with places:
            await killed_at(tmp_path, operation, carried_out=carried_out, requests=requests, more=more, given=given)

    async with asyncio.TaskGroup() as group:
        for instant in INSTANTS:
            group.create_task(one(*instant))


# --- after the window -----------------------------------------------------------------------------
@pytest.mark.parametrize("more", [{}, {"search_lag": 0.3}, {"clock_offset": -7200.0}, {"clock_offset": 7200.0}])
async def test_after_the_window_a_job_is_looked_for_and_not_sent_again(more: dict[str, float], tmp_path: Path):
    lost = Fault("reset", operation="CreateJob", after=True)
    emulator = BraketEmulator(results="zeros", faults=[lost], **more)
    async with serve(emulator) as url, client_of(url, policies=QUICK, more=PASSED) as client:
        for _ in range(2):  # the other one is not taken for it
            await client.hybrid_job("braket/sv1", source_in(tmp_path))
    assert len(emulator.jobs) == emulator.requests["CreateJob"] == 2


async def test_what_is_not_found_then_is_for_the_user_to_decide(tmp_path: Path):
    emulator = BraketEmulator(results="zeros", faults=[Fault("reset", operation="CreateJob")])
    async with serve(emulator) as url, client_of(url, policies=QUICK, more=PASSED) as client:
        with pytest.raises(qj.SubmissionUncertain) as caught:
            await client.hybrid_job("braket/sv1", source_in(tmp_path))
        job = caught.value.job
        assert job.state is S.IN_DOUBT
        assert (len(emulator.jobs), emulator.requests["CreateJob"]) == (0, 1)
        await job.resubmit()
        assert set(await job) == set(SAVED)
    assert (len(emulator.jobs), emulator.requests["CreateJob"]) == (1, 2)


async def test_a_name_of_somebody_elses_job_is_an_error_also_where_a_reply_was_lost(tmp_path: Path):
    emulator = BraketEmulator(results="zeros", queue=30.0)
    async with (
        serve(emulator) as url,
        client_of(url, policies=QUICK) as other,
        client_of(url, policies=QUICK) as client,
    ):
        theirs = await other.hybrid_job("braket/sv1", source_in(tmp_path), name="taken")
        for faults in ([], [Fault("reset", operation="CreateJob")]):
            emulator.script.replace(faults)
            with pytest.raises(qj.JobRejected, match="taken"):
                await client.hybrid_job("braket/sv1", source_in(tmp_path), name="taken")
        assert list(emulator.jobs) == [theirs.arn]
        assert all(job.arn is None for job in await client.jobs() if isinstance(job, qj.HybridJob))
