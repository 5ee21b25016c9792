"""What would stall the loop, and is no work for a worker process: imports, in a thread.

The thread is one of the loop's own executor, which waits for it when the loop ends: an import must not go on while the
interpreter goes. But Python's thread pools refuse work once the main thread has ended, though other threads of the
program go on; then each call gets a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class ThreadEach(Executor):
    """An executor without a pool, for few calls."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    value = fn(*args, **kwargs)
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(value)

        threading.Thread(target=work, name="quantumjobs import", daemon=True).start()
        return future


def beside(function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
    """Call it in a thread; its loop, which must be running, goes on."""
    loop = asyncio.get_running_loop()
    if threading.main_thread().is_alive():
        try:
            return loop.run_in_executor(None, function, *args)
        except RuntimeError:  # it ends at this very moment: alive still, and its thread pools refuse work already
            pass
    return loop.run_in_executor(_EACH, function, *args)


_EACH = ThreadEach()
