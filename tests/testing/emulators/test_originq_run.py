"""Programs through Aer: what is drawn, what is computed, and with what noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit.quantum_info import Operator

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import originq_run as run
from quantumjobs.testing.emulators.originir import parse

BELL = "QINIT 3\nCREG 5\nH q[0]\nCNOT q[0],q[2]\nMEASURE q[2],c[4]\nMEASURE q[0],c[1]\n"


def outcome(text: str = BELL, **settings: object) -> run.Outcome:
    return run.decode(run.simulate(run.encode(run.Task(text=text, **settings))))


def test_outcomes_have_the_measured_bits_the_lowest_one_right_most():
    found = outcome("QINIT 3\nCREG 5\nX q[2]\nMEASURE q[2],c[4]\nMEASURE q[0],c[1]\n", shots=9, seed=1)
    assert (found.counts, found.bits) == ({"10": 9}, 2)


def test_the_seed_decides():
    first, again, other = (outcome(shots=500, seed=seed).counts for seed in (1, 1, 2))
    assert first == again != other
    assert sum(first.values()) == 500


def test_many_qubits_are_matrix_products_and_idle_ones_are_left_out():
    wide = "QINIT 100\nCREG 1\nX q[99]\nMEASURE q[99],c[0]\n"
    assert outcome(wide, shots=5, seed=1).counts == {"1": 5}
    chain = "QINIT 40\nCREG 40\nH q[0]\n" + "".join(f"CNOT q[{at}],q[{at + 1}]\n" for at in range(39)) + "MEASURE q,c\n"
    assert set(outcome(chain, shots=20, seed=1).counts) == {"0" * 40, "1" * 40}


def test_what_comes_after_a_measurement_is_done_after_it():
    text = "QINIT 1\nCREG 2\nX q[0]\nMEASURE q[0],c[0]\nRESET q[0]\nMEASURE q[0],c[1]\n"
    assert outcome(text, shots=5, seed=1).counts == {"01": 5}


def test_probabilities_are_exact_and_in_the_order_asked_for():
    text = "QINIT 3\nCREG 1\nRY q[0],(0.4)\nX q[2]\n"
    found = outcome(text, qubits=(2, 0))
    assert found.probabilities == pytest.approx({"01": math.cos(0.2) ** 2, "11": math.sin(0.2) ** 2})
    assert found.bits == 2


def test_amplitudes_are_those_of_the_whole_state():
    found = outcome("QINIT 2\nCREG 1\nH q[1]\nS q[1]\n", amplitudes=("0", "2"))
    assert found.amplitudes == {"0": pytest.approx((0.5**0.5, 0)), "2": pytest.approx((0, 0.5**0.5))}


def test_amplitudes_of_a_wide_program_are_those_of_the_qubits_that_it_uses():
    found = outcome("QINIT 64\nCREG 1\nX q[63]\n", amplitudes=(str(1 << 63), "1", str((1 << 63) + 1)))
    assert found.amplitudes == {str(1 << 63): (1, 0), "1": (0, 0), str((1 << 63) + 1): (0, 0)}


def test_what_is_computed_takes_no_notice_of_measurements_at_the_end_and_resets_at_the_beginning():
    found = outcome("QINIT 2\nCREG 1\nRESET q\nMEASURE q[0],c[0]\nH q[0]\nMEASURE q[0],c[0]\n", qubits=(0, 1))
    assert found.probabilities == pytest.approx({"00": 0.5, "01": 0.5})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"text": "QINIT 1\nCREG 1\nX q[0]\n", "shots": 5}, "measures nothing"),
        ({"qubits": (3,)}, "there is no q\\[3\\]"),
        ({"amplitudes": ("8",)}, "that the program does not have"),
        ({"amplitudes": ("0x1",)}, "that the program does not have"),
        ({"text": "QINIT 30\nX q\n", "amplitudes": ("0",)}, "up to 24"),
        ({"text": "QINIT 30\nX q[0]\n", "qubits": tuple(range(25))}, "up to 24"),
        ({"qubits": (1, 1)}, "each of them once"),
        ({"qubits": ()}, "name qubits"),
        ({"text": "QINIT 1\nH q[0]\nRESET q[0]\n", "qubits": (0,)}, "reset after a gate"),
        (
            {"text": "QINIT 1\nCREG 1\nH q[0]\nMEASURE q[0],c[0]\nH q[0]\n", "qubits": (0,)},
            "used after it was measured",
        ),
        ({"shots": 5, "noise": run.Noise("HEAT", (0.1,), (0.1,))}, "no noise model HEAT"),
        ({"shots": 5, "noise": run.Noise("DECOHERENCE_KRAUS_OPERATOR", (0.1,), (0.1,))}, "takes T1, T2 and a time"),
        (
            {"shots": 5, "noise": run.Noise("DECOHERENCE_KRAUS_OPERATOR", (0.0, 0.0, 1.0), (0.1,))},
            "takes T1, T2 and a time",
        ),
        ({"shots": 5, "noise": run.Noise("DECOHERENCE_KRAUS_OPERATOR", (1.0, 2.1, 1.0), (0.1,))}, "at most twice T1"),
        ({"shots": 5, "noise": run.Noise("DEPOLARIZING_KRAUS_OPERATOR", (1.2,), (0.1,))}, "takes a probability"),
        ({"shots": 5, "noise": run.Noise("BITFLIP_KRAUS_OPERATOR", (0.1,), (math.nan,))}, "takes a probability"),
    ],
)
def test_what_cannot_be_run_is_told(settings: dict[str, object], words: str):
    with pytest.raises(UsageError, match=words):
        outcome(**settings)


@pytest.mark.parametrize("name", ["U4 q[0],(0.1,0.2,0.3,0.4)", "CU q[0],q[1],(0.1,0.2,0.3,0.4)", "SQISWAP q[0],q[1]"])
def test_a_dagger_undoes_and_a_control_is_heeded(name: str):
    text = f"QINIT 3\nCREG 1\n{name}\nDAGGER\n{name}\nENDDAGGER\nCONTROL q[2]\n{name}\nENDCONTROL\n"
    whole = Operator(run.build(parse(text), every=True)).data
    plain = Operator(run.build(parse(f"QINIT 3\nCREG 1\n{name}\n"), every=True)).data
    assert np.allclose(whole[:4, :4], np.eye(4))
    assert np.allclose(whole[4:, 4:], plain[:4, :4])


@pytest.mark.parametrize(
    ("name", "single", "chance"),
    [
        ("BITFLIP_KRAUS_OPERATOR", (0.2,), 0.2),
        ("BIT_PHASE_FLIP_OPRATOR", (0.2,), 0.2),
        ("DEPOLARIZING_KRAUS_OPERATOR", (0.2,), 0.1),
        ("DAMPING_KRAUS_OPERATOR", (0.2,), 0.2),
        ("DEPHASING_KRAUS_OPERATOR", (0.2,), 0.0),
        ("PHASE_DAMPING_OPRATOR", (0.2,), 0.0),
        ("DECOHERENCE_KRAUS_OPERATOR", (10.0, 8.0, 1.0), 1 - math.exp(-0.1)),
    ],
)
def test_noise_comes_after_each_gate(name: str, single: tuple[float, ...], chance: float):
    text = "QINIT 1\nCREG 1\nX q[0]\nMEASURE q[0],c[0]\n"
    found = outcome(text, shots=4000, seed=5, noise=run.Noise(name, single, single)).counts
    assert found.get("0", 0) / 4000 == pytest.approx(chance, abs=0.03)
