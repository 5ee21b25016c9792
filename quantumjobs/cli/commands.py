"""Carrying out a command line: everything that may happen becomes output and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantumjobs.cli.exits import Exit, Trouble, trouble
from quantumjobs.cli.terminal import Terminal, Unread, unread

if TYPE_CHECKING:
    from quantumjobs.cli.asked_jobs import AskedOfJobs
    from quantumjobs.cli.asked_login import AskedOfLogin
    from quantumjobs.cli.asked_programs import AskedOfPrograms


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
                from quantumjobs.cli.documents import document

                terminal.show([document("".join(words[:1]), found.code, found)])
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
    from quantumjobs.cli.asked import Backends, Emulate, Run
    from quantumjobs.cli.asked_login import Login, Logout, Whoami
    from quantumjobs.cli.asked_programs import Download, ReadLogs, ReadMetrics

    # Each imports what it needs, and no more: `jobs` is to be quick, and `emulate` needs an extra.
    match asked:
        case Run():
            from quantumjobs.cli import running

            return running.run(asked, terminal)
        case Emulate():
            from quantumjobs.cli import emulating

            return emulating.emulate(asked, terminal)
        case Backends():
            from quantumjobs.cli import listing

            return listing.backends(asked, terminal)
        case Login() | Logout() | Whoami():
            return _about_login(asked, terminal)
        case ReadLogs() | ReadMetrics() | Download():
            return _about_programs(asked, terminal)
        case _:
            return _about_jobs(asked, terminal)


def _about_login(asked: AskedOfLogin, terminal: Terminal) -> int:
    from quantumjobs.cli import asked_login, signing

    match asked:
        case asked_login.Login():
            return signing.login(asked, terminal)
        case asked_login.Logout():
            return signing.logout(asked, terminal)
        case asked_login.Whoami():
            return signing.whoami(asked, terminal)


def _about_programs(asked: AskedOfPrograms, terminal: Terminal) -> int:
    from quantumjobs.cli import asked_programs, downloading, logs, metrics

    match asked:
        case asked_programs.ReadLogs():
            return logs.logs(asked, terminal)
        case asked_programs.ReadMetrics():
            return metrics.metrics(asked, terminal)
        case asked_programs.Download():
            return downloading.download(asked, terminal)


def _about_jobs(asked: AskedOfJobs, terminal: Terminal) -> int:
    from quantumjobs.cli import asked_jobs, deciding, doctoring, keeping, listing, results, showing, watching

    match asked:
        case asked_jobs.Jobs():
            return listing.jobs(asked, terminal)
        case asked_jobs.Show():
            return showing.show(asked, terminal)
        case asked_jobs.Fetch():
            return results.result(asked, terminal)
        case asked_jobs.Cancel():
            return deciding.cancel(asked, terminal)
        case asked_jobs.Decide():
            return deciding.decide(asked, terminal)
        case asked_jobs.Watch():
            return watching.watch(asked, terminal)
        case asked_jobs.Doctor():
            return doctoring.doctor(asked, terminal)
        case asked_jobs.Gc():
            return keeping.gc(asked, terminal)
        case asked_jobs.Export():
            return keeping.export(asked, terminal)
        case asked_jobs.Import():
            return keeping.import_jobs(asked, terminal)


def _understood(error: Exception) -> Trouble:
    """Errors of ours, and those of typer, whose classes have other names and places in other versions."""
    message = getattr(error, "format_message", None)
    if message is None:
        return trouble(error)
    command = getattr(getattr(error, "ctx", None), "command_path", "quantumjobs")
    return Trouble("UsageError", str(message()), f"see {command} --help", Exit.USAGE)
