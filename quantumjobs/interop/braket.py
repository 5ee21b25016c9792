"""A hybrid job of ours in the form of amazon-braket-sdk's `QuantumJob`: its methods, parameters, defaults and errors.

    from quantumjobs.blocking import Client
    from quantumjobs.interop.braket import QuantumJob

    client = Client()
    job = QuantumJob(client.hybrid_job("braket/sv1", "algorithm.py"))  # or client.attach("braket", arn)
    job.logs(wait=True)
    print(job.result())

Nothing of that SDK is needed or imported.
"""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from quantumjobs.blocking import HybridJob
from quantumjobs.core.states import CancelOutcome, JobState
from quantumjobs.errors import JobError, ProviderRejected, ProviderUnavailable, UsageError
from quantumjobs.interop.errors import also

__all__ = ["MetricStatistic", "MetricType", "QuantumJob"]


class MetricType(Enum):
    """By which column a table of metrics has its rows."""

    TIMESTAMP = "Timestamp"
    ITERATION_NUMBER = "IterationNumber"


class MetricStatistic(Enum):
    """Which of several values of one metric a row has."""

    MIN = "Min"
    MAX = "Max"


class QuantumJob:
    """A hybrid job, at Amazon Braket or on this machine. Methods block, and may be called from any thread.

    Where it differs from the SDK's, it is on purpose: a failed or cancelled job raises, as documented there, timeouts
    are kept, and nothing is unpickled. Waits tell of the end as soon as it is known: one poller looks for all jobs of
    a client, at the pace of its policy, so `poll_interval_seconds` is checked and changes nothing.
    """

    DEFAULT_RESULTS_POLL_TIMEOUT: ClassVar[int] = 864000
    """Seconds: ten days."""
    DEFAULT_RESULTS_POLL_INTERVAL: ClassVar[int] = 5
    """Seconds."""

    def __init__(self, job: HybridJob) -> None:
        if not isinstance(job, HybridJob):
            raise UsageError(
                f"a hybrid job of quantumjobs.blocking is needed, not a {type(job).__module__}.{type(job).__qualname__}"
            )
        self._job = job

    def __repr__(self) -> str:
        return f"<QuantumJob {self._job.arn or self._job.id} {self._job.state}>"

    @property
    def job(self) -> HybridJob:
        """The job as ours, with all that it can: `logs(follow=True)` line by line, `tasks()`, `events()`, ..."""
        return self._job

    @property
    def arn(self) -> str:
        """The ARN; of a local job the path of its folder. Raises `UsageError` before the job is accepted."""
        return self._known(self._job.arn)

    @property
    def name(self) -> str:
        """The name. Raises `UsageError` before it is known."""
        return self._known(self._job.name)

    def _known(self, text: str | None) -> str:
        if text is None:
            raise UsageError(f"job {self._job.id} is {self._job.state}: this is not known before it is accepted")
        return text

    # --- where it is ------------------------------------------------------------------------
    def state(self, use_cached_value: bool = False) -> str:
        """Braket's word: QUEUED, RUNNING, COMPLETED, FAILED, CANCELLING or CANCELLED.

        With `use_cached_value` as it was seen last, else as a look tells it now; what has ended is not looked at again.
        Before Braket has the job it is our own word. Raises `ProviderError` or `CredentialError` where the look fails.
        """
        if not use_cached_value:
            self._job.refresh()
        return self._job.raw_status or self._job.state.upper()

    def metadata(self, use_cached_value: bool = False) -> dict[str, Any]:
        """All that Braket tells of it; with `use_cached_value` as this was told last, where it was.

        Raises `ProviderError` or `CredentialError` where it cannot be had now.
        """
        return self._job.metadata(cached=use_cached_value)

    def logs(self, wait: bool = False, poll_interval_seconds: float = 5) -> None:
        """Print what it has written; with `wait` also what comes, until it is over and all of that is there.

        On a terminal and in a notebook each instance has its colour. Raises `JobFailed` or `JobRejected`, which are
        `RuntimeError` here, where it was waited for and it failed.
        """
        _check(poll_interval_seconds=poll_interval_seconds)
        self._job.print_logs(follow=wait)
        if wait and self._job.state not in {JobState.COMPLETED, JobState.CANCELLED}:
            self.result()  # which says why

    def metrics(
        self,
        metric_type: MetricType | str | Enum = MetricType.TIMESTAMP,
        statistic: MetricStatistic | str | Enum = MetricStatistic.MAX,
    ) -> dict[str, list[Any]]:
        """What it has reported: columns by name, a row for each timestamp or iteration, in ascending order.

        The enums may be the SDK's, or texts: "timestamp" or "iteration_number", "max" or "min". Raises `ProviderError`
        where the table cannot be had now, and never gives an empty one instead.
        """
        by: Literal["timestamp", "iteration_number"] = (
            "timestamp"
            if _chosen("metric_type", metric_type, MetricType) is MetricType.TIMESTAMP
            else "iteration_number"
        )
        which: Literal["max", "min"] = (
            "max" if _chosen("statistic", statistic, MetricStatistic) is MetricStatistic.MAX else "min"
        )
        return self._job.metrics(by, which)

    # --- its end ----------------------------------------------------------------------------
    def cancel(self) -> str:
        """Ask for its end: CANCELLED, or CANCELLING where it takes a while; the word that it ended with before.

        Raises `ProviderRejected` where Braket says no, and `ProviderUnavailable` where nobody answered: then the wish is
        kept, and sent again.
        """
        outcome = self._job.cancel()
        if outcome is CancelOutcome.TOO_LATE:
            return self.state()
        if outcome is CancelOutcome.UNKNOWN:
            raise ProviderUnavailable(
                f"job {self._job.id}: the cancel was not answered; it is sent again", provider=self._job.provider
            ) from self._job.error
        if outcome in {CancelOutcome.REFUSED, CancelOutcome.UNSUPPORTED}:
            raise ProviderRejected(
                f"job {self._job.id}: the cancel was refused", provider=self._job.provider
            ) from self._job.error
        return "CANCELLED" if outcome is CancelOutcome.CANCELLED else "CANCELLING"

    def result(
        self,
        poll_timeout_seconds: float = DEFAULT_RESULTS_POLL_TIMEOUT,
        poll_interval_seconds: float = DEFAULT_RESULTS_POLL_INTERVAL,
    ) -> dict[str, Any]:
        """Wait for the end and return what the program saved: plain JSON values by name, {} where it saved nothing.

        Raises `JobFailed`, `JobCancelled`, `JobRejected` or `JobLost`, which are `RuntimeError` here, and
        `ResultTimeout`, a `TimeoutError`: the job goes on. Otherwise as `HybridJob.result`.
        """
        _check(poll_timeout_seconds=poll_timeout_seconds, poll_interval_seconds=poll_interval_seconds)
        try:
            return self._job.result(timeout=poll_timeout_seconds)
        except JobError as error:
            raise also(error, RuntimeError) from error

    def download_result(
        self,
        extract_to: str | os.PathLike[str] | None = None,
        poll_timeout_seconds: float = DEFAULT_RESULTS_POLL_TIMEOUT,
        poll_interval_seconds: float = DEFAULT_RESULTS_POLL_INTERVAL,
    ) -> Path:
        """Wait for the end, and unpack its files into the new folder `<extract_to>/<name>`; which one.

        `extract_to` is the current directory by default. Raises as `result` does, and otherwise as
        `HybridJob.download_result`.
        """
        _check(poll_timeout_seconds=poll_timeout_seconds, poll_interval_seconds=poll_interval_seconds)
        self._job.wait(timeout=poll_timeout_seconds)
        try:
            return self._job.download_result(extract_to)
        except JobError as error:
            raise also(error, RuntimeError) from error


def _check(**seconds: Any) -> None:
    for name, value in seconds.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise UsageError(f"{name}={value!r}: seconds are needed")


K = TypeVar("K", MetricType, MetricStatistic)


def _chosen(name: str, value: str | Enum, kind: type[K]) -> K:
    """The member that is meant, by its name or its value, in whatever case."""
    for member in kind:
        meant = {_plain(member.name), _plain(member.value)}
        if _plain(value.name if isinstance(value, Enum) else value) in meant:
            return member
    raise UsageError(f"{name}={value!r}: one of {', '.join(member.name.lower() for member in kind)} is needed")


def _plain(text: object) -> str:
    return str(text).replace("_", "").lower()
