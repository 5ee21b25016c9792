"""OpenQASM text that is given: which goes to the service as it is, and what of it is understood."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quantumjobs.adapters.braket import texts
from quantumjobs.circuits import given
from quantumjobs.errors import UsageError

HEAD = "OPENQASM 3.0;\n"


# --- whose it is ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "OPENQASM 3.0;\nqubit q;\nx q;",
        "OPENQASM 3;\nqubit q;\nx q;",
        "qubit[2] q;\ncnot q[0], q[1];",
        'OPENQASM 3.0; // include "stdgates.inc";\nqubit q;',
        'OPENQASM 3.0; /* include\n"stdgates.inc"; */ qubit q;',
        "OPENQASM 3.0;\nqubit q;\nbit included;\n",
    ],
)
def test_brakets_dialect_is_sent_as_it_is(text: str):
    assert texts.is_braket(text)
    assert texts.source(given.one(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];',
        "OPENQASM 2.0;\n",
        "// a program\nOPENQASM 2;\n",
        "qreg q[2];\ncreg c[2];",
        'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit q;',
        "OPENQASM 3.0;\ninclude '/etc/passwd';\nqubit q;",
        'OPENQASM 3.0;\ninclude\t/* */"x";',
    ],
)
def test_what_has_an_include_or_is_openqasm_2_is_for_qiskit(text: str):
    assert not texts.is_braket(text)
    assert texts.source(given.one(text)) is None


@pytest.mark.parametrize(
    "hidden",
    [
        '#pragma braket "/*"\ninclude "x";\n#pragma "*/"',
        'pragma /*\ninclude "x"; // */',
        '@note /*\ninclude "x"; // */',
        'bit[2] b = "/*"; include "x"; // */',
        '// a comment\rinclude "x";\n',
        'h q[0]; pragma //\ninclude "x";',
        'cal { /* }\ninclude "x";\n// */',
        '"\t" // \rinclude "x";',
    ],
)
def test_no_include_hides_in_what_is_no_comment(hidden: str):
    assert not texts.is_braket(f"{HEAD}qubit q;\n{hidden}\n")


def test_files_are_read_once_and_other_forms_are_left_alone(tmp_path: Path):
    path = tmp_path / "bell.qasm"
    path.write_bytes(b"\xef\xbb\xbfOPENQASM 3.0;\nqubit q;\n")
    assert texts.source(given.one(path)) == "OPENQASM 3.0;\nqubit q;\n"
    path.write_text("OPENQASM 2.0;\nqreg q[1];\n")
    assert texts.source(given.one(path)) is None
    path.write_bytes(b"OPENQASM 3.0;\n\xff")
    with pytest.raises(UsageError, match=r"bell.qasm: not text in UTF-8 \(byte 14\)"):
        texts.source(given.one(path))
    path.unlink()
    with pytest.raises(UsageError, match="bell.qasm: cannot be read"):
        texts.source(given.one(path))
    assert texts.source(given.one(tmp_path / "some.qpy")) is None
    assert texts.source(given.one("QINIT 1\nCREG 1\n")) is None


def test_a_pipe_does_not_hold_anything_up(tmp_path: Path):
    path = tmp_path / "pipe.qasm"
    os.mkfifo(path)
    assert texts.source(given.one(path)) is None  # empty: nobody writes


# --- inputs -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("input float theta;\nqubit q;\nrx(theta) q;", ("theta",)),
        ("OPENQASM 3.0;input float a; input angle[32] b;\n input bit[4] c_1;", ("a", "b", "c_1")),
        ("// input float a;\nqubit q;", ()),
        ("qubit input_;\n/* input int x; */ x input_;", ()),
        ("output bit b;", ()),
        ("input float[64] θ;", ("θ",)),
    ],
)
def test_inputs_that_want_a_value(text: str, names: tuple[str, ...]):
    assert texts.inputs_of(text) == names


# --- what is measured -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "bits", "measured", "used"),
    [
        ("bit[3] b; qubit[3] q; b[2] = measure q[0]; b[0] = measure q[1];", ("b", 3), (0, 2), (0, 1)),
        ("bit[2] c; qubit[2] q; h q; c = measure q;", ("c", 2), (0, 1), (0, 1)),
        ("qubit[3] q; bit[3] b = measure q;", ("b", 3), (0, 1, 2), (0, 1, 2)),
        ("bit b; qubit q; b = measure q;", ("b", 1), (0,), (0,)),
        ("bit[5] b; qubit[3] q; b[1:2] = measure q[0:1];", ("b", 5), (1, 2), (0, 1)),
        ("bit[5] b; qubit[3] q; b[0:2:4] = measure q;", ("b", 5), (0, 2, 4), (0, 1, 2)),
        ("bit[3] b; qubit[3] q; b[{2, 0}] = measure q[{0, 1}];", ("b", 3), (0, 2), (0, 1)),
        ("bit[2] b; qubit[2] q; measure q[0] -> b[1];", ("b", 2), (1,), (0,)),
        ("bit[2] b;\n#pragma braket verbatim\nbox {\nh $5;\ncnot $5, $3;\n}\nb[0] = measure $5;", ("b", 2), (0,), (3, 5)),
        ("bit a; bit[2] b; qubit[2] q; b[1] = measure q[1];", ("b", 2), (1,), (1,)),
        ("qubit[2] r; qubit[2] q; bit[2] b; b[0] = measure q[1]; x r[0];", ("b", 2), (0,), (0, 3)),
        ("qubit[3] q; x q[0]; measure q[2]; measure q[0];", None, (0, 1), (0, 2)),
        ("qubit[3] q; x q[2];", None, (), (2,)),
        ("input float t; bit[1] b; qubit[1] q; rx(2*(t+(1))) q[0]; barrier q; b[0] = measure q[0];", ("b", 1), (0,), (0,)),
        ("bit[1] b; qubit[2] q; ctrl @ x q[0], q[1]; gphase(0.3); reset q[0]; b[0] = measure q[1];", ("b", 1), (0,), (0, 1)),
        ("const int n = 2; bit[1] b; qubit[1] q; b[0] = measure q[0]; // b[1] = measure q[9];", ("b", 1), (0,), (0,)),
        ("qubit[1] q; x q[0];\n#pragma braket result probability q[0]", None, (), (0,)),
        ("qubit[2] q; bit[1] b; xx(0.3) q [0] , q[ 1 ] ; b[0] = measure q[0];", ("b", 1), (0,), (0, 1)),
    ],
)  # fmt: skip
def test_columns_are_ascending_bits(
    text: str, bits: tuple[str, int] | None, measured: tuple[int, ...], used: tuple[int, ...]
):
    found = texts.read(HEAD + text)
    assert (found.bits, found.measured, found.used) == (bits, measured, used)
    assert found.physical == ("$" in text)
    assert found.measures == ("measure" in text.partition("//")[0])


@pytest.mark.parametrize(
    "text",
    [
        "qubit[3] q; bit[3] b; for int i in [0:2] { b[i] = measure q[i]; }",
        "qubit[2] q; bit[2] b; b[0] = measure q[0]; if (b[0]) { x q[1]; }",
        "qubit[2] q; bit[2] b; if (b[0]) b[1] = measure q[1];",
        "qubit[3] q; bit[3] b; let a = q[1:2]; b[0:1] = measure a;",
        "qubit[2] q; bit a; bit b; a = measure q[0]; b = measure q[1];",
        "qubit[2] q; bit[2] b; b[0] = measure q[0]; b[0] = measure q[1];",
        "qubit[2] q; bit[2] b; b[0] = measure q[0]; measure q[1];",
        "qubit[2] q; bit[2] b; b[-1] = measure q[0];",
        "qubit[2] q; bit[2] b; b[2] = measure q[0];",
        "qubit[2] q; bit[2] b; b[0:1] = measure q[0];",
        "qubit[2] q; bit[2] b; b[1:-1:0] = measure q;",
        "const int n = 2; qubit[n] q; bit[n] b; b = measure q;",
        "qubit[2] q; bit[2] b; b[0] = measure r[0];",
        "qubit[2] q; x r[0];",
        "qubit[2] q; def f() -> bit { return measure q[0]; }",
        "qubit[2] q; gate mine a { x a; } mine q[0];",
        "qubit[999999999] q; bit[2] b; b[0] = measure q[0];",
        "qubit[2] q; this is no program",
        "qubit[2] q; rx(" + "(" * 1000 + "1" + ")" * 1000 + ") q;",
        "cal { }",
    ],
)
def test_what_nobody_can_tell_is_left_to_the_service(text: str):
    found = texts.read(HEAD + text)
    assert found.measured is None
    assert found.bits is None
    assert found.text == HEAD + text


def test_a_long_program_is_read_without_parsing_its_gates(monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []
    parse = texts.parsed
    monkeypatch.setattr(texts, "parsed", lambda text: seen.append(text) or parse(text))
    gates = "".join(
        f"rx(0.{at} * sin(1)) q[{at % 50}];\ncnot q[{at % 50}], q[{(at + 1) % 50}];\n" for at in range(5000)
    )
    found = texts.read(f"{HEAD}qubit[50] q;\nbit[1] b;\n{gates}b[0] = measure q[7];\n")
    assert found.measured == (0,)
    assert found.used == tuple(range(50))
    assert not any("cnot" in text or "rx" in text for text in seen)


def test_results_that_a_text_asks_for_itself():
    assert texts.has_results(HEAD + "qubit q;\n#pragma braket result state_vector\n")
    assert not texts.has_results(HEAD + "qubit q;\n// #pragma braket result state_vector\n")
    assert not texts.has_results(HEAD + "#pragma braket verbatim\nbox { }")
