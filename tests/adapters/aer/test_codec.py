from __future__ import annotations

import subprocess
import sys

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import QFTGate
from qiskit_aer import AerSimulator

from quantumjobs.abc import Codec, Raw, Targets
from quantumjobs.adapters.aer.codec import AerCodec
from quantumjobs.adapters.aer.options import METHODS
from quantumjobs.circuits import given
from quantumjobs.errors import UsageError
from quantumjobs.workers.aer import wrap_seed
from quantumjobs.workers.local import Details
from tests.adapters.aer import programs
from tests.adapters.aer.helpers import about, prepare, run, task


def measured(qubits: int, name: str = "c") -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, name=name)
    circuit.h(range(qubits))
    circuit.measure_all()
    return circuit


def deep(qubits: int, layers: int = 4) -> QuantumCircuit:
    """Every qubit counts, and no stabilizer can run it."""
    circuit = QuantumCircuit(qubits, name="deep")
    for _ in range(layers):
        circuit.h(range(qubits))
        circuit.t(range(qubits))
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def test_it_is_a_codec() -> None:
    assert isinstance(AerCodec(), Codec)
    assert AerCodec.inline == {"decode"}


# --- its target -------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["", "statevector", "stabilizer", "matrix_product_state", "unitary"])
def test_the_target_is_aers_own_for_the_method(method: str) -> None:
    assert isinstance(AerCodec(), Targets)
    ours, theirs = AerCodec().target(method, about()), AerSimulator(method=method or "automatic").target
    assert ours.num_qubits == theirs.num_qubits
    assert ours.operation_names == theirs.operation_names
    assert ours.build_coupling_map() is None


def test_each_caller_has_a_target_of_its_own() -> None:
    assert AerCodec().target("", about()) is not AerCodec().target("", about())


def test_there_is_no_target_for_a_method_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="statevector"):
        AerCodec().target("statevektor", about())
    for method in set(METHODS) - set(AerSimulator().available_methods()):
        with pytest.raises(UsageError, match=f"does not offer the method '{method}'"):
            AerCodec().target(method, about())


# --- what is refused --------------------------------------------------------------------
def test_no_circuits_are_refused() -> None:
    with pytest.raises(UsageError, match="no circuit to run"):
        prepare([])


@pytest.mark.parametrize("shots", [0, -1, True, 1 << 40])
def test_shots_must_be_positive(shots: int) -> None:
    with pytest.raises(UsageError, match="shots must be a positive whole number"):
        prepare(measured(1), shots=shots)


def test_shots_default_to_1024() -> None:
    assert run(measured(1), shots=None)[0].shots == 1024


def test_unbound_parameters_are_named() -> None:
    circuit = measured(1)
    circuit.rx(Parameter("theta"), 0)
    with pytest.raises(
        UsageError, match=r"circuits\[1\]: circuit 'c' has parameters without a value: theta; bind them"
    ):
        prepare([measured(1), circuit])


def test_a_circuit_that_measures_nothing_is_told_to() -> None:
    with pytest.raises(UsageError, match=r"measures nothing and saves nothing: add circuit.measure_all\(\)"):
        prepare(QuantumCircuit(2, 2))


@pytest.mark.parametrize("method", ["unitary", "superop"])
def test_methods_that_cannot_measure_say_so(method: str) -> None:
    with pytest.raises(UsageError, match="remove the measurements"):
        prepare(measured(1), backend=method)


def test_an_instruction_that_is_not_native_is_named_where_transpiling_is_not_wanted() -> None:
    circuit = measured(2)
    circuit.append(QFTGate(2), [0, 1])
    with pytest.raises(UsageError, match="instructions qft: not known to Aer's method 'automatic'; transpile it"):
        prepare(circuit, transpile=False)


def test_a_circuit_that_cannot_become_native_is_refused() -> None:
    with pytest.raises(UsageError, match="instructions t: not known to Aer's method 'stabilizer', and cannot be"):
        prepare(deep(2), backend="stabilizer")


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="offers CPU"):
        prepare(measured(1), device="GPU")


def test_parameter_binds_must_match_the_circuits() -> None:
    with pytest.raises(UsageError, match="2 tables for 1 circuits"):
        prepare(measured(1), parameter_binds=[{}, {}])


# --- memory -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "qubits", "size"),
    [
        ("statevector", 30, "16.0 GiB for 30 qubits"),
        ("automatic", 30, "16.0 GiB for 30 qubits"),
        ("density_matrix", 15, "16.0 GiB for 15 qubits"),
        ("statevector", 400, "EiB for 400 qubits"),
    ],
)
def test_a_state_that_cannot_fit_is_refused_with_the_numbers(method: str, qubits: int, size: str) -> None:
    with pytest.raises(UsageError, match=f"{size}.*there are 4.0 GiB"):
        prepare(deep(qubits, 1), backend=method)


def test_what_aer_can_run_otherwise_is_not_refused() -> None:
    prepare(measured(100))  # a stabilizer
    prepare(deep(60, 1), backend="matrix_product_state")
    idle = measured(2)
    circuit = QuantumCircuit(40, 2)
    circuit.t(range(40))
    circuit.compose(idle.remove_final_measurements(inplace=False), [0, 1], inplace=True)
    circuit.measure([0, 1], [0, 1])
    assert run(circuit, backend="statevector")[0].shots == 100  # Aer leaves idle qubits out


def test_max_memory_mb_moves_the_limit() -> None:
    prepare(deep(20), backend="statevector", max_memory_mb=16)
    with pytest.raises(UsageError, match=r"16.0 MiB for 20 qubits.*there are 8.0 MiB \(max_memory_mb\)"):
        prepare(deep(20), backend="statevector", max_memory_mb=8)
    prepare(deep(30), backend="statevector", max_memory_mb=-1)
    prepare(deep(20), backend="statevector", max_memory_mb=8, precision="single")


