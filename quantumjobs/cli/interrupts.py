"""Ctrl-C, pressed once or in impatience: the first press ends the wait in good order, and that takes but a moment."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import Self

from quantumjobs.cli.exits import Exit

_PATIENCE = 3.0  # seconds for closing; a press after that ends the process as it is (its workers die with it)


class Interrupts:
    """Made in the task that the first press is to cancel, as long as it waits; a context for all of that task."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._first: float | None = None
        self._waits = True
        # In another thread than the main one, and on Windows, asyncio's own habits have to do: they raise at the second.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            self._loop.add_signal_handler(signal.SIGINT, self._pressed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """A loop closes the pipe that a signal writes to before it gives up the handler: a press must not come between."""
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # until the loop is closed
            signal.set_wakeup_fd(-1)

    def _pressed(self) -> None:
        now = self._loop.time()
        if self._first is None:
            self._first = now
            if self._waits and self._task is not None:
                self._task.cancel()
        elif now - self._first > _PATIENCE:
            os._exit(Exit.INTERRUPTED)

    def over(self) -> None:
        """The waiting is over: what remains is done to its end."""
        self._waits = False


def ignore() -> None:
    """From here on the process only ends: another press could only make a mess of that."""
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
