"""Qiskit's transpiler for a quantum computer, asked in several ways where time is no matter; and which answer is best."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import inf, log1p
from typing import TYPE_CHECKING, Any

from quantumjobs.adapters.iqm.device import Device, rates
from quantumjobs.adapters.iqm.merge import merged
from quantumjobs.adapters.iqm.target import virtual
from quantumjobs.circuits import native

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

MOST = 3
"""The level at which there are several."""
_GATES = {"r": "prx", "cz": "cz", "move": "move", "measure": "measure"}


def attempts(
    circuit: QuantumCircuit, device: Device, *, level: int, layout: Sequence[int] | None
) -> list[QuantumCircuit]:
    """The circuit in r and cz on the device's qubits, with Qiskit's account of where each of its own went.

    Raises what Qiskit raises.
    """
    places = None if layout is None else tuple(layout)
    passes = [native.passes(("iqm", device), level, lambda: virtual(device), layout=places)]
    if level >= MOST:
        passes += _others(device, places)
    return [merged(native.transpiled(circuit, one)) for one in passes]


@functools.lru_cache(maxsize=32)
def _others(device: Device, layout: tuple[int, ...] | None) -> list[Any]:
    """Another draw, as routing is one; and one that does not write blocks of two qubits anew.

    When Qiskit does, it counts gates that will be merged with their neighbours, and so may end with more than before.
    """
    from qiskit.transpiler import generate_preset_pass_manager

    make: Any = generate_preset_pass_manager  # whose annotations know neither what it takes nor what it makes
    more = {"target": virtual(device), "initial_layout": None if layout is None else list(layout)}
    drawn = make(MOST, seed_transpiler=1, **more)
    kept = make(MOST, seed_transpiler=0, **more)
    kept.optimization = make(1, seed_transpiler=0, **more).optimization
    return [drawn, kept]


def cost(circuit: QuantumCircuit, device: Device) -> tuple[float, int, int]:
    """Smaller is better: what the known errors amount to, then gates of two components, then r's."""
    gates = circuit.count_ops()
    counts = gates.get("cz", 0) + gates.get("move", 0), gates.get("r", 0)
    if not device.errors:
        return 0.0, *counts
    known = rates(device.errors)
    loss = 0.0
    for step in circuit.data:
        gate = _GATES.get(step.name)
        if gate is not None:
            error = known.get((gate, tuple(circuit.find_bit(qubit).index for qubit in step.qubits)), 0.0)
            loss += -log1p(-error) if error < 1 else inf
    return loss, *counts
