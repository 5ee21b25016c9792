"""captured.json: what the vendor's own client sends, headers and bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Exchange = dict[str, Any]
LOOK = "/oqcs/task/origin/taskDetail.json"
FILE = Path(__file__).parent / "captured.json"

SEQUENCES: dict[str, list[Exchange]] = json.loads(FILE.read_text(encoding="utf-8"))
"""Requests in their order, by what the client was told to do. Ids are masked; looks that follow each other are one."""


def masked(sent: Iterable[Exchange], names: Mapping[str, str]) -> list[Exchange]:
    """Requests as they are recorded: each value of `names` under its name, and equal looks in a row as one."""
    text = json.dumps(list(sent))
    for name, value in names.items():
        text = text.replace(value, f"{{{name}}}")
    kept: list[Exchange] = []
    for exchange in json.loads(text):
        if exchange["path"] != LOOK or kept[-1:] != [exchange]:
            kept.append(exchange)
    return kept
