"""How do our waits compare with those of OriginQ's client?

pyqpanda3 runs in its own environment (`nox -s oracles -- --bench` makes it), and each side in a process of its own, for an
emulator in a third. 100 jobs wait 3 s in the queue: ours are awaited, the vendor's in threads (`asyncio.to_thread`), while
a ticker wakes every millisecond and keeps its longest delay. Then one wait of each is sent SIGINT, and is killed after 6 s.
Then the server does not answer one look (of the vendor three, since it tries so often): for how long does who else waits
get nothing? Our attempts have a deadline of 2 s here; the vendor's of 60 s cannot be changed.

Targets: the longest stall under 50 ms; a wait ends within 0.2 s of SIGINT; nobody else is delayed to the deadline.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from measure import Bench, alternate

from tests.oracles.originq import our_waits, waits

JOBS = 100
QUEUE = 3.0
"""Seconds that each job waits, while others do, too."""
GIVEN_UP = 6.0
"""Seconds after which a wait that ignores SIGINT is killed."""


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    rounds = 1 if options.quick else 5
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        ours, theirs = alternate(
            rounds,
            lambda: waits.stalled(waits.OURS, home, jobs=JOBS, queue=QUEUE),
            lambda: waits.stalled(waits.THEIRS, home, jobs=JOBS, queue=QUEUE),
        )
        assert all(one["good"] for one in (*ours, *theirs))
        bench.figure(
            f"longest stall, {JOBS} jobs, ours", median(1e3 * one["longest"] for one in ours), " ms", most=50.0
        )
        bench.figure("the same, vendor", median(1e3 * one["longest"] for one in theirs), " ms")
        bench.figure("... of the whole wait, vendor", median(one["longest"] / one["whole"] for one in theirs))
        for side in (waits.OURS, waits.BLOCKING):
            ends = [waits.interrupted(side, home, patience=GIVEN_UP) for _ in range(rounds)]
            bench.figure(f"SIGINT to the end of a wait, {side}", 1e3 * max(ends), " ms", most=200.0)
        bench.figure(
            "the same, vendor (killed after 6 s)", waits.interrupted(waits.THEIRS, home, patience=GIVEN_UP), " s"
        )
        *others, last = waits.hung(waits.OURS, home, jobs=5)
        bench.figure("a look is not answered: the other jobs, ours", max(others), " s", most=our_waits.DEADLINE)
        bench.figure("... and the job itself", last, " s")
        if not options.quick:
            bench.figure("the same, vendor: all stand still for", waits.hung(waits.THEIRS, home, jobs=1)[0], " s")
    bench.end()


if __name__ == "__main__":
    main()
