"""captured.json: what the vendor's own client sends, and what IQM's server has answered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Exchange = dict[str, Any]
LOOK = "/api/v1/jobs/{job}"

_CAPTURED = json.loads((Path(__file__).parent / "captured.json").read_text(encoding="utf-8"))
SEQUENCES: dict[str, list[Exchange]] = {
    name: [
        exchange | {"body": _CAPTURED["bodies"][exchange["body"]]} if "body" in exchange else exchange
        for exchange in sequence
    ]
    for name, sequence in _CAPTURED["sequences"].items()
}
"""Requests in their order, by what the client was told to do. Ids are masked; looks that follow each other are one."""
REPLIES: dict[str, Any] = _CAPTURED["replies"]


def masked(sent: Iterable[Exchange], names: Mapping[str, str], *, look: str = LOOK) -> list[Exchange]:
    """Requests as they are recorded: each value of `names` under its name, and equal looks in a row as one."""
    text = json.dumps(list(sent))
    for name, value in names.items():
        text = text.replace(value, f"{{{name}}}")
    kept: list[Exchange] = []
    for exchange in json.loads(text):
        if exchange["path"] != look or kept[-1:] != [exchange]:
            kept.append(exchange)
    return kept


def filled(exchange: Exchange, names: Mapping[str, str]) -> Exchange:
    """The other way round."""
    text = json.dumps(exchange)
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    found: Exchange = json.loads(text)
    return found


def lacks(found: Any, captured: Any, where: str = "$") -> list[str]:
    """Where a document has not the names or types of a captured one. Null may stand for anything, and lists be longer."""
    if found is None or captured is None:
        return []
    if isinstance(captured, dict) and isinstance(found, dict):
        missing = [f"{where}.{name} is missing" for name in captured.keys() - found.keys()]
        shared = captured.keys() & found.keys()
        return missing + [
            one for name in sorted(shared) for one in lacks(found[name], captured[name], f"{where}.{name}")
        ]
    if isinstance(captured, list) and isinstance(found, list):
        if not captured:
            return []
        if not found:
            return [f"{where} is empty"]
        return [one for place, element in enumerate(found) for one in lacks(element, captured[0], f"{where}[{place}]")]
    same = type(found) is type(captured)
    return [] if same else [f"{where} is {type(found).__name__}, not {type(captured).__name__}"]
