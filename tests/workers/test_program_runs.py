"""Programs in folders: what is told of them is true, whatever becomes of them and of who watches over them."""

import json
import os
import subprocess
import sys
import tarfile
import textwrap
import time
from pathlib import Path

import pytest

from quantumjobs.errors import UsageError
from quantumjobs.workers.programs import Plan, Run
from tests.workers.helpers import ROOT, is_alive
from tests.workers.runs import FOR_EVER, cleared, ended, family, gone, kill, messages, placed, source, supervisor, wrote


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path):
    yield
    cleared(tmp_path)


@pytest.fixture
def folder(tmp_path):
    """A job's folder to be."""
    return tmp_path / "jobs" / "first"


def finished(folder, text, **options):
    run = placed(folder, text, **options)
    run.start()
    return run, ended(run)


def elsewhere(script, *args):
    """Another process of the user's."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


STARTS = """
    import sys, time
    from pathlib import Path
    from quantumjobs.workers.programs import Run
    run = Run(Path(sys.argv[1]))
    run.start(follow_parent="follow" in sys.argv)
    print("started", flush=True)
    if "stay" in sys.argv:
        time.sleep(600)
"""


# --- how programs end ---------------------------------------------------------------------
def test_a_program_that_ends_well(folder, monkeypatch):
    monkeypatch.setenv("AMZN_BRAKET_JOB_TOKEN", "of the job that this process may be in")
    monkeypatch.setenv("MINE", "\udcff€")
    text = """
        import json, os, sys
        from pathlib import Path
        results = Path(os.environ["AMZN_BRAKET_JOB_RESULTS_DIR"])
        print("begun", file=sys.stderr)
        (results / "results.json").write_text('{"a": 1}')
        (results / "plots").mkdir()
        (results / "plots" / "one.txt").write_text("plot")
        (Path(os.environ["AMZN_BRAKET_CHECKPOINT_DIR"]) / "c.json").write_text("{}")
        print(json.dumps({
            "mine": os.environ["MINE"], "cwd": os.getcwd(), "path": sys.path[0], "name": __name__,
            "data": Path(os.environ["AMZN_BRAKET_INPUT_DIR"], "input", "deep", "x.csv").read_text(),
            "parameters": json.load(open(os.environ["AMZN_BRAKET_HP_FILE"])),
            "braket": {name: value for name, value in os.environ.items() if name.startswith("AMZN_BRAKET")},
        }))
    """
    run = placed(
        folder,
        text,
        parameters={"n": "3"},
        files={"input/deep/x.csv": b"1,2"},
        variables={"AMZN_BRAKET_JOB_NAME": "first"},
    )
    assert run.state().state == "queued"
    assert run.lines() == ([], 0, False)
    run.start()
    state = ended(run)
    assert (state.state, state.reason, state.exit_code) == ("completed", "", 0)
    assert state.started_at < state.ended_at
    begun, told = messages(run)
    assert begun == "begun"
    assert (folder / "log.txt").read_text() == f"begun\n{told}\n"
    told = json.loads(told)
    inside = folder / ".quantumjobs"
    assert told["cwd"] == told["path"] == str(inside / "code")
    assert (told["name"], told["data"], told["parameters"]) == ("__main__", "1,2", {"n": "3"})
    assert told["mine"] == "\udcff€"
    assert told["braket"] == {
        "AMZN_BRAKET_JOB_NAME": "first",
        "AMZN_BRAKET_SCRIPT_ENTRY_POINT": "main",
        "AMZN_BRAKET_JOB_RESULTS_DIR": str(folder),
        "AMZN_BRAKET_CHECKPOINT_DIR": str(inside / "checkpoints"),
        "AMZN_BRAKET_INPUT_DIR": str(inside / "input/data"),
        "AMZN_BRAKET_HP_FILE": str(inside / "input/config/hyperparameters.json"),
    }
    with tarfile.open(run.packed) as tar:
        assert tar.getnames() == ["plots", "plots/one.txt", "results.json"]
    assert run.cancel() is False
    assert run.state() == state


def test_a_function_gets_the_hyperparameters_that_fit_it(folder):
    text = "def begin(n: int, rate: float = 0.5, note='x'): print(repr((n, rate, note)))"
    run, state = finished(folder, text, entry_point="main:begin", parameters={"n": "3", "note": "7"})
    assert state.state == "completed"
    assert messages(run) == ["(3, 0.5, '7')"]


def test_a_function_that_the_hyperparameters_do_not_fit_is_called_without(folder):
    run, state = finished(folder, "def begin(n=1): print(n)", entry_point="main:begin", parameters={"m": "3"})
    assert state.state == "completed"
    assert messages(run) == ["1"]


@pytest.mark.parametrize(
    ("text", "reason", "code"),
    [
        ("raise ValueError('no such angle')", "ValueError: no such angle", 1),
        ("raise KeyError", "KeyError", 1),
        ("import sys; print('bad input'); sys.exit(3)", "it ended with exit code 3: bad input", 3),
        ("import sys; sys.exit('no device')", "it ended with exit code 1: no device", 1),
        ("import os; os.abort()", "it was killed by signal 6, SIGABRT", -6),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'", 1),
        ("input()", "EOFError: EOF when reading a line", 1),
        ("raise ValueError('x' * 5000)", "ValueError: " + "x" * 1012, 1),
    ],
)
def test_a_program_that_fails_says_why(folder, text, reason, code):
    run, state = finished(folder, text)
    assert (state.state, state.reason, state.exit_code) == ("failed", reason, code)
    assert (folder / "log.txt").read_text().endswith(f"Process exited with code: {code}")
    assert f"Process exited with code: {code}" not in messages(run)
    assert run.packed.exists()


def test_a_traceback_begins_in_the_users_code(folder):
    run, _ = finished(folder, "def f():\n    raise ValueError('boom')\nf()")
    lines = messages(run)
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{folder}/.quantumjobs/code/main.py", line 3, in <module>'
    assert lines[-1] == "ValueError: boom"


def test_an_entry_point_that_is_not_there(folder):
    run, state = finished(folder, "", entry_point="other.module")
    assert state.state == "failed"
    assert "No module named 'other'" in state.reason
    assert messages(run)[-1] == state.reason


# --- wishes -------------------------------------------------------------------------------
CHILD = """
    import subprocess, sys, time
    {first}
    child = subprocess.Popen([sys.executable, "-c", "import time; {then}; print('child', flush=True); time.sleep(600)"])
    time.sleep({seconds})
