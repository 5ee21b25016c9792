"""The `quantumjobs` command; needs the extra `cli` (typer and rich). Reads its arguments before it loads anything heavy."""

from __future__ import annotations

import sys
from collections.abc import Sequence

INSTALL = "pip install 'quantumjobs[cli]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default this process's, which is then to end; returns the exit code.

    Raises nothing for what a user may do.
    """
    try:
        try:
            import rich  # noqa: F401 - what draws on terminals; asked for here, so that nothing fails half way
            import typer  # noqa: F401
        except ImportError as error:
            missing = f"the package {error.name!r} is missing" if error.name else str(error)
            sys.stderr.write(f"quantumjobs: {missing}; the command line needs the extra 'cli':\n  {INSTALL}\n")
            return 2
        from quantumjobs.cli.commands import carry_out
        from quantumjobs.cli.interrupts import ignore

        if arguments is not None:
            return carry_out(arguments)
        code = carry_out(sys.argv[1:])
        ignore()
        return code
    except KeyboardInterrupt:  # before or after what there is to clean up
        return 130
