"""Circuits to bodies, artifacts to results, without a server."""

from __future__ import annotations

import json
from math import pi
from typing import Any

import msgspec
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Clbit, Parameter, Qubit

from quantumjobs.abc import Part, Raw, Request
from quantumjobs.adapters.iqm.codec import IqmCodec
from quantumjobs.adapters.iqm.schemas import BODY, COUNTS, JOB, PAYLOAD, SHOTS
from quantumjobs.circuits import given
from quantumjobs.errors import ProviderProtocolError, UsageError
from tests.adapters.iqm.architectures import CALIBRATION, LINE, STAR, about

ON_LINE = msgspec.json.encode(about(LINE))
ON_STAR = msgspec.json.encode(about(STAR))


def prepared(circuits: Any, device: bytes = ON_LINE, *, shots: int | None = 4, memory: bool = False,
             transpile: bool = True, level: int = 1, **options: Any) -> tuple[Part, ...]:  # fmt: skip
    request = Request(
        backend="here",
        circuits=tuple(given.each(circuits)),
        shots=shots,
        memory=memory,
        transpile=transpile,
        optimization_level=level,
        options=options,
    )
    return IqmCodec().prepare(request, device, seed=1).parts


def body(circuits: Any, device: bytes = ON_LINE, **arguments: Any) -> dict[str, Any]:
    """The body of the only part."""
    (part,) = prepared(circuits, device, **arguments)
    return json.loads(part.payload)


def instructions(circuit: QuantumCircuit, device: bytes = ON_LINE, **arguments: Any) -> list[tuple[Any, ...]]:
    (one,) = body(circuit, device, **arguments)["circuits"]
    return [(step["name"], *step["locus"], *step.get("args", {}).values()) for step in one["instructions"]]


def registers() -> QuantumCircuit:
    """Two bits of `a`, nothing of `unused`, one of `b`."""
    a, unused, b = ClassicalRegister(2, "a"), ClassicalRegister(1, "unused"), ClassicalRegister(1, "b")
    circuit = QuantumCircuit(QuantumRegister(3, "q"), a, unused, b, name="three", metadata={"angle": 0.5})
    circuit.x(0)
    circuit.measure(0, a[1])
    circuit.measure(1, a[0])
    circuit.measure(2, b[0])
    return circuit


# --- there --------------------------------------------------------------------------------------
def test_the_body_has_the_form_of_iqms_own_client():
    circuit = QuantumCircuit(2, name="pair")
    circuit.r(pi / 2, 0.25, 0)
    circuit.cz(0, 1)
    circuit.barrier()
    circuit.delay(100, 1, unit="ns")
    circuit.measure_all()
    assert body(circuit, transpile=False, shots=7) == {
        "circuits": [
            {
                "name": "pair",
                "instructions": [
                    {"name": "prx", "locus": ["QB1"], "args": {"angle": pi / 2, "phase": 0.25}},
                    {"name": "cz", "locus": ["QB1", "QB2"], "args": {}},
                    {"name": "barrier", "locus": ["QB1", "QB2"], "args": {}},
                    {"name": "delay", "locus": ["QB2"], "args": {"duration": pytest.approx(1e-7)}},
                    {"name": "barrier", "locus": ["QB1", "QB2"], "args": {}},
                    {"name": "measure", "locus": ["QB1"], "args": {"key": "meas_2_0_0"}},
                    {"name": "measure", "locus": ["QB2"], "args": {"key": "meas_2_0_1"}},
                ],
                "metadata": {"quantumjobs": {"registers": [["meas", 2]]}},
            }
        ],
        "calibration_set_id": CALIBRATION,
        "shots": 7,
        "heralding_mode": "none",
        "move_gate_validation": "strict",
        "move_gate_frame_tracking": "full",
        "dd_mode": "disabled",
    }


def test_options_are_in_the_body():
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    options = {
        "heralding_mode": "zeros",
        "move_gate_validation": "allow_prx",
        "move_gate_frame_tracking": "none",
        "dd_mode": "enabled",
        "dd_strategy": {"gate_sequences": [[2, "XX", "asap"]]},
        "max_circuit_duration_over_t2": 0.0,
        "active_reset_cycles": 2,
    }
    sent = body(circuit, **options)
    assert {name: sent[name] for name in options} == options
    (part,) = prepared(circuit, use_timeslot=True)
    assert part.details == {"alias": "here", "memory": "0", "circuits": "1", "use_timeslot": "1"}


