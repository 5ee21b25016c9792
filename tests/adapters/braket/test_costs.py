"""What tasks cost: told beforehand where shots are paid for, and afterwards where time is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

import quantumjobs as qj
from quantumjobs.testing.emulators import BraketEmulator, Fault, serve
from quantumjobs.testing.emulators.braket_devices import DEVICES
from tests.adapters.braket.helpers import GHZ, client_of

pytestmark = pytest.mark.real_time
SV1, GARNET, FORTE = "braket/sv1", "braket/Garnet", "braket/Forte-1"


async def test_shots_and_tasks_have_prices_that_are_known_beforehand():
    emulator = BraketEmulator(results="zeros", queue=1.0)
    async with serve(emulator) as url, client_of(url) as client:
        garnet = client.backend(GARNET)
        assert str(await garnet.estimate(GHZ, shots=100)) == "about 0.445 USD"
        assert str(await client.backend(FORTE).estimate(GHZ, shots=100)) == "about 8.3 USD"
        assert not emulator.jobs
        job = await garnet.run(GHZ, shots=100)
        assert str(await job.cost()) == "about 0.445 USD"
        await job
        assert str(await job.cost()) == "0.445 USD"


async def test_a_program_set_is_one_task_and_tasks_apart_are_several():
    async with serve(BraketEmulator(results="zeros")) as url, client_of(url) as client:
        garnet = client.backend(GARNET)
        assert str(await garnet.estimate([GHZ] * 10, shots=100)) == "about 1.75 USD"
        assert str(await garnet.estimate([GHZ] * 10, shots=100, program_set=False)) == "about 4.45 USD"
        assert str(await garnet.estimate([GHZ] * 101, shots=100)) == "about 15.245 USD"
        job = await garnet.run([GHZ] * 3, shots=100, program_set=False)
        await job
        assert str(await job.cost()) == "1.335 USD"


async def test_the_fee_of_a_task_is_a_setting_and_a_reservation_has_no_price_by_shots():
    async with serve(BraketEmulator(results="zeros")) as url, client_of(url, more={"task_fee": 0}) as client:
        garnet = client.backend(GARNET)
        assert str(await garnet.estimate(GHZ, shots=100)) == "about 0.145 USD"
        reserved = "arn:aws:braket:eu-north-1:123456789012:reservation/a1"
        assert str(await garnet.estimate(GHZ, shots=100, reservation_arn=reserved)) == "unknown"


async def test_time_on_a_simulator_has_a_price_that_is_known_afterwards():
    async with serve(BraketEmulator(results="zeros", queue=0.5)) as url, client_of(url) as client:
        assert str(await client.backend(SV1).estimate(GHZ, shots=100)) == "unknown"
        job = await client.backend(SV1).run(GHZ, shots=100)
        assert str(await job.cost()) == "unknown"
        await job
        cost = await job.cost()
        assert str(cost) == "0.00375 USD"  # three seconds, which are the least
        assert cost.is_final
    async with serve(BraketEmulator(results="zeros", duration=3.5)) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=100)
        (entry,) = await job
        seconds = entry.metadata["execution_seconds"]
        assert seconds >= 3.5
        assert float((await job.cost()).amount or 0) == pytest.approx(seconds * 0.075 / 60)


async def test_a_device_without_a_published_price_costs_nobody_knows_what():
    devices = [replace(one, price=(one.price[0], "hour")) for one in DEVICES]
    async with serve(BraketEmulator(results="zeros", devices=devices)) as url, client_of(url) as client:
        assert str(await client.backend(GARNET).estimate(GHZ, shots=100)) == "unknown"
        job = await client.backend(GARNET).run(GHZ, shots=100)
        await job
        assert str(await job.cost()) == "unknown"


async def test_what_failed_or_was_cancelled_is_free():
    fails = [Fault("fail", operation="submit", body="the fridge is warm")]
    async with serve(BraketEmulator(results="zeros", queue=0.5, faults=fails)) as url, client_of(url) as client:
        failed = await client.backend(GARNET).run(GHZ, shots=5)
        with pytest.raises(qj.JobFailed):
            await failed
        cancelled = await client.backend(GARNET).run(GHZ, shots=5)
        await cancelled.cancel()
        await cancelled.wait()
        assert [str(await job.cost()) for job in (failed, cancelled)] == ["0 USD"] * 2
