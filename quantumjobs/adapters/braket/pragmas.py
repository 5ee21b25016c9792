"""Result types that are asked for: checked as far as a device would refuse them, and written as pragmas."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from quantumjobs.adapters.braket.about import About
from quantumjobs.adapters.braket.gates import action
from quantumjobs.errors import UsageError, unknown_name

STATES = frozenset({"state_vector", "density_matrix", "amplitude", "adjoint_gradient"})
"""Computed, and never drawn."""
WORDS = frozenset({*STATES, "probability", "expectation", "variance", "sample"})
_OBSERVED = frozenset({"expectation", "variance", "sample", "adjoint_gradient"})
_PREFIX = re.compile(r"(?:#\s*pragma\s+)?(?:braket\s+)?(?:result\s+)?", re.ASCII)
_QUBIT = re.compile(r"\$(\d{1,9})|\b([A-Za-z_]\w*)\s*\[\s*(\d{1,9})\s*\]", re.ASCII)
_AMPLITUDES = re.compile(r'"[01]+"(?:\s*,\s*"[01]+")*', re.ASCII)

Place = Callable[[str, int], str]
"""A qubit by register (or "$") and number, as the program calls it; raises `UsageError` for one that is not there."""


def check(asked: Sequence[str], about: About, *, exact: bool) -> None:
    """Raises `UsageError` for a word that is none, or none of the device's, or does not go with these shots."""
    said = action(about).supported_result_types
    takes = WORDS if said is None else {word for one in said if (word := _word(str(one.get("name", ""))))}
    for text in asked:
        kind, rest = _parts(text)
        if kind not in WORDS:
            raise unknown_name("result type", kind, WORDS, where=about.name or about.arn)
        if kind not in takes:
            has = ", ".join(sorted(takes)) or "none"
            raise UsageError(f"result type {kind!r}: {about.name or about.arn} has it not; it has {has}")
        if kind in STATES and not exact:
            raise UsageError(f"result type {kind!r} is computed and not drawn: give shots=0")
        if kind == "sample" and exact:
            raise UsageError("result type 'sample' is drawn: give shots")
        if kind == "state_vector" and rest:
            raise UsageError(f"result type {text!r}: a state_vector is of all qubits, and names none")
        if kind == "amplitude" and not _AMPLITUDES.fullmatch(rest):
            raise UsageError(f'result type {text!r}: states are bits in quotes, as in \'amplitude "00", "11"\'')
        if kind in _OBSERVED and not rest:
            raise UsageError(f"result type {text!r}: of what? As in '{kind} z(q[0])'")


def lines(asked: Sequence[str], place: Place, width: int | None) -> Iterator[str]:
    """As pragmas. `width`: qubits that states of amplitudes have, if that is known."""
    for text in asked:
        kind, rest = _parts(text)
        if kind == "amplitude":
            lengths = {len(state) for state in re.findall(r"[01]+", rest)}
            if width is not None and lengths != {width}:
                raise UsageError(
                    f"has {width} qubits; {text!r} is of states of {' and '.join(map(str, sorted(lengths)))}"
                )
        else:
            rest = _QUBIT.sub(lambda one: place(one[2] or "$", int(one[1] or one[3])), rest)
        yield f"#pragma braket result {kind} {rest}".rstrip()


def has_phase(asked: Collection[str]) -> bool:
    """Whether a global phase shows in one of them."""
    return any(_parts(text)[0] in ("state_vector", "amplitude") for text in asked)


def _parts(text: str) -> tuple[str, str]:
    """Of one with or without what every pragma begins with."""
    bare = text.strip()
    start = _PREFIX.match(bare)
    kind, _, rest = bare[start.end() if start else 0 :].partition(" ")
    return kind, rest.strip()


def _word(name: str) -> str:
    """`StateVector` is `state_vector`."""
    plain = name.replace("_", "").lower()
    return next((word for word in WORDS if word.replace("_", "") == plain), "")
