"""A quantum computer as numbers: its components by index, and where each gate is calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from quantumjobs.adapters.iqm.messages import About, Architecture, GateInfo

Pair = tuple[int, int]
Rates = tuple[tuple[str, tuple[int, ...], float], ...]
"""(gate, locus, value), sorted."""


class Device(Struct, frozen=True, kw_only=True):
    """What circuits are made for. Equal devices are equal keys, so what is made for one can be kept by it."""

    calibration: str
    names: tuple[str, ...]
    """Components by index: qubits with both prx and measure, in the architecture's order, then resonators."""
    qubits: int
    """How many of them are qubits."""
    cz: tuple[Pair, ...]
    """Where it is calibrated, in one direction; a resonator is second."""
    move: tuple[Pair, ...] = ()
    """(qubit, resonator)."""
    conditional: tuple[int, ...] = ()
    """Qubits with conditional prx, which reset needs, too."""
    errors: Rates = ()
    durations: Rates = ()
    """Seconds."""

    @classmethod
    def of(cls, about: About) -> Device:
        """Of a description. Components and loci that no circuit can use are left out."""
        architecture = about.architecture
        single = _singles(architecture, "prx") & _singles(architecture, "measure")
        qubits = [name for name in architecture.qubits if name in single]
        names = (*qubits, *architecture.computational_resonators)
        index = {name: place for place, name in enumerate(names)}
        cz: dict[Pair, None] = {}
        for first, second in _pairs(architecture, "cz", index):
            if min(first, second) < len(qubits) and (second, first) not in cz:
                cz[(second, first) if first >= len(qubits) else (first, second)] = None
        move = [(one, other) for one, other in _pairs(architecture, "move", index) if one < len(qubits) <= other]
        conditional = _singles(architecture, "cc_prx")
        return cls(
            calibration=architecture.calibration_set_id,
            names=names,
            qubits=len(qubits),
            cz=tuple(cz),
            move=tuple(move),
            conditional=tuple(place for place, name in enumerate(qubits) if name in conditional),
            errors=_rates(about.errors, index),
            durations=_rates(about.durations, index),
        )

    def locus(self, places: Sequence[int]) -> str:
        """For messages: QB1-QB2."""
        return "-".join(self.names[place] for place in places)


def rates(given: Rates) -> dict[tuple[str, tuple[int, ...]], float]:
    """By gate and locus; of a pair in both directions."""
    found = {(gate, locus[::-1]): value for gate, locus, value in given}
    return found | {(gate, locus): value for gate, locus, value in given}


def _gate(architecture: Architecture, name: str) -> GateInfo:
    return architecture.gates.get(name) or GateInfo()


def _singles(architecture: Architecture, gate: str) -> set[str]:
    return {name for locus in _gate(architecture, gate).loci for name in locus}


def _pairs(architecture: Architecture, gate: str, index: Mapping[str, int]) -> list[Pair]:
    loci = [locus for locus in _gate(architecture, gate).loci if len(set(locus)) == len(locus) == 2]
    return [(index[one], index[other]) for one, other in loci if one in index and other in index]


def _rates(told: Mapping[str, Mapping[str, float]], index: Mapping[str, int]) -> Rates:
    found = []
    for gate, values in told.items():
        for locus, value in values.items():
            places = tuple(index.get(name, -1) for name in locus.split(","))
            if min(places) >= 0:
                found.append((gate, places, value))
    return tuple(sorted(found))
