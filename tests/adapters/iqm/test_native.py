"""Circuits keep their meaning, come out in native gates where these are calibrated, or are refused with a reason."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import pi
from typing import Any

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2, transpile
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.classical import expr
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator

from quantumjobs.adapters.iqm import native, star
from quantumjobs.adapters.iqm.attempts import attempts
from quantumjobs.adapters.iqm.device import Device
from quantumjobs.adapters.iqm.messages import Architecture, GateInfo, Implementation
from quantumjobs.adapters.iqm.route import routed
from quantumjobs.adapters.iqm.target import target
from quantumjobs.circuits import qasm
from quantumjobs.errors import UsageError
from tests.adapters.iqm import architectures
from tests.adapters.iqm.architectures import GRID, LINE, MIXED, STAR, TWO_STARS, WITHOUT_CONDITIONS, device
from tests.adapters.iqm.circuits import ghz, native_pair, places_of
from tests.adapters.iqm.exact import apart, distance, outcomes, unitary

ARCHITECTURES = {"line": LINE, "grid": GRID, "star": STAR}
LEVELS = (0, 1, 2, 3)


def all_calibrated(circuit: QuantumCircuit, here: Device) -> bool:
    """Whether each gate is where the architecture has it; a circuit's own view of pairs counts for nothing here."""
    for name, places in places_of(circuit):
        where = {"cz": here.cz, "move": here.move, "if_else": [(one,) for one in here.conditional]}.get(name)
        qubits = all(place < here.qubits for place in places)
        if not (places in where or (name == "cz" and places[::-1] in where) if where is not None else qubits):
            return False
    return True


# --- what circuits do ---------------------------------------------------------------------
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_15_random_circuits_keep_their_unitaries(name: str, level: int):
    here = device(ARCHITECTURES[name])
    for seed in range(15):
        width = 2 + seed % 4
        circuit = random_circuit(width, 5, max_operands=min(3, width), seed=seed)
        meant = Operator(circuit).data
        ready = []
        for laid_out in attempts(circuit, here, level=level, layout=None):
            ready.append(routed(laid_out, here))
            begin = laid_out.layout.initial_index_layout(filter_ancillas=True)
            end = laid_out.layout.final_index_layout(filter_ancillas=True)
            assert distance(unitary(ready[-1], begin, end), meant) < 1e-10, (seed, laid_out)
            assert set(ready[-1].count_ops()) <= {"r", "cz", "move"}
            assert all_calibrated(ready[-1], here)
            star.check(ready[-1], here)
        assert places_of(native.ready(circuit, here, transpile=True, level=level)) in [places_of(one) for one in ready]


def dynamic(width: int, seed: int) -> QuantumCircuit:
    """Gates, measurements in the middle, conditions on them, resets, barriers and delays; all is measured at the end."""
    chance = random.Random(f"dynamic/{width}/{seed}")
    circuit = QuantumCircuit(QuantumRegister(width), ClassicalRegister(3, "mid"), ClassicalRegister(width, "end"))
    kinds = ["cx"] * 6 + ["turn"] * 6 + ["if"] * 4 + ["measure"] * 2 + ["reset", "delay", "barrier"]
    measured = 0
    for _ in range(7 * width):
        one, other = chance.sample(range(width), 2)
        angle = chance.choice([pi, pi / 2, chance.uniform(-7, 7)])
        match chance.choice(kinds):
            case "cx":
                circuit.cx(one, other)
            case "turn":
                getattr(circuit, chance.choice(["rx", "ry", "rz"]))(angle, one)
            case "measure" if measured < 3:
                circuit.measure(one, measured)
                measured += 1
            case "if" if measured:
                with circuit.if_test((circuit.clbits[chance.randrange(measured)], 1)):
                    circuit.rx(angle, one)
                    circuit.rz(chance.uniform(-7, 7), one)
                    circuit.h(other)
            case "reset":
                circuit.reset(one)
            case "delay":
                circuit.delay(100, one, unit="ns")
            case "barrier":
                circuit.barrier(one, other)
    circuit.barrier()
    circuit.measure(range(width), range(3, 3 + width))
    return circuit


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_measurements_in_the_middle_conditions_and_resets_keep_their_outcomes(name: str, level: int):
    here = device(ARCHITECTURES[name])
    conditions = 0
    for seed in range(6):
        circuit = dynamic(2 + seed % 3, seed)
        ready = native.ready(circuit, here, transpile=True, level=level)
        assert apart(outcomes(ready), outcomes(circuit)) < 1e-9, seed
        assert all_calibrated(ready, here)
        assert ready.cregs == circuit.cregs
        conditions += ready.count_ops().get("if_else", 0)
    assert conditions > 10


