"""Whole programs on the blocking side: their ends, Ctrl-C, forks, and loops that somebody has patched."""

from __future__ import annotations

import os
import signal
import statistics
import time

import pytest

from tests.endtoend.helpers import PREAMBLE, Program, needs_proc

pytestmark = needs_proc

BLOCKING = f"""{PREAMBLE}
import gc, signal, threading
from quantumjobs.blocking import Client, as_completed
from quantumjobs.testing import FakeProvider
def fake(**settings):
    return FakeProvider(**{{"min_interval": 0.05, **settings}})
DAY = 86_400
"""
FOR_EVER = 'job = Client(providers={"fake": fake(running=DAY)}).backend("fake/sim").run(bell)\n'


def program(source, folder, **settings):
    return Program(source, folder, preamble=BLOCKING, **settings)


# --- the end without close() --------------------------------------------------------------
ENDS = {
    "a result was taken": 'say(sum(Client().backend("aer").run(bell).result().counts.values()))',
    "a simulation runs": 'job = Client().backend("aer").run(heavy)\nwhile job.state != "running": time.sleep(0.01)',
    "simulations wait": 'jobs = [Client().backend("aer").run(heavy) for _ in range(5)]',
    "a remote job runs": FOR_EVER,
    "a thread waits": FOR_EVER + "threading.Thread(target=job.result, daemon=True).start()",
    "a stream is open": FOR_EVER + "stream = job.events(); next(stream)",
    "jobs are awaited": FOR_EVER + "ended = as_completed([job])",
    "a callback waits": FOR_EVER + "job.add_done_callback(print)",
    "a callback was called": (
        'job = Client(providers={"fake": fake()}).backend("fake/sim").run(bell)\ngot = threading.Event()\n'
        "job.add_done_callback(lambda _: got.set())\ngot.wait()"
    ),
    "a client was made": "client = Client()",
    "clients in a cycle": "class A: pass\na = A(); a.a = a; a.client = Client(); a.client.backends(); del a",
    "an exit handler of the user's uses it": (
        "import atexit\nclient = Client()\nclient.backends()\natexit.register(lambda: say(client.backends()))"
    ),
    "in a thread that is not a daemon": (
        'def work():\n    say(len(Client().backend("aer").run(bell).result()))\nthreading.Thread(target=work).start()'
    ),
    "with an executor": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        'with ThreadPoolExecutor(4) as pool:\n    run = Client().backend("aer").run\n'
        "    jobs = list(pool.map(run, [bell] * 8))\n    say(len(list(pool.map(lambda job: job.result(), jobs))))"
    ),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_program_that_does_not_close_ends_at_once_and_leaves_nothing(tmp_path, case):
    with program(ENDS[case] + "\nsay('at', time.monotonic())", tmp_path) as one:
        begun = float(one.until("at"))
        one.finish()
        assert time.monotonic() - begun < 15


def test_an_adapter_that_does_not_end_does_not_keep_the_program(tmp_path):
    source = """
    from contextlib import asynccontextmanager
    class Stubborn(FakeProvider):
        @asynccontextmanager
        async def _connected(self, report):
            async with super()._connected(report) as adapter:
                try:
                    yield adapter
                finally:
                    while True:
                        try:
                            await asyncio.sleep(3600)
                        except asyncio.CancelledError:
                            pass
    job = Client(providers={"fake": Stubborn(running=DAY)}).backend("fake/sim").run(bell)
    say("at", time.monotonic())
    """
    with program(source, tmp_path, warn="") as one:
        begun = float(one.until("at"))
        code, _, err = one.end()
        assert code == 0, err
        assert time.monotonic() - begun < 30


def test_what_the_program_dies_of_is_all_that_is_said(tmp_path):
    with program(FOR_EVER + "1 / 0", tmp_path) as one:
        code, _, err = one.end()
        assert code == 1
        assert err.endswith("ZeroDivisionError: division by zero\n")
        assert err.count("Traceback") == 1


# --- Ctrl-C ---------------------------------------------------------------------------------
WAITS = {
    "result": "lambda: job.result()",
    "result with a limit": "lambda: job.result(timeout=DAY, on_timeout='cancel')",
    "wait": "lambda: job.wait()",
    "events": "lambda: next(stream)",
    "as_completed": "lambda: next(ended)",
    "run": "lambda: hesitant.run(bell)",
}
INTERRUPTED = """
provider = fake(running=DAY, latency=lambda operation: DAY if slow and operation == "submit" else 0.0)
slow = False
client = Client(providers={"fake": provider})
hesitant = client.backend("fake/sim")
job = hesitant.run(bell)
stream = job.events()
while next(stream).state != "running":
    pass
ended = as_completed([job])
for kind, wait in waits.items():
    slow = kind == "run"
    for _ in range(5):
        try:
            say("waiting")
            wait()
        except KeyboardInterrupt:
            say("ended", time.monotonic())
    say("done", job.state)
slow = False
again = hesitant.run(bell)
say("works", again.state, provider.calls["cancel"])
"""


@pytest.mark.alone
def test_ctrl_c_ends_every_kind_of_wait_within_a_fifth_of_a_second_and_never_the_job(tmp_path):
    waits = ", ".join(f"{kind!r}: {wait}" for kind, wait in WAITS.items())
    with program(f"waits = {{{waits}}}\n" + INTERRUPTED, tmp_path) as one:
        for kind in WAITS:
            took = []
            for _ in range(5):
                one.until("waiting")
                time.sleep(0.1)
                begun = time.monotonic()
                os.kill(one.process.pid, signal.SIGINT)
                took.append(float(one.until("ended")) - begun)
            assert statistics.median(took) < 0.2, f"{kind}: {took}"
            assert one.until("done") == "running"
        assert one.until("works").endswith(" 0")
        one.finish()


