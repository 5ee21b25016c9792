"""What AQT's cloud and devices take: the body of a submission, with all of its limits. Angles are in units of pi."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

Qubit = Annotated[int, Meta(ge=0)]
_T = TypeVar("_T")


class _Strict(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class Rz(_Strict, tag_field="operation", tag="RZ"):
    """Any finite angle."""

    operation: ClassVar[Literal["RZ"]] = "RZ"
    qubit: Qubit
    phi: float


class R(_Strict, tag_field="operation", tag="R"):
    """Rotation by theta about an axis in the equator."""

    operation: ClassVar[Literal["R"]] = "R"
    qubit: Qubit
    theta: Annotated[float, Meta(ge=0, le=1)]
    phi: Annotated[float, Meta(ge=0, le=2)]


class Rxx(_Strict, tag_field="operation", tag="RXX"):
    """The two-qubit gate."""

    operation: ClassVar[Literal["RXX"]] = "RXX"
    qubits: Annotated[list[Qubit], Meta(min_length=2, max_length=2)]
    theta: Annotated[float, Meta(ge=0, le=0.5)]


class Measure(_Strict, tag_field="operation", tag="MEASURE"):
    """Of all qubits, and the end."""

    operation: ClassVar[Literal["MEASURE"]] = "MEASURE"


class Circuit(_Strict):
    """One circuit."""

    repetitions: Annotated[int, Meta(ge=1, le=2000)]
    quantum_circuit: Annotated[list[Rz | R | Rxx | Measure], Meta(min_length=1, max_length=2000)]
    number_of_qubits: Annotated[int, Meta(ge=1, le=31)]


class Payload(_Strict):
    """All circuits of a job."""

    circuits: Annotated[list[Circuit], Meta(min_length=1, max_length=50)]


class Submission(_Strict):
    """The body."""

    job_type: Literal["quantum_circuit"]
    payload: Payload
    label: str | None = None


class Invalid(Exception):
    """`detail` is what a FastAPI server would say."""

    def __init__(self, where: list[str | int], message: str, kind: str = "value_error") -> None:
        super().__init__(message)
        self.detail = [{"loc": where, "msg": message, "type": kind}]


def read(body: bytes, *, qubits: int) -> Submission:
    """A submission that a resource with so many qubits takes. Raises `Invalid`."""
    given = _decoded(body, _submission)
    for place, circuit in enumerate(given.payload.circuits):
        _check(circuit, ["body", "payload", "circuits", place], qubits)
    return given


def read_circuit(body: bytes, *, qubits: int) -> Circuit:
    """The one circuit that a device with so many qubits is given by direct access. Raises `Invalid`."""
    given = _decoded(body, _circuit)
    _check(given, ["body"], qubits)
    return given


def _decoded(body: bytes, decoder: msgspec.json.Decoder[_T]) -> _T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise Invalid(["body", *_location(path)], message) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(["body"], f"JSON decode error: {error}", "json_invalid") from error


def _check(circuit: Circuit, where: list[str | int], qubits: int) -> None:
    width = circuit.number_of_qubits
    if width > qubits:
        raise Invalid([*where, "number_of_qubits"], f"Input should be less than or equal to {qubits}")
    steps = circuit.quantum_circuit
    last = len(steps) - 1
    for place, step in enumerate(steps):
        at = [*where, "quantum_circuit", place]
        if isinstance(step, Measure) is not (place == last):
            raise Invalid(at, "Exactly one MEASURE is needed, as the last operation")
        used: list[int] = step.qubits if isinstance(step, Rxx) else [] if isinstance(step, Measure) else [step.qubit]
        if len(set(used)) < len(used):
            raise Invalid([*at, "qubits"], "The qubits of RXX should be distinct")
        if used and max(used) >= width:
            raise Invalid(at, f"Qubit {max(used)} should be less than number_of_qubits, {width}")


def _location(path: str) -> list[str | int]:
    """`$.payload.circuits[0].repetitions` in pieces."""
    pieces: list[Any] = re.findall(r"[^.\[\]`$]+", path)
    return [int(piece) if piece.isdigit() else piece for piece in pieces]


_submission = msgspec.json.Decoder(Submission)
_circuit = msgspec.json.Decoder(Circuit)