def test_a_circuit_with_another_kind_of_star_keeps_its_outcomes():
    for architecture in (TWO_STARS, MIXED):
        here = device(architecture)
        for seed in range(3):
            circuit = dynamic(4, seed)
            ready = native.ready(circuit, here, transpile=True, level=1)
            assert apart(outcomes(ready), outcomes(circuit)) < 1e-9, seed
            assert all_calibrated(ready, here)
            star.check(ready, here)


# --- what stays as it is ------------------------------------------------------------------
def test_a_circuit_that_was_transpiled_for_the_target_stays_as_it_is():
    here = device(LINE)
    theirs = transpile(ghz(4), target=target(here), optimization_level=1, seed_transpiler=3)
    assert theirs.num_qubits == here.qubits
    assert places_of(native.ready(theirs, here, transpile=True, level=3)) == places_of(theirs)


def test_one_that_was_transpiled_for_a_star_gets_its_moves():
    here = device(STAR)
    theirs = transpile(ghz(4), target=target(here), optimization_level=1, seed_transpiler=3)
    ready = native.ready(theirs, here, transpile=True, level=3)
    assert ready.count_ops()["r"] == theirs.count_ops()["r"]
    assert ready.count_ops()["move"] == 2
    assert apart(outcomes(ready), outcomes(ghz(4))) < 1e-9


def test_one_that_was_transpiled_for_another_calibration_is_transpiled_anew():
    theirs = transpile(ghz(3), target=target(device(GRID)), optimization_level=0, initial_layout=[0, 1, 3])
    here = device(architectures.architecture(architectures.names(9), architectures.iqm_computers.line(9)))
    ready = native.ready(theirs, here, transpile=True, level=1)
    assert apart(outcomes(ready), outcomes(ghz(3))) < 1e-9
    assert all_calibrated(ready, here)


def test_without_transpiling_native_gates_stay_where_they_are():
    ready = native.ready(native_pair(), device(LINE), transpile=False, level=3)
    assert places_of(ready) == places_of(native_pair())


def test_a_native_circuit_of_ones_own_is_transpiled_all_the_same():
    circuit = QuantumCircuit(7, 7)
    circuit.cz(0, 1)
    circuit.cz(0, 1)
    circuit.measure(range(7), range(7))
    assert native.ready(circuit, device(LINE), transpile=True, level=1).count_ops() == {"measure": 7}


@pytest.mark.parametrize("transpile", [True, False])
def test_qubits_go_where_the_mapping_says(transpile: bool):
    ready = native.ready(native_pair(), device(LINE), transpile=transpile, level=2, layout=[5, 4])
    assert [places for name, places in places_of(ready) if name == "measure"] == [(5,), (4,)]
    assert {place for _, places in places_of(ready) for place in places} == {4, 5}
    assert apart(outcomes(ready), outcomes(native_pair())) < 1e-9


def test_name_and_metadata_and_registers_stay():
    for here in (device(LINE), device(STAR)):
        ready = native.ready(ghz(3), here, transpile=True, level=1)
        assert (ready.name, ready.metadata, ready.cregs) == ("ghz", {"who": "me"}, ghz(3).cregs)


