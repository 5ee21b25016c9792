"""OriginQ's own client, in its own environment and process; and a service that notes what it is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from quantumjobs.testing.emulators import OriginqEmulator
from tests.oracles.aqt.vendor import surroundings
from tests.oracles.overhearing import overheard
from tests.oracles.processes import carried_out

VARIABLE = "QUANTUMJOBS_ORACLE_ORIGINQ"
PYTHON = os.environ.get(VARIABLE, "")  # when this module is loaded: no test sees such variables
HERE = Path(__file__).parent
KEY = "302e0201FAKEKEY0123456789ABCDEF/12345"
SEED = 7
PATIENCE = 120  # seconds for one process, which imports for some and looks once a second
HEADERS = ("accept", "authorization", "connection", "content-type", "origin-language", "task_mode")
"""Those that are recorded."""


async def carried(script: str, plans: Sequence[dict[str, Any]], *, home: Path, url: str = "") -> list[dict[str, Any]]:
    """Let a script beside this module carry out the plans, in one process."""
    if not PYTHON:
        raise RuntimeError(f"{VARIABLE} names no interpreter: run this by `nox -s oracles`")
    # `-I`: neither this package nor the user's site-packages are there.
    command = (PYTHON, "-I", str(HERE / script))
    env = {**surroundings(home), "URL": url, "KEY": KEY, "no_proxy": "127.0.0.1"}
    return await carried_out(plans, command, env=env, home=home, patience=PATIENCE)


async def jobs(plans: Sequence[dict[str, Any]], *, url: str, home: Path) -> list[dict[str, Any]]:
    """Jobs through the vendor's client."""
    return await carried("vendor_jobs.py", plans, url=url, home=home)


class Recorder(OriginqEmulator):
    """Notes every request: method, path, headers and body."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.noted: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        pieces: list[bytes] = []

        await super().__call__(scope, overheard(receive, pieces), send)
        given = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = b"".join(pieces)
        self.noted.append(
            {
                "method": scope["method"],
                "path": scope["path"],
                "headers": {name: given[name] for name in HEADERS if name in given},
                "body": json.loads(body) if body else None,
            }
        )
