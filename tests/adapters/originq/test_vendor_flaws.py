"""What OriginQ's own client gets wrong (pyqpanda3 0.5.1), and how it goes here.

That it holds the GIL while it waits, and cannot be interrupted, is measured in benchmarks/oracle_originq.py.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from tenacity import stop_after_attempt

import quantumjobs as qj
from quantumjobs.core.states import JobState as S
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import Fault, OriginqEmulator, serve
from quantumjobs.wire import Deadlines
from tests.adapters.originq.helpers import GHZ, KEY, client_of, flipped

pytestmark = pytest.mark.real_time
FULL, CHIP = "originq/full_amplitude", "originq/WK_C180"
ONCE = {"originq": Policy(stop=stop_after_attempt(1))}
"""Does not look again for better weather."""
MAINTENANCE = '{"success": false, "code": 20045, "message": "under maintenance"}'


def answers(*bodies: object, operation: str = "task") -> OriginqEmulator:
    """The first looks are answered so, one after the other."""
    faults = [
        Fault("schema", operation=operation, at=at, body=body if isinstance(body, str) else json.dumps(body))
        for at, body in enumerate(bodies, 1)
    ]
    return OriginqEmulator(results="zeros", faults=faults)


def good(obj: object) -> dict[str, Any]:
    return {"success": True, "code": 10000, "message": "ok", "obj": obj}


@pytest.mark.parametrize(
    "body",
    [
        MAINTENANCE,
        {"success": False},
        good(None),
        {"success": True, "message": "ok"},
        good({}),
        good({"taskState": None}),
        good({"taskState": "6"}),
        good({"taskState": "42"}),
        good({"taskState": "9"}),
        "<html>a proxy's page</html>",
        "",
    ],
)
async def test_no_answer_that_is_no_word_on_the_task_ends_a_wait(body: object):
    """There each of them is final: FAILED, or an error out of the middle of result()."""
    emulator = answers(body, body)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        assert (await job).counts == {"000": 5}
        assert job.state is S.COMPLETED
    assert emulator.requests["task"] >= 3


@pytest.mark.parametrize("status", [401, 403, 404, 408, 425, 429, 500, 502, 503, 504, 520])
async def test_no_status_of_a_look_ends_a_wait(status: int):
    emulator = OriginqEmulator(
        results="zeros", faults=[Fault("status", operation="task", status=status, retry_after=0)]
    )
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        assert (await job).counts == {"000": 5}
    assert len(emulator.jobs) == 1


async def test_a_failed_task_raises_with_its_own_words():
    """There result() is empty, and its message "run failed: ok"."""
    emulator = OriginqEmulator(faults=[Fault("fail", operation="submit", body="the fridge is warm")])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        with pytest.raises(qj.JobFailed, match="the fridge is warm"):
            await job


async def test_each_program_of_a_list_has_its_own_outcome_and_width():
    """There get_counts() of a list is the last one's, as wide as the first."""
    async with serve(OriginqEmulator(seed=1)) as url, client_of(url) as client:
        result = await (await client.backend(CHIP).run([flipped(1), flipped(0, 1, 1), flipped(1, 0)], shots=5))
        assert [one.counts for one in result] == [{"1": 5}, {"110": 5}, {"01": 5}]


async def test_an_answer_with_fewer_results_than_programs_is_an_error_of_each():
    """There the list is empty, or an expectation value is 0.0."""
    short = good({"taskState": "3", "probCount": ['{"key": ["0x0"], "value": [5]}']})
    for more in ({}, {"observables": "ZZZ"}):
        async with serve(answers(*[short] * 9)) as url, client_of(url) as client:
            job = await client.backend(CHIP).run([GHZ] * 2, shots=5, **more)
            result = await job
            with pytest.raises(qj.ResultUnavailable, match="1 result"):
                _ = result[0].counts


async def test_nothing_that_was_asked_for_is_dropped():
    """There custom options are kept and never sent."""
    emulator = OriginqEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.UsageError, match="no option 'dataFormat'|unknown option"):
            await client.backend(CHIP).run(GHZ, dataFormat=2)
        await (await client.backend(CHIP).run(GHZ, extra={"dataFormat": 2}))
    (job,) = emulator.jobs.values()
    assert json.loads(job.about.body)["Configuration"]["dataFormat"] == 2


async def test_a_submit_whose_answer_was_lost_is_a_doubt_and_not_sent_again():
    emulator = OriginqEmulator(results="zeros", faults=[Fault("reset", operation="submit", after=True)])
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.SubmissionUncertain) as caught:
            await client.backend(FULL).run(GHZ, shots=5)
        (task,) = emulator.jobs
        assert (await (await caught.value.job.adopt(task))).counts == {"000": 5}
    assert emulator.requests["submit"] == 1


async def test_a_server_that_hangs_delays_nobody_beyond_its_deadline():
    """There everything stands still for 182 s: three attempts of 60 s, with the interpreter's lock held."""
    hang = [Fault("hang", operation="task", at=1, seconds=30)]
    emulator = OriginqEmulator(results="zeros", faults=hang)
    deadlines = {"deadlines": Deadlines(silence=1.0, total=1.0)}
    async with serve(emulator) as url, client_of(url, more=deadlines) as client:
        jobs = [await client.backend(FULL).run(GHZ, shots=5) for _ in range(3)]
        began = time.monotonic()
        took = []

        async def timed(job: qj.Job) -> None:
            await job
            took.append(time.monotonic() - began)

        await asyncio.gather(*map(timed, jobs))
    assert sorted(took)[1] < 0.9  # the others do not wait for the one that hangs
    assert max(took) < 5


async def test_a_wait_is_cancelled_at_once_and_the_job_goes_on():
    """There Ctrl-C was ignored for as long as anybody waited for it."""
    async with serve(OriginqEmulator(results="zeros", queue=1.5)) as url, client_of(url) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await job
        assert time.monotonic() - began < 0.3
        assert (await job).counts == {"000": 5}


async def test_errors_have_kinds_and_facts():
    """There all of them are RuntimeError."""
    refusal = Fault("schema", operation="submit", body=MAINTENANCE)
    async with serve(OriginqEmulator(faults=[refusal])) as url, client_of(url) as client:
        with pytest.raises(qj.JobRejected, match=r"under maintenance \(20045, "):
            await client.backend(FULL).run(GHZ, shots=5)


async def test_a_refused_key_says_where_it_was_looked_for_and_is_not_shown():
    async with serve(OriginqEmulator(token="another-key")) as url, client_of(url) as client:
        with pytest.raises(qj.CredentialError, match="the key|the token given in the settings") as caught:
            await client.backend(FULL).run(GHZ, shots=5)
        assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "chip",
    [
        good({"ChipID": "WK_C180"}),
        good({"CompensateAngle": {"0-1": {}}}),
        good(None),
        good([]),
    ],
)
async def test_a_malformed_answer_about_a_chip_is_an_error_and_not_the_end_of_the_process(chip: object):
    """There one of them is a segmentation fault."""
    emulator = answers(*[chip] * 9, operation="chip")
    async with serve(emulator) as url, client_of(url, policies=ONCE) as client:
        with pytest.raises(qj.ProviderProtocolError, match="chip's information"):
            await client.backend(CHIP).target()
        with pytest.raises(qj.ProviderProtocolError, match="chip's information"):
            await client.backend(CHIP).run(GHZ, mapping=False)