def test_a_program_that_qiskit_exported_has_native_gates():
    circuit = native_pair()
    text = qasm2.dumps(circuit)
    assert "gate r(" in text
    ready = native.ready(qasm.parse(text, "text"), device(LINE), transpile=False, level=1)
    assert ready.data[0].operation.base_class is circuit.data[0].operation.base_class
    assert apart(outcomes(ready), outcomes(circuit)) < 1e-9


def test_a_programs_own_gate_of_a_native_name_is_not_taken_for_ours():
    text = """OPENQASM 2.0; include "qelib1.inc"; gate r(a, b) q { h q; rz(a) q; h q; }
    qreg q[2]; creg c[2]; r(0.7, 0.2) q[0]; cx q[0], q[1]; measure q -> c;"""
    circuit = qasm.parse(text, "text")
    assert apart(outcomes(native.ready(circuit, device(LINE), transpile=True, level=0)), outcomes(circuit)) < 1e-9
    with pytest.raises(UsageError, match="does not have: cx, h, rz"):
        native.ready(circuit, device(LINE), transpile=False, level=0)


def test_delays_of_any_unit_are_sent_in_seconds():
    circuit = QuantumCircuit(4, 4)
    for place, (duration, unit) in enumerate([(100, "dt"), (0.5, "us"), (3, "ns"), (250.0, "ps")]):
        circuit.delay(duration, place, unit=unit)
        circuit.measure(place, place)
    for native_only in (True, False):
        ready = native.ready(circuit, device(LINE), transpile=not native_only, level=1)
        delays = {step.operation.params[0] for step in ready.data if step.name == "delay"}
        assert sorted(delays) == pytest.approx([2.5e-10, 3e-9, 1e-7, 5e-7], rel=1e-12)


def test_resets_of_fresh_qubits_are_left_out():
    circuit = QuantumCircuit(2)
    circuit.initialize([0.6, 0, 0, 0.8], [0, 1])
    circuit.measure_all()
    for level in LEVELS:
        ready = native.ready(circuit, device(WITHOUT_CONDITIONS), transpile=True, level=level)
        assert apart(outcomes(ready), {"00": 0.36, "11": 0.64}) < 1e-9


@pytest.mark.parametrize(
    "asked",
    [
        lambda circuit: expr.lift(circuit.clbits[0]),
        lambda circuit: expr.equal(circuit.clbits[0], True),
        lambda circuit: (circuit.cregs[1], 1),
        lambda circuit: expr.equal(circuit.cregs[1], 1),
    ],
)
def test_a_condition_may_be_written_in_several_ways(asked: Callable[[QuantumCircuit], Any]):
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "a"), ClassicalRegister(1, "b"))
    circuit.rx(pi / 2, 0)
    circuit.measure(0, 0)
    circuit.measure(0, 2)
    with circuit.if_test(asked(circuit)):
        circuit.x(1)
    circuit.measure(1, 1)
    for native_only in (True, False):
        ready = native.ready(circuit, device(LINE), transpile=not native_only, level=1)
        assert apart(outcomes(ready), {"000": 0.5, "111": 0.5}) < 1e-9


# --- what is refused ----------------------------------------------------------------------
def refused(circuit: QuantumCircuit, architecture: Architecture = LINE, *, transpile: bool = True, **more: Any) -> str:
    with pytest.raises(UsageError) as caught:
        native.ready(circuit, device(architecture), transpile=transpile, level=1, **more)
    return str(caught.value)


def measured_first(width: int = 3) -> QuantumCircuit:
    circuit = QuantumCircuit(width, width)
    circuit.measure(0, 0)
    return circuit


