"""A terminal that others write to as well: bars stand below what is printed meanwhile, and stay when it is over."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import subprocess
import sys
import termios
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.core.records import Progress
from quantumjobs.core.states import JobState as S
from quantumjobs.display import places, streams
from quantumjobs.display.bars import Drawer
from quantumjobs.display.screen import Screen
from tests.display.helpers import ROOT, Guarded, Terminal, Tty, frame, snapshot


@pytest.fixture
def plain(monkeypatch):
    """No notebook, a terminal as it should be, and what draws is loaded: these loops do not wait for threads."""
    monkeypatch.setitem(sys.modules, "IPython", None)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "60", "LINES": "20"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    places._screens().result(30)


def on_terminal(monkeypatch) -> Tty:
    """To be called by the test: between fixtures and tests pytest puts its own streams back."""
    stream = Tty()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def seen(stream: io.StringIO, columns: int = 60, rows: int = 20) -> list[str]:
    terminal = Terminal(columns, rows)
    terminal.feed(stream.getvalue())
    return terminal.seen


# --- bars -------------------------------------------------------------------------------
async def test_bars_are_drawn_below_and_the_last_ones_stay(plain, monkeypatch):
    stream = on_terminal(monkeypatch)
    show = Drawer()
    one, two = show.job("one", snapshot(S.QUEUED, id="1")), show.job("two", snapshot(id="2", progress=Progress(1, 4)))
    await asyncio.sleep(1.0)
    assert seen(stream) == ["one  queued         0:00", "two  running        0:00  █████░░░░░░░░░░░░░░░  1/4"]
    for bar in (one, two):
        bar.put(snapshot(S.COMPLETED, id=bar.snapshot.id))
        bar.close()
    assert seen(stream) == ["one  completed      0:01", "two  completed      0:01"]
    assert stream.getvalue().endswith("\n")
    assert "\x1b[?25" not in stream.getvalue()  # the cursor is not hidden
    assert sys.stderr is stream


def test_a_terminal_that_became_narrow_is_drawn_anew(plain, monkeypatch):
    stream = Tty()
    screen = Screen(stream)
    screen.draw(frame("one"))
    monkeypatch.setenv("COLUMNS", "20")
    screen.draw(frame("one"))
    assert seen(stream) == ["one  running      …"]
    screen.finish()


def test_the_same_frame_is_not_drawn_twice(plain):
    stream = Tty()
    screen = Screen(stream)
    screen.draw(frame("one"))
    written = len(stream.getvalue())
    screen.draw(frame("one"))
    assert len(stream.getvalue()) == written
    screen.finish()


def test_colours_are_left_out_where_nobody_wants_them(plain, monkeypatch):
    coloured, bare = Tty(), Tty()
    Screen(coloured).finish(frame("one"))
    monkeypatch.setenv("NO_COLOR", "1")
    Screen(bare).finish(frame("one"))
    assert "\x1b[36mrunning\x1b[0m" in coloured.getvalue()
    assert "[36m" not in bare.getvalue()
    assert seen(coloured) == seen(bare)


def test_a_label_is_text(plain):
    stream = Tty()
    Screen(stream).finish(frame("[bold]x[/bold] :smile:"))
    assert seen(stream)[0].startswith("[bold]x[/bold] :smile:  running")


def test_a_narrow_encoding_gets_ascii(plain):
    stream = Tty()
    stream.encoding = "ascii"
    Screen(stream).finish(frame("é"))
    assert stream.getvalue().isascii()
    assert "######........" in stream.getvalue()


# --- what is printed meanwhile ----------------------------------------------------------
async def test_what_is_printed_meanwhile_stands_above_the_bars(plain, monkeypatch):
    stream = on_terminal(monkeypatch)
    show = Drawer()
    bars = [show.job(f"bar {at}", snapshot(id=str(at))) for at in range(3)]
    print("before\nnot ended", end="", file=sys.stderr)
    for at in range(30):
        await asyncio.sleep(1)
        print(f"printed {at}", file=sys.stderr)
    await asyncio.sleep(1)
    above = ["before", "not ended", *(f"printed {at}" for at in range(30))]
    clocks = seen(stream)[-3:]
    assert seen(stream) == [*above, *clocks]
    for bar in bars:
        bar.close()
    print("after", file=sys.stderr)
    last = [f"bar {at}  running        0:31" for at in range(3)]
    assert seen(stream) == [*above, *last, "after"]
    assert sys.stderr is stream


@given(
    st.lists(st.tuples(st.integers(1, 6), st.lists(st.text("xyz", min_size=1, max_size=30), max_size=4)), max_size=12),
    st.integers(4, 12),
)
def test_no_line_that_is_printed_is_lost(steps, rows):
    stream = Tty()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams.shutil, "get_terminal_size", lambda: os.terminal_size((200, rows)))
        patch.setattr(sys, "stderr", stream)
        screen = Screen(stream)
        for bars, texts in steps:
            screen.draw(frame(*map(str, range(min(bars, rows - 2)))))
            for text in texts:
                print(text, file=sys.stderr)
        screen.finish(frame("last"))
        assert sys.stderr is stream
    *printed, last = seen(stream, 200, rows)
    assert printed == [text for _, texts in steps for text in texts]
    assert last.startswith("last  running")


def test_what_is_printed_is_no_markup(plain, monkeypatch):
    stream = on_terminal(monkeypatch)
    screen = Screen(stream)
    screen.draw(frame("one"))
    print("[bold]x[/bold] :smile: 'a' 1", file=sys.stderr)
    screen.finish()
    assert seen(stream)[0] == "[bold]x[/bold] :smile: 'a' 1"


def test_threads_that_print_lose_nothing(plain, monkeypatch):
    stream = on_terminal(monkeypatch)
    screen = Screen(stream)
    screen.draw(frame("one", "two"))  # Rich sees to it as long as there are as many lines as before

    def work(name: str) -> None:
        for at in range(100):
            print(f"<{name}{at}>\n", end="", file=sys.stderr)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for _ in range(100):
        screen.draw(frame("one", "two"))
    for thread in threads:
        thread.join()
    screen.finish(frame("last"))
    text = "\n".join(seen(stream))
    assert all(text.count(f"<{name}{at}>") == 1 for name in "abcd" for at in range(100))


def test_what_goes_elsewhere_goes_there(plain, monkeypatch):
    stream, other = on_terminal(monkeypatch), io.StringIO()
    monkeypatch.setattr(sys, "stdout", other)
    screen = Screen(stream)
    screen.draw(frame("one"))
    print("caught")
    screen.finish()
    assert other.getvalue() == "caught\n"
    assert sys.stdout is other


# --- when something fails ---------------------------------------------------------------
def test_a_terminal_that_was_stopped_is_not_waited_for(plain):
    master, slave = pty.openpty()
    stream = Guarded(slave)
    screen = Screen(stream)
    termios.tcflow(slave, termios.TCOOFF)  # Ctrl-S
    screen.draw(frame("one"))
    assert stream.getvalue() == ""
    termios.tcflow(slave, termios.TCOON)  # Ctrl-Q
    screen.draw(frame("one"))
    assert "one" in stream.getvalue()
    termios.tcflow(slave, termios.TCOOFF)
    screen.finish(frame("last"))
    assert "last" not in stream.getvalue()
    assert stream.waited == 0
    os.close(slave)
    os.close(master)


class Broken(Tty):
    is_broken = False

    def write(self, text: str) -> int:
        if self.is_broken:
            raise OSError(5, "gone")
        return super().write(text)


@pytest.mark.parametrize("way", ["draw", "finish"])
def test_a_terminal_that_breaks_has_its_streams_back(plain, monkeypatch, way):
    stream = Broken()
    monkeypatch.setattr(sys, "stderr", stream)
    screen = Screen(stream)
    screen.draw(frame("one"))
    stream.is_broken = True
    with pytest.raises(OSError, match="gone"):
        getattr(screen, way)(frame("two"))
    assert sys.stderr is stream
    stream.is_broken = False
    written = len(stream.getvalue())
    screen.draw(frame("three"))
    screen.finish(frame("four"))
    assert len(stream.getvalue()) == written


# --- a real terminal --------------------------------------------------------------------
IMPORTS = """
import asyncio, os, sys, threading, time
from quantumjobs.core.records import Progress
from quantumjobs.core.states import JobState as S
from quantumjobs.display.bars import bars
from quantumjobs.display import places
from tests.display.helpers import snapshot

