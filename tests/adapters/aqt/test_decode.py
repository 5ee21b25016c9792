from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumjobs.abc import Raw
from quantumjobs.adapters.aqt import bits
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.errors import ProviderProtocolError, UsageError
from tests.adapters.aqt.helpers import answer, answered, decode, prepare


def flat(qubits: int, clbits: int | None = None) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, name="flat") if clbits is None else QuantumCircuit(qubits, clbits, name="flat")
    circuit.x(0)
    return circuit


def all_measured(qubits: int) -> QuantumCircuit:
    circuit = flat(qubits)
    circuit.measure_all()
    return circuit


# --- worked examples --------------------------------------------------------------------
def test_qubit_0_stands_right_most() -> None:
    samples = [[[1, 0, 0], [0, 1, 1], [1, 0, 0]]]
    result = answered(all_measured(3), samples, memory=True)
    assert result.counts == {"001": 2, "110": 1}
    assert result.memory == ["001", "110", "001"]
    assert result.to_qiskit().data(0)["counts"] == {"0x1": 2, "0x6": 1}
    assert result.to_qiskit().get_memory(0) == ["001", "110", "001"]


def test_registers_are_apart_and_clbits_that_nothing_is_measured_into_are_0() -> None:
    q, a, b = QuantumRegister(3, "q"), ClassicalRegister(2, "a"), ClassicalRegister(2, "b")
    circuit = QuantumCircuit(q, a, b)
    circuit.x(0)
    circuit.measure(q[0], a[1])
    circuit.measure(q[2], b[0])
    result = answered(circuit, [[[1, 1, 0], [0, 0, 1]]], memory=True)
    assert result.counts == {"00 10": 1, "01 00": 1}
    assert result.memory == ["00 10", "01 00"]
    assert result.to_qiskit().data(0)["memory"] == ["0x2", "0x4"]
    assert result.to_qiskit().get_counts() == {"00 10": 1, "01 00": 1}
    assert result.to_bit_array("a").get_counts() == {"10": 1, "00": 1}


def test_a_second_measurement_of_a_qubit_is_kept() -> None:
    circuit = flat(2, 3)
    circuit.measure(0, 0)
    circuit.measure(0, 2)
    for transpile_more in (0, 3):
        result = answered(circuit, [[[1], [0]]], memory=True, optimization_level=transpile_more)
        assert result.memory == ["101", "000"]
        assert result.to_qiskit().data(0)["counts"] == {"0x5": 1, "0x0": 1}


def test_of_two_measurements_into_one_clbit_the_last_counts() -> None:
    circuit = flat(2, 1)
    circuit.measure(0, 0)
    circuit.measure(1, 0)
    assert answered(circuit, [[[1, 0]]]).counts == {"0": 1}


def test_clbits_beyond_64_are_kept() -> None:
    circuit = flat(2, 70)
    circuit.measure(0, 66)
    circuit.measure(1, 3)
    result = answered(circuit, [[[1, 0], [1, 1], [1, 0]]])
    assert result.to_qiskit().data(0)["counts"] == {hex(1 << 66): 2, hex(1 << 66 | 8): 1}
    assert result.counts == {format(1 << 66, "070b"): 2, format(1 << 66 | 8, "070b"): 1}


def test_swaps_that_the_transpiler_leaves_out_do_not_mix_up_the_clbits() -> None:
    circuit = QuantumCircuit(3)
    circuit.x(0)
    circuit.swap(0, 2)
    circuit.measure_all()
    (part,) = prepare(circuit, shots=1, optimization_level=3)
    (one,) = msgspec.json.decode(part.payload)["payload"]["circuits"]
    (gate, _) = one["quantum_circuit"]
    sample = [int(qubit == gate["qubit"]) for qubit in range(3)]
    assert decode(answer([[sample]]), part.layout).counts == {"100": 1}


