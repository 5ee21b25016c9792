from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given as fuzz
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qpy

from quantumjobs.abc import Circuit
from quantumjobs.circuits import given, qasm
from quantumjobs.circuits.load import dump, load
from quantumjobs.errors import UsageError

EXAMPLES = Path(__file__).parents[2] / "examples"
TWO = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[4]; creg c[4];\n'
THREE = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[4] q; bit[4] c;\n'


def from_text(text: str) -> QuantumCircuit:
    (circuit,) = load(given.one(text))
    return circuit


# --- OpenQASM ---------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["bell", "ghz"])
def test_the_examples_can_be_read(name: str) -> None:
    (circuit,) = load(given.one(EXAMPLES / f"{name}.qasm"))
    assert circuit.name == name
    assert circuit.num_clbits == circuit.num_qubits


def test_both_versions_are_read() -> None:
    assert from_text(TWO + "h q[0]; measure q -> c;").num_clbits == 4
    assert from_text(THREE + "h q[0]; c = measure q;").num_clbits == 4


def test_a_missing_header_is_guessed() -> None:
    assert from_text('include "qelib1.inc"; qreg q[1]; h q[0];').num_qubits == 1
    assert from_text('include "stdgates.inc"; qubit q; h q;').num_qubits == 1


def test_gates_that_only_qiskits_own_include_has_are_known() -> None:
    circuit = from_text(TWO + "c3x q[0],q[1],q[2],q[3]; rzz(0.5) q[0],q[1]; sx q[0]; u(1,2,3) q[1];")
    assert circuit.count_ops()["rzz"] == 1


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (TWO + "h q[0];\nfoo q[1];", 5, 1),
        (TWO + "// a comment\n//;\n h q[0]\nx q[1];", 7, 1),
        (THREE + "/* a\ncomment */ h q[0];\nfoo q[1];", 6, 1),
        (THREE + "h q[0];\n  foo q[1];", 5, 3),
        (THREE + "h q[0]\nx q[1];", 5, 1),
    ],
)
def test_an_error_names_the_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(UsageError) as caught:
        list(load(Circuit("qasm", text.encode(), "circuits[3]")))
    assert f"circuits[3], line {line}, column {column}:" in str(caught.value)


@pytest.mark.parametrize("version", ["2.0", "3.0"])
@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.inc", "mine.inc"])
def test_an_include_reads_no_file(version: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.inc").write_text("gate g a { U(0,0,0) a; }")
    with pytest.raises(UsageError, match=r"line 2, column 1: include '.*' is not read"):
        from_text(f'OPENQASM {version};\ninclude "{name}";\n')


@pytest.mark.parametrize(
    "text",
    [
        "OPENQASM 2.0; qreg q[1000000000];",
        "OPENQASM 2.0; qreg q[99999999999999999999];",
        "OPENQASM 3.0; qubit[2_000_000] q;",
        "OPENQASM 3.0; bit[99999999999] q;",
        "OPENQASM 2.0; " + "".join(f"qreg q{n}[100000];" for n in range(20)),
    ],
)
def test_absurd_sizes_are_refused_before_anything_is_made(text: str) -> None:
    with pytest.raises(UsageError, match="more than 1,000,000 bits"):
        from_text(text)


@pytest.mark.parametrize("header", ["OPENQASM 2.0; qreg q[1]; ", "OPENQASM 3.0; qubit q; "])
def test_deep_nesting_is_refused(header: str) -> None:
    with pytest.raises(UsageError, match="brackets within brackets|nested too deeply"):
        from_text(header + "U(" + "(" * 5000 + "0" + ")" * 5000 + ",0,0) q;")


def test_other_versions_are_refused() -> None:
    with pytest.raises(UsageError, match="OpenQASM 4 is not known"):
        from_text("OPENQASM 4.0;")


@pytest.mark.parametrize("text", [";", "\n\n", "// nothing\n"])
def test_text_without_a_program_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        from_text(text)


@fuzz(st.lists(st.sampled_from([*"OPENQASM 23.0;qregcx[]()\"',\n/*@{}=", "measure ", "if", "é", "\0"])).map("".join))
def test_no_text_is_anything_but_a_circuit_or_a_usage_error(text: str) -> None:
    try:
        qasm.parse(text, "here")
    except UsageError as error:
        message = str(error)
    else:
        message = "here"
    assert message.startswith("here")


# --- files ------------------------------------------------------------------------------
def write(path: Path, *circuits: QuantumCircuit) -> Path:
    with path.open("wb") as file:
        qpy.dump(list(circuits), file)
    return path


def test_a_qpy_file_may_hold_several_circuits(tmp_path: Path) -> None:
    path = write(tmp_path / "two.qpy", QuantumCircuit(1, name="a"), QuantumCircuit(2, name="b"))
    assert [circuit.name for circuit in load(given.one(path))] == ["a", "b"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no.qasm"
    with pytest.raises(UsageError, match=r"circuits\[0\] \(.*no.qasm\): cannot be read: No such file"):
        load(next(given.each([path])))


def test_a_pipe_does_not_hold_the_worker(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.qasm")
    with pytest.raises(UsageError, match="no program"):
        load(given.one(tmp_path / "p.qasm"))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file here")
def test_an_endless_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qasm, "MOST_BYTES", 1000)
    (tmp_path / "z.qasm").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="larger than the limit of 1,000 bytes"):
        load(given.one(tmp_path / "z.qasm"))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.qasm").write_bytes(b"OPENQASM \xff;")
    with pytest.raises(UsageError, match="not text in UTF-8"):
        load(given.one(tmp_path / "x.qasm"))


def test_an_old_qpy_format_is_refused_unread() -> None:
    body = bytearray(dump(QuantumCircuit(1)))
    body[6] = 12
    with pytest.raises(UsageError, match="QPY format 12 is refused for safety"):
        load(Circuit("qpy", bytes(body)))


def test_a_pickle_in_a_file_is_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "x.qpy").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(UsageError, match="not a QPY file"):
        load(given.one(tmp_path / "x.qpy"))


def test_a_file_of_a_newer_qiskit_says_update() -> None:
    body = bytearray(dump(QuantumCircuit(1)))
    body[6] = 200
    with pytest.raises(UsageError, match="update qiskit"):
        load(Circuit("qpy", bytes(body)))


@fuzz(st.integers(8, 10_000), st.integers(0, 255))
def test_a_damaged_qpy_file_is_a_usage_error_or_a_circuit(place: int, byte: int) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure_all()
    body = bytearray(dump(circuit))
    if place >= len(body):
        body = body[: place % len(body)]
    elif not 8 <= place < 60:  # a circuit's own header has sizes, which a changed byte can make enormous
        body[place] = byte
    try:
        load(Circuit("qpy", bytes(body), "here"))
    except UsageError as error:
        message = str(error)
    else:
        message = "here"
    assert message.startswith("here")


def test_a_class_that_workers_cannot_import_is_explained() -> None:
    body = b"cnosuchmodule\nThing\n."
    with pytest.raises(UsageError, match="define the class in a module"):
        load(Circuit("pickle", body))


def test_qpy_bytes_of_several_circuits_are_all_loaded() -> None:
    file = io.BytesIO()
    qpy.dump([QuantumCircuit(1), QuantumCircuit(1)], file)
    assert len(load(given.one(file.getvalue()))) == 2