def opened():
    bar = bars().job("bell", snapshot(progress=Progress(1, 4)))
    places._screens().result(30)
    return bar
"""


def on_pty(code: str, **streams) -> tuple[list[str], str, subprocess.Popen]:
    """What a person saw, what was written for that, and the program, whose end is awaited."""
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    program = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", IMPORTS + code],
        env={**environment, "COLUMNS": "60", "LINES": "20"},
        **{"stdin": subprocess.DEVNULL, "stdout": slave, "stderr": slave, **streams},
        start_new_session=True,
    )
    os.close(slave)
    pieces = []
    with suppress(OSError):  # so Linux says that the other end is closed
        while piece := os.read(master, 65536):
            pieces.append(piece)
    os.close(master)
    program.wait(40)
    written = b"".join(pieces).decode()
    terminal = Terminal(60, 20)
    terminal.feed(written)
    return terminal.seen, written, program


WAIT = """
async def main():
    print("before", flush=True)
    print("not ended", end="")
    bar = opened()
    await asyncio.sleep(0.6)
    print("meanwhile", flush=True)
    await asyncio.to_thread(print, "aside", file=sys.stderr)
    await asyncio.sleep(1.2)
    bar.put(snapshot(S.COMPLETED))
    bar.close()
    print("after", threading.active_count() - len(asyncio.get_running_loop()._default_executor._threads))

