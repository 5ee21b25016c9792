"""What the user asked for about hybrid jobs, which are programs with logs, metrics and files."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from msgspec import Struct

from quantumjobs.core.metrics import Metrics, MetricType, Statistic
from quantumjobs.errors import UsageError


class ReadLogs(Struct, frozen=True, kw_only=True):
    """`quantumjobs logs`."""

    id: str
    follow: bool = False
    tail: int | None = None
    """How many of the lines that are there are printed; None is all."""
    timeout: float | None = None
    json: bool = False


class ReadMetrics(Struct, frozen=True, kw_only=True):
    """`quantumjobs metrics`."""

    id: str
    by: MetricType = "timestamp"
    statistic: Statistic = "max"
    json: bool = False


class Download(Struct, frozen=True, kw_only=True):
    """`quantumjobs download`."""

    id: str
    folder: Path | None = None
    """In which the job's own folder is made; None is the current directory."""
    timeout: float | None = None
    json: bool = False


AskedOfPrograms = ReadLogs | ReadMetrics | Download


def metrics(id: str, by: str, statistic: str, *, json: bool) -> ReadMetrics:
    """Raises `UsageError` for what no table is made by."""
    asked = ReadMetrics(id=id, by=cast("MetricType", by), statistic=cast("Statistic", statistic), json=json)
    Metrics(asked.by, asked.statistic)  # the one place that knows what there is
    return asked


def folder(name: str | None) -> Path | None:
    """Where files may go. Raises `UsageError` for what is there and no folder."""
    if name is None:
        return None
    path = Path(name)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{name}: not a folder")
    return path.absolute()