def test_shots_default_to_those_of_iqms_backend():
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    assert body(circuit, shots=None)["shots"] == 1024


@pytest.mark.parametrize(
    ("build", "angle", "phase"),
    [
        (lambda circuit: circuit.x(0), pi, 0.0),
        (lambda circuit: circuit.y(0), pi, pi / 2),
        (lambda circuit: circuit.rx(0.3, 0), 0.3, 0.0),
        (lambda circuit: circuit.ry(0.3, 0), 0.3, pi / 2),
        (lambda circuit: circuit.r(0.3, 0.4, 0), 0.3, 0.4),
    ],
)
def test_gates_that_are_a_prx_are_sent_as_one(build: Any, angle: float, phase: float):
    circuit = QuantumCircuit(1)
    build(circuit)
    circuit.measure_all()
    assert instructions(circuit, transpile=False)[0] == ("prx", "QB1", angle, phase)


def test_an_outcome_that_is_used_later_says_so_and_nothing_else_does():
    circuit = QuantumCircuit(3, 2)
    circuit.measure(1, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(2)
    circuit.reset(1)
    circuit.measure(2, 1)
    assert instructions(circuit, transpile=False) == [
        ("measure", "QB2", "c_2_0_0", "c_2_0_0"),
        ("cc_prx", "QB3", pi, 0.0, "QB2", "c_2_0_0"),
        ("reset", "QB2"),
        ("measure", "QB3", "c_2_0_1"),
    ]


def test_a_condition_on_what_was_not_measured_is_refused():
    circuit = QuantumCircuit(1, 2)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    circuit.measure(0, 1)
    with pytest.raises(UsageError, match="circuit-.*not measured before"):
        prepared(circuit)


def test_clbits_in_no_register_have_keys_too_and_are_read_by_whoever_has_the_id_alone():
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit(), Clbit()])
    circuit.add_register(ClassicalRegister(1, "c"))
    circuit.x(0)
    circuit.measure(0, 1)
    circuit.measure(1, 2)
    (part,) = prepared(circuit, shots=2)
    assert [step[2] for step in instructions(circuit) if step[0] == "measure"] == ["loose_2_1_1", "c_1_0_0"]
    artifact = json.dumps([{"loose_2_1_1": [[1], [1]], "c_1_0_0": [[0], [0]]}]).encode()
    for layout, more in ((part.layout, {}), (None, {PAYLOAD: part.payload})):
        result = IqmCodec().decode(Raw(SHOTS, {BODY: artifact, **more}), layout)
        assert result.counts == {"010": 2}


@pytest.mark.parametrize("mapping", [["QB5", "QB4"], [4, 3], [4, "QB4"]])
@pytest.mark.parametrize("transpile", [True, False])
def test_qubits_are_where_they_were_mapped_to(mapping: list[str | int], transpile: bool):
    circuit = QuantumCircuit(2)
    circuit.rx(0.5, 0)
    circuit.cz(0, 1)
    circuit.measure_all()
    steps = instructions(circuit, transpile=transpile, qubit_mapping=mapping)
    assert {step[0]: step[1:3] for step in steps if step[0] == "cz"}["cz"] in {("QB5", "QB4"), ("QB4", "QB5")}
    assert steps[0][:2] == ("prx", "QB5")
    assert steps[-1][:3] == ("measure", "QB4", "meas_2_0_1")


@pytest.mark.parametrize(
    ("mapping", "words"),
    [(["QB99", "QB1"], "no qubit 'QB99'"), ([0, 7], "no qubit 7"), (["QB1"], "2 qubits, and qubit_mapping"),
     (["CR1", "QB1"], "no qubit 'CR1'")],
)  # fmt: skip
def test_a_mapping_that_cannot_be_is_refused(mapping: list[str | int], words: str):
    circuit = QuantumCircuit(2)
    circuit.measure_all()
    with pytest.raises(UsageError, match=words):
        prepared(circuit, ON_STAR if "CR1" in mapping else ON_LINE, qubit_mapping=mapping)


