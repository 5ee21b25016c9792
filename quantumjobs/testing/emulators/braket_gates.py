"""Braket's gates as matrices, of which the first qubit is the most significant one; and channels of noise."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.braket_qasm import Step

WIDEST = 10
"""Qubits of one gate with its controls."""

SIZES: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("i", "h", "x", "y", "z", "s", "si", "t", "ti", "v", "vi"), (1, 0)),
    **dict.fromkeys(("rx", "ry", "rz", "phaseshift", "gpi", "gpi2"), (1, 1)),
    "prx": (1, 2),
    "U": (1, 3),
    "gphase": (0, 1),
    **dict.fromkeys(("cnot", "cv", "cy", "cz", "ecr", "swap", "iswap"), (2, 0)),
    **dict.fromkeys(("cphaseshift", "cphaseshift00", "cphaseshift01", "cphaseshift10"), (2, 1)),
    **dict.fromkeys(("pswap", "xx", "xy", "yy", "zz"), (2, 1)),
    "ms": (2, 3),
    "ccnot": (3, 0),
    "cswap": (3, 0),
}
"""Qubits and angles of each."""
CHANNELS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("bit_flip", "phase_flip", "depolarizing", "amplitude_damping", "phase_damping"), (1, 1)),
    "pauli_channel": (1, 3),
    "generalized_amplitude_damping": (1, 2),
    **dict.fromkeys(("two_qubit_depolarizing", "two_qubit_dephasing"), (2, 1)),
}
"""Qubits and probabilities of each."""


def check(step: Step) -> None:
    """Raises `UsageError` for a gate that nobody knows, or of another size."""
    if step.name in ("unitary", "kraus"):
        return
    known = (CHANNELS if step.is_noise else SIZES).get(step.name)
    if known is None:
        raise UsageError(f"Gate {step.name} is not defined.")
    qubits, angles = known
    qubits += sum(int(number) for kind, number in step.modifiers if kind in ("ctrl", "negctrl"))
    if len(step.qubits) != qubits and not (step.name == "gphase" and not step.modifiers):
        raise UsageError(f"{step.name} is on {qubits} qubits, and not on {len(step.qubits)}")
    if len(step.angles) != angles:
        raise UsageError(f"{step.name} has {angles} angles, and not {len(step.angles)}")
    if qubits > WIDEST:
        raise UsageError(f"{step.name} with its controls is on {qubits} qubits; up to {WIDEST} are supported")


def matrix(step: Step) -> Any:
    """A numpy array of all of the step, its modifiers included."""
    import numpy as np

    if step.name == "unitary":
        return np.array(step.matrices[0], dtype=complex)
    found = np.array(_makers()[step.name](*step.angles), dtype=complex)
    for kind, number in reversed(step.modifiers):
        found = _modified(found, kind, number)
    return found


def _modified(found: Any, kind: str, number: float) -> Any:
    import numpy as np

    if kind == "inv":
        return found.conj().T
    if kind == "pow":
        if number == int(number):
            return np.linalg.matrix_power(found, int(number))
        values, vectors = np.linalg.eig(found)
        angles = np.angle(values)
        angles[angles < 1e-9 - np.pi] = np.pi  # a power of -1 must not hang on a rounding error
        return vectors @ np.diag(np.exp(1j * number * angles)) @ np.linalg.inv(vectors)
    for _ in range(int(number)):
        blocks = np.eye(2 * len(found), dtype=complex)
        place = slice(len(found), None) if kind == "ctrl" else slice(0, len(found))
        blocks[place, place] = found
        found = blocks
    return found


@functools.cache
def _makers() -> dict[str, Callable[..., Any]]:
    import numpy as np

    def exp(angle: float) -> complex:
        return complex(np.exp(1j * angle))

    def turn(axis: Any) -> Callable[[float], Any]:
        """exp(-i angle/2 axis), for an axis whose square is 1."""
        whole = np.array(axis, dtype=complex)
        one = np.eye(len(whole))
        return lambda angle: np.cos(angle / 2) * one - 1j * np.sin(angle / 2) * whole

    def diagonal(place: int) -> Callable[[float], Any]:
        return lambda angle: np.diag([exp(angle) if at == place else 1 for at in range(4)])

    def controlled(inner: Any, controls: int = 1) -> Any:
        for _ in range(controls):
            inner = _modified(np.array(inner, dtype=complex), "ctrl", 1)
        return inner

    def inner(block: Any) -> Any:
        """Between the states 01 and 10."""
        whole = np.eye(4, dtype=complex)
        whole[1:3, 1:3] = block
        return whole

    def euler(theta: float, phi: float, lam: float) -> Any:
        cos, sin = np.cos(theta / 2), np.sin(theta / 2)
        return [[cos, -exp(lam) * sin], [exp(phi) * sin, exp(phi + lam) * cos]]

    def tilted(theta: float, phi: float) -> Any:
        cos, sin = np.cos(theta / 2), np.sin(theta / 2)
        return [[cos, -1j * exp(-phi) * sin], [-1j * exp(phi) * sin, cos]]

    def molmer(first: float, second: float, theta: float) -> Any:
        cos, sin = np.cos(theta / 2), -1j * np.sin(theta / 2)
        both, apart = exp(first + second), exp(first - second)
        return [
            [cos, 0, 0, sin / both],
            [0, cos, sin / apart, 0],
            [0, sin * apart, cos, 0],
            [sin * both, 0, 0, cos],
        ]

    x, y, z = ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])
    v = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2
    swap = inner(x)

    def fixed(whole: Any) -> Callable[[], Any]:
        return lambda: whole

    constant = {
        "i": np.eye(2), "x": x, "y": y, "z": z, "h": np.array([[1, 1], [1, -1]]) / np.sqrt(2),
        "s": np.diag([1, 1j]), "si": np.diag([1, -1j]), "t": np.diag([1, exp(np.pi / 4)]),
        "ti": np.diag([1, exp(-np.pi / 4)]), "v": v, "vi": v.conj().T,
        "cnot": controlled(x), "cy": controlled(y), "cz": controlled(z), "cv": controlled(v), "ccnot": controlled(x, 2),
        "swap": swap, "iswap": inner([[0, 1j], [1j, 0]]), "cswap": controlled(swap),
        "ecr": np.array([[0, 0, 1, 1j], [0, 0, 1j, 1], [1, -1j, 0, 0], [-1j, 1, 0, 0]]) / np.sqrt(2),
    }  # fmt: skip
    return {
        **{name: fixed(whole) for name, whole in constant.items()},
        "rx": turn(x), "ry": turn(y), "rz": turn(z), "U": euler, "prx": tilted, "ms": molmer,
        "phaseshift": lambda angle: np.diag([1, exp(angle)]), "gphase": lambda angle: [[exp(angle)]],
        "gpi": lambda angle: [[0, exp(-angle)], [exp(angle), 0]], "gpi2": lambda angle: tilted(np.pi / 2, angle),
        "cphaseshift": diagonal(3), "cphaseshift00": diagonal(0), "cphaseshift01": diagonal(1),
        "cphaseshift10": diagonal(2),
        "pswap": lambda angle: inner([[0, exp(angle)], [exp(angle), 0]]),
        "xx": turn(np.kron(x, x)), "yy": turn(np.kron(y, y)), "zz": turn(np.kron(z, z)),
        "xy": lambda angle: inner(np.array(turn(x)(-angle))),
    }  # fmt: skip


def kraus(step: Step) -> list[Any]:
    """The operators of a channel, as numpy arrays. Raises `UsageError` for what is no probability."""
    import numpy as np

    if step.name == "kraus":
        found = [np.array(one, dtype=complex) for one in step.matrices]
        size = 1 << len(step.qubits)
        whole = sum(one.conj().T @ one for one in found if len(one) == size)
        if any(len(one) != size for one in found) or not np.allclose(whole, np.eye(size)):
            raise UsageError("kraus: the matrices are no channel on these qubits")
        return found
    if any(not 0 <= p <= 1 for p in step.angles) or (step.name == "pauli_channel" and sum(step.angles) > 1):
        raise UsageError(f"{step.name}: probabilities are between 0 and 1")
    return [np.array(one, dtype=complex) for one in _channel(step.name, step.angles)]


def _channel(name: str, given: Sequence[float]) -> list[Any]:
    import numpy as np

    one, x, y, z = (_makers()[pauli]() for pauli in "ixyz")
    paulis = [np.array(pauli, dtype=complex) for pauli in (one, x, y, z)]

    def mixed(*weights: float) -> list[Any]:
        return [np.sqrt(weight) * pauli for weight, pauli in zip((1 - sum(weights), *weights), paulis, strict=True)]

    p = given[0]
    pairs = [np.kron(first, second) for first in paulis for second in paulis]
    match name:
        case "bit_flip":
            return mixed(p, 0, 0)
        case "phase_flip":
            return mixed(0, 0, p)
        case "pauli_channel":
            return mixed(*given)
        case "depolarizing":
            return mixed(p / 3, p / 3, p / 3)
        case "two_qubit_depolarizing":
            return [np.sqrt(1 - p) * pairs[0], *(np.sqrt(p / 15) * pair for pair in pairs[1:])]
        case "two_qubit_dephasing":
            return [np.sqrt(1 - p) * pairs[0], *(np.sqrt(p / 3) * pairs[at] for at in (3, 12, 15))]
        case "phase_damping":
            return [np.diag([1, np.sqrt(1 - p)]), np.diag([0, np.sqrt(p)])]
        case _:  # amplitude damping, towards the state 0 with the second probability
            down = 1.0 if name == "amplitude_damping" else given[1]
            fall = [np.diag([1, np.sqrt(1 - p)]), [[0, np.sqrt(p)], [0, 0]]]
            rise = [np.diag([np.sqrt(1 - p), 1]), [[0, 0], [np.sqrt(p), 0]]]
            return [*(np.sqrt(down) * np.array(k) for k in fall), *(np.sqrt(1 - down) * np.array(k) for k in rise)]
