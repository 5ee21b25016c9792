"""How a worker ended, and what the caller is told about it."""

from __future__ import annotations

import os
import signal
from enum import Enum

import msgspec

from quantumjobs.errors import QuantumJobsError

__all__ = ["Cause", "Ending", "PoolClosed", "WorkerDied", "WorkersUnavailable"]


class Cause(Enum):
    """Who is to blame. Only ``ITSELF`` is held against the call that was running."""

    ITSELF = "the worker"
    EXPIRED = "nobody, it was parked for long"
    SERVER = "the fork server died under it"
    START = "it could not be started"


class Ending(msgspec.Struct, frozen=True):
    cause: Cause
    exit_code: int | None = None
    signal: int | None = None
    text: str = ""
    hopeless: bool = False  # the next start would fail alike

    @classmethod
    def from_status(cls, status: int) -> Ending:
        """Read what ``waitpid`` said."""
        return cls.from_code(os.waitstatus_to_exitcode(status))

    @classmethod
    def from_code(cls, code: int) -> Ending:
        """Read an exit code as ``subprocess`` gives it: negative for a signal."""
        if code >= 0:
            return cls(Cause.ITSELF, exit_code=code, text=f"it ended with exit code {code}")
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unnamed"
        hints = {"SIGKILL": " (out of memory?)", "SIGSEGV": " (a crash in compiled code)"}
        return cls(Cause.ITSELF, signal=-code, text=f"it was killed by signal {-code}, {name}{hints.get(name, '')}")


class WorkerDied(QuantumJobsError):
    """The process that ran the call ended before it answered. The call may have had effects."""

    def __init__(self, reason: str, *, signal: int | None = None, exit_code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.signal = signal
        self.exit_code = exit_code


class WorkersUnavailable(QuantumJobsError):
    """No worker process can be started; the message has what the attempt wrote on stderr."""


class PoolClosed(QuantumJobsError):
    """The pool was closed by its last user while the call was waiting or running, or before it was made."""
