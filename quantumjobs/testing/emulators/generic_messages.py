"""The generic service's documents, as on the wire. Fields that are not listed are passed over."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from quantumjobs.core.states import JobState as S

REFERENCE = "client-reference"
"""The header in which a submission tells its token: kept and shown, and it makes nothing harmless."""
KEY = "idempotency-key"
"""The header that makes a second submission with the same token harmless, where the service honours it."""

STATES: Mapping[str, S] = {
    "queued": S.QUEUED,
    "running": S.RUNNING,
    "stopping": S.CANCELLING,
    "done": S.COMPLETED,
    "failed": S.FAILED,
    "cancelled": S.CANCELLED,
}
WORDS: Mapping[S, str] = {state: word for word, state in STATES.items()}


class About(Struct, frozen=True, kw_only=True):
    """A backend."""

    name: str
    max_circuits: int = 50
    max_shots: int = 1_000_000


class Circuit(Struct, frozen=True):
    """`form` is "qasm", with the program as text, or "qpy", in base64."""

    form: str
    body: str


class Payload(Struct, frozen=True, kw_only=True):
    """What is submitted."""

    backend: str
    shots: int
    circuits: tuple[Circuit, ...]


class Job(Struct, frozen=True, kw_only=True):
    """A job without its result."""

    id: str
    status: str
    done: int = 0
    """Circuits finished ..."""
    of: int = 0
    """... of how many."""
    message: str = ""


class Jobs(Struct, frozen=True, kw_only=True):
    """Several; `unknown` are ids that were asked about, and that the service never gave."""

    jobs: tuple[Job, ...] = ()
    unknown: tuple[str, ...] = ()


class Outcome(Struct, frozen=True, kw_only=True):
    """A result: how often each outcome was measured, circuit by circuit."""

    id: str
    shots: int
    counts: tuple[Mapping[str, int], ...]
