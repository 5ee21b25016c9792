"""Qiskit's targets of Braket's devices, circuits on a device's own qubits, and ions' native gates."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Gate
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator

from quantumjobs.adapters.braket import gates, ions, openqasm, placing, target
from quantumjobs.adapters.braket.about import OPENQASM, About, Capabilities
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import braket_gates
from quantumjobs.testing.emulators.braket_capabilities import capabilities
from quantumjobs.testing.emulators.braket_devices import DEVICES
from quantumjobs.testing.emulators.braket_qasm import parse

ABOUTS = {
    one.name: About(
        arn=one.arn, name=one.name, capabilities=msgspec.convert(capabilities(one, openqasm=True), Capabilities)
    )
    for one in DEVICES
}
GARNET, FORTE, SV1 = ABOUTS["Garnet"], ABOUTS["Forte-1"], ABOUTS["SV1"]


def device(maker: str, native: list[str], graph: dict[str, list[str]] | None = None, **paradigm: Any) -> About:
    connectivity = {"fullyConnected": graph is None, "connectivityGraph": graph}
    found = {
        "action": {OPENQASM: {"supportedPragmas": ["verbatim"], "supportPhysicalQubits": True}},
        "paradigm": {"qubitCount": 5, "nativeGateSet": native, "connectivity": connectivity} | paradigm,
    }
    arn = f"arn:aws:braket:us-west-1::device/qpu/{maker}/Chip"
    return About(arn=arn, name="Chip", capabilities=msgspec.convert(found, Capabilities))


LINE = {str(at): [str(at + 1)] for at in range(4)}
RIGETTI = device("rigetti", ["rx", "rz", "iswap"], LINE)
ARIA = device("ionq", ["GPI", "GPI2", "MS"])
BOTH = device("ionq", ["GPI", "GPI2", "ZZ"])


def ghz(width: int) -> QuantumCircuit:
    circuit = QuantumCircuit(width, name="ghz", metadata={"a": 1})
    circuit.h(0)
    for qubit in range(1, width):
        circuit.cx(0, qubit)
    circuit.measure_all()
    return circuit


def placed(
    circuit: QuantumCircuit, about: About, *, transpile: bool = True, level: int = 1, verbatim: bool = True
) -> Any:
    return placing.placed(circuit, about, verbatim=verbatim, transpile=transpile, level=level)


# --- targets ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "qubits"), [("SV1", 34), ("DM1", 17), ("Garnet", 20), ("Forte-1", 36)])
def test_a_device_takes_its_gates_anywhere(name: str, qubits: int):
    about = ABOUTS[name]
    made = target.target(about)
    assert made.num_qubits == qubits
    assert made.build_coupling_map() is None
    circuit = transpile(random_circuit(5, 4, seed=3, measure=True), target=made, optimization_level=1)
    lines = openqasm.statements(circuit, gates.words(about), expand=False).lines
    known = {one.lower() for one in about.capabilities.action[OPENQASM].supported_operations or ()}
    assert {line.partition(" ")[0].partition("(")[0].lower() for line in lines} <= known


def test_a_simulator_takes_all_of_the_table_and_delays():
    names = set(target.target(SV1).operation_names)
    assert set(gates.TABLE) <= names
    assert "delay" in names
    assert "delay" not in target.target(GARNET).operation_names
    assert "cz" not in target.target(FORTE).operation_names


def test_a_device_that_says_nothing_takes_everything():
    bare = About(arn="arn:aws:braket:::device/quantum-simulator/amazon/new", name="new")
    assert set(gates.TABLE) <= set(target.target(bare).operation_names)
    with pytest.raises(UsageError, match="new tells of no gates"):
        target.target(
            msgspec.structs.replace(
                bare, capabilities=msgspec.convert({"action": {OPENQASM: {"supportedOperations": []}}}, Capabilities)
            )
        )


@pytest.mark.parametrize(
    ("about", "names"),
    [
        (GARNET, {"cz", "r"}),
        (RIGETTI, {"iswap", "rz", "sx", "x"}),
        (ARIA, {"r", "rz", "rxx"}),
        (BOTH, {"r", "rz", "rzz"}),
        (device("oqc", ["ecr", "i", "rz", "v", "x"], LINE), {"ecr", "id", "rz", "sx", "x"}),
    ],
    ids=["IQM", "Rigetti", "IonQ", "IonQ with zz", "OQC"],
)
def test_native_gates_are_where_a_device_has_them(about: About, names: set[str]):
    made = target.native(about)
    assert names <= set(made.operation_names)
    circuit = transpile(ghz(3), target=made, optimization_level=1, seed_transpiler=1)
    assert placed(circuit, about, transpile=False).circuit is circuit


def test_pairs_are_both_ways_but_for_gates_whose_order_counts():
    assert set(target.native(RIGETTI)["iswap"]) == {pair for at in range(4) for pair in ((at, at + 1), (at + 1, at))}
    assert set(target.native(device("oqc", ["ecr", "rz", "v"], LINE))["ecr"]) == {(at, at + 1) for at in range(4)}
    assert (0,) not in target.native(GARNET)["r"]
    assert (20,) in target.native(GARNET)["r"]


@pytest.mark.parametrize("about", [SV1, ABOUTS["DM1"], device("x", [])])
def test_a_device_without_native_gates_has_no_verbatim_boxes(about: About):
    with pytest.raises(UsageError, match=r"verbatim=True: .* has no native gates"):
        target.native(about)


def test_a_qubit_that_is_no_number_is_refused():
    with pytest.raises(UsageError, match="a qubit called 'QB1'"):
        target.native(device("iqm", ["prx", "cz"], {"QB1": ["2"]}))


# --- placing ----------------------------------------------------------------------------------
@pytest.mark.parametrize("about", [GARNET, RIGETTI, ARIA], ids=["IQM", "Rigetti", "IonQ"])
@pytest.mark.parametrize("level", [0, 3])
def test_circuits_are_brought_to_native_gates_and_pairs(about: About, level: int):
    made = placed(ghz(4), about, level=level)
    assert (made.circuit.name, made.circuit.metadata) == ("ghz", {"a": 1})
    assert placed(made.circuit, about, transpile=False).circuit is made.circuit
    assert len(set(made.moved)) == 4
    assert set(made.moved) <= set(target.places(about))


def test_measurements_and_moves_agree():
    made = placed(ghz(5), GARNET)
    into = {
        made.circuit.find_bit(one.clbits[0]).index: made.circuit.find_bit(one.qubits[0]).index
        for one in made.circuit.data
        if one.name == "measure"
    }
    assert tuple(into[at] for at in range(5)) == made.moved


def test_what_fits_stays_as_it_is_also_when_nobody_transpiled_it():
    circuit = QuantumCircuit(3)
    circuit.r(0.1, 0.2, 1)
    circuit.cz(1, 2)
    assert placed(circuit, GARNET).circuit is circuit
    assert placed(circuit, GARNET).moved is None


@pytest.mark.parametrize(
    ("gate", "qubits", "words"),
    [
        ("h", (1,), "has h on 1, which is no native gate of Garnet; leave out transpile=False"),
        ("cz", (1, 14), "has cz on 1 and 14, between which Garnet has no gate"),
        ("r", (0,), "has r on 0, and Garnet has no such qubit"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_do(gate: str, qubits: tuple[int, ...], words: str):
    circuit = QuantumCircuit(15)
    getattr(circuit, gate)(*[0.1, 0.2] * (gate == "r"), *qubits)
    with pytest.raises(UsageError, match=words):
        placed(circuit, GARNET, transpile=False)
    assert placed(circuit, GARNET).moved is not None


def test_too_many_qubits_are_refused():
    with pytest.raises(UsageError, match="has 21 qubits; Garnet has 20"):
        placed(ghz(21), GARNET)


def test_without_a_box_only_pairs_have_to_fit():
    circuit = QuantumCircuit(4)
    circuit.h(1)
    circuit.cx(1, 2)
    assert placed(circuit, GARNET, verbatim=False).circuit is circuit
    circuit.cx(1, 3)
    moved = placed(circuit, RIGETTI, verbatim=False)
    assert {len(one.qubits) for one in moved.circuit.data} <= {1, 2}


# --- ions -------------------------------------------------------------------------------------
def unitary(circuit: QuantumCircuit, about: About) -> Operator:
    made = ions.statements(circuit, gates.native(about), "${}", settle=True)
    found = Operator(np.eye(1 << circuit.num_qubits))
    for step in parse("\n".join(["OPENQASM 3.0;", *made.lines, ""]), {}).steps:
        found = found.compose(Operator(braket_gates.matrix(step)).reverse_qargs(), qargs=list(step.qubits))
    return found


@pytest.mark.parametrize("about", [ARIA, BOTH], ids=["ms", "zz"])
@pytest.mark.parametrize("seed", range(4))
def test_turned_axes_are_the_same_circuit(about: About, seed: int):
    circuit = random_circuit(3, 5, max_operands=3, seed=seed)
    ready = transpile(circuit, basis_gates=["r", "rz", "rxx" if about is ARIA else "rzz"], optimization_level=1)
    assert unitary(ready, about).equiv(Operator(circuit), rtol=0, atol=1e-9)


def test_every_gate_of_one_qubit_that_fits_is_itself():
    circuit = QuantumCircuit(1)
    circuit.rx(0.3, 0)
    circuit.ry(-0.4, 0)
    circuit.sx(0)
    circuit.sxdg(0)
    circuit.z(0)
    circuit.t(0)
    circuit.sdg(0)
    circuit.y(0)
    circuit.p(0.7, 0)
    circuit.id(0)
    circuit.r(-math.pi / 2, 0.2, 0)
    circuit.r(math.pi, 0.2, 0)
    circuit.r(0.0, 0.2, 0)
    assert placed(circuit, ARIA, transpile=False).circuit is circuit
    assert unitary(circuit, ARIA).equiv(Operator(circuit), rtol=0, atol=1e-9)


def test_ions_own_gates_count_in_turns_as_their_plugin_does():
    circuit = QuantumCircuit(2)
    circuit.append(Gate("gpi", 1, [0.25]), [0])
    circuit.append(Gate("gpi2", 1, [0.125]), [1])
    circuit.append(Gate("ms", 2, [0.0, 0.25]), [0, 1])
    circuit.append(Gate("ms", 2, [0.0, 0.25, 0.1]), [1, 0])
    made = ions.statements(placed(circuit, ARIA, transpile=False).circuit, gates.native(ARIA), "${}", settle=False)
    half = math.pi / 2
    assert made.lines == [
        f"gpi({half}) $0;",
        f"gpi2({half / 2}) $1;",
        f"ms(0.0, {half}, {half}) $0, $1;",
        f"ms(0.0, {half}, {0.1 * math.tau}) $1, $0;",
    ]
    zz = QuantumCircuit(2)
    zz.append(Gate("zz", 2, [0.25]), [0, 1])
    assert ions.statements(zz, gates.native(BOTH), "${}", settle=False).lines == [f"zz({half}) $0, $1;"]
    with pytest.raises(UsageError, match="zz on 0 and 1, which is no native gate"):
        placed(zz, ARIA, transpile=False)


def test_ions_refuse_what_every_device_refuses():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    circuit.rx(0.1, 0)
    with pytest.raises(UsageError, match="goes on with a qubit"):
        ions.statements(circuit, gates.native(ARIA), "${}", settle=False)
    circuit = QuantumCircuit(1)
    circuit.rx(math.inf, 0)
    with pytest.raises(UsageError, match="angle inf"):
        ions.statements(circuit, gates.native(ARIA), "${}", settle=False)
