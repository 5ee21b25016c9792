"""Every program in `examples/` runs as it stands, and prints what its first lines promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
LINES = 50

PROMISED = {
    "aqt_cloud.py": (
        r"backends: aqt/ws/ibex, .*\ncancel: cancelled\ncounts: \{'00': \d+, '11': \d+\}\n"
        r"states: submitting queued (running )?completed\n"
    ),
    "await_one.py": r"counts: \{'00': \d+, '11': \d+\}\nseed: 7 .*\n(  \w+ -> \w+\n)+",
    "blocking_script.py": (
        r"one: \{'1': 100\}\n(angle [23]\.\d+: (9\d|100)% ones\n)+"
        r"no result after half a second; cancel: cancelled\nJobCancelled: job cancelled\n"
    ),
    "braket_cloud.py": (
        r"backends: braket/sv1, .*braket/Garnet.*\non a simulator: \{'00': \d+, '11': \d+\}\nhalf a turn: \{'1': 100\}\n"
        r"exact: \[0\.5, 0\.0, 0\.0, 0\.5\] 1\.0\nestimate: about 0\.735 USD\n"
        r"on a chip: \[\['00', '11'\], \['00', '11'\], \['00', '11'\]\] in 1 task\ncost: 0\.735 USD\n"
    ),
    "cancel_and_timeout.py": (
        r"no result after half a second; the job is (queued|running)\n"
        r"cancel: cancelled\nawaiting it now raises: JobCancelled\nstate: cancelled\n"
    ),
    "fake_cloud.py": r"hasty/sim failed: .*\nstormy/sim won after 1\.\d+ hours; jobs that ran twice: 0\n",
    "gather_many.py": r"angle 0\.00: 0\.00 of 200 shots\n(.*\n)+1[0-2] jobs, [1-3] of them a closer look\n",
    "hybrid_job.py": (
        r"log: starts at \[0\.1, 2\.0\] inside a job: True\nmetrics: 20 energies, from 0\.090 to -1\.250\n"
        r"result: -1\.250 \(exact: -1\.250\)\n"
    ),
    "own_provider/main.py": (
        r"acme/anvil: \{'00': \d+, '11': \d+\}\naer: \{'00': \d+, '11': \d+\}\nnot sent: circuits\[0\]: 9 qubits; ACME has 8\n"
    ),
    "iqm_server.py": (
        r"backends: iqm/garnet, .*iqm/deneb.*\njobs ahead: 0 1\non a lattice: \{'0000': \d+, '1111': \d+\}\n"
        r"timeline: created .*completed.*\non a star: \{'0000': \d+, '1111': \d+\}\nflipped back: \{'0 0': \d+, '0 1': \d+\}\n"
    ),
    "originq_cloud.py": (
        r"backends: originq/full_amplitude, .*originq/WK_C180.*\nOpenQASM: \{'00': \d+, '11': \d+\}\nOriginIR: \{'01': 100\}\n"
        r"exact: \{'00': 0\.5, '11': 0\.5\}\noutcomes with noise: 4\nexpectation values: \[1\.0, 1\.0, 0\.0\]\n"
        r"on a chip: \[\['00', '11'\], \['00', '11'\], \['00', '11'\]\]\n"
    ),
    "never_twice.py": (
        r"start 2, step 0: \{'0': 100\}\n(start \d, step \d: .*\n)+start 4, step 2: \{'1': 100\}\n"
        r"4 starts, 3 of them killed; jobs in the cloud: 3\n"
    ),
    "progress_events.py": r"150 circuits, 75000 shots\n(\d{10}  #+ .*\n){5}and \d+ more outcomes",
    "web_app.py": r"1000 shots in one answer; \d{2,} other requests were answered meanwhile\n",
    "vqe.py": r"energy after \d+ evaluations: -1\.8[4-7]\d \(exact: -1\.857\)\n",
}


def test_every_example_is_run_here():
    folders = {f"{file.parent.name}/main.py" for file in FOLDER.glob("*/*.py")}
    assert {file.name for file in FOLDER.glob("*.py")} | folders == PROMISED.keys()


@pytest.mark.parametrize("name", PROMISED)
def test_an_example_runs_and_prints_what_it_promises(name):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / name)],
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(PROMISED[name], done.stdout), done.stdout


@pytest.mark.parametrize("name", PROMISED)
def test_an_example_is_short_and_says_what_it_shows(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert len(text.splitlines()) < LINES
