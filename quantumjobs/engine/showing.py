"""What the engine asks of whoever draws progress. Nothing is drawn unless a wait, or its client, asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from quantumjobs.core.records import Snapshot


class Bar(Protocol):
    """Follows one job for the length of one wait."""

    def put(self, snapshot: Snapshot) -> None:
        """What it looks like now; called at every change, in the loop: cheap, and never raises."""
        ...

    def wake(self) -> None:
        """Nothing new; the wait may be about to end."""
        ...

    def close(self) -> None:
        """The wait has ended, however."""
        ...


class GroupBar(Protocol):
    """Follows jobs that are awaited together."""

    def update(self, over: int, total: int) -> None:
        """So many of them are over."""
        ...

    def close(self) -> None:
        """The wait has ended, however."""
        ...


class Show(Protocol):
    """Draws bars. Called in the loop; never raises."""

    def job(self, label: str, first: Snapshot) -> Bar:
        """A bar for one job."""
        ...

    def group(self, label: str) -> GroupBar:
        """One bar for many jobs."""
        ...


class Progress:
    """Whether the waits of one client are drawn when they do not say, and by what."""

    __slots__ = ("always", "show")

    def __init__(self, show: Callable[[], Show], *, always: bool = False) -> None:
        self.show = show
        self.always = always
