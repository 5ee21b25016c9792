"""What a new interpreter for workers is given by this one: import path, environment, what to import first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["PRELOAD", "changed_path", "command", "cores", "environment", "keep_stderr", "wire_path"]

# Imported before the first fork. Imports only: a simulation would start OpenMP, whose threads no fork survives.
# The OpenQASM 3 loader takes as long as a call may before its worker counts as busy for long.
PRELOAD = ("qiskit", "qiskit.qpy", "qiskit_aer", "qiskit.qasm2", "qiskit.qasm3", "qiskit_qasm3_import")

_STDERR = "QUANTUMJOBS_WORKER_STDERR"  # anything: what workers write on stderr is shown


def command(module: str, *args: str) -> list[str]:
    """Give the command line that runs ``module`` in a new interpreter."""
    # -P: without it, `-m` would put the working directory first on the path, and a file of the user's that is named
    # like a module would be imported although the program itself does not see it.
    # -W: a filter in the environment that makes errors of warnings is meant for the user's code, not for our imports.
    return [sys.executable, "-P", "-W", "default" if keep_stderr() else "ignore", "-m", module, *args]


def environment() -> dict[str, str]:
    """Give the environment: a worker must be single-threaded when it forks, and must not spin."""
    return {
        **os.environ,
        "OMP_WAIT_POLICY": "PASSIVE",  # by default OpenMP burns a core at each barrier; read when the library loads
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NUMEXPR_NUM_THREADS": "1",
        "VECLIB_MAXIMUM_THREADS": "1",
        "QISKIT_PARALLEL": "FALSE",
        "PYTHONPATH": os.pathsep.join(_absolute_path()),  # enough to find us; the exact path follows in a message
    }


def keep_stderr() -> bool:
    return bool(os.environ.get(_STDERR))


def wire_path() -> tuple[bytes, ...]:
    """Give ``sys.path`` as another directory would have to write it, in bytes: a directory's name need not be text."""
    return tuple(os.fsencode(entry) for entry in _absolute_path())


def changed_path(known: list[str]) -> tuple[list[str], tuple[bytes, ...]] | None:
    """Give a copy of ``sys.path`` and its form on the wire, unless it is what ``known`` says."""
    return None if sys.path == known else (list(sys.path), wire_path())


def cores() -> int:
    """Count the processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _absolute_path() -> list[str]:
    entries = [str(entry) for entry in sys.path]
    try:
        here = Path.cwd()
    except FileNotFoundError:  # the directory was removed; a relative entry means nothing then
        return [entry for entry in entries if Path(entry).is_absolute()]
    return [str(here / entry) for entry in entries]  # an empty entry means "here", wherever that is
