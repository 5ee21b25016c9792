"""Carrying out a command line: everything that may happen becomes output and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from quantumjobs.cli.exits import Exit, Trouble, trouble
from quantumjobs.cli.terminal import Terminal, Unread, unread


def carry_out(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code, and raises nothing for what a user may do."""
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    terminal = Terminal(debug="--debug" in words)
    try:
        with terminal.log():
            try:
                return _do(list(arguments), terminal)
            except KeyboardInterrupt:
                found = Trouble("Interrupted", "interrupted", "", Exit.INTERRUPTED)
                terminal.complain(found)
            except Unread:
                raise
            except Exception as error:
                found = _understood(error)
                terminal.complain(found, error)
            if "--json" in words:
                _tell(terminal, found, lists="backends" in words[:1])
            return found.code
    except Unread as error:
        terminal.abandon()
        if str(error):
            terminal.say(str(error))
        return Exit.UNREAD


def _do(arguments: list[str], terminal: Terminal) -> int:
    from quantumjobs.cli.app import parse

    try:
        asked = parse(arguments or ["--help"])
        if sys.stdout is not None:
            sys.stdout.flush()  # what help and version have said
    except OSError as error:
        raise unread(error) from error
    except SystemExit as error:  # typer's answer to a broken pipe
        raise Unread from error
    if isinstance(asked, int):
        return asked if arguments else Exit.USAGE
    from quantumjobs.cli.asked import Emulate, Run

    if isinstance(asked, Emulate):
        from quantumjobs.cli import emulating

        return emulating.emulate(asked, terminal)
    from quantumjobs.cli import listing, running

    if isinstance(asked, Run):
        return running.run(asked, terminal)
    return listing.backends(asked, terminal)


def _understood(error: Exception) -> Trouble:
    """Errors of ours, and those of typer, whose classes have other names and places in other versions."""
    message = getattr(error, "format_message", None)
    if message is None:
        return trouble(error)
    command = getattr(getattr(error, "ctx", None), "command_path", "quantumjobs")
    return Trouble("UsageError", str(message()), f"see {command} --help", Exit.USAGE)


def _tell(terminal: Terminal, found: Trouble, *, lists: bool) -> None:
    from quantumjobs.cli import report

    make = report.backends_document if lists else report.document
    terminal.show([make((), found.code, found)])
