"""Qiskit's targets for OriginQ's backends: what users transpile for, and what we do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from quantumjobs.adapters.originq.messages import About, Chip, Qubit
from quantumjobs.adapters.originq.options import FULL, PARTIAL, SINGLE
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit.transpiler import InstructionProperties, Target

SIZES: Mapping[str, int] = {FULL: 33, PARTIAL: 64, SINGLE: 200}
"""Qubits of the simulators, as OriginQ documents them; other documents say a few more, and the service decides."""
_SINGLES = {"rphi": "r", "rx": "rx", "ry": "ry", "rz": "rz", "u3": "u", "h": "h", "x1": "sx"}
"""What a chip may call its gates on one qubit, in lower case, by Qiskit's names; others are left out."""
_ALWAYS = "r"


def target(about: About) -> Target:
    """Of a chip, its available qubits under their own numbers; of a simulator, all that OriginIR has, on any qubits."""
    if about.chip is not None:
        return of_chip(about.chip, dict(zip(about.chip.available, about.chip.available, strict=True)))
    if about.backend not in SIZES:
        raise UsageError(f"originq: nothing is known of chip {about.backend!r}")
    return _of_simulator(SIZES[about.backend])


def _of_simulator(qubits: int) -> Target:
    from qiskit.circuit import Measure, Parameter, Reset
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit.transpiler import Target

    from quantumjobs.adapters.originq.originir import KNOWN

    made = Target(num_qubits=qubits)
    for name, gate in get_standard_gate_name_mapping().items():
        if name in KNOWN and name not in {"measure", "reset"}:
            fresh = gate.base_class(*(Parameter(f"p{at}") for at, _ in enumerate(gate.params)))
            made.add_instruction(fresh)
    made.add_instruction(Measure())
    made.add_instruction(Reset())
    return made


def of_chip(chip: Chip, numbers: Mapping[int, int]) -> Target:
    """With the number in the target of each of the chip's qubits that it is to have.

    Errors are 1 - fidelity; T1, T2 in seconds and frequencies in Hz where they are known.
    """
    from qiskit.circuit import Measure, Parameter
    from qiskit.circuit.library import CZGate, get_standard_gate_name_mapping
    from qiskit.transpiler import Target

    known = {_place(one): one for one in chip.qubits or () if _place(one) in numbers}
    width = max(numbers.values(), default=-1) + 1
    made = Target(num_qubits=width, qubit_properties=_coherence(known, numbers, width))
    mapping = get_standard_gate_name_mapping()
    for name in dict.fromkeys([_ALWAYS, *_singles(chip.gates)]):
        gate = mapping[name]
        fresh = gate.base_class(*(Parameter(f"p{at}") for at, _ in enumerate(gate.params)))
        made.add_instruction(fresh, _everywhere(numbers, {at: one.single for at, one in known.items()}))
    made.add_instruction(Measure(), _everywhere(numbers, {at: one.readout for at, one in known.items()}))
    pairs = _pairs(chip, numbers)
    if pairs:
        made.add_instruction(CZGate(), pairs)
    return made


def _singles(gates: Iterable[str]) -> list[str]:
    return [found for name in gates if (found := _SINGLES.get(name.lower())) is not None]


def _place(qubit: Qubit) -> int:
    return int(qubit.id) if str(qubit.id).isdecimal() else -1


def _everywhere(
    numbers: Mapping[int, int], fidelities: Mapping[int, float | None]
) -> dict[tuple[int, ...], InstructionProperties | None]:
    return {(number,): _properties(fidelities.get(qubit)) for qubit, number in numbers.items()}


def _pairs(chip: Chip, numbers: Mapping[int, int]) -> dict[tuple[int, ...], InstructionProperties | None]:
    """In both directions: a cz has none."""
    found: dict[tuple[int, ...], InstructionProperties | None] = {}
    for key, neighbours in (chip.edges or {}).items():
        for one in neighbours:
            if int(key) in numbers and one.v in numbers and int(key) != one.v:
                here, there = numbers[int(key)], numbers[one.v]
                found[here, there] = found[there, here] = _properties(one.w)
    return found


def _properties(fidelity: float | None) -> InstructionProperties | None:
    from qiskit.transpiler import InstructionProperties

    if fidelity is None or not 0 <= fidelity <= 1:
        return None
    return InstructionProperties(error=1 - fidelity)


def _coherence(known: Mapping[int, Qubit], numbers: Mapping[int, int], width: int) -> list[Any]:
    from qiskit.transpiler import QubitProperties

    found = [QubitProperties()] * width  # nothing known
    for qubit, one in known.items():
        found[numbers[qubit]] = QubitProperties(
            t1=None if one.t1 is None else one.t1 * 1e-6,
            t2=None if one.t2 is None else one.t2 * 1e-6,
            frequency=None if one.frequency is None else one.frequency * 1e6,
        )
    return found
