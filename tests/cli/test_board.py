"""Progress on standard error: drawn on a terminal, told elsewhere, and out of the way of everything else."""

from __future__ import annotations

import asyncio
import io
import sys

import quantumjobs as qj
from quantumjobs.cli.board import Board
from quantumjobs.cli.terminal import Terminal
from quantumjobs.testing import FakeProvider


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def on_screen(monkeypatch) -> Screen:
    """To be called by the test: between fixtures and tests pytest puts its own streams back."""
    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


async def follow(board: Board, fake: FakeProvider) -> None:
    async with qj.Client(ledger="memory", providers={"fake": fake}) as client, board:
        line = board.line("bell\x1b[2J.qasm")
        job = await client.backend("fake/sim").run("OPENQASM;")
        line.follow(job)
        await job
        await line.leave(job)
        board.lines.remove(line)


async def test_on_a_terminal_it_is_drawn_and_cleared(monkeypatch):
    screen = on_screen(monkeypatch)
    await follow(Board(Terminal()), FakeProvider(queued=5, running=5))
    seen = screen.getvalue()
    assert r"bell\x1b[2J.qasm  queued         0:02" in seen
    assert r"bell\x1b[2J.qasm  running" in seen
    assert seen.rstrip().endswith("\x1b[2K")
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1  # the cursor is there again


async def test_what_is_over_at_once_draws_nothing(monkeypatch):
    screen = on_screen(monkeypatch)
    await follow(Board(Terminal()), FakeProvider(pushes=True))
    assert screen.getvalue() == ""


async def test_it_goes_out_of_the_way_of_a_message(monkeypatch):
    screen = on_screen(monkeypatch)
    terminal = Terminal()
    board = Board(terminal)
    async with board:
        board.line("slow.qasm")
        await asyncio.sleep(1)
        terminal.say("something")
        assert screen.getvalue().endswith("\x1b[2Kquantumjobs: something\n")
        await asyncio.sleep(1)
    assert screen.getvalue().count("slow.qasm") > 2


async def test_no_progress_on_a_terminal_is_no_progress(monkeypatch):
    screen = on_screen(monkeypatch)
    board = Board(Terminal(), wanted=False)
    assert not board.is_used
    await follow(board, FakeProvider(queued=5, running=5))
    assert screen.getvalue() == ""


async def test_elsewhere_nothing_is_told_unless_asked_for(capsys):
    await follow(Board(Terminal()), FakeProvider(queued=5, running=5))
    assert capsys.readouterr().err == ""


async def test_elsewhere_a_line_per_change_is_told_where_asked_for(capsys):
    await follow(Board(Terminal(), wanted=True), FakeProvider(queued=5, running=5))
    assert capsys.readouterr().err.splitlines() == [
        rf"bell\x1b[2J.qasm: {state}" for state in ("queued", "running", "completed")
    ]


async def test_a_closed_standard_error_is_no_reason_to_fail(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    await follow(Board(Terminal(), wanted=True), FakeProvider(queued=5, running=5))
