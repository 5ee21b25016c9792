"""The commands about jobs as processes: one ledger, many programs, Ctrl-C, and what is loaded for a look at it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from tests.cli.helpers import HEAVY, LAYER, ROOT, Command, install_plugin


@pytest.fixture
def call(folder):
    """A command as a process: exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with Command(*arguments, folder=folder) as command:
            return command.end()

    return call


def detach(folder) -> str:
    """Run a job at the distant provider, and stop waiting when it runs; its id."""
    with Command("run", "bell.qasm", "--backend", "distant/sim", "--progress", "--json", folder=folder) as command:
        command.until_said("running")
        command.process.send_signal(signal.SIGINT)
        code, out, _ = command.end()
    assert code == 130
    return json.loads(out)["jobs"][0]["job"]


def test_what_one_process_ran_another_finds_again(folder, call):
    code, out, _ = call("run", "bell.qasm", "--shots", "50", "--json")
    assert code == 0
    job = json.loads(out)["jobs"][0]["job"]
    code, out, err = call("jobs")
    assert (code, err) == (0, "")
    assert re.search(rf"^{job[:8]}  completed +\d+ s  aer +bell\.qasm$", out, re.MULTILINE)
    code, out, err = call("result", job[:8])
    assert (code, err) == (0, "")
    assert "50 shots" in out


def test_a_simulation_that_ctrl_c_cancelled_is_listed_as_such(folder, call):
    with Command("run", "heavy.qasm", "--progress", folder=folder) as command:
        command.until_said("running")
        command.process.send_signal(signal.SIGINT)
        assert command.end()[0] == 130
    code, out, _ = call("jobs")
    assert code == 0
    assert "cancelled" in out


def test_ctrl_c_stops_watching_and_not_the_job(folder, call):
    install_plugin(folder)
    job = detach(folder)
    with Command("watch", "--progress", folder=folder) as command:
        command.until_said("running")
        command.process.send_signal(signal.SIGINT)
        code, out, err = command.end()
    assert (code, out) == (130, "")
    assert err == "quantumjobs: interrupted: 1 job goes on\n"
    document = json.loads(call("jobs", "--json")[1])
    assert [(one["job"], one["state"]) for one in document["jobs"]] == [(job, "running")]


def test_ctrl_c_ends_the_wait_for_a_result_and_says_where_the_job_is(folder):
    install_plugin(folder)
    job = detach(folder)
    with Command("result", job, "--progress", folder=folder) as command:
        command.until_said("running")
        command.process.send_signal(signal.SIGINT)
        code, out, err = command.end()
    assert (code, out) == (130, "")
    assert err == f"quantumjobs: interrupted: job {job} goes on at distant as remote-0\n"


def test_a_simulation_whose_program_was_killed_runs_again_where_its_result_is_asked_for(folder, call):
    layer = "".join(LAYER.splitlines(keepends=True)[:20])
    some = HEAVY.replace(LAYER * 200, layer * 4).replace("[24]", "[21]")  # a second or so
    (folder / "some.qasm").write_text(some, encoding="utf-8")
    with Command("run", "some.qasm", "--shots", "7", "--seed", "3", "--progress", folder=folder) as command:
        command.until_said("running")
        command.process.kill()
        command.end()
    code, out, _ = call("jobs", "--json")
    (job,) = json.loads(out)["jobs"]
    assert (code, job["state"]) == (0, "running")
    code, out, err = call("result", job["job"], "--json")
    assert (code, err) == (0, "")
    again = json.loads(out)["jobs"][0]
    assert (again["state"], again["seed"]) == ("completed", 3)


def test_a_look_at_the_ledger_loads_nothing_heavy(folder, call):
    code, out, _ = call("run", "bell.qasm", "--shots", "5", "--json")
    assert code == 0
    job = json.loads(out)["jobs"][0]["job"]
    for arguments in (["jobs"], ["show", job], ["doctor"], ["gc", "--older-than", "1d"], ["export", "new"]):
        source = (
            f"import sys; from quantumjobs.cli import main; code = main({arguments!r}); "
            "print('heavy:', *{'qiskit', 'qiskit_aer', 'numpy', 'httpx', 'rich.console'} & sys.modules.keys()); sys.exit(code)"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", source],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].strip() == "heavy:"
