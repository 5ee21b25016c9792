"""The test-suite's own rules, tried on a suite of bad and good tests in a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
SUITE = """
import asyncio, gc, os, time, warnings
import pytest
from hypothesis import given, strategies as st

@pytest.fixture
def number(): return 7

async def test_good_a_day_takes_no_time(number):
    before, real = asyncio.get_running_loop().time(), time.monotonic()
    await asyncio.sleep(86_400)
    assert number == 7
    assert asyncio.get_running_loop().time() - before >= 86_400
    assert time.monotonic() - real < 10

@pytest.mark.real_time
async def test_good_real_time_is_real():
    real = time.monotonic()
    await asyncio.sleep(0.05)
    assert time.monotonic() - real > 0.04

class TestInAClass:
    @pytest.mark.parametrize("x", [1, 2])
    async def test_good_method(self, x, number):
        assert x + number in (8, 9)

loops = set()

@given(st.integers())
async def test_good_given(x):
    loops.add(id(asyncio.get_running_loop()))
    await asyncio.sleep(60)

@pytest.mark.parametrize("kind", ["a", "b"])
@given(x=st.integers())
async def test_good_given_with_a_parameter(kind, x):
    await asyncio.sleep(60)

@given(st.integers())
async def test_bad_given(x):
    assert x < 100

async def test_bad_assertion():
    await asyncio.sleep(1)
    assert False

async def test_bad_leftover():
    task = asyncio.create_task(asyncio.sleep(1000), name="forgotten")
    await asyncio.sleep(0)

async def test_good_cancelled_at_the_end():
    task = asyncio.create_task(asyncio.sleep(1000))
    await asyncio.sleep(0)
    task.cancel()

async def boom():
    raise ValueError("nobody looks")

async def test_bad_unseen_exception():
    task = asyncio.create_task(boom())
    await asyncio.sleep(1)

async def test_bad_callback():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(1)

def test_bad_warning():
    warnings.warn("oh", DeprecationWarning)

def test_bad_never_awaited():
    boom()
    gc.collect()

def test_good_no_credentials():
    assert "AQT_TOKEN" not in os.environ
    assert os.environ["HOME"].startswith(os.environ["QUANTUMJOBS_STATE_DIR"].rpartition("/")[0])

async def test_bad_hang():
    while True:
        await asyncio.sleep(1)

async def test_good_after_a_hang():
    await asyncio.sleep(1)

async def test_bad_hang_that_the_alarm_ends_between_two_steps():
    asyncio.get_running_loop().call_later(5, pytest.fail, "the alarm")
    while True:
        await asyncio.sleep(1)
"""


SPREAD = """
import asyncio, os, time
import pytest
from tests.tally import tally

loops = []

def sleep(kind, request):
    begun = time.monotonic()
    time.sleep(0.15)
    with open("times", "a") as file:
        file.write(f"{kind} {os.getpid()} {begun} {time.monotonic()}\\n")
    tally(request.config)["slept"] += 1

@pytest.mark.parametrize("n", range(10))
def test_beside(n, request):
    sleep("beside", request)

@pytest.mark.alone
@pytest.mark.parametrize("n", range(4))
def test_alone(n, request):
    sleep("alone", request)

async def test_whose_loop_reports_something_when_it_is_closed():
    loops.append(asyncio.get_running_loop())

@pytest.fixture(scope="module", autouse=True)
def late():
    yield
    for loop in loops:
        loop.call_exception_handler({"message": "nobody was left to hear it"})
"""


def run(suite: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "test_suite.py").write_text(suite)
    config = ["-c", str(HERE.parent / "pyproject.toml"), f"--rootdir={folder}", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *config, *options, "test_suite.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_good_tests_pass_and_bad_tests_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AQT_TOKEN", "not for tests")
    done = run(SUITE, tmp_path, "-rA", "--timeout=3")
    outcome = dict(
        map(reversed, re.findall(r"^(PASSED|FAILED|ERROR) \S+?(test_(?:good|bad)_\S+)", done.stdout, re.MULTILINE))
    )
    names = set(re.findall(r"def (test_\w+)", SUITE))
    assert {name.partition("[")[0] for name in outcome} == names, done.stdout
    wrong = [name for name, word in outcome.items() if (word == "PASSED") != name.startswith("test_good")]
    assert not wrong, done.stdout
    assert "forgotten" in done.stdout
    assert "nobody looks" in done.stdout
    assert "division by zero" in done.stdout
    assert "Failed: the alarm" in done.stdout


def test_spread_over_processes_what_measures_is_alone_and_what_is_counted_or_late_is_told(tmp_path: Path) -> None:
    done = run(SPREAD, tmp_path, "-n", "2", "--dist", "worksteal")
    assert "15 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1, "what a loop reported late is a failure, whichever process heard it"
    assert "nobody was left to hear it" in done.stdout
    assert "slept: 14" in done.stdout
    lines = [line.split() for line in (tmp_path / "times").read_text().splitlines()]
    spans = [(kind, float(begun), float(ended)) for kind, _, begun, ended in lines]
    assert len({process for _, process, _, _ in lines}) == 2
    met = [
        (kind, other)
        for at, (kind, begun, ended) in enumerate(spans)
        for other, since, until in spans[at + 1 :]
        if begun < until and since < ended
    ]
    assert ("beside", "beside") in met
    assert not any("alone" in pair for pair in met), spans
