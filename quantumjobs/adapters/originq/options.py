"""The options of `run`; an unknown one or a wrong value is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec
from msgspec import Struct

from quantumjobs.circuits import pauli
from quantumjobs.errors import UsageError, unknown_name

FULL, PARTIAL, SINGLE = "full_amplitude", "partial_amplitude", "single_amplitude"
SIMULATORS = (FULL, PARTIAL, SINGLE)
MOST = 200
"""Programs of one task, as documented."""
SWITCHES: Mapping[str, tuple[str, bool]] = {
    "is_prob_counts": ("isProbcount", True),
    "use_cz_pattern": ("use_cz_pattern", False),
    "mapping": ("mappingFlag", True),
    "optimization": ("circuitOptimization", True),
}
"""Options of chips that are yes or no: their names on the wire, and what counts where nothing is said."""
AMENDMENTS = (0, 1, 3)
KEYS: Mapping[str, str] = {
    "mapping_qubit": "mappingQubit",
    "convert_qprog": "convertQProg",
    "instructions": "convertQProg",
    "src_qubits": "srcQubits",
    "target_cbits": "targetCbits",
    "measure_qubits": "measureQubits",
    "mapping_qprog": "mappingQprog",
    "prob_count": "probCount",
}
"""What else a question about a task may ask for, as pyqpanda3 calls it and as it is called on the wire."""
NOISES: Mapping[str, str] = {
    "BITFLIP_KRAUS_OPERATOR": "BITFLIP_KRAUS_OPERATOR",
    "BIT_PHASE_FLIP_OPERATOR": "BIT_PHASE_FLIP_OPRATOR",
    "DAMPING_KRAUS_OPERATOR": "DAMPING_KRAUS_OPERATOR",
    "DECOHERENCE_KRAUS_OPERATOR": "DECOHERENCE_KRAUS_OPERATOR",
    "DEPHASING_KRAUS_OPERATOR": "DEPHASING_KRAUS_OPERATOR",
    "DEPOLARIZING_KRAUS_OPERATOR": "DEPOLARIZING_KRAUS_OPERATOR",
    "PHASE_DAMPING_OPERATOR": "PHASE_DAMPING_OPRATOR",
}
"""Noise models by the vendor's names, and by those on the wire, of which two are spelt wrongly for ever."""
_SENT = {"batch_id": "", "task_form": 4}
_ON: Mapping[str, tuple[str, ...]] = {
    FULL: ("noise_model", "observables", "qubits", *_SENT, "keys"),
    PARTIAL: ("amplitudes", "keys"),
    SINGLE: ("amplitudes", "keys"),
}
_CHIP = ("amend_flag", "circuits_per_job", "extra", "observables", "point_label", "specified_block")
_NOT_HERE = {
    "options": "give its fields as options: amend_flag, mapping, optimization, ...",
    "model": "its name is noise_model here",
    "amplitude": "give amplitudes=['0'], a list of one",
    "enable_binary_encoding": "circuits are sent as OriginIR: the binary form is the vendor's own secret",
    "seed": "OriginQ's simulators take no seed",
    "seed_simulator": "OriginQ's simulators take no seed",
}
"""What users of pyqpanda3 and of other providers may say, and what is there in its place."""


class NoiseModel(Struct, frozen=True, forbid_unknown_fields=True):
    """Errors after each gate of a simulation: `name` is one of `NOISES`.

    `single` and `double` are the parameters for gates on one and on two qubits: a probability, or, of
    `DECOHERENCE_KRAUS_OPERATOR`, three parameters in OriginQ's order.
    """

    name: str
    single: tuple[float, ...]
    double: tuple[float, ...]


def known(backend: str) -> tuple[str, ...]:
    """The names of a backend's options."""
    return _ON.get(backend) or (*_CHIP, *SWITCHES, *_SENT, "keys")


