"""AQT's documents, named as on the wire. Fields that are not listed are passed over: the interface may grow.

Angles are in units of pi.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from quantumjobs.core.states import JobState as S

STATES: Mapping[str, S] = {
    "queued": S.QUEUED,
    "ongoing": S.RUNNING,
    "finished": S.COMPLETED,
    "error": S.FAILED,
    "cancelled": S.CANCELLED,
}
"""Of the cloud; of direct access two are known, "finished" and "error", and the others taken to mean the same."""

UNKNOWN_JOB = "unknown job_id"
"""The message that may stand, with status 200, in the place of a job that is not known."""


# --- what there is ----------------------------------------------------------------------
class Resource(Struct, frozen=True, kw_only=True):
    id: str
    name: str = ""
    type: str = ""


class Workspace(Struct, frozen=True, kw_only=True):
    id: str
    resources: tuple[Resource, ...] = ()
    accepting_job_submissions: bool = True
    jobs_being_processed: bool = True


class ResourceDetails(Struct, frozen=True, kw_only=True):
    id: str
    name: str = ""
    type: str = ""
    status: str = ""
    available_qubits: int
    status_updated_at: str | None = None
    characterisation: Any = None


class About(Struct, frozen=True, kw_only=True):
    """What `describe` says, as JSON."""

    family: Literal["cloud", "direct", "offline"] = "cloud"
    workspace: str
    resource: str
    name: str = ""
    type: str = ""
    status: str = "online"
    qubits: int
    max_shots: int = 2000
    max_circuits: int = 50
    max_operations: int = 2000
    """Of one circuit, the final MEASURE included."""
    accepting_job_submissions: bool = True
    characterisation: Any = None
    noise: bool = False
    """Of an offline simulator."""
    cores: int = 1
    """How many parts of a job an offline simulator runs at a time."""


class Ions(Struct, frozen=True):
    """Of a device with direct access."""

    num_ions: int


# --- what is sent -----------------------------------------------------------------------
class RZ(Struct, frozen=True):
    qubit: int
    phi: float
    operation: Literal["RZ"] = "RZ"


class R(Struct, frozen=True):
    """Rotation by `theta` about the axis at `phi` in the plane of x and y."""

    qubit: int
    phi: float
    theta: float
    operation: Literal["R"] = "R"


class RXX(Struct, frozen=True):
    qubits: tuple[int, int]
    theta: float
    operation: Literal["RXX"] = "RXX"


class Measure(Struct, frozen=True):
    """Of all qubits: once, at the end."""

    operation: Literal["MEASURE"] = "MEASURE"


Gate = RZ | R | RXX
Operation = Gate | Measure


class QuantumCircuit(Struct, frozen=True):
    repetitions: int
    quantum_circuit: tuple[Operation, ...]
    number_of_qubits: int


class Circuits(Struct, frozen=True):
    circuits: tuple[QuantumCircuit, ...]


class SubmitBody(Struct, frozen=True, kw_only=True):
    job_type: Literal["quantum_circuit"] = "quantum_circuit"
    label: str | None = None
    payload: Circuits


# --- what comes back --------------------------------------------------------------------
class JobInfo(Struct, frozen=True, kw_only=True):
    job_id: str
    job_type: str = ""
    label: str | None = None
    resource_id: str = ""
    workspace_id: str = ""


class Timing(Struct, frozen=True, kw_only=True):
    new_status: str = ""
    timestamp: str = ""


class Response(Struct, frozen=True, kw_only=True):
    status: str
    finished_count: int | None = None
    message: str = ""
    result: msgspec.Raw | UnsetType = UNSET
    """Circuit index as text -> shots -> one 0 or 1 per qubit."""
    timing_data: tuple[Timing, ...] | None = None


class SubmitReply(Struct, frozen=True, kw_only=True):
    job: JobInfo
    response: Response


class ResultReply(Struct, frozen=True, kw_only=True):
    """A job, or only `job_id` and `message`: the other way to say that there is none."""

    job: JobInfo | None = None
    response: Response | None = None
    job_id: str = ""
    message: str = ""


class DirectPayload(Struct, frozen=True, kw_only=True):
    status: str
    result: msgspec.Raw | UnsetType = UNSET
    """Shots -> one 0 or 1 per qubit."""
    message: str = ""


class DirectReply(Struct, frozen=True, kw_only=True):
    """The only circuit of a direct access job."""

    job_id: str = ""
    payload: DirectPayload
