"""OriginIR as the user gives it: sent as it is, and read no further than its results need. The service judges the rest."""

from __future__ import annotations

import re
from math import pi

from msgspec import Struct

from quantumjobs.circuits.pauli import Group
from quantumjobs.errors import UsageError

_MOST = 100_000
"""Qubits and bits that a program may declare."""
_DECLARED = re.compile(r"(QINIT|CREG)\s+(\d{1,6})", re.ASCII)
_ONE = re.compile(r"MEASURE\s+q\[\s*(\d{1,6})\s*\]\s*,\s*c\[\s*(\d{1,6})\s*\]", re.ASCII)
_ALL = re.compile(r"MEASURE\s+q\s*,\s*c", re.ASCII)
_USED = re.compile(r"q\[\s*(\d{1,6})\s*\]", re.ASCII)
_CONTROL = re.compile(r"(QIF|QELSE|QELSEIF|QWHILE|QENDIF|QENDWHILE)\b", re.ASCII)
_MEASURE = re.compile(r"MEASURE\b", re.ASCII)
_END = re.compile(r"\r\n?")


class Given(Struct, frozen=True):
    """One program in OriginIR."""

    text: str
    """Lines end in LF, and so does the last one."""
    width: int
    """Qubits that it declares."""
    bits: int
    """Classical bits that it declares."""
    used: int
    """The highest qubit that it names, and one."""
    measured: tuple[int, ...]
    """Bits that are measured, ascending."""


def read(text: str) -> Given:
    """Declarations and measurements of a program. Raises `UsageError` that begins with the line."""
    declared: dict[str, int] = {}
    measured: list[int] = []
    used = 0
    text = _END.sub("\n", text).removesuffix("\n")
    for number, whole in enumerate(text.split("\n"), 1):
        line = whole.partition("//")[0].strip()
        if found := _DECLARED.fullmatch(line):
            declared.setdefault(found[1], min(int(found[2]), _MOST))
        elif _CONTROL.match(line):
            raise UsageError(f"line {number}: OriginQ does not run conditions and loops")
        elif _MEASURE.match(line):
            pairs = _pairs(line, number, declared)
            measured += [bit for _, bit in pairs]
            used = max(used, *(qubit + 1 for qubit, _ in pairs), 0)
            if len(set(measured)) < len(measured):
                raise UsageError(f"line {number}: a bit is measured into twice; results have a place for one of them")
        else:
            used = max([used, *(int(qubit) + 1 for qubit in _USED.findall(line))])
    if "QINIT" not in declared:
        raise UsageError("its QINIT has no number of qubits: write QINIT 2, alone on its line")
    if used > declared["QINIT"]:
        raise UsageError(f"q[{used - 1}] is used, and QINIT declares {declared['QINIT']} qubits")
    return Given(f"{text}\n", declared["QINIT"], declared.get("CREG", 0), used, tuple(sorted(measured)))


def _pairs(line: str, number: int, declared: dict[str, int]) -> list[tuple[int, int]]:
    bits = declared.get("CREG", 0)
    if _ALL.fullmatch(line):
        width = declared.get("QINIT", 0)
        if width > bits:
            raise UsageError(f"line {number}: {width} qubits are measured into {bits} bits")
        return [(at, at) for at in range(width)]
    found = _ONE.fullmatch(line)
    if found is None:
        raise UsageError(f"line {number}: write MEASURE q[i],c[j] or MEASURE q,c")
    if int(found[2]) >= bits:
        raise UsageError(f"line {number}: there is no c[{found[2]}]; CREG declares {bits}")
    return [(int(found[1]), int(found[2]))]


def unmeasured(given: Given) -> Given:
    """Without its measurements. Raises `UsageError` where something comes after one of them."""
    lines: list[str] = []
    seen = False
    for number, line in enumerate(_lines(given.text), 1):
        bare = line.partition("//")[0].strip()
        if _MEASURE.match(bare):
            seen = True
            continue
        if seen and bare and not bare.startswith("BARRIER"):
            raise UsageError(
                f"line {number}: something comes after a measurement, so the state is not computed: measure at the end"
            )
        lines.append(line)
    return Given("\n".join([*lines, ""]), given.width, given.bits, given.used, ())


def rebased(given: Given, group: Group, *, measure: bool) -> Given:
    """Measured in the group's basis, instead of what it measures itself: bit i is basis[i]'s."""
    bare = unmeasured(given)
    lines = [f"CREG {len(group.basis)}" if _is_creg(line) else line for line in _lines(bare.text)]
    if not any(map(_is_creg, lines)):
        place = next(at for at, line in enumerate(lines) if line.strip().startswith("QINIT"))
        lines.insert(place + 1, f"CREG {len(group.basis)}")
    for qubit, axis in group.basis:
        if axis == "Y":
            lines.append(f"RX q[{qubit}],({pi / 2!r})")
        elif axis == "X":
            lines.append(f"H q[{qubit}]")
    if measure:
        lines += [f"MEASURE q[{qubit}],c[{bit}]" for bit, (qubit, _) in enumerate(group.basis)]
    used = max(given.used, *(qubit + 1 for qubit, _ in group.basis))
    bits = tuple(range(len(group.basis))) if measure else ()
    return Given("\n".join([*lines, ""]), given.width, len(group.basis), used, bits)


def _lines(text: str) -> list[str]:
    """Not by `splitlines`, which ends a line, and so a comment, at characters that are no line's end for others."""
    return text.removesuffix("\n").split("\n")


def _is_creg(line: str) -> bool:
    return line.strip().startswith("CREG")
