"""Runs an entry point as the container of a hybrid job does: a module as the main program, or a function in a module.

Run as a file, ``python entry.py <code> <entry point> <failure>``, with the code's folder as working directory. It is in
the user's process, so it imports nothing but the standard library. What went wrong is left in the file <failure>.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Run what the arguments say, and end with exit code 1 where it raised."""
    code, entry_point, failure = sys.argv[1:4]
    sys.argv[:] = [entry_point]
    sys.path[: 0 if sys.flags.safe_path else 1] = [code]  # in the place of this file's folder, if that is there
    home = str(Path(__file__).parents[2])
    if home not in sys.path:
        sys.path.append(home)  # what runs here may want `quantumjobs`, which may be a checkout
    try:
        run(entry_point)
    except Exception as error:  # the user's code raises what it likes
        said = str(error)
        Path(failure).write_text(
            type(error).__name__ + (f": {said}" if said else ""), encoding="utf-8", errors="replace"
        )
        trace = _theirs(error.__traceback__)
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        sys.exit(1)


def run(entry_point: str) -> None:
    """Raises what the user's code raises."""
    module, colon, function = entry_point.partition(":")
    if not colon:
        runpy.run_module(module, run_name="__main__")
        return
    called = getattr(importlib.import_module(module), function)
    called(**_arguments(called))


def _arguments(function: Callable[..., Any]) -> dict[str, Any]:
    """The hyperparameters, where they fit the function; each is made what the function says that it is, else a text.

    An annotation that cannot be called raises here as it does in the container: who runs a program on this machine
    first wants to know.
    """
    file = os.environ.get("AMZN_BRAKET_HP_FILE")
    if file is None:
        return {}
    parameters: dict[str, str] = json.loads(Path(file).read_bytes())
    try:
        inspect.signature(function).bind(**parameters)
    except TypeError:
        return {}
    kinds = inspect.get_annotations(function) if inspect.isroutine(function) else {}
    return {name: kinds.get(name, str)(value) for name, value in parameters.items()}


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """Without the frames that led to the user's code."""
    ours = (__file__, runpy.__file__, importlib.__file__)
    while trace is not None and (
        trace.tb_frame.f_code.co_filename in ours or trace.tb_frame.f_code.co_filename.startswith("<frozen ")
    ):
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    main()
