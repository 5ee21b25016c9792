"""Circuits as the server takes them: lists of native instructions, and how to read what they measure. In a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from quantumjobs.abc import Circuit
from quantumjobs.adapters.iqm import keys, merge, native
from quantumjobs.adapters.iqm.device import Device
from quantumjobs.adapters.iqm.messages import CircuitBody, Instruction
from quantumjobs.circuits.load import load
from quantumjobs.core import values
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Clbit

OURS = "quantumjobs"
"""Under this name a circuit's registers travel in its metadata, so that a job can be read by who has its id alone."""
LOOSE = "loose"
"""The register in the keys of clbits that are in none."""


class Program(Struct, frozen=True, kw_only=True):
    """One circuit, ready to be sent, and how to read what comes back."""

    body: CircuitBody
    registers: tuple[tuple[str, int], ...]
    columns: tuple[tuple[str, int], ...]
    """(measurement key, clbit), in the order of the measurements."""
    clbits: int
    metadata: dict[str, Any]


def programs(
    circuits: Sequence[Circuit], device: Device, *, transpile: bool, level: int, places: Sequence[str | int] | None
) -> Iterator[Program]:
    """Every circuit to be run, in order. Raises `UsageError` naming the circuit and what to do.

    A circuit that was transpiled for the device already stays as it is, apart from MOVE gates where it lacks them.
    `places`: where each of its qubits is to be, by component or number in the target.
    """
    some = False
    layout = None if places is None else [_place(one, device) for one in places]
    for given in circuits:
        for circuit in load(given):
            some = True
            label = f"{given.label}: circuit {circuit.name!r}" if given.label else f"circuit {circuit.name!r}"
            try:
                yield _program(circuit, device, transpile=transpile, level=level, layout=layout)
            except UsageError as error:
                raise UsageError(f"{label} {error}") from error
    if not some:
        raise UsageError("there is no circuit to run")


def _place(wanted: str | int, device: Device) -> int:
    names: tuple[str, ...] = device.names[: device.qubits]
    if isinstance(wanted, int):
        if not 0 <= wanted < len(names):
            raise UsageError(f"qubit_mapping: there is no qubit {wanted}; the backend has {len(names)}")
        return wanted
    if wanted not in names:
        raise UsageError(f"qubit_mapping: there is no qubit {wanted!r}; known: {', '.join(names)}")
    return names.index(wanted)


def _program(
    circuit: QuantumCircuit, device: Device, *, transpile: bool, level: int, layout: Sequence[int] | None
) -> Program:
    ready = native.ready(circuit, device, transpile=transpile, level=level, layout=layout)
    written = _Writing(ready, device)
    for step in ready.data:
        written.add(step)
    if not written.columns:
        raise UsageError("measures nothing: add circuit.measure_all()")
    metadata = values.plain_items(circuit.metadata)
    registers = tuple((register.name, register.size) for register in circuit.cregs)
    ours: dict[str, Any] = {"registers": registers}
    if written.is_odd:
        ours["clbits"] = dict(written.columns)
    return Program(
        body=CircuitBody(circuit.name, tuple(written.instructions), {**metadata, OURS: ours}),
        registers=registers,
        columns=tuple(written.columns),
        clbits=circuit.num_clbits,
        metadata=metadata,
    )


class _Writing:
    """The instructions of one circuit so far. A measurement whose outcome is used later says so."""

    def __init__(self, circuit: QuantumCircuit, device: Device) -> None:
        self.instructions: list[Instruction] = []
        self.columns: list[tuple[str, int]] = []
        self.is_odd = False
        """Some clbit cannot be told from its key."""
        self._circuit = circuit
        self._names = device.names
        self._measured: dict[Clbit, int] = {}
        """Where in `instructions` a clbit was measured."""

    def add(self, step: Any) -> None:
        """One of Qiskit's instructions, on the device's components by number."""
        self._add(step.operation, self._locus(step.qubits), step.clbits)

    def _locus(self, qubits: Sequence[Any]) -> tuple[str, ...]:
        return tuple(self._names[self._circuit.find_bit(qubit).index] for qubit in qubits)

    def _add(self, operation: Any, locus: tuple[str, ...], clbits: Sequence[Clbit]) -> None:
        match operation.name:
            case "id":
                pass
            case "measure":
                self._measure(locus, clbits[0])
            case "if_else":
                self._condition(operation, locus)
            case "delay":
                self.instructions.append(Instruction("delay", locus, {"duration": native.seconds(operation)}))
            case "cz" | "move" | "reset" | "barrier" as name:
                self.instructions.append(Instruction(name, locus))
            case _:
                self.instructions.append(Instruction("prx", locus, _rotation(operation)))

    def _measure(self, locus: tuple[str, ...], clbit: Clbit) -> None:
        place = self._circuit.find_bit(clbit)
        if place.registers:
            register, bit = place.registers[0]
            index = self._circuit.cregs.index(register)
            name = keys.key(register.name, register.size, index, bit)
            self.is_odd |= place.index != sum(one.size for one in self._circuit.cregs[:index]) + bit
        else:
            loose = [one for one in self._circuit.clbits if not self._circuit.find_bit(one).registers]
            name = keys.key(LOOSE, len(loose), len(self._circuit.cregs), loose.index(clbit))
            self.is_odd = True
        self._measured[clbit] = len(self.instructions)
        self.columns.append((name, place.index))
        self.instructions.append(Instruction("measure", locus, {"key": name}))

    def _condition(self, operation: Any, locus: tuple[str, ...]) -> None:
        clbit = native.condition(operation)
        at = self._measured.get(clbit)
        if at is None:
            raise UsageError("has a condition on a clbit that was not measured before")
        measurement = self.instructions[at]
        key = measurement.args["key"]
        self.instructions[at] = Instruction("measure", measurement.locus, {"key": key, "feedback_key": key})
        feedback = {"feedback_qubit": measurement.locus[0], "feedback_key": key}
        body = operation.blocks[0]
        for step in body.data:
            if step.name in {"barrier", "id"}:
                continue
            (qubit,) = (locus[body.find_bit(one).index] for one in step.qubits)
            self.instructions.append(Instruction("cc_prx", (qubit,), {**_rotation(step.operation), **feedback}))


def _rotation(operation: Any) -> dict[str, float]:
    angle, phase = merge.angles(operation)
    return {"angle": angle, "phase": phase}


def told(ours: object) -> tuple[tuple[tuple[str, int], ...], dict[str, int]] | None:
    """Registers, and clbits by key where these cannot be told from the keys: what stands under `OURS` in metadata."""
    if not isinstance(ours, Mapping):
        return None
    try:
        registers = tuple((str(name), int(size)) for name, size in ours["registers"])
        clbits = {str(key): int(clbit) for key, clbit in ours.get("clbits", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # somebody else's entry of that name
    sizes = [size for _, size in registers]
    # A few bytes of somebody else's must not claim gigabytes.
    fine = min(sizes, default=0) >= 0 and sum(sizes) <= keys.MOST and all(0 <= at < keys.MOST for at in clbits.values())
    return (registers, clbits) if fine else None
