"""The IQM emulator's circuits really run, and outcomes are what the gates say."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import pi

import msgspec
import numpy as np
import pytest
from qiskit.quantum_info import Operator

from quantumjobs.testing.emulators import IqmEmulator, iqm_payload, iqm_run
from tests.testing.emulators.iqm_helpers import (
    BELL,
    FLIP,
    cc_prx,
    circuit,
    cz,
    half,
    measure,
    move,
    other,
    prx,
    send,
    served,
    shots,
    until,
)


def run(given, *, shots: int = 200, seed: int | None = 7):
    """The measurements and the histogram of a circuit, through the worker's function."""
    circuit = msgspec.json.decode(msgspec.json.encode(given), type=iqm_payload.Circuit)
    found = iqm_run.decode(iqm_run.simulate(iqm_run.encode(iqm_run.Task(circuit=circuit, shots=shots, seed=seed))))
    return msgspec.json.decode(found.shots), msgspec.json.decode(found.counts)


def bits(given, **settings) -> dict[str, set[tuple[int, ...]]]:
    """What came at each key."""
    return {key: {tuple(shot) for shot in rows} for key, rows in run(given, **settings)[0].items()}


def test_shots_and_counts_tell_the_same():
    found, histogram = run(BELL)
    assert histogram["measurement_keys"] == list(found) == ["a", "b"]
    pairs = Counter(f"{first[0]}{second[0]}" for first, second in zip(found["a"], found["b"], strict=True))
    assert histogram["counts"] == dict(pairs)
    assert set(pairs) == {"00", "11"}
    assert min(pairs.values()) > 60


def test_a_measurement_of_several_qubits_has_a_column_for_each():
    assert bits(FLIP) == {"m_3": {(1, 0, 0)}}
    turned = circuit(prx("QB3"), measure("QB5", "QB3", key="x"), measure("QB3", "QB4", key='"y"'))
    assert bits(turned) == {"x": {(0, 1)}, '"y"': {(1, 0)}}
    assert run(turned)[1] == {"measurement_keys": ["x", '"y"'], "counts": {"0110": 200}}


def test_an_angle_and_a_phase_make_the_matrix_of_the_protocol():
    for angle, phase in ((0.3, 0.2), (1.9, -2.5), (-4.0, 7.0)):
        given = msgspec.convert(circuit(prx(angle=angle, phase=phase)), iqm_payload.Circuit)
        axis = np.array([[0, np.exp(-1j * phase)], [np.exp(1j * phase), 0]])  # X cos(phase) + Y sin(phase)
        expected = np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * axis
        np.testing.assert_allclose(Operator(iqm_run.build(given)[0]).data, expected, atol=1e-12)


def test_what_is_conditional_follows_the_measurement_that_it_names():
    given = circuit(
        half("QB1"),
        measure("QB2", "QB1", key="first", feedback_key="f"),
        cc_prx("QB3", of="QB1", key="f"),
        cc_prx("QB4", of="QB2", key="f"),
        measure("QB3", key="third"),
        measure("QB4", key="fourth"),
    )
    found, _ = run(given)
    assert {row[1] for row in found["first"]} == {0, 1}
    assert [row[1] for row in found["first"]] == [row[0] for row in found["third"]]
    assert {row[0] for row in found["fourth"]} == {0}


def test_the_latest_measurement_with_a_feedback_key_decides():
    given = circuit(
        measure("QB1", key="a", feedback_key="f"),
        prx("QB1"),
        measure("QB1", key="b", feedback_key="f"),
        cc_prx("QB2", of="QB1", key="f"),
        measure("QB2", key="c"),
    )
    assert bits(given) == {"a": {(0,)}, "b": {(1,)}, "c": {(1,)}}


def test_reset_gives_zero_and_delays_and_barriers_do_nothing():
    given = circuit(
        prx("QB1"),
        prx("QB2"),
        other("delay", "QB1", duration=1e-6),
        other("barrier", "QB1", "QB2", "QB20"),
        other("reset", "QB1"),
        measure("QB1", "QB2"),
    )
    assert bits(given) == {"m": {(0, 1)}}


def test_a_gate_through_the_resonator_is_the_gate_between_qubits():
    through = circuit(half("QB1"), half("QB2"), move("QB1"), cz("QB2", "CR1"), move("QB1"), *BELL["instructions"][3:])
    assert run(through) == run(BELL)


def test_a_circuit_without_a_measurement_has_no_keys():
    assert run(circuit(prx())) == ({}, {"measurement_keys": [], "counts": {"": 200}})


def test_qubits_that_nothing_is_done_to_are_left_out_and_many_are_matrix_products():
    few = msgspec.convert(circuit(cz("QB53", "QB54"), other("barrier", *(f"QB{n}" for n in range(1, 55)))), iqm_payload.Circuit)  # fmt: skip
    assert iqm_run.build(few)[0].num_qubits == 2
    row = [f"QB{number}" for number in range(1, 41)]
    ghz = [half(row[0])]
    for one, two in pairwise(row):
        ghz += [half(two), cz(one, two), prx(two, -pi / 2, pi / 2)]
    assert bits(circuit(*ghz, measure(*row)), shots=50) == {"m": {(0,) * 40, (1,) * 40}}


@pytest.mark.real_time
async def test_the_seed_decides_and_each_place_has_its_own():
    emulator = IqmEmulator(seed=7)
    async with served(emulator) as client:
        first, flipped, last = await shots(client, BELL, FLIP, BELL)
        assert flipped == {"m_3": [[1, 0, 0]] * 20}
        assert first != last
        assert await shots(client, BELL, to="line") == [first]
        assert run(BELL, shots=20, seed=7 + 2 * 2113)[0] == last
        emulator.seed = 7 + 2 * 2113
        assert await shots(client, BELL) == [last]


@pytest.mark.real_time
async def test_what_aer_cannot_run_fails_the_job(monkeypatch):
    monkeypatch.setattr(iqm_run, "SIMULATE", "quantumjobs.testing.emulators.iqm_run:none")
    async with served(IqmEmulator()) as client:
        found = await until(client, (await send(client))["id"], "failed")
        assert "none" in found["errors"][0]["message"]
