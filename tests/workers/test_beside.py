"""Calls beside the loop, also while the main thread ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from quantumjobs.workers.beside import beside

pytestmark = pytest.mark.real_time


async def test_a_call_is_made_in_another_thread() -> None:
    assert await beside(threading.get_ident) != threading.get_ident()


async def test_a_pool_that_refuses_because_the_program_ends_is_done_without() -> None:
    class Ending(ThreadPoolExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    asyncio.get_running_loop().set_default_executor(Ending(1))
    assert await beside(int, "3") == 3
    with pytest.raises(ValueError, match="nonsense"):
        await beside(int, "nonsense")
