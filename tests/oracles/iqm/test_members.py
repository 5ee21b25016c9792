"""The lists of members by which docs/reference/parity-iqmjob.md is checked are those of the client itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.members import IQM, IQM_PARAMETERS
from tests.oracles.aqt.test_members import told
from tests.oracles.iqm import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(120)]

PROGRAM = """
import dataclasses, inspect, json, types, uuid, warnings
warnings.simplefilter("ignore")
from iqm.iqm_client import CircuitCompilationOptions, CircuitJobTracker
from iqm.qiskit_iqm.iqm_job import IQMJob
from iqm.qiskit_iqm.iqm_provider import IQMBackend
data = types.SimpleNamespace(id=uuid.uuid4(), type="circuit", status="failed", errors=["cold"])
job = IQMJob(None, CircuitJobTracker(job_data=data, _executor=None))
tracker = job._job_tracker
public = lambda names: sorted(name for name in names if not name.startswith("_"))
fields = lambda kind: {field.name for field in dataclasses.fields(kind)}
kinds = {"IQMJob": IQMJob, "CircuitJobTracker": CircuitJobTracker, "IQMBackend": IQMBackend}
def taken(kind, name):
    signature = inspect.signature(kind if name == kind.__name__ else getattr(kind, name))
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return sorted(one for one, how in signature.parameters.items() if one != "self" and how.kind not in variable)
def default(kind, name, parameter):
    return inspect.signature(getattr(kind, name)).parameters[parameter].default
told = {"members": {"IQMJob": public(dir(job)), "CircuitJobTracker": public(dir(tracker)),
                    "CircuitCompilationOptions": public(fields(CircuitCompilationOptions))}}
methods = {"IQMJob": [name for name in public(vars(IQMJob)) if callable(getattr(IQMJob, name, None))] + ["IQMJob",
                                                                                       "wait_for_final_state"],
           "CircuitJobTracker": [name for name in public(dir(CircuitJobTracker))
                                 if inspect.isfunction(getattr(CircuitJobTracker, name))],
           "IQMBackend": ["create_circuit_job_definition", "retrieve_job", "run"]}
told["parameters"] = {kind: {name: found for name in names if (found := taken(kinds[kind], name))}
                      for kind, names in methods.items()}
told["defaults"] = [default(IQMJob, "result", "timeout"), default(IQMJob, "result", "cancel_after_timeout"),
                    default(CircuitJobTracker, "wait_for_completion", "polling_interval"),
                    default(IQMBackend, "create_circuit_job_definition", "shots")]
told["positions"] = [job.queue_position(), job.queue_position(refresh=True)]
try:
    job.submit()
except Exception as error:
    told["submit"] = type(error).__name__
told["error"] = job.error_message()
told["metadata"] = [job.metadata, job.circuit_metadata]
print(json.dumps(told))
"""


def test_it_has_these_members_parameters_and_defaults_and_says_what_the_page_tells_of_it(tmp_path: Path):
    found = told(vendor.PYTHON, PROGRAM, tmp_path)  # once: it imports for seconds
    assert {kind: frozenset(names) for kind, names in found["members"].items()} == IQM
    parameters = {
        kind: {name: frozenset(names) for name, names in methods.items()}
        for kind, methods in found["parameters"].items()
    }
    assert parameters == IQM_PARAMETERS
    assert found["defaults"] == [10800.0, False, 1.0, 1024]
    assert found["positions"] == [None, None]
    assert found["submit"] == "NotImplementedError"
    assert found["error"] == "  cold"
    assert found["metadata"] == [{}, None]
