"""One thread that does everything with a store, in the order it was asked; waiting commits go together."""

from __future__ import annotations

import os
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from quantumjobs.errors import LedgerError, LedgerWriteError
from quantumjobs.ledgers.sqlite import forks
from quantumjobs.ledgers.sqlite.rows import Commit
from quantumjobs.ledgers.sqlite.store import Store

MOST = 512
"""Commits in one group."""
MOST_BYTES = 8 << 20
"""Bytes of bodies in one group (a single commit may have more)."""


class Ask(NamedTuple):
    """One operation: a commit, a question, or (neither) the end. The answer goes to `future`, in its loop."""

    loop: AbstractEventLoop | None
    future: Future[Any] | None
    commit: Commit | None = None
    work: Callable[[], Any] | None = None


Answer = tuple[Ask, Any, Exception | None]


class Writer:
    """The thread is a daemon: a program that forgets to close its ledger ends all the same.

    It starts with the first operation. What was asked before the end is answered.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: SimpleQueue[Ask] = SimpleQueue()
        self._lock = threading.Lock()  # nothing is put in the queue once nobody reads it
        self._thread: threading.Thread | None = None
        self._ended = False
        self._process = os.getpid()

    def put(self, ask: Ask) -> bool:
        """Ask something; False when the end was asked for before, and no answer will come."""
        with self._lock:
            if self._ended:
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="quantumjobs-ledger", daemon=True)
                self._thread.start()
            self._queue.put(ask)
            return True

    def end(self, loop: AbstractEventLoop | None = None, future: Future[Any] | None = None) -> bool:
        """Let the thread finish what was asked, and end; False when nobody will answer: it has ended, or never began."""
        if os.getpid() != self._process:
            return False  # a forked child: the thread is not here, and the lock may be anybody's
        with self._lock:
            if self._thread is None:
                self._ended = True
            if self._ended:
                return False
            self._queue.put(Ask(loop, future))
            return True

    # --- in the thread ----------------------------------------------------------------------
    def _run(self) -> None:
        # The frame keeps the store alive: in a forked child, where this thread is not, its connection is never closed.
        store = self._store
        open_ended = True
        while open_ended:
            waiting = [self._queue.get()]
            try:
                while len(waiting) < MOST:
                    waiting.append(self._queue.get_nowait())
            except Empty:
                pass
            with forks.held_off():
                open_ended = self._serve(store, waiting)

    def _serve(self, store: Store, waiting: Sequence[Ask]) -> bool:
        """False after the end."""
        answers: list[Answer] = []
        place = 0
        while place < len(waiting):
            ask = waiting[place]
            if ask.commit is not None:
                _deliver(answers)  # do not let those wait for the disk
                group, size = [ask], ask.commit.size
                while place + len(group) < len(waiting):
                    following = waiting[place + len(group)]
                    if following.commit is None or (size := size + following.commit.size) > MOST_BYTES:
                        break
                    group.append(following)
                _deliver(_commit(store, group))
                answers = []
                place += len(group)
                continue
            if ask.work is None:
                self._end(store, [*answers, (ask, None, None)], waiting[place + 1 :])
                return False
            answers.append(_answer(ask, ask.work))
            place += 1
        _deliver(answers)
        return True

    def _end(self, store: Store, answers: list[Answer], rest: Sequence[Ask]) -> None:
        store.close()
        late = list(rest)
        with self._lock:
            self._ended = True
            while not self._queue.empty():
                late.append(self._queue.get())
        for ask in late:
            error = closed(store, write=ask.commit is not None) if ask.commit or ask.work else None
            answers.append((ask, None, error))
        _deliver(answers)


def closed(store: Store, *, write: bool) -> LedgerError:
    """What is said to those who come too late."""
    return (LedgerWriteError if write else LedgerError)(f"this ledger is closed; make a new one for {store.path}")


def _commit(store: Store, group: Sequence[Ask]) -> list[Answer]:
    try:
        outcomes = store.commit_group([ask.commit for ask in group if ask.commit is not None])
    except Exception as error:  # a bug of ours must not leave anybody waiting
        return [(ask, None, _unexpected(error)) for ask in group]
    return [(ask, None, outcome) for ask, outcome in zip(group, outcomes, strict=True)]


def _unexpected(error: Exception) -> LedgerWriteError:
    refusal = LedgerWriteError(f"the ledger could not be written: {error!r}")
    refusal.__cause__ = error
    return refusal


def _answer(ask: Ask, work: Callable[[], Any]) -> Answer:
    try:
        return (ask, work(), None)
    except Exception as error:
        return (ask, None, error)


def _deliver(answers: Sequence[Answer]) -> None:
    """One call into each loop for all of them."""
    loops: dict[AbstractEventLoop, list[Answer]] = {}
    for answer in answers:
        if answer[0].loop is not None:
            loops.setdefault(answer[0].loop, []).append(answer)
    for loop, part in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, part)


def _settle(answers: Sequence[Answer]) -> None:
    for ask, value, error in answers:
        if ask.future is None or ask.future.done():
            continue
        if error is None:
            ask.future.set_result(value)
        else:
            ask.future.set_exception(error)
