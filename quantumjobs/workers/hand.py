"""One worker as its pool sees it: what role it has, and which calls it holds, in the order it will take them."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from quantumjobs.workers import launch
from quantumjobs.workers.backlog import Pending
from quantumjobs.workers.channel import Channel
from quantumjobs.workers.ending import Ending
from quantumjobs.workers.frames import FromWorker, Path, Run, Skip, head
from quantumjobs.workers.surroundings import changed_path

__all__ = ["Hand", "Role"]


class Role(Enum):
    WARM = "takes light calls"
    PROMOTED = "finishes a light call that turned out long"
    SPARE = "was promoted, and waits for a while to be warm again"
    HEAVY = "runs one heavy call, then ends"
    DOOMED = "has been told to end"


class Hand:
    """``calls`` are those the worker has not answered yet, by delivery number; the first one is the one it runs.

    A call that was taken back stays there until the worker has said that it was skipped: else the wrong one would be
    held to be running, and blamed when the worker dies.
    """

    def __init__(self, role: Role, errand: Pending | None, now: float) -> None:
        self.role = role
        self.errand = errand  # a heavy call that waits for the worker's hello
        self.memory = errand.memory if errand is not None else 0  # taken from the budget until it is gone
        self.since = now
        self.head_since = now
        self.ready = False
        self.is_new = True  # has answered nothing yet
        self.calls: dict[int, Pending] = {}
        self._deliveries = 0
        self._path: list[str] = []
        self._link: launch.Link | None = None
        self._channel: Channel | None = None

    def __len__(self) -> int:
        return len(self.calls)

    def __bool__(self) -> bool:
        return True

    @property
    def pid(self) -> int:
        return self._link.pid if self._link is not None else 0

    def greeted(self, pid: int) -> None:
        if self._link is not None:
            self._link.pid = pid

    @property
    def is_idle(self) -> bool:
        return self.role is Role.WARM and self.ready and not self.calls

    def connect(
        self, link: launch.Link, received: Callable[[FromWorker, bytes], None], lost: Callable[[], None]
    ) -> None:
        self._link = link
        self._channel = Channel(link.sock, received, lost)

    def head(self) -> Pending | None:
        return next(iter(self.calls.values()), None)

    def mine(self) -> list[Pending]:
        """Give the unanswered calls that nobody else has."""
        calls = [call for call in self.calls.values() if call.holder is self and not call.future.done()]
        if self.errand is not None and not self.errand.future.done():
            calls.append(self.errand)
        return calls

    def give(self, batch: list[Pending]) -> None:
        """Send calls, all in one write unless they are large."""
        assert self._channel is not None
        pieces: list[bytes] = []
        path = changed_path(self._path)
        if path is not None:
            self._path, entries = path
            pieces.append(head(Path(entries)))
        for call in batch:
            self._deliveries += 1
            call.delivery = self._deliveries
            call.holder = self
            self.calls[call.delivery] = call
            pieces.append(head(Run(call.delivery, call.function), len(call.body)))
            pieces.append(call.body)
        self._channel.send(*pieces)

    def skip(self, call: Pending) -> None:
        """Tell the worker not to begin this call. It stays in ``calls`` until the worker has answered."""
        if self._channel is not None and call.delivery in self.calls:
            self._channel.send(head(Skip(call.delivery)))

    def kill(self) -> None:
        if self._link is not None:
            self._link.kill()

    def ending(self) -> Ending | None:
        return self._link.ending() if self._link is not None else None

    def release(self) -> list[tuple[launch.Link, Channel]]:
        """Give up an idle worker, for another pool once its channel has settled; end any other one."""
        link, channel = self._link, self._channel
        is_free = self.is_idle or self.role is Role.SPARE
        if not is_free or link is None or channel is None or not channel.is_clean:
            self.close()
            return []
        channel.detach()
        self._link = self._channel = None
        return [(link, channel)]

    def close(self, *, detach: bool = True) -> None:
        if self._channel is not None and detach:
            self._channel.detach()
        if self._link is not None:
            self._link.close()
        self._link = self._channel = None
