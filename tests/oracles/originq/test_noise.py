"""The emulator's noise is pyqpanda3's: the same channels, and outcomes that may be of the distribution it computes.

The emulator draws, with a seed, and pyqpanda3's density matrix is exact: the chi-square test always ends the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import Kraus, Statevector, SuperOp
from scipy.stats import chisquare

from quantumjobs.adapters.originq.options import NOISES
from quantumjobs.testing.emulators import originq_run
from quantumjobs.testing.emulators.originir import parse
from tests.oracles.originq import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

ALPHA = 1e-4
"""Chance of outcomes as far from the distribution as these are, below which they are not of it."""
SHOTS = 10_000
GATES = (
    "RX q[0],(0.7)\nRY q[1],(1.1)\nRX q[2],(0.4)\nCNOT q[0],q[1]\nRY q[0],(0.5)\nRX q[1],(0.8)\nCZ q[1],q[2]\n"
    "RY q[2],(0.6)\nX q[1]\nH q[2]\nCNOT q[2],q[0]\nRY q[0],(0.9)\nRX q[1],(0.3)\nRY q[2],(0.2)\n"
)
HEAD = "QINIT 3\nCREG 3\n"
PARAMETERS = {name: ([0.04], [0.15]) for name in NOISES} | {
    "PHASE_DAMPING_OPERATOR": ([0.02], [0.5]),
    "DECOHERENCE_KRAUS_OPERATOR": ([12.0, 9.0, 0.2], [12.0, 9.0, 4.0]),
}


async def test_noise_is_the_vendors(tmp_path: Path):
    plans = [
        {"model": name, "single": one, "double": two, "originir": HEAD + GATES}
        for name, (single, double) in PARAMETERS.items()
        for one, two in ((single, double), (double, single))
    ]
    found = await vendor.carried("vendor_noise.py", plans, home=tmp_path)
    chances = {}
    for plan, theirs, exchanged in zip(plans[::2], found[::2], found[1::2], strict=True):
        name = NOISES[plan["model"]]
        kraus = Kraus([np.array([complex(*pair) for pair in one]).reshape(2, 2, order="F") for one in theirs["kraus"]])
        ours = SuperOp(originq_run.channel(name, plan["single"]))
        assert np.abs(SuperOp(kraus).data - ours.data).max() < 1e-9, name
        seen = drawn(originq_run.Noise(name, tuple(plan["single"]), tuple(plan["double"])))
        chances[name] = chance(seen, theirs["probabilities"])
        # The test would tell the parameters of gates on one qubit from those on two, and noise from none.
        assert chance(seen, exchanged["probabilities"]) < ALPHA, name
        assert chance(seen, Statevector(originq_run.build(parse(HEAD + GATES))).probabilities()) < ALPHA, name
    print(f"{len(chances)} models, the smallest chance is {min(chances.values()):.3g}")
    assert min(chances.values()) > ALPHA, chances


def drawn(noise: originq_run.Noise) -> list[int]:
    """How often the emulator has each outcome."""
    task = originq_run.Task(text=f"{HEAD}{GATES}MEASURE q,c\n", shots=SHOTS, seed=7, noise=noise)
    counts = originq_run.decode(originq_run.simulate(originq_run.encode(task))).counts
    return [counts.get(f"{outcome:03b}", 0) for outcome in range(8)]


def chance(seen: Sequence[int], probabilities: Sequence[float]) -> float:
    """That outcomes of these probabilities are as far from them as those that were seen."""
    return float(chisquare(seen, np.array(probabilities) * SHOTS).pvalue)
