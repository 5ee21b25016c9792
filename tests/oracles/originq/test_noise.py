"""The emulator's noise is pyqpanda3's: the same channels, and outcomes that may be of one distribution.

Neither the service nor pyqpanda3's simulator takes a seed, so outcomes are compared by a chi-square test.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import Kraus, SuperOp
from scipy.stats import chi2_contingency

from quantumjobs.adapters.originq.options import NOISES
from quantumjobs.testing.emulators import originq_run
from tests.oracles.originq import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

ALPHA = 1e-4
"""Chance that two samples of one distribution are told apart."""
SHOTS = 5_000
TEXT = (
    "QINIT 3\nCREG 3\nH q[0]\nCNOT q[0],q[1]\nRX q[2],(0.9)\nCZ q[1],q[2]\nRY q[1],(0.4)\nX q[0]\nH q[2]\n"
    "MEASURE q[0],c[0]\nMEASURE q[1],c[1]\nMEASURE q[2],c[2]\n"
)
PARAMETERS = {name: ([0.08], [0.15]) for name in NOISES} | {
    "DECOHERENCE_KRAUS_OPERATOR": ([12.0, 9.0, 1.0], [12.0, 9.0, 2.0])
}


async def test_noise_is_the_vendors(tmp_path: Path):
    plans = [
        {"model": name, "single": single, "double": double, "originir": TEXT, "shots": SHOTS}
        for name, (single, double) in PARAMETERS.items()
    ]
    found = await vendor.carried("vendor_noise.py", plans, home=tmp_path)
    chances = {}
    for plan, theirs in zip(plans, found, strict=True):
        name = NOISES[plan["model"]]
        kraus = Kraus([np.array([complex(*pair) for pair in one]).reshape(2, 2, order="F") for one in theirs["kraus"]])
        ours = SuperOp(originq_run.channel(name, plan["single"]))
        assert np.abs(SuperOp(kraus).data - ours.data).max() < 1e-9, name
        noise = originq_run.Noise(name, tuple(plan["single"]), tuple(plan["double"]))
        task = originq_run.Task(text=TEXT, shots=SHOTS, seed=7, noise=noise)
        counts = originq_run.decode(originq_run.simulate(originq_run.encode(task))).counts
        keys = sorted({*counts, *theirs["counts"]})
        table = [[each.get(key, 0) for key in keys] for each in (counts, theirs["counts"])]
        chances[name] = float(chi2_contingency(table).pvalue)
    print(f"{len(chances)} models, the smallest chance is {min(chances.values()):.3g}")
    assert min(chances.values()) > ALPHA, chances