def test_a_list_is_one_job_or_as_many_as_are_asked_for():
    circuits = []
    for place in range(5):
        circuit = QuantumCircuit(1, name=f"c{place}")
        circuit.measure_all()
        circuits.append(circuit)
    assert [part.count for part in prepared(circuits)] == [5]
    parts = prepared(circuits, circuits_per_job=2)
    assert [part.count for part in parts] == [2, 2, 1]
    names = [[one["name"] for one in json.loads(part.payload)["circuits"]] for part in parts]
    assert names == [["c0", "c1"], ["c2", "c3"], ["c4"]]
    assert [part.details["circuits"] for part in parts] == ["2", "2", "1"]


def test_a_circuit_that_was_transpiled_for_the_target_stays_as_it_is():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.measure_all()
    ready = transpile(circuit, target=IqmCodec().target("here", ON_LINE), optimization_level=0, seed_transpiler=1)
    sent = [step[0] for step in instructions(ready)]
    assert sent.count("prx") == ready.count_ops()["r"]
    assert len([step for step in instructions(circuit) if step[0] == "prx"]) < ready.count_ops()["r"]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda c: None, "measures nothing"),
        (lambda c: (c.rx(Parameter("angle"), 0), c.measure(0, 0)), "parameters without a value: angle"),
        (lambda c: (c.measure(0, 0), c.measure(1, 0)), "twice|again|unique|clbit"),
    ],
)
def test_what_cannot_run_is_refused_with_the_circuits_name(build: Any, words: str):
    circuit = QuantumCircuit(2, 2, name="mine")
    build(circuit)
    with pytest.raises(UsageError, match=words) as caught:
        prepared(circuit)
    assert "'mine'" in str(caught.value)


def test_nothing_to_run_is_said():
    with pytest.raises(UsageError, match="no circuit"):
        prepared([])


def test_a_star_gets_its_moves_in_the_body():
    circuit = QuantumCircuit(2)
    circuit.cz(0, 1)
    circuit.measure_all()
    names = [step[:3] for step in instructions(circuit, ON_STAR, transpile=False) if step[0] in {"move", "cz"}]
    (into, meet, back) = names
    assert into == back
    assert (into[0], into[2], meet[0], meet[2]) == ("move", "CR1", "cz", "CR1")
    assert {into[1], meet[1]} == {"QB1", "QB2"}


# --- and back -----------------------------------------------------------------------------------
def answer() -> bytes:
    return json.dumps([{"a_2_0_1": [[1], [1]], "a_2_0_0": [[0], [1]], "b_1_2_0": [[0], [0]]}]).encode()


def counted() -> bytes:
    histogram = {"measurement_keys": ["a_2_0_1", "a_2_0_0", "b_1_2_0"], "counts": {"100": 1, "110": 1}}
    return json.dumps([histogram]).encode()


def test_counts_and_shots_agree_and_keep_what_nobody_measured():
    (part,) = prepared(registers(), shots=2)
    (with_memory,) = prepared(registers(), shots=2, memory=True)
    expected = {"0 0 10": 1, "0 0 11": 1}
    assert IqmCodec().decode(Raw(COUNTS, {BODY: counted()}), part.layout).counts == expected
    assert IqmCodec().decode(Raw(SHOTS, {BODY: answer()}), part.layout).counts == expected
    result = IqmCodec().decode(Raw(SHOTS, {BODY: answer()}), with_memory.layout)
    assert result.memory == ["0 0 10", "0 0 11"]
    assert result[0].registers == (("a", 2), ("unused", 1), ("b", 1))
    assert result[0].name == "three"


def test_facts_of_the_job_and_of_the_circuit_are_in_the_metadata():
    (part,) = prepared(registers(), shots=2)
    job = json.dumps({"calibration_set_id": CALIBRATION, "messages": "one\ntwo"}).encode()
    result = IqmCodec().decode(Raw(COUNTS, {BODY: counted(), JOB: job}), part.layout)
    assert result[0].metadata["calibration_set_id"] == CALIBRATION
    assert result[0].metadata["messages"] == ["one", "two"]
    assert result[0].metadata["circuit_metadata"] == {"angle": 0.5}
    assert result.to_qiskit().get_counts() == {"0 0 10": 1, "0 0 11": 1}


