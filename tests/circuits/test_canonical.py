"""Equal requests have equal forms in every process, and other requests have others."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2, qasm3, qpy
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import SparsePauliOp

from quantumjobs.abc import Circuit
from quantumjobs.adapters.aer.options import admit
from quantumjobs.circuits.canonical import canonical, digest_of
from quantumjobs.errors import UsageError
from tests.circuits import canonical_programs as programs
from tests.circuits.canonical_programs import digest, request

HERE = Path(__file__).parent


# --- another process --------------------------------------------------------------------
def run(hash_seed: int, before: int) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.circuits.canonical_programs", str(before)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=dict[str, str])


def test_two_processes_with_other_hashes_and_counters_agree_on_every_program():
    first, second = run(1, 3), run(2, 11)
    assert first == second
    assert first.keys() == programs.PROGRAMS.keys()
    assert first["plain"] == first.pop("text")
    assert len(set(first.values())) == len(first)


def test_a_digest_is_what_a_worker_can_return():
    body = msgspec.msgpack.encode(request(programs.plain()))
    assert len(bytes.fromhex(digest_of(body).decode())) == 16


# --- the same, written otherwise --------------------------------------------------------
def test_text_files_and_objects_that_mean_the_same_are_the_same(tmp_path):
    circuit = programs.plain()
    (tmp_path / "two.qasm").write_text(qasm2.dumps(circuit))
    (tmp_path / "three.qasm").write_text(qasm3.dumps(circuit))
    with (tmp_path / "it.qpy").open("wb") as file:
        qpy.dump(circuit, file)
    ways = [
        circuit,
        qasm2.dumps(circuit),
        qasm3.dumps(circuit),
        "// by hand\n" + qasm2.dumps(circuit),
        tmp_path / "two.qasm",
        str(tmp_path / "three.qasm"),
        tmp_path / "it.qpy",
        (tmp_path / "it.qpy").read_bytes(),
    ]
    assert {digest(way) for way in ways} == {digest(circuit)}


def test_a_file_counts_by_what_is_in_it_when_it_is_sent(tmp_path):
    path = tmp_path / "it.qasm"
    path.write_text(qasm2.dumps(programs.plain()))
    before = digest(path)
    path.write_text(qasm2.dumps(programs.unnamed_registers()))
    assert digest(path) != before
    path.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        digest(path)


def test_text_that_qiskit_cannot_read_counts_by_its_bytes(tmp_path):
    theirs = "OPENQASM 3;\n#pragma braket result probability\nqubit[1] q; frobnicate q[0];"
    (tmp_path / "it.qasm").write_text(theirs)
    assert digest(theirs) == digest(tmp_path / "it.qasm")
    assert digest(theirs) != digest(theirs + " ")


def test_a_qpy_file_of_several_is_the_list_of_them(tmp_path):
    both = [programs.plain(), programs.composed()]
    with (tmp_path / "it.qpy").open("wb") as file:
        qpy.dump(both, file)
    assert digest(tmp_path / "it.qpy") == digest(both)


def test_a_custom_gate_of_a_program_is_the_same_gate_made_of_a_circuit():
    pair = QuantumCircuit(2, name="whatever")
    pair.h(0)
    pair.cx(0, 1)
    circuit = QuantumCircuit(2)
    circuit.append(pair.to_gate(), [0, 1])
    text = 'OPENQASM 2.0; include "qelib1.inc"; gate bell a,b { h a; cx a,b; } qreg q[2]; bell q[0],q[1];'
    assert digest(circuit) == digest(text)


def test_aers_instructions_make_no_difference_to_how_the_rest_is_seen():
    """They change the form of the circuit from QPY to pickle."""
    assert request(programs.aer()).circuits[0].form == "pickle"
    assert digest([programs.plain(), programs.aer()]) == digest([programs.plain().copy("other"), programs.aer().copy()])


def test_numbers_are_the_same_whatever_their_type():
    import numpy as np

    def turned(angle):
        circuit = QuantumCircuit(1)
        circuit.rz(angle, 0)
        return circuit

    two = turned(Parameter("x")).assign_parameters([2])
    assert len({digest(turned(angle)) for angle in (2, 2.0, np.float64(2), np.int32(2))} | {digest(two)}) == 1
    assert digest(turned(0.0)) == digest(turned(-0.0))


def test_names_of_circuits_and_labels_do_not_count():
    circuit = programs.plain()
    circuit.name = "mine"
    labelled = QuantumCircuit(1)
    labelled.append(UnitaryGate([[0, 1], [1, 0]], label="mine"), [0])
    bare = QuantumCircuit(1)
    bare.append(UnitaryGate([[0, 1], [1, 0]]), [0])
    assert digest(circuit) == digest(programs.plain()) == digest([programs.plain()])
    assert digest(labelled) == digest(bare)
    model = admit("", {"noise_model": programs.noise()})[1]
    assert digest(labelled, blobs=model) != digest(bare, blobs=model)  # noise is looked up by labels


# --- other requests ---------------------------------------------------------------------
CHANGES = [
    {"backend": "c"},
    {"shots": 1},
    {"memory": True},
    {"transpile": False},
    {"optimization_level": 2},
    {"options": {"method": "statevector"}},
    {"options": {"method": "stabilizer"}},
    {"options": {"seed_simulator": 1}},
    {"options": {"seed_simulator": True}},
    {"blobs": {"observables": b"1"}},
    {"blobs": {"observables": b"2"}},
    {"blobs": admit("", {"noise_model": programs.noise()})[1]},
    {"blobs": admit("", {"noise_model": programs.noise(math.nextafter(0.1, 1))})[1]},
    {"blobs": admit("", {"parameter_binds": [{"a": [1]}]})[1]},
    {"blobs": admit("", {"parameter_binds": [{"a": [math.nextafter(1, 2)]}]})[1]},
    {"kind": "estimate"},
]


def test_everything_that_is_asked_besides_the_circuits_counts():
    found = [digest(programs.plain()), *(digest(programs.plain(), **change) for change in CHANGES)]
    found += [digest([programs.plain()] * 2), digest([])]
    assert len(set(found)) == len(found)


def one(**marks):
    """A small circuit; each mark changes one thing that is not among the instructions of `EDITS`."""
    quantum, bits = QuantumRegister(marks.get("qubits", 3), "a"), marks.get("bits", (1, 2))
    names = marks.get("names", ("one", "two"))
    registers = [ClassicalRegister(size, name) for size, name in zip(bits, names, strict=True)]
    circuit = QuantumCircuit(quantum, *registers[:: marks.get("order", 1)], metadata=marks.get("metadata"))
    circuit.global_phase = marks.get("phase", 0)
    for name in marks.get("free", ()):
        circuit.rz(Parameter(name), 0)
    with circuit.if_test(
        (circuit.clbits[0], marks.get("value", 1)) if "register" not in marks else (circuit.cregs[0], 1)
    ):
        circuit.x(marks.get("inside", 1))
        if "deeper" in marks:
            with circuit.for_loop(range(marks["deeper"])) as turn:
                circuit.rz(turn * marks.get("factor", 1), 0)
    part = QuantumCircuit(1)
    part.ry(marks.get("defined", 0.1), 0)
    circuit.append(part.to_gate(), [0])
    circuit.append(Gate(marks.get("opaque", "opaque"), 1, [marks.get("opaque_angle", 1)]), [0])
    circuit.delay(marks.get("delay", 10), 0)
    circuit.cx(1, 2, ctrl_state=marks.get("ctrl_state", 1))
    return circuit


MARKS = [
    {},
    {"qubits": 4},
    {"bits": (2, 1)},
    {"names": ("one", "other")},
    {"names": ("two", "one")},
    {"order": -1},
    {"metadata": {"at": 1}},
    {"metadata": {"at": "1"}},
    {"phase": 0.5},
    {"phase": Parameter("free")},
    {"free": ["free"]},
    {"free": ["other"]},
    {"value": 0},
    {"register": True},
    {"inside": 2},
    {"deeper": 2},
    {"deeper": 3},
    {"deeper": 3, "factor": 2},
    {"defined": math.nextafter(0.1, 1)},
    {"opaque": "other"},
    {"opaque_angle": 2},
    {"delay": 11},
    {"ctrl_state": 0},
]


def test_everything_that_a_circuit_says_counts():
    found = [digest(one(**marks)) for marks in MARKS]
    assert len(set(found)) == len(found)
    assert found == [digest(one(**marks)) for marks in MARKS]


def test_units_of_delays_count():
    """As text: Qiskit 2.6 loses the unit in QPY."""
    text = "OPENQASM 3.0; qubit[1] q; delay[{}] q[0];"
    assert len({digest(text.format(delay)) for delay in ("10ns", "10dt", "10us")}) == 3


def test_the_state_of_a_custom_gates_control_counts():
    part = QuantumCircuit(1)
    part.ry(0.1, 0)

    def on(state):
        circuit = QuantumCircuit(3)
        circuit.append(part.to_gate().control(2, ctrl_state=state), [0, 1, 2])
        return circuit

    assert len({digest(on(state)) for state in range(4)}) == 4


def test_the_order_in_which_bindings_are_written_does_not_count():
    def bound(*names):
        return digest([], blobs=admit("", {"parameter_binds": [{name: [1.0, 2.0] for name in names}]})[1])

    assert bound("a", "b") == bound("b", "a") != bound("a", "c")


def test_what_aer_saves_and_how_counts():
    def saving(**how):
        circuit = QuantumCircuit(2)
        circuit.save_statevector(**how)
        return circuit

    def expecting(factor):
        circuit = QuantumCircuit(2)
        circuit.save_expectation_value(SparsePauliOp(["XX"], [factor]), [0, 1])
        return circuit

    others = [saving(), saving(label="x"), saving(pershot=True), expecting(1), expecting(math.nextafter(1, 2))]
    assert len({digest(other) for other in others}) == len(others)


def test_the_order_of_free_parameters_counts():
    """Lists of values are bound by it: elements of a vector by index, other parameters by name."""
    vector, loose = ParameterVector("v", 11), [Parameter("v[2]"), Parameter("v[10]")]

    def turned(two, ten):
        circuit = QuantumCircuit(1)
        circuit.rz(two, 0)
        circuit.rz(ten, 0)
        return circuit

    assert digest(turned(vector[2], vector[10])) != digest(turned(*loose))


def test_a_sum_is_not_a_parameter_that_is_called_like_one():
    def turned(angle):
        circuit = QuantumCircuit(1)
        circuit.rz(angle, 0)
        return circuit

    assert digest(turned(Parameter("a") + Parameter("b"))) != digest(turned(Parameter("a + b")))


def test_an_object_that_no_other_process_would_find_again_is_refused():
    class Odd:
        pass

    with pytest.raises(UsageError, match="no form"):
        canonical(request([], options={"odd": Odd()}))


def test_a_broken_circuit_is_refused_as_when_it_is_prepared():
    with pytest.raises(UsageError, match="cannot be read"):
        canonical(request([]).__class__(backend="b", circuits=(Circuit("qpy", b"QISKIT" + bytes([13]) * 40, "mine"),)))


# --- random circuits, one edit ----------------------------------------------------------
WIDTH = 4
ONE = ("h", "x", "sx", "t")
TURNS = ("rx", "rz", "p")
TWO = ("cx", "cz", "swap")
qubits = st.permutations(range(WIDTH))
angles = st.floats(-10, 10).map(lambda angle: angle or 1.0)
steps = st.one_of(
    st.tuples(st.sampled_from(ONE), qubits, st.just(0.0)),
    st.tuples(st.sampled_from(TURNS), qubits, angles),
    st.tuples(st.sampled_from(TWO), qubits, st.just(0.0)),
    st.tuples(st.just("measure"), qubits, st.just(0.0)),
    st.tuples(st.just("gate"), qubits, angles),
    st.tuples(st.just("if"), qubits, angles),
)


def made(program):
    circuit = QuantumCircuit(QuantumRegister(WIDTH), ClassicalRegister(WIDTH))
    for name, places, angle in program:
        add(circuit, name, places, angle)
    return circuit


def add(circuit, name, places, angle):
    if name in TURNS:
        getattr(circuit, name)(angle, places[0])
    elif name in TWO:
        getattr(circuit, name)(*places[:2])
    elif name == "measure":
        circuit.measure(places[0], places[1])
    elif name == "gate":
        part = QuantumCircuit(2)
        part.cx(0, 1)
        part.rz(angle, 1)
        circuit.append(part.to_gate(), places[:2])
    elif name == "if":
        with circuit.if_test((circuit.clbits[places[0]], 1)):
            circuit.ry(angle, places[1])
            circuit.cx(places[1], places[2])
    else:
        getattr(circuit, name)(places[0])


def edited(program, place, kind, other):
    """The program with one change; None where it would be none."""
    name, places, angle = program[place]
    changed = list(program)
    match kind:
        case "drop":
            del changed[place]
        case "add":
            changed.insert(place, other)
        case "twice":
            changed.insert(place, program[place])
        case "angle" if angle:
            changed[place] = (name, places, math.nextafter(angle, math.inf))
        case "bits":
            changed[place] = (name, [*places[1:], places[0]], angle)
        case "name" if name in ONE + TURNS + TWO:
            group = next(group for group in (ONE, TURNS, TWO) if name in group)
            changed[place] = (group[(group.index(name) + 1) % len(group)], places, angle)
        case _:
            return None
    return changed


@settings(max_examples=120)
@given(
    program=st.lists(steps, min_size=1, max_size=8),
    place=st.integers(0, 7),
    kind=st.sampled_from(["drop", "add", "twice", "angle", "bits", "name"]),
    other=steps,
)
def test_one_edit_of_a_circuit_changes_the_digest_and_making_it_anew_does_not(program, place, kind, other):
    first = digest(made(program))
    assert digest(made(program).copy("renamed")) == first
    changed = edited(program, place % len(program), kind, other)
    if changed is None:
        return
    symmetric = kind == "bits" and program[place % len(program)][0] == "swap"
    assert symmetric or digest(made(changed)) != first
