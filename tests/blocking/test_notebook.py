"""A real Jupyter kernel: its main thread runs an event loop, in which cells are executed."""

from __future__ import annotations

import os
import signal
import textwrap
import threading
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.endtoend.helpers import MARK, ROOT, needs_proc, pids, stat

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(120)]  # Jupyter's warnings are Jupyter's

SETUP = """
import asyncio, os, threading, time
from quantumjobs.blocking import Client, as_completed
from quantumjobs.testing import FakeProvider
bell = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'
fake = FakeProvider(queued=0.6, running=0.6, min_interval=0.05)
client = Client(providers={"fake": fake})
"""


class Notebook:
    """Cells, executed one after the other in a kernel of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mark = f"{MARK}=notebook-{os.getpid()}-{time.monotonic_ns()}"
        monkeypatch.setenv(MARK, self.mark.partition("=")[2])
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("PYTHONWARNINGS", "ignore")
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
            monkeypatch.setenv(name, str(folder / name.lower()))
        self.book = nbformat.v4.new_notebook()
        self.client = NotebookClient(self.book, timeout=60, kernel_name="python3", resources={})

    def run(self, source: str) -> list[nbformat.NotebookNode]:
        """Execute one more cell; its outputs."""
        cell = nbformat.v4.new_code_cell(textwrap.dedent(source).strip())
        self.book.cells.append(cell)
        self.client.execute_cell(cell, len(self.book.cells) - 1)
        return cell.outputs

    def text(self, source: str) -> str:
        """The same; what it printed."""
        outputs = self.run(source)
        assert all(one.output_type == "stream" and one.name == "stdout" for one in outputs), outputs
        return "".join(one.text for one in outputs)

    def family(self) -> list[int]:
        found = []
        for pid in pids():
            try:
                if self.mark.encode() in Path(f"/proc/{pid}/environ").read_bytes() and stat(pid) is not None:
                    found.append(pid)
            except OSError:
                continue
        return [pid for pid in found if pid != os.getpid()]


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    book = Notebook(tmp_path, monkeypatch)
    with book.client.setup_kernel():
        book.run(SETUP)
        yield book


def test_cells_wait_for_jobs_while_the_kernels_loop_runs(notebook):
    assert notebook.text("print(asyncio.get_running_loop().is_running())") == "True\n"
    assert notebook.text('job = client.backend("aer").run(bell); print(sum(job.result().counts.values()))') == "1024\n"
    assert notebook.text('print([str(s.state) for s in client.backend("fake/sim").run(bell).events()][-1])') == (
        "completed\n"
    )
    both = """
    import quantumjobs as qj
    async with qj.Client() as other:
        job = await other.backend("aer").run(bell)
        print(len((await job).counts), len(client.jobs()))
    """
    assert notebook.text(both) == "2 3\n"  # two outcomes; both clients are on one ledger
    many = """
    jobs = [client.backend(name).run(bell) for name in ["aer", "fake/sim"] * 3]
    print(len([job.result() for job in as_completed(jobs, timeout=60)]))
    """
    assert notebook.text(many) == "6\n"


def test_a_job_and_a_result_show_themselves(notebook):
    (shown,) = notebook.run('job = client.backend("aer").run(bell, name="<b>bell</b>"); result = job.result(); result')
    assert "<table" in shown.data["text/html"]
    assert shown.data["text/plain"].startswith("<Result")
    (shown,) = notebook.run("job")
    assert "completed" in shown.data["text/html"]
    assert "<b>bell</b>" not in shown.data["text/html"]
    assert shown.data["text/plain"].startswith("<Job")
    (shown,) = notebook.run("result.plot()")
    assert "image/png" in shown.data


@pytest.mark.parametrize("switch", ["", "client.progress = True\n"])
def test_progress_is_drawn_in_the_cell_that_waits_and_stays_there(notebook, switch):
    waits = "result()" if switch else "result(progress=True)"
    (drawn,) = notebook.run(f'{switch}job = client.backend("fake/sim").run(bell, name="bell"); job.{waits}; None')
    assert drawn.output_type == "display_data"
    assert "bell" in drawn.data["text/html"]
    assert "completed" in drawn.data["text/html"]
    assert "completed" in drawn.data["text/plain"]
    group = """
    jobs = [client.backend("fake/sim").run(bell) for _ in range(30)]
    for job in as_completed(jobs, progress=True):
        pass
    """
    (drawn,) = notebook.run(group)
    assert "30/30" in drawn.data["text/plain"]
    assert notebook.run("job.result(progress=True); None") == []  # it is there: nothing to wait for


def test_logs_are_printed_in_the_cell_that_asks_in_a_colour_for_each_instance(notebook):
    source = """
    from tests.engine.programs import ProgramProvider
    fake = ProgramProvider(running=0.5, min_interval=0.05)
    client = Client(ledger="memory", providers={"fake": fake})
    fake.write("one"); fake.write("two", stream="algo-2")
    job = client.hybrid_job("fake/sim", "train.py")
    """
    assert notebook.run(source) == []
    coloured = "\x1b[34mone\x1b[0m\n\x1b[35mtwo\x1b[0m\n"
    assert notebook.text("job.print_logs(follow=True)") == coloured
    assert notebook.text('client.hybrid_job("fake/sim", "train.py", wait_until_complete=True); None') == coloured


def test_progress_is_drawn_on_the_async_side_too(notebook):
    source = """
    import quantumjobs as qj
    fake.cloud.queued = 3.0  # a display that has seen all its jobs end is closed: none ends before the last is sent
    async with qj.Client(providers={"fake": fake}, progress=True) as other:
        jobs = await asyncio.gather(*(other.backend("fake/sim").run(bell) for _ in range(50)))
        results = await asyncio.gather(*jobs)
    """
    drawn = notebook.run(source)
    assert 1 <= len(drawn) <= 3, "fifty displays would be no help"
    assert "50" in drawn[-1].data["text/plain"]


def test_nothing_is_drawn_unless_it_is_asked_for(notebook):
    assert notebook.run('client.backend("fake/sim").run(bell).result(); None') == []


@pytest.mark.alone
def test_interrupting_the_kernel_ends_the_wait_and_not_the_job(notebook):
    notebook.run('fake.cloud.running = 3600.0; job = client.backend("fake/sim").run(bell)')
    kernel = int(notebook.text("print(os.getpid())"))
    took = []
    for _ in range(5):
        waiting = """
        print("waiting", flush=True)
        try:
            job.result()
        except KeyboardInterrupt:
            print(time.monotonic())
        """
        sent = []

        def interrupt(sent=sent):
            time.sleep(1.0)
            sent.append(time.monotonic())
            os.kill(kernel, signal.SIGINT)  # which is what the interrupt button does

        thread = threading.Thread(target=interrupt)
        thread.start()
        caught = float(notebook.text(waiting).split()[-1])
        thread.join()
        took.append(caught - sent[0])
    assert sorted(took)[2] < 0.2, took
    assert notebook.text("print(job.done(), job.cancel())") == "False cancelled\n"


@needs_proc
def test_a_kernel_that_is_shut_down_leaves_nothing(tmp_path, monkeypatch):
    book = Notebook(tmp_path, monkeypatch)
    with book.client.setup_kernel():
        book.run(SETUP)
        book.run('jobs = [client.backend(name).run(bell) for name in ("aer", "fake/sim")]; jobs[0].result(); None')
        assert book.family()
    deadline = time.monotonic() + 10
    while left := book.family():
        assert time.monotonic() < deadline, f"left behind: {left}"
        time.sleep(0.05)


def test_the_example_notebook_runs_and_shows_what_it_promises(notebook):
    book = nbformat.read(ROOT / "examples" / "notebook.ipynb", as_version=4)
    nbformat.validate(book)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells), "a notebook is kept without its outputs"
    outputs = [notebook.run(cell.source) for cell in cells]
    shown = [one for made in outputs for one in made if one.output_type == "execute_result"]
    assert ["image/png" in one.data for one in shown] == [False, True, False]
    assert all("text/html" in one.data for one in (shown[0], shown[2]))
    printed = "".join(one.text for made in outputs for one in made if one.output_type == "stream")
    assert printed.startswith("('step 10', 1000)\n")
    assert printed.endswith("1024\n")