"""
IGNORE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def test_a_cancelled_program_ends_with_all_that_it_began(folder):
    run = placed(folder, CHILD.format(first="", then="0", seconds=600))
    run.start()
    wrote(run, "child")
    assert len(family(folder)) == 4  # supervisor, warden, program, child
    assert run.cancel() is True
    state = ended(run)
    assert (state.state, state.reason, state.exit_code) == ("cancelled", "", -15)
    gone(folder)
    assert run.packed.exists()


def test_a_program_that_does_not_listen_is_killed(folder):
    run = placed(folder, CHILD.format(first=IGNORE, then=IGNORE, seconds=600), grace=0.1)
    run.start()
    wrote(run, "child")
    assert run.cancel() is True
    state = ended(run)
    assert (state.state, state.exit_code) == ("cancelled", -9)
    gone(folder)


def test_a_program_may_tidy_up_when_it_is_cancelled(folder):
    text = """
        import signal, sys, time
        def tidy(*_):
            print("tidied")
            sys.exit(0)
        signal.signal(signal.SIGTERM, tidy)
        print("begun")
        time.sleep(600)
    """
    run = placed(folder, text)
    run.start()
    wrote(run, "begun")
    run.cancel()
    assert ended(run).state == "cancelled"
    assert messages(run) == ["begun", "tidied"]


def test_what_is_cancelled_before_it_began_never_begins(folder):
    run = placed(folder, "open('begun', 'w')")
    assert run.cancel() is True
    assert run.state().state == "cancelled"
    run.start()
    assert run.state().state == "cancelled"
    assert not (folder / ".quantumjobs/code/begun").exists()


def test_sigterm_to_the_supervisor_is_a_cancel(folder):
    run = placed(folder, FOR_EVER)
    run.start()
    wrote(run, "begun")
    os.kill(supervisor(run), 15)
    assert ended(run).state == "cancelled"


def test_a_program_that_takes_too_long_fails(folder):
    _, state = finished(folder, FOR_EVER, max_runtime=0.3)
    assert (state.state, state.reason) == ("failed", "it ran longer than 0.3 s, which is its limit")


def test_what_a_program_leaves_running_ends_with_it(folder):
    text = """
        import subprocess, sys
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"], stdout=subprocess.PIPE
        )
        child.stdout.readline()
        print(child.pid)
    """
    run, state = finished(folder, text)
    assert state.state == "completed"
    pid = int(messages(run)[0])
    while is_alive(pid):
        time.sleep(0.01)


def test_a_child_that_escaped_does_not_hold_up_the_end(folder):
    text = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        print(child.pid)
    """
    run, state = finished(folder, text)
    pid = int(messages(run)[0])
    try:
        assert state.state == "completed"
        assert is_alive(pid)  # it is none of ours any more
    finally:
        kill(pid)


