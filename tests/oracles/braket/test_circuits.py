"""Circuits as our OpenQASM for Braket, run by the vendor's own simulator: states, distributions and columns are Qiskit's."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from quantumjobs.abc import Circuit
from quantumjobs.adapters.braket import texts
from quantumjobs.adapters.braket.about import OPENQASM, About, Action, Capabilities, Connectivity, Paradigm
from quantumjobs.adapters.braket.programs import Program, Wanted, programs
from tests.oracles.aqt.vendor import surroundings
from tests.oracles.originq.test_circuits import circuits
from tests.oracles.processes import carried_out

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(300)]

VARIABLE = "QUANTUMJOBS_ORACLE_BRAKET"
PYTHON = os.environ.get(VARIABLE, "")  # when this module is loaded: no test sees such variables
SCRIPT = Path(__file__).parent / "vendor_simulator.py"
CLOSE = 1e-9
SIMULATOR = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
ALL = Action()
FEW = Action(supported_operations=["h", "cnot", "rx", "ry", "rz", "GPhase"])


async def theirs(plans: Sequence[dict[str, Any]], home: Path) -> list[dict[str, Any]]:
    """What their simulator makes of programs, all in one process."""
    assert PYTHON, f"{VARIABLE} names no interpreter: run this by `nox -s oracles`"
    command = (PYTHON, "-I", str(SCRIPT))
    env = {**surroundings(home), "NUMBA_NUM_THREADS": "1"}
    return await carried_out(plans, command, env=env, home=home, patience=240)


def about(action: Action, **paradigm: Any) -> About:
    return About(
        arn=SIMULATOR, name="SV1", capabilities=Capabilities(action={OPENQASM: action}, paradigm=Paradigm(**paradigm))
    )


def written(circuit: Any, device: About, **wanted: Any) -> Program:
    # Not as QPY, which does not read all of Qiskit's own gates back.
    (made,) = programs([Circuit("pickle", pickle.dumps(circuit))], device, Wanted(**({"exact": False} | wanted)))
    return made


def state(report: dict[str, Any]) -> Any:
    """In Qiskit's order: Braket's first qubit is the most significant bit of an index."""
    assert "refused" not in report, report
    (pairs,) = report["values"]
    vector = np.array([complex(*pair) for pair in pairs])
    return Statevector(vector).reverse_qargs().data


def spread(seed: int) -> QuantumCircuit:
    """Several registers, measured crosswise, with bits that are in none, and qubits that are not measured."""
    numbers = np.random.default_rng(seed)
    a, b = ClassicalRegister(int(numbers.integers(1, 4)), "a"), ClassicalRegister(3, "b")
    circuit = QuantumCircuit(QuantumRegister(2, "r"), QuantumRegister(3, "s"), a, b)
    circuit.compose(random_circuit(5, 5, max_operands=3, seed=seed), inplace=True)
    number = int(numbers.integers(1, 5))
    qubits, bits = numbers.permutation(5)[:number], numbers.permutation(circuit.num_clbits)[:number]
    for qubit, bit in zip(qubits, bits, strict=False):
        circuit.measure(int(qubit), int(bit))
    return circuit


def expected(circuit: QuantumCircuit) -> dict[int, float]:
    """The probability of each outcome, as a number whose bits are the clbits, by Qiskit."""
    into = {
        circuit.find_bit(one.clbits[0]).index: circuit.find_bit(one.qubits[0]).index
        for one in circuit.data
        if one.name == "measure"
    }
    vector = Statevector(circuit.remove_final_measurements(inplace=False))
    found = vector.probabilities(list(into.values()))
    return {
        sum((at >> place & 1) << bit for place, bit in enumerate(into)): float(weight)
        for at, weight in enumerate(found)
    }


async def test_states_are_qiskits_with_their_phase(tmp_path: Path):
    """Through all of the table, and through few gates, where most is taken apart or transpiled."""
    gates = circuits()
    whole = [random_circuit(5, 6, max_operands=4, seed=seed) for seed in range(40)]
    given_ = [*gates, *whole]
    assert len(given_) >= 150
    plans = [
        {"source": written(one, about(action), exact=True, result_types=("state_vector",)).text, "shots": 0}
        for action in (ALL, FEW)
        for one in given_
    ]
    reports = await theirs(plans, tmp_path)
    distances: dict[str, float] = {}
    for at, (one, report) in enumerate(zip(given_ * 2, reports, strict=True)):
        what = f"{at // len(given_)}: {one.name}"
        exact = Statevector(one.decompose(["PauliEvolution"])).data
        distances[what] = max(distances.get(what, 0.0), float(np.abs(exact - state(report)).max()))
    print(f"{len(plans)} states of {len(given_)} circuits, the largest difference is {max(distances.values())}")
    assert {name: far for name, far in distances.items() if far > CLOSE} == {}


async def test_outcomes_are_where_qiskit_has_them(tmp_path: Path):
    """Their simulator tells the exact weight of each outcome when our measurements become a probability of qubits."""
    worked = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2, "a"), ClassicalRegister(2, "b"))
    worked.x(0)
    worked.x(2)
    worked.measure([0, 1, 2], [3, 0, 1])
    every = [worked, *map(spread, range(40))]
    made = [written(one, about(ALL)) for one in every]
    drawn = [{"source": one.text, "shots": 20} for one in made]
    reports = await theirs(drawn, tmp_path)
    order = [[int(qubit) for qubit in report["qubits"]] for report in reports]
    exact = []
    for circuit, qubits in zip(every, order, strict=True):
        bare = circuit.remove_final_measurements(inplace=False)
        # Ascending: their simulator gives qubits that are named in the order 1, 2, 0 in another one.
        named = f"probability {', '.join(f'q[{qubit}]' for qubit in sorted(qubits))}"
        exact.append({"source": written(bare, about(ALL), exact=True, result_types=(named,)).text, "shots": 0})
    weights = await theirs(exact, tmp_path)
    largest = 0.0
    for circuit, program, drawing, weighing, qubits in zip(every, made, reports, weights, order, strict=True):
        assert program.measured is not None
        assert program.clbits == circuit.num_clbits
        assert program.registers == tuple((one.name, one.size) for one in circuit.cregs)
        wanted = expected(circuit)
        bits = [bit for _, bit in sorted(zip(qubits, program.measured, strict=True), reverse=True)]
        (values,) = weighing["values"]
        ours = {
            sum((at >> place & 1) << bit for place, bit in enumerate(bits)): value for at, value in enumerate(values)
        }
        largest = max(largest, *(abs(ours.get(outcome, 0.0) - weight) for outcome, weight in wanted.items()))
        for row in drawing["measurements"]:
            assert wanted[sum(one << bit for one, bit in zip(row, program.measured, strict=True))] > 1e-12
    print(f"{len(every)} circuits, the largest difference of a probability is {largest}")
    assert largest < CLOSE
    assert made[0].measured == (0, 1, 3)
    assert order[0] == [1, 2, 0]
    assert reports[0]["measurements"] == [[0, 1, 1]] * 20


HEAD = "OPENQASM 3.0;\n"
BOX = "#pragma braket verbatim\nbox{\nh $5;\ncnot $5, $3;\n}\n"
TEXTS = (
    ("bit[3] b; qubit[3] q; x q[1]; b[2] = measure q[0]; b[0] = measure q[1];", (0, 2), [1, 0]),
    ("bit[3] b; qubit[3] q; x q[1]; b[0] = measure q[1]; b[2] = measure q[0];", (0, 2), [1, 0]),
    ("bit[2] b; qubit[2] q; h q; b = measure q;", (0, 1), [0, 1]),
    ("qubit[3] q; x q[2]; bit[3] b = measure q;", (0, 1, 2), [0, 1, 2]),
    ("qubit[3] q; x q[0]; measure q[2]; measure q[0];", (0, 1), [2, 0]),
    ("bit[5] b; qubit[3] q; x q[0]; b[1:2] = measure q[0:1];", (1, 2), [0, 1]),
    ("bit[3] b; qubit[3] q; x q[0]; b[{0, 2}] = measure q[{1, 0}];", (0, 2), [1, 0]),
    ("bit[3] b; qubit[3] q; x q[0]; b[{2, 0}] = measure q[{1, 0}];", (0, 2), [0, 1]),
    ("qubit[2] r; qubit[2] q; bit[2] b; x r[1]; b[1] = measure q[0]; b[0] = measure r[1];", (0, 1), [1, 2]),
    ("bit a; bit[2] b; qubit[2] q; x q[0]; b[1] = measure q[1];", (1,), [1]),
    (f"bit[2] b;\n{BOX}b[0] = measure $5;\nb[1] = measure $3;", (0, 1), [5, 3]),
    (f"bit[4] b;\n{BOX}b[3] = measure $5;\nb[1] = measure $3;", (1, 3), [3, 5]),
    ("bit b; qubit q; x q; b = measure q;", (0,), [0]),
    ("qubit[3] q; x q[2]; x q[0];", (), [0, 1]),
)
"""With the bit that we say each column is, and the qubit that they say is behind it: of the last one they count the two
that have gates."""


async def test_what_a_given_text_measures_is_read_as_they_read_it(tmp_path: Path):
    sources = [HEAD + text for text, _, _ in TEXTS]
    reports = await theirs([{"source": one, "shots": 3} for one in sources], tmp_path)
    for source, (_, measured, qubits), report in zip(sources, TEXTS, reports, strict=True):
        assert (report.get("refused"), report.get("qubits")) == (None, qubits), source
        assert texts.read(source).measured == measured, source
        assert len(qubits) == len(measured or texts.read(source).used)


async def test_what_ions_run_natively_is_the_circuit(tmp_path: Path):
    """Their simulator knows the ions' gates; observables along all axes tell that no turn about Z was lost."""
    device = About(
        arn="arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1",
        name="Forte-1",
        capabilities=Capabilities(
            action={OPENQASM: Action(supported_pragmas=["verbatim"], support_physical_qubits=True)},
            paradigm=Paradigm(
                qubit_count=3, native_gate_set=["GPI", "GPI2", "MS"], connectivity=Connectivity(fully_connected=True)
            ),
        ),
    )
    every = [random_circuit(3, 4, max_operands=3, seed=seed) for seed in range(10)]
    axes = ["XYZ", "ZXY", "YZX", "ZZZ", "XXX"]
    plans = []
    for circuit in every:
        for label in axes:
            asked = " @ ".join(f"{axis.lower()}(q[{at}])" for at, axis in enumerate(reversed(label)))
            program = written(circuit, device, verbatim=True, result_types=(f"expectation {asked}",))
            idle = [f"i ${at};" for at in range(3) if f"${at};" not in program.text and f"${at}," not in program.text]
            plans.append(
                {
                    "source": program.text.replace(
                        "#pragma braket result", "\n".join([*idle, "#pragma braket result"])
                    ),
                    "shots": 0,
                }
            )
    reports = await theirs(plans, tmp_path)
    values = [report["values"][0] for report in reports]
    exact = [Statevector(one).expectation_value(SparsePauliOp(label)).real for one in every for label in axes]
    assert np.abs(np.array(values) - np.array(exact)).max() < CLOSE
