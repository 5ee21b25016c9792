"""Circuits as OpenQASM 2, which both sides read: Qiskit 1 there, Qiskit 2 here."""

from __future__ import annotations

import random
from collections.abc import Iterable
from math import pi

BELL = ("h q[0];", "cx q[0],q[1];")
WIDTHS = range(3, 9)
DRAWS = 5
"""Random circuits of each width."""

_ONE = ("h", "x", "y", "z", "s", "sdg", "t", "tdg")
_TURNS = ("rx", "ry", "rz")
_TWO = ("cx", "cz", "swap")
_TWO_TURNS = ("cu1", "crz", "rzz")


def program(width: int, steps: Iterable[str]) -> str:
    """All qubits are measured at the end, qubit i into bit i."""
    lines = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"qreg q[{width}];", f"creg c[{width}];", *steps]
    return "\n".join([*lines, "measure q -> c;", ""])


def ghz(width: int) -> str:
    return program(width, ["h q[0];", *(f"cx q[{place}],q[{place + 1}];" for place in range(width - 1))])


def qft(width: int) -> str:
    steps = []
    for high in reversed(range(width)):
        steps.append(f"h q[{high}];")
        steps += [f"cu1({pi / 2 ** (high - low)!r}) q[{low}],q[{high}];" for low in reversed(range(high))]
    swaps = [f"swap q[{place}],q[{width - 1 - place}];" for place in range(width // 2)]
    return program(width, [*steps, *swaps])


def random_circuit(width: int, seed: int) -> str:
    """As deep as it is wide; each layer pairs most qubits, with gates of all kinds."""
    chance = random.Random(f"{width}/{seed}")
    steps = []
    for _ in range(width):
        free = [f"q[{place}]" for place in range(width)]
        chance.shuffle(free)
        while free:
            one = free.pop()
            kind = chance.random()
            angle = repr(chance.uniform(-2 * pi, 2 * pi))
            if kind < 0.25 or not free:
                steps.append(f"{chance.choice(_ONE)} {one};")
            elif kind < 0.5:
                steps.append(f"{chance.choice(_TURNS)}({angle}) {one};")
            elif kind < 0.75:
                steps.append(f"{chance.choice(_TWO)} {one},{free.pop()};")
            else:
                steps.append(f"{chance.choice(_TWO_TURNS)}({angle}) {one},{free.pop()};")
    return program(width, steps)


def clifford_and_t(width: int, seed: int) -> str:
    """Without swaps, and with a Hadamard at the end of each: no outcome is certain, and no order of qubits changes."""
    chance = random.Random(f"clifford/{width}/{seed}")
    steps = []
    for _ in range(2 * width):
        one, other = chance.sample(range(width), 2)
        steps += [f"{chance.choice(('h', 's', 't', 'x'))} q[{one}];", f"cx q[{one}],q[{other}];"]
    return program(width, [*steps, *(f"h q[{place}];" for place in range(width))])


_HEAD = ("OPENQASM 2.0;", 'include "qelib1.inc";')
REGISTERS = {
    "two registers, two bits that nobody writes, an idle qubit": (
        *("qreg q[4];", "creg a[2];", "creg b[2];", "h q[0];", "cx q[0],q[1];", "ry(1.1) q[2];"),
        *("measure q[0] -> a[1];", "measure q[2] -> b[0];"),
    ),
    "a qubit that goes into two bits": (
        *("qreg q[2];", "creg c[3];", "ry(1.2) q[0];", "rx(0.7) q[1];"),
        *("measure q[0] -> c[0];", "measure q[0] -> c[2];"),
    ),
    "bits in another order than qubits": (
        *("qreg q[3];", "creg c[3];", "ry(0.6) q[0];", "ry(1.2) q[1];", "ry(2.2) q[2];", "cx q[0],q[1];"),
        *("measure q[0] -> c[2];", "measure q[1] -> c[0];", "measure q[2] -> c[1];"),
    ),
}
REGISTERS = {name: "\n".join([*_HEAD, *lines, ""]) for name, lines in REGISTERS.items()}


def families() -> dict[tuple[str, int], list[str]]:
    """What the table of gate counts is about, by name and width."""
    found: dict[tuple[str, int], list[str]] = {}
    for width in WIDTHS:
        found["QFT", width] = [qft(width)]
        found["GHZ", width] = [ghz(width)]
        found["random", width] = [random_circuit(width, seed) for seed in range(DRAWS)]
    return dict(sorted(found.items(), key=lambda item: (["QFT", "GHZ", "random"].index(item[0][0]), item[0][1])))
