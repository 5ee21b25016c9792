"""What goes wrong says what, with numbers, and hurts nothing else."""

from __future__ import annotations

import re

import pytest

import quantumjobs as qj
from tests.endtoend.helpers import counts_of, fixed, volume


def unknown_gate(value: int):
    """A circuit with a gate that nobody knows and that says nothing of what it does."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Gate

    circuit = QuantumCircuit(2, name=f"odd-{value}")
    circuit.append(Gate("odd", 1, []), [0])
    circuit.measure_all()
    return circuit


def impossible(name: str = "impossible"):
    """A circuit that can only fail while it runs: the state it sets has half of the amplitudes that it needs."""
    from qiskit import QuantumCircuit
    from qiskit_aer.library import SetStatevector

    circuit = QuantumCircuit(3, name=name)
    circuit.append(SetStatevector([1] + [0] * 7), [0, 1, 2])
    circuit.measure_all()
    circuit.data[0].operation.params[0] = circuit.data[0].operation.params[0][:4]
    return circuit


@pytest.mark.real_time
async def test_one_bad_circuit_of_a_list_fails_only_itself():
    circuits = [fixed(value) for value in range(12)]
    circuits[7] = impossible()
    async with qj.Client() as client:
        job = await client.backend("aer").run(circuits, shots=50)
        with pytest.raises(qj.JobFailed, match="impossible") as failed:
            await job
        partial = failed.value.partial
        assert len(partial) == 12
        for value, one in enumerate(partial):
            if value == 7:
                assert one.error
                with pytest.raises(qj.ResultUnavailable, match="impossible"):
                    _ = one.counts
            else:
                assert one.error is None
                assert one.counts == counts_of(value, 50)
        assert job.progress.total == 12
        assert job.progress.done == 11
        # Again: what was finished is kept, the rest is run, and fails alike.
        again = await job.retry_failed()
        assert again is not job
        with pytest.raises(qj.JobFailed, match="impossible") as failed:
            await again
        assert [one.error is None for one in failed.value.partial] == [value != 7 for value in range(12)]
        kept = {part.id for part in job.parts} & {part.id for part in again.parts}
        assert len(kept) == len([part for part in job.parts if part.state == "completed"])


@pytest.mark.real_time
async def test_a_retry_runs_what_was_cancelled_and_keeps_the_seed():
    async with qj.Client() as client:
        aer = client.backend("aer")
        job = await aer.run(volume(20, 10), shots=20, seed_simulator=3)
        with pytest.raises(qj.UsageError, match="wait for its end"):
            await job.retry_failed()
        await job.cancel()
        again = await job.retry_failed()
        result = await again
        assert result[0].seed == 3
        assert job.state == "cancelled"
        with pytest.raises(qj.UsageError, match="nothing to retry"):
            await again.retry_failed()


@pytest.mark.real_time
@pytest.mark.parametrize("address", ["aer", "aer/statevector", "aer/density_matrix"])
async def test_a_circuit_too_large_for_the_memory_is_refused_with_the_numbers(address):
    text = "".join(f"h q[{bit}]; t q[{bit}];\n" for bit in range(45))
    text = f'OPENQASM 3.0; include "stdgates.inc"; qubit[45] q; bit[45] c;\n{text}c = measure q;'
    async with qj.Client() as client:
        with pytest.raises(qj.UsageError) as refused:
            await client.backend(address).run(text)
        assert "45 qubits" in str(refused.value)
        assert len(re.findall(r"[\d,.]+ [MGTPE]iB", str(refused.value))) == 2  # what it needs, and what there is
        assert await client.jobs() == []


@pytest.mark.real_time
async def test_the_memory_a_user_sets_is_a_limit():
    async with qj.Client(providers={"aer": {"memory": 1 << 20}}) as client:
        aer = client.backend("aer/statevector")
        with pytest.raises(qj.UsageError, match=r"18 qubits .*1\.0 MiB"):
            await aer.run(fixed(1, 18))
        assert (await (await aer.run(fixed(1, 10), shots=3))).counts == counts_of(1, 3, 10)


@pytest.mark.real_time
async def test_an_unknown_gate_is_refused_or_transpiled():
    from qiskit import QuantumCircuit

    known = QuantumCircuit(2, name="rotated")
    known.append(QuantumCircuit(1, name="flip").to_gate(), [0])
    definition = QuantumCircuit(1, name="flip")
    definition.x(0)
    known.append(definition.to_gate(), [1])
    known.measure_all()
    async with qj.Client() as client:
        aer = client.backend("aer")
        with pytest.raises(qj.UsageError, match=r"'rotated'.*flip.*transpile=False"):
            await aer.run(known, transpile=False)
        with pytest.raises(qj.UsageError, match=r"'odd-1'.*odd"):
            await aer.run(unknown_gate(1))
        with pytest.raises(qj.UsageError, match=r"circuits\[1\].*'odd-2'"):
            await aer.run([fixed(1), unknown_gate(2)], transpile=False)
        assert await client.jobs() == []
        assert (await (await aer.run(known, shots=5))).counts == {"10": 5}


@pytest.mark.real_time
async def test_a_misspelt_option_names_its_neighbour():
    async with qj.Client() as client:
        for address, options, told in [
            ("aer", {"seed_simulater": 1}, "seed_simulator"),
            ("aer", {"method": "statevectr"}, "statevector"),
            ("aer", {"noise": 1}, "noise_model"),
            ("aer/statevektor", {}, "statevector"),
        ]:
            with pytest.raises(qj.UsageError, match=told):
                await client.backend(address).run(fixed(1), **options)
        assert await client.jobs() == []