def test_a_program_that_closes_its_output_goes_on(folder):
    text = "import os, time; print('out'); os.close(1); os.close(2); time.sleep(0.1); os._exit(4)"
    _, state = finished(folder, text)
    assert (state.state, state.reason) == ("failed", "it ended with exit code 4: out")


# --- who watches over it ------------------------------------------------------------------
def test_without_its_supervisor_a_program_ends_and_is_never_begun_again(folder):
    run = placed(folder, CHILD.format(first=IGNORE, then=IGNORE, seconds=600))
    run.start()
    wrote(run, "child")
    kill(supervisor(run))
    state = ended(run)
    assert (state.state, state.reason) == ("failed", "the process that watched over it was ended")
    gone(folder)
    run.start()
    assert run.state() == state
    assert messages(run) == ["child"]


def test_a_program_goes_on_without_the_client_and_is_found(folder):
    placed(folder, "import time; print('begun'); time.sleep(1); print('on')")
    with elsewhere(STARTS, folder, "stay") as client:
        assert client.stdout.readline() == "started\n"
        client.kill()
    run = Run(folder)
    assert run.state().state == "running"
    assert ended(run).state == "completed"
    assert messages(run) == ["begun", "on"]


def test_a_program_that_follows_ends_with_the_client(folder):
    run = placed(folder, CHILD.format(first=IGNORE, then=IGNORE, seconds=600))
    with elsewhere(STARTS, folder, "stay", "follow") as client:
        assert client.stdout.readline() == "started\n"
        wrote(run, "child")
        client.kill()
    state = ended(run)
    assert (state.state, state.reason) == ("failed", "the process that began it has ended")
    gone(folder)


def test_however_many_begin_it_at_once_it_runs_once(folder):
    run = placed(folder, "import os; open('runs', 'a').write('x')")
    clients = [elsewhere(STARTS, folder) for _ in range(4)]
    for client in clients:
        assert client.communicate() == ("started\n", None)
        assert client.returncode == 0
    assert ended(run).state == "completed"
    assert (folder / ".quantumjobs/code/runs").read_text() == "x"


def test_secrets_are_told_to_the_program_alone(folder):
    canary = "canary-5f2b9c"
    run = placed(folder, "import os, time; print(len(os.environ['KEY'])); time.sleep(600)")
    run.start({"KEY": canary})
    wrote(run, str(len(canary)))
    watching = Path(f"/proc/{supervisor(run)}")
    assert canary.encode() not in (watching / "environ").read_bytes() + (watching / "cmdline").read_bytes()
    run.cancel()
    ended(run)
    assert all(canary.encode() not in file.read_bytes() for file in folder.rglob("*") if file.is_file())


# --- folders ------------------------------------------------------------------------------
def test_a_folder_is_placed_once(folder):
    placed(folder, "print(1)")
    run = placed(folder, "print(2)")
    run.start()
    ended(run)
    assert messages(run) == ["1"]
    assert [each.name for each in folder.parent.iterdir()] == ["first"]


def test_a_folder_of_somebody_elses_is_left_alone(folder):
    folder.mkdir(parents=True)
    (folder / "mine").touch()
    with pytest.raises(UsageError, match="is there already"):
        placed(folder, "")
    assert [each.name for each in folder.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//x", "a/.", "", "a\\..\\x", "a/\0"])
def test_input_goes_nowhere_else(folder, name):
    with pytest.raises(UsageError, match="input file"):
        placed(folder, "", files={name: b"x"})
    assert list(folder.parent.iterdir()) == []


def test_without_a_folder_there_is_no_state(folder):
    with pytest.raises(FileNotFoundError):
        Run(folder).state()


def test_a_folder_may_be_named_by_any_path(folder, monkeypatch):
    """Also below the working directory, which is another one later."""
    folder.parent.mkdir()
    monkeypatch.chdir(folder.parent)
    run = Run(Path("first"))
    run.place(Plan(entry_point="main"), source("print('here')"))
    monkeypatch.chdir("/")
    run.start()
    assert ended(run).state == "completed"
