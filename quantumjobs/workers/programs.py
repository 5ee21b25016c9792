"""A user's program in a folder of its own: placed there once, begun once, and read from there by whoever wants to know.

What is true stands in the folder, and `supervisor` writes it; the process that began the program may be gone long since.
Everything here reads and writes files: call it in a thread (`workers.beside`).

    log.txt                 what the program wrote, as it was
    results.json, ...       what it left: the folder is its results directory
    .quantumjobs/plan.json  `Plan`
    .quantumjobs/state.json `State`; not there before the program has begun
    .quantumjobs/lock       held for as long as anything of the program runs
    .quantumjobs/cancel     somebody wants it to end
    .quantumjobs/log.jsonl  [time, message], one for each line
    .quantumjobs/code/, input/, checkpoints/, model.tar.gz
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from quantumjobs.errors import QuantumJobsError, UsageError
from quantumjobs.workers import archives
from quantumjobs.workers.surroundings import command, environment

Buffer = bytes | memoryview

__all__ = ["INSIDE", "Going", "NotStarted", "Plan", "Run", "State"]

INSIDE = ".quantumjobs"
"""The folder in the folder that is ours."""

_PAGE = 1 << 18
"""Bytes of a log that are read at once: a thread that decodes more of them would keep the interpreter to itself."""
_USERS_OWN = archives.Limits(ratio=1100)
"""Whatever gzip can pack: it is code that is going to be run."""
_STALE = 3600.0
"""Seconds after which nobody is still writing a folder."""
_LONGEST = 4 << 20
"""Bytes of the longest line: the supervisor cuts a program's lines, and JSON makes up to six bytes of one."""


class NotStarted(QuantumJobsError):
    """No supervisor could be started, and the program has not begun."""


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to run, and how. It is kept on the disk: no secrets."""

    entry_point: str
    """ "module" or "package.module:function"."""
    variables: dict[str, str] = {}
    """Of the environment, beyond the one in which the program is begun."""
    max_runtime: float = 432_000.0
    """Seconds."""
    packed: bool = True
    """What the program leaves is packed into `Run.packed` when it has ended, however it has."""
    grace: float = 5.0
    """Seconds from the wish to end until everything is killed."""
    request: dict[str, Any] = {}
    """Plain values that nobody here reads."""


Going = Literal["queued", "running", "completed", "failed", "cancelled"]


class State(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far it is. Times are seconds since the epoch."""

    state: Going
    reason: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    """Negative: the signal that ended it."""

    @property
    def is_over(self) -> bool:
        """Nothing of the program runs, and nothing will."""
        return self.state not in {"queued", "running"}


