"""What the user asked for about jobs that are there already, checked as far as that is possible without a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from quantumjobs.core.states import JobState
from quantumjobs.errors import UsageError, unknown_name


class Jobs(Struct, frozen=True, kw_only=True):
    """`quantumjobs jobs`."""

    state: JobState | None = None
    provider: str | None = None
    tag: str | None = None
    since: float | None = None
    """Seconds since the epoch."""
    json: bool = False


class Show(Struct, frozen=True, kw_only=True):
    """`quantumjobs show`."""

    id: str
    json: bool = False


class Fetch(Struct, frozen=True, kw_only=True):
    """`quantumjobs result`."""

    id: str
    timeout: float | None = None
    memory: bool = False
    top: int = 16
    progress: bool | None = None
    json: bool = False


class Cancel(Struct, frozen=True, kw_only=True):
    """`quantumjobs cancel`."""

    ids: tuple[str, ...]
    json: bool = False


class Decide(Struct, frozen=True, kw_only=True):
    """`quantumjobs adopt`, `resubmit` and `abandon`."""

    way: str
    id: str
    remote_id: str = ""
    """Of `adopt`."""
    timeout: float | None = None
    """Of `resubmit`: how long acceptance is waited for."""
    json: bool = False


class Watch(Struct, frozen=True, kw_only=True):
    """`quantumjobs watch`; no ids are all that live."""

    ids: tuple[str, ...] = ()
    timeout: float | None = None
    progress: bool | None = None
    json: bool = False


class Doctor(Struct, frozen=True, kw_only=True):
    """`quantumjobs doctor`."""

    json: bool = False


class Gc(Struct, frozen=True, kw_only=True):
    """`quantumjobs gc`."""

    older_than: float
    """Seconds."""
    dry_run: bool = False
    json: bool = False


class Export(Struct, frozen=True, kw_only=True):
    """`quantumjobs export`; no ids are all jobs."""

    file: Path
    ids: tuple[str, ...] = ()
    json: bool = False


class Import(Struct, frozen=True, kw_only=True):
    """`quantumjobs import`."""

    file: Path
    json: bool = False


AskedOfJobs = Jobs | Show | Fetch | Cancel | Decide | Watch | Doctor | Gc | Export | Import


def state(name: str | None) -> JobState | None:
    """Raises `UsageError` for what is no state."""
    if name is None:
        return None
    word = name.strip().lower().replace("-", "_")
    if word not in set(JobState):
        raise unknown_name("state", name, [one.value for one in JobState])
    return JobState(word)


def ids(given: Iterable[str] | None) -> tuple[str, ...]:
    """Raises `UsageError` for an empty one: in a script it would be a variable that is not set."""
    found = tuple(given or ())
    if not all(one.strip() for one in found):
        raise UsageError("an id is empty; 'quantumjobs jobs' lists them")
    return found


def remote_id(given: str) -> str:
    """Raises `UsageError` for what no provider calls a job."""
    found = given.strip()
    if not found or not found.isprintable():
        raise UsageError(f"REMOTE_ID {given!r}: the provider's own id of the job is needed")
    return found


def new_file(name: str) -> Path:
    """Where something is to be written. Raises `UsageError` where that is not possible, or something is there."""
    path = Path(name)
    if path.exists() or path.is_symlink():
        raise UsageError(f"{name}: this is there already, and is not written over")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{name}: there is no directory {path.parent}")
    return path.absolute()


def old_file(name: str) -> Path:
    """A file to read. Raises `UsageError` where there is none."""
    path = Path(name)
    if not path.exists():
        raise UsageError(f"{name}: there is no such file")
    if not path.is_file():
        raise UsageError(f"{name}: not a file")
    return path.absolute()