def admitted(backend: str, options: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """The options that were given, as plain values. Raises `UsageError` for an unknown name or a wrong value."""
    found: dict[str, Any] = {}
    names = known(backend)
    for name, value in options.items():
        if name in names:
            if value is not None:
                found[name] = _checked(name, value)
        elif name in _NOT_HERE:
            raise UsageError(f"{where} has no option {name!r}: {_NOT_HERE[name]}")
        elif name in known("") or any(name in _ON[one] for one in SIMULATORS):
            raise UsageError(f"{where} has no option {name!r}: {_elsewhere(name)}")
        else:
            raise unknown_name("option", name, names, where=where)
    _together(backend, found, where)
    return found


def _elsewhere(name: str) -> str:
    having = [one for one in SIMULATORS if name in _ON[one]]
    return f"it is one of {' and '.join(having)}" if having else "it is one of chips"


def _together(backend: str, found: Mapping[str, Any], where: str) -> None:
    if backend == SINGLE and len(found.get("amplitudes", [""])) != 1:
        raise UsageError(f"{where} computes one amplitude at a time; {PARTIAL} takes several")
    if "qubits" in found and ("observables" in found or "noise_model" in found):
        raise UsageError(f"{where}: qubits=... asks for exact probabilities, without noise_model and observables")
    if "specified_block" in found and not found.get("mapping", True):
        raise UsageError(
            f"{where}: specified_block is where the service may place a circuit, and mapping=False says not to"
        )


def _checked(name: str, value: Any) -> Any:
    match name:
        case "amend_flag":
            return _amendment(value)
        case "amplitudes":
            return _amplitudes(value)
        case "circuits_per_job":
            return _whole(name, value, 1, MOST)
        case "point_label" | "task_form":
            return _whole(name, value, 0, 1 << 31)
        case "extra":
            return _extra(value)
        case "keys":
            return _keys(value)
        case "noise_model":
            return _noise(value)
        case "observables":
            return pauli.plain(value)
        case "qubits" | "specified_block":
            return _indexes(name, value)
        case "batch_id":
            return _text(name, value)
    if not isinstance(value, bool):
        raise UsageError(f"{name}={value!r}: True or False is needed")
    return value


def _amendment(value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if value not in AMENDMENTS:
        raise UsageError(f"amend_flag={value!r}: 0 (off), 1 (global sampling) or 3 (local, in real time) is needed")
    return int(value)


def _amplitudes(value: Any) -> list[str]:
    given = [value] if isinstance(value, (str, int)) else value
    if not isinstance(given, Sequence) or not given:
        raise UsageError(f"amplitudes={value!r}: basis states as decimal numbers are needed, as in ['0', '3']")
    found = [str(one) for one in given if isinstance(one, (str, int)) and not isinstance(one, bool)]
    if len(found) < len(given) or not all(one.isascii() and one.isdecimal() for one in found):
        raise UsageError(f"amplitudes={value!r}: basis states as decimal numbers are needed, as in ['0', '3']")
    return found


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"{name}={value!r}: a whole number from {least} to {most} is needed")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name}={value!r}: a text is needed")
    return value


def _indexes(name: str, value: Any) -> list[int]:
    given = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    if not given or not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in given):
        raise UsageError(f"{name}={value!r}: a list of qubits by number is needed")
    if len(set(given)) < len(given):
        raise UsageError(f"{name}={value!r}: a qubit is named twice")
    return given


def _keys(value: Any) -> list[str]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Sequence) or not all(isinstance(one, str) and one.isidentifier() for one in given):
        raise UsageError(f"keys={value!r}: names such as 'mapping_qubit' are needed")
    return list(dict.fromkeys(KEYS.get(one, one) for one in given))


def _extra(value: Any) -> dict[str, Any]:
    """Further fields of the request's `Configuration`, for what this library does not know yet."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise UsageError(f"extra={value!r}: a dict of names and plain values is needed")
    taken = sorted(
        {"shot", "amendFlag", "PointLabel", "specified_block", *(wire for wire, _ in SWITCHES.values())} & set(value)
    )
    if taken:
        raise UsageError(f"extra: {', '.join(taken)} has an option of its own")
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(value)))
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise UsageError(f"extra: {error}") from error
    return plain


def _noise(value: Any) -> dict[str, Any]:
    """As it goes over the wire. Also of pyqpanda3's own class, which is known by its methods."""
    if hasattr(value, "get_noise_model"):
        value = NoiseModel(
            str(value.get_noise_model()), tuple(value.get_single_params()), tuple(value.get_double_params())
        )
    try:
        model = value if isinstance(value, NoiseModel) else msgspec.convert(value, NoiseModel)
    except msgspec.ValidationError as error:
        raise UsageError(f"noise_model: {error}") from error
    name = NOISES.get(model.name) or next((wire for wire in NOISES.values() if wire == model.name), None)
    if name is None:
        raise unknown_name("noise model", model.name, NOISES, where="noise_model")
    parameters = (*model.single, *model.double)
    if not (model.single and model.double) or not all(isfinite(one) and one >= 0 for one in parameters):
        raise UsageError("noise_model: single and double each need a parameter, and these are numbers no less than 0")
    return {"single_gate": [name, *model.single], "double_gate": [name, *model.double]}
