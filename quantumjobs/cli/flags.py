"""Options that many commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, and nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where errors come from; QUANTUMJOBS_DEBUG=1 does the same.")]
Timeout = Annotated[float | None, typer.Option(metavar="SECONDS", help="Wait no longer than this.")]
Top = Annotated[int, typer.Option(min=1, help="How many outcomes of each circuit are printed.")]
Progress = Annotated[
    bool | None,
    typer.Option(
        "--progress/--no-progress",
        show_default=False,
        help="On standard error, by default on a terminal only; elsewhere --progress writes a line per change.",
    ),
]
Id = Annotated[
    str, typer.Argument(metavar="ID", show_default=False, help="An id, or a beginning that no other job's id has.")
]
