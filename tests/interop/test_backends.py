"""The backend that Qiskit sees: its target, its options, and whose client it uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.exceptions import QiskitError
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator

import quantumjobs as qj
from quantumjobs.blocking import Client
from quantumjobs.interop.qiskit import backend
from quantumjobs.interop.qiskit.clients import shared
from quantumjobs.testing.fake import FakeProvider
from tests.interop.helpers import bell, cloud, on
from tests.test_imports import heavy_imports

ROOT = Path(__file__).parents[2]


# --- what it is -------------------------------------------------------------------------
def test_it_is_a_backend_of_qiskits_with_aers_target() -> None:
    made, aer = backend("aer/stabilizer"), AerSimulator(method="stabilizer")
    assert isinstance(made, BackendV2)
    assert made.version == 2
    assert (made.name, made.max_circuits) == ("aer/stabilizer", None)
    assert "aer/stabilizer" in made.description
    assert made.backend_version
    assert made.target.operation_names == aer.target.operation_names
    assert made.num_qubits == aer.num_qubits
    assert repr(made) == "<QiskitBackend aer/stabilizer>"


def test_the_target_is_asked_for_once() -> None:
    provider = cloud()
    with on(provider) as fake:
        asked = provider.calls["describe"]
        assert fake.target is fake.target
        assert fake.num_qubits == 2
        assert provider.calls["describe"] == asked


def test_a_provider_without_a_target_says_so() -> None:
    with Client(providers={"fake": FakeProvider()}) as client, pytest.raises(QiskitError, match="target") as refused:
        backend("fake/sim", client)
    assert isinstance(refused.value, qj.UsageError)


@pytest.mark.parametrize("address", ["ear", "aer/statevektor"])
def test_an_unknown_address_is_an_error_of_both(address: str) -> None:
    with pytest.raises(QiskitError) as refused:
        backend(address)
    assert isinstance(refused.value, qj.UsageError)


def test_a_client_that_cannot_block_is_refused() -> None:
    with pytest.raises(qj.UsageError, match="blocking.Client"):
        backend("aer", qj.Client())  # type: ignore[arg-type]


# --- transpiling ------------------------------------------------------------------------
def toffoli() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.swap(0, 1)
    circuit.rzz(0.3, 1, 0)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize("level", range(4))
def test_circuits_are_transpiled_for_it(level: int) -> None:
    with on(cloud()) as fake:
        assert transpile(bell(), fake, optimization_level=level).count_ops().keys() <= {"h", "cx", "measure"}
        passes = generate_preset_pass_manager(optimization_level=level, backend=fake)
        assert passes.run(bell()).count_ops().keys() <= {"h", "cx", "measure"}
    aer = backend("aer")
    assert transpile(toffoli(), aer, optimization_level=level) == transpile(
        toffoli(), AerSimulator(), optimization_level=level
    )
    counts = aer.run(transpile(toffoli(), aer, optimization_level=level), shots=10).result().get_counts()
    assert counts == {"00": 10}


# --- options ----------------------------------------------------------------------------
def test_the_options_have_shots_and_memory() -> None:
    options = backend("aer").options
    assert (options.shots, options.memory) == (None, False)


def test_set_options_are_the_defaults_of_every_run() -> None:
    made = backend("aer", shots=30, seed_simulator=4)
    made.set_options(memory=True)
    theirs = AerSimulator(shots=30, seed_simulator=4).run(bell(), memory=True)  # it overlooks a memory set before
    assert made.run(bell()).result().get_memory() == theirs.result().get_memory()
    assert sum(made.run(bell(), shots=5).result().get_counts().values()) == 5
    assert made.run(bell(), seed_simulator=None).result().results[0].seed_simulator == 4  # as Aer takes it
    made.set_options(shots=None, seed_simulator=None)
    assert made.options.shots is None
    assert "seed_simulator" not in made.options
    assert made.run(bell()).result().results[0].shots == 1024


def test_options_written_to_directly_count_too() -> None:
    made = backend("aer")
    made.options.shots = 7
    made.options.update_options(memory=True)
    assert len(made.run(bell()).result().get_memory()) == 7


def test_an_option_that_does_not_exist_is_refused_at_once_with_near_names() -> None:
    made = backend("aer", shots=3)
    with pytest.raises(AttributeError, match="seed_simulator") as refused:
        made.set_options(shots=4, seed_simulater=1)
    assert isinstance(refused.value, qj.UsageError)
    assert made.options.shots == 3
    with pytest.raises(QiskitError, match="noise_model") as refused:
        made.run(bell(), noise_modell=1)
    assert isinstance(refused.value, qj.UsageError)
    with pytest.raises(AttributeError, match="fusion_enable"):
        backend("aer", fusion_enabled=True)


def test_one_backends_options_are_not_anothers() -> None:
    backend("aer").set_options(shots=3)
    assert backend("aer").options.shots is None


def test_an_option_of_none_is_as_if_not_given_for_every_provider() -> None:
    with on(cloud()) as fake:
        counts = fake.run(bell(), shots=12, seed_simulator=None, noise_model=None).result().get_counts()
        assert sum(counts.values()) == 12
        with pytest.raises(qj.UsageError, match="seed"):
            fake.run(bell(), seed_simulator=3)


def test_parameters_are_bound_as_aer_does() -> None:
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.rx(theta, 0)
    circuit.measure_all()
    binds = [{theta: [0.0, 3.141592653589793, 1.0]}]
    ours = backend("aer").run(circuit, binds, shots=50, seed_simulator=9).result()
    theirs = AerSimulator().run(circuit, binds, shots=50, seed_simulator=9).result()
    assert ours.get_counts() == theirs.get_counts()
    named = backend("aer").run(circuit, parameter_binds=binds, shots=50, seed_simulator=9).result()
    assert named.get_counts() == theirs.get_counts()


def test_our_own_arguments_are_taken_too() -> None:
    job = backend("aer").run(bell(), name="mine", tags=["a"], transpile=False)
    assert (job.job.name, job.job.tags) == ("mine", ("a",))


@pytest.mark.parametrize("circuits", [[], "no circuit", QuantumCircuit(1, 1)])
def test_what_is_no_circuit_is_refused_by_run(circuits) -> None:
    with pytest.raises(qj.UsageError):
        backend("aer").run(circuits)


# --- the client -------------------------------------------------------------------------
def test_those_without_a_client_share_one_and_get_a_new_one_when_it_is_closed() -> None:
    made, first = backend("aer", shots=5), shared()
    assert shared() is first
    first.close()
    assert sum(made.run(bell()).result().get_counts().values()) == 5
    assert shared() is not first


FORKING = """
import os, sys
from quantumjobs.interop.qiskit import backend
from quantumjobs.interop.qiskit.clients import shared
text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; measure q -> c;'
def count(): return made.run(text, shots=5).result(timeout=30).get_counts()
made, first = backend("aer"), shared()
assert count() == {"1": 5}
child = os.fork()
if not child:
    assert shared() is not first
    assert count() == {"1": 5}
    print("child", flush=True)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
assert shared() is first and count() == {"1": 5}
print("parent")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_process_has_a_shared_client_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", FORKING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["child", "parent"]


# --- importing --------------------------------------------------------------------------
def test_only_who_imports_it_pays_for_qiskit() -> None:
    assert not heavy_imports("import quantumjobs.interop, quantumjobs.blocking", ("qiskit", "numpy"))
    assert not heavy_imports("import quantumjobs.interop.qiskit", ("qiskit_aer",))
