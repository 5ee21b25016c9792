"""What a program wrote while it ran: lines, each of one instance's stream."""

from __future__ import annotations

from msgspec import Struct


class LogLine(Struct, frozen=True, gc=False):
    """One line of a log."""

    message: str
    """Without a line's end; whatever else the program wrote is in it."""
    at: float | None
    """When, in seconds since the epoch by the provider's clock; None where that is not known."""
    stream: str = ""
    """The stream's name, as the provider has it: one for each instance."""
    index: int = 0
    """The stream's place among the job's, from 0."""
