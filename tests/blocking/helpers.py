"""What the tests of the blocking side share."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from quantumjobs.blocking import Client
from quantumjobs.testing.fake import FakeProvider

CIRCUIT = "OPENQASM 2.0; // the fake does not read it"
LONG = 86_400.0


@contextlib.contextmanager
def client_on(**settings: Any) -> Iterator[tuple[Client, FakeProvider]]:
    """A client on a fake, whose times are real here; it looks as often as the fake allows."""
    fake = FakeProvider(**{"min_interval": 0.01, **settings})
    with Client(providers={"fake": fake}) as client:
        yield client, fake


def until(condition: Callable[[], object], within: float = 20.0) -> None:
    """Wait for what comes about by itself."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"it has not come about within {within} s"
        time.sleep(0.005)


class Background(threading.Thread):
    """Something that waits, beside the test."""

    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._value: object = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self._error = error

    def value(self, within: float = 20.0) -> Any:
        """What came of it."""
        self.join(within)
        assert not self.is_alive(), "it still waits"
        if self._error is not None:
            raise self._error
        return self._value
