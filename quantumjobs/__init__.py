"""One awaitable job for every quantum computer.

    import quantumjobs as qj

    async with qj.Client() as client:
        job = await client.backend("aer").run(bell, shots=1000)
        print((await job).counts)

`quantumjobs.blocking` has the same names for code without await. Names are imported when they are first used, so that
`import quantumjobs` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantumjobs.client.backend import Backend as Backend
    from quantumjobs.client.client import Client as Client
    from quantumjobs.client.client import Occurrence as Occurrence
    from quantumjobs.core.costs import Cost as Cost
    from quantumjobs.core.logs import LogLine as LogLine
    from quantumjobs.core.records import Progress as Progress
    from quantumjobs.core.records import Snapshot as Snapshot
    from quantumjobs.core.results import CircuitResult as CircuitResult
    from quantumjobs.core.results import Result as Result
    from quantumjobs.core.states import CancelOutcome as CancelOutcome
    from quantumjobs.core.states import JobState as JobState
    from quantumjobs.engine.completed import as_completed as as_completed
    from quantumjobs.engine.hybrid import HybridJob as HybridJob
    from quantumjobs.engine.job import Job as Job
    from quantumjobs.engine.policies import Policy as Policy
    from quantumjobs.errors import AdapterError as AdapterError
    from quantumjobs.errors import CredentialError as CredentialError
    from quantumjobs.errors import InvalidTransition as InvalidTransition
    from quantumjobs.errors import JobCancelled as JobCancelled
    from quantumjobs.errors import JobError as JobError
    from quantumjobs.errors import JobFailed as JobFailed
    from quantumjobs.errors import JobLost as JobLost
    from quantumjobs.errors import JobRejected as JobRejected
    from quantumjobs.errors import KeyConflict as KeyConflict
    from quantumjobs.errors import LedgerConflict as LedgerConflict
    from quantumjobs.errors import LedgerError as LedgerError
    from quantumjobs.errors import LedgerWriteError as LedgerWriteError
    from quantumjobs.errors import ProviderError as ProviderError
    from quantumjobs.errors import ProviderProtocolError as ProviderProtocolError
    from quantumjobs.errors import ProviderRejected as ProviderRejected
    from quantumjobs.errors import ProviderUnavailable as ProviderUnavailable
    from quantumjobs.errors import QuantumJobsError as QuantumJobsError
    from quantumjobs.errors import ResultTimeout as ResultTimeout
    from quantumjobs.errors import ResultUnavailable as ResultUnavailable
    from quantumjobs.errors import SubmissionUncertain as SubmissionUncertain
    from quantumjobs.errors import UsageError as UsageError

_HOMES = {
    "Backend": "client.backend",
    "CancelOutcome": "core.states",
    "CircuitResult": "core.results",
    "Client": "client.client",
    "Cost": "core.costs",
    "HybridJob": "engine.hybrid",
    "Job": "engine.job",
    "JobState": "core.states",
    "LogLine": "core.logs",
    "Occurrence": "client.client",
    "Policy": "engine.policies",
    "Progress": "core.records",
    "Result": "core.results",
    "Snapshot": "core.records",
    "as_completed": "engine.completed",
}
_ERRORS = (
    "AdapterError",
    "CredentialError",
    "InvalidTransition",
    "JobCancelled",
    "JobError",
    "JobFailed",
    "JobLost",
    "JobRejected",
    "KeyConflict",
    "LedgerConflict",
    "LedgerError",
    "LedgerWriteError",
    "ProviderError",
    "ProviderProtocolError",
    "ProviderRejected",
    "ProviderUnavailable",
    "QuantumJobsError",
    "ResultTimeout",
    "ResultUnavailable",
    "SubmissionUncertain",
    "UsageError",
)
_HOMES |= dict.fromkeys(_ERRORS, "errors")

__version__ = "0.1.0.dev0"
__all__ = [
    "AdapterError",
    "Backend",
    "CancelOutcome",
    "CircuitResult",
    "Client",
    "Cost",
    "CredentialError",
    "HybridJob",
    "InvalidTransition",
    "Job",
    "JobCancelled",
    "JobError",
    "JobFailed",
    "JobLost",
    "JobRejected",
    "JobState",
    "KeyConflict",
    "LedgerConflict",
    "LedgerError",
    "LedgerWriteError",
    "LogLine",
    "Occurrence",
    "Policy",
    "Progress",
    "ProviderError",
    "ProviderProtocolError",
    "ProviderRejected",
    "ProviderUnavailable",
    "QuantumJobsError",
    "Result",
    "ResultTimeout",
    "ResultUnavailable",
    "Snapshot",
    "SubmissionUncertain",
    "UsageError",
    "__version__",
    "as_completed",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