def test_control_flow_other_than_a_plain_condition_is_refused():
    loop = measured_first()
    with loop.for_loop(range(2)):
        loop.x(0)
    assert "has control flow (for_loop)" in refused(loop)
    branches = measured_first()
    with branches.if_test((branches.clbits[0], 1)) as otherwise:
        branches.x(1)
    with otherwise:
        branches.h(1)
    assert "else-branch" in refused(branches)
    pair = measured_first()
    with pair.if_test((pair.clbits[0], 1)):
        pair.cx(1, 2)
    assert "has cx inside a condition" in refused(pair)
    nested = measured_first()
    with nested.if_test((nested.clbits[0], 1)), nested.if_test((nested.clbits[1], 1)):
        nested.x(1)
    assert "has if_else inside a condition" in refused(nested)


@pytest.mark.parametrize(
    "asked",
    [
        lambda circuit: (circuit.clbits[0], 0),
        lambda circuit: (circuit.cregs[0], 1),
        lambda circuit: expr.logic_not(circuit.clbits[0]),
        lambda circuit: expr.logic_and(circuit.clbits[0], circuit.clbits[1]),
        lambda circuit: expr.equal(circuit.cregs[0], 1),
        lambda circuit: expr.equal(circuit.clbits[0], False),
    ],
)
def test_a_condition_on_0_or_on_more_bits_is_refused(asked: Callable[[QuantumCircuit], Any]):
    circuit = measured_first()
    with circuit.if_test(asked(circuit)):
        circuit.x(1)
    assert "has a condition on more than one bit, or on one that is 0" in refused(circuit)


def test_where_conditional_prx_is_not_calibrated_resets_and_conditions_are_refused():
    late = QuantumCircuit(1, 1)
    late.x(0)
    late.measure(0, 0)
    late.reset(0)
    asking = measured_first()
    with asking.if_test((asking.clbits[0], 1)):
        asking.x(1)
    for native_only in (True, False):
        assert "has a reset" in refused(late, WITHOUT_CONDITIONS, transpile=not native_only)
        assert "has a condition" in refused(asking, WITHOUT_CONDITIONS, transpile=not native_only)


def test_gates_where_they_are_not_calibrated_are_named_with_their_place():
    circuit = QuantumCircuit(3, 3)
    circuit.cz(0, 2)
    assert refused(circuit, transpile=False) == "has cz on QB1-QB3, where it is not calibrated"


def test_a_qubit_without_conditional_prx_is_not_reset():
    gates = dict(LINE.gates)
    gates["cc_prx"] = GateInfo({"usual": Implementation((("QB1",),))})
    here = Architecture(calibration_set_id="x", qubits=LINE.qubits, gates=gates)
    circuit = QuantumCircuit(2, 2)
    circuit.reset([0, 1])
    assert refused(circuit, here, transpile=False) == "has reset on QB2, where it is not calibrated"


def test_what_cannot_be_sent_is_refused_with_what_to_do():
    wide = QuantumCircuit(8, 1)
    wide.measure(7, 0)
    assert refused(wide) == refused(wide, transpile=False) == "has 8 qubits; the backend has 7"
    twice = measured_first()
    twice.measure(1, 0)
    assert "measures twice into c[0]" in refused(twice)
    unbound = QuantumCircuit(1, 1)
    unbound.rx(Parameter("a"), 0)
    assert "has parameters without a value: a" in refused(unbound)
    odd = QuantumCircuit(1, 1)
    odd.rx(float("nan"), 0)
    assert refused(odd, transpile=False) == "has rx with the angle nan"
    opaque = QuantumCircuit(1, 1)
    opaque.append(Gate("mystery", 1, []), [0])
    assert refused(opaque).startswith("cannot be transpiled: ")
    assert "does not have: mystery" in refused(opaque, transpile=False)
    assert refused(native_pair(), layout=[1]) == "has 2 qubits, and qubit_mapping has places for 1"


def test_a_condition_with_an_angle_that_is_no_number_is_refused():
    circuit = measured_first()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(float("inf"), 1)
    assert refused(circuit, transpile=False) == "has rx with the angle inf"
