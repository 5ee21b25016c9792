"""Streams that people look at: what they can show, and what is told where nothing can be drawn."""

from __future__ import annotations

import os
import select
import shutil
from collections.abc import Hashable
from contextlib import suppress
from typing import TextIO, TypeGuard


class Stream:
    """A pipe or a file: takes lines."""

    def __init__(self, stream: TextIO) -> None:
        self.key: Hashable = ("stream", id(stream))
        self._stream = stream

    def tell(self, line: str) -> bool:
        """Write a line, if there is room for it."""
        if not takes(self._stream):
            return False
        self._stream.write(f"{line}\n")
        self._stream.flush()
        return True


def is_drawn_on(stream: TextIO) -> bool:
    """True for a terminal that moves its cursor when told to."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in {"dumb", "unknown"}


def is_same_terminal(one: TextIO | None, other: TextIO) -> TypeGuard[TextIO]:
    """True if a person sees both in one place."""
    if one is None or one is other:
        return one is other
    with suppress(OSError, ValueError, AttributeError):  # closed; not a file
        return one.isatty() and os.path.sameopenfile(one.fileno(), other.fileno())
    return False


def has_unicode(stream: TextIO) -> bool:
    """False where only ASCII is sure to be shown."""
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")


def size(stream: TextIO) -> os.terminal_size:
    """Columns and lines now."""
    with suppress(OSError, ValueError, AttributeError):
        found = os.get_terminal_size(stream.fileno())
        if found.columns > 0 and found.lines > 0:
            return found
    return shutil.get_terminal_size()


def takes(stream: TextIO) -> bool:
    """False where a write would wait: for a terminal that was stopped (Ctrl-S), or a pipe that nobody reads."""
    with suppress(OSError, ValueError, AttributeError):  # not a file; not on this system
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
        return bool(poll.poll(0))
    return True
