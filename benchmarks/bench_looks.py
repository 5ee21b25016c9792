"""What does a look cost, how many are made, and how late is the end noticed?

10,000 fake jobs, submitted within a virtual hour, whose lengths are lognormal with a median of an hour, followed with
the default policy: one job a request, and a hundred. CPU is all that the process uses from the first submit to the last
result, divided by the looks; the fake cloud's own share of a look is measured by hand in the same run.

The delay from a job's end to its being noticed is compared with a fixed interval that makes just as many looks at the
same jobs. Nothing is claimed about real queues: these lengths are invented. `--cadence` leaves the engine out and shows
the same comparison for a single job at a time, over several distributions.

Target: at most 20 us of CPU per look.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Callable, Sequence
from math import ceil, exp, log
from statistics import median

from measure import BELL, Bench, quantile

from quantumjobs import Client
from quantumjobs.abc import Remote
from quantumjobs.core.schedule import Pace, spacing
from quantumjobs.testing import FakeProvider, run

HOUR = 3600.0


# --- the engine on 10,000 jobs ----------------------------------------------------------
async def followed(lengths: Sequence[float], bulk: int) -> dict[str, float]:
    jobs = len(lengths)
    fake = FakeProvider(queued=lambda index: lengths[index] / 2, running=lambda index: lengths[index] / 2, bulk=bulk)
    when = random.Random(2)
    async with Client(ledger="memory", providers={"fake": fake}) as client:
        backend = client.backend("fake/sim")

        async def one(delay: float) -> tuple[float, float]:
            await asyncio.sleep(delay)
            job = await backend.run(BELL)
            await job
            remote = fake.jobs[job.remote_id or ""]
            return remote.ends - remote.created, job.story[-1].at - remote.ends

        gc.collect()
        began = time.process_time()
        seen = await asyncio.gather(*(one(when.uniform(0, HOUR)) for _ in range(jobs)))
        spent = time.process_time() - began
        return {
            "cpu": 1e6 * spent / fake.looks,
            "requests": fake.polls / jobs,
            "looks": fake.looks / jobs,
            **delays("ours", seen),
            **delays("fixed", fixed([length for length, _ in seen], fake.looks)),
        }


def delays(name: str, seen: Sequence[tuple[float, float]]) -> dict[str, float]:
    return {
        f"{name} absolute": median(delay for _, delay in seen),
        f"{name} mean": sum(delay for _, delay in seen) / len(seen),
        f"{name} relative": median(delay / length for length, delay in seen),
        f"{name} share": sum(delay / length for length, delay in seen) / len(seen),
        f"{name} tail": quantile([delay / length for length, delay in seen], 0.95),
    }


def fixed(lengths: Sequence[float], looks: int) -> list[tuple[float, float]]:
    """Lengths and delays when every job is looked at in one fixed interval, with so many looks in all."""
    low, high = 1e-3, 1e6
    while high / low > 1 + 1e-9:
        interval = (low * high) ** 0.5
        if sum(ceil(length / interval) for length in lengths) > looks:
            low = interval
        else:
            high = interval
    return [(length, high * ceil(length / high) - length) for length in lengths]


async def fake_alone(bulk: int, looks: int) -> float:
    """Microseconds of CPU that the fake cloud itself uses per look at a queued job."""
    fake = FakeProvider(queued=1e9, bulk=bulk)
    remotes = []
    async with fake.connect(fake.lane("sim"), lambda *_: None) as adapter:
        for number in range(bulk):
            fake.cloud.make(token=str(number), backend="sim", payload=b"", now=fake.wall())
            remotes.append(Remote(id=f"remote-{number}", backend="sim", created_at=0.0))
        began = time.process_time()
        for _ in range(looks // bulk):
            await adapter.poll(remotes)
        return 1e6 * (time.process_time() - began) / looks


# --- the cadence alone ------------------------------------------------------------------
def single(length: float, pace: Pace) -> tuple[float, int]:
    """The delay of a single job of that length, and how often it was looked at."""
    now, looks = pace.first, 1
    while now < length:
        now += spacing(pace, age=now)
        looks += 1
    return now - length, looks


DISTRIBUTIONS: dict[str, Callable[[random.Random], float]] = {
    "lognormal, median 1 h": lambda chance: exp(chance.gauss(log(HOUR), 1.0)),
    "lognormal, median 10 s": lambda chance: exp(chance.gauss(log(10), 1.0)),
    "Pareto, from 10 s, alpha 1.2": lambda chance: 10 * chance.paretovariate(1.2),
    "half 5 s, half 6 h (each +- 30 %)": lambda chance: chance.choice((5, 6 * HOUR)) * chance.uniform(0.7, 1.3),
}


def cadence(jobs: int) -> None:
    for name, draw in DISTRIBUTIONS.items():
        chance = random.Random(3)
        lengths = [min(draw(chance), 30 * 24 * HOUR) for _ in range(jobs)]
        seen = [(length, *single(length, Pace())) for length in lengths]
        ours = delays("ours", [(length, delay) for length, delay, _ in seen])
        looks = sum(looks for _, _, looks in seen)
        print(f"  one job at a time, {name}: {looks / jobs:.0f} looks per job")
        compare(ours | delays("fixed", fixed(lengths, looks)))


def compare(told: dict[str, float]) -> None:
    for name, shown, unit, scale in (
        ("absolute", "median delay", "s", 1),
        ("mean", "mean delay", "s", 1),
        ("relative", "median delay relative to the length", "%", 100),
        ("share", "mean delay relative to the length", "%", 100),
        ("tail", "that of the worst twentieth", "%", 100),
    ):
        ours, other = scale * told[f"ours {name}"], scale * told[f"fixed {name}"]
        print(f"    {shown}: {ours:.3g} {unit}, fixed interval {other:.3g} {unit}: {other / ours:.2f}x as much")


def main() -> None:
    bench = Bench(__doc__)
    bench.parser.add_argument("--cadence", action="store_true", help="only the cadence, without the engine")
    options = bench.parse()
    jobs = 1_000 if options.quick else 10_000
    if not options.cadence:
        chance = random.Random(1)
        lengths = [exp(chance.gauss(log(HOUR), 1.0)) for _ in range(jobs)]
        for bulk in (1, 100):
            alone = median(run(fake_alone(bulk, 20_000)) for _ in range(5))
            told = run(followed(lengths, bulk))
            print(
                f"  {jobs:,} jobs, {bulk} a request: {told['looks']:.0f} looks, {told['requests']:.1f} requests per job"
            )
            bench.figure(f"  CPU per look, bulk={bulk}", told["cpu"], " us", most=20)
            bench.figure(f"  of that the fake cloud by hand, bulk={bulk}", alone, " us")
            compare(told)
    cadence(jobs // 5)
    bench.end()


if __name__ == "__main__":
    main()
