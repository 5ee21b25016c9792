"""A job of ours in the form of Qiskit's `JobV1`, with the methods of `AerJob`, `AQTJob` and `IQMJob`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qiskit.providers import JobError, JobStatus, JobTimeoutError, JobV1
from qiskit.providers.jobstatus import JOB_FINAL_STATES

from quantumjobs.core.states import QISKIT_STATUS, CancelOutcome
from quantumjobs.errors import QuantumJobsError, ResultTimeout, UsageError
from quantumjobs.interop.qiskit import memory, stored
from quantumjobs.interop.qiskit.clients import checked, shared
from quantumjobs.interop.qiskit.errors import both
from quantumjobs.interop.qiskit.waits import Waits

if TYPE_CHECKING:
    from quantumjobs.blocking import Client, Job
    from quantumjobs.core.records import Progress
    from quantumjobs.interop.qiskit.backends import QiskitBackend

_CANCELLED = frozenset({CancelOutcome.CANCELLED, CancelOutcome.REQUESTED})
_SHORTEST = 0.001  # seconds between two calls of a callback: `wait=0` must not keep a core busy


class QiskitJob(JobV1):  # type: ignore[misc]  # Qiskit has no annotations
    """A submitted job; `QiskitBackend.run` gives it.

    Where it differs from `AerJob`, `AQTJob` and `IQMJob`, it is on purpose: a job that failed raises instead of giving a
    result with `success False`, a running job can be cancelled, and timeouts are kept. Methods may be called from any
    thread.
    """

    def __init__(
        self,
        backend: QiskitBackend,
        job: Job,
        circuits: Sequence[Any],
        *,
        memory: bool,
        waiting: Waits = Waits(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(backend, job.id)
        self._ran_on = backend
        self._job = job
        self._circuits = list(circuits)
        self._memory = memory
        self._waits = waiting
        self._result: Any = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<QiskitJob {self.job_id()[:8]} {self._job.backend} {self._job.state}>"

    # --- what it is -------------------------------------------------------------------------
    @property
    def job(self) -> Job:
        """The job as ours, with all that it can: `retry_failed()`, `events()`, `story`, ..."""
        return self._job

    def circuits(self) -> list[Any]:
        """The circuits as they were given to `run`: the same objects, always in a list.

        Those of a restored job are equal ones, and none where the job was attached from elsewhere.
        """
        return list(self._circuits)

    def executor(self) -> Any:
        """The executor that runs it, as the provider was given it; None where it runs elsewhere."""
        return self._ran_on.executor

    # --- where it is ------------------------------------------------------------------------
    def status(self) -> JobStatus:
        """Qiskit's word for our state, without asking anybody; the table is in `quantumjobs.core.states`."""
        return JobStatus[QISKIT_STATUS[self._job.state]]

    def error_message(self) -> str | None:
        """What is wrong now: why it failed or cannot be followed on, or the weather it is in. None: nothing."""
        error = self._job.error
        return None if error is None else str(error)

    def queue_position(self, refresh: bool = False) -> int | None:
        """Jobs ahead, where the provider says; as last seen, or with `refresh` as a look now tells.

        Raises `ProviderError` or `CredentialError`, also Qiskit's, where that look fails.
        """
        if refresh:
            try:
                self._job.refresh()
            except QuantumJobsError as error:
                raise both(error) from error
        return self._job.queue_position

    def progress(self) -> Progress:
        """Circuits finished, of how many."""
        return self._job.progress

    # --- waiting ----------------------------------------------------------------------------
    def result(self, timeout: float | None = None, *, cancel_after_timeout: bool = False) -> Any:
        """The `qiskit.result.Result`, the same object each time. Waits for it, at most `timeout` seconds.

        Without a timeout that of the option `query_timeout_seconds` counts, if there is one. With `cancel_after_timeout`,
        as `IQMJob` has it, the provider is asked then to stop the job, and `error.cancel` says what came of that.

        Raises `JobFailed`, `JobCancelled`, `JobRejected`, `JobLost`, `ResultUnavailable`, `SubmissionUncertain`,
        `ProviderProtocolError` or `AdapterError`, each of which is also Qiskit's `JobError`; a cancelled job's is also
        `concurrent.futures.CancelledError`. Raises `ResultTimeout`, a `TimeoutError`: the job goes on unless it was to be
        cancelled. That of the option is also Qiskit's `JobTimeoutError`.

        Of a failed job `error.partial.to_qiskit()`, where there is one, has what was finished.
        """
        if self._result is None:
            try:
                seconds = self._waits.timeout if timeout is None else timeout
                late: Literal["keep", "cancel"] = "cancel" if cancel_after_timeout else "keep"
                ours = self._job.result(timeout=seconds, on_timeout=late, progress=self._waits.bar)
                with self._lock:
                    if self._result is None:
                        self._result = self._as_qiskit(ours.to_qiskit())
            except ResultTimeout as error:
                if timeout is None:
                    raise both(error, JobTimeoutError) from error
                raise
            except QuantumJobsError as error:
                raise both(error) from error
        return self._result

    def _as_qiskit(self, result: Any) -> Any:
        if self._memory:
            result = memory.completed(result, self._circuits)
        result.job_id = self.job_id()
        result.backend_name = self._ran_on.name
        return result

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float = 5,
        callback: Callable[[str, JobStatus, QiskitJob], object] | None = None,
    ) -> None:
        """Wait until it has ended, well or not; at most `timeout` seconds.

        Returns as soon as it has ended, whatever `wait` is. `callback(job_id, status, job)` is called at once and then
        every `wait` seconds while it has not ended, as Qiskit's `JobV1` does.

        Raises `ResultTimeout`, which is also Qiskit's `JobTimeoutError`; and the error of `result()` where the wait
        cannot go on without you (a submission in doubt, a status nobody knows, a bug in an adapter).
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.status()) not in JOB_FINAL_STATES:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise both(self._late(timeout), JobTimeoutError)
            if callback is not None:
                callback(self.job_id(), status, self)
                left = max(wait, _SHORTEST) if left is None else min(max(wait, _SHORTEST), left)
            self._pause(left)

    def _pause(self, seconds: float | None) -> None:
        """Wait for the end, and no longer than so many seconds. Raises where there is no end to wait for."""
        try:
            self._job.wait(timeout=seconds)
        except ResultTimeout:
            return
        except QuantumJobsError as error:
            raise both(error) from error
        stuck = None if self.in_final_state() else self._job.error
        if isinstance(stuck, QuantumJobsError):
            raise both(stuck) from stuck

    def _late(self, timeout: float | None) -> ResultTimeout:
        job = self._job
        return ResultTimeout(f"job {job.id} is {job.state} after {timeout:g} s; it goes on", job=job, token=job.id)

    # --- acting -----------------------------------------------------------------------------
    def cancel(self) -> bool:
        """Ask for its end, also while it runs. True: it is cancelled, or the wish was taken and it soon will be.

        False: it had ended before, or the provider refused or cannot. `job.cancel()` says which.
        """
        try:
            return self._job.cancel() in _CANCELLED
        except QuantumJobsError as error:
            raise both(error) from error

    def submit(self) -> None:
        """Raises `UsageError`, also a `JobError` and a `RuntimeError`: `run` has submitted it already."""
        raise both(
            UsageError(f"job {self.job_id()} has already been submitted; run the circuits again for another one"),
            JobError,
            RuntimeError,
        )

    # --- keeping ----------------------------------------------------------------------------
    def persist(self, *, store_path: str | os.PathLike[str] | None = None) -> Path:
        """Write all of it into a file in that folder, which is made where it is missing; the file's path.

        Without a folder there is nothing to do, as the ledger has kept it since before it was sent; the ledger's path.
        Raises `UsageError` where the file cannot be written, or the ledger has none.
        """
        try:
            return stored.keep(self._job, store_path)
        except QuantumJobsError as error:
            raise both(error) from error

    @classmethod
    def restore(
        cls,
        job_id: str,
        *,
        client: Client | None = None,
        store_path: str | os.PathLike[str] | None = None,
        remove_from_store: bool = False,
    ) -> QiskitJob:
        """The job of that id, of the backend that it says; see `QiskitBackend.restore_job`.

        A file of version 2 of qiskit-aqt-provider does not say it, and is refused with `UsageError`.
        """
        from quantumjobs.interop.qiskit.backends import QiskitBackend

        used = checked(client) or shared()
        try:
            found = stored.find(used, job_id, store_path)
            job = QiskitBackend(found.job.backend, client).restored(found.job)
            if remove_from_store:
                found.remove()
        except QuantumJobsError as error:
            raise both(error) from error
        return job
