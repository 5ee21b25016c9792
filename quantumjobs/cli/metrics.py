"""`quantumjobs metrics`: what a hybrid job has reported, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from quantumjobs.cli import programs
from quantumjobs.cli.asked_programs import ReadMetrics
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.table import table
from quantumjobs.cli.terminal import Plain, Terminal
from quantumjobs.engine.hybrid import HybridJob

_FIRST = ("timestamp", "iteration_number", "node_id")


def metrics(asked: ReadMetrics, terminal: Terminal) -> Exit:
    """Print it. Raises `UsageError` for an id that is none or no hybrid job's, and what asking for metrics raises."""
    columns: dict[str, list[Any]] = {}

    async def read(job: HybridJob) -> None:
        columns.update(await job.metrics(asked.by, asked.statistic))

    job, cut = programs.use(asked.id, read, follows=False)
    code = Exit.DONE if cut is None else cut.code
    if asked.json:
        told = {name: [_plain(value) for value in column] for name, column in columns.items()}
        terminal.show([document("metrics", code, cut, job=job.id, columns=told)])
    elif columns:
        head, *body = table(_rows(columns, asked.by), unicode=terminal.unicode)
        terminal.show([head, *map(Plain, body)])
    elif cut is None:
        terminal.say(f"job {job.id} has reported nothing by {asked.by}")
    if cut is not None:
        terminal.complain(cut)
    return code


def _rows(columns: Mapping[str, Sequence[Any]], by: str) -> list[list[str]]:
    """With a head; first what makes a row and what tells it from others."""
    names = sorted(columns, key=lambda name: (name != by, _FIRST.index(name) if name in _FIRST else len(_FIRST)))
    body = zip(*(columns[name] for name in names), strict=True)
    return [names, *([_text(value) for value in row] for row in body)]


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _plain(value: object) -> object:
    """JSON has no numbers for these."""
    return str(value) if isinstance(value, float) and not isfinite(value) else value
