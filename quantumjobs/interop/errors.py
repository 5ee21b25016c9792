"""Errors at another library's face: of our class, with our facts, and of the classes that it documents."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

from quantumjobs.errors import QuantumJobsError

E = TypeVar("E", bound=QuantumJobsError)


def also(error: E, *theirs: type[Exception]) -> E:
    """The same error, which is of these classes, too. Raise it `from` the given one, which keeps the story."""
    ours: Any = type(error)
    kind = _kind(ours, theirs)
    made: E = kind.__new__(kind, str(error))  # without its __init__: not every class is made from a message alone
    made.__dict__.update(error.__dict__)
    return made


@functools.cache
def _kind(ours: type[QuantumJobsError], theirs: tuple[type[Exception], ...]) -> Any:
    plain = {"__module__": __name__, "__doc__": ours.__doc__, "__str__": Exception.__str__}  # Qiskit's is in quotes
    return type(ours.__name__, (ours, *theirs), plain)
