"""A backend of ours in the form of Qiskit's `BackendV2`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from qiskit.providers import BackendV2, Options

from quantumjobs.blocking import Client, Job
from quantumjobs.errors import QuantumJobsError, UsageError
from quantumjobs.interop.qiskit import stored, waits
from quantumjobs.interop.qiskit.clients import checked, shared
from quantumjobs.interop.qiskit.errors import both
from quantumjobs.interop.qiskit.jobs import QiskitJob

if TYPE_CHECKING:
    from qiskit.transpiler import Target

    from quantumjobs.abc import Provider
    from quantumjobs.blocking import Backend

_OURS = frozenset({"shots", "memory", "name", "tags", "transpile", "optimization_level", "until"})
"""What `run` takes for every provider, besides what it takes about waiting."""
_DEFAULTS: Mapping[str, Any] = {"shots": None, "memory": False, **dict.fromkeys(sorted(waits.NAMES))}


def backend(address: str, client: Client | None = None, **options: Any) -> QiskitBackend:
    """The backend at `provider[:account][/name]`, for Qiskit: `backend("aer/statevector")`.

    Without a client, one that the whole process shares is used, with the settings of the configuration. `options` are
    defaults for every run, as `set_options` takes them.
    """
    return QiskitBackend(address, client, **options)


class QiskitBackend(BackendV2):  # type: ignore[misc]  # Qiskit has no annotations
    """One of our backends; `backend()` makes it.

    The target is asked for when it is made, which may take a second and a request; properties never wait. Options are
    checked by name, and those that are None count as not given.

    Errors are ours and Qiskit's at once: `UsageError` is also a `QiskitError`, `JobRejected` also a `JobError`.
    """

    def __init__(self, address: str, client: Client | None = None, **options: Any) -> None:
        self._client = checked(client)
        self._address = address
        try:
            self._target: Target = self._backend().target()
        except QuantumJobsError as error:
            raise both(error) from error
        super().__init__(
            name=address, description=f"{address} through quantumjobs", backend_version=_version("quantumjobs")
        )
        self.set_options(**options)

    def __repr__(self) -> str:
        return f"<QiskitBackend {self._address}>"

    def _backend(self) -> Backend:
        """Ours, of the client that is there now: the shared one may have been closed or lost in a fork."""
        return (self._client or shared()).backend(self._address)

    def _plug_in(self) -> Provider:
        return self._backend()._twin._client._registry.provider(self._address.partition("/")[0])

    # --- what it is -------------------------------------------------------------------------
    @property
    def target(self) -> Target:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Qiskit's `Target`, as the provider described it when this was made."""
        return self._target

    @property
    def max_circuits(self) -> None:
        """No limit: a list too long for the provider is split here, and is still one job."""
        return

    @property
    def executor(self) -> Any:
        """The `executor` setting of a provider that has one (`aer`); None otherwise."""
        return getattr(self._plug_in(), "executor", None)

    # --- options ----------------------------------------------------------------------------
    @classmethod
    def _default_options(cls) -> Options:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Options(**_DEFAULTS)

    def set_options(self, **fields: Any) -> None:
        """Set defaults for every run; None takes one back.

        Raises `UsageError`, also an `AttributeError` as Qiskit's own, for what the provider does not take; then none
        of the fields is set.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            _, others = waits.taken(given)
            self._plug_in().admit(
                self._backend()._twin._name, {name: value for name, value in others.items() if name not in _OURS}
            )
        except UsageError as error:
            raise both(error, AttributeError) from error
        kept = {name: value for name, value in self._defaults().items() if name not in fields}
        self._options = Options(**{**_DEFAULTS, **kept, **given})

    def _defaults(self) -> dict[str, Any]:
        options: Any = self.options  # whoever holds them may have written to them
        return dict(options)

    # --- running ----------------------------------------------------------------------------
    def run(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        run_input: Any,
        parameter_binds: Sequence[Mapping[Any, Sequence[float]]] | None = None,
        **options: Any,
    ) -> QiskitJob:
        """Submit circuits and return the job as soon as the provider has accepted it.

        `run_input` is a circuit or a list; OpenQASM text and paths do as well. Options given here win over those of
        `set_options`; besides the provider's own there are `shots`, `memory`, `name`, `tags`, `transpile`,
        `optimization_level`; and for the wait, as AQT's own backends take them, `query_timeout_seconds`, after which
        `result()` gives it up, and `with_progress_bar`. With `memory=True` every experiment that measured something has
        a memory: where the provider gives counts only it is made from them, and `metadata["memory"]` of the experiment
        says so.

        Raises what `quantumjobs.blocking.Backend.run` does.
        """
        given = {"parameter_binds": parameter_binds, **options}
        asked = {**self._defaults(), **{name: value for name, value in given.items() if value is not None}}
        try:
            waiting, others = waits.taken(asked)
            job = self._backend().run(run_input, **others)
        except QuantumJobsError as error:
            raise both(error) from error
        circuits = run_input if isinstance(run_input, list | tuple) else [run_input]
        return QiskitJob(self, job, circuits, memory=bool(asked.get("memory")), waiting=waiting)

    def restore_job(
        self, job_id: str, *, store_path: str | os.PathLike[str] | None = None, remove_from_store: bool = False
    ) -> QiskitJob:
        """The job of that id, whichever program submitted it here: out of the client's ledger, or out of a folder.

        A folder is one that `QiskitJob.persist`, or `persist` of either version of qiskit-aqt-provider, has written
        to; the job becomes one of the ledger, and with `remove_from_store` its file is removed then. What is said about
        waiting is what this backend's options say.

        Raises `LedgerError` for an id that the ledger does not know, and `UsageError` for a file that is not there or
        is damaged, and for the job of another backend.
        """
        try:
            found = stored.find(self._client or shared(), job_id, store_path, self._address)
            job = self.restored(found.job)
            if remove_from_store:
                found.remove()
        except QuantumJobsError as error:
            raise both(error) from error
        return job

    def retrieve_job(self, job_id: str) -> QiskitJob:
        """The job of that id on this backend, as `IQMBackend.retrieve_job` finds it: by our id, or by the provider's.

        One that another program submitted becomes a job of the client's ledger, and is followed. Nobody is asked first
        whether the provider has it: a job that it does not know is lost after minutes.

        Raises `UsageError` for the job of another backend, and where there is nothing to attach to (simulations here).
        """
        try:
            return self.restored(stored.known(self._client or shared(), job_id, self._address))
        except QuantumJobsError as error:
            raise both(error) from error

    def restored(self, job: Job) -> QiskitJob:
        """A job of ours that was run on this backend, in Qiskit's form."""
        waiting, _ = waits.taken(self._defaults())
        try:
            circuits = job.circuits()
        except UsageError:  # it was attached from elsewhere: nobody here knows them
            circuits = ()
        return QiskitJob(self, job, circuits, memory=bool(job.options.get("memory")), waiting=waiting)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
