"""DBOS's side of `oracle_dbos.py`, run by the Python of DBOS's own environment: no module of ours is here.

    python dbos_steps.py DATABASE STEPS [SYNCHRONOUS]

Two workflows of that many steps that do nothing, on a new SQLite file: one async, each step awaited before the next
begins, and one blocking. Then a line of JSON: steps per second of each, steps kept, the pragmas that DBOS's connections
have, versions. SYNCHRONOUS is set on all connections if given.
"""

import asyncio
import json
import sqlite3
import sys
import time
from importlib.metadata import version

import sqlalchemy
from dbos import DBOS

WARM = 50  # steps before the clock starts: imports, connections, compiled statements


def main(database, steps, synchronous=None):
    if synchronous is not None:

        @sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
        def connected(connection, _):
            connection.execute(f"PRAGMA synchronous = {synchronous}")

    dbos = DBOS(config={"name": "steps", "system_database_url": f"sqlite:///{database}", "log_level": "ERROR"})

    @DBOS.step()
    async def step(number):
        return number

    @DBOS.step()
    def blocking_step(number):
        return number

    @DBOS.workflow()
    async def workflow(count):
        for number in range(count):
            await step(number)

    @DBOS.workflow()
    def blocking_workflow(count):
        for number in range(count):
            blocking_step(number)

    async def timed():
        await workflow(WARM)
        began = time.perf_counter()
        await workflow(steps)
        return steps / (time.perf_counter() - began)

    def blocking_timed():
        blocking_workflow(WARM)
        began = time.perf_counter()
        blocking_workflow(steps)
        return steps / (time.perf_counter() - began)

    DBOS.launch()
    try:
        told = {"async": asyncio.run(timed()), "blocking": blocking_timed()}
        with dbos._sys_db.engine.connect() as connection:
            for name in ("journal_mode", "synchronous"):
                told[name] = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            told["kept"] = connection.exec_driver_sql("SELECT count(*) FROM operation_outputs").scalar() - 2 * WARM
    finally:
        DBOS.destroy()
    print(json.dumps({**told, "version": version("dbos"), "sqlite": sqlite3.sqlite_version}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
