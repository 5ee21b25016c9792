"""Is a job that writes a hundred thousand log lines followed as it should be?

Our client follows an emulated hybrid job of Amazon Braket, each in a process of its own. The job writes 100,000 lines in
two minutes, with an empty page now and then; a ticker that wakes every millisecond keeps the loop's longest stall, and
another one in an idle process beside it does the same: what it sees is the machine's. Then the same lines are there at
once, which makes pages as large as the service has them: longest stall, and CPU per line against a loop by hand over
GetLogEvents (httpx and json).

Targets: no line lost, doubled or out of its order; a stall under 50 ms; no more memory for all lines than for the first
tenth, but for 2 MB; three times the CPU of the loop by hand.
"""

from __future__ import annotations

from statistics import median

from braket_logs import Followed, Service, Task, Written, follow, idling, service
from measure import Bench, alternate, ratio

from quantumjobs.testing.emulators.braket_logs_store import LogSettings

LINES, SECONDS = 100_000, 120.0
EMPTY_EVERY = 7
MB = 1e6


def main() -> None:
    bench = Bench(__doc__)
    bench.parser.add_argument("--rounds", type=int, default=3)
    options = bench.parse()
    lines, seconds = (10_000, 6.0) if options.quick else (LINES, SECONDS)
    with service(LogSettings(empty_every=EMPTY_EVERY)) as emulator:
        live(bench, emulator, lines, seconds, 1 if options.quick else options.rounds)
        backlog(bench, emulator, lines, 1 if options.quick else 2 * options.rounds - 1)
    bench.end()


def live(bench: Bench, emulator: Service, lines: int, seconds: float, rounds: int) -> None:
    """Lines as they are written."""
    found, idle = [], []
    for _ in range(rounds):
        with idling() as longest:
            job = emulator.begin(Written(lines, lines / seconds))
            found.append(follow("ours", Task(emulator.url, job, lines, live=True, watched=True)))
        idle += longest
    check(bench, f"{lines:,} lines in {seconds:g} s", found)
    bench.figure("longest stall, an idle loop beside", 1e3 * median(idle), " ms")
    stalls(bench, found)
    bench.figure("memory with a tenth of the lines", median(one.early for one in found) / MB, " MB")
    bench.figure("... more of it with all lines", max(one.late - one.early for one in found) / MB, " MB", most=2)
    for name, place in ("median", 0), ("95%", 1), ("longest", 2):
        bench.figure(f"from a line's time until it is given, {name}", median(one.delays[place] for one in found), " s")


def backlog(bench: Bench, emulator: Service, lines: int, rounds: int) -> None:
    """Lines that are there already: as many in a page as it takes."""
    job = emulator.begin(Written(lines, 1e7))

    def read(side: str, *, watched: bool) -> Followed:
        return follow(side, Task(emulator.url, job, lines, live=False, watched=watched))

    ours, hand, ours_watched, hand_watched = alternate(
        rounds,
        lambda: read("ours", watched=False),
        lambda: read("hand", watched=False),
        lambda: read("ours", watched=True),
        lambda: read("hand", watched=True),
    )
    check(bench, f"{lines:,} lines at once", [*ours, *ours_watched])
    stalls(bench, ours_watched)
    bench.figure("... by hand", 1e3 * median(one.longest for one in hand_watched), " ms")
    bench.figure("CPU per line", 1e6 * median(one.cpu / lines for one in ours), " us")
    bench.figure("... by hand", 1e6 * median(one.cpu / lines for one in hand), " us")
    bench.figure("... ours / by hand", ratio([one.cpu for one in ours], [one.cpu for one in hand]), "x", most=3)
    bench.figure("all of them after", median(one.wall for one in ours), " s")
    bench.figure("... by hand", median(one.wall for one in hand), " s")


def check(bench: Bench, what: str, found: list[Followed]) -> None:
    bench.figure(f"{what}: lost", sum(one.lost for one in found), most=0)
    bench.figure("... doubled", sum(one.doubled for one in found), most=0)
    bench.figure("... out of order", sum(one.disordered for one in found), most=0)


def stalls(bench: Bench, found: list[Followed]) -> None:
    bench.figure("longest stall, median", 1e3 * median(one.longest for one in found), " ms", most=50)
    bench.figure("... the worst", 1e3 * max(one.longest for one in found), " ms")


if __name__ == "__main__":
    main()
