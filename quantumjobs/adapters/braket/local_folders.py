"""Folders of local hybrid jobs: our own, and those that the vendor's local jobs leave. All of this reads files.

The vendor's has `log.txt` and, as a rule, `results.json`; that its program failed shows in the log's last line only.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from quantumjobs.workers.bundle import pack
from quantumjobs.workers.programs import INSIDE, Run, State, page

__all__ = ["Archive", "Folder", "opened"]

_VENDORS = "local:job/"
_EXITED = re.compile(rb"Process exited with code: (-?\d{1,10})\s*\Z")
_TAIL = 4096
"""Bytes of a log in which its last line is looked for."""


class Archive:
    """A file that is open for as long as somebody has this."""

    def __init__(self, file: int, tag: str) -> None:
        self._file = file
        self.tag = tag
        self.total = os.fstat(file).st_size

    def __del__(self) -> None:
        os.close(self._file)

    def read(self, at: int, size: int) -> bytes:
        """Fewer bytes only where the file ends."""
        return os.pread(self._file, size, at)


class Folder(Protocol):
    """One local hybrid job. Everything but its name raises `OSError`."""

    path: Path

    def state(self) -> State: ...

    def created_at(self) -> float | None:
        """Seconds since the epoch; None where that is not known."""
        ...

    def request(self) -> dict[str, Any]:
        """What was asked for, as CreateJob has it, as far as it is known."""
        ...

    def lines(self, after: int) -> tuple[Sequence[tuple[float | None, str]], int, bool]:
        """See `Run.lines`."""
        ...

    def archive(self) -> Archive:
        """Its results, packed. Raises `FileNotFoundError` where they are not yet."""
        ...

    def cancel(self) -> bool:
        """See `Run.cancel`."""
        ...


def opened(remote_id: str) -> Folder:
    """The job of that id: a folder's path, or as the vendor writes it, `local:job/<name>`, in the working directory.

    Raises `FileNotFoundError` where there is no folder of a hybrid job.
    """
    path = Path(remote_id.removeprefix(_VENDORS)).absolute()
    ours = _Ours(path)
    if ours.is_placed:
        return ours
    if (path / "log.txt").is_file() or (path / "results.json").is_file():
        return _Vendors(path)
    raise FileNotFoundError(f"{path} is no folder of a hybrid job")


class _Ours(Run):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = self.folder

    def created_at(self) -> float | None:
        return (self.folder / INSIDE / "plan.json").stat().st_mtime

    def request(self) -> dict[str, Any]:
        return self.plan().request

    def archive(self) -> Archive:
        file = os.open(self.packed, os.O_RDONLY | os.O_CLOEXEC)
        about = os.fstat(file)
        return Archive(file, f"{about.st_ino}-{about.st_mtime_ns}-{about.st_size}")


class _Vendors:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path / "log.txt"

    def state(self) -> State:
        if code := self._exit_code():
            return State(state="failed", reason=f"its log says that it ended with exit code {code}", exit_code=code)
        return State(state="completed")

    def _exit_code(self) -> int:
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - _TAIL))
                found = _EXITED.search(log.read(_TAIL))
        except FileNotFoundError:
            return 0
        return int(found[1]) if found is not None else 0

    def created_at(self) -> float | None:
        return None

    def request(self) -> dict[str, Any]:
        return {}

    def lines(self, after: int) -> tuple[Sequence[tuple[float | None, str]], int, bool]:
        try:
            data, full = page(self._log, after, ended=True)
        except FileNotFoundError:
            return [], after, False
        texts = data.decode(errors="replace").removesuffix("\n").split("\n") if data else []
        return [(None, text.removesuffix("\r")) for text in texts], after + len(data), full

    def archive(self) -> Archive:
        """Packed now: the same files give the same bytes, and so the same tag."""
        with tempfile.TemporaryDirectory(prefix="quantumjobs-") as folder:
            packed = Path(folder) / "model.tar.gz"
            pack(self.path, packed, without=("log.txt",))
            with packed.open("rb") as whole:
                tag = hashlib.file_digest(whole, "sha256").hexdigest()
            return Archive(os.open(packed, os.O_RDONLY | os.O_CLOEXEC), tag)  # it is there until nobody has it open

    def cancel(self) -> bool:
        return False
