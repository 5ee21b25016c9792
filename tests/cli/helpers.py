"""The command as a process of its own, and what these tests feed it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""
BAD = BELL.replace("cx ", "sea ex ")
LAYER = "".join(f"rx(0.1) q[{i}]; cx q[{i}], q[{i + 1}];\n" for i in range(23))
HEAVY = f'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[24];\ncreg c[24];\n{LAYER * 200}measure q -> c;\n'
"""Minutes of simulation."""

# A provider that is found by its entry point, as an installed plug-in is. Its jobs never end.
PLUGIN = """
from quantumjobs.testing import FakeProvider
def provider(settings):
    return FakeProvider("distant", pushes=True, **{"running": 1e6, **settings})
"""


def write_circuits(folder: Path) -> None:
    for name, text in (("bell", BELL), ("bad", BAD), ("heavy", HEAVY)):
        (folder / f"{name}.qasm").write_text(text, encoding="utf-8")


def install_plugin(folder: Path) -> None:
    """Make `distant` a provider of every process with `folder` on its path."""
    (folder / "distant_plugin.py").write_text(PLUGIN, encoding="utf-8")
    info = folder / "distant-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: distant\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[quantumjobs.providers]\ndistant = distant_plugin:provider\n", encoding="utf-8"
    )


class Command:
    """`quantumjobs …` as a process, with a mark in its environment by which its family is known."""

    def __init__(self, *arguments: str, folder: Path, on_terminal: bool = False, **environment: str) -> None:
        self.mark = f"quantumjobs-test-{uuid.uuid4().hex}"
        self._master = -1
        out = err = subprocess.PIPE
        if on_terminal:
            self._master, slave = pty.openpty()
            out = err = slave
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "quantumjobs.cli", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(folder))), "MARK": self.mark}
            | {"TERM": "xterm-256color", "COLUMNS": "70", "PYTHONIOENCODING": "utf-8"}
            | environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        if on_terminal:
            os.close(slave)

    def end(self) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        out, err = self.process.communicate(timeout=40)
        return self.process.returncode, out.decode(), err.decode()

    def seen(self) -> str:
        """All that a terminal was given, up to the end of the process."""
        pieces = []
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # so Linux says that the other end is closed
                break
            if not piece:
                break
            pieces.append(piece)
        self.process.wait(40)
        return b"".join(pieces).decode()

    def until_said(self, text: str) -> None:
        """Read standard error up to a line that has this text."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if text in line.decode():
                return
        raise AssertionError(f"it never said {text!r}")

    def family(self) -> list[int]:
        """All processes with the mark that live (none where there is no /proc)."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                marked = self.mark.encode() in (entry / "environ").read_bytes()
                if marked and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        if self._master >= 0:
            os.close(self._master)
        deadline = time.monotonic() + 5
        while (left := self.family()) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in left:
            os.kill(pid, 9)
        assert not left, "processes were left behind"
