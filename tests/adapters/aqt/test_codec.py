from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Clbit, Gate, Parameter, QuantumRegister
from qiskit.circuit.library import Initialize

from quantumjobs.abc import Codec, Targets
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.adapters.aqt.messages import STATES, ResourceDetails, ResultReply, SubmitReply, Workspace
from quantumjobs.core.states import JobState
from quantumjobs.errors import UsageError
from tests.adapters.aqt.helpers import ABOUT, about, answered, operations, prepare, request, sent

CAPTURED = (
    b'{"job_type":"quantum_circuit","label":"qiskit","payload":{"circuits":[{"repetitions":4,"quantum_circuit":['
    b'{"qubit":0,"phi":0.0,"theta":1.0,"operation":"R"},{"qubits":[0,1],"theta":0.5,"operation":"RXX"},'
    b'{"qubit":0,"phi":-0.5,"operation":"RZ"},{"qubit":0,"phi":1.0,"theta":0.5,"operation":"R"},'
    b'{"qubit":1,"phi":1.0,"theta":0.5,"operation":"R"},{"operation":"MEASURE"}],"number_of_qubits":2}]}}'
)
"""What AQT's own client sent for a Bell circuit."""


def bell(name: str = "bell") -> QuantumCircuit:
    circuit = QuantumCircuit(2, name=name)
    circuit.r(math.pi, 0, 0)
    circuit.rxx(math.pi / 2, 0, 1)
    circuit.rz(-math.pi / 2, 0)
    circuit.r(math.pi / 2, math.pi, 0)
    circuit.r(math.pi / 2, math.pi, 1)
    circuit.measure_all()
    return circuit


def measured(qubits: int, name: str = "c") -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, name=name)
    circuit.h(range(qubits))
    circuit.measure_all()
    return circuit


def test_it_is_a_codec_that_works_in_workers() -> None:
    assert isinstance(AqtCodec(), Codec)
    assert isinstance(AqtCodec(), Targets)
    assert AqtCodec.inline == frozenset()


# --- documents --------------------------------------------------------------------------
def test_every_status_word_has_a_state() -> None:
    assert STATES == {
        "queued": JobState.QUEUED,
        "ongoing": JobState.RUNNING,
        "finished": JobState.COMPLETED,
        "error": JobState.FAILED,
        "cancelled": JobState.CANCELLED,
    }


def test_recorded_documents_are_read() -> None:
    job = (
        b'{"job_id":"571accdf","job_type":"quantum_circuit","label":"qiskit","resource_id":"ibex","workspace_id":"ws"}'
    )
    reply = msgspec.json.decode(b'{"job":' + job + b',"response":{"status":"queued"}}', type=SubmitReply)
    assert (reply.job.job_id, reply.response.status) == ("571accdf", "queued")
    ongoing = b'{"job":' + job + b',"response":{"status":"ongoing","finished_count":3,"timing_data":null,"new":[1]}}'
    response = msgspec.json.decode(ongoing, type=ResultReply).response
    assert response is not None
    assert (response.status, response.finished_count) == ("ongoing", 3)
    unknown = msgspec.json.decode(b'{"job_id":"x","message":"unknown job_id"}', type=ResultReply)
    assert (unknown.job, unknown.response, unknown.message) == (None, None, "unknown job_id")
    listed = (
        b'[{"id":"ws","accepting_job_submissions":true,"jobs_being_processed":true,"resources":['
        b'{"id":"ibex","name":"IBEX","type":"device"},{"id":"simulator_noise","name":"S","type":"simulator"}]}]'
    )
    (workspace,) = msgspec.json.decode(listed, type=list[Workspace])
    assert [one.id for one in workspace.resources] == ["ibex", "simulator_noise"]
    details = (
        b'{"id":"ibex","name":"IBEX","type":"device","status":"online","available_qubits":12,'
        b'"status_updated_at":"2026-01-01T00:00:00Z","characterisation":null}'
    )
    assert msgspec.json.decode(details, type=ResourceDetails).available_qubits == 12


# --- payloads ---------------------------------------------------------------------------
def test_the_body_is_that_of_aqts_own_client_byte_by_byte() -> None:
    (part,) = prepare(bell(), shots=4, label="qiskit")
    assert part.payload == CAPTURED
    assert part.details == {"circuits": "1"}
    assert part.count == 1


def test_the_label_is_ours_or_the_users() -> None:
    assert msgspec.json.decode(prepare(bell())[0].payload)["label"] == "quantumjobs"
    assert msgspec.json.decode(prepare(bell(), label="monday")[0].payload)["label"] == "monday"


