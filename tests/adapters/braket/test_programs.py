"""Programs of circuits and of texts: what is sent, how it is to be read, and what is refused."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2, qasm3, qpy, transpile
from qiskit.circuit import Gate, Parameter

from quantumjobs.adapters.braket import target
from quantumjobs.adapters.braket.about import About, Capabilities
from quantumjobs.adapters.braket.programs import Program, Wanted, programs
from quantumjobs.circuits import given
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.braket_capabilities import capabilities
from quantumjobs.testing.emulators.braket_check import check
from quantumjobs.testing.emulators.braket_devices import DEVICES
from quantumjobs.testing.emulators.braket_qasm import parse

ABOUTS = {
    one.name: About(
        arn=one.arn, name=one.name, capabilities=msgspec.convert(capabilities(one, openqasm=True), Capabilities)
    )
    for one in DEVICES
}
RULES = {one.name: one.rules for one in DEVICES}
STATE = {"exact": True, "result_types": ("state_vector",)}


def made(device: str, *circuits: Any, **wanted: Any) -> list[Program]:
    taken = tuple(given.one(one, f"circuits[{at}]") for at, one in enumerate(circuits))
    found = list(programs(taken, ABOUTS[device], Wanted(**({"exact": False} | wanted))))
    for one in found:  # the emulator, which nobody wrote for these, takes all of it
        check(parse(one.text, {}), RULES[device], 0 if wanted.get("exact") else 10)
    return found


def one(device: str, circuit: Any, **wanted: Any) -> Program:
    (found,) = made(device, circuit, **wanted)
    return found


def ghz(width: int = 3) -> QuantumCircuit:
    circuit = QuantumCircuit(width, width, name="ghz", metadata={"a": 1})
    circuit.h(0)
    for qubit in range(1, width):
        circuit.cx(0, qubit)
    circuit.measure(range(width), range(width))
    return circuit


# --- circuits ---------------------------------------------------------------------------------
def test_registers_crossed_measurements_and_bits_without_one():
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2, "a"), ClassicalRegister(2, "b"), name="crossed")
    circuit.x(0)
    circuit.x(2)
    circuit.measure([0, 1, 2], [3, 0, 1])
    assert one("SV1", circuit) == Program(
        name="crossed",
        text="OPENQASM 3.0;\nbit[3] b;\nqubit[3] q;\nx q[0];\nx q[2];\n"
        "b[0] = measure q[1];\nb[1] = measure q[2];\nb[2] = measure q[0];\n",
        qubits=3,
        clbits=4,
        measured=(0, 1, 3),
        registers=(("a", 2), ("b", 2)),
    )


def test_a_program_carries_what_the_circuit_carried():
    found = one("Garnet", ghz())
    assert (found.name, found.metadata, found.given, found.physical) == ("ghz", {"a": 1}, False, False)


def test_the_same_circuit_gives_the_same_text():
    assert made("Forte-1", ghz(), ghz()) == made("Forte-1", ghz(), ghz())


def test_qubits_after_the_last_one_in_use_are_left_out():
    circuit = QuantumCircuit(40, 1)
    circuit.x(1)
    circuit.measure(2, 0)
    found = one("SV1", circuit)
    assert "qubit[3] q;" in found.text
    assert found.qubits == 3
    circuit.x(34)
    with pytest.raises(UsageError, match="has 35 qubits; SV1 has 34"):
        made("SV1", circuit)


def test_files_and_qpy_are_read_and_named(tmp_path: Path):
    with (tmp_path / "two.qpy").open("wb") as file:
        qpy.dump([ghz(2), ghz(3)], file)
    (tmp_path / "bell.qasm").write_text(qasm2.dumps(ghz(2)))
    (tmp_path / "native.qasm").write_text("OPENQASM 3.0;\nqubit[2] q;\nbit[1] b;\nh q[0];\nb[0] = measure q[1];\n")
    found = made("SV1", tmp_path / "two.qpy", tmp_path / "bell.qasm", tmp_path / "native.qasm", qasm3.dumps(ghz(2)))
    assert [program.name for program in found] == ["ghz", "ghz", "bell", "program", "circuit"]
    assert [program.given for program in found] == [False, False, False, True, False]
    assert [program.registers for program in found] == [(("c", 2),), (("c", 3),), (("c", 2),), (("b", 1),), (("c", 2),)]
    assert not any("include" in program.text for program in found)


def test_other_gates_are_transpiled_for_a_device_that_lacks_them():
    circuit = QuantumCircuit(2)
    circuit.u(0.1, 0.2, 0.3, 0)
    circuit.iswap(0, 1)
    circuit.measure_all()
    assert "iswap" not in one("Forte-1", circuit).text
    with pytest.raises(UsageError, match="'circuit-[0-9]+' has an instruction that Forte-1 does not have: u;"):
        made("Forte-1", circuit, transpile=False)


def test_the_level_is_that_of_the_transpiler():
    circuit = QuantumCircuit(1)
    for _ in range(4):
        circuit.u(0.1, 0.2, 0.3, 0)
    circuit.measure_all()
    sizes = [len(one("Forte-1", circuit, level=level).text.splitlines()) for level in (0, 1)]
    assert sizes[1] < sizes[0]


def test_a_target_makes_what_is_taken_as_it_is():
    for device in ("SV1", "Garnet", "Forte-1"):
        ready = transpile(ghz(), target=target.target(ABOUTS[device]), optimization_level=1)
        assert one(device, ready, transpile=False).measured == (0, 1, 2)


# --- results ----------------------------------------------------------------------------------
def test_exact_results_are_of_every_qubit_without_measurements_and_with_the_phase():
    circuit = ghz(2)
    circuit.global_phase = 0.3
    found = one("SV1", circuit, **STATE)
    assert found.text == (
        "OPENQASM 3.0;\nqubit[2] q;\nh q[0];\ncnot q[0], q[1];\ngphase(0.3);\n#pragma braket result state_vector\n"
    )
    assert (found.measured, found.clbits, found.registers) == ((), 2, ())


def test_a_phase_is_written_for_results_alone_that_show_it():
    circuit = ghz(2)
    circuit.global_phase = 0.3
    assert "gphase" not in one("SV1", circuit).text
    assert "gphase" not in one("SV1", circuit, exact=True, result_types=("probability",)).text
    assert "gphase(0.3);" in one("SV1", circuit, exact=True, result_types=('amplitude "00", "11"',)).text


def test_qubits_without_a_gate_exist_for_results():
    circuit = QuantumCircuit(3, 1)
    circuit.x(1)
    circuit.measure(2, 0)
    found = one("SV1", circuit, **STATE)
    assert found.text.splitlines()[1:5] == ["qubit[3] q;", "x q[1];", "i q[0];", "i q[2];"]
    assert found.qubits == 3


def test_shots_of_results_are_of_all_qubits():
    found = one("Garnet", ghz(), result_types=("expectation z(q[0]) @ x(q[2])", "sample y(q[1])"))
    assert "measure" not in found.text
    assert found.text.endswith(
        "#pragma braket result expectation z(q[0]) @ x(q[2])\n#pragma braket result sample y(q[1])\n"
    )
    assert (found.measured, found.clbits, found.registers) == ((), 3, ())


def test_a_circuit_that_is_transpiled_for_results_keeps_its_qubits():
    """Higher levels would leave swaps out and take the qubits for each other."""
    circuit = QuantumCircuit(2)
    circuit.u(0.3, 0.2, 0.1, 0)
    circuit.swap(0, 1)
    about = msgspec.structs.replace(ABOUTS["Forte-1"], arn=ABOUTS["SV1"].arn)
    found, plain = (
        next(
            programs(
                [given.one(circuit)], about, Wanted(exact=True, result_types=("expectation z(q[1])",), level=level)
            )
        )
        for level in (3, 1)
    )
    assert found.text == plain.text


@pytest.mark.parametrize(
    ("device", "wanted", "words"),
    [
        ("SV1", {"result_types": ("state_vectr",), "exact": True}, "unknown result type 'state_vectr' for SV1; did you mean 'state_vector'"),
        ("DM1", {"result_types": ("state_vector",), "exact": True}, "DM1 has it not; it has density_matrix, expectation"),
        ("SV1", {"result_types": ("adjoint_gradient expectation x(q[0])",), "exact": True}, "'adjoint_gradient': SV1 has it not"),
        ("SV1", {"result_types": ("state_vector",)}, "'state_vector' is computed and not drawn: give shots=0"),
        ("SV1", {"result_types": ("density_matrix",)}, "give shots=0"),
        ("SV1", {"result_types": ("sample z(q[0])",), "exact": True}, "'sample' is drawn: give shots"),
        ("SV1", {"result_types": ("state_vector q[0]",), "exact": True}, "a state_vector is of all qubits"),
        ("SV1", {"result_types": ("amplitude 00",), "exact": True}, "states are bits in quotes"),
        ("SV1", {"result_types": ('amplitude "00"',), "exact": True}, "has 3 qubits; 'amplitude \"00\"' is of states of 2"),
        ("SV1", {"result_types": ("expectation",), "exact": True}, r"of what\? As in 'expectation z\(q\[0\]\)'"),
        ("SV1", {"result_types": ("probability q[3]",)}, r"circuits\[0\]: circuit 'ghz' has 3 qubits; a result type names q\[3\]"),
        ("SV1", {"result_types": ("probability r[0]",)}, r"has no qubit r\[0\]: result types call its qubits q\[0\] to q\[2\]"),
        ("SV1", {"result_types": ("probability $0",)}, r"has no qubit \$0"),
    ],
)  # fmt: skip
def test_results_that_cannot_be_are_refused(device: str, wanted: dict[str, Any], words: str):
    with pytest.raises(UsageError, match=words):
        made(device, ghz(), **wanted)


@pytest.mark.parametrize(
    "text",
    [
        "expectation hermitian([[1, 0], [0, -1]]) q[0]",
        "expectation hermitian([[0, -1im], [1im, 0]]) q[2] @ x(q[0])",
        "variance z(q[1])",
        "probability",
        "probability all",
        "expectation z all",
        "#pragma braket result probability q[0], q[2]",
    ],
)
def test_results_that_can_be_are_passed_on(text: str):
    (line,) = [line for line in one("SV1", ghz(), exact=True, result_types=(text,)).text.splitlines() if "#" in line]
    assert line == f"#pragma braket result {text.removeprefix('#pragma braket result ')}"


# --- verbatim ---------------------------------------------------------------------------------
def test_a_verbatim_box_has_native_gates_on_the_devices_qubits():
    circuit = QuantumCircuit(6, 2)
    circuit.r(math.pi / 2, 0.1, 5)
    circuit.cz(5, 4)
    circuit.measure([5, 4], [0, 1])
    found = one("Garnet", circuit, verbatim=True)
    assert found.text == (
        "OPENQASM 3.0;\nbit[2] b;\n#pragma braket verbatim\nbox{\n"
        f"prx({math.pi / 2}, 0.1) $5;\ncz $5, $4;\n}}\nb[0] = measure $5;\nb[1] = measure $4;\n"
    )
    assert (found.qubits, found.measured, found.physical) == (6, (0, 1), True)


@pytest.mark.parametrize("device", ["Garnet", "Forte-1"])
def test_other_circuits_are_brought_there(device: str):
    found = one(device, ghz(4), verbatim=True)
    assert (found.measured, found.registers, found.metadata) == ((0, 1, 2, 3), (("c", 4),), {"a": 1})
    program = parse(found.text, {})
    assert all(step.verbatim for step in program.steps)
    assert one(device, transpile(ghz(4), target=target.native(ABOUTS[device])), verbatim=True, transpile=False)
    with pytest.raises(UsageError, match=f"which is no native gate of {device}|no such qubit"):
        made(device, ghz(4), verbatim=True, transpile=False)


def test_results_go_where_the_qubits_went():
    found = one("Garnet", ghz(2), verbatim=True, result_types=("expectation z(q[0]) @ x(q[1])", "probability $1"))
    measured = re.findall(r"measure (\$\d+);", one("Garnet", ghz(2), verbatim=True).text)
    assert f"#pragma braket result expectation z({measured[0]}) @ x({measured[1]})\n" in found.text
    assert "#pragma braket result probability $1\n" in found.text


def test_an_ions_axes_are_turned_back_before_other_axes_are_looked_at():
    circuit = QuantumCircuit(1)
    circuit.rx(math.pi / 2, 0)
    circuit.rz(0.5, 0)
    found = one("Forte-1", circuit, verbatim=True, result_types=("expectation x(q[0])",))
    assert found.text.splitlines()[3:6] == ["gpi2(0.0) $0;", "gpi(0.0) $0;", "gpi(0.25) $0;"]
    circuit.measure_all()
    assert "gpi(" not in one("Forte-1", circuit, verbatim=True).text


def test_qubits_that_stay_are_named_without_a_box():
    circuit = QuantumCircuit(3, 1)
    circuit.h(1)
    circuit.cx(1, 2)
    circuit.measure(2, 0)
    found = one("Garnet", circuit, physical=True)
    assert found.text == "OPENQASM 3.0;\nbit[1] b;\nh $1;\ncnot $1, $2;\nb[0] = measure $2;\n"
    assert found.physical


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"verbatim": True}, "verbatim=True: SV1 has no native gates"),
        ({"physical": True}, "disable_qubit_rewiring=True: SV1 has no qubits that can be named"),
    ],
)
def test_simulators_have_no_places(wanted: dict[str, Any], words: str):
    with pytest.raises(UsageError, match=words):
        made("SV1", ghz(), **wanted)


# --- refusals ---------------------------------------------------------------------------------
def test_the_circuit_that_cannot_run_is_named():
    bad = QuantumCircuit(1, name="bad")
    bad.rx(Parameter("theta"), 0)
    bad.measure_all()
    for wanted in ({}, {"verbatim": True}):
        with pytest.raises(UsageError, match=r"circuits\[1\]: circuit 'bad' has parameters without a value: theta"):
            made("Garnet", ghz(), bad, **wanted)
    bare = QuantumCircuit(2, name="bare")
    bare.h(0)
    with pytest.raises(UsageError, match=r"circuit 'bare' measures nothing: add circuit.measure_all\(\)"):
        made("SV1", bare)
    with pytest.raises(UsageError, match="circuit 'none' has no qubits"):
        made("SV1", QuantumCircuit(name="none"))
    with pytest.raises(UsageError, match="there is no circuit"):
        made("SV1")
    odd = QuantumCircuit(1, name="odd")
    odd.append(Gate("mystery", 1, []), [0])
    odd.measure_all()
    for wanted in ({}, {"verbatim": True}):
        with pytest.raises(UsageError, match="circuit 'odd' cannot be transpiled: .*mystery"):
            made("Garnet", odd, **wanted)


def test_originir_is_refused_with_who_takes_it():
    with pytest.raises(UsageError, match="OriginIR, which only originq takes"):
        made("SV1", "QINIT 1\nCREG 1\nH q[0]\nMEASURE q[0],c[0]\n")


def test_files_that_a_program_includes_are_not_opened(tmp_path: Path):
    secret = tmp_path / "secret.inc"
    secret.write_text("gate secret a { }")
    with pytest.raises(UsageError, match="is not read"):
        made("SV1", f'OPENQASM 3.0;\ninclude "{secret}";\nqubit q;\nsecret q;\n')


# --- texts ------------------------------------------------------------------------------------
TEXT = "OPENQASM 3.0; // mine\nbit[3] c;\nqubit[4] q;\nh q[3];\nc[2] = measure q[3];\nc[0] = measure q[1];\n"


def test_a_text_is_sent_as_it_is_written():
    found = one("SV1", TEXT)
    assert found == Program(
        name="program", text=TEXT, qubits=4, clbits=3, measured=(0, 2), registers=(("c", 3),), given=True
    )


def test_a_text_of_physical_qubits_says_so():
    found = one("Garnet", "OPENQASM 3.0;\nbit[1] b;\nprx(0.1, 0.2) $5;\nb[0] = measure $5;\n")
    assert (found.physical, found.qubits) == (True, 6)


def test_results_are_added_to_a_text_that_measures_nothing():
    bare = "OPENQASM 3.0;\nqubit[2] q;\nh q[0];\ncnot q[0], q[1];"
    found = one("SV1", bare, **STATE)
    assert found.text == f"{bare}\n#pragma braket result state_vector\n"
    assert (found.measured, found.registers, found.given) == ((), (), True)
    assert one("SV1", bare).measured == ()
    own = f"{bare}\n#pragma braket result state_vector\n"
    assert one("SV1", own, exact=True).text == own


def test_a_text_that_nobody_can_read_is_sent_all_the_same():
    text = "OPENQASM 3.0;\nqubit[2] q;\nbit[2] b;\nfor int i in [0:1] { b[i] = measure q[i]; }\n"
    (found,) = programs([given.one(text)], ABOUTS["SV1"], Wanted(exact=False))
    assert (found.text, found.measured, found.clbits, found.registers) == (text, None, 0, ())


@pytest.mark.parametrize(
    ("text", "wanted", "words"),
    [
        (TEXT, {"result_types": ("probability",)}, "measures, and result types are in place of that"),
        (TEXT, {"exact": True}, "asks for no results, and shots=0 has nothing else"),
        (TEXT, {"verbatim": True}, "sent as it is: write the verbatim box there"),
        ("OPENQASM 3.0;\nqubit[2] q;\nh q;", {"result_types": ("probability q[2]",)}, r"has no qubit q\[2\]: q has 2"),
        ("OPENQASM 3.0;\nqubit[2] q;\nh q;", {"result_types": ("probability r[0]",)}, r"has no qubit r\[0\]"),
    ],
)
def test_what_does_not_go_with_a_text_is_refused(text: str, wanted: dict[str, Any], words: str):
    with pytest.raises(UsageError, match=f"circuits\\[0\\]: the program .*{words}"):
        made("Garnet" if "verbatim" in wanted else "SV1", text, **wanted)
