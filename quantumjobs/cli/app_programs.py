"""The commands about hybrid jobs: from arguments to what was asked, as in `app`."""

# ruff: noqa: ARG001 - `debug` is read before the rest, so that it holds for all of it
from __future__ import annotations

from typing import Annotated

import typer

from quantumjobs.cli import texts_programs as texts
from quantumjobs.cli.flags import Debug, Id, Json, Timeout


def add_to(app: typer.Typer) -> None:
    """Make them commands of the app."""
    for name, command, text in (
        ("logs", _logs, texts.LOGS),
        ("metrics", _metrics, texts.METRICS),
        ("download", _download, texts.DOWNLOAD),
    ):
        app.command(name, help=text)(command)


def _logs(
    id: Id,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print what comes, too, until the job is over.")
    ] = False,
    tail: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Only the last N of the lines that are there.")
    ] = None,
    timeout: Timeout = None,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_programs as asked
    from quantumjobs.cli.asked import timeout as seconds

    return asked.ReadLogs(id=id, follow=follow, tail=tail, timeout=seconds(timeout), json=json)


def _metrics(
    id: Id,
    *,
    by: Annotated[
        str, typer.Option(metavar="COLUMN", help="What makes a row: 'timestamp' or 'iteration_number'.")
    ] = "timestamp",
    statistic: Annotated[
        str, typer.Option(metavar="WORD", help="Of several values in one row: 'max' or 'min'.")
    ] = "max",
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_programs as asked

    return asked.metrics(id, by, statistic, json=json)


def _download(
    id: Id,
    folder: Annotated[
        str | None,
        typer.Argument(metavar="[FOLDER]", show_default=False, help="Where the job's folder is made; by default here."),
    ] = None,
    *,
    timeout: Timeout = None,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_programs as asked
    from quantumjobs.cli.asked import timeout as seconds

    return asked.Download(id=id, folder=asked.folder(folder), timeout=seconds(timeout), json=json)
