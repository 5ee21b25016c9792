"""What IQM's own client gets wrong, each by the number it has in our notes, and how it goes here.

Seen in iqm-client 36.0.0, but for 17 (22.16). Those of tokens and addresses (9, 10) are in `test_settings.py` and
`test_tokens_file.py`, too.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import time
import weakref

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from starlette.applications import Starlette
from starlette.routing import Mount

import quantumjobs as qj
from quantumjobs.core.states import CancelOutcome, JobState
from quantumjobs.testing.emulators import Fault, IqmEmulator, serve
from tests.adapters.iqm.helpers import GHZ, client_of

S = JobState
pytestmark = pytest.mark.real_time
STATUSES = [401, 403, 404, 408, 409, 413, 422, 425, 429, 500, 501, 502, 503, 504]


async def test_1_the_place_in_the_queue_is_the_servers_from_the_reply_to_the_submission_on():
    emulator = IqmEmulator(results="zeros", queue=30)
    async with serve(emulator) as url, client_of(url) as client:
        backend = client.backend("iqm/garnet")
        jobs = [await backend.run(GHZ, shots=5) for _ in range(3)]
        assert [job.queue_position for job in jobs] == [0, 1, 2]
        assert emulator.requests["job"] == 0 or jobs[2].queue_position == 2
        assert await jobs[0].cancel() is CancelOutcome.CANCELLED
        await jobs[2].refresh()
        assert jobs[2].queue_position == 1


async def test_2_failed_and_cancelled_jobs_raise_with_the_servers_words():
    emulator = IqmEmulator(results="zeros", faults=[Fault("fail", operation="submit", body="QB3 drifted away")])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/garnet").run(GHZ, shots=5)
        with pytest.raises(qj.JobFailed, match="QB3 drifted away"):
            await job
        emulator.queue.queue = 30
        job = await client.backend("iqm/garnet").run(GHZ, shots=5)
        assert await job.cancel() is CancelOutcome.CANCELLED
        with pytest.raises(qj.JobCancelled):
            await job


@pytest.mark.parametrize("status", STATUSES)
async def test_3_no_status_of_a_look_ends_a_wait(status: int):
    emulator = IqmEmulator(results="zeros", faults=[Fault("status", operation="job", status=status, retry_after=0)])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/garnet").run(GHZ, shots=5)
        assert (await job).counts == {"000": 5}
    assert emulator.requests["job"] >= 2
    assert len(emulator.jobs) == 1


async def test_3_the_server_says_how_long_to_wait_and_is_heeded():
    emulator = IqmEmulator(results="zeros", faults=[Fault("status", operation="job", status=429, retry_after=1)])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/garnet").run(GHZ, shots=5)
        began = time.monotonic()
        await job
        assert time.monotonic() - began >= 0.9


async def test_4_registers_that_nobody_measured_are_in_the_result():
    a, unused, b = ClassicalRegister(2, "a"), ClassicalRegister(1, "unused"), ClassicalRegister(1, "b")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), a, unused, b)
    circuit.x(0)
    circuit.measure(0, a[1])
    circuit.measure(1, b[0])
    async with serve(IqmEmulator(seed=1)) as url, client_of(url) as client:
        job = await client.backend("iqm/garnet").run(circuit, shots=4)
        assert (await job).counts == {"0 0 10": 4}
        other = await client.attach("iqm/garnet", job.remote_id)
        assert other is job
        async with client_of(url) as stranger:
            found = await stranger.attach("iqm/garnet", job.remote_id)
            assert (await found).counts == {"0 0 10": 4}
            assert (await found)[0].registers == (("a", 2), ("unused", 1), ("b", 1))


async def test_5_a_circuit_without_measurements_is_refused_before_anything_is_sent():
    emulator = IqmEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.UsageError, match="measures nothing"):
            await client.backend("iqm/garnet").run(QuantumCircuit(2, 2))
    assert emulator.requests["submit"] == 0


async def test_6_a_422_keeps_its_code_and_words():
    body = json.dumps({"message": "bad circuit", "error_code": "invalid_circuit", "request_id": "r-1"})
    emulator = IqmEmulator(faults=[Fault("status", operation="submit", status=422, body=body)])
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.JobRejected, match=r"bad circuit \(invalid_circuit, request r-1\)"):
            await client.backend("iqm/garnet").run(GHZ, shots=5)


@pytest.mark.parametrize("body", ['{"detail": [{"loc": ["body", 0], "msg": "too long", "type": "x"}]}', '"too long"'])
async def test_6_a_422_of_another_form_is_a_refusal_all_the_same(body: str):
    emulator = IqmEmulator(faults=[Fault("status", operation="submit", status=422, body=body)])
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.JobRejected, match="422"):
            await client.backend("iqm/garnet").run(GHZ, shots=5)


@pytest.mark.parametrize("status", [520, 521, 522, 525, 530, 599])
async def test_7_statuses_of_a_gateway_that_no_standard_has_are_weather(status: int):
    emulator = IqmEmulator(results="zeros", faults=[Fault("status", operation="job", status=status, times=2)])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/garnet").run(GHZ, shots=5)
        assert (await job).counts == {"000": 5}


async def test_8_login_pages_unknown_words_and_new_fields_end_no_wait():
    faults = [
        Fault("garbage", operation="job", body="<html>please log in</html>"),
        Fault("word", operation="job", word="meditating", at=2),
        Fault("schema", operation="job", at=3),
    ]
    emulator = IqmEmulator(results="zeros", faults=faults)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/garnet").run(GHZ, shots=5)
        assert (await job).counts == {"000": 5}
    assert emulator.requests["job"] == 4


async def test_9_a_token_with_any_text_in_it_is_good_and_need_not_be_a_jwt(tmp_path):
    claims = base64.urlsafe_b64encode(
        json.dumps({"exp": int(time.time()) + 3600, "name": "ÿÿÿ~~~???"}, ensure_ascii=False).encode()
    )
    assert b"_" in claims or b"-" in claims
    for token in (f"e30.{claims.decode().rstrip('=')}.sig", "an-opaque-resonance-token/with+signs=="):
        file = tmp_path / "tokens.json"
        file.write_text(json.dumps({"access_token": token}))
        async with serve(IqmEmulator(results="zeros", token=token)) as url:
            settings = {"url": url, "tokens_file": str(file)}
            async with qj.Client(ledger="memory", providers={"iqm": settings}) as client:
                assert await client.backends("iqm")


async def test_10_a_server_may_have_a_port_and_a_path():
    emulator = IqmEmulator(results="zeros")

    below = Starlette(routes=[Mount("/station/one", app=emulator)])
    below.start, below.stop = emulator.start, emulator.stop  # type: ignore[attr-defined] # it is served in its place
    below.connections = below.open_connections = 0  # type: ignore[attr-defined] # likewise
    async with serve(below) as url, client_of(f"{url}/station/one") as client:  # type: ignore[arg-type] # likewise
        assert (await (await client.backend("iqm/garnet").run(GHZ, shots=5))).counts == {"000": 5}


async def test_12_a_wait_draws_nothing_unless_it_is_asked_to(capfd):
    async with serve(IqmEmulator(results="zeros")) as url, client_of(url) as client:
        await (await client.backend("iqm/garnet").run(GHZ, shots=5))
    assert capfd.readouterr() == ("", "")


async def test_13_a_result_is_fetched_once_and_what_was_sent_is_not_fetched_at_all():
    emulator = IqmEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/garnet").run(GHZ, shots=5)
        assert await job is await job
    assert (emulator.requests["counts"], emulator.requests["measurements"]) == (1, 0)
    assert emulator.requests["payload"] == 0


async def test_14_connections_are_kept_and_the_architecture_is_asked_for_once():
    emulator = IqmEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        backend = client.backend("iqm/garnet")
        for _ in range(5):
            await (await backend.run(GHZ, shots=5))
    assert emulator.requests["architecture"] == 1
    assert emulator.connections <= 5
    assert sum(emulator.requests.values()) > 10


async def test_15_asking_why_it_failed_asks_nobody():
    emulator = IqmEmulator(results="zeros", faults=[Fault("fail", operation="submit", body="cold")])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/garnet").run(GHZ, shots=5)
        await job.wait()
        before = dict(emulator.requests)
        assert "cold" in str(job.error)
        assert dict(emulator.requests) == before


async def test_15_a_wait_of_no_seconds_is_over_at_once():
    async with serve(IqmEmulator(results="zeros", queue=30)) as url, client_of(url) as client:
        job = await client.backend("iqm/garnet").run(GHZ, shots=5)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await job
        assert time.monotonic() - began < 5
        assert job.state is S.QUEUED


async def test_16_a_client_that_was_closed_is_freed():
    async with serve(IqmEmulator(results="zeros")) as url:
        async with client_of(url) as client:
            await client.backends("iqm")
        known = weakref.ref(client)
        del client
        gc.collect()
        assert known() is None


async def test_17_a_submission_behind_a_broken_gateway_is_in_doubt_and_not_repeated_for_ever():
    emulator = IqmEmulator(results="zeros", faults=[Fault("status", operation="submit", status=502, after=True)])
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.SubmissionUncertain) as caught:
            await client.backend("iqm/garnet").run(GHZ, shots=5)
        (remote_id,) = emulator.jobs
        job = await caught.value.job.adopt(remote_id)
        assert (await job).counts == {"000": 5}
    assert emulator.requests["submit"] == 1