# --- what is kept -----------------------------------------------------------------------
def test_shots_are_counted_or_with_memory_kept_in_order() -> None:
    samples = [[[1, 0], [0, 0], [1, 0], [1, 1]]]
    counted = answered(all_measured(2), samples)
    assert counted.counts == {"00": 1, "01": 2, "11": 1}
    with pytest.raises(UsageError, match="were not kept"):
        _ = counted.memory
    assert answered(all_measured(2), samples, memory=True).memory == ["01", "00", "01", "11"]


def test_several_circuits_are_in_the_order_they_were_given() -> None:
    body = answer([[[0, 0], [1, 0]], [[1, 1], [1, 1]]])
    document = json.loads(body)
    document["response"]["result"] = dict(reversed(document["response"]["result"].items()))
    (part,) = prepare([all_measured(2), all_measured(2)], shots=2)
    for one in (body, msgspec.json.encode(document), json.dumps(document, indent=1).encode()):
        result = decode(one, part.layout)
        assert [each.counts for each in result] == [{"00": 1, "01": 1}, {"11": 2}]


def test_facts_of_the_job_and_the_raw_answer_go_along() -> None:
    result = answered(all_measured(1), [[[1]]])
    document = result.to_qiskit()
    assert (document.backend_name, document.job_id, document.success) == ("ws/ibex", "571accdf", True)
    assert document.results[0].header["name"] == "flat"
    assert result.raw == {"body": answer([[[1]]])}


def test_without_a_layout_every_qubit_is_a_clbit() -> None:
    result = decode(answer([[[1, 0, 0], [0, 1, 1]], [[1]]]), None)
    assert [each.name for each in result] == ["circuit-0", "circuit-1"]
    assert [each.memory for each in result] == [["001", "110"], ["1"]]
    assert [each.registers for each in result] == [(), ()]
    assert result.to_qiskit().backend_name == "ibex"