def test_shots_default_to_100() -> None:
    assert sent(bell(), shots=None)["repetitions"] == 100


def test_the_same_request_gives_the_same_bytes_in_another_process() -> None:
    circuits = [
        measured(3),
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; h q; ccx q[0],q[1],q[2]; measure q -> c;',
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;',
    ]
    circuits[0].metadata = {"b": 1, "a": {"y": 2, "x": 3}}
    for level in (1, 3):
        here = prepare(circuits, optimization_level=level)
        assert prepare(circuits, optimization_level=level) == here
        code = (
            "import sys; from quantumjobs.abc import *; from quantumjobs.adapters.aqt.codec import AqtCodec; import msgspec;"
            "request, about = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=tuple[Request, bytes]);"
            "sys.stdout.buffer.write(msgspec.msgpack.encode(AqtCodec().prepare(request, about, seed=2).parts))"
        )
        given = msgspec.msgpack.encode((request(circuits, optimization_level=level), ABOUT))
        there = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, check=True, timeout=50)
        assert there.stdout == msgspec.msgpack.encode(here)


def test_a_long_list_is_cut_where_the_device_wants_it() -> None:
    circuits = [measured(1, f"c{place}") for place in range(101)]
    parts = prepare(circuits)
    assert [part.count for part in parts] == [50, 50, 1]
    assert [part.details["circuits"] for part in parts] == ["50", "50", "1"]
    assert [len(msgspec.json.decode(part.payload)["payload"]["circuits"]) for part in parts] == [50, 50, 1]
    names = [plan[0] for part in parts for plan in msgspec.msgpack.decode(part.layout)["circuits"]]
    assert names == [f"c{place}" for place in range(101)]
    assert [part.count for part in prepare(circuits[:5], device=about(max_circuits=2))] == [2, 2, 1]


def test_a_file_of_several_circuits_counts_as_several(tmp_path) -> None:
    from qiskit import qpy

    with (tmp_path / "two.qpy").open("wb") as file:
        qpy.dump([measured(1, "a"), measured(2, "b")], file)
    (part,) = prepare([tmp_path / "two.qpy", bell("c")])
    assert part.count == 3


def test_metadata_that_is_plain_is_kept_and_the_rest_is_not() -> None:
    circuit = measured(1)
    circuit.metadata = {"run": 7, "tags": ["a", 1.5, None], "big": 1 << 70}
    result = answered(circuit, [[[1]]])
    assert result[0].metadata["circuit_metadata"] == {"run": 7, "tags": ["a", 1.5, None]}


# --- limits -----------------------------------------------------------------------------
def test_no_circuits_are_refused() -> None:
    with pytest.raises(UsageError, match="no circuit to run"):
        prepare([])


@pytest.mark.parametrize("shots", [0, -1, True])
def test_shots_must_be_positive(shots: int) -> None:
    with pytest.raises(UsageError, match="shots must be a positive whole number"):
        prepare(bell(), shots=shots)


def test_more_shots_than_the_device_takes_are_refused_with_both_numbers() -> None:
    assert sent(bell(), shots=2000)["repetitions"] == 2000
    with pytest.raises(UsageError, match="shots=2001: AQT takes 2000 at most"):
        prepare(bell(), shots=2001)
    with pytest.raises(UsageError, match="shots=201: AQT takes 200 at most"):
        prepare(bell(), shots=201, device=about(max_shots=200))


def test_the_measurement_counts_among_the_operations() -> None:
    def long(gates: int) -> QuantumCircuit:
        circuit = QuantumCircuit(1, 1, name="long")
        for _ in range(gates):
            circuit.r(0.5, 0.5, 0)
        circuit.measure(0, 0)
        return circuit

    assert len(operations(long(1999))) == 2000
    with pytest.raises(
        UsageError, match=r"circuits\[1\]: circuit 'long' has 2001 operations .* AQT takes 2000 at most"
    ):
        prepare([bell(), long(2000)])


def test_only_as_many_qubits_as_the_device_has_can_be_used() -> None:
    assert sent(measured(12))["number_of_qubits"] == 12
    with pytest.raises(UsageError, match="circuit 'c' uses qubit 12, and so 13 qubits; the backend has 12"):
        prepare(measured(13))


# --- what is refused --------------------------------------------------------------------
def test_unbound_parameters_are_named() -> None:
    circuit = QuantumCircuit(1, name="p")
    circuit.rx(Parameter("theta"), 0)
    circuit.measure_all()
    with pytest.raises(
        UsageError, match=r"circuits\[0\]: circuit 'p' has parameters without a value: theta; bind them"
    ):
        prepare([circuit])


