"""Where it is drawn: a notebook's cell, a terminal, a pipe that nobody may read."""

from __future__ import annotations

import asyncio
import contextvars
import io
import os
import subprocess
import sys
import types
from concurrent.futures import Future
from contextlib import suppress

import pytest

from quantumjobs.core.records import Progress
from quantumjobs.core.states import JobState as S
from quantumjobs.display import places
from quantumjobs.display.bars import Drawer
from quantumjobs.display.places import Notebook, Terminal
from quantumjobs.display.streams import Stream
from tests.display.helpers import ROOT, Guarded, Tty, frame, snapshot


@pytest.fixture
def plain(monkeypatch):
    """No notebook, and a terminal as it should be."""
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def unloaded(plain):
    """Nothing was drawn in a terminal yet."""
    places._screens.cache_clear()
    yield
    places._screens.cache_clear()


# --- a terminal -------------------------------------------------------------------------
def test_rich_is_imported_in_a_thread_and_nothing_drawn_before():
    code = (
        "import asyncio, sys, threading, time; from tests.display.helpers import Tty, snapshot\n"
        "from quantumjobs.display import bars, places\n"
        "sys.stderr, load, may = Tty(), places._load, threading.Event()\n"
        "places._load = lambda screens: may.wait(30) and load(screens)\n"
        "async def main():\n"
        "    bar = bars.bars().job('x', snapshot()); await asyncio.sleep(0.4)\n"
        "    assert sys.stderr.getvalue() == '' and 'rich' not in sys.modules\n"
        "    may.set(); await asyncio.to_thread(places._screens().result, 30)\n"
        "    bar.put(snapshot()); await asyncio.sleep(0.4)\n"
        "    assert 'running' in sys.stderr.getvalue()\n"
        "    bar.close()\n"
        "asyncio.run(main())"
    )
    environment = {**os.environ, "TERM": "xterm"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=50, cwd=ROOT, env=environment)


def test_a_terminal_is_drawn_on_as_soon_as_that_is_possible(plain):
    stream, screens = Tty(), Future()
    terminal = Terminal(stream, screens)
    terminal.draw(frame("one"))
    assert stream.getvalue() == ""
    places._load(screens)
    terminal.draw(frame("one"))
    assert "one" in stream.getvalue()
    terminal.finish(frame("last"))
    assert "last" in stream.getvalue()


def test_bars_that_were_closed_before_that_are_not_missed(plain):
    stream = Tty()
    Terminal(stream, Future()).finish(frame("last"))
    assert stream.getvalue() == ""


async def test_in_a_terminal_without_rich_news_are_told(unloaded, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    stream = Tty()
    monkeypatch.setattr(sys, "stderr", stream)
    bar = Drawer().job("bell", snapshot(S.QUEUED))
    bar.put(snapshot(S.RUNNING))
    bar.close()
    assert stream.getvalue() == "bell: queued\nbell: running\n"


async def test_with_a_rich_that_cannot_be_imported_news_are_told_from_then_on(unloaded, monkeypatch):
    stream, load, loads = Tty(), places._load, []
    monkeypatch.setitem(sys.modules, "quantumjobs.display.screen", None)
    monkeypatch.setattr(places, "_load", loads.append)
    monkeypatch.setattr(sys, "stderr", stream)
    show = Drawer()
    first = show.job("first", snapshot())
    load(places._screens())
    await asyncio.sleep(2)
    first.close()
    assert stream.getvalue() == ""
    show.job("second", snapshot()).close()
    assert stream.getvalue() == "second: running\n"


@pytest.mark.parametrize(
    ("stream", "term", "kind"), [(Tty, "xterm", Terminal), (Tty, "dumb", Stream), (io.StringIO, "xterm", Stream)]
)
def test_a_terminal_is_one_that_moves_its_cursor(plain, monkeypatch, stream, term, kind):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stderr", stream())
    assert type(places.find()) is kind


# --- elsewhere --------------------------------------------------------------------------
async def test_elsewhere_a_line_per_change_is_told(plain, monkeypatch, capsys):
    show = Drawer()
    job, same = show.job("bell\x1b[2J", snapshot(S.QUEUED)), show.job("bell", snapshot(S.QUEUED))
    job.put(snapshot(S.QUEUED, queue_position=4))
    job.put(snapshot(S.QUEUED, queue_position=4))
    job.put(snapshot(S.RUNNING, progress=Progress(1, 4)))
    job.put(snapshot(S.RUNNING, progress=Progress(2, 4)))
    job.put(snapshot(S.COMPLETED))
    job.close()
    same.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        rf"bell\x1b[2J: {news}" for news in ("queued", "queued, 4 ahead", "running", "completed")
    ]


async def test_elsewhere_a_group_tells_of_every_tenth(plain, capsys):
    group = Drawer().group("jobs")
    for over in range(1001):
        group.update(over, 1000)
    group.close()
    told = [f"jobs: {tenth} % over" for tenth in range(0, 100, 10)]
    assert capsys.readouterr().err.splitlines() == [*told, "jobs: 1000 of 1000 over"]


async def test_elsewhere_a_group_that_is_left_tells_how_far_it_was(plain, capsys):
    group = Drawer().group("jobs")
    group.update(3, 7)
    group.close()
    assert capsys.readouterr().err.splitlines() == ["jobs: 40 % over", "jobs: 3 of 7 over"]


