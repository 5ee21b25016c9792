"""What goes over the wire of IQM Server's `/api/v1`, as types; and its status words.

Fields that are not needed here are left out, and unknown ones are ignored: the server may be newer or older than we are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from quantumjobs.core.states import JobState

S = JobState
STATES: Mapping[str, JobState] = {
    "waiting": S.QUEUED,
    "queued": S.QUEUED,
    "received": S.QUEUED,
    "created": S.QUEUED,
    "processing": S.RUNNING,
    "running": S.RUNNING,
    "accepted": S.RUNNING,
    "validation_started": S.RUNNING,
    "validation_ended": S.RUNNING,
    "fetch_calibration_started": S.RUNNING,
    "fetch_calibration_ended": S.RUNNING,
    "pending compilation": S.RUNNING,
    "compilation_started": S.RUNNING,
    "compilation_ended": S.RUNNING,
    "compiled": S.RUNNING,
    "save_sweep_metadata_started": S.RUNNING,
    "save_sweep_metadata_ended": S.RUNNING,
    "pending execution": S.RUNNING,
    "pending_execution": S.RUNNING,
    "execution_started": S.RUNNING,
    "execution_ended": S.RUNNING,
    "post_processing_pending": S.RUNNING,
    "post_processing_started": S.RUNNING,
    "post_processing_ended": S.RUNNING,
    "completed": S.COMPLETED,
    "ready": S.COMPLETED,
    "failed": S.FAILED,
    "cancelled": S.CANCELLED,
    "aborted": S.CANCELLED,
}
"""The five words of the server, and those that IQM's QDMI client knows besides."""
DEFAULT = "default"
"""Where the id of a calibration set is asked for: the one in use."""


# --- what a quantum computer is -----------------------------------------------------------
class Listed(Struct, frozen=True):
    """One quantum computer in the server's list."""

    alias: str
    id: str = ""
    display_name: str | None = None


class Computers(Struct, frozen=True):
    """The list."""

    quantum_computers: tuple[Listed, ...]


class Implementation(Struct, frozen=True):
    """One way in which a gate is realised."""

    loci: tuple[tuple[str, ...], ...] = ()
    """Where it is calibrated: tuples of components."""


class GateInfo(Struct, frozen=True):
    """One gate of a dynamic architecture."""

    implementations: dict[str, Implementation] = {}

    @property
    def loci(self) -> dict[tuple[str, ...], None]:
        """Those of all implementations, in order and without repetition."""
        return {locus: None for one in self.implementations.values() for locus in one.loci}


class Architecture(Struct, frozen=True, kw_only=True):
    """A dynamic quantum architecture: what can run with one calibration set."""

    calibration_set_id: str
    qubits: tuple[str, ...]
    computational_resonators: tuple[str, ...] = ()
    gates: dict[str, GateInfo] = {}


class About(Struct, frozen=True, kw_only=True):
    """What `describe` gives: of one quantum computer with one calibration set."""

    alias: str
    id: str = ""
    name: str = ""
    architecture: Architecture
    errors: dict[str, dict[str, float]] = {}
    """Error rates where the server has quality metrics: gate -> locus joined by commas -> rate."""
    durations: dict[str, dict[str, float]] = {}
    """Seconds, likewise."""
    queue_length: int | None = None
    """Jobs that wait, where the server tells."""
    available: bool | None = None
    """Whether it has a time to run them, where the server tells."""


class Queue(Struct, frozen=True):
    """What waits for a quantum computer, and when it runs."""

    queue_length: int | None = None
    available: list[msgspec.Raw] | None = None


# --- what is sent -------------------------------------------------------------------------
class Instruction(Struct, frozen=True):
    """One instruction. Angles in radians, durations in seconds."""

    name: str
    locus: tuple[str, ...]
    args: dict[str, Any] = {}


class CircuitBody(Struct, frozen=True):
    """One circuit of a batch."""

    name: str
    instructions: tuple[Instruction, ...]
    metadata: dict[str, Any] | None = None


class SubmitBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch: one job. Left out is what the server has a default for, except the words that IQM's client sends."""

    circuits: tuple[CircuitBody, ...]
    calibration_set_id: str | None = None
    shots: int = 1
    max_circuit_duration_over_t2: float | None = None
    """0 for no check."""
    active_reset_cycles: int | None = None
    heralding_mode: str | None = None
    move_gate_validation: str | None = None
    move_gate_frame_tracking: str | None = None
    dd_mode: str | None = None
    dd_strategy: dict[str, Any] | None = None


# --- what comes back ----------------------------------------------------------------------
class Stamped(Struct, frozen=True):
    """One line of a job's timeline; `timestamp` in ISO 8601."""

    status: str
    timestamp: str
    source: str = ""


class Count(Struct, frozen=True):
    """How far something is."""

    value: int = 0
    max_value: int = 0


class Execution(Struct, frozen=True):
    """How far a job is, by label ("circuits", ...)."""

    progress: dict[str, Count] | None = None


class Compilation(Struct, frozen=True):
    """What a job was compiled with."""

    calibration_set_id: str | None = None


class Said(Struct, frozen=True):
    """A warning of a job, or what went wrong with it."""

    message: str | None = None
    detail: str | None = None
    error_code: str | None = None
    source: str | None = None

    @property
    def words(self) -> str:
        return self.message or self.detail or ""


class Artifact(Struct, frozen=True):
    """Something that can be fetched."""

    type: str = ""


class JobData(Struct, frozen=True, kw_only=True):
    """The server's word on a job; only `id` and `status` need be there."""

    id: str
    status: str
    execution: Execution | None = None
    compilation: Compilation | None = None
    messages: tuple[Said, ...] | None = None
    errors: tuple[Said, ...] | None = None
    queue_position: int | None = None
    timeline: tuple[Stamped, ...] | None = None
    artifacts: tuple[Artifact, ...] | None = None


class Least(Struct, frozen=True):
    """The same, whatever else is in it."""

    id: str
    status: str


class Heard(Struct, frozen=True):
    """An answer of which it only matters that the server gave it."""

    id: str | None = None
    status: str | None = None
    message: str | None = None


class Uncounted(Struct, frozen=True):
    """A histogram that is not read yet."""

    measurement_keys: msgspec.Raw
    counts: msgspec.Raw


class Histogram(Struct, frozen=True):
    """One circuit's counts: bits of the keys' values in their order, the first one left-most."""

    measurement_keys: tuple[str, ...]
    counts: dict[str, int]


json = msgspec.json.Encoder().encode
