"""OriginIR as the user gives it: what is read of it, what is changed, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp, Statevector

from quantumjobs.abc import Circuit
from quantumjobs.adapters.originq import texts
from quantumjobs.circuits import given, load, pauli
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import originq_run
from quantumjobs.testing.emulators.originir import parse

BELL = "QINIT 3\nCREG 4\nH q[0] // a comment\nCNOT q[0],q[2]\nMEASURE q[0],c[3]\nMEASURE q[2],c[1]\n"


# --- where it comes from ----------------------------------------------------------------------
def test_a_text_that_begins_with_qinit_is_originir():
    for text in (BELL, f"\n  // mine\n\n{BELL}", f"// one\n// two\n{BELL}"):
        assert load.originir(given.one(text)) == text
    assert load.originir(given.one("OPENQASM 2.0;\n")) is None
    assert load.originir(Circuit("qpy", b"QISKIT")) is None


def test_a_file_is_originir_by_its_name_and_its_beginning(tmp_path: Path):
    file = tmp_path / "bell.originir"
    file.write_text(BELL)
    assert load.originir(given.one(file)) == BELL
    file.write_text("OPENQASM 2.0;")
    with pytest.raises(UsageError, match="does not begin with QINIT"):
        load.originir(given.one(file))
    with pytest.raises(UsageError, match="cannot be read"):
        load.originir(given.one(tmp_path / "none.originir"))


def test_others_refuse_it_with_who_takes_it(tmp_path: Path):
    file = tmp_path / "bell.originir"
    file.write_text(BELL)
    for item in (BELL, file):
        with pytest.raises(UsageError, match="which only originq takes"):
            load.load(given.one(item))


# --- what is read -----------------------------------------------------------------------------
def test_declarations_and_measurements_are_read_and_the_rest_is_left_alone():
    found = texts.read(BELL.replace("\n", "\r\n"))
    assert found.text == BELL
    assert (found.width, found.bits, found.used, found.measured) == (3, 4, 3, (1, 3))


def test_all_qubits_are_measured_at_once():
    found = texts.read("QINIT 2\nCREG 3\nMEASURE q,c")
    assert (found.measured, found.used, found.text[-1]) == ((0, 1), 2, "\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("QINIT 1\nCREG 1\nMEASURE q[0],c[1]\n", "line 3: there is no c\\[1\\]; CREG declares 1"),
        ("QINIT 1\nMEASURE q[0],c[0]\n", "line 2: there is no c"),
        ("QINIT 2\nCREG 1\nMEASURE q,c\n", "line 3: 2 qubits are measured into 1 bits"),
        ("QINIT 2\nCREG 1\nMEASURE q[0],c[0]\nMEASURE q[1],c[0]\n", "line 4: a bit is measured into twice"),
        ("QINIT 1\nCREG 1\nQIF c[0]\nX q[0]\nQENDIF\n", "line 3: OriginQ does not run conditions"),
        ("QINIT 1\nCREG 1\nX q[7]\n", "q\\[7\\] is used, and QINIT declares 1 qubits"),
        ("QINIT 1\nCREG 1\nMEASURE q0,c0\n", "line 3: write MEASURE"),
        ("QINIT\nCREG 1\n", "its QINIT has no number of qubits"),
        ("QINIT 2;\nCREG 1\n", "its QINIT has no number of qubits"),
    ],
)
def test_what_results_could_not_be_read_of_is_refused_with_its_line(text: str, words: str):
    with pytest.raises(UsageError, match=words):
        texts.read(text)


def test_only_line_feeds_end_a_line_so_that_a_comment_stays_one():
    text = "QINIT 1\nCREG 1\n// ends here:\u2028X q[0]\x85X q[9]\nMEASURE q,c\n"
    found = texts.read(text)
    assert found.text == text
    assert "\u2028X q[0]\x85" in texts.unmeasured(found).text
    assert texts.read("QINIT 1\rCREG 1\rX q[0]\r").text == "QINIT 1\nCREG 1\nX q[0]\n"


# --- what is changed --------------------------------------------------------------------------
def test_measurements_are_left_out_where_nothing_is_drawn():
    assert texts.unmeasured(texts.read(BELL)).text == "QINIT 3\nCREG 4\nH q[0] // a comment\nCNOT q[0],q[2]\n"
    with pytest.raises(UsageError, match="line 7: something comes after a measurement"):
        texts.unmeasured(texts.read(f"{BELL}X q[0]\n"))
    assert texts.unmeasured(texts.read(f"{BELL}BARRIER q\n")).measured == ()


@pytest.mark.parametrize("head", ["QINIT 3\nCREG 1\n", "QINIT 3\n"])
def test_a_program_is_measured_in_another_basis(head: str):
    given_text = f"{head}RY q[0],(0.7)\nCNOT q[0],q[1]\nRX q[2],(0.3)\n"
    operator = SparsePauliOp(["XYZ", "ZZI", "YIX"], [0.5, 1.5, -0.25])
    state = Statevector(originq_run.build(parse(given_text), every=True))
    program = texts.read(given_text)
    shares = []
    for group in pauli.groups([tuple(operator.to_list())], 3):
        turned = texts.rebased(program, group, measure=False)
        found = Statevector(originq_run.build(parse(turned.text), every=True))
        weights = found.probabilities([qubit for qubit, _ in group.basis])
        shares.append((pauli.estimate(group, dict(enumerate(weights))), None))
        drawn = texts.rebased(program, group, measure=True)
        assert drawn.measured == tuple(range(len(group.basis)))
        assert parse(drawn.text).measured == tuple((qubit, bit) for bit, (qubit, _) in enumerate(group.basis))
    (value,), _ = pauli.total(shares)
    assert np.isclose(value, state.expectation_value(operator).real, atol=1e-9)