asyncio.run(main())
assert (sys.stdout, sys.stderr) == (sys.__stdout__, sys.__stderr__)
"""


def test_on_a_real_terminal_bars_are_drawn_and_stay():
    (*above, last, after), written, program = on_pty(WAIT)
    assert program.returncode == 0
    assert "█████" in written
    assert above == ["before", "not ended", "meanwhile", "aside"]
    assert last.split()[:2] == ["bell", "completed"]
    assert after == "after 1"


def test_what_is_printed_into_a_pipe_goes_there():
    reader, writer = os.pipe()
    (*above, last), _, program = on_pty(WAIT, stdout=writer)
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        assert pipe.read() == "before\nnot endedmeanwhile\nafter 1\n"
    assert program.returncode == 0
    assert above == ["aside"]
    assert last.split()[:2] == ["bell", "completed"]


def test_a_program_that_ends_with_open_bars_leaves_them():
    code = """
async def main():
    opened()
    await asyncio.sleep(0.5)
    print("meanwhile")

asyncio.run(main())
print("the loop is gone")
print("not ended", end="")
"""
    lines, written, program = on_pty(code)
    assert program.returncode == 0
    assert [line.split("  ")[0] for line in lines] == ["meanwhile", "the loop is gone", "not ended", "bell"]
    assert "\x1b[?25" not in written


def test_a_program_that_fails_with_open_bars_says_why():
    lines, _, program = on_pty(
        "async def main():\n    opened()\n    await asyncio.sleep(0.5)\n    1 / 0\nasyncio.run(main())"
    )
    assert program.returncode == 1
    assert lines[0].startswith("Traceback")
    assert lines[-2] == "ZeroDivisionError: division by zero"
    assert lines[-1].startswith("bell")


def test_a_fork_prints_and_draws_nothing():
    code = """
import warnings

async def main():
    bar = opened()
    await asyncio.sleep(0.5)
    warnings.simplefilter("ignore")  # of what is tested here: a fork while there are threads
    child = os.fork()
    if not child:
        print("child")
        bar.put(snapshot(S.FAILED))
        bar.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("parent", status)
    bar.close()

asyncio.run(main())
"""
    lines, written, program = on_pty(code)
    assert program.returncode == 0
    assert "child\r\n" in written
    assert "failed" not in written
    assert lines[-2] == "parent 0"
    assert lines[-1].startswith("bell")


def test_a_program_that_is_killed_leaves_a_cursor():
    _, written, program = on_pty(
        "async def main():\n    opened()\n    await asyncio.sleep(0.5)\n    os._exit(3)\nasyncio.run(main())"
    )
    assert program.returncode == 3
    assert "bell" in written
    assert "\x1b[?25" not in written
