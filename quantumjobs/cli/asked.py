"""What the user asked for, checked as far as that is possible without a client. Nothing here waits or submits."""

from __future__ import annotations

import inspect
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from quantumjobs.circuits.given import SUFFIXES
from quantumjobs.cli.asked_jobs import AskedOfJobs
from quantumjobs.cli.asked_login import AskedOfLogin
from quantumjobs.cli.asked_programs import AskedOfPrograms
from quantumjobs.client.backend import Backend
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from quantumjobs.testing.emulators.faults import Fault

STDIN = "-"
_FLAGS = {
    "shots": "--shots",
    "memory": "--memory",
    "transpile": "--no-transpile",
    "optimization_level": "--optimization-level",
}


class Source(Struct, frozen=True):
    """One file, or standard input: its name as the user wrote it, and what `Backend.run` takes."""

    name: str
    circuit: Path | str

    @property
    def label(self) -> str:
        """For people."""
        return "standard input" if self.name == STDIN else self.name


class Backends(Struct, frozen=True, kw_only=True):
    """`quantumjobs backends`."""

    json: bool = False


class Run(Struct, frozen=True, kw_only=True):
    """`quantumjobs run`."""

    sources: tuple[Source, ...]
    backend: str
    shots: int | None = None
    seed: int | None = None
    memory: bool = False
    transpile: bool = True
    optimization_level: int = 1
    options: dict[str, Any] = {}
    timeout: float | None = None
    top: int = 16
    progress: bool | None = None
    json: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """Keywords for `Backend.run`."""
        seed = {} if self.seed is None else {"seed": self.seed}
        return {
            "shots": self.shots,
            "memory": self.memory,
            "transpile": self.transpile,
            "optimization_level": self.optimization_level,
            **seed,
            **self.options,
        }


class Emulate(Struct, frozen=True, kw_only=True):
    """`quantumjobs emulate`."""

    vendor: str
    port: int
    settings: dict[str, Any] = {}
    """Keywords for the emulator."""
    faults: tuple[Fault, ...] = ()


Asked = Run | Backends | Emulate | AskedOfJobs | AskedOfLogin | AskedOfPrograms

VENDORS = {
    "aqt": "AqtEmulator",
    "braket": "BraketEmulator",
    "generic": "GenericEmulator",
    "iqm": "IqmEmulator",
    "originq": "OriginqEmulator",
}
"""The emulators, by the name of their provider."""


def sources(names: Iterable[str]) -> tuple[Source, ...]:
    """The files, looked at before anything is submitted; standard input is read to its end.

    Raises `UsageError` for a file that is missing or of another kind, and for standard input named twice.
    """
    names = list(names)
    if names.count(STDIN) > 1:
        raise UsageError("standard input (-) can be read only once")
    for name in names:
        if name != STDIN:
            _check_file(name)
    # A `Path`, made absolute: a name with a semicolon is no program, and one with a tilde is not expanded a second time.
    return tuple(Source(name, _stdin() if name == STDIN else Path(name).absolute()) for name in names)


def _check_file(name: str) -> None:
    path = Path(name)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{name}: not a {' or '.join(SUFFIXES)} file (OpenQASM from elsewhere: write -, and pipe it in)"
        )
    if not path.exists():
        others = [str(found) for found in _beside(path) if found.suffix.lower() in SUFFIXES]
        near = " or ".join(get_close_matches(name, others, n=3))
        raise UsageError(f"{name}: there is no such file{f'; did you mean {near}?' if near else ''}")
    if not path.is_file():
        raise UsageError(f"{name}: not a file")


def _beside(path: Path) -> Iterable[Path]:
    try:
        return list(path.parent.iterdir())
    except OSError:
        return ()


def _stdin() -> str:
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    if sys.stdin.isatty():
        sys.stderr.write("quantumjobs: reading OpenQASM from the terminal, up to Ctrl-D\n")
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not text in UTF-8 (byte {error.start})") from error
    if not text.strip():
        raise UsageError("standard input is empty; OpenQASM is expected")
    return f"{text}\n"  # a line's end makes it text, whatever it says: nothing on standard input names a file


def options(given: Sequence[str], *, seed: int | None = None) -> dict[str, Any]:
    """NAME=VALUE, with VALUE as JSON where it is JSON, else as text.

    Raises `UsageError`, also for an option given twice; `seed` is what was given elsewhere.
    """
    found: dict[str, Any] = {}
    often = Counter() if seed is None else Counter(["seed"])
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"--option {item!r}: write NAME=VALUE")
        if name in _reserved():
            advice = f": write {_FLAGS[name]}" if name in _FLAGS else ""
            raise UsageError(f"--option {name}: this is not an option of the backend{advice}")
        often[name] += 1
        if often[name] > 1:
            raise UsageError(f"the option {name!r} is given twice")
        found[name] = _value(value)
    return found


def _reserved() -> frozenset[str]:
    """The names of `Backend.run`'s own arguments: as options they would take their places."""
    parameters = inspect.signature(Backend.run).parameters.values()
    return frozenset(parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD)


def _value(text: str) -> Any:
    if text in {"True", "False", "None"}:  # Python's words, out of habit
        return {"True": True, "False": False, "None": None}[text]
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def timeout(seconds: float | None) -> float | None:
    """Raises `UsageError` for what is no time to wait."""
    if seconds is not None and (isnan(seconds) or seconds <= 0):
        raise UsageError(f"--timeout {seconds:g}: a positive number of seconds is needed")
    return seconds


def vendor(name: str) -> str:
    """Raises `UsageError` for one that is not emulated."""
    if name not in VENDORS:
        raise UsageError(f"no emulator {name!r}; there is one of: {', '.join(sorted(VENDORS))}")
    return name


def seconds(flag: str, given: float) -> float:
    """Raises `UsageError` for what is no duration."""
    if not isfinite(given) or given < 0:
        raise UsageError(f"{flag} {given:g}: a number of seconds is needed, and no less than 0")
    return given


def of_generic(vendor: str, **given: Any) -> dict[str, Any]:
    """Settings that only the generic service has, without those that were not given.

    Raises `UsageError` for one that is given to another emulator.
    """
    return _only(vendor, "generic", "the generic service", given)


def of_aqt(vendor: str, **given: Any) -> dict[str, Any]:
    """Settings that only AQT's emulator has, without those that were not given.

    Raises `UsageError` for one that is given to another emulator.
    """
    return _only(vendor, "aqt", "AQT's emulator", given)


def _only(vendor: str, owner: str, called: str, given: dict[str, Any]) -> dict[str, Any]:
    flags = {name: f"--{'no-' if value is False else ''}{name.replace('_', '-')}" for name, value in given.items()}
    found = {
        name: seconds(flags[name], value) if isinstance(value, float) else value
        for name, value in given.items()
        if value is not None
    }
    if found and vendor != owner:
        raise UsageError(f"{', '.join(flags[name] for name in found)}: only {called} has this, not {vendor}")
    return found


def script(name: str | None) -> tuple[Fault, ...]:
    """The faults of a file. Raises `UsageError` for one that cannot be read, or says something else."""
    if name is None:
        return ()
    from quantumjobs.testing.emulators.faults import read_faults

    try:
        return tuple(read_faults(Path(name).read_bytes()))
    except (OSError, UsageError) as error:
        raise UsageError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
