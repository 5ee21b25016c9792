"""How do our rewrite to AQT's gates and our decoder compare with the vendor's client?

qiskit-aqt-provider runs in its own environment (`nox -s oracles -- --bench` makes it); both sides take the same texts
and bodies. Gate counts are those of the payloads at level 3 (sums over 5 circuits for the random ones). From a finished
job's body to counts: 100 circuits, 1,000 shots, 20 qubits, random bits, in turns; counts must be the same.

Targets: no more gates than the vendor's plug-in; counts at least 20x faster.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from measure import Bench, alternate, ratio

from tests.oracles.aqt import conversion, gates, vendor


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    with tempfile.TemporaryDirectory() as folder:
        _gates(bench, Path(folder))
        _conversion(bench, Path(folder), rounds=3 if options.quick else 7)
    bench.end()


def _gates(bench: Bench, home: Path) -> None:
    rows = gates.compared(home)
    print(f"\n{gates.table(rows)}\n")
    for name in gates.NAMES:
        worst = max(row.ours[name] - row.theirs[name] for row in rows)
        total = sum(row.ours[name] for row in rows) / sum(row.theirs[name] for row in rows)
        bench.figure(f"{name}, ours / vendor over all circuits", total, "x")
        bench.figure(f"{name}, ours - vendor in the worst row", worst, most=None if name == "rz" else 0.0)


def _conversion(bench: Bench, home: Path, *, rounds: int) -> None:
    parts = conversion.parts()
    bodies = conversion.bodies([part.count for part in parts])
    layouts = [part.layout for part in parts]
    with vendor.converter(bodies, qubits=conversion.QUBITS, home=home) as theirs:
        ours, vendors = alternate(rounds, lambda: conversion.converted(bodies, layouts), theirs)
    assert len({digest for _, digest in (*ours, *vendors)}) == 1, "the counts differ"
    mine, other = ([seconds for seconds, _ in turns] for turns in (ours, vendors))
    size = sum(map(len, bodies)) / 1e6
    print(f"  {size:.2g} MB of bodies: ours {1e3 * median(mine):.3g} ms of CPU, vendor {1e3 * median(other):.3g} ms")
    bench.figure("body to counts, vendor / ours", ratio(other, mine), "x", least=20.0)


if __name__ == "__main__":
    main()
