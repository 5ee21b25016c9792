"""The commands about jobs that are there already: from arguments to what was asked, as in `app`."""

# ruff: noqa: ARG001 - `debug` is read before the rest, so that it holds for all of it
from __future__ import annotations

import time
from typing import Annotated

import typer

from quantumjobs.cli import texts_jobs as texts
from quantumjobs.cli.flags import Debug, Id, Json, Progress, Timeout, Top

Ids = Annotated[list[str], typer.Argument(metavar="ID...", show_default=False)]
IdsOrAll = Annotated[list[str] | None, typer.Argument(metavar="[ID...]", show_default=False)]
File = Annotated[str, typer.Argument(metavar="FILE", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Make them commands of the app."""
    for name, command, text in (
        ("jobs", _jobs, texts.JOBS),
        ("show", _show, texts.SHOW),
        ("result", _result, texts.RESULT),
        ("cancel", _cancel, texts.CANCEL),
        ("watch", _watch, texts.WATCH),
        ("doctor", _doctor, texts.DOCTOR),
        ("adopt", _adopt, texts.ADOPT),
        ("resubmit", _resubmit, texts.RESUBMIT),
        ("abandon", _abandon, texts.ABANDON),
        ("gc", _gc, texts.GC),
        ("export", _export, texts.EXPORT),
        ("import", _import, texts.IMPORT),
    ):
        app.command(name, help=text)(command)


def _jobs(
    *,
    state: Annotated[str | None, typer.Option(metavar="STATE", help="Only jobs in it, such as queued.")] = None,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of it, such as aqt.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Only jobs that have it.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Only jobs made since: 30d, 12h, 90m, or a date such as 2026-01-31."),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_jobs as asked
    from quantumjobs.cli import times

    return asked.Jobs(
        state=asked.state(state),
        provider=provider,
        tag=tag,
        since=None if since is None else times.since("--since", since, time.time()),
        json=json,
    )


def _show(id: Id, *, json: Json = False, debug: Debug = False) -> object:
    from quantumjobs.cli import asked_jobs as asked

    return asked.Show(id=id, json=json)


def _result(
    id: Id,
    *,
    timeout: Timeout = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="Print the outcomes in order, where they were kept.")
    ] = False,
    top: Top = 16,
    progress: Progress = None,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_jobs as asked
    from quantumjobs.cli.asked import timeout as seconds

    return asked.Fetch(id=id, timeout=seconds(timeout), memory=memory, top=top, progress=progress, json=json)


def _cancel(ids: Ids, *, json: Json = False, debug: Debug = False) -> object:
    from quantumjobs.cli import asked_jobs as asked

    return asked.Cancel(ids=asked.ids(ids), json=json)


def _watch(
    ids: IdsOrAll = None,
    *,
    timeout: Timeout = None,
    progress: Progress = None,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_jobs as asked
    from quantumjobs.cli.asked import timeout as seconds

    return asked.Watch(ids=asked.ids(ids), timeout=seconds(timeout), progress=progress, json=json)


def _doctor(*, json: Json = False, debug: Debug = False) -> object:
    from quantumjobs.cli import asked_jobs as asked

    return asked.Doctor(json=json)


def _adopt(
    id: Id,
    remote_id: Annotated[
        str, typer.Argument(metavar="REMOTE_ID", show_default=False, help="What the provider calls the job.")
    ],
    *,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_jobs as asked

    return asked.Decide(way="adopt", id=id, remote_id=asked.remote_id(remote_id), json=json)


def _resubmit(
    id: Id,
    *,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long acceptance is waited for.")] = 60.0,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_jobs as asked
    from quantumjobs.cli.asked import timeout as seconds

    return asked.Decide(way="resubmit", id=id, timeout=seconds(timeout), json=json)


def _abandon(id: Id, *, json: Json = False, debug: Debug = False) -> object:
    from quantumjobs.cli import asked_jobs as asked

    return asked.Decide(way="abandon", id=id, json=json)


def _gc(
    *,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", show_default=False, help="Since the job finished: 30d, 12h or 90m.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be forgotten, and forget nothing.")
    ] = False,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_jobs as asked
    from quantumjobs.cli import times

    return asked.Gc(older_than=times.age("--older-than", older_than), dry_run=dry_run, json=json)


def _export(file: File, ids: IdsOrAll = None, *, json: Json = False, debug: Debug = False) -> object:
    from quantumjobs.cli import asked_jobs as asked

    return asked.Export(file=asked.new_file(file), ids=asked.ids(ids), json=json)


def _import(file: File, *, json: Json = False, debug: Debug = False) -> object:
    from quantumjobs.cli import asked_jobs as asked

    return asked.Import(file=asked.old_file(file), json=json)
