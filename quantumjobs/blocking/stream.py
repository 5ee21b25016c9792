"""An async iterator, one blocking step at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from quantumjobs.errors import QuantumJobsError

if TYPE_CHECKING:
    from quantumjobs.blocking.bridge import Bridge

T = TypeVar("T")
_END: Any = object()


class Stream(Iterator[T]):
    """What happens, as a blocking iterator: `for snapshot in job.events()`.

    Ctrl-C ends the wait for the next item and loses none: iterating goes on where it was. `close()` ends the stream, and
    so does leaving a `with` block around it, or dropping it. Threads may share one; each item goes to one of them.
    """

    def __init__(self, bridge: Bridge, source: AsyncIterator[T]) -> None:
        self._bridge = bridge
        self._source = _Source(source)
        self._next: Future[T] | None = None
        self._turn = threading.Lock()
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        self._bridge.portal.check()  # before the turn: after a fork, whoever has it may not be here
        with self._turn:
            if self._closed:
                raise StopIteration
            if self._next is None:
                self._next = self._bridge.portal.start(self._source.next())
            try:
                found = self._bridge.portal.wait(self._next)
            except CancelledError:  # closed meanwhile
                raise StopIteration from None
            except QuantumJobsError as error:
                self._bridge.told(error)
                raise
            finally:
                if self._next.done():
                    self._next = None
            if found is _END:
                self._closed = True
                raise StopIteration
            return found

    def close(self) -> None:
        """Stop following. A wait for the next item, in another thread, ends like the stream."""
        if not self._closed:
            self._closed = True
            self._bridge.portal.call(self._source.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self._bridge.portal.post(self._source.aclose())


class _Source(Generic[T]):
    """Lives in the loop; apart from the stream, so that closing it there does not keep the stream alive."""

    def __init__(self, source: AsyncIterator[T]) -> None:
        self._source = source
        self._step: asyncio.Task[Any] | None = None

    async def next(self) -> T:
        self._step = asyncio.current_task()
        return await anext(self._source, _END)

    async def aclose(self) -> None:
        if self._step is not None and not self._step.done():  # a generator that runs cannot be closed
            self._step.cancel()
            await asyncio.wait([self._step])
        end = getattr(self._source, "aclose", None)
        if end is not None:
            await end()
