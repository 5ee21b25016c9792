"""How fast do packed shots become counts?

`CircuitResult.counts` from packed bits, against a Python `Counter` over strings that are joined bit by bit, from a list
of zeros and ones per shot, as vendors' clients do it (making those lists is not counted). For information also against
quicker ways in plain Python, from the packed bits: `format` for every shot, and a `Counter` over packed rows whose
distinct keys become strings at the end. Two kinds of outcomes: all alike probable, so that hardly two shots are equal,
and those of a noisy GHZ state, where most are. All ways must give the same counts.

Target: 1,000,000 shots of 20 bits at least 10x faster than joining, 10,000 shots of 127 bits at least 5x.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from statistics import median

import numpy as np
from measure import Bench, alternate, cpu, ratio

from quantumjobs.core.entries import entry
from quantumjobs.core.results import CircuitResult


def uniform(chance: np.random.Generator, shots: int, bits: int) -> np.ndarray:
    return chance.integers(0, 2, (shots, bits), dtype=np.uint8)


def ghz(chance: np.random.Generator, shots: int, bits: int) -> np.ndarray:
    """All zeros or all ones, with one bit in two hundred read wrongly."""
    ones = np.repeat(chance.integers(0, 2, (shots, 1), dtype=np.uint8), bits, axis=1)
    return ones ^ (chance.random((shots, bits)) < 0.005).astype(np.uint8)


def pack(columns: np.ndarray) -> bytes:
    """Big-endian rows, the first column in the last bit: the layout of Qiskit's `BitArray`."""
    shots, bits = columns.shape
    padded = np.zeros((shots, -(-bits // 8) * 8), dtype=np.uint8)
    padded[:, -bits:] = columns[:, ::-1]
    return np.packbits(padded, axis=1).tobytes()


def by_us(rows: bytes, bits: int) -> dict[str, int]:
    return CircuitResult(entry(rows, bits)).counts


def by_joining(shots: list[list[int]]) -> dict[str, int]:
    return Counter(["".join([str(bit) for bit in shot]) for shot in shots])


def by_format(rows: bytes, bits: int) -> dict[str, int]:
    wide = -(-bits // 8)
    form = f"0{bits}b"
    return Counter([format(int.from_bytes(rows[at : at + wide], "big"), form) for at in range(0, len(rows), wide)])


def by_rows(rows: bytes, bits: int) -> dict[str, int]:
    wide = -(-bits // 8)
    counted = Counter([rows[at : at + wide] for at in range(0, len(rows), wide)])
    return {format(int.from_bytes(row, "big"), f"0{bits}b"): number for row, number in counted.items()}


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    rounds = 3 if options.quick else 5
    chance = np.random.default_rng(1)
    kinds: dict[str, Callable[..., np.ndarray]] = {"uniform": uniform, "GHZ": ghz}
    scale = 10 if options.quick else 1
    for shots, bits, least, often in ((1_000_000 // scale, 20, 10.0, 1), (10_000 // scale, 127, 5.0, 10)):
        for name, make in kinds.items():
            columns = make(chance, shots, bits)
            rows, lists = pack(columns), columns[:, ::-1].tolist()
            counts = by_us(rows, bits)
            assert counts == by_joining(lists) == by_format(rows, bits) == by_rows(rows, bits)
            ways = (
                lambda: by_us(rows, bits),  # noqa: B023 - called in this turn
                lambda: by_joining(lists),  # noqa: B023 - as above
                lambda: by_format(rows, bits),  # noqa: B023 - as above
                lambda: by_rows(rows, bits),  # noqa: B023 - as above
            )
            turns = [lambda way=way: cpu(lambda: [way() for _ in range(often)])[0] / often for way in ways]  # noqa: B023 - as above
            ours, joined, formatted, packed = alternate(rounds, *turns)
            print(f"  {shots:,} x {bits} bits, {name} ({len(counts):,} outcomes): {1e3 * median(ours):.3g} ms of CPU")
            bench.figure("  joined strings / ours", ratio(joined, ours), "x", least=least)
            bench.figure("  formatted strings / ours", ratio(formatted, ours), "x")
            bench.figure("  packed rows / ours", ratio(packed, ours), "x")
    bench.end()


if __name__ == "__main__":
    main()
