"""The options of `run`; an unknown one or a wrong value is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec

from quantumjobs.adapters.braket.endpoints import checked_bucket
from quantumjobs.errors import UsageError, unknown_name

_NOT_HERE = {
    "s3_destination_folder": "give s3_bucket='...' and s3_prefix='...'",
    "tags": "run(tags=...) are this library's own; the service's are resource_tags={...}",
    "poll_timeout_seconds": "deadlines are the caller's: asyncio.timeout around the wait",
    "poll_interval_seconds": "one poller looks for all jobs; see Policy(pace=...)",
    "max_parallel": "say so by the client's limits={'braket/sv1': ...}",
    "max_connections": "results are fetched as they come",
    "seed": "the service's simulators take no seed",
    "gate_definitions": "pulse-level programs are given as OpenQASM text",
}
"""What users of the vendor's SDK may say, and what is there in its place."""
_DEBIAS = "braket.device_schema.error_mitigation.debias.Debias"
_MITIGATIONS = {"debias": {"type": _DEBIAS}}
MOST = 10_000
"""Circuits of one program set, whatever a device says that it takes."""


def admitted(options: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """The options that were given, as plain values. Raises `UsageError` for an unknown name or a wrong value."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in _NOT_HERE:
            raise UsageError(f"{where} has no option {name!r}: {_NOT_HERE[name]}")
        if name not in _CHECKS:
            raise unknown_name("option", name, _CHECKS, where=where)
        if value is not None:
            found[name] = _CHECKS[name](name, value)
    if "device_parameters" in found and ("error_mitigation" in found or "disable_qubit_rewiring" in found):
        raise UsageError(
            f"{where}: device_parameters is the whole document; put error_mitigation and disable_qubit_rewiring into it"
        )
    return found


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{name}={value!r}: True or False is needed")
    return value


def _number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise UsageError(f"{name}={value!r}: a whole number from 1 to {MOST} is needed")
    return value


def reservation(name: str, value: Any) -> str:
    """An ARN. Raises `UsageError`."""
    if not isinstance(value, str) or not value.startswith("arn:") or len(value) > 256:
        raise UsageError(f"{name}={value!r}: the ARN of a reservation is needed")
    return value


def _bucket(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name}={value!r}: the name of an S3 bucket is needed")
    return checked_bucket(value)


def _prefix(name: str, value: Any) -> str:
    text = value.strip("/") if isinstance(value, str) else ""
    if not text or len(text) > 900 or not text.isprintable() or any(not step.strip(".") for step in text.split("/")):
        raise UsageError(f"{name}={value!r}: a key such as 'tasks/mine' is needed, of up to 900 characters")
    return text


def _document(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{name}={value!r}: a dict of names and plain values is needed")
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(value)))
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"{name}: {error}") from error
    return plain


def _texts(name: str, value: Any) -> list[str]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Sequence) or not given or not all(isinstance(one, str) and one.strip() for one in given):
        raise UsageError(f"{name}={value!r}: texts such as 'expectation z(q[0])' are needed")
    found = [" ".join(one.split()) for one in given]
    if any(len(one) > 2000 or not one.isprintable() for one in found):
        raise UsageError(f"{name}: each is one line of text")
    return found


def _mitigations(name: str, value: Any) -> list[dict[str, Any]]:
    given = [value] if isinstance(value, (str, Mapping)) else value
    if not isinstance(given, Sequence) or not given:
        raise UsageError(f"{name}={value!r}: 'debias', or documents of the service's own form, are needed")
    found = []
    for one in given:
        if isinstance(one, str):
            if one.lower() not in _MITIGATIONS:
                raise unknown_name("error mitigation", one, _MITIGATIONS, where=name)
            found.append(_MITIGATIONS[one.lower()])
        else:
            found.append(_document(name, one))
    return found


def _inputs(name: str, value: Any) -> dict[str, Any]:
    """Values of a program's `input` variables: numbers, or texts of bits."""
    if not isinstance(value, Mapping) or not all(isinstance(one, str) and one.isidentifier() for one in value):
        raise UsageError(f"{name}={value!r}: a dict from names of input variables to numbers is needed")
    found: dict[str, Any] = {}
    for variable, given in value.items():
        one = given.item() if hasattr(given, "item") else given  # numpy's numbers
        if isinstance(one, str) or (isinstance(one, (int, float)) and isfinite(one)):
            found[variable] = one
        else:
            raise UsageError(f"{name}: {variable}={given!r} is not a finite number")
    return found


def tags(name: str, value: Any) -> dict[str, str]:
    """The service's own tags. Raises `UsageError`."""
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) and isinstance(one, str) and 1 <= len(key) <= 128 and len(one) <= 256
        for key, one in value.items()
    ):
        raise UsageError(f"{name}={value!r}: a dict of texts is needed (names of 1 to 128 characters)")
    return dict(value)


def _experimental(name: str, value: Any) -> Any:
    return value if value in ("ALL", "NONE") else _document(name, value)


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "circuits_per_job": _number,
    "device_parameters": _document,
    "disable_qubit_rewiring": _flag,
    "error_mitigation": _mitigations,
    "experimental_capabilities": _experimental,
    "inputs": _inputs,
    "program_set": _flag,
    "reservation_arn": reservation,
    "resource_tags": tags,
    "result_types": _texts,
    "s3_bucket": _bucket,
    "s3_prefix": _prefix,
    "verbatim": _flag,
}