@hypothesis_given(st.integers(1, 9), st.integers(1, 12), st.randoms(use_true_random=False), st.booleans())
def test_the_fast_way_and_the_careful_one_agree(qubits: int, shots: int, random, spaced: bool) -> None:
    samples = [[random.randrange(2) for _ in range(qubits)] for _ in range(shots)]
    text = json.dumps(samples, separators=(", ", ": ") if spaced else (",", ":")).encode()
    sources = [random.randrange(-1, qubits) for _ in range(random.randrange(1, 80))]
    fast = bits.matrix(text, shots=shots, qubits=qubits, what="c")
    careful = bits._parsed(text, shots, qubits, "c")
    assert np.array_equal(fast, careful)
    expected = [
        sum(sample[source] << clbit for clbit, source in enumerate(sources) if source >= 0) for sample in samples
    ]
    rows, wide = bits.rows(fast, sources), -(-len(sources) // 8)
    assert [int.from_bytes(rows[at : at + wide], "big") for at in range(0, len(rows), wide)] == expected


def test_a_large_answer_is_not_parsed_number_by_number(monkeypatch) -> None:
    monkeypatch.setattr(bits, "_parsed", None)
    monkeypatch.setattr(bits, "matrix", None)
    samples = np.random.default_rng(3).integers(0, 2, (20, 500, 12)).tolist()
    (part,) = prepare([all_measured(12)] * 20, shots=500)
    result = decode(answer(samples), part.layout)
    assert sum(result[7].counts.values()) == 500


# --- what is not understood -------------------------------------------------------------
@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        ("[[0,2],[0,1]]", "circuit 0 ('flat'): shot 0 has 2 for qubit 1, neither 0 nor 1"),
        ("[[0,1],[0,-1]]", "shot 1 has -1 for qubit 1"),
        ("[[0,1.0],[0,1]]", "shot 0 has 1.0 for qubit 1"),
        ("[[0,10],[0,1]]", "shot 0 has 10 for qubit 1"),
        ("[[0,true],[0,1]]", "shot 0 has True for qubit 1"),
        ('[[0,"1"],[0,1]]', "shot 0 has '1' for qubit 1"),
        ("[[0,1],[0]]", "shot 1 has 1 bits for 2 qubits"),
        ("[[0,1,1],[0]]", "shot 0 has 3 bits for 2 qubits"),
        ("[[0],[0]]", "shot 0 has 1 bits for 2 qubits"),
        ("[[0,0,1],[0,0,1]]", "shot 0 has 3 bits for 2 qubits"),
        ("[[],[]]", "shot 0 has 0 bits for 2 qubits"),
        ("[[0,1]]", "has 1 shots, not 2"),
        ("[[0,1],[0,1],[0,1]]", "has 3 shots, not 2"),
        ("[0,1]", "shot 0 is not a list of bits"),
        ("[]", "has no list of shots"),
        ("null", "has no list of shots"),
        ("{}", "has no list of shots"),
        ("[[0,1],[0,1]", "AQT's result is not understood"),
        ("[[0 1],[0,1]]", "AQT's result is not understood"),
        ("[[0,1],[0,1]]]", "AQT's result is not understood"),
    ],
)
def test_samples_that_are_no_bits_are_named(samples: str, problem: str) -> None:
    (part,) = prepare(all_measured(2), shots=2)
    for text in (samples, samples.replace(",", ", ")):
        body = f'{{"job":{{"job_id":"j"}},"response":{{"status":"finished","result":{{"0":{text}}}}}}}'.encode()
        with pytest.raises(ProviderProtocolError) as caught:
            decode(body, part.layout)
        assert problem in str(caught.value)
        assert caught.value.provider == "aqt"


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        ('{"0":[[0,1]]}', "circuit 1 of 2 is missing"),
        ('{"1":[[0,1]],"2":[[0,1]]}', "circuit 0 of 2 is missing"),
        ('{"0":[[0,1]],"01":[[0,1]]}', "circuit 1 of 2 is missing"),
        ('{"0":[[0,1]],"1":[[0,1]],"2":[[0,1]]}', "3 circuits in it, and 2 were sent"),
        ("[[[0,1]],[[0,1]]]", "Expected `object`"),
    ],
)
def test_circuits_that_are_missing_or_too_many_are_named(samples: str, problem: str) -> None:
    (part,) = prepare([all_measured(2)] * 2, shots=1)
    body = f'{{"job":{{"job_id":"j"}},"response":{{"status":"finished","result":{samples}}}}}'.encode()
    with pytest.raises(ProviderProtocolError, match="AQT's result is not understood") as caught:
        decode(body, part.layout)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"job":{"job_id":"j"},"response":{"status":"cancelled"}}', "no result in it, the job is 'cancelled'"),
        (b'{"job":{"job_id":"j"},"response":{"status":"error","message":"trap"}}', "the job is 'error': trap"),
        (b'{"job_id":"j","message":"unknown job_id"}', r"no response in it (unknown job_id)"),
        (b"<html>", "malformed"),
        (b"", "truncated"),
        (b'{"job":{"job_id":"j"},"response":{"status":"finished","result":7}}', "got `int`"),
        (b'{"job":{"job_id":"j","result":{"0":[[1]]}},"response":{"status":"cancelled"}}', "the job is 'cancelled'"),
        (b'{"job":{"job_id":"j"},"response":{"status":"finished","result":{"0":[[1]]}}', "truncated"),
        (b'{"job":{"job_id":"j"},"response":{"status":"finished","result":{"0":[[1]]}}}}', "malformed"),
        (b'{"job":{"result":{"0":[[1]]},"job_id":"j"},"response":{"status":"finished","result":7}}', "got `int`"),
        (
            b'{"job":{"result":{"0":[[1]]},"job_id":"j"},"response":{"status":"finished","result":"(samples)"}}',
            "got `str`",
        ),
    ],
)
def test_an_answer_without_a_result_is_told_of(body: bytes, problem: str) -> None:
    (part,) = prepare(all_measured(1), shots=1)
    for layout in (part.layout, None):
        with pytest.raises(ProviderProtocolError) as caught:
            decode(body, layout)
        assert problem in str(caught.value)


def test_a_result_of_another_schema_is_refused() -> None:
    with pytest.raises(UsageError, match="schema 'aer/1'"):
        AqtCodec().decode(Raw("aer/1", {}), None)
