"""captured.json: what went over the wire between the vendor's own client and AQT's interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_CAPTURED = json.loads((Path(__file__).parent / "captured.json").read_text(encoding="utf-8"))
TOKEN: str = _CAPTURED["token"]
EXCHANGES: dict[str, dict[str, Any]] = _CAPTURED["exchanges"]
SUBMITTED: dict[str, Any] = EXCHANGES["submit"]["request"]["body"]
NATIVE: list[dict[str, Any]] = SUBMITTED["payload"]["circuits"][0]["quantum_circuit"]


def shape(document: Any) -> Any:
    """Names and types; of a list, each kind of its elements once."""
    if isinstance(document, dict):
        return {name: shape(value) for name, value in document.items()}
    if isinstance(document, list):
        kinds: list[Any] = []
        for element in document:
            kind = shape(element)
            if kind not in kinds:
                kinds.append(kind)
        return kinds
    return type(document).__name__