class Run:
    """One folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._inside = self.folder / INSIDE

    @property
    def packed(self) -> Path:
        """The results as gzip of tar; there when the program has ended, if its plan says so."""
        return self._inside / "model.tar.gz"

    @property
    def is_placed(self) -> bool:
        """Whether the folder is one of ours."""
        return (self._inside / "plan.json").is_file()

    def plan(self) -> Plan:
        """Raises `FileNotFoundError` where it is not placed."""
        return msgspec.json.decode((self._inside / "plan.json").read_bytes(), type=Plan)

    # --- once -------------------------------------------------------------------------------
    def place(
        self, plan: Plan, archive: Buffer, files: Mapping[str, Buffer] = {}, hyperparameters: Mapping[str, str] = {}
    ) -> None:
        """Write the folder: whole, or not at all. Where it is placed already, nothing happens.

        `archive` (gzip of tar) has the program, `files` its input by "channel/name". Raises `UsageError` for a folder
        of somebody else's and for names that lead elsewhere, and what `archives.unpack` raises.
        """
        if self.is_placed:
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()
        made = Path(tempfile.mkdtemp(prefix=f".{self.folder.name[:64]}-", dir=self.folder.parent))
        try:
            inside = made / INSIDE
            for name in ("input/data", "input/config", "checkpoints"):
                (inside / name).mkdir(parents=True)
            packed = inside / "source.tar.gz"
            packed.write_bytes(archive)
            archives.unpack(packed, inside / "code", limits=_USERS_OWN)
            packed.unlink()
            for name, body in files.items():
                file = _below(inside / "input" / "data", name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(body)
            if hyperparameters:
                (inside / "input/config/hyperparameters.json").write_bytes(msgspec.json.encode(hyperparameters))
            (inside / "lock").touch()
            (inside / "plan.json").write_bytes(msgspec.json.encode(plan))
            try:
                made.rename(self.folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise  # else it is there already, and looked at below
        finally:
            shutil.rmtree(made, ignore_errors=True)
        if not self.is_placed:
            raise UsageError(f"{self.folder} is there already, and is no program's folder")

    def _sweep(self) -> None:
        """Remove what those left who were killed while they wrote this folder."""
        for left in self.folder.parent.glob(f".{glob.escape(self.folder.name[:64])}-*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE:
                    shutil.rmtree(left, ignore_errors=True)

    def start(self, secrets: Mapping[str, str] = {}, *, follow_parent: bool = False) -> None:
        """Begin the program, unless it has begun before: nothing is ever run twice, also not after a crash.

        Its environment is this process's. It outlives this process, except with `follow_parent`: then all of it ends when this process does. `secrets`
        are variables that are told to the program only. Raises `NotStarted`.
        """
        if (self._inside / "state.json").exists():
            return
        # Where this process is in a hybrid job itself, that one's folders and token are none of the new one's.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AMZN_BRAKET_")}
        given = {os.fsencode(name): os.fsencode(value) for name, value in {**ours, **secrets}.items()}
        leash = _leash() if follow_parent else None
        try:
            done = subprocess.run(
                [
                    *command("quantumjobs.workers.supervisor"),
                    str(self.folder),
                    *([] if leash is None else [str(leash)]),
                ],
                input=msgspec.msgpack.encode(given),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment(),
                cwd="/",
                pass_fds=[] if leash is None else [leash],
                start_new_session=True,
                check=False,
            )
        except OSError as error:
            raise NotStarted(f"no process could be started: {error}") from error
        if done.returncode and not (self._inside / "state.json").exists():
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise NotStarted(f"the supervisor ended with code {done.returncode}: {said}")

    # --- any number of times ----------------------------------------------------------------
    def state(self) -> State:
        """Raises `FileNotFoundError` where there is no program of ours."""
        found = self._written()
        if found is None:
            if not self.is_placed:
                raise FileNotFoundError(f"{self.folder} is no program's folder")
            return State(state="queued")
        if found.is_over or self._is_held():
            return found
        found = self._written() or found  # its last word came before it let go of the lock, and after our first look
        if found.is_over:
            return found
        return msgspec.structs.replace(found, state="failed", reason="the process that watched over it was ended")

    def cancel(self) -> bool:
        """Ask for its end, soon: True where it had not ended yet. What has not begun never will."""
        state = self.state()
        if state.is_over:
            return False
        (self._inside / "cancel").touch()
        if state.state == "queued":
            with holding(self._inside / "lock", wait=False) as held:
                if held and self._written() is None:
                    keep(self.folder, State(state="cancelled"))
        return True

    def lines(self, after: int = 0) -> tuple[list[tuple[float, str]], int, bool]:
        """Lines behind a place in the log, each with its time; the place behind them; whether to ask again at once.

        A line that is not finished is told when it is, or when the program has ended.
        """
        try:
            data, full = page(self._inside / "log.jsonl", after)
        except FileNotFoundError:  # it has not begun
            return [], after, False
        return _lines.decode_lines(data), after + len(data), full

    def _written(self) -> State | None:
        try:
            return msgspec.json.decode((self._inside / "state.json").read_bytes(), type=State)
        except FileNotFoundError:
            return None

    def _is_held(self) -> bool:
        with holding(self._inside / "lock", wait=False, alone=False) as held:
            return not held


# --- files, also for the supervisor -----------------------------------------------------------
@contextlib.contextmanager
def holding(file: Path, *, wait: bool, alone: bool = True) -> Iterator[bool]:
    """Hold a lock: whether it was got. It is free when all who hold it have let go or ended."""
    import fcntl  # not on Windows

    with file.open("ab" if alone else "rb") as lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def keep(folder: Path, state: State) -> None:
    """Write a state: whole, or not at all."""
    file = folder / INSIDE / "state.json"
    new = file.with_suffix(f".{os.getpid()}")
    new.write_bytes(msgspec.json.encode(state))
    new.replace(file)


def page(file: Path, after: int, *, ended: bool = False) -> tuple[bytes, bool]:
    """Whole lines from byte `after` on, about a quarter of a megabyte of them at most; and whether there may be more by now.

    `ended`: nobody writes any more, so the last line is whole, too. Raises `FileNotFoundError`.
    """
    with file.open("rb") as log:
        log.seek(after)
        data = log.read(_PAGE)
        full = len(data) == _PAGE
        if full and not data.endswith(b"\n"):
            data += log.readline(_LONGEST)
        end = len(data) if ended else data.rfind(b"\n") + 1
    return data[:end], full and end > 0


def _below(folder: Path, name: str) -> Path:
    parts = name.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\\" in name or "\0" in name:
        raise UsageError(f"input file {name!r}: a name must be channel/name, below the channel's folder")
    return folder.joinpath(*parts)


# --- the leash: one pipe, of which this process alone has the end for writing -------------------
_ends: tuple[int, int] | None = None


def _leash() -> int:
    """The end for reading, to be handed on: it reads as ended when this process has."""
    global _ends
    if _ends is None:
        _ends = os.pipe()
        os.register_at_fork(after_in_child=_forget)
    return _ends[0]


def _forget() -> None:
    global _ends
    if _ends is not None:
        for end in _ends:
            os.close(end)
        _ends = None


_lines = msgspec.json.Decoder(tuple[float, str])
