"""The command as its users have it: a process, a shell, a terminal, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.helpers import BELL, ROOT, Command, install_plugin


def python(source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def test_circuits_run_on_the_simulator_and_again_with_the_seed_that_was_printed(folder):
    with Command("run", "bell.qasm", "bad.qasm", "--shots", "300", folder=folder) as command:
        code, out, err = command.end()
    assert code == 1  # one did, one did not
    assert re.fullmatch(r"quantumjobs: bad\.qasm, line 6, column \d+: .*\n", err)
    seed = re.search(r"300 shots, --seed (\d+) repeats it", out)
    counts = dict(re.findall(r"^  (\d\d)  #+ +(\d+)", out, re.MULTILINE))
    assert counts.keys() == {"00", "11"}
    with Command(
        *("run", "bell.qasm", "--shots", "300", "--seed", seed[1], "--json"),
        folder=folder,
    ) as command:
        code, out, err = command.end()
    assert (code, err) == (0, "")
    (job,) = json.loads(out)["jobs"]
    assert {outcome: str(number) for outcome, number in job["circuits"][0]["counts"].items()} == counts
    assert job["seed"] == int(seed[1])


def test_openqasm_comes_from_standard_input_and_its_errors_name_the_line(folder):
    source = (
        "import io, sys; from quantumjobs.cli import main; sys.stdin = io.TextIOWrapper(io.BytesIO({!r}.encode()));"
        "sys.exit(main(['run', '-', '--shots', '5']))"
    )
    good = python(source.format(BELL))
    assert good.returncode == 0, good.stderr
    assert good.stdout.startswith("standard input on aer: completed\n")
    bad = python(source.format(BELL.replace("h q", "hh q")))
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("quantumjobs: standard input, line 5, column 1: ")


def test_ctrl_c_ends_a_simulation_and_leaves_no_process(folder):
    with Command("run", "heavy.qasm", "--progress", folder=folder) as command:
        command.until_said("running")
        command.process.send_signal(signal.SIGINT)
        code, out, err = command.end()
    assert (code, out) == (130, "")
    assert re.fullmatch(r"quantumjobs: heavy\.qasm: interrupted: job \w+ is cancelled\n", err)


def test_impatient_ctrl_cs_change_nothing(folder):
    with Command("run", "heavy.qasm", "--progress", folder=folder) as command:
        command.until_said("running")
        for _ in range(3):
            command.process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        code, out, err = command.end()
    assert (code, out) == (130, "")
    assert "Traceback" not in err


def test_ctrl_c_detaches_from_a_provider_and_prints_the_ids(folder):
    install_plugin(folder)
    with Command("run", "bell.qasm", "--backend", "distant/sim", "--progress", "--json", folder=folder) as command:
        command.until_said("running")
        command.process.send_signal(signal.SIGINT)
        code, out, err = command.end()
    assert code == 130
    document = json.loads(out)
    (job,) = document["jobs"]
    assert document["exit_code"] == 130
    assert job["remote_id"] == "remote-0"
    assert job["state"] == "running"
    assert f"job {job['job']} goes on at distant as remote-0" in err


def test_a_timeout_ends_a_simulation(folder):
    with Command("run", "heavy.qasm", "--timeout", "1", folder=folder) as command:
        code, out, err = command.end()
    assert (code, out) == (5, "")
    assert err.startswith("quantumjobs: heavy.qasm: not done within 1 s: ")


def test_a_reader_that_leaves_ends_it_quietly(folder):
    with Command("run", "bell.qasm", "heavy.qasm", folder=folder) as command:
        command.process.stdout.close()
        err = command.process.stderr.read()
        assert command.process.wait(40) == 141
    assert err == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full disk to write to")
@pytest.mark.parametrize("arguments", [("run", "--help"), ("backends",)])
def test_a_full_disk_is_said(folder, arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "quantumjobs.cli", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=40,
            check=False,
        )
    assert done.returncode == 141
    assert done.stderr == "quantumjobs: standard output cannot be written: No space left on device\n"


def test_on_a_terminal_there_are_colours_and_progress_that_is_cleared(folder):
    with Command("run", "bell.qasm", "--seed", "1", folder=folder, on_terminal=True) as command:
        seen = command.seen()
    assert command.process.returncode == 0
    assert "bell.qasm  preparing" in seen
    assert re.search(r"\x1b\[36m█+", seen)
    cleared = seen.rindex("\x1b[2K")
    assert seen.index("on aer: completed") > cleared


def test_no_color_is_obeyed_on_a_terminal(folder):
    with Command("run", "bell.qasm", "--no-progress", folder=folder, on_terminal=True, NO_COLOR="1") as command:
        seen = command.seen()
    assert "\x1b" not in seen
    assert "█" in seen


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_its_packages_it_says_what_to_install(package):
    done = python(
        f"import sys; sys.modules[{package!r}] = None; from quantumjobs.cli import main; sys.exit(main(['--help']))"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'quantumjobs[cli]'" in done.stderr
    assert f"'{package}'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"], ["run", "none.qasm"]])
def test_what_needs_no_circuit_loads_nothing_heavy(arguments):
    done = python(
        f"import sys; from quantumjobs.cli import main; main({arguments!r}); "
        "print('heavy:', *{'qiskit', 'qiskit_aer', 'numpy', 'httpx', 'rich.console'} & sys.modules.keys())"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "heavy:"