async def test_a_pipe_that_nobody_reads_is_not_waited_for(plain, monkeypatch):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while os.write(writer, b"x" * 65536):
            pass
    stream = Guarded(writer)
    monkeypatch.setattr(sys, "stderr", stream)
    bar = Drawer().job("bell", snapshot(S.QUEUED))
    bar.put(snapshot(S.QUEUED, queue_position=4))
    assert stream.getvalue() == ""
    os.set_blocking(reader, False)
    with suppress(BlockingIOError):
        while os.read(reader, 65536):
            pass
    bar.put(snapshot(S.RUNNING))
    bar.close()
    os.close(reader)
    os.close(writer)
    assert stream.getvalue() == "bell: running\n"
    assert stream.waited == 0


@pytest.mark.parametrize("stream", [None, "closed"])
async def test_without_a_standard_error_nothing_is_told(plain, monkeypatch, stream):
    if stream == "closed":
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    show = Drawer()
    bar = show.job("bell", snapshot())
    bar.put(snapshot(S.COMPLETED))
    bar.close()


async def test_a_standard_error_that_breaks_is_no_reason_to_fail(plain, monkeypatch):
    class Broken(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Broken())
    show = Drawer()
    bar = show.job("bell", snapshot())
    bar.put(snapshot(S.COMPLETED))
    bar.close()


# --- a notebook -------------------------------------------------------------------------
class Shell:
    """IPython in a kernel: the cell is found in the context, as ipykernel 7 does it."""

    def __init__(self) -> None:
        self.kernel = object()
        self.display_pub = self
        self.cell = contextvars.ContextVar("cell", default="nobody's")
        self.outputs: dict[str, list[tuple[str, dict[str, str]]]] = {}
        self.error: Exception | None = None

    @property
    def parent_header(self):
        return {"msg_id": self.cell.get()}

    def display(self, bundle, *, raw, display_id, update):
        if self.error is not None:
            raise self.error
        assert raw
        assert update is (display_id in self.outputs)
        self.outputs.setdefault(display_id, []).append((self.cell.get(), bundle))


@pytest.fixture
def shell(monkeypatch) -> Shell:
    shell = Shell()
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: shell
    ipython.display = display
    display.display = shell.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shell


async def in_cell(shell: Shell, cell: str, wait) -> None:
    async def run() -> None:
        shell.cell.set(cell)
        await wait()

    await asyncio.create_task(run())


async def test_in_a_notebook_the_cell_has_one_output_whose_last_frame_stays(shell, capsys):
    show = Drawer()

    async def wait() -> None:
        bars = [show.job(f"<b>{at}", snapshot(id=str(at))) for at in range(1000)]
        await asyncio.sleep(5)
        for bar in bars:
            bar.put(snapshot(S.COMPLETED, id=bar.snapshot.id))
            bar.close()

    await in_cell(shell, "cell 1", wait)
    (frames,) = shell.outputs.values()
    assert {cell for cell, _ in frames} == {"cell 1"}
    first, last = frames[0][1], frames[-1][1]
    assert "&lt;b&gt;0" in first["text/html"]
    assert "<b>0" not in first["text/html"]
    assert first["text/plain"].startswith("<b>0  running")
    assert last["text/plain"] == "████████████████████  1000/1000 jobs over: 1000 completed"
    assert 'aria-valuenow="1000"' in last["text/html"]
    assert capsys.readouterr() == ("", "")


async def test_each_cell_has_an_output_of_its_own_whoever_sets_the_timers(shell):
    show = Drawer()
    bars = {}

    async def wait(cell: str) -> None:
        bars[cell] = show.job(cell, snapshot(id=cell))
        await asyncio.sleep(3)
        bars[cell].close()

    async def engine() -> None:  # runs in the context of the first cell, or of none
        for _ in range(10):
            await asyncio.sleep(0.25)
            for cell, bar in bars.items():
                bar.put(snapshot(S.QUEUED, id=cell))

    await asyncio.gather(engine(), *(in_cell(shell, cell, lambda cell=cell: wait(cell)) for cell in "ab"))
    assert len(shell.outputs) == 2
    for frames in shell.outputs.values():
        (cell,) = {cell for cell, _ in frames}
        assert frames[-1][1]["text/plain"].startswith(f"{cell}  queued")


async def test_a_notebook_that_shows_nothing_is_no_reason_to_fail(shell):
    shell.error = RuntimeError("no front end")
    show = Drawer()
    bar = show.job("bell", snapshot())
    await asyncio.sleep(2)
    bar.put(snapshot(S.COMPLETED))
    bar.close()


@pytest.mark.parametrize("header", [None, "text", {}, {"msg_id": 7}])
def test_a_kernel_that_does_not_name_its_cells_has_one_place(shell, header):
    shell.display_pub = types.SimpleNamespace(parent_header=header)
    place = places.find()
    assert type(place) is Notebook
    assert place.key == ("notebook", None)


def test_ipython_in_a_terminal_is_a_terminal(shell, monkeypatch):
    del shell.kernel
    monkeypatch.setattr(sys, "stderr", Tty())
    monkeypatch.setenv("TERM", "xterm")
    assert type(places.find()) is Terminal


def test_ipython_is_not_imported_where_nobody_runs_it():
    code = (
        "import sys; from quantumjobs.display import places, bars; places.find();"
        "assert not {'IPython', 'rich'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50, cwd=ROOT)
