"""States as pyqpanda3 computes them, and how far two of them are apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracles.originq import vendor

State = np.ndarray[Any, np.dtype[np.complex128]]


async def theirs(plans: Sequence[dict[str, Any]], *, home: Path) -> list[State | str]:
    """Of each plan the state, or why it was refused. All in one process."""
    reports = await vendor.carried("vendor_states.py", plans, home=home)
    return [
        one["refused"] if "refused" in one else np.array([complex(*pair) for pair in one["state"]]) for one in reports
    ]


def apart(one: State, other: State) -> float:
    """The largest difference of an amplitude, when one phase of the whole has been taken out."""
    overlap = np.vdot(one, other)
    phase = overlap / abs(overlap) if abs(overlap) > 1e-12 else 1.0
    return float(np.abs(one * phase - other).max())
