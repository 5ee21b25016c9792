"""The test-suite's own rules, tried on a suite of bad and good tests in a process of its own."""

from __future__ import annotations

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


def test_good_tests_pass_and_bad_tests_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(HERE / "conftest.py", tmp_path)
    (tmp_path / "test_suite.py").write_text(SUITE)
    monkeypatch.setenv("AQT_TOKEN", "not for tests")
    monkeypatch.setenv("PYTHONPATH", str(HERE.parent))
    options = [
        "-c",
        HERE.parent / "pyproject.toml",
        f"--rootdir={tmp_path}",
        "--timeout=3",
        "-rA",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_suite.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
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
