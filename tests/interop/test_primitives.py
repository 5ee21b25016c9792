"""Qiskit's primitives give on our backend what they give on Aer's own, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from quantumjobs.interop.qiskit import backend
from tests.interop.pubs import estimator_pubs, sampler_pubs

LISTS = 50


def same_samples(ours, theirs) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.metadata == other.metadata
        assert one.data.shape == other.data.shape
        assert set(one.data.keys()) == set(other.data.keys())
        for register in other.data:
            mine, wanted = one.data[register], other.data[register]
            assert (mine.num_bits, mine.num_shots, mine.shape) == (wanted.num_bits, wanted.num_shots, wanted.shape)
            assert mine.array.dtype == wanted.array.dtype
            assert np.array_equal(mine.array, wanted.array)


def test_generated_lists_are_of_all_kinds() -> None:
    lists = [sampler_pubs(number) for number in range(LISTS)]
    pubs = [pub if isinstance(pub, tuple) else (pub,) for pubs in lists for pub in pubs]
    assert {len(pubs) for pubs in lists} == {1, 2, 3, 4}
    assert {len(pub[0].cregs) for pub in pubs} == {1, 2, 3}
    assert {pub[2] for pub in pubs if len(pub) == 3} == {None, 1, 7, 32, 100}
    assert {np.shape(pub[1])[:-1] for pub in pubs if len(pub) == 3 and pub[1] is not None} > {(), (3,), (2, 2)}
    assert {"if_else", "reset", "measure"} <= {name for pub in pubs for name in pub[0].count_ops()}


@pytest.mark.parametrize("number", range(LISTS))
def test_the_sampler_gives_what_it_gives_on_aer(number: int) -> None:
    options = {"seed_simulator": 1000 + number, "default_shots": 50}
    ours = BackendSamplerV2(backend=backend("aer"), options=options).run(sampler_pubs(number)).result()
    theirs = BackendSamplerV2(backend=AerSimulator(), options=options).run(sampler_pubs(number)).result()
    same_samples(ours, theirs)


@pytest.mark.parametrize("method", ["statevector", "density_matrix", "matrix_product_state"])
def test_the_sampler_gives_the_same_with_a_method_and_noise(method: str) -> None:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h", "x", "sx"])
    options = {"seed_simulator": 7, "default_shots": 40, "run_options": {"noise_model": noise}}
    pubs = sampler_pubs(3)
    ours = BackendSamplerV2(backend=backend(f"aer/{method}"), options=options).run(pubs).result()
    theirs = BackendSamplerV2(backend=AerSimulator(method=method), options=options).run(pubs).result()
    same_samples(ours, theirs)


def test_a_sampler_without_a_seed_samples_anew_each_time() -> None:
    circuit = QuantumCircuit(8)
    circuit.h(range(8))
    circuit.measure_all()
    sampler = BackendSamplerV2(backend=backend("aer"))
    first, second = (sampler.run([circuit], shots=100).result()[0].data.meas.array for _ in range(2))
    assert first.shape == second.shape == (100, 1)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("number", range(12))
def test_the_estimator_gives_what_it_gives_on_aer(number: int) -> None:
    options = {"seed_simulator": 2000 + number, "default_precision": 0.1}
    ours = BackendEstimatorV2(backend=backend("aer"), options=options).run(estimator_pubs(number)).result()
    theirs = BackendEstimatorV2(backend=AerSimulator(), options=options).run(estimator_pubs(number)).result()
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.metadata == other.metadata
        assert np.array_equal(one.data.evs, other.data.evs)
        assert np.array_equal(one.data.stds, other.data.stds)
