"""IQM's own client, in its own environment and process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.oracles.aqt.vendor import surroundings
from tests.oracles.processes import carried_out

VARIABLE = "QUANTUMJOBS_ORACLE_IQM"
PYTHON = os.environ.get(VARIABLE, "")  # when this module is loaded: no test sees such variables
SCRIPT = Path(__file__).parent / "vendor_jobs.py"
TOKEN = "T"
SEED = 7
PATIENCE = 120  # seconds for one process, which imports for some and looks once a second


async def jobs(plans: Sequence[dict[str, Any]], *, url: str, home: Path) -> list[dict[str, Any]]:
    """Let `vendor_jobs.py` carry out the plans, in one process, with the variables that IQM's users have."""
    if not PYTHON:
        raise RuntimeError(f"{VARIABLE} names no interpreter: run this by `nox -s oracles`")
    # `-I`: neither this package nor the user's site-packages are there.
    command = (PYTHON, "-I", str(SCRIPT))
    env = {**surroundings(home), "IQM_SERVER_URL": url, "IQM_TOKEN": TOKEN, "IQM_QUANTUM_COMPUTER": "garnet"}
    return await carried_out(plans, command, env=env, home=home, patience=PATIENCE)
