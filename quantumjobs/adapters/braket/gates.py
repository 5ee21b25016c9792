"""Braket's gates by Qiskit's names of them: which of them a device takes, and what else it makes of a gate.

No `ctrl @` and the like, which few devices take, and which the vendor's own simulator gets wrong on some pairs of qubits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import pi

from msgspec import Struct

from quantumjobs.adapters.braket.about import OPENQASM, About, Action, is_simulator
from quantumjobs.errors import UsageError

TABLE: Mapping[str, str] = {
    **{name: name for name in ("x", "y", "z", "h", "s", "t", "rx", "ry", "rz", "swap", "iswap", "cy", "cz", "cswap", "ecr")},
    "id": "i", "sdg": "si", "tdg": "ti", "sx": "v", "sxdg": "vi", "p": "phaseshift", "u1": "phaseshift", "u": "U",
    "u3": "U", "r": "prx", "rxx": "xx", "ryy": "yy", "rzz": "zz", "cx": "cnot", "ccx": "ccnot", "cp": "cphaseshift",
    "cu1": "cphaseshift", "csx": "cv",
}  # fmt: skip
"""Qiskit's gates that Braket has, exactly and with the same angles in the same order."""
PHASE = "gphase"
_IONS = frozenset({"gpi", "gpi2"})
VERBATIM = "verbatim"
_TURNS = {
    "x": ("rx", pi), "y": ("ry", pi), "z": ("rz", pi), "sx": ("rx", pi / 2), "sxdg": ("rx", -pi / 2),
    "s": ("rz", pi / 2), "sdg": ("rz", -pi / 2), "t": ("rz", pi / 4), "tdg": ("rz", -pi / 4),
}  # fmt: skip
"""What is a turn of a fixed angle but for a phase, which is half that angle."""


class Words(Struct, frozen=True):
    """How gates are written for a device."""

    device: str
    """What messages call it."""
    hardware: bool
    """A QPU, for which time passes."""
    names: Mapping[str, str]
    """Qiskit's name to Braket's, or to that with a fixed angle."""
    phases: Mapping[str, float] = {}
    """By which those differ that are not exact."""
    halves: frozenset[str] = frozenset()
    """Those that differ by half their angle."""
    phase: bool = False
    """Whether `gphase` is."""


def action(about: About) -> Action:
    """What the device says of OpenQASM; nothing, where it is silent."""
    return about.capabilities.action.get(OPENQASM) or Action()


def words(about: About) -> Words:
    """For a program that Braket compiles and places."""
    said = action(about)
    known = _lower(said.supported_operations)
    names, phases, halves = _names(known)
    return Words(
        device=about.name or about.arn,
        hardware=not is_simulator(about.arn),
        names=names,
        phases=phases,
        halves=halves,
        phase=known is None or PHASE in known,
    )


def native(about: About) -> Words:
    """For a verbatim box. Raises `UsageError` for a device that has none."""
    name = about.name or about.arn
    said = action(about)
    # Some of the vendor's own documents write it with their prefix.
    pragmas = {one.removeprefix("braket_") for one in _lower(said.supported_pragmas) or (VERBATIM,)}
    known = _lower(about.capabilities.paradigm.native_gate_set)
    if VERBATIM not in pragmas or said.support_physical_qubits is False or not known:
        raise UsageError(f"verbatim=True: {name} has no native gates that can be named; leave it out")
    names, phases, halves = _names(known)
    return Words(name, True, names, phases, halves)


def native_names(about: About) -> frozenset[str]:
    """Braket's names of the native gates, in lower case."""
    return _lower(about.capabilities.paradigm.native_gate_set) or frozenset()


def is_ions(about: About) -> bool:
    """Whether its native gates are those of `ions`."""
    return native_names(about) >= _IONS


def _names(known: frozenset[str] | None) -> tuple[dict[str, str], dict[str, float], frozenset[str]]:
    names = {qiskit: braket for qiskit, braket in TABLE.items() if known is None or braket.lower() in known}
    if known is None:
        return names, {}, frozenset()
    phases = {}
    for qiskit, (turn, angle) in _TURNS.items():
        if qiskit not in names and turn in known:
            names[qiskit], phases[qiskit] = f"{turn}({angle!r})", angle / 2
    halves = frozenset({"p", "u1"} - names.keys()) if "rz" in known else frozenset()
    return names | dict.fromkeys(halves, "rz"), phases, halves


def _lower(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(name.lower() for name in names)
