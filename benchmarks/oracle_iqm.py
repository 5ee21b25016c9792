"""How does our decoder compare with the vendor's client?

iqm-client runs in its own environment (`nox -s oracles -- --bench` makes it); both sides take the same bodies of
`measurements`, 20 qubits, in turns, and their counts must be the same. The vendor's way is what its executor and its
`IQMJob` do from the response to counts, with the garbage collector on, as users have it. Random bits make nearly every
shot an outcome of its own, which is the most work for us; few outcomes are what a device gives.

Targets: at least 40x faster for one circuit of 10,000 shots, 30x for 100 circuits of 1,000.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from measure import Bench, alternate, ratio

from tests.oracles.iqm import test_speed as speed


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    for case in speed.CASES:
        body = case.body()
        with tempfile.TemporaryDirectory() as home, speed.theirs(body, home=Path(home)) as theirs:
            ours, vendors = alternate(3 if options.quick else speed.ROUNDS, speed.ours(case, body), theirs)
        assert len({digest for _, digest in (*ours, *vendors)}) == 1, "the counts differ"
        mine, other = ([seconds for seconds, _ in turns] for turns in (ours, vendors))
        print(f"  {case.name}: ours {1e3 * median(mine):.3g} ms of CPU, vendor {1e3 * median(other):.3g} ms")
        bench.figure(f"{case.name}, vendor / ours", ratio(other, mine), "x", least=case.least)
    bench.end()


if __name__ == "__main__":
    main()
