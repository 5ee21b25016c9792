"""ACME's documents, named as on the wire. Fields that are not listed are passed over: the service may grow."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from quantumjobs.core.states import JobState

STATES: Mapping[str, JobState] = {
    "waiting": JobState.QUEUED,
    "busy": JobState.RUNNING,
    "done": JobState.COMPLETED,
    "broken": JobState.FAILED,
    "stopped": JobState.CANCELLED,
}
"""Status words are data: a word that is not in here is shown to the user, and never taken for one that is."""


class Machine(Struct, frozen=True, kw_only=True):
    """`GET /machines/{name}`, and what the codec is told of a backend."""

    name: str
    qubits: int
    most_shots: int = 10_000


class Program(Struct, frozen=True, kw_only=True):
    """`POST /programs`: one circuit, as OpenQASM 2."""

    machine: str
    shots: int
    text: str


class State(Struct, frozen=True, kw_only=True):
    """The answer to it, and to `GET /programs/{id}`."""

    id: str
    status: str
    counts: dict[str, int] | None = None
    why: str = ""
