"""What IQM Server takes: the body of a submission. Angles are in radians, durations in seconds.

Only the form of it: what it means on a computer is looked at by `iqm_check`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

Locus = Annotated[tuple[str, ...], Meta(min_length=1)]
One = tuple[str]
Two = tuple[str, str]
Validation = Literal["strict", "allow_prx", "none"]
Tracking = Literal["full", "no_detuning_correction", "none"]


class _Strict(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class Turn(_Strict):
    """The arguments of prx."""

    angle: float
    phase: float


class ConditionalTurn(Turn):
    """The arguments of cc_prx."""

    feedback_qubit: str
    feedback_key: str


class Keys(_Strict):
    """The arguments of measure."""

    key: Annotated[str, Meta(min_length=1)]
    feedback_key: str | None = None


class Lasting(_Strict):
    """The arguments of delay."""

    duration: Annotated[float, Meta(ge=0)]


class Nothing(_Strict):
    """No arguments."""


class _Instruction(_Strict, tag_field="name"):
    implementation: str | None = None


class Prx(_Instruction, kw_only=True, tag="prx"):
    """Qiskit's `RGate(angle, phase)`."""

    name: ClassVar[Literal["prx"]] = "prx"
    locus: One
    args: Turn


class CcPrx(_Instruction, kw_only=True, tag="cc_prx"):
    """The same where a measurement gave 1."""

    name: ClassVar[Literal["cc_prx"]] = "cc_prx"
    locus: One
    args: ConditionalTurn


class Cz(_Instruction, kw_only=True, tag="cz"):
    """Of two components, in any order."""

    name: ClassVar[Literal["cz"]] = "cz"
    locus: Two
    args: Nothing = msgspec.field(default_factory=Nothing)


class Move(_Instruction, kw_only=True, tag="move"):
    """Of a qubit and a resonator."""

    name: ClassVar[Literal["move"]] = "move"
    locus: Two
    args: Nothing = msgspec.field(default_factory=Nothing)


class Measure(_Instruction, kw_only=True, tag="measure"):
    """Of one or more qubits."""

    name: ClassVar[Literal["measure"]] = "measure"
    locus: Locus
    args: Keys


class Reset(_Instruction, kw_only=True, tag="reset"):
    """Of one or more qubits."""

    name: ClassVar[Literal["reset"]] = "reset"
    locus: Locus
    args: Nothing = msgspec.field(default_factory=Nothing)


class Barrier(_Instruction, kw_only=True, tag="barrier"):
    """Of one or more components."""

    name: ClassVar[Literal["barrier"]] = "barrier"
    locus: Locus
    args: Nothing = msgspec.field(default_factory=Nothing)


class Delay(_Instruction, kw_only=True, tag="delay"):
    """Of one or more components."""

    name: ClassVar[Literal["delay"]] = "delay"
    locus: Locus
    args: Lasting


Instruction = Prx | CcPrx | Cz | Move | Measure | Reset | Barrier | Delay


class Circuit(_Strict):
    """One circuit."""

    name: str
    instructions: tuple[Instruction, ...]
    metadata: dict[str, Any] | None = None


class Pair(_Strict):
    """One line of a mapping of qubits."""

    logical_name: str
    physical_name: str


class Strategy(_Strict):
    """Of dynamical decoupling; each sequence is (ratio, pattern, alignment)."""

    merge_contiguous_waits: bool = True
    target_qubits: tuple[str, ...] | None = None
    skip_leading_wait: bool = True
    skip_trailing_wait: bool = True
    gate_sequences: tuple[
        tuple[
            Annotated[int, Meta(ge=1)],
            Annotated[str, Meta(pattern="^[XY]+$")] | tuple[tuple[float, float], ...],
            Literal["asap", "center", "alap"],
        ],
        ...,
    ] = ()


class Submission(_Strict):
    """The body. The last two fields are older names of `move_gate_validation` and `move_gate_frame_tracking`."""

    circuits: Annotated[tuple[Circuit, ...], Meta(min_length=1)]
    shots: Annotated[int, Meta(ge=1)] = 1
    calibration_set_id: uuid.UUID | None = None
    qubit_mapping: tuple[Pair, ...] | None = None
    max_circuit_duration_over_t2: Annotated[float, Meta(ge=0)] | None = None
    heralding_mode: Literal["none", "zeros"] = "none"
    move_gate_validation: Validation | None = None
    move_gate_frame_tracking: Tracking | None = None
    active_reset_cycles: int | None = None
    dd_mode: Literal["disabled", "enabled"] = "disabled"
    dd_strategy: Strategy | None = None
    move_validation_mode: Validation | None = None
    move_gate_frame_tracking_mode: Tracking | None = None

    @property
    def validation(self) -> Validation:
        """How moves are looked at."""
        return self.move_gate_validation or self.move_validation_mode or "strict"

    @property
    def tracking(self) -> Tracking:
        """What becomes of phases in moves."""
        return self.move_gate_frame_tracking or self.move_gate_frame_tracking_mode or "full"


class Invalid(Exception):
    """`message` and `code` are what the server says; `status` is that of its reply."""

    def __init__(self, message: str, code: str = "invalid_circuit", status: int = 422) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


def read(body: bytes) -> Submission:
    """Raises `Invalid`, with the place of what is wrong."""
    try:
        return _submission.decode(body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise Invalid(f"{_place(path)}{message}", "invalid_payload") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"The body is not JSON: {error}", "invalid_payload", 400) from error


def _place(path: str) -> str:
    """`$.circuits[0].instructions[1].args.angle` as a person says it."""
    pieces: Sequence[str] = re.findall(r"[^.\[\]`$]+", path)
    said = []
    for name, one in (("circuits", "circuit"), ("instructions", "instruction")):
        if pieces and pieces[0] == name and pieces[1:] and pieces[1].isdigit():
            said.append(f"{one} {pieces[1]}")
            pieces = pieces[2:]
    if pieces:
        said.append(".".join(pieces))
    return f"{', '.join(said)}: " if said else ""


_submission = msgspec.json.Decoder(Submission)
