"""Small programs in folders of their own, and the processes that belong to a folder."""

import io
import os
import signal
import tarfile
import textwrap
import time
from pathlib import Path

from quantumjobs.workers.programs import Plan, Run
from tests.workers.helpers import is_alive

FOR_EVER = "import time; print('begun'); time.sleep(600)"


def source(text="", **modules):
    """Gzip of tar: `text` as the module main, and further ones."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, body in {"main": text, **modules}.items():
            data = textwrap.dedent(body).encode()
            about = tarfile.TarInfo(f"{name}.py")
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
    return out.getvalue()


def placed(folder, text, *, entry_point="main", parameters=None, files=None, grace=5.0, **plan):
    run = Run(Path(folder))
    run.place(Plan(entry_point=entry_point, grace=grace, **plan), source(text), files or {}, parameters or {})
    return run


def ended(run):
    """Wait for the end, however long the test may take."""
    while not (state := run.state()).is_over:
        time.sleep(0.01)
    return state


def messages(run):
    found, after, more = [], 0, True
    while more:
        lines, after, more = run.lines(after)
        found += [message for _, message in lines]
    return found


def wrote(run, text):
    """Wait until the program has written this line; give all lines."""
    while text not in (found := messages(run)):
        time.sleep(0.01)
    return found


def family(folder):
    """All processes of a folder's: those that have it on their command line or in their environment."""
    mark = os.fsencode(Path(folder))
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark in told and is_alive(int(entry.name)):
                found.append(int(entry.name))
    return found


def supervisor(run):
    """The number of the process that watches over it: it leads the session."""
    (pid,) = [pid for pid in family(run.folder) if os.getsid(pid) == pid]
    return pid


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def gone(folder):
    """Wait until nothing of the folder's runs: what was killed takes a moment to end, as does who has said it."""
    while family(folder):
        time.sleep(0.01)


def cleared(folder):
    """For the end of a test: what still runs is given a moment, then killed, and is a failure."""
    deadline = time.monotonic() + 5
    while (left := family(folder)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in left:
        kill(pid)
    assert not left, "processes were left behind"
