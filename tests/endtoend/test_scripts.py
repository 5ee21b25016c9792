"""Programs as people write them: without a guard, in one line, on stdin; they print what they print, and no more."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.endtoend.helpers import Program, needs_proc

pytestmark = needs_proc

UNGUARDED = """
import qiskit
with open("runs", "a") as file:
    file.write("x")
circuit = qiskit.QuantumCircuit(2)
circuit.x(0)
circuit.measure_all()
async def main():
    async with qj.Client() as client:
        job = await client.backend("aer").run(circuit, shots=7)
        say((await job).counts)
asyncio.run(main())
"""


def test_a_program_needs_no_guard(tmp_path):
    with (
        Program(UNGUARDED, tmp_path) as script,
        Program(UNGUARDED, tmp_path, how="-c") as line,
        Program(UNGUARDED, tmp_path, how="stdin") as piped,
    ):
        for program in (script, line, piped):
            assert program.finish() == "{'01': 7}\n"
    assert (tmp_path / "runs").read_text() == "xxx"  # the main module was not run again in a worker


# Every ending a job can have, a wait that is given up, and a job that is left running.
EVERYTHING = """
async def main():
    async with qj.Client() as client:
        aer = client.backend("aer")
        result = await (await aer.run(bell))
        assert sum(result.counts.values()) == 1024
        bad = bell.replace("OPENQASM 2.0;", "OPENQASM 2.0; opaque odd a;").replace("h q[0]", "odd q[0]")
        for wrong in (aer.run(bad), aer.run("nowhere.qasm"), aer.run(bell, shot=5)):
            try:
                await wrong
            except qj.UsageError:
                pass
            else:
                raise AssertionError
        failing = await aer.run(heavy, time_limit=0.2)
        cancelled = await aer.run(heavy)
        assert await cancelled.cancel() == "cancelled"
        for job, kind in ((failing, qj.JobFailed), (cancelled, qj.JobCancelled)):
            try:
                await job
            except kind:
                pass
            else:
                raise AssertionError
        unseen = await aer.run(heavy, time_limit=0.2)  # nobody asks how it ended
        await unseen.wait()
        left = await aer.run(heavy)
        try:
            async with asyncio.timeout(0.1):
                await left
        except TimeoutError:
            pass
        task = asyncio.create_task(left.result())  # nobody looks at this one either
        await asyncio.sleep(0.1)
        task.cancel()
asyncio.run(main())
"""


def test_nothing_is_printed(tmp_path):
    with (
        Program(EVERYTHING, tmp_path, how="-c", warn="") as usual,
        Program(EVERYTHING, tmp_path, how="-c", warn="error") as strict,
    ):
        assert usual.finish() == ""
        assert strict.finish() == ""


RUN_AND_TELL = """
async def main():
    async with qj.Client() as client:
        aer = client.backend("aer")
        first, many = await aer.run(bell, shots=8), await aer.run([bell] * 30, shots=8)
        say(sum((await first).counts.values()), len(await many))
asyncio.run(main())
"""


def test_a_bad_tmpdir_does_not_matter(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with (
        Program(RUN_AND_TELL, tmp_path, how="-c", TMPDIR="/proc") as unwritable,  # not even root writes there
        Program(RUN_AND_TELL, tmp_path, how="-c", TMPDIR=str(tmp_path / "nowhere")) as missing,
        Program(RUN_AND_TELL, tmp_path, how="-c", TMPDIR=str(tmp_path / "file")) as no_folder,
    ):
        for program in (unwritable, missing, no_folder):
            assert program.finish() == "8 30\n"


def test_a_full_disk_does_not_matter(tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"NOT TESTED: a full disk (mounting one is not allowed here: {mounted.stderr.strip()})")
    try:
        with open(full / "filler", "wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
            while True:
                filler.write(bytes(4096))
        with Program(RUN_AND_TELL, tmp_path, how="-c", TMPDIR=str(full), HOME=str(full)) as program:
            assert program.finish() == "8 30\n"
        assert os.listdir(full) == ["filler"]
    finally:
        subprocess.run(["umount", str(full)], check=True)
