"""The lists of members by which docs/reference/parity-aqtjob.md is checked are those of the clients themselves."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop.members import FIRST, PARAMETERS, SECOND
from tests.oracles.aqt import vendor
from tests.oracles.aqt2 import vendor as vendor2

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(120)]

FIRST_PROGRAM = """
import inspect, json, warnings
warnings.simplefilter("ignore")
import qiskit
from qiskit_aqt_provider import AQTProvider
from qiskit_aqt_provider.aqt_job import AQTDirectAccessJob, AQTJob
from qiskit_aqt_provider.aqt_options import AQTDirectAccessOptions, AQTOptions
circuit = qiskit.QuantumCircuit(1)
circuit.rz(1.0, 0)
circuit.measure_all()
backend = AQTProvider("", load_dotenv=False).get_backend("offline_simulator_no_noise")
public = lambda names: sorted(name for name in names if not name.startswith("_"))
told = {kind.__name__: public(dir(kind(backend, [circuit], backend.options))) for kind in (AQTJob, AQTDirectAccessJob)}
options = set(AQTOptions.model_fields) | {"max_shots", "update_options"}
assert options <= set(dir(AQTOptions())) | set(AQTOptions.model_fields)
told["AQTOptions"] = public(options)
told["parameters"] = {name: sorted(set(inspect.signature(getattr(AQTJob, name)).parameters) - {"self"})
                      for name in ("persist", "restore", "result", "wait_for_final_state")}
told["shots"] = [AQTOptions().shots, AQTOptions.max_shots(), AQTDirectAccessOptions.max_shots()]
told["waits"] = [AQTOptions().query_period_seconds, AQTOptions().query_timeout_seconds, AQTOptions().with_progress_bar]
print(json.dumps(told))
"""
SECOND_PROGRAM = """
import json
from qiskit_aqt_provider._cloud.job import CloudJob
from qiskit_aqt_provider._direct.composite_job import CompositeDirectAccessJob
from qiskit_aqt_provider._direct.job import DirectAccessJob
kinds = (CloudJob, DirectAccessJob, CompositeDirectAccessJob)
print(json.dumps({kind.__name__: sorted(name for name in dir(kind) if not name.startswith("_")) for kind in kinds}))
"""


def told(python: str, program: str, home: Path) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-I", "-c", program],
        capture_output=True,
        text=True,
        env=vendor.surroundings(home),
        cwd=home,
        timeout=vendor.PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_first_generation_has_these_members_and_bounds(tmp_path: Path):
    found = told(vendor.python(), FIRST_PROGRAM, tmp_path)
    assert {name: frozenset(found[name]) for name in FIRST} == FIRST
    assert {name: frozenset(names) for name, names in found["parameters"].items()} == PARAMETERS
    assert found["shots"] == [100, 2000, 200]
    assert found["waits"] == [1.0, None, True]


def test_the_second_generation_has_these_members(tmp_path: Path):
    assert {name: frozenset(names) for name, names in told(vendor2.PYTHON, SECOND_PROGRAM, tmp_path).items()} == SECOND
