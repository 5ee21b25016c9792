"""What does `import quantumjobs` cost?

CPU of fresh interpreters (the children's resource usage), taking turns: one that imports nothing, one that imports
asyncio, anyio and msgspec, one that imports the package; and, for information, one that also makes and starts a client,
which is when most of it loads. The interpreter's own start is taken off before anything is compared.

Target: at most 1.2x of importing asyncio, anyio and msgspec.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from measure import Bench, alternate, ratio

ROOT = Path(__import__("quantumjobs").__file__).parent.parent
START = """
import asyncio
from quantumjobs import Client
async def main():
    async with Client(ledger="memory"):
        pass
asyncio.run(main())
"""
PROGRAMS = ("pass", "import asyncio, anyio, msgspec", "import quantumjobs", "import quantumjobs.errors, asyncio", START)


def child(program: str) -> float:
    """Milliseconds of CPU of an interpreter that runs `program`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, program
    return 1e3 * (usage.ru_utime + usage.ru_stime)


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    for program in PROGRAMS:
        child(program)  # writes byte code, warms the page cache
    turns = [lambda program=program: child(program) for program in PROGRAMS]
    bare, base, ours, small, started = alternate(5 if options.quick else 31, *turns)
    net = {
        name: [one - nothing for one, nothing in zip(times, bare, strict=True)]
        for name, times in (("base", base), ("ours", ours), ("small", small), ("started", started))
    }
    bench.figure("an interpreter", median(bare), " ms of CPU")
    bench.figure("asyncio, anyio and msgspec", median(net["base"]), " ms")
    bench.figure("import quantumjobs", median(net["ours"]), " ms")
    bench.figure("import quantumjobs / asyncio, anyio, msgspec", ratio(net["ours"], net["base"]), "x", most=1.2)
    bench.figure("the errors and asyncio", median(net["small"]), " ms")
    bench.figure("a started client", median(net["started"]), " ms")
    bench.figure("a started client / asyncio, anyio, msgspec", ratio(net["started"], net["base"]), "x")
    bench.end()


if __name__ == "__main__":
    main()
