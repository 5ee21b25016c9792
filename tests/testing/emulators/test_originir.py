"""The emulator's parser of OriginIR. That pyqpanda3 reads the same is for tests/oracles/originq/test_parser.py."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import arithmetic, originir
from quantumjobs.testing.emulators.originir import Step, parse

HEAD = "QINIT 4\nCREG 4\n"


def steps(text: str) -> tuple[Step, ...]:
    return parse(HEAD + text).steps


@given(st.text(max_size=200))
def test_any_text_is_a_program_or_refused(text: str):
    for whole in (text, HEAD + text):
        with suppress(UsageError):
            parse(whole)


def test_blocks_and_definitions_are_taken_apart():
    assert steps("DAGGER\nS q[0]\nCNOT q[0],q[1]\nENDDAGGER\n") == (
        Step("CNOT", (0, 1), dagger=True),
        Step("S", (0,), dagger=True),
    )
    assert steps("CONTROL q[0]\nCONTROL q[1]\nX q[2]\nENDCONTROL\nBARRIER q[3]\nENDCONTROL\n") == (
        Step("X", (2,), (), (0, 1)),
        Step("BARRIER", (3,)),
    )
    assert steps("QGATE turn a,b,(x)\nRX a,(x/2)\nCNOT a,b\nENDQGATE\nturn q[3],q[1],(pi)\n") == (
        Step("RX", (3,), (math.pi / 2,)),
        Step("CNOT", (3, 1)),
    )


def test_measurements_are_in_the_order_of_the_text():
    program = parse(f"{HEAD}MEASURE q[2], c[0]\nMEASURE q[0],c[3]\n")
    assert program.measured == ((2, 0), (0, 3))
    assert parse(f"{HEAD}MEASURE q,c\n").measured == ((0, 0), (1, 1), (2, 2), (3, 3))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: a program begins with QINIT"),
        ("H q[0]\n", "line 1: a program begins with QINIT"),
        ("QINIT x\n", "line 1: QINIT needs a number"),
        ("QINIT 99999999\n", "line 1: QINIT needs a number up to 10000"),
        (HEAD, "no statement"),
        (f"{HEAD}\n\nSX q[0]\n", "line 5: SX is no statement of OriginIR"),
        (f"{HEAD}H q[4]\n", "line 3: there is no q\\[4\\]"),
        (f"{HEAD}RX q[0],(1,2)\n", "line 3: RX takes 1 qubits and 1 angles"),
        (f"{HEAD}CNOT q[1],q[1]\n", "line 3: CNOT names a qubit twice"),
        (f"{HEAD}MEASURE q[0],c[4]\n", "line 3: there is no c\\[4\\]"),
        (f"{HEAD}DAGGER\nH q[0]\n", "line 3: DAGGER without ENDDAGGER"),
        (f"{HEAD}ENDDAGGER\n", "line 3: ENDDAGGER"),
        (f"{HEAD}CONTROL q[0]\nMEASURE q[1],c[0]\nENDCONTROL\n", "line 4: a CONTROL block has a MEASURE"),
        (f"{HEAD}CONTROL q[0]\nX q[0]\nENDCONTROL\n", "line 4: a qubit controls itself"),
        (f"{HEAD}CONTROL q[0]\nBARRIER q[0]\nENDCONTROL\n", "line 4: a qubit controls itself"),
        (f"{HEAD}CONTROL q[0],q[0]\nX q[1]\nENDCONTROL\n", "line 3: a qubit controls twice"),
        (f"{HEAD}CONTROL q[0]\nCONTROL q[0]\nX q[1]\nENDCONTROL\nENDCONTROL\n", "line 4: a qubit controls twice"),
        (f"{HEAD}DAGGER\nX q[1]\nENDDAGGER q[1]\n", "line 5: ENDDAGGER stands alone"),
        (f"{HEAD}CNOT q\n", "line 3: 'q' is no qubit"),
        (f"{HEAD}RX q[0] (0.1)\n", "line 3: .* write q\\[0\\],\\(0.5\\)"),
        (f"{HEAD}QIF c[0]\nX q[0]\nQENDIF\n", "line 3: QIF: conditions and loops are not run"),
        (f"{HEAD}QGATE H a\nX a\nENDQGATE\n", "line 3: H is a gate already"),
        (f"{HEAD}QGATE f a\nX b\nENDQGATE\nf q[0]\n", "line 4: 'b' is no qubit of the definition"),
        (f"{HEAD}QGATE f a\nMEASURE a,c[0]\nENDQGATE\n", "line 4: MEASURE is no gate that is defined before"),
        (f"{HEAD}QGATE f a\ng a\nENDQGATE\nQGATE g a\nX a\nENDQGATE\n", "line 4: g is no gate that is defined before"),
        (f"{HEAD}QGATE f a\nDAGGER\nS a\nENDDAGGER\nENDQGATE\n", "line 4: DAGGER is no gate that is defined before"),
        (f"{HEAD}QGATE f a,a\nX a\nENDQGATE\n", "line 3: f is a gate already, or names something twice"),
        (f"{HEAD}QGATE f q\nX q\nENDQGATE\n", "line 3: write QGATE"),
        (f"{HEAD}DAGGER\nQGATE f a\nX a\nENDQGATE\nENDDAGGER\n", "line 4: write QGATE"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, words: str):
    with pytest.raises(UsageError, match=words):
        parse(text)


def test_nothing_small_becomes_endless():
    bomb = "".join(
        f"QGATE g{level} a\n" + f"g{level - 1} a\n" * 20 + "ENDQGATE\n" if level else "QGATE g0 a\nX a\nENDQGATE\n"
        for level in range(8)
    )
    with pytest.raises(UsageError, match="more than 200000 statements"):
        parse(f"{HEAD}{bomb}g7 q[0]\n")
    chain = "QGATE g0 a\nX a\nENDQGATE\n" + "".join(
        f"QGATE g{level} a\ng{level - 1} a\nENDQGATE\n" for level in range(1, 100)
    )
    with pytest.raises(UsageError, match="nested too deeply"):
        parse(f"{HEAD}{chain}g99 q[0]\n")
    with pytest.raises(UsageError, match="more than 200000 statements"):
        parse("QINIT 10000\n" + "H q\n" * 21)
    with pytest.raises(UsageError, match="nested too deeply"):
        parse(HEAD + "DAGGER\n" * 100 + "X q[0]\n" + "ENDDAGGER\n" * 100)
    with pytest.raises(UsageError, match="characters and 1000000 lines"):
        parse(HEAD + "\n" * 1_000_000)


@pytest.mark.timeout(10)
def test_long_lines_are_read_in_time_that_grows_with_them():
    for line in (
        "H q[0]" + " " * 200_000 + "x",
        "RX q[0],(" + " " * 200_000 + ") x",
        "H " + "q[0]," * 50_000,
        "RX q[0],(" + ")" * 200_000 + "x",
        "U3 q[0],(" + "1," * 100_000 + ")",
        "x" * 200_000 + "[",
        "MEASURE q" + " " * 200_000 + ",,c",
    ):
        with pytest.raises(UsageError, match="line 3: "):
            parse(f"{HEAD}{line}\n")


def test_a_gate_on_one_qubit_may_name_several_or_all():
    assert steps("H q[0],q[2]\n") == (Step("H", (0,)), Step("H", (2,)))
    assert steps("RX q,(1)\n") == tuple(Step("RX", (at,), (1.0,)) for at in range(4))
    assert steps("RESET q\nBARRIER q\n") == (*(Step("RESET", (at,)) for at in range(4)), Step("BARRIER", (0, 1, 2, 3)))


# --- angles -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pi/2", math.pi / 2),
        ("-PI", -math.pi),
        ("2*(1+0.5)", 3.0),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("2^3", 8.0),
        ("1 + 2*3^2", 19.0),
        ("2^0.5^2", 2.0),  # powers group to the left
        ("-0.5^2", 0.25),  # the minus belongs to the number ...
        ("-(0.5)^2", -0.25),  # ... and here it does not
        ("--(0.5)^2", -0.25),
        ("2^-1", 0.5),
        ("1--1", 2.0),
        ("5 - 2 - 1", 2.0),
        ("8/2/2", 2.0),
        (" 1 ", 1.0),
    ],
)
def test_angles_are_arithmetic(text: str, value: float):
    assert arithmetic.evaluate(text, {}, 1) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1/0",
        "sin(1)",
        "__import__('os')",
        "2**3",
        "1,2",
        "True",
        "'1'",
        "1j",
        "9^9^9^9",
        "(-1)^0.5",
        "1 if 1 else 2",
        "(" * 900,
        "(" * 400 + "1" + ")" * 400,
        "2-1",  # two numbers, to pyqpanda3
        "+1",
        "0.3 # x",
        "1_0",
        "0x10",
        "1/inf",
        "1e400",
        "1" * 2000,
    ],
)
def test_nothing_else_is_evaluated(text: str):
    with pytest.raises(UsageError, match="line 7: .* is no angle"):
        arithmetic.evaluate(text, {}, 7)


def test_every_gate_has_its_operands():
    assert {name: wide for name, (wide, _) in originir.GATES.items() if wide > 1}.keys() == {
        *("CNOT", "CZ", "SWAP", "ISWAP", "SQISWAP", "CR", "CP", "CRX", "CRY", "CRZ", "RXX", "RYY", "RZZ", "RZX", "CU"),
        "TOFFOLI",
    }
