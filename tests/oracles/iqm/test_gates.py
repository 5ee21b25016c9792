"""No more gates than the vendor's plug-in makes at level 3, on a line, a grid and a star."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterable
from math import pi
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quantumjobs.adapters.iqm import native
from quantumjobs.adapters.iqm.messages import Architecture
from tests.adapters.iqm import architectures
from tests.oracles.aqt import circuits
from tests.oracles.aqt.vendor import surroundings
from tests.oracles.iqm import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(240)]

ARCHITECTURES = {"line": architectures.LINE, "grid": architectures.GRID, "star": architectures.STAR}
GATES = ("r", "cz", "move")
ALLOWED = 1.05
SCRIPT = Path(__file__).parent / "vendor_gates.py"


def ring(width: int, seed: int) -> str:
    """QAOA with two layers, for a ring."""
    chance = random.Random(f"ring/{width}/{seed}")
    steps = [f"h q[{place}];" for place in range(width)]
    for _ in range(2):
        cost, mix = chance.uniform(0, pi), chance.uniform(0, pi)
        steps += [f"rzz({cost!r}) q[{place}],q[{(place + 1) % width}];" for place in range(width)]
        steps += [f"rx({mix!r}) q[{place}];" for place in range(width)]
    return circuits.program(width, steps)


def volume(width: int, seed: int) -> str:
    """As many layers as qubits; in each, pairs with gates of any kind, as in a measurement of quantum volume."""
    chance = random.Random(f"volume/{width}/{seed}")

    def turns(*places: int) -> Iterable[str]:
        for place in places:
            angles = ",".join(repr(chance.uniform(0, 2 * pi)) for _ in range(3))
            yield f"u3({angles}) q[{place}];"

    steps: list[str] = []
    for _ in range(width):
        order = list(range(width))
        chance.shuffle(order)
        for one, other in zip(order[::2], order[1::2], strict=False):
            for _ in range(3):
                steps += [*turns(one, other), f"cx q[{one}],q[{other}];"]
            steps += turns(one, other)
    return circuits.program(width, steps)


FAMILIES = {
    "QFT": [circuits.qft(width) for width in (3, 4, 5, 6)],
    "GHZ": [circuits.ghz(width) for width in (4, 5, 6)],
    "random": [circuits.random_circuit(width, seed) for width in (4, 5, 6) for seed in range(3)],
    "volume": [volume(width, seed) for width in (3, 4, 5) for seed in range(3)],
    "Clifford+T": [circuits.clifford_and_t(width, seed) for width in (4, 5, 6) for seed in range(3)],
    "QAOA ring": [ring(width, seed) for width in (4, 5, 6) for seed in range(2)],
}


def theirs(home: Path) -> dict[str, list[dict[str, int]]]:
    """Operation counts of each circuit, by architecture."""
    if not vendor.PYTHON:
        raise RuntimeError(f"{vendor.VARIABLE} names no interpreter: run this by `nox -s oracles`")
    texts = [text for group in FAMILIES.values() for text in group]
    given = {"architectures": {name: document(one) for name, one in ARCHITECTURES.items()}, "texts": texts}
    done = subprocess.run(
        [vendor.PYTHON, "-I", str(SCRIPT)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        env=surroundings(home),
        cwd=home,
        timeout=vendor.PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def document(architecture: Architecture) -> dict[str, Any]:
    """As a server would send it."""
    found = msgspec.to_builtins(architecture)
    for gate in found["gates"].values():
        gate["default_implementation"] = next(iter(gate["implementations"]))
        gate["override_default_implementation"] = {}
    return found


def ours(architecture: Architecture) -> list[dict[str, int]]:
    from qiskit import qasm2

    here = architectures.device(architecture)
    found = []
    for group in FAMILIES.values():
        for text in group:
            circuit = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
            found.append(native.ready(circuit, here, transpile=True, level=3).count_ops())
    return found


def sums(each: Iterable[dict[str, int]]) -> dict[str, Counter[str]]:
    """By family."""
    left = iter(each)
    found: dict[str, Counter[str]] = {}
    for name, group in FAMILIES.items():
        found[name] = Counter()
        for _ in group:
            found[name].update({gate: number for gate, number in next(left).items() if gate in GATES})
    return found


def test_level_3_makes_no_more_gates_than_the_vendors_plug_in(tmp_path: Path):
    told = theirs(tmp_path)
    lines = ["| architecture | circuits | " + " | ".join(f"{gate}, ours | {gate}, vendor" for gate in GATES) + " |"]
    lines.append("|---|---|" + "---:|" * 2 * len(GATES))
    worse = []
    for name, architecture in ARCHITECTURES.items():
        mine, other = sums(ours(architecture)), sums(told[name])
        total = sum(mine.values(), Counter()), sum(other.values(), Counter())
        for family, pair in [*((family, (mine[family], other[family])) for family in FAMILIES), ("sum", total)]:
            numbers = " | ".join(f"{pair[0][gate]} | {pair[1][gate]}" for gate in GATES)
            lines.append(f"| {name} | {family} | {numbers} |")
        worse += [(name, gate) for gate in GATES if total[0][gate] > ALLOWED * total[1][gate]]
        assert bool(total[1]["move"]) is (name == "star")
    print("\n" + "\n".join(lines))
    assert not worse, "\n".join(lines)
