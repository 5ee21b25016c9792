"""What a call into another process looks like: a function's name and bytes in, bytes out, errors as data.

``run_blob`` is the one plug-in point: any ``concurrent.futures.Executor`` can run it, on this host or on another one.
Exceptions never travel as pickles. Unpickling one imports the module it came from, which in the caller's process would
mean importing qiskit inside the event loop.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from quantumjobs.errors import QuantumJobsError, UsageError

__all__ = ["Call", "Fault", "Report", "Returned", "WorkerError", "pack", "perform", "run_blob", "unpack"]

Report = Callable[[bytes], None]

# Long enough for a deep qiskit traceback, short enough to be kept with the record of a job.
_TEXT_LIMIT = 16_000


class Call(msgspec.Struct, frozen=True):
    """A function, named ``package.module:name``, and what it is called with."""

    function: str
    body: bytes


class Fault(msgspec.Struct, frozen=True):
    """An exception as text. ``usage`` marks one that is the user's to mend."""

    kind: str
    message: str
    traceback: str
    usage: bool = False

    def to_exception(self) -> QuantumJobsError:
        if self.usage:
            return UsageError(self.message)
        return WorkerError(self.kind, self.message, self.traceback)


class Returned(msgspec.Struct, frozen=True):
    """The answer of ``run_blob``: the function's bytes, or why there are none."""

    body: bytes = b""
    fault: Fault | None = None


class WorkerError(QuantumJobsError):
    """A function failed in its worker; the class of the original exception is only known by name (``kind``)."""

    def __init__(self, kind: str, message: str, traceback: str = "") -> None:
        super().__init__(kind, message, traceback)
        self.kind = kind
        self.message = message
        self.traceback = traceback

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


_known: dict[str, Callable[..., Any]] = {}
_encode = msgspec.msgpack.Encoder().encode
_decode_call = msgspec.msgpack.Decoder(Call).decode
_decode_returned = msgspec.msgpack.Decoder(Returned).decode


def pack(function: str, body: bytes) -> bytes:
    """Make the envelope that ``run_blob`` opens."""
    return _encode(Call(function, body))


def unpack(returned: bytes) -> bytes:
    """Give what the function returned, or raise what it raised (as ``UsageError`` or ``WorkerError``)."""
    answer = _decode_returned(returned)
    if answer.fault is not None:
        raise answer.fault.to_exception()
    return answer.body


def run_blob(envelope: bytes) -> bytes:
    """Run one call here. Errors of the function are part of the answer; progress reports are dropped."""
    try:
        call = _decode_call(envelope)
    except msgspec.MsgspecError as error:
        return _encode(Returned(fault=_fault_of(error)))
    body, fault = perform(call.function, call.body, _ignore)
    return _encode(Returned(body, fault))


def perform(function: str, body: bytes, report: Report) -> tuple[bytes, Fault | None]:
    """Import and call ``function``. Never raises: not for a missing module, ``SystemExit``, or a panic in Rust code.

    A function that sets ``reports = True`` on itself is given ``report`` as its second argument.
    """
    try:
        target = _known.get(function) or _find(function)
        answer = target(body, report) if getattr(target, "reports", False) else target(body)
        if not isinstance(answer, bytes):
            answer = _as_bytes(function, answer)
    except BaseException as error:  # a panic in Rust code (pyo3) is a BaseException
        return b"", _fault_of(error)
    return answer, None


def _find(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    if not module or not name:
        message = f"a function for a worker is named 'package.module:name', not {function!r}"
        raise UsageError(message)
    target: Callable[..., Any] = getattr(importlib.import_module(module), name)
    # Only a success is remembered: a module that is missing now may be importable after the next change of sys.path.
    _known[function] = target
    return target


def _as_bytes(function: str, answer: object) -> bytes:
    if isinstance(answer, bytearray | memoryview):
        return bytes(answer)
    message = f"{function} returned {type(answer).__name__}, a worker's function returns bytes"
    raise TypeError(message)


def _fault_of(error: BaseException) -> Fault:
    try:
        message = str(error)[:_TEXT_LIMIT]
    except Exception:  # a broken __str__ must not hide the error itself
        message = ""
    try:
        text = "".join(traceback.format_exception(error))[-_TEXT_LIMIT:]
    except Exception:  # see above
        text = ""
    # Surrogates (undecodable file names) cannot be sent as UTF-8.
    message, text = (part.encode(errors="backslashreplace").decode() for part in (message, text))
    return Fault(type(error).__name__, message, text, usage=isinstance(error, UsageError))


def _ignore(_: bytes) -> None:
    """Swallow a progress report nobody can receive."""
