"""However a program ends, nothing of it is left."""

from __future__ import annotations

import time

from tests.endtoend.helpers import Program, each_of, needs_proc

pytestmark = needs_proc

CLOSED = """
async def main():
    async with qj.Client() as client:
        job = await client.backend("aer").run(heavy)
        await running(job)
    say(job.state)
asyncio.run(main())
"""
UNCLOSED = """
async def main():
    client = qj.Client()
    job = await client.backend("aer").run(heavy)
    await running(job)
    say(job.state)
asyncio.run(main())
"""
WAITED_FOR = """
async def main():
    client = qj.Client()
    job = await client.backend("aer").run(heavy)
    await running(job)
    try:
        await asyncio.wait_for(job.result(), 0.1)
    except TimeoutError:
        say(job.state)
asyncio.run(main())
"""
RAISED = """
async def main():
    async with qj.Client() as client:
        job = await client.backend("aer").run(heavy)
        await running(job)
        say(job.state)
        raise KeyError("mine")
asyncio.run(main())
"""
EXITED = UNCLOSED.replace("    say(job.state)\n", "    say(job.state)\n    sys.exit(3)\n")
LEFT = UNCLOSED.replace("    say(job.state)\n", "    say(job.state)\n    os._exit(4)\n")


ENDINGS = [
    (CLOSED, "the client is left", 0, "cancelled\n"),
    (UNCLOSED, "the client is not closed", 0, "running\n"),
    (WAITED_FOR, "somebody waited", 0, "running\n"),
    (RAISED, "an exception", 1, "running\n"),
    (EXITED, "sys.exit", 3, "running\n"),
    (LEFT, "os._exit", 4, "running\n"),
]


def ends(folder, source, name, code, said):
    with Program(source, folder) as program:
        ended, out, err = program.end()
        program.gone(2 if name == "os._exit" else 0)  # which leaves us no moment to wait for the end
        assert (ended, out) == (code, said)
        if code == 1:  # Python's own words, and nothing of ours
            assert err.startswith("Traceback")
            assert err.endswith("KeyError: 'mine'\n")
            assert err.count("Traceback") == 1
        else:
            assert err == ""


def test_a_program_that_ends_during_a_heavy_simulation_leaves_nothing(tmp_path):
    each_of(ends, [(tmp_path, *ending) for ending in ENDINGS])


def test_a_program_that_is_done_leaves_nothing(tmp_path):
    source = """
    async def main():
        client = qj.Client()
        result = await (await client.backend("aer").run([bell] * 20))
        say(len(result), sum(result[7].counts.values()))
        await client.aclose()
    asyncio.run(main())
    """
    with (
        Program(source, tmp_path) as program,
        Program(source.replace("await client.aclose()", ""), tmp_path) as another,
    ):
        assert program.finish() == another.finish() == "20 1024\n"


KILLED = """
async def main():
    async with qj.Client() as client:
        aer = client.backend("aer")
        if os.environ["UNTIL"] == "idle":
            await asyncio.gather(*[await aer.run(bell) for _ in range(10)])
            say("idle")
            await asyncio.sleep(60)
        say("begun")
        job = await aer.run(heavy)
        await running(job)
        say("running")
        await job
asyncio.run(main())
"""


def killed(folder, word, pause):
    with Program(KILLED, folder, UNTIL=word) as program:
        program.until(word)
        patience = time.monotonic() + 20
        while pause > 0.1 and len(program.family()) == 1:  # its first process is being started
            assert time.monotonic() < patience
            time.sleep(0.01)
        time.sleep(pause)
        program.process.kill()
        program.process.wait()
        program.gone(2)


def test_kill_9_of_the_program_leaves_nothing(tmp_path):
    moments = [("begun", 0.0), ("begun", 0.15), ("begun", 0.7), ("running", 0.0), ("running", 0.5), ("idle", 0.2)]
    each_of(killed, [(tmp_path, *moment) for moment in moments])
