"""Programs that the emulator and the vendor's simulators are both given."""

from __future__ import annotations

from typing import Any

from quantumjobs.testing.emulators.braket_gates import CHANNELS, SIZES

STATE = "\n#pragma braket result state_vector"
_ANGLES = (0.3, 1.1, -0.7)
_PLACES = ("q[2]", "q[0]", "q[1]")
GENERIC = "qubit[3] q; U(0.4, 0.9, 0.2) q[0]; ry(1.2) q[1]; cnot q[0], q[1]; rx(0.7) q[2]; cz q[1], q[2];"
"""A state in which no two gates do the same."""


def _call(name: str, sizes: tuple[int, int]) -> str:
    qubits, angles = sizes
    given = f"({', '.join(map(str, _ANGLES[:angles]))})" if angles else ""
    return f"{name}{given} {', '.join(_PLACES[:qubits])}".rstrip()


GATES = [f"{GENERIC} {_call(name, sizes)};{STATE}" for name, sizes in SIZES.items()]
MODIFIED = [
    f"{GENERIC} {step};{STATE}"
    for step in (
        "ctrl @ x q[1], q[2]",
        "negctrl @ y q[2], q[0]",
        "ctrl(2) @ rx(0.3) q[2], q[0], q[1]",
        "ctrl @ negctrl @ t q[1], q[2], q[0]",
        "inv @ s q[0]",
        "inv @ iswap q[2], q[0]",
        "pow(0.5) @ x q[1]",
        "pow(-2) @ t q[1]",
        "pow(0.25) @ iswap q[0], q[1]",  # of swap and cnot the vendor's simulator drops a power
        "inv @ pow(0.5) @ ctrl @ U(0.1, 0.2, 0.3) q[2], q[0]",
        "ctrl @ gphase(0.5) q[1]",
        "gphase(2 * pi / 3)",
        "h q",
        "h q[0:1]",
        "rz(-pi/4 + 2**0.5) q[0]; rx(tau) q[1]; ry(euler / 2) q[2]",
        "barrier q; x q[-1]",
    )
] + [
    f"{GENERIC}\n#pragma braket unitary([[0, 0, 0, 1], [0, 0, 1im, 0], [0, -1im, 0, 0], [1.0, 0, 0, 0]]) q[2], q[0]{STATE}",
    f"{GENERIC}\n#pragma braket unitary([[0.6+0.0im, 0.8im], [0.8im, 0.6]]) q[1]{STATE}",
    f"qubit[5] q; x q[4]; ry(0.4) q[1];{STATE}",
    f"qubit q; x q;{STATE}",
    f"{GENERIC} box {{ x q[0]; y q[1]; }}{STATE}",
]
RESULTS = [
    f"{GENERIC}\n#pragma braket result {asked}"
    for asked in (
        "probability",
        "probability all",
        "probability q[2], q[0]",
        "probability q[1:2]",
        "density_matrix",
        "density_matrix q[1]",
        "density_matrix q[2], q[0]",
        'amplitude "000", "101"',
        "expectation x(q[0]) @ z(q[2])",
        "expectation y(q[1])",
        "expectation h(q[2]) @ i(q[0])",
        "expectation z all",
        "variance x(q[0]) @ y(q[1]) @ z(q[2])",
        "variance h all",
        "expectation hermitian([[1, 0.5im], [-0.5im, -2]]) q[1]",
        "expectation hermitian([[1, 0, 0, 2], [0, 3, 0, 0], [0, 0, 4, 0], [2, 0, 0, 5]]) q[2], q[0]",
        "variance z(q[2]) @ hermitian([[1, 0.5], [0.5, -2]]) q[0]",
    )
]
NOISE = [
    f"{GENERIC}\n#pragma braket noise {channel}\n#pragma braket result density_matrix"
    for channel in (
        *(
            f"{name}({', '.join(('0.2', '0.3', '0.1')[:angles])}) {', '.join(_PLACES[:qubits])}"
            for name, (qubits, angles) in CHANNELS.items()
        ),
        "kraus([[0.6, 0], [0, 0.6]], [[0, 0.8im], [0.8, 0]]) q[1]",
    )
]
DRAWN: list[tuple[str, dict[str, Any]]] = [
    ("bit[2] c; qubit[2] q; x q[0]; c[1] = measure q[0]; c[0] = measure q[1];", {}),
    ("bit[2] c; qubit[2] q; x q[0]; c[0] = measure q[1]; c[1] = measure q[0];", {}),
    ("bit[3] c; qubit[3] q; x q[1]; c[2] = measure q[1];", {}),
    ("bit[2] c; qubit[2] q; x q[1]; c = measure q;", {}),
    ("bit[2] c; qubit[2] q; x q[1]; measure q -> c;", {}),
    ("bit c; qubit[2] q; x q[1]; c = measure q[1];", {}),
    ("qubit[2] q; x q[1]; measure q[1];", {}),
    ("qubit[2] q; x q[1]; measure q;", {}),
    ("qubit[3] q; x q[0]; i q[2];", {}),
    ("qubit[3] q; x q[0];", {}),
    ("bit[2] c; qubit[1] q; x q[0]; c[0] = measure q[0]; c[1] = measure q[0];", {}),
    (
        "input float theta; bit[1] b; qubit[1] q; rx(2 * theta) q[0]; b[0] = measure q[0];",
        {"theta": 1.5707963267948966},
    ),
    ("OPENQASM 3; qubit[1] q; x q[0];", {}),
]
"""Outcomes that are no matter of chance."""
REFUSED: list[tuple[str, int, dict[str, Any]]] = [
    ('include "stdgates.inc"; qubit[1] q; h q[0];', 1, {}),
    ("qubit[2] q; cx q[0], q[1];", 1, {}),
    ("qubit[1] q; H q[0];", 1, {}),
    ("qubit[1] q; u(1, 2, 3) q[0];", 1, {}),
    ("qubit[1] q; id q[0];", 1, {}),
    ("qubit[1] q; rx(0.1, 0.2) q[0];", 1, {}),
    ("qubit[1] q; rx q[0];", 1, {}),
    ("qubit[2] q; h q[2];", 1, {}),
    ("qubit[2] q; h r[0];", 1, {}),
    ("qubit[1] q; rx(theta) q[0];", 1, {}),
    ("input float theta; qubit[1] q; rx(theta) q[0];", 1, {}),
    ("output bit[1] b; qubit[1] q; b[0] = measure q[0];", 1, {}),
    ("bit[2] b; qubit[2] q; h q; b[0] = measure q[0]; measure q[1];", 1, {}),
    ("bit[1] b; bit[1] c; qubit[2] q; b[0] = measure q[0]; c[0] = measure q[1];", 1, {}),
    ("qubit[2] q; h q", 1, {}),
    ("", 1, {}),
    ("qubit[1] q; h q[0];\n#pragma braket nonsense", 1, {}),
    ("qubit[1] q; h q[0];", 0, {}),
    (f"qubit[1] q; h q[0];{STATE}", 1, {}),
    ('qubit[3] q; h q[0];\n#pragma braket result amplitude "000"', 0, {}),
    ("qubit[1] q; h q[0];\n#pragma braket result sample z(q[0])", 0, {}),
    (
        "qubit[1] q; x q[0];\n#pragma braket result expectation x(q[0])\n#pragma braket result expectation z(q[0])",
        1,
        {},
    ),
    ("qubit[1] q;\n#pragma braket unitary([[1, 1], [0, 1]]) q[0]\n#pragma braket result state_vector", 0, {}),
    ("qubit[1] q; x q[0];\n#pragma braket noise bit_flip(0.1) q[0]\n#pragma braket result state_vector", 0, {}),
    ("bit[1] b; qubit[1] q; b[0] = measure q[0];\n#pragma braket result probability", 0, {}),
]
