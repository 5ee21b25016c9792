"""Qiskit's targets of Braket's devices: of what Braket compiles and places itself, and of a device's own gates and places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from quantumjobs.adapters.braket import gates
from quantumjobs.adapters.braket.about import About
from quantumjobs.adapters.braket.gates import Words
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit.transpiler import Target

_ONE_WAY = frozenset({"cx", "cy", "ecr"})
"""Gates for which the order of qubits counts; all others on two qubits are there in both directions."""


def target(about: About) -> Target:
    """All gates that the device takes, on any of its qubits: Braket compiles circuits and places them."""
    words = gates.words(about)
    if not words.names:
        raise UsageError(f"{words.device} tells of no gates")
    count = about.capabilities.paradigm.qubit_count
    return _made(words.names, words, count, dict.fromkeys(words.names))


def native(about: About, numbers: Mapping[int, int] | None = None) -> Target:
    """A device's native gates where it has them: what fits a verbatim box.

    `numbers`: the number in the target of each of the device's qubits; without them qubits have their own numbers.
    Raises `UsageError` for a device without such gates.
    """
    words = gates.native(about)
    if numbers is None:
        numbers = {place: place for place in places(about)}
    names = set(words.names) - {"u1", "u3", "cu1"}
    if gates.is_ions(about):
        names = {"r", "rz", *({"rxx"} if "ms" in gates.native_names(about) else {"rzz"})}
    elif _is_rigettis(about):  # whose rx is by quarter turns alone
        names = {"rz", "sx", "x", *(names & {"cz", "iswap"})}
    return _made(names, words, max(numbers.values(), default=-1) + 1, _loci(about, names, numbers))


def places(about: About) -> list[int]:
    """The device's qubits, by their own numbers, ascending."""
    paradigm = about.capabilities.paradigm
    graph = paradigm.connectivity.connectivity_graph if paradigm.connectivity else None
    if not graph:
        return list(range(paradigm.qubit_count or 0))
    return sorted({_number(one) for key, others in graph.items() for one in (key, *others)})


def pairs(about: About) -> frozenset[tuple[int, int]] | None:
    """Of qubits that are connected, as the device lists them; None where all are."""
    connectivity = about.capabilities.paradigm.connectivity
    if connectivity is None or connectivity.fully_connected or not connectivity.connectivity_graph:
        return None
    graph = connectivity.connectivity_graph
    return frozenset((_number(key), _number(other)) for key, others in graph.items() for other in others)


def connected(about: About, name: str, locus: tuple[int, ...]) -> bool:
    """Whether a gate, by Qiskit's name, can be on these of the device's qubits."""
    known = pairs(about)
    return len(locus) < 2 or known is None or locus in known or (name not in _ONE_WAY and locus[::-1] in known)


def _number(name: str) -> int:
    if not (name.isascii() and name.isdecimal() and len(name) < 6):
        raise UsageError(f"the device has a qubit called {name[:40]!r}, and not a number")
    return int(name)


def _is_rigettis(about: About) -> bool:
    return "/rigetti/" in about.arn and {"rx", "rz"} <= gates.native_names(about)


def _loci(about: About, names: Iterable[str], numbers: Mapping[int, int]) -> dict[str, Any]:
    known = pairs(about)
    singles = {(number,): None for number in numbers.values()}
    found: dict[str, Any] = dict.fromkeys(names, singles) | {"measure": singles}
    for name, gate in _gates(names).items():
        if gate.num_qubits > 1:
            both = ((here, there) for here in numbers for there in numbers if here != there) if known is None else known
            ways = [pair for one in both for pair in (one, one[::-1]) if connected(about, name, pair)]
            found[name] = {(numbers[a], numbers[b]): None for a, b in ways if a in numbers and b in numbers}
    return {name: loci for name, loci in found.items() if loci}


def _gates(names: Iterable[str]) -> dict[str, Any]:
    from qiskit.circuit.library import get_standard_gate_name_mapping

    mapping = get_standard_gate_name_mapping()
    return {name: mapping[name] for name in sorted(names)}


def _made(names: Iterable[str], words: Words, width: int | None, loci: Mapping[str, Any]) -> Target:
    from qiskit.circuit import Delay, Measure, Parameter
    from qiskit.circuit.library import GlobalPhaseGate
    from qiskit.transpiler import Target

    made = Target(num_qubits=width)
    for name, gate in _gates(names).items():
        if name in loci:
            made.add_instruction(
                gate.base_class(*(Parameter(f"p{at}") for at, _ in enumerate(gate.params))), loci[name]
            )
    made.add_instruction(Measure(), loci.get("measure"))
    made.add_instruction(GlobalPhaseGate(Parameter("p0")))
    if not words.hardware:
        made.add_instruction(Delay(Parameter("p0")))
    return made
