"""From any circuit to IQM's gates on a computer's components: checked, transpiled, merged, routed. Runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from quantumjobs.adapters.iqm import given, star
from quantumjobs.adapters.iqm.attempts import attempts, cost
from quantumjobs.adapters.iqm.conditions import condition
from quantumjobs.adapters.iqm.device import Device
from quantumjobs.adapters.iqm.given import seconds
from quantumjobs.adapters.iqm.merge import TURNS
from quantumjobs.adapters.iqm.route import routed
from quantumjobs.adapters.iqm.star import MOVE
from quantumjobs.circuits import look
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["KNOWN", "condition", "ready", "routed", "seconds"]

KNOWN = TURNS | {"barrier", "cz", "delay", "id", "if_else", "measure", "reset", MOVE}
_NO_RESET = "has a reset, for which no conditional prx is calibrated on this backend: start with fresh qubits instead"
_NO_CONDITION = "has a condition, for which no conditional prx is calibrated on this backend"


def ready(
    circuit: QuantumCircuit, device: Device, *, transpile: bool, level: int, layout: Sequence[int] | None = None
) -> QuantumCircuit:
    """The circuit on the device's components (`Device.names` by index), in instructions that can be sent (`KNOWN`).

    A circuit that was transpiled for the device's target stays as it is, apart from MOVEs where it needs some, and so
    does one with MOVEs of its own. With `transpile=False` every circuit does, and only has to be native. `layout`: the
    place of each of its qubits. Raises `UsageError` that goes on after the circuit's name, with what to do.
    """
    given.check(circuit)
    circuit = given.plain(circuit)
    if layout is not None and len(layout) != circuit.num_qubits:
        raise UsageError(f"has {circuit.num_qubits} qubits, and qubit_mapping has places for {len(layout)}")
    if MOVE in circuit.count_ops():
        if layout is not None:
            raise UsageError("has MOVE gates, so it is placed already: leave out qubit_mapping")
        _check_names(circuit)
        _check(circuit, device)
        star.check(circuit, device)
        return circuit
    if transpile and (layout is not None or not _is_transpiled(circuit, device)):
        return _transpiled(circuit, device, level=level, layout=layout)
    if layout is not None:
        circuit = given.placed(circuit, device.qubits, layout)
    _check_names(circuit)
    _check(circuit, device)
    return routed(circuit, device)


def _transpiled(circuit: QuantumCircuit, device: Device, *, level: int, layout: Sequence[int] | None) -> QuantumCircuit:
    if circuit.num_qubits > device.qubits:
        raise UsageError(f"has {circuit.num_qubits} qubits; the backend has {device.qubits}")
    if not device.conditional and "if_else" in circuit.count_ops():
        raise UsageError(_NO_CONDITION)
    try:
        found = attempts(circuit, device, level=level, layout=layout)
    except Exception as error:  # Qiskit raises what it likes
        raise UsageError(f"cannot be transpiled: {error}") from error
    for one in found:
        _check(one, device)
    return min((routed(one, device) for one in found), key=lambda one: cost(one, device))


# --- checks -----------------------------------------------------------------------------
def _is_transpiled(circuit: QuantumCircuit, device: Device) -> bool:
    if circuit.layout is None or circuit.num_qubits != device.qubits:
        return False
    try:
        _check_names(circuit)
        _check(circuit, device)
    except UsageError:  # for another device, or before a calibration
        return False
    return True


def _check_names(circuit: QuantumCircuit) -> None:
    others = sorted(set(look.operations(circuit)) - KNOWN)
    if others:
        raise UsageError(
            f"has instructions that IQM does not have: {', '.join(others[:5])}; transpile it for the backend's target "
            "yourself, or leave out transpile=False"
        )


def _check(circuit: QuantumCircuit, device: Device) -> None:
    """Raises `UsageError` for a gate where it is not calibrated, and for angles that are no numbers."""
    has_moves = MOVE in circuit.count_ops()
    width = len(device.names) if has_moves else device.qubits
    if circuit.num_qubits > width:
        raise UsageError(f"has {circuit.num_qubits} qubits; the backend has {device.qubits}")
    # Where a circuit moves states itself, a cz is where it is calibrated; elsewhere also where moves can be added.
    pairs = set(device.cz) if has_moves else set(star.ways(device))
    for step in circuit.data:
        places = tuple(circuit.find_bit(qubit).index for qubit in step.qubits)
        if not _is_calibrated(step.name, places, device, pairs):
            raise UsageError(f"has {step.name} on {device.locus(places)}, where it is not calibrated")
        if step.name in TURNS:
            _check_angles(step)
        elif step.name == "if_else":
            for inner in step.operation.blocks[0].data:
                _check_angles(inner)


def _is_calibrated(name: str, places: tuple[int, ...], device: Device, pairs: set[tuple[int, int]]) -> bool:
    match name:
        case "barrier":
            return True
        case "cz":
            return places in pairs or places[::-1] in pairs
        case "move":
            return places in device.move
        case "reset" if not device.conditional:
            raise UsageError(_NO_RESET)
        case "if_else" if not device.conditional:
            raise UsageError(_NO_CONDITION)
        case "reset" | "if_else":
            return set(places) <= set(device.conditional)
    return places[0] < device.qubits


def _check_angles(step: Any) -> None:
    for angle in step.params:
        if not isfinite(angle):
            raise UsageError(f"has {step.name} with the angle {angle}")
