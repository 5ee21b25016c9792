"""Whether circuits mean something on one of the IQM emulator's computers: loci, keys, moves, and what is calibrated."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import NoReturn

import msgspec

from quantumjobs.testing.emulators.iqm_computers import IMPLEMENTATIONS, Computer, Locus
from quantumjobs.testing.emulators.iqm_payload import (
    Barrier,
    CcPrx,
    Circuit,
    Delay,
    Instruction,
    Invalid,
    Measure,
    Move,
    Reset,
    Submission,
)

_ANYWHERE = (Barrier, Delay)


def check(given: Submission, computer: Computer) -> list[Circuit]:
    """The circuits, with physical names. Raises `Invalid`, which names the circuit and the instruction."""
    if given.shots > computer.max_shots:
        raise Invalid(f"shots: {given.shots} is more than {computer.max_shots}")
    if len(given.circuits) > computer.max_circuits:
        what = f"{len(given.circuits)} circuits are more than {computer.max_circuits}"
        raise Invalid(what, "payload_too_large", 413)
    if given.tracking == "full" and given.validation == "none":
        raise Invalid("move_gate_frame_tracking: 'full' needs that moves are validated")
    targets = given.dd_strategy.target_qubits or () if given.dd_strategy is not None else ()
    for name in sorted(set(targets) - set(computer.qubits)):
        raise Invalid(f"dd_strategy.target_qubits: there is no qubit {name}")
    names = _mapping(given, computer)
    return [
        _Check(f"circuit {place} ({one.name})", computer, given.validation).circuit(_renamed(one, names))
        for place, one in enumerate(given.circuits)
    ]


def _mapping(given: Submission, computer: Computer) -> Mapping[str, str]:
    pairs = given.qubit_mapping or ()
    found = {pair.logical_name: pair.physical_name for pair in pairs}
    if len(found) < len(pairs) or len(set(found.values())) < len(pairs):
        raise Invalid("qubit_mapping: a name is there twice")
    for name in sorted(set(found.values()) - computer.components):
        raise Invalid(f"qubit_mapping: there is no {name} on {computer.alias}")
    return found


def _renamed(circuit: Circuit, names: Mapping[str, str]) -> Circuit:
    if not names:
        return circuit
    renamed = []
    for one in circuit.instructions:
        locus = tuple(names.get(component, component) for component in one.locus)
        renamed.append(msgspec.structs.replace(one, locus=locus))
    return msgspec.structs.replace(circuit, instructions=tuple(renamed))


class _Check:
    """One circuit's way through."""

    def __init__(self, where: str, computer: Computer, validation: str) -> None:
        self.where = where
        self.computer = computer
        self.validation = validation
        self.loci = _calibrated(computer)
        self.components = computer.components
        self.keys: set[str] = set()
        self.feedback: dict[str, Locus] = {}
        """By feedback key: the qubits of the measurement."""
        self.at: tuple[int, Instruction]
        """Where it is."""
        self.held: dict[str, str] = {}
        """By resonator: the qubit whose state is in it."""

    def circuit(self, given: Circuit) -> Circuit:
        for place, one in enumerate(given.instructions):
            self.at = place, one
            self._locus(one)
            self._calibrated(one)
            if isinstance(one, Measure):
                self._measure(one)
            elif isinstance(one, CcPrx):
                self._conditional(one)
            if self.validation != "none":
                self._moves(one)
        if self.validation != "none" and self.held:
            held = ", ".join(f"{qubit} in {resonator}" for resonator, qubit in self.held.items())
            raise Invalid(f"{self.where}: at the end states are still in a resonator: {held}")
        return given

    def _no(self, why: str) -> NoReturn:
        place, one = self.at
        raise Invalid(f"{self.where}, instruction {place} ({one.name} on {', '.join(one.locus)}): {why}")

    def _locus(self, one: Instruction) -> None:
        if len(set(one.locus)) < len(one.locus):
            self._no("a component is there twice")
        for name in one.locus:
            if name not in self.components:
                self._no(f"there is no {name} on {self.computer.alias}")

    def _calibrated(self, one: Instruction) -> None:
        if isinstance(one, _ANYWHERE):
            gate = ""
        elif isinstance(one, Reset):
            gate = "cc_prx"
        else:
            gate = one.name
        if gate:
            if gate not in self.loci:
                self._no(f"{gate} is not calibrated on {self.computer.alias}")
            for locus in _needed(one):
                if locus not in self.loci[gate]:
                    self._no(f"{gate} is not calibrated at {', '.join(locus)}")
        known = None if isinstance(one, (*_ANYWHERE, Reset)) else IMPLEMENTATIONS[gate]
        if one.implementation not in {None, known}:
            self._no(f"there is no implementation {one.implementation!r}")

    def _measure(self, one: Measure) -> None:
        if one.args.key in self.keys:
            self._no(f"the key {one.args.key!r} is there already")
        self.keys.add(one.args.key)
        if one.args.feedback_key is not None:
            self.feedback[one.args.feedback_key] = one.locus

    def _conditional(self, one: CcPrx) -> None:
        key, qubit = one.args.feedback_key, one.args.feedback_qubit
        if key not in self.feedback:
            self._no(f"nothing has been measured with the feedback key {key!r}")
        if qubit not in self.feedback[key]:
            self._no(f"{qubit} was not measured with the feedback key {key!r}")

    def _moves(self, one: Instruction) -> None:
        if not isinstance(one, Move):
            away = set(one.locus) & set(self.held.values())
            allowed = one.name == "barrier" or (one.name == "prx" and self.validation == "allow_prx")
            if away and not allowed:
                self._no(f"the state of {', '.join(sorted(away))} is in a resonator")
            return
        qubit, resonator = one.locus
        holder = self.held.get(resonator)
        if holder is None:
            if qubit in self.held.values():
                self._no(f"the state of {qubit} is in another resonator")
            self.held[resonator] = qubit
        elif holder == qubit:
            del self.held[resonator]
        else:
            self._no(f"{resonator} holds the state of {holder}")


@functools.lru_cache(maxsize=256)
def _calibrated(computer: Computer) -> Mapping[str, frozenset[Locus]]:
    """Where each gate may be asked for: a cz in both directions."""
    found = {gate: frozenset(loci) for gate, loci in computer.loci().items()}
    return {**found, "cz": found["cz"] | {locus[::-1] for locus in found["cz"]}}


def _needed(one: Instruction) -> Iterator[Locus]:
    """The loci at which it must be calibrated: of a measurement or a reset each qubit by itself."""
    if isinstance(one, (Measure, Reset)):
        for qubit in one.locus:
            yield (qubit,)
    else:
        yield one.locus
