"""How much CPU does a job cost beyond awaiting its provider by hand?

A job is submitted, looked at five times and gives its result: once through the public API, once by the shortest loop
that calls the same provider's codec and adapter, on the same virtual clock, all jobs gathered. Both are counted by the
provider and make the same requests. What is left is ours: states, ledger (in memory), schedule, handles, waiters.

Target: at most 150 us per job.
"""

from __future__ import annotations

import asyncio
import gc
import time
from statistics import median
from uuid import uuid4

from measure import BELL, Bench, alternate, ratio

from quantumjobs import Client, Policy
from quantumjobs.abc import Adapter, Circuit, Remote, Request, Sending, Status
from quantumjobs.core.results import Result
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import JobState
from quantumjobs.testing import FakeProvider, run

LOOKS = 5
EVERY_SECOND = Pace(first=1.0, at_least=1.0, at_most=1.0, rate=1e9)


def provider() -> FakeProvider:
    """Seen queued twice, running twice, and ended at the fifth look."""
    return FakeProvider(queued=2.5, running=2.0)


async def through_client(jobs: int) -> float:
    fake = provider()
    policies = {"fake": Policy(pace=EVERY_SECOND)}
    async with Client(ledger="memory", providers={"fake": fake}, policies=policies) as client:
        backend = client.backend("fake/sim")
        await (await backend.run(BELL))  # connects, and asks for the description

        async def one() -> Result:
            job = await backend.run(BELL, shots=1000)
            return await job

        return await measured(fake, [one() for _ in range(jobs)])


async def by_hand(jobs: int) -> float:
    fake = provider()
    async with fake.connect(fake.lane("sim"), lambda *_: None) as adapter:
        about = await adapter.describe("sim")
        return await measured(fake, [one_by_hand(fake, adapter, about) for _ in range(jobs)])


async def one_by_hand(fake: FakeProvider, adapter: Adapter, about: bytes) -> Result:
    request = Request(backend="sim", circuits=(Circuit("qasm", BELL.encode()),), shots=1000)
    (part,) = fake.codec.prepare(request, about, seed=1).parts
    now = fake.wall()
    sending = Sending(backend="sim", payload=part.payload, token=uuid4().hex, first_sent_at=now, attempt=1)
    accepted = await adapter.submit(sending)
    remote = Remote(id=accepted.remote_id, backend="sim", created_at=now)
    while True:
        await asyncio.sleep(1)
        answer = (await adapter.poll([remote]))[remote.id]
        if isinstance(answer, Status) and answer.state is JobState.COMPLETED and answer.result is not None:
            return fake.codec.decode(answer.result, part.layout)


async def measured(fake: FakeProvider, jobs: list) -> float:
    """Microseconds of CPU per job."""
    fake.calls.clear()
    fake.looks = 0
    gc.collect()
    began = time.process_time()
    results = await asyncio.gather(*jobs)
    spent = time.process_time() - began
    assert all(result.counts for result in results)
    assert (fake.submits, fake.polls, fake.looks) == (len(jobs), LOOKS * len(jobs), LOOKS * len(jobs)), fake.calls
    return 1e6 * spent / len(jobs)


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    jobs, rounds = (200, 3) if options.quick else (2_000, 9)
    run(through_client(20))
    run(by_hand(20))
    hand, ours = alternate(rounds, lambda: run(by_hand(jobs)), lambda: run(through_client(jobs)))
    beyond = median(one - other for one, other in zip(ours, hand, strict=True))
    bench.figure("a job by hand", median(hand), " us of CPU")
    bench.figure("a job through the client", median(ours), " us of CPU")
    bench.figure("client / by hand", ratio(ours, hand), "x")
    bench.figure("beyond the provider, per job", beyond, " us of CPU", most=150)
    bench.end()


if __name__ == "__main__":
    main()
