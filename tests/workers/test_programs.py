"""Whole programs: how they start workers, how they end, and that nothing of them stays."""

import os
import signal
import time

import pytest

from tests.workers.helpers import Program, is_alive

PREAMBLE = """
import asyncio, os, sys
import qiskit
from quantumjobs.workers.pool import WorkerPool
F = "tests.workers.functions:"
async def call(function, body=b"", **options):
    async with WorkerPool.of_loop() as pool:
        return await pool.run(F + function, body, **options)
"""


def program(source, **options):
    return Program(PREAMBLE + "\n".join(line.strip("|") for line in source.split("\n")), **options)


@pytest.mark.parametrize("how", ["file", "-c", "stdin"])
def test_a_script_needs_no_guard(how, tmp_path):
    with program("print(asyncio.run(call('simulate', b'2 1 100')))", how=how, folder=tmp_path) as each:
        assert each.finish() == "b'100'\n"


def test_the_main_module_is_not_run_again(tmp_path):
    source = "with open('runs', 'a') as file: file.write('x')\nprint(asyncio.run(call('echo', b'once', heavy=True)))"
    with program(source, folder=tmp_path) as each:
        assert each.finish() == "b'once'\n"
    assert (tmp_path / "runs").read_text() == "x"


def test_a_module_beside_the_script_can_hold_a_function(tmp_path):
    (tmp_path / "mine.py").write_text("def shout(body): return body.upper()")
    source = """
async def main():
|    async with WorkerPool.of_loop() as pool:
|        print(await pool.run("mine:shout", b"hey"))
asyncio.run(main())
"""
    with program(source, folder=tmp_path) as each:
        assert each.finish() == "b'HEY'\n"


