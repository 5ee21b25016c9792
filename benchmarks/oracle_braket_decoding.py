"""How does our decoder of quantum tasks compare with Braket's own SDK?

amazon-braket-sdk runs in its own environment (`nox -s oracles -- --bench` makes it); both sides take the same result
objects in turns, and their counts must be the same. The vendor's way is `GateModelQuantumTaskResult.from_string` and its
`measurement_counts`, with the garbage collector on, as users have it; ours ends with the same dict. Random bits make
nearly every shot an outcome of its own, which is the most work for us.

Target: at least 20x faster for 1,000 shots of 20 qubits, and for 10,000 of 30.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from measure import Bench, alternate, ratio

from tests.oracles.braket import test_decoding as decoding


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    with tempfile.TemporaryDirectory() as home, decoding.started(Path(home)) as vendor:
        file = Path(home) / "results.json"
        for case in decoding.CASES:
            file.write_bytes(case.body())
            both = decoding.ours(case, file.read_bytes()), decoding.theirs(vendor, file)
            ours, vendors = alternate(3 if options.quick else decoding.ROUNDS, *both)
            assert all(counts == ours[0][1] for _, counts in (*ours, *vendors)), "the counts differ"
            mine, other = ([seconds for seconds, _ in turns] for turns in (ours, vendors))
            print(f"  {case.name}: ours {1e3 * median(mine):.3g} ms of CPU, vendor {1e3 * median(other):.3g} ms")
            bench.figure(f"{case.name}, vendor / ours", ratio(other, mine), "x", least=case.least)
    bench.end()


if __name__ == "__main__":
    main()
