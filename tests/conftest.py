"""How tests run here.

* `async def test_…` runs on a fresh loop whose clock jumps over idle waits: a day in the queue takes no time. Such a
  clock cannot see threads, processes or sockets: mark those tests `@pytest.mark.real_time`.
* A test fails if it leaves a task behind or if its loop reports an unhandled exception.
* No test sees the user's ledger, configuration, credentials or home.
* Every test has a timeout (pyproject.toml), so that a hang is a failure with a stack.
* With `-n auto` several processes share the tests; while one marked `@pytest.mark.alone` runs, the others wait.
* `tests.tally` counts what a reader should know of a whole run, whoever ran it; it is told at the end.

Async fixtures are not supported: write `async with` in the test, where the loop is the test's own.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import itertools
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.tally import tally

pytest.register_assert_rewrite(
    *(f"quantumjobs.testing.{name}" for name in ("adapter_rules", "fault_acts", "fault_rules", "ledger_rules"))
)

# A shell without job control begins what it puts in the background with Ctrl-C ignored, and every program that a test
# starts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

AsyncTest = Callable[..., Awaitable[None]]
Contexts = list[dict[str, Any]]
_OUTCOMES = (pytest.fail.Exception, pytest.skip.Exception)  # what pytest's own signals and calls raise

hypothesis.settings.register_profile("here", deadline=None)  # a shared machine's pauses say nothing about the code
hypothesis.settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,  # the same commit gives the same answer
    database=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

_late: Contexts = []  # reported after the test's loop was closed: by a task that died with the garbage


@pytest.fixture
def late_lines_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who follows a log waits for late lines in the end; for tests in real time that write none late."""
    monkeypatch.setattr("quantumjobs.engine.tailing.LATE", 0.2)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Of `-n auto`: tests mostly wait, for processes, sockets and clocks, so there are more of them than cores."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


# --- async tests ------------------------------------------------------------------------
@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    function = pyfuncitem.obj
    factory = _loop_factory(pyfuncitem)
    given = getattr(function, "hypothesis", None)
    if given is not None:  # hypothesis calls the inner test many times: each time gets a loop of its own
        if inspect.iscoroutinefunction(given.inner_test):
            given.inner_test = _blocking(given.inner_test, factory)
        return None
    if not inspect.iscoroutinefunction(function):
        return None
    names = inspect.signature(function).parameters
    _blocking(function, factory)(**{name: pyfuncitem.funcargs[name] for name in names})
    return True


def _loop_factory(item: pytest.Function) -> Callable[[], asyncio.AbstractEventLoop]:
    if item.get_closest_marker("real_time"):
        return asyncio.new_event_loop

    def virtual() -> asyncio.AbstractEventLoop:
        from quantumjobs.testing.clock import VirtualLoop  # async tests need it, and only they

        return VirtualLoop()

    return virtual


def _blocking(test: AsyncTest, factory: Callable[[], asyncio.AbstractEventLoop]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        unhandled: Contexts = []
        with asyncio.Runner(loop_factory=factory) as runner:
            loop = runner.get_loop()
            loop.set_exception_handler(functools.partial(_heard, unhandled))
            try:
                leftovers = runner.run(_supervised(test, args, kwargs))
            except asyncio.CancelledError:
                if unhandled and isinstance(unhandled[-1].get("exception"), _OUTCOMES):
                    raise unhandled[-1]["exception"] from None
                raise
            gc.collect(1)  # a task that failed unseen says so when it is collected
            loop.set_exception_handler(lambda _, context: _late.append(context))
        if leftovers:
            pytest.fail("the test left tasks behind:\n" + "\n".join(f"  {task}" for task in leftovers), pytrace=False)
        if unhandled:
            _fail_for(unhandled)

    del run.__wrapped__  # it is no coroutine function any more
    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    return run


def _heard(unhandled: Contexts, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    unhandled.append(context)
    if isinstance(
        context.get("exception"), _OUTCOMES
    ):  # a timeout struck while the loop was between two steps of a task
        for task in asyncio.all_tasks(loop):
            task.cancel()


async def _supervised(test: AsyncTest, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """What is still under way after the test, as text: the objects must not outlive the loop."""
    await test(*args, **kwargs)
    for _ in range(3):  # what was cancelled at the very end may finish
        await asyncio.sleep(0)
    return sorted(repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task())


def _fail_for(contexts: Contexts) -> None:
    text = "\n".join(f"  {context.get('message')}: {context.get('exception')!r}" for context in contexts)
    cause = next((context["exception"] for context in contexts if "exception" in context), None)
    raise AssertionError(f"the loop reported what nobody handled:\n{text}") from cause


# --- one run of several processes ---------------------------------------------------------
@contextmanager
def _room(folder: Path, *, alone: bool) -> Iterator[None]:
    """Tests of several processes share it, unless one wants it alone. Who waits for that keeps the door shut."""
    import fcntl  # not on Windows, where the tests run one after the other

    with (folder / "door").open("a") as door, (folder / "room").open("a") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # by name: a forked child may hold the file open


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the test's timeout, which does not count the wait
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    folder = _shared_folder(item.config)
    if folder is None:
        return (yield)
    with _room(folder, alone=item.get_closest_marker("alone") is not None):
        return (yield)


def _shared_folder(config: pytest.Config) -> Path | None:
    """The folder of all processes of this run; None for the only one."""
    if not hasattr(config, "workerinput"):
        return None
    base: Path = config._tmp_path_factory.getbasetemp()  # a hook has no fixtures: this is what `tmp_path_factory` is
    return base.parent


def pytest_sessionfinish(session: pytest.Session) -> None:
    gc.collect()
    told = getattr(session.config, "workeroutput", None)
    if told is not None:  # pytest_testnodedown reads it
        told["late"] = [str(context) for context in _late]
        told["tally"] = dict(tally(session.config))
    if _late and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of the processes has ended."""
    told = getattr(node, "workeroutput", {})
    _late.extend({"message": text} for text in told.get("late", ()))
    tally(node.config).update(told.get("tally", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for context in _late:
        terminalreporter.write_line(f"reported by a closed test loop: {context}", red=True)
    for name, count in sorted(tally(config).items()):
        terminalreporter.write_line(f"{name}: {count}", red=name.startswith("NO "))


# --- a machine of its own for each test ---------------------------------------------------
VENDOR_PREFIXES = ("AQT_", "AWS_", "BRAKET_", "AMZN_", "IQM_", "ORIGINQ_", "QPANDA_", "QUANTUMJOBS_")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def _nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _a_machine_of_its_own(
    _nobodys_home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No credential of the user's, an empty home, and a state directory that nobody else uses."""
    for name in [name for name in os.environ if name.startswith(VENDOR_PREFIXES)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # no test looks for credentials on the network
    monkeypatch.setenv("HOME", str(_nobodys_home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    # Named, not made: the ledger makes it, with the permissions it wants.
    monkeypatch.setenv("QUANTUMJOBS_STATE_DIR", str(tmp_path_factory.getbasetemp() / f"state-{next(_numbers)}"))
