"""The options of `run`; an unknown one or a wrong value is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from quantumjobs.errors import UsageError, unknown_name

WORDS: Mapping[str, tuple[str, ...]] = {
    "heralding_mode": ("none", "zeros"),
    "move_gate_validation": ("strict", "allow_prx", "none"),
    "move_gate_frame_tracking": ("full", "no_detuning_correction", "none"),
    "dd_mode": ("disabled", "enabled"),
}
"""Options that are one of a few words; the first is what counts where none is given."""
KNOWN = (
    *WORDS,
    "active_reset_cycles",
    "calibration_set_id",
    "circuits_per_job",
    "dd_strategy",
    "max_circuit_duration_over_t2",
    "qubit_mapping",
    "use_timeslot",
)
_NOT_HERE = {
    "timeout": "a wait has the deadline that you give it: asyncio.timeout, or result(timeout=...) without async",
    "timeout_seconds": "a wait has the deadline that you give it: asyncio.timeout, or result(timeout=...) without async",
    "cancel_after_timeout": 'result(timeout=..., on_timeout="cancel") does that without async',
    "circuit_compilation_options": "give its fields as options: heralding_mode, dd_mode, active_reset_cycles, ...",
    "circuit_callback": "change the circuits before you run them",
    "qubit_index_to_name": "qubit_mapping takes that dict",
    "custom_settings": "the server takes them no more",
    "move_validation_mode": "its name is move_gate_validation now",
    "move_gate_frame_tracking_mode": "its name is move_gate_frame_tracking now",
}
"""Options of IQM's own clients, and what is there in their place."""
_PATTERN = frozenset("XY")
_ALIGNMENTS = ("asap", "center", "alap")


class Strategy(Struct, frozen=True, forbid_unknown_fields=True):
    """How delays are filled: `gate_sequences` of (ratio, pattern of X and Y or of (angle, phase), alignment)."""

    merge_contiguous_waits: bool = True
    target_qubits: list[str] | None = None
    skip_leading_wait: bool = True
    skip_trailing_wait: bool = True
    gate_sequences: list[tuple[int, str | list[tuple[float, float]], str]] = []


def admitted(options: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """The options that were given, as plain values. Raises `UsageError` for an unknown name or a wrong value."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in _NOT_HERE:
            raise UsageError(f"{where} has no option {name!r}: {_NOT_HERE[name]}")
        if name not in KNOWN:
            raise unknown_name("option", name, KNOWN, where=where)
        if value is not None:
            found[name] = _checked(name, value)
    _together(found)
    return found


def _checked(name: str, value: Any) -> Any:
    if name in WORDS:
        if value not in WORDS[name]:
            raise UsageError(f"{name}={value!r}: one of {', '.join(map(repr, WORDS[name]))} is needed")
        return str(value)
    match name:
        case "calibration_set_id":
            return _uuid(value)
        case "active_reset_cycles" | "circuits_per_job":
            return _whole(name, value)
        case "max_circuit_duration_over_t2":
            return _ratio(name, value)
        case "dd_strategy":
            return _strategy(value)
        case "qubit_mapping":
            return _mapping(value)
    if not isinstance(value, bool):
        raise UsageError(f"{name}={value!r}: True or False is needed")
    return value


def _together(found: Mapping[str, Any]) -> None:
    """What the server would refuse only when the job's turn has come."""
    if found.get("dd_strategy") is not None and found.get("dd_mode") != "enabled":
        raise UsageError('dd_strategy counts only with dd_mode="enabled"')
    if found.get("move_gate_validation") == "none" and found.get("move_gate_frame_tracking", "full") == "full":
        raise UsageError(
            'move_gate_frame_tracking="full" needs move_gate_validation="strict" or "allow_prx"; with "none" give '
            'move_gate_frame_tracking="none" or "no_detuning_correction", too'
        )


def _uuid(value: Any) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise UsageError(f"calibration_set_id={value!r}: the id of a calibration set (a UUID) is needed") from None


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name}={value!r}: a positive whole number is needed")
    return value


def _ratio(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise UsageError(f"{name}={value!r}: a number no less than 0 is needed (0 for no check)")
    return float(value)


def _strategy(value: Any) -> dict[str, Any]:
    given = value.model_dump() if hasattr(value, "model_dump") else value  # the vendor's own class
    try:
        strategy = msgspec.convert(given, Strategy)
    except msgspec.ValidationError as error:
        raise UsageError(f"dd_strategy: {error}") from error
    for ratio, pattern, alignment in strategy.gate_sequences:
        if alignment not in _ALIGNMENTS:
            raise UsageError(f"dd_strategy: {alignment!r} is none of {', '.join(_ALIGNMENTS)}")
        if isinstance(pattern, str) and not (pattern and _PATTERN.issuperset(pattern)):
            raise UsageError(f"dd_strategy: the pattern {pattern!r} is not made of X and Y")
        if ratio < 1:
            raise UsageError(f"dd_strategy: the ratio {ratio} is not positive")
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(strategy))  # no tuples left
    return plain


def _mapping(value: Any) -> list[str | int]:
    """For each of a circuit's qubits, in order, where it is to be: a component's name, or its number in the target."""
    if isinstance(value, Mapping):
        if sorted(map(str, value)) != sorted(map(str, range(len(value)))):
            raise UsageError(f"qubit_mapping={value!r}: the qubits of a circuit, 0, 1, ..., are needed as keys")
        value = [next(to for at, to in value.items() if str(at) == str(place)) for place in range(len(value))]
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise UsageError(f"qubit_mapping={value!r}: a list such as ['QB3', 'QB1'] is needed")
    for one in value:
        if isinstance(one, bool) or not isinstance(one, (str, int)):
            raise UsageError(f"qubit_mapping: {one!r} is no name and no number of a qubit")
    if len(set(map(str, value))) < len(value):
        raise UsageError(f"qubit_mapping={value!r}: two qubits cannot be in one place")
    return list(value)
