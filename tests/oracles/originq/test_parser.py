"""The emulator's parser of OriginIR against pyqpanda3's: the same states, phases included, and the same texts refused.

Its reader never returns from a text with an END that ends nothing, and dies of a negative index: no such text is here.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import originir, originq_run
from tests.oracles.originq.states import theirs

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

WIDTH = 4
HEAD = f"QINIT {WIDTH}\nCREG {WIDTH}\n"
LAYER = "".join(f"U3 q[{qubit}],({0.3 + qubit},{0.7 - qubit},{0.2 * qubit + 0.1})\n" for qubit in range(WIDTH))
ANGLES = [
    "2^3 + 1", "2*3^2", "-0.5^2", "-(0.5)^2", "-pi^0.5", "--(0.25)^2", "2^0.5^2", "2^-1", "4/2/2", "1--1", "1+-1", "1 - 2 - 3", "007",
    "2*(1 + 0.5)", "2*-1", "- -1", "0.5-.25", "pi-pi/2", "1*(2 - .5)", "5.e-1", ".5e0", "\t1 ",
]  # fmt: skip
WRITTEN = [
    "// a comment\n\nH q[0] // another\r\nX q[1]\r\n",
    "  RX   q[ 2 ] , (0.25)\n",
    "RX q[0],(pi)\nRY q[1],(-pi/2)\nRZ q[2],(PI/4)\nP q[3],(0.5*2)\n",
    "RX q[0],(1e-3)\nRX q[1],(.5)\nRX q[2],(5.)\nRX q[3],(2^3)\n",
    "H q[0],q[2]\nBARRIER q\nBARRIER q[0],q[1]\nX q[3]\n",
    "DAGGER\nS q[1]\nT q[1]\nRX q[0],(0.3)\nENDDAGGER\n",
    "DAGGER\nH q[0]\nCNOT q[0],q[1]\nDAGGER\nS q[1]\nENDDAGGER\nU3 q[2],(0.1,0.2,0.3)\nENDDAGGER\n",
    "CONTROL q[0]\nY q[1]\nENDCONTROL\n",
    "CONTROL q[0],q[3]\nU3 q[1],(0.4,0.5,0.6)\nSWAP q[1],q[2]\nENDCONTROL\n",
    "CONTROL q[0]\nCONTROL q[1]\nRX q[2],(0.3)\nENDCONTROL\nH q[3]\nENDCONTROL\n",
    "CONTROL q[2]\nDAGGER\nS q[0]\nCP q[0],q[1],(0.3)\nENDDAGGER\nENDCONTROL\n",
    "DAGGER\nCONTROL q[2]\nISWAP q[0],q[1]\nENDCONTROL\nU4 q[3],(0.1,0.2,0.3,0.4)\nENDDAGGER\n",
    "QGATE both a,b\nH a\nCNOT a,b\nENDQGATE\nboth q[1],q[0]\nboth q[2],q[3]\n",
    "QGATE turn a,(x)\nRX a,(x)\nENDQGATE\nturn q[0],(0.3)\nturn q[2],(pi/5)\n",
    "H q\nRX q,(0.3)\n",
    "QGATE both a, b\nCNOT a, b\nENDQGATE\nboth q[1], q[0]\n",
    "QGATE in a\nS a\nH a\nENDQGATE\nQGATE out a,b\nin b\nCNOT a,b\nENDQGATE\nDAGGER\nout q[0],q[3]\nENDDAGGER\n",
    "QGATE turn a,(x)\nRX a,(x*pi)\nENDQGATE\nCONTROL q[1]\nturn q[0],(pi/7)\nENDCONTROL\n",
    "QGATE turn a\nX a\nENDQGATE\nQGATE turn a\nH a\nENDQGATE\nturn q[0]\n",
    *(f"RX q[0],({angle})\n" for angle in ANGLES),
    "QGATE mix a,b,(x)\nRX a,(x/2)\nCNOT a,b\nRZ b,(x)\nENDQGATE\nmix q[3],q[1],(0.7)\n",
]
REFUSED = [
    "h q[0]\n", "SX q[0]\n", "SDG q[0]\n", "CX q[0],q[1]\n", "CCX q[0],q[1],q[2]\n", "FREDKIN q[0],q[1],q[2]\n",
    "ECR q[0],q[1]\n", "H q0\n", "H q[4]\n", "H\n", "RX q[0]\n", "RX q[0] (0.3)\n", "RX q[0],(1,2)\n", "RX q[0],(sin(1))\n",
    "RX q[0],(2**3)\n", "RX q[0],(x)\n", "H q[0];\n", "# a comment\nH q[0]\n", "S q[0] dagger\n", "X q[0] controlled_by (q[1])\n",
    "CNOT q[0],q[0]\n", "MEASURE q[0],c[4]\n", "MEASURE q[0]\n", "DAGGER\nMEASURE q[0],c[0]\nENDDAGGER\n",
    "RX q[0],(2-1)\n", "RX q[0],(+1)\n", "RX q[0],(pi -1)\n", "RX q[0],(0.3 # x)\n", "RX q[0],(1/0)\n", "RX q[0],(2(3))\n",
    "CNOT q\n", "CNOT q[0] q[1]\n", "MEASURE q[0],c\n", "MEASURE q[0],c[0],c[1]\n",
    "CONTROL q[0]\nBARRIER q[0],q[1]\nX q[1]\nENDCONTROL\n", "CONTROL q[0]\nX q[1]\nENDCONTROL q[0]\n",
    "CONTROL q[0]\nCONTROL q[0]\nX q[1]\nENDCONTROL\nENDCONTROL\n",
    "QGATE f a\ng a\nX a\nENDQGATE\nQGATE g a\nH a\nENDQGATE\nf q[2]\n", "QGATE g a\ng a\nENDQGATE\ng q[0]\n",
    "QGATE g a\nDAGGER\nS a\nENDDAGGER\nENDQGATE\ng q[0]\n", "QGATE g a\nBARRIER a\nENDQGATE\ng q[0]\n",
    "QGATE g a,b\nH a,b\nENDQGATE\ng q[0],q[1]\n", "QGATE g q\nH q\nENDQGATE\ng q[0]\n",
    "QGATE g a\nH q[0]\nENDQGATE\ng q[0]\n", "QGATE g a,b\nX a\nENDQGATE\ng q[0]\n",
    "CONTROL q[0]\nX q[0]\nENDCONTROL\n", "DAGGER q[0]\nH q[0]\nENDDAGGER\n", "",
]  # fmt: skip
STRICTER = [
    "QIF c[0]\nX q[0]\nENDIF\n", "QWHILE c[0]\nX q[0]\nQENDWHILE\n", "DAGGER\nH q[0]\n", "H q[0]\nENDDAGGER\n",
    "CONTROL q[0]\nDAGGER\nX q[1]\nENDCONTROL\nENDDAGGER\n", "H q[-1]\n",
    "H q[0],q[0]\n", "H q[1.0]\n", "RX q[0],0.1\n", "H q[0] H q[1]\n", "/* */ H q[0]\n", "QINIT 4\n", "RX q[0],(1_0)\n",
    "RX q[0],(~1)\n", "RX q[0],(1e)\n", "MEASURE q[4],c[0]\n", "CONTROL q[4]\nX q[2]\nENDCONTROL\n",
    "CONTROL q[0],q[0]\nX q[1]\nENDCONTROL\n", "DAGGER\nRESET q[1]\nENDDAGGER\n", "QGATE g a\nH b\nENDQGATE\ng q[0]\n",
    "QGATE g a,b\nCNOT a,b\nENDQGATE\ng q[0],q[0]\n",
]  # fmt: skip
"""Refused here, whatever is there: branches that its simulator does not take, blocks that it waits for or dies of, and
what it takes although no page tells of it, or makes something else of: an index of 1.0, or 1_0 as an angle."""


def statement(name: str, qubits: list[int], angles: list[float]) -> str:
    places = ",".join(f"q[{qubit}]" for qubit in qubits)
    return f"{name} {places},({','.join(map(repr, angles))})\n" if angles else f"{name} {places}\n"


def drawn(numbers: random.Random) -> str:
    """A random statement."""
    name, (wide, angles) = numbers.choice(list(originir.GATES.items()))
    return statement(
        name, numbers.sample(range(WIDTH), wide), [round(numbers.uniform(-3, 3), 6) for _ in range(angles)]
    )


def nested(numbers: random.Random, depth: int = 2) -> str:
    """A random block."""
    if depth == 0 or numbers.random() < 0.4:
        return drawn(numbers)
    inner = "".join(nested(numbers, depth - 1) for _ in range(2))
    if numbers.random() < 0.5:
        return f"DAGGER\n{inner}ENDDAGGER\n"
    free = [qubit for qubit in range(WIDTH) if f"q[{qubit}]" not in inner]
    return f"CONTROL q[{numbers.choice(free)}]\n{inner}ENDCONTROL\n" if free else inner


def texts() -> list[str]:
    numbers = random.Random(7)
    every = [
        statement(name, qubits, [0.3, -0.4, 0.5, 0.6][:angles])
        for name, (wide, angles) in originir.GATES.items()
        for qubits in ([2, 0, 3][:wide], [1, 3, 0][:wide])
    ]
    many = ["".join(drawn(numbers) for _ in range(20)) for _ in range(30)]
    return [*every, *WRITTEN, *many, *(nested(numbers) for _ in range(50))]


async def test_every_text_has_the_same_state(tmp_path: Path):
    given = [f"{HEAD}{LAYER}{text}" for text in texts()]
    assert len(given) >= 150
    found = await theirs([{"originir": text, "qubits": WIDTH} for text in given], home=tmp_path)
    far = []
    for text, state in zip(given, found, strict=True):
        assert not isinstance(state, str), f"{text}: {state}"
        ours = Statevector(originq_run.build(originir.parse(text), every=True)).data
        far.append(float(np.abs(ours - state).max()))
    assert max(far) < 1e-9
    print(f"{len(given)} texts, the largest difference of an amplitude is {max(far)}")


async def test_what_is_refused_there_is_refused_here(tmp_path: Path):
    plans = [{"originir": f"{HEAD}{text}", "qubits": 0} for text in REFUSED]
    found = await theirs(plans, home=tmp_path)
    taken = [text for text, state in zip(REFUSED, found, strict=True) if not isinstance(state, str)]
    assert taken == []
    for text in (*REFUSED, *STRICTER):
        with pytest.raises(UsageError, match=r"line \d+: |no statement"):
            originir.parse(f"{HEAD}{text}")
