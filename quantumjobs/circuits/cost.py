"""What a simulation will cost, roughly: good enough to balance work between processes, never a promise."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct


class Cost(Struct, frozen=True):
    """Seconds on one core, and bytes at the peak."""

    seconds: float
    memory: int = 0


FIXED = 150e-6  # a circuit's way through Python and Aer, without any work
_AMPLITUDE = 2.5e-9  # one gate on one amplitude
_GATE = 1.5e-6
_SHOT = 0.5e-6
_SHOT_BIT = 12e-9


def statevector(
    qubits: int, clbits: int, names: Counter[str], shots: int, *, per_shot: bool = False, amplitude_bytes: int = 16
) -> Cost:
    """A simulation that keeps 2^n amplitudes; `per_shot`: each shot runs anew (noise, mid-circuit measurement)."""
    gates = names.total() - names["measure"] - names["barrier"]
    amplitudes = 2.0 ** min(qubits, 1000)
    pass_ = gates * (_GATE + amplitudes * _AMPLITUDE)
    run = shots * pass_ if per_shot else pass_ + shots * (_SHOT + clbits * _SHOT_BIT + qubits * _SHOT_BIT)
    return Cost(FIXED + run, int(min(amplitudes * amplitude_bytes, 2.0**62)))


def tableau(qubits: int, names: Counter[str], shots: int) -> Cost:
    """A stabilizer simulation: each measured bit of each shot costs up to n^2 / 64 words."""
    words = qubits * (qubits / 64 + 1)
    return Cost(
        FIXED + names.total() * 0.3e-6 + shots * names["measure"] * words * 2e-9 + shots * _SHOT, qubits**2 // 2
    )