# --- payloads ---------------------------------------------------------------------------
def test_the_same_request_gives_the_same_bytes_in_another_process() -> None:
    circuits = [programs.circuit(3), "OPENQASM 2.0; qreg q[2]; creg c[2]; CX q[0],q[1]; measure q -> c;"]
    here = prepare(circuits, seed=5)
    again = prepare(circuits, seed=5)
    assert [part.payload for part in here] == [part.payload for part in again]
    code = (
        "import sys; from quantumjobs.abc import *; from quantumjobs.adapters.aer.codec import *; import msgspec;"
        "r = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Request);"
        "sys.stdout.buffer.write(AerCodec().prepare(r, msgspec.json.encode(About(cores=2, memory=4 << 30)), seed=5)"
        ".parts[0].payload)"
    )
    import msgspec

    from tests.adapters.aer.helpers import request

    sent = msgspec.msgpack.encode(request(circuits))
    there = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True, timeout=50)
    assert there.stdout == here[0].payload


def test_the_engines_seed_is_used_and_recorded_where_the_user_gave_none() -> None:
    assert task(prepare(measured(1), seed=11)[0]).seed == 11
    assert task(prepare(measured(1), seed=11, seed_simulator=3)[0]).seed == 3
    assert run(measured(1), seed=11)[0].seed == 11


def test_seeds_wrap_around_at_64_bits() -> None:
    assert wrap_seed((1 << 63) + 5) == -(1 << 63) + 5
    last = (1 << 63) - 1
    result = run([measured(1)] * 3, seed_simulator=last)
    assert [one.seed for one in result] == [last, (last + 2113) % (1 << 64), (last + 4226) % (1 << 64)]


def test_a_native_circuit_is_left_untouched() -> None:
    circuit = measured(2)
    assert task(prepare(circuit)[0]).items[0].body == given.one(circuit).body


def test_threads_are_decided_here_and_recorded() -> None:
    assert task(prepare(measured(2))[0]).options["max_parallel_threads"] == 1
    assert task(prepare(deep(20))[0]).options["max_parallel_threads"] == 2
    assert task(prepare([deep(20)] * 2)[0]).options["max_parallel_threads"] == 1
    assert task(prepare(deep(20), max_parallel_threads=1)[0]).options["max_parallel_threads"] == 1


def test_a_program_with_gates_of_its_own_is_transpiled() -> None:
    text = (
        'OPENQASM 2.0; include "qelib1.inc"; gate mine a, b { h a; cx a, b; } qreg q[4]; creg c[4];'
        "mine q[0],q[1]; rccx q[0],q[1],q[2]; c3x q[0],q[1],q[2],q[3]; measure q -> c;"
    )
    assert sum(run(text)[0].counts.values()) == 100
    assert sum(run(text, backend="density_matrix", optimization_level=2)[0].counts.values()) == 100


# --- parts ------------------------------------------------------------------------------
def test_a_small_list_is_one_part() -> None:
    assert [part.count for part in prepare([measured(2)] * 40)] == [40]


def test_a_long_list_is_cut_into_a_few_even_parts() -> None:
    counts = [part.count for part in prepare([measured(2)] * 1000, shots=1000)]
    assert sum(counts) == 1000
    assert 3 <= len(counts) <= 7
    assert max(counts) < 2 * 1000 / 6
    assert len(prepare([measured(2)] * 1000, shots=1000, machine=about(cores=8))) > 12


def test_heavy_circuits_stand_alone() -> None:
    parts = prepare([measured(2), measured(2), deep(22), deep(22), measured(2)], shots=100)
    assert [part.count for part in parts] == [2, 1, 1, 1]
    assert [Details.read(part.details).heavy for part in parts] == [False, True, True, False]
    assert Details.read(parts[1].details).memory == 16 << 22


def test_the_parts_seeds_continue_the_lists() -> None:
    parts = prepare([measured(2), deep(22), measured(2)], seed_simulator=100)
    assert [task(part).seed for part in parts] == [100, 100 + 2113, 100 + 2 * 2113]


def test_details_say_what_the_adapter_needs_and_no_more() -> None:
    (part,) = prepare(measured(2))
    assert part.details == {}
    (part,) = prepare([measured(2)] * 2, time_limit=1.5)
    assert part.details == {"circuits": "2", "time_limit": "1.5"}
    assert Details.read(part.details) == Details(circuits=2, time_limit=1.5)


def test_files_with_several_circuits_count_as_several(tmp_path) -> None:
    from qiskit import qpy

    with (tmp_path / "two.qpy").open("wb") as file:
        qpy.dump([measured(1, "a"), measured(2, "b")], file)
    parts = prepare([tmp_path / "two.qpy", measured(1, "c")])
    assert [part.count for part in parts] == [3]
    assert [one.name for one in run([tmp_path / "two.qpy", measured(1, "c")])] == ["a", "b", "c"]


# --- decoding ---------------------------------------------------------------------------
def test_a_result_of_another_schema_is_refused() -> None:
    with pytest.raises(UsageError, match="schema 'aqt/1'"):
        AerCodec().decode(Raw("aqt/1", {}), None)


def test_the_raw_result_is_kept() -> None:
    assert set(run(measured(1)).raw) == {"outcome"}


def test_preparing_in_the_loops_process_is_not_needed_for_decoding() -> None:
    code = "import quantumjobs.adapters.aer.codec, sys; assert not {'qiskit', 'numpy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
