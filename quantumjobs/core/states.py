"""The states of a job, what each means, and Qiskit's word for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum


class JobState(StrEnum):
    """Where a job is. Terminal states never change again."""

    CREATED = "created"
    SUBMITTING = "submitting"
    IN_DOUBT = "in_doubt"
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    LOST = "lost"

    @property
    def is_terminal(self) -> bool:
        """True when nothing will change again."""
        return self in TERMINAL


S = JobState

TERMINAL = frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.REJECTED, S.LOST})
WATCHED = frozenset({S.QUEUED, S.RUNNING, S.CANCELLING})
"""The provider has the job and can be asked about it."""
UNACCEPTED = frozenset({S.CREATED, S.SUBMITTING, S.IN_DOUBT})
"""No provider is known to have the job."""
UNSENT = frozenset({S.CREATED})
DOUBTFUL = frozenset({S.IN_DOUBT})

MEANINGS: Mapping[JobState, str] = {
    S.CREATED: "The intent is kept; nothing has been sent. The lane sends it when it may.",
    S.SUBMITTING: "One request is under way; its outcome is not known yet.",
    S.IN_DOUBT: "The provider may or may not have taken the job; nothing is sent again blindly.",
    S.QUEUED: "The provider has the job, and it waits.",
    S.RUNNING: "The provider works on it.",
    S.CANCELLING: "The provider accepted our wish to cancel, and has not ended the job yet.",
    S.COMPLETED: "Done, with a result.",
    S.FAILED: "Ended without a full result; finished circuits are kept.",
    S.CANCELLED: "Ended by a cancel, ours or somebody else's.",
    S.REJECTED: "Refused at submission; nothing ran.",
    S.LOST: "The provider no longer knows the job.",
}

QISKIT_STATUS: Mapping[JobState, str] = {
    S.CREATED: "INITIALIZING",
    S.SUBMITTING: "INITIALIZING",
    S.IN_DOUBT: "INITIALIZING",
    S.QUEUED: "QUEUED",
    S.RUNNING: "RUNNING",
    S.CANCELLING: "RUNNING",
    S.COMPLETED: "DONE",
    S.FAILED: "ERROR",
    S.CANCELLED: "CANCELLED",
    S.REJECTED: "ERROR",
    S.LOST: "ERROR",
}
"""The name of Qiskit's `JobStatus` member for each state."""


class CancelOutcome(StrEnum):
    """What became of one `cancel()`."""

    CANCELLED = "cancelled"
    """The job is cancelled."""
    REQUESTED = "requested"
    """The wish is kept, or accepted by the provider; the job has not ended yet."""
    TOO_LATE = "too_late"
    """The job had already ended, or the provider says that it is past stopping."""
    REFUSED = "refused"
    """The provider said no; asking again later may help."""
    UNSUPPORTED = "unsupported"
    """This provider cannot cancel."""
    UNKNOWN = "unknown"
    """The request was sent and its answer was not understood or did not arrive; the wish is kept."""


class Fetch(Enum):
    """How a finished job's result reaches us."""

    INLINE = "inline"
    """The finished answer carries it."""
    EAGER = "eager"
    """Fetched at once, and kept."""
    LAZY = "lazy"
    """Fetched when someone asks (large archives)."""
