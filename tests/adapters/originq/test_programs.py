"""Programs of circuits: what is asked of them, how many there are, and what is remembered."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.quantum_info import SparsePauliOp, Statevector

from quantumjobs.abc import Request
from quantumjobs.adapters.originq import originir, target
from quantumjobs.adapters.originq.codec import Layout, OriginqCodec
from quantumjobs.adapters.originq.messages import About, Chip
from quantumjobs.adapters.originq.messages import json as encoded
from quantumjobs.adapters.originq.options import admitted
from quantumjobs.circuits import given, pauli
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import originq_run
from quantumjobs.testing.emulators.originir import parse
from quantumjobs.testing.emulators.originq_chips import CHIPS, information

MESH = msgspec.convert(information(CHIPS[1]), Chip)


def ghz(width: int = 3) -> QuantumCircuit:
    circuit = QuantumCircuit(width, width, name="ghz", metadata={"a": 1})
    circuit.h(0)
    for qubit in range(1, width):
        circuit.cx(0, qubit)
    circuit.measure(range(width), range(width))
    return circuit


def prepared(
    backend: str,
    *circuits: Any,
    chip: Chip | None = None,
    shots: int | None = None,
    transpile: bool = True,
    **options: Any,
) -> Any:
    asked = admitted(backend, options, where=backend)
    taken = tuple(given.one(one, f"circuits[{at}]") for at, one in enumerate(circuits))
    request = Request(backend=backend, circuits=taken, shots=shots, options=asked, transpile=transpile)
    return OriginqCodec().prepare(request, encoded(About(backend, chip)), seed=0)


def layout(part: Any) -> Layout:
    return msgspec.msgpack.decode(part.layout, type=Layout)


def test_the_same_request_gives_the_same_payloads():
    one, other = (prepared("full_amplitude", ghz(), observables=["ZZZ", "XXX"]) for _ in range(2))
    assert one == other


def test_a_plan_has_what_the_result_needs():
    (part,) = prepared("full_amplitude", ghz()).parts
    (plan,) = layout(part).plans
    assert (plan.name, plan.shots, plan.registers, plan.clbits, plan.bits) == ("ghz", 1000, (("c", 3),), 3, 3)
    assert plan.measured == ((0, 0), (1, 1), (2, 2))
    assert plan.metadata == {"a": 1}
    assert part.details == {"mode": "1"}


@pytest.mark.parametrize(("backend", "parts"), [("full_amplitude", [1, 1, 1, 1]), ("WK_C180", [4])])
def test_observables_are_a_program_for_each_basis_of_each_circuit(backend: str, parts: list[int]):
    made = prepared(backend, ghz(), ghz(), shots=10, observables=["ZZZ", "XXX"])
    assert [part.count for part in made.parts] == parts
    assert made.shares == 2
    plans = [plan for part in made.parts for plan in layout(part).plans]
    assert [plan.group.basis[0][1] for plan in plans] == [plans[0].group.basis[0][1], plans[1].group.basis[0][1]] * 2


def test_shares_of_one_circuit_may_be_in_two_tasks():
    made = prepared("WK_C180", ghz(), ghz(), shots=10, observables=["ZZZ", "XXX"], circuits_per_job=3)
    assert [part.count for part in made.parts] == [3, 1]
    assert made.shares == 2


def test_observables_of_a_transpiled_circuit_are_those_of_the_circuit_before():
    where = target.target(About("PQPUMESH8", MESH))
    ready = transpile(ghz(2), target=where, initial_layout=[6, 7], optimization_level=0)
    made = prepared("PQPUMESH8", ready, chip=MESH, shots=10, observables="ZI", mapping=False)
    (part,) = made.parts
    assert layout(part).plans[0].group.basis == ((7, "Z"),)
    assert "MEASURE q[7],c[0]" in json.loads(part.payload)["QProg"][0]
    assert part.details == {"mode": "1", "placed": "1"}


@pytest.mark.parametrize("transpiled", [True, False])
def test_observables_leave_what_was_transpiled_for_a_chip_on_its_qubits_and_in_its_gates(transpiled: bool):
    """Also where the chip has fewer available qubits than the target is wide: it is 8, and one of them is not there."""
    circuit = QuantumCircuit(2)
    circuit.u(0.3, 0.4, 0.5, 0)
    circuit.cx(0, 1)
    circuit.u(0.6, 0.7, 0.8, 1)
    circuit.cx(1, 0)
    operator = SparsePauliOp(["XY", "YX", "ZZ", "IX"], [0.5, 0.7, -0.3, 0.2])
    ready = transpile(
        circuit, target=target.target(About("PQPUMESH8", MESH)), initial_layout=[6, 7], optimization_level=0
    )
    (part,) = prepared(
        "PQPUMESH8", ready, chip=MESH, shots=10, observables=operator, mapping=False, transpile=transpiled
    ).parts
    plain = originir.written(ready).split("\n")[2:-1]
    shares = []
    for text, plan in zip(json.loads(part.payload)["QProg"], layout(part).plans, strict=True):
        lines = text.split("\n")[2:-1]
        assert lines[: len(plain)] == plain
        assert {line.split()[0] for line in lines} == {"RPhi", "CZ", "MEASURE"}
        # Where they are the two that are used, which is what makes this quick.
        small = "\n".join(["QINIT 2", "CREG 1", *(one for one in lines if not one.startswith("MEASURE")), ""])
        state = Statevector(originq_run.build(parse(small.replace("q[6]", "q[0]").replace("q[7]", "q[1]")), every=True))
        weights = state.probabilities([qubit - 6 for qubit, _ in plan.group.basis])
        shares.append((pauli.estimate(plan.group, dict(enumerate(weights))), None))
    (value,), _ = pauli.total(shares)
    assert value == pytest.approx(Statevector(circuit).expectation_value(operator).real, abs=1e-9)


def test_nothing_measures_where_nothing_is_drawn():
    for options in ({"qubits": [0, 2]}, {"observables": "XYZ"}):
        (part,) = prepared("full_amplitude", ghz(), **options).parts
        body = json.loads(part.payload)
        assert "MEASURE" not in body["QProg"][0]
        assert body["classicalbitNum"] == 0
        assert body["Configuration"]["measure_type"] == 2
    (part,) = prepared("single_amplitude", ghz(), amplitudes="7").parts
    body = json.loads(part.payload)
    assert body["Configuration"] == {"Amplitude": "7"}
    assert body.keys() == {"QProg", "QMachineType", "qubitNum", "classicalbitNum", "Configuration"}


@pytest.mark.parametrize(
    ("backend", "options", "words"),
    [
        ("full_amplitude", {"qubits": [3]}, "circuits\\[0\\]: circuit 'ghz' has 3 qubits; qubits=\\[3\\] asks for 3"),
        ("full_amplitude", {"observables": "Z"}, "'ghz' has 3 qubits, and the observables are for 1"),
        ("full_amplitude", {"qubits": [0], "shots": 5}, "probabilities are computed, not drawn"),
        ("full_amplitude", {"shots": 0}, "at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_circuits_name(backend: str, options: dict[str, Any], words: str):
    with pytest.raises(UsageError, match=words):
        prepared(backend, ghz(), **options)


def test_a_circuit_that_measures_nothing_or_too_early_is_refused():
    with pytest.raises(UsageError, match="measures nothing"):
        prepared("full_amplitude", QuantumCircuit(2, 2))
    early = ghz()
    early.x(0)
    for options in ({"qubits": [0]}, {"observables": "ZZZ"}):
        with pytest.raises(UsageError, match="measures before the end"):
            prepared("full_amplitude", early, **options)
    with pytest.raises(UsageError, match="there is no circuit"):
        prepared("full_amplitude")


def test_originir_may_be_asked_for_all_of_it():
    text = "QINIT 2\nCREG 2\nH q[0]\nCNOT q[0],q[1]\nMEASURE q,c\n"
    (part,) = prepared("full_amplitude", text).parts
    assert json.loads(part.payload)["QProg"] == [text]
    made = prepared("full_amplitude", text, observables=["ZZ", "XX"])
    texts = [json.loads(part.payload)["QProg"][0] for part in made.parts]
    assert sorted("H q[1]" in one for one in texts) == [False, True]
    with pytest.raises(UsageError, match="the program measures nothing"):
        prepared("full_amplitude", "QINIT 1\nCREG 1\nX q[0]\n")
    with pytest.raises(UsageError, match="circuits\\[1\\]: line 3: write MEASURE"):
        prepared("full_amplitude", text, "QINIT 1\nCREG 1\nMEASURE q[0] -> c[0]\n")


def test_a_gate_that_is_called_measure_measures_nothing():
    inner = QuantumCircuit(1, name="measure")
    inner.x(0)
    circuit = QuantumCircuit(1, 1)
    circuit.append(inner.to_gate(), [0])
    with pytest.raises(UsageError, match="measures nothing"):
        prepared("full_amplitude", circuit)


def test_only_plain_bodies_are_kept_from_a_file():
    codec = OriginqCodec()
    (part,) = prepared("full_amplitude", ghz()).parts
    assert codec.is_plain("payload", part.payload)
    assert codec.is_plain("layout", part.layout)
    for body in (b"\x80\x04.", b"[1]", b"", b"\xff", b"[" * 100_000):
        assert not codec.is_plain("payload", body)
        assert not codec.is_plain("layout", body)
