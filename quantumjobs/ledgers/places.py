"""Where the user's ledger is when nobody says otherwise."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "QUANTUMJOBS_STATE_DIR"
FILE = "ledger.sqlite3"


def state_directory() -> Path:
    """`$QUANTUMJOBS_STATE_DIR`, else the user's state directory of this platform. Nothing is made here."""
    if moved := os.environ.get(VARIABLE):
        return Path(moved).expanduser().absolute()
    from platformdirs import user_state_path

    return user_state_path("quantumjobs", appauthor=False)


def default_path() -> Path:
    """The user's ledger."""
    return state_directory() / FILE
