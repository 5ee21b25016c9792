"""captured.json: what the vendor's own client sends, headers and bodies."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from tests.oracles.iqm import recorded
from tests.oracles.iqm.recorded import Exchange

SEQUENCES: dict[str, list[Exchange]] = json.loads((Path(__file__).parent / "captured.json").read_text(encoding="utf-8"))
"""Requests in their order, by what the client was told to do. Ids are masked; looks that follow each other are one."""
masked = functools.partial(recorded.masked, look="/oqcs/task/origin/taskDetail.json")
