"""What a device takes: gates, qubits, pairs of them, pragmas and results."""

from __future__ import annotations

from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import braket_gates
from quantumjobs.testing.emulators.braket_pragmas import STATES
from quantumjobs.testing.emulators.braket_qasm import Program, Step


class Rules(Struct, frozen=True, kw_only=True):
    """Of one device."""

    gates: tuple[str, ...]
    """In Braket's names; "unitary" is one."""
    native: tuple[str, ...] = ()
    """Of verbatim boxes; without any there are no such boxes."""
    count: int
    """Of qubits."""
    edges: tuple[tuple[int, int], ...] = ()
    """Pairs that a gate may be on in a verbatim box; without any, all."""
    physical: bool = False
    """Whether qubits may be named `$1`."""
    first: int = 0
    """The lowest of those names."""
    modifiers: bool = False
    noise: bool = False
    results: tuple[str, ...] = ()


def check(program: Program, rules: Rules, shots: int) -> None:
    """Raises `UsageError`, whose text is the reason that the service gives for the failure."""
    if program.physical and not rules.physical:
        raise UsageError("physical qubits are not supported on this device")
    used = program.used
    outside = [qubit for qubit in used if not rules.first <= qubit < rules.first + rules.count]
    if program.width > rules.count or len(used) > rules.count or (program.physical and outside):
        raise UsageError(f"the device has {rules.count} qubits, and the program uses others or more")
    if not used:
        raise UsageError("the program does nothing")
    for step in program.steps:
        _check_step(step, program, rules)
    _check_results(program, rules, shots)


def _check_step(step: Step, program: Program, rules: Rules) -> None:
    if step.is_noise and not rules.noise:
        raise UsageError("noise is not supported on this device")
    if not step.is_noise and step.name not in rules.gates:
        raise UsageError(f"Gate {step.name} is not defined.")
    if step.modifiers and not rules.modifiers:
        raise UsageError("modifiers of gates are not supported on this device")
    braket_gates.check(step)
    if not step.verbatim:
        return
    if not rules.native:
        raise UsageError("verbatim boxes are not supported on this device")
    if not program.physical:
        raise UsageError("in a verbatim box there are physical qubits alone")
    if step.name not in rules.native:
        raise UsageError(f"{step.name} is no native gate of the device")
    if len(step.qubits) == 2 and rules.edges and tuple(sorted(step.qubits)) not in rules.edges:
        raise UsageError(f"the device has no gate between the qubits {step.qubits[0]} and {step.qubits[1]}")


def _check_results(program: Program, rules: Rules, shots: int) -> None:
    if not shots and not program.results:
        raise UsageError("Result types must be specified in the IR when shots=0")
    if program.results and program.measured:
        raise UsageError("results are asked for in a program that measures")
    width = len(program.used)
    for one in program.results:
        if one.kind not in rules.results:
            raise UsageError(f"result type {one.kind} is not supported on this device")
        if shots and one.kind in STATES:
            raise UsageError("statevector, amplitude and densitymatrix result types not available when shots>0")
        if not shots and one.kind == "sample":
            raise UsageError("sample can only be specified when shots>0")
        if any(len(state) != width for state in one.states):
            raise UsageError(
                f"Length of a state of an amplitude must be equivalent to number of qubits {width} in circuit"
            )
        if (
            program.results
            and any(step.is_noise for step in program.steps)
            and one.kind in ("state_vector", "amplitude")
        ):
            raise UsageError(f"{one.kind}: with noise there is no such state")
