"""How do our waits for quantum tasks compare with those of Amazon Braket's SDK?

amazon-braket-sdk runs in its own environment (`nox -s oracles -- --bench` makes it), and each side in a process of its own,
for an emulator in a third that answers 50 ms late. 20 tasks of 2 s, all at once and within the documented quotas, are
submitted and awaited: ours by `await`, the vendor's by `async_result` under `asyncio.gather`, while a ticker wakes every
millisecond. Then ten tasks wait 6 to 6.9 s in the queue, the vendor's in threads: how many requests are that, and how late
is an end noticed? Ours is as it is by default, and the vendor looks once a second, its default where a device says nothing
else. Then 1,000 of ours wait for a QPU, with quotas. At last waits of 0.3 s are repeated: what becomes of the tasks and of
their results?

Targets: the longest stall under 50 ms, all tasks within 1.5x of one; at most half the requests, no later; under 5 requests
a second, and none of them too many; each result is there, and no task is sent twice.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from measure import Bench, alternate

from tests.oracles.braket import waits
from tests.oracles.braket.waits import OURS, THEIRS

TASKS, DURATION = 20, 2.0
QUEUED, QUEUE = 10, 6.0
CROWD = 1000


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    rounds = 1 if options.quick else 5
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        together(bench, home, rounds)
        queued(bench, home, rounds)
        if not options.quick:
            crowd(bench, home)
        repeated(bench, home)
    bench.end()


def together(bench: Bench, home: Path, rounds: int) -> None:
    ours, theirs = alternate(
        rounds,
        lambda: waits.gathered(OURS, home, tasks=TASKS, duration=DURATION),
        lambda: waits.gathered(THEIRS, home, tasks=TASKS, duration=DURATION),
    )
    assert all(one["good"] and not one["refused"] for one in (*ours, *theirs))
    for side, found, most in (OURS, ours, (50.0, 1.5)), (THEIRS, theirs, (None, None)):
        bench.figure(
            f"longest stall, {TASKS} tasks, {side}", median(1e3 * one["longest"] for one in found), " ms", most=most[0]
        )
        bench.figure("... of stalls above 20 ms, together", median(one["stalled"] for one in found), " s")
        bench.figure("... all of it", median(one["all"] for one in found), " s")
        bench.figure("... against one task", median(one["all"] / one["one"] for one in found), "x", most=most[1])


def queued(bench: Bench, home: Path, rounds: int) -> None:
    ours, theirs, quiet = alternate(
        rounds,
        lambda: waits.queued(OURS, home, tasks=QUEUED, queue=QUEUE),
        lambda: waits.queued(THEIRS, home, tasks=QUEUED, queue=QUEUE),
        lambda: waits.queued(THEIRS, home, tasks=QUEUED, queue=QUEUE, word="quiet"),
    )
    sides = ("ours", ours), ("vendor", theirs), ("vendor with quiet=True", quiet)
    for side, found in sides:
        bench.figure(f"requests about a queued task, {side}", median(one["requests"] for one in found))
        bench.figure("... seconds from its end to its result", median(one["delay"] for one in found), " s")
    for name, most in ("requests", 0.5), ("delay", 1.0):
        both = zip(ours, theirs, strict=True)
        bench.figure(f"{name}, ours / vendor", median(one[name] / other[name] for one, other in both), "x", most=most)


def crowd(bench: Bench, home: Path) -> None:
    found = waits.crowd(home, tasks=CROWD, settled=10.0, seconds=60.0)
    bench.figure(f"requests a second about {CROWD:,} waiting tasks", found["rate"], most=5.0)
    bench.figure("... of them searches", found["searches"])
    bench.figure("requests that were too many, from the first submission on", sum(found["refused"].values()), most=0.0)


def repeated(bench: Bench, home: Path) -> None:
    for side, least in (OURS, 3.0), (THEIRS, None):
        found = waits.again(side, home, tasks=3)
        bench.figure(f"results of three tasks whose waits had timed out, {side}", found["results"], least=least)
        if side == OURS:
            bench.figure("tasks that three slow ones are, ours", found["tasks"], most=3.0)
    bench.figure("... vendor, of run_batch with a deadline", waits.slow_batch(home, tasks=3))


if __name__ == "__main__":
    main()
