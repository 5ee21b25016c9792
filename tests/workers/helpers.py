"""Small tools for tests with real processes."""

import asyncio
import os
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTIONS = "tests.workers.functions:"


def run(coroutine):
    """Run on asyncio's own loop; a hang is cut off well before the test's own timeout, with a traceback."""

    async def bounded():
        async with asyncio.timeout(40):
            return await coroutine

    return asyncio.run(bounded())


def cpu_seconds(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(pid, within=1.0):
    """Wait for the end of a process; the seconds it took."""
    begun = time.monotonic()
    while is_alive(pid):
        assert time.monotonic() - begun < within, f"process {pid} is still there"
        await asyncio.sleep(0.01)
    return time.monotonic() - begun


async def until(condition, within=10.0):
    """Wait for what comes about by itself."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"it has not come about within {within} s"
        await asyncio.sleep(0.01)


class Program:
    """A program of a user's, in a process group of its own and with a mark in its environment."""

    def __init__(self, source, *, how="file", folder=None, args=(), **environment):
        self.mark = f"quantumjobs-test-{uuid.uuid4().hex}"
        source = textwrap.dedent(source)
        command, data = [sys.executable, "-W", "error"], None
        if how == "file":
            script = Path(folder) / "script.py"
            script.write_text(source)
            command += [str(script), *args]
        elif how == "-c":
            command += ["-c", source]
        else:
            command += ["-"]
            data = source
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT), "MARK": self.mark, "PYTHONUNBUFFERED": "1", **environment},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if data is not None:
            self.process.stdin.write(data)
            self.process.stdin.close()
            self.process.stdin = None

    def finish(self):
        """Wait for a good end; what it printed. Nothing may be left of it."""
        out, err = self.process.communicate(timeout=40)
        assert self.process.returncode == 0, err
        assert err == ""
        assert self.family() == []
        return out

    def line(self):
        return self.process.stdout.readline().strip()

    def family(self):
        """Give all processes with the mark in their environment."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if self.mark.encode() in (entry / "environ").read_bytes() and is_alive(int(entry.name)):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        deadline = time.monotonic() + 2
        while (left := self.family()) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in left:
            os.kill(pid, 9)
        assert not left, "processes were left behind"
