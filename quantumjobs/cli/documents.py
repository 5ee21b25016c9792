"""The one document of `--json`: every command has its keys, and every key is always there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import quantumjobs
from quantumjobs.cli.exits import Exit, Trouble

SCHEMA = 1
EMPTY: Mapping[str, Mapping[str, Any]] = {
    "run": {"jobs": []},
    "backends": {"backends": []},
    "jobs": {"jobs": []},
    "show": {"job": None},
    "result": {"jobs": []},
    "cancel": {"jobs": []},
    "adopt": {"job": None},
    "resubmit": {"job": None},
    "abandon": {"job": None},
    "watch": {"jobs": []},
    "doctor": {"doubts": [], "elsewhere": [], "ledger": None, "warnings": [], "notes": []},
    "gc": {"jobs": [], "bytes": 0, "dry_run": False},
    "export": {"file": None, "jobs": 0},
    "import": {"file": None, "jobs": []},
    "logs": {"job": None, "state": None, "lines": []},
    "metrics": {"job": None, "columns": {}},
    "download": {"job": None, "folder": None},
    "login": {"identity": None},
    "logout": {"provider": None, "removed": [], "left": []},
    "whoami": {"identities": []},
}
"""What each command tells, as it is when nothing came of it."""


def document(command: str, code: Exit, trouble: Trouble | None = None, **content: Any) -> str:
    """`texts` says what it holds. ASCII only: no terminal and no encoding changes it."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "quantumjobs": quantumjobs.__version__,
            "exit_code": code.value,
            **EMPTY.get(command, EMPTY["run"]),
            **content,
            "error": trouble and trouble.as_json(),
        },
        indent=2,
    )
