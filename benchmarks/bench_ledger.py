"""What does the ledger's face cost over SQLite itself?

Durable intents, as a submit writes them: one job, one handle with one link, and three bodies (request, payload, layout),
by many callers who each wait for their commit. The baseline is a bare sqlite3 loop on a file with the same tables and
pragmas, which writes the same rows (already encoded) in transactions of as many intents as our groups had on average,
row by row with `execute`; and, as a harder opponent, with one `executemany` per table and group.

Target: at least half of the bare loop's intents a second. Seconds are those of the clock on the wall: fsyncs are in them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from statistics import median

from measure import Bench, alternate, ratio

from quantumjobs.abc import Change
from quantumjobs.core.records import Handle, JobRecord, Link
from quantumjobs.ledgers.sqlite import SqliteLedger, rows
from quantumjobs.ledgers.sqlite.connection import JournalMode, open_file
from quantumjobs.ledgers.sqlite.rows import Commit, Prepared

INSERTS = {
    "payload": "INSERT OR IGNORE INTO payload (digest, size, checksum, body) VALUES (?, ?, ?, ?)",
    "job": "INSERT INTO job (id, version, fence, owner, state, settled, provider, lane, remotes, payload, layout,"
    " created_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "handle": "INSERT INTO handle (id, key, request, created_at, body) VALUES (?, ?, ?, ?, ?)",
    "link": "INSERT INTO link (handle, place, job) VALUES (?, ?, ?)",
    "event": "INSERT INTO event (job, writer, type, at, body) VALUES (?, ?, ?, ?, ?)",
}


def intent(number: int) -> Commit:
    bodies = [
        f"{what} {number} ".encode().ljust(size, b".")
        for what, size in (("request", 600), ("payload", 800), ("layout", 200))
    ]
    digests = [blake2b(body, digest_size=16).hexdigest() for body in bodies]
    job_id = f"{number * 2654435761 % (1 << 128):032x}"
    record = JobRecord(
        id=job_id, provider="aqt", lane="aqt:https://example.org:me", backend="sim", family="cloud",
        payload=digests[1], layout=digests[2], created_at=1e9,
    )  # fmt: skip
    handle = Handle(id=f"h{job_id}", address="aqt/sim", links=(Link(job_id, 0, 1),), created_at=1e9, request=digests[0])
    return Commit((Change(record=record),), (handle,), dict(zip(digests, bodies, strict=True)))


class Turns:
    """Runs of both sides, each on a file of its own."""

    def __init__(self, directory: Path, mode: JournalMode, intents: int, callers: int) -> None:
        self._directory = directory
        self._mode = mode
        self._callers = callers
        self._commits = [intent(number) for number in range(intents)]
        self._rows = [self._rows_of(commit) for commit in self._commits]
        self.groups: list[int] = []

    @staticmethod
    def _rows_of(commit: Commit) -> dict[str, list[rows.Row]]:
        one = Prepared(commit, "0" * 16)
        links = [(handle.id, place, link.job) for handle in commit.handles for place, link in enumerate(handle.links)]
        return {
            "payload": list(one.payloads.values()),
            "job": list(one.jobs.values()),
            "handle": list(one.handles.values()),
            "link": links,
            "event": one.events,
        }

    def _fresh(self) -> Path:
        place = self._directory / "ledger"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        os.sync()  # what the turn before left to be written is not this one's
        return place / "ledger.sqlite3"

    def ours(self) -> float:
        """Intents a second."""
        return asyncio.run(self._ours())

    async def _ours(self) -> float:
        ledger = SqliteLedger(self._fresh(), journal_mode=self._mode)
        await ledger.unsettled()
        groups = [0]
        commit_group = ledger._store.commit_group

        def counted(commits):
            groups[0] += 1
            return commit_group(commits)

        ledger._store.commit_group = counted  # type: ignore[method-assign]
        waiting = iter(self._commits)

        async def caller() -> None:
            for commit in waiting:
                await ledger.commit(commit.changes, handles=commit.handles, blobs=commit.blobs)

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(self._callers)))
        taken = time.perf_counter() - began
        assert len(await ledger.unsettled()) == len(self._commits)
        await ledger.aclose()
        self.groups.append(round(len(self._commits) / groups[0]))
        return len(self._commits) / taken

    def bare(self, *, many: bool) -> float:
        """Intents a second."""
        size = round(median(self.groups)) if self.groups else self._callers
        connection = open_file(self._fresh(), journal_mode=self._mode, timeout=30.0).connection
        began = time.perf_counter()
        for start in range(0, len(self._rows), size):
            part = self._rows[start : start + size]
            connection.execute("BEGIN IMMEDIATE")
            if many:
                for table, sql in INSERTS.items():
                    connection.executemany(sql, [row for intent in part for row in intent[table]])
            else:
                for intent in part:
                    for table, sql in INSERTS.items():
                        for row in intent[table]:
                            connection.execute(sql, row)
            connection.execute("INSERT OR REPLACE INTO writer VALUES ('0', ?)", (start,))
            connection.execute("COMMIT")
        taken = time.perf_counter() - began
        assert connection.execute("SELECT count(*) FROM job").fetchone()[0] == len(self._rows)
        connection.close()
        return len(self._rows) / taken

    def both(self) -> list[Callable[[], float]]:
        return [self.ours, lambda: self.bare(many=False), lambda: self.bare(many=True)]


def main() -> None:
    bench = Bench(__doc__)
    bench.parser.add_argument("--directory", default=None, help="where the files are (its disk is what is measured)")
    options = bench.parse()
    intents, rounds = (500, 3) if options.quick else (4_000, 7)
    modes: tuple[JournalMode, ...] = ("delete", "wal")
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        for mode in modes:
            for callers in (1_000, 50):
                turns = Turns(Path(directory), mode, intents, callers)
                turns.ours()  # so that the baseline knows the size of our groups
                ours, bare, many = alternate(rounds, *turns.both())
                name = f"{mode}, {callers:,} callers"
                bench.figure(f"{name}: intents in a group", median(turns.groups))
                bench.figure(f"{name}: intents a second", median(ours))
                bench.figure(f"{name}: against the bare loop", ratio(ours, bare), "x", least=0.5)
                bench.figure(f"{name}: against the bare loop with executemany", ratio(ours, many), "x", least=0.5)
    bench.end()


if __name__ == "__main__":
    main()
