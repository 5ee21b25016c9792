"""Jobs in a folder, each in a file named after it, as `AQTJob.persist` and `CloudJob.persist` have them.

Ours are kept by the ledger anyhow; a folder is for taking them elsewhere, and for what those clients have left behind.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantumjobs.blocking import Client, Job
from quantumjobs.errors import LedgerError, UsageError

SECOND = ".aqt-job"
"""How version 2 of qiskit-aqt-provider ends its files' names; they do not say which backend their job is of."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A job that was found, and the file it was in; None for one that the ledger had."""

    job: Job
    file: Path | None = None

    def remove(self) -> None:
        """Remove the file. Raises `UsageError` where that cannot be."""
        if self.file is None:
            return
        try:
            self.file.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"{self.file} cannot be removed: {error.strerror or error}") from error


def keep(job: Job, store_path: str | os.PathLike[str] | None) -> Path:
    """Write the job into the folder, which is made where it is missing; the file. Without one: the ledger's file.

    Raises `UsageError` where it cannot be written, or where the ledger has no file.
    """
    if store_path is None:
        ledger: Any = job._twin._engine.ledger
        path: Path | None = getattr(ledger, "path", None)
        if path is None:
            raise UsageError(f"job {job.id} is kept in memory only: say store_path=, or use a client with a ledger")
        return path
    folder = Path(store_path).expanduser()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror or error}") from error
    job.persist(folder / job.id)
    return folder / job.id


def find(client: Client, job_id: str, store_path: str | os.PathLike[str] | None, address: str | None = None) -> Stored:
    """The job of that id, out of the ledger or out of a folder; ours, or one of either version of AQT's client.

    `address` is the backend that it has to be of; where its file does not say, it is taken to be. Raises `LedgerError`
    for an id that the ledger does not know, and `UsageError` for a file that is not there, that is damaged, or that
    is of another backend.
    """
    if store_path is None:
        stored = Stored(client.job(job_id))
    else:
        file = _file(Path(store_path).expanduser(), job_id)
        silent = file.suffix == SECOND
        if silent and address is None:
            raise UsageError(f"{file} does not say which backend its job is of: use backend(address).restore_job(...)")
        stored = Stored(client.restore(file, backend=address if silent else None), file)
    if address is not None and stored.job.backend != address:
        raise UsageError(f"job {job_id} is of {stored.job.backend}, not of {address}")
    return stored


def known(client: Client, job_id: str, address: str) -> Job:
    """The job of that id on that backend: the ledger's, or the one that the provider knows by that id.

    Raises `UsageError` for a job of another backend, for what is no id, and for backends that nobody can attach to.
    """
    try:
        job = client.job(job_id)
    except LedgerError:  # none of ours
        job = client.attach(address, job_id)
    if job.backend != address:
        raise UsageError(f"job {job_id} is of {job.backend}, not of {address}")
    return job


def _file(folder: Path, job_id: str) -> Path:
    if not job_id.strip(".") or Path(job_id).name != job_id:
        raise UsageError(f"{job_id!r} is no job id")
    second = folder / f"{job_id}{SECOND}"
    return second if second.is_file() and not (folder / job_id).is_file() else folder / job_id