@pytest.mark.parametrize("source", [FOR_EVER, 'job = Client().backend("aer").run(heavy)\n'])
def test_ctrl_c_ends_the_program_quietly(tmp_path, source):
    with program(source + "say('waiting')\njob.result()", tmp_path) as one:
        one.until("waiting")
        time.sleep(0.5)
        begun = time.monotonic()
        os.killpg(one.process.pid, signal.SIGINT)
        code, _, err = one.end()
        assert time.monotonic() - begun < 10
        assert code in (-signal.SIGINT, 130)
        assert err.startswith("Traceback (most recent call last):\n")
        assert err.endswith("\nKeyboardInterrupt\n")
        assert err.count("Traceback") == 1, err
        one.gone(within=5)


def test_ctrl_c_while_the_program_closes_does_not_keep_it(tmp_path):
    source = 'jobs = [Client().backend("aer").run(heavy) for _ in range(3)]\nsay("closing")'
    for pause in (0.0, 0.02, 0.1):
        with program(source, tmp_path, warn="") as one:
            one.until("closing")
            time.sleep(pause)
            os.killpg(one.process.pid, signal.SIGINT)
            one.end(within=15)
            one.gone(within=5)


# --- forks ----------------------------------------------------------------------------------
FORKED = """
client = Client(providers={"fake": fake(running=lambda index: 0.0 if index == 0 else 1.0)})
backend = client.backend("fake/sim")
done, job = backend.run(bell), backend.run(bell)
done.result()
stream = job.events()
next(stream)
ended = as_completed([job])
local = Client()
local.backend("aer").run(bell).result()
pid = os.fork()
if pid == 0:
    calls = [
        job.result, done.result, job.wait, job.cancel, job.refresh, lambda: backend.run(bell), client.jobs, client.close,
        lambda: next(stream), lambda: next(ended), lambda: job.add_done_callback(print), client.backends,
        lambda: as_completed([job]), lambda: job.result(timeout=1), local.backends,
    ]
    for call in calls:
        try:
            call()
        except qj.UsageError as error:
            assert "fork" in str(error), error
        else:
            say("no error from", call)
    assert str(done.state) == "completed" and repr(job) and repr(client)
    fresh = Client(providers={"fake": fake()})
    assert fresh.backend("fake/sim").run(bell).result().counts
    assert Client().backend("aer").run(bell, shots=9).result().counts
    say("child is well")
    END
_, status = os.waitpid(pid, 0)
say("child", os.waitstatus_to_exitcode(status))
assert job.result().counts
assert [one.state for one in stream][-1] == "completed"
assert list(ended) == [job]
assert local.backend("aer").run(bell).result().counts
say("parent is well")
"""


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_after_a_fork_old_handles_say_so_and_new_ones_work(tmp_path, end):
    filters = {"PYTHONWARNINGS": "error,ignore:This process:DeprecationWarning"}  # 3.12 and later warn of the fork
    with program(FORKED.replace("END", end), tmp_path, warn="", **filters) as one:
        assert one.finish().splitlines() == ["child is well", "child 0", "parent is well"]


def test_a_child_of_multiprocessing_makes_a_client_of_its_own(tmp_path):
    source = """
    import multiprocessing
    def work(shots):
        with Client() as client:
            return sum(client.backend("aer").run(bell, shots=shots).result().counts.values())
    if __name__ == "__main__":
        assert work(3) == 3
        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                say(method, pool.map(work, [5, 6]))
                pool.close()
                pool.join()
    """
    with Program(source, tmp_path, preamble=BLOCKING, warn="") as one:
        assert one.finish().splitlines() == ["fork [5, 6]", "spawn [5, 6]"]


# --- other people's loops -------------------------------------------------------------------
LOOPS = {
    "nest_asyncio2": "import nest_asyncio2; nest_asyncio2.apply()",
    "nest_asyncio2 afterwards": "first = Client(); first.backends(); import nest_asyncio2; nest_asyncio2.apply()",
    "nest_asyncio2 in a loop": "",
    "a policy of somebody's": (
        "class P(asyncio.DefaultEventLoopPolicy):\n    def new_event_loop(self): raise RuntimeError('mine')\n"
        "policy = asyncio.get_event_loop_policy()\nasyncio.set_event_loop_policy(P())"
    ),
}


@pytest.mark.parametrize("case", LOOPS)
def test_it_works_beside_whatever_was_done_to_asyncio(tmp_path, case):
    setup = LOOPS[case]
    source = f"""
{setup}
def work():
    client = Client(providers={{"fake": fake(running=0.1)}})
    jobs = [client.backend(name).run(bell) for name in ("aer", "fake/sim")]
    for job in as_completed(jobs):
        assert job.result(timeout=60).counts
    assert [one.state for one in jobs[0].events()] == ["completed"]
    say("works")
async def inside():
    {"import nest_asyncio2; nest_asyncio2.apply()" if "in a loop" in case else ""}
    work()
    async with qj.Client() as client:
        job = await client.backend("aer").run(bell)
        assert (await job).counts
    {"asyncio.run(asyncio.sleep(0.01))" if "in a loop" in case else ""}
    work()
work()
{"asyncio.set_event_loop_policy(policy)" if "policy" in setup else ""}
asyncio.run(inside())
work()
"""
    with program(source, tmp_path, warn="") as one:
        assert one.finish().splitlines() == ["works"] * 4
