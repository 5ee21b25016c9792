"""Ctrl-C at the very end of a command."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from quantumjobs.cli.interrupts import Interrupts


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_when_a_command_is_over_a_press_finds_no_pipe_that_the_loop_is_about_to_close():
    async def main() -> None:
        with Interrupts():
            fd = signal.set_wakeup_fd(-1)
            assert fd >= 0  # the loop's, while the command waits
            signal.set_wakeup_fd(fd)
        assert signal.set_wakeup_fd(-1) == -1
        signal.raise_signal(signal.SIGINT)  # heard by nobody
        await asyncio.sleep(0)

    asyncio.run(main())


def test_the_first_press_cancels_what_waits():
    async def main() -> str:
        with Interrupts():
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return "cancelled"
        return "slept"

    assert asyncio.run(main()) == "cancelled"