def test_a_file_the_program_does_not_see_is_not_imported(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "qiskit.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "msgspec.py").write_text("raise SystemExit('the wrong one')")
    source = f"os.chdir({str(tmp_path)!r})\nprint(asyncio.run(call('simulate', b'2 1 100')))"
    with program(source, folder=tmp_path / "scripts") as each:
        assert each.finish() == "b'100'\n"


def test_a_working_directory_that_is_gone(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    source = f"os.chdir({str(here)!r}); os.rmdir({str(here)!r})\nprint(asyncio.run(call('echo', b'on')))"
    with program(source, folder=tmp_path) as each:
        assert each.finish() == "b'on'\n"


def test_a_disk_without_room_does_not_matter(tmp_path):
    source = "print(asyncio.run(call('echo', b'on', heavy=True)))"
    with program(source, folder=tmp_path, TMPDIR="/nowhere") as each:
        assert each.finish() == "b'on'\n"


def test_a_normal_end_with_a_call_under_way_leaves_nothing(tmp_path):
    source = """
async def main():
|    pool = WorkerPool.of_loop()
|    tasks = [asyncio.create_task(pool.run(F + "spin", b"30", heavy=heavy)) for heavy in (True, False)]
|    await asyncio.sleep(2.5)
asyncio.run(main())
print("end", flush=True)
"""
    with program(source, folder=tmp_path) as each:
        each.process.communicate(timeout=30)
        assert each.process.returncode == 0
        assert each.family() == []


@pytest.mark.parametrize("delay", [0.1, 0.6, 2.5])
def test_kill_9_of_the_program_leaves_nothing(tmp_path, delay):
    source = """
async def main():
|    async with WorkerPool.of_loop() as pool:
|        print("begun", flush=True)
|        spins = [pool.run(F + "spin", b"30", heavy=heavy) for heavy in (True, False)]
|        await asyncio.gather(*spins, pool.run(F + "simulate", b"20 100 1000", heavy=True))
asyncio.run(main())
"""
    with program(source, folder=tmp_path) as each:
        assert each.line() == "begun"
        patience = time.monotonic() + 20
        while len(each.family()) == 1:  # its first process is being started
            assert time.monotonic() < patience
            time.sleep(0.01)
        time.sleep(delay)
        each.process.kill()
        each.process.wait()
        deadline = time.monotonic() + 2
        while each.family():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_ctrl_c_ends_the_program_and_not_the_workers_of_the_next_call(tmp_path):
    source = """
async def main():
|    async with WorkerPool.of_loop() as pool:
|        first = await pool.run(F + "pid", b"")
|        print("begun", flush=True)
|        try:
|            await pool.run(F + "spin", b"30", heavy=True)
|        except asyncio.CancelledError:
|            pass
|        print(first == await pool.run(F + "pid", b""), flush=True)
asyncio.run(main())
"""
    with program(source, folder=tmp_path) as each:
        assert each.line() == "begun"
        time.sleep(0.3)
        os.killpg(each.process.pid, signal.SIGINT)
        assert each.finish() == "True\n"


def test_a_program_that_leaves_by_os_exit_leaves_nothing(tmp_path):
    with program("asyncio.run(call('echo')); os._exit(0)", folder=tmp_path) as each:
        each.process.wait(30)
        deadline = time.monotonic() + 2
        while each.family():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_forked_child_gets_a_server_of_its_own(tmp_path):
    source = """
async def main():
|    async with WorkerPool.of_loop() as pool:
|        server = await pool.run(F + "parent", b"")
|        await pool.run(F + "echo", b"", heavy=True)
|        child = os.fork()
|        if child == 0:
|            return "child", server
|        print(await pool.run(F + "parent", b"") == server, flush=True)
|        while os.waitpid(child, os.WNOHANG) == (0, 0):
|            await asyncio.sleep(0.05)
|        print(await pool.run(F + "parent", b"", heavy=True) == server, flush=True)
|        return "parent", server
def in_child(server):
|    from quantumjobs.workers import launch
|    assert launch._launcher is None
|    print("own", asyncio.run(call("parent")) != server, flush=True)
import threading
who, server = asyncio.run(main())
if who == "child":
|    in_child(server)
"""
    with program(source, folder=tmp_path) as each:
        out, err = each.process.communicate(timeout=40)
        assert not err
        assert sorted(out.split("\n")) == ["", "True", "True", "own True"]
        assert each.family() == []


def test_a_forked_child_does_not_keep_the_server_alive(tmp_path):
    source = """
server = int(asyncio.run(call("parent")))
if os.fork() == 0:
|    import time
|    time.sleep(3)
|    os._exit(0)
print(server, flush=True)
os.kill(os.getpid(), 9)
"""
    with program(source, folder=tmp_path) as each:
        server = int(each.line())
        each.process.wait(10)
        deadline = time.monotonic() + 2
        while is_alive(server):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        each.process.communicate(timeout=10)


@pytest.mark.parametrize("heavy", [True, False])
def test_workers_without_a_fork_server(tmp_path, heavy):
    source = f"""
async def main():
|    pool = WorkerPool(cores=1)
|    print(await pool.run(F + "simulate", b"2 1 100", heavy={heavy}))
|    await pool.aclose()
asyncio.run(main())
async def again():
|    async with WorkerPool.of_loop() as pool:
|        data = os.urandom(3_000_000)
|        assert await pool.run(F + "echo", data) == data
|        task = asyncio.create_task(pool.run(F + "spin", b"30"))
|        await asyncio.sleep(0.5)
|        task.cancel()
asyncio.run(again())
print("end")
"""
    with program(source, folder=tmp_path, QUANTUMJOBS_WORKERS="spawn") as each:
        assert each.finish() == "b'100'\nend\n"


def test_workers_without_a_fork_server_on_a_loop_without_readers(tmp_path):
    source = """
class Loop(asyncio.SelectorEventLoop):
|    def add_reader(self, fd, callback, *args):
|        raise NotImplementedError
def factory():
|    return Loop()
async def main():
|    async with WorkerPool.of_loop() as pool:
|        data = os.urandom(3_000_000)
|        assert await pool.run(F + "echo", data) == data
|        print(len(await asyncio.gather(*(pool.run(F + "echo", b"") for _ in range(100)))))
with asyncio.Runner(loop_factory=factory) as runner:
|    runner.run(main())
|    runner.run(main())
"""
    with program(source, folder=tmp_path, QUANTUMJOBS_WORKERS="spawn") as each:
        assert each.finish() == "100\n100\n"


def test_kill_9_leaves_no_spawned_worker(tmp_path):
    source = "print('begun', flush=True); asyncio.run(call('sleep', b'30', heavy=True))"
    with program(source, folder=tmp_path, QUANTUMJOBS_WORKERS="spawn") as each:
        assert each.line() == "begun"
        time.sleep(2.5)
        each.process.kill()
        each.process.wait()


def test_a_folder_whose_name_is_not_text(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    os.mkdir(folder)
    with open(os.path.join(folder, "mine.py"), "w") as file:
        file.write("def shout(body): return body.upper()")
    source = """
async def main():
|    async with WorkerPool.of_loop() as pool:
|        print(await pool.run("mine:shout", b"hey"))
asyncio.run(main())
"""
    with program(source, folder=folder) as each:
        assert each.finish() == "b'HEY'\n"


def test_a_thread_that_blocked_all_signals_starts_a_server_that_still_notices_deaths(tmp_path):
    source = """
import signal
signal.pthread_sigmask(signal.SIG_SETMASK, set(signal.Signals))
from quantumjobs.workers.ending import WorkerDied
async def main():
|    try:
|        await call("vanish", b"3")
|    except WorkerDied as error:
|        print(error.exit_code)
asyncio.run(main())
"""
    with program(source, folder=tmp_path) as each:
        assert each.finish() == "3\n"


def test_warnings_that_are_errors_for_the_program_do_not_stop_its_workers(tmp_path):
    (tmp_path / "warner.py").write_text("import warnings; warnings.warn('old')\ndef hey(body): return b'hey'")
    source = """
async def main():
|    async with WorkerPool.of_loop() as pool:
|        print(await pool.run("warner:hey", b""))
asyncio.run(main())
"""
    with program(source, folder=tmp_path, PYTHONWARNINGS="error") as each:
        assert each.finish() == "b'hey'\n"