@pytest.mark.parametrize("gate", ["h", "rz"])
def test_a_circuit_that_measures_nothing_is_told_to(gate: str) -> None:
    circuit = QuantumCircuit(1, 1)
    getattr(circuit, gate)(*([0.5] if gate == "rz" else []), 0)
    with pytest.raises(UsageError, match=r"measures nothing: add circuit.measure_all\(\)"):
        prepare(circuit)


def test_control_flow_is_refused() -> None:
    circuit = QuantumCircuit(2, 2, name="flow")
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    with pytest.raises(
        UsageError, match=r"circuit 'flow' has control flow \(if_else\), which AQT does not run: unroll"
    ):
        prepare(circuit)


def test_a_gate_after_the_measurement_of_its_qubit_is_refused() -> None:
    circuit = QuantumCircuit(2, 2, name="mid")
    circuit.measure(1, 0)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(1, 1)
    for transpile in (True, False):
        with pytest.raises(UsageError, match="circuit 'mid' has cx on qubit 1 after its measurement"):
            prepare(circuit, transpile=transpile)


def test_a_gate_after_the_measurement_of_another_qubit_is_no_matter() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.measure(1, 1)
    circuit.x(0)
    circuit.barrier()
    circuit.measure(0, 0)
    assert operations(circuit)[-1] == {"operation": "MEASURE"}


@pytest.mark.parametrize("name", ["reset", "delay"])
def test_what_the_device_cannot_do_is_named_with_advice(name: str) -> None:
    circuit = QuantumCircuit(1, name="c")
    circuit.h(0)
    circuit.reset(0) if name == "reset" else circuit.delay(10, 0)
    circuit.measure_all()
    with pytest.raises(UsageError, match=f"circuit 'c' has {name}, which AQT does not run: remove it"):
        prepare(circuit)


def test_a_preparation_that_resets_is_refused_with_the_one_that_does_not() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(Initialize([0, 1]), [0])
    circuit.measure_all()
    with pytest.raises(UsageError, match="initialize"):
        prepare(circuit)
    other = QuantumCircuit(1)
    other.prepare_state([0, 1])
    other.measure_all()
    assert sent(other)["number_of_qubits"] == 1


def test_without_transpiling_other_gates_are_named() -> None:
    with pytest.raises(UsageError, match="instructions that AQT does not have: h; transpile it"):
        prepare(measured(1), transpile=False)


def test_a_gate_without_a_definition_is_refused() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(Gate("mystery", 1, []), [0])
    circuit.measure_all()
    with pytest.raises(UsageError, match="does not have: mystery; it cannot be transpiled"):
        prepare(circuit)


@pytest.mark.parametrize("angle", [math.inf, math.nan])
def test_an_angle_that_is_no_number_is_refused(angle: float) -> None:
    circuit = QuantumCircuit(1)
    circuit.rz(angle, 0)
    circuit.measure_all()
    with pytest.raises(UsageError, match="has rz with the angle"):
        prepare(circuit)


def test_a_register_of_qubits_and_loose_clbits_will_do() -> None:
    circuit = QuantumCircuit(QuantumRegister(2, "a"), [Clbit(), Clbit()])
    circuit.x(0)
    circuit.measure([0, 1], [1, 0])
    result = answered(circuit, [[[1, 0]]])
    assert result.counts == {"10": 1}
    assert result[0].registers == ()


def test_nothing_of_qiskit_is_loaded_before_a_circuit_is_prepared() -> None:
    code = "import quantumjobs.adapters.aqt.codec, sys; assert not {'qiskit', 'numpy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


@pytest.mark.parametrize("family", ["cloud", "direct", "offline"])
def test_payloads_of_every_family_are_plain_and_others_are_not(family: str) -> None:
    (part,) = prepare(bell(), device=about(family=family))
    assert AqtCodec().is_plain("payload", part.payload)
    document = msgspec.json.decode(part.payload)
    assert not AqtCodec().is_plain("payload", msgspec.json.encode({**document, "more": 1}))
    assert not AqtCodec().is_plain("payload", part.payload[:-1])


def test_only_direct_access_asks_for_an_order_and_only_there_can_a_failure_be_passed_over() -> None:
    def asked(family: str, **options: Any) -> tuple[int, bool, bool]:
        prepared = AqtCodec().prepare(request([bell()] * 3, **options), about(family=family, max_circuits=1), seed=1)
        return len(prepared.parts), prepared.in_order, prepared.stop_on_failure

    assert asked("direct") == (3, True, True)
    assert asked("direct", stop_on_failure=False) == (3, True, False)
    assert asked("cloud")[:2] == (3, False)
