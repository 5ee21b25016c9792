"""From bodies to counts many times as quickly as the vendor's code. `nox -s oracles -- --bench` has figures."""

from __future__ import annotations

import gc
import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import msgspec
import pytest

from quantumjobs.abc import Raw
from quantumjobs.adapters.iqm import keys
from quantumjobs.adapters.iqm.codec import IqmCodec, Layout
from quantumjobs.adapters.iqm.keys import Plan
from quantumjobs.adapters.iqm.schemas import BODY, SHOTS
from tests.oracles.aqt.vendor import Converter, surroundings
from tests.oracles.iqm import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300)]

SCRIPT = Path(__file__).parent / "vendor_speed.py"
QUBITS = 20
KEYS = [keys.key("meas", QUBITS, 0, bit) for bit in range(QUBITS)]
ROUNDS = 5


class Case(NamedTuple):
    """A job's body, and how many times as quick as the vendor's code we must be."""

    name: str
    circuits: int
    shots: int
    concentrated: bool
    """Few outcomes occur, as on a device; else nearly each shot has its own, which is the most work."""
    least: float

    def body(self) -> bytes:
        chance = Random(1)
        return json.dumps([self._circuit(chance) for _ in range(self.circuits)], separators=(",", ":")).encode()

    def layout(self) -> bytes:
        columns = tuple((key, bit) for bit, key in enumerate(KEYS))
        plan = Plan("speed", self.shots, (("meas", QUBITS),), columns, QUBITS)
        return msgspec.msgpack.encode(Layout("garnet", False, (plan,) * self.circuits))

    def _circuit(self, chance: Random) -> dict[str, list[list[int]]]:
        if self.concentrated:  # two outcomes, and now and then a bit that was read wrongly
            shots = [chance.choice((0, 2**QUBITS - 1)) for _ in range(self.shots)]
            shots = [shot ^ (1 << chance.randrange(QUBITS)) if chance.random() < 0.2 else shot for shot in shots]
        else:
            shots = [chance.getrandbits(QUBITS) for _ in range(self.shots)]
        return {key: [[shot >> bit & 1] for shot in shots] for bit, key in enumerate(KEYS)}


CASES = [
    Case("1 x 10,000 shots, random bits", 1, 10_000, False, 40),
    Case("100 x 1,000 shots, random bits", 100, 1_000, False, 30),
    Case("1 x 10,000 shots, few outcomes", 1, 10_000, True, 40),
    Case("100 x 1,000 shots, few outcomes", 100, 1_000, True, 30),
]


def ours(case: Case, body: bytes) -> Callable[[], tuple[float, str]]:
    """At each call: seconds of CPU, and a digest of the counts that the vendor's process makes alike."""
    codec, layout = IqmCodec(), case.layout()

    def turn() -> tuple[float, str]:
        gc.collect()
        began = time.process_time()
        counts = [one.counts for one in codec.decode(Raw(SHOTS, {BODY: body}), layout)]
        seconds = time.process_time() - began
        return seconds, hashlib.sha256(json.dumps([sorted(one.items()) for one in counts]).encode()).hexdigest()

    return turn


@contextmanager
def theirs(body: bytes, *, home: Path) -> Iterator[Converter]:
    """The same by `vendor_speed.py`."""
    if not vendor.PYTHON:
        raise RuntimeError(f"{vendor.VARIABLE} names no interpreter: run this by `nox -s oracles`")
    file = home / "body.json"
    file.write_bytes(body)
    with subprocess.Popen(
        # `-I`: neither this package nor the user's site-packages are there.
        [vendor.PYTHON, "-I", str(SCRIPT), str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=surroundings(home),
        cwd=home,
    ) as process:
        try:
            yield Converter(process)
        finally:
            process.kill()


@pytest.mark.parametrize("case", CASES[:2], ids=lambda case: case.name)
def test_from_a_body_to_the_same_counts_many_times_as_quickly_as_the_vendors_code(case: Case, tmp_path: Path):
    body = case.body()
    mine = ours(case, body)
    with theirs(body, home=tmp_path) as other:
        turns = [(mine(), other()) for _ in range(ROUNDS)]
    assert len({digest for both in turns for _, digest in both}) == 1
    seconds, baseline = (median(taken for taken, _ in side) for side in zip(*turns, strict=True))
    print(f"{case.name}: {1e3 * seconds:.3g} ms, vendor {1e3 * baseline:.3g} ms: {baseline / seconds:.0f}x")
    assert baseline / seconds >= case.least
