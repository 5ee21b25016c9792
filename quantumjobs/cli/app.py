"""From arguments to what was asked. The commands only read; carrying it out is for `commands`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any

import typer

import quantumjobs
from quantumjobs.cli import app_jobs, app_login, app_programs, texts
from quantumjobs.cli.flags import Debug, Json, Progress, Timeout, Top

if TYPE_CHECKING:
    from quantumjobs.cli.asked import Asked

# Plain help: rich's panels take longer to import than all the rest, and break the tables.
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


def parse(arguments: list[str]) -> Asked | int:
    """What was asked, or the exit code of what was answered at once (`--help`, `--version`).

    Raises `UsageError`, and typer's own errors (they have `format_message`; their classes moved between versions).
    """
    found: Asked | int = _command().main(arguments, prog_name="quantumjobs", standalone_mode=False)
    return found


@functools.cache
def _command() -> Any:
    """Every command with its options: made once, since that reads all their annotations."""
    return typer.main.get_command(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quantumjobs {quantumjobs.__version__}")
        raise typer.Exit


@app.callback()
def _everything(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run quantum circuits anywhere, and wait for them."""


@app.command("run", help=texts.RUN)
def _run(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", show_default=False)],
    *,
    backend: Annotated[
        str, typer.Option(metavar="ADDRESS", help="provider[:account][/name]; 'quantumjobs backends' lists them.")
    ] = "aer",
    shots: Annotated[
        int | None, typer.Option(min=1, help="How often each circuit is run; else the backend decides.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of a simulator: the same seed gives the same counts.")] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Keep the outcome of every shot, in order.")] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="One of the backend's options, as often as needed; VALUE is JSON or text."
        ),
    ] = None,
    optimization_level: Annotated[int, typer.Option(min=0, max=3, help="Of the transpiler, where it is needed.")] = 1,
    no_transpile: Annotated[
        bool, typer.Option("--no-transpile", help="Refuse circuits that the backend does not take as they are.")
    ] = False,
    timeout: Timeout = None,
    top: Top = 16,
    progress: Progress = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read before the rest, so that it holds for all of it
) -> object:  # typer reads annotations, and this one would load what `--help` does not need
    from quantumjobs.cli import asked

    return asked.Run(
        options=asked.options(option or (), seed=seed),
        timeout=asked.timeout(timeout),
        backend=backend,
        shots=shots,
        seed=seed,
        memory=memory,
        transpile=not no_transpile,
        optimization_level=optimization_level,
        top=top,
        progress=progress,
        json=json,
        sources=asked.sources(files),  # last, since it may wait for standard input
    )


@app.command("backends", help=texts.BACKENDS)
def _backends(*, json: Json = False, debug: Debug = False) -> object:  # noqa: ARG001 - as above
    from quantumjobs.cli import asked

    return asked.Backends(json=json)


@app.command("emulate", help=texts.EMULATE)
def _emulate(
    vendor: Annotated[str, typer.Argument(metavar="VENDOR", show_default=False)],
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 picks a free one.")] = 8801,
    latency: Annotated[float, typer.Option(metavar="SECONDS", help="Before every reply.")] = 0.0,
    queue: Annotated[float, typer.Option(metavar="SECONDS", help="Before a job starts.")] = 0.0,
    duration: Annotated[float, typer.Option(metavar="SECONDS", help="Before each circuit.")] = 0.0,
    parallel: Annotated[int, typer.Option(min=1, help="How many jobs run at a time.")] = 1,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same outcomes.")] = None,
    token: Annotated[
        str | None, typer.Option(help="The only one that is let in; else any is.", show_default=False)
    ] = None,
    results: Annotated[
        str, typer.Option(metavar="KIND", help="'simulated'; or 'zeros', 'ones' or bits, without simulation.")
    ] = "simulated",
    script: Annotated[str | None, typer.Option(metavar="FILE", help="Faults, a JSON list.", show_default=False)] = None,
    idempotency: Annotated[
        bool | None,
        typer.Option(
            "--idempotency/--no-idempotency",
            show_default=False,
            help="Of generic: whether submissions with one Idempotency-Key are one job, as by default.",
        ),
    ] = None,
    find: Annotated[
        bool | None,
        typer.Option(
            "--find/--no-find",
            show_default=False,
            help="Of generic: whether jobs are found by their Client-Reference, as by default.",
        ),
    ] = None,
    accepting: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", show_default=False, help="Of generic: from a submission to its job."),
    ] = None,
    replying: Annotated[
        float | None, typer.Option(metavar="SECONDS", show_default=False, help="Of generic: from there to the reply.")
    ] = None,
    sign_in: Annotated[
        bool | None,
        typer.Option(
            "--sign-in", show_default=False, help="Of aqt: only tokens that this issuer gave are let in by the cloud."
        ),
    ] = None,
    client_id: Annotated[
        str | None, typer.Option(show_default=False, help="Of aqt: the only client that is given a token; else any is.")
    ] = None,
    client_secret: Annotated[str | None, typer.Option(show_default=False, help="Of aqt: its secret.")] = None,
    token_seconds: Annotated[
        float | None, typer.Option(metavar="SECONDS", show_default=False, help="Of aqt: until a token expires (3600).")
    ] = None,
    device_interval: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", show_default=False, help="Of aqt: between two polls of a device flow (5)."),
    ] = None,
    debug: Debug = False,  # noqa: ARG001 - as above
) -> object:
    from quantumjobs.cli import asked

    return asked.Emulate(
        vendor=asked.vendor(vendor),
        port=port,
        faults=asked.script(script),
        settings={
            "latency": asked.seconds("--latency", latency),
            "queue": asked.seconds("--queue", queue),
            "duration": asked.seconds("--duration", duration),
            "parallel": parallel,
            "seed": seed,
            "token": token,
            "results": results,
            **asked.of_generic(vendor, idempotency=idempotency, find=find, accepting=accepting, replying=replying),
            **asked.of_aqt(
                vendor,
                sign_in=sign_in,
                client_id=client_id,
                client_secret=client_secret,
                token_seconds=token_seconds,
                device_interval=device_interval,
            ),
        },
    )


app_jobs.add_to(app)
app_programs.add_to(app)
app_login.add_to(app)