def test_a_job_is_decoded_from_its_keys_alone():
    result = IqmCodec().decode(Raw(SHOTS, {BODY: answer()}), None)
    assert result.memory == ["0 10", "0 11"]
    assert result[0].registers == (("a", 2), ("b", 1))


def test_a_job_of_ours_is_decoded_from_what_was_sent():
    (part,) = prepared(registers(), shots=2)
    result = IqmCodec().decode(Raw(SHOTS, {BODY: answer(), PAYLOAD: part.payload}), None)
    assert result.memory == ["0 0 10", "0 0 11"]
    assert (result[0].name, result[0].metadata["circuit_metadata"]) == ("three", {"angle": 0.5})


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"quantumjobs": 7},
        {"quantumjobs": {"registers": "x"}},
        {"quantumjobs": {"registers": [["a", -1]]}},
        {"quantumjobs": {"registers": [["a", 10**12]]}},
        {"quantumjobs": {"registers": [["a", 2]], "clbits": {"a_2_0_1": 10**12}}},
        {"quantumjobs": {"registers": [["a", 2]], "clbits": {"a_2_0_1": -1}}},
    ],
)
def test_strange_metadata_of_others_does_no_harm(metadata: Any):
    (part,) = prepared(registers(), shots=2)
    sent = json.loads(part.payload)
    sent["circuits"][0]["metadata"] = metadata
    result = IqmCodec().decode(Raw(SHOTS, {BODY: answer(), PAYLOAD: json.dumps(sent).encode()}), None)
    assert result.memory == ["0 10", "0 11"]


def test_a_measurement_of_several_qubits_in_a_job_of_others_is_read():
    (part,) = prepared(registers(), shots=2)
    sent = json.loads(part.payload)
    measure = {"name": "measure", "locus": ["QB1", "QB2"], "args": {"key": "both"}}
    sent["circuits"] = [{"name": "theirs", "instructions": [measure], "metadata": None}]
    body = b'[{"both": [[0, 1], [1, 1]]}]'
    result = IqmCodec().decode(Raw(SHOTS, {BODY: body, PAYLOAD: json.dumps(sent).encode()}), None)
    assert result.memory == ["1 0", "1 1"]
    assert result[0].name == "theirs"


@pytest.mark.parametrize("payload", [b"<html>", b"{}", b'{"circuits": ["define void @main"], "shots": 2}'])
def test_a_payload_that_tells_nothing_is_passed_over(payload: bytes):
    result = IqmCodec().decode(Raw(SHOTS, {BODY: answer(), PAYLOAD: payload}), None)
    assert result.memory == ["0 10", "0 11"]


def test_with_heralding_there_may_be_fewer_shots_and_else_not():
    (strict,) = prepared(registers(), shots=3)
    (heralded,) = prepared(registers(), shots=3, heralding_mode="zeros")
    with pytest.raises(ProviderProtocolError, match="2 shots.*3"):
        IqmCodec().decode(Raw(SHOTS, {BODY: answer()}), strict.layout)
    assert IqmCodec().decode(Raw(SHOTS, {BODY: answer()}), heralded.layout)[0].shots == 2


def test_results_of_others_are_refused():
    with pytest.raises(UsageError, match="aqt/1"):
        IqmCodec().decode(Raw("aqt/1", {BODY: b"{}"}), None)


def test_what_may_be_kept_from_a_file_is_numbers_and_texts():
    (part,) = prepared(registers())
    codec = IqmCodec()
    assert codec.is_plain("payload", part.payload)
    assert codec.is_plain("layout", part.layout)
    for wrong in (b"", b"\x80\x04", b"[1]", b"<html>", b"{}"):
        assert not codec.is_plain("payload", wrong)
        assert not codec.is_plain("layout", wrong)


def test_the_same_request_has_the_same_payload():
    circuit = QuantumCircuit(4)
    circuit.h(0)
    for qubit in range(3):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    circuit.name = "same"
    first, second = (prepared(circuit, ON_STAR, level=3) for _ in range(2))
    assert first == second
