"""Hundreds of jobs of all kinds at once, each with a known outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from tests.endtoend.helpers import counts_of, fixed, random_text

JOBS = 300
BITS = 9


def small(value: int, name: str | None = None):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(BITS, BITS, name=name)
    for bit in range(BITS):
        if value >> bit & 1:
            circuit.x(bit)
    circuit.measure(range(BITS), range(BITS))
    return circuit


class Kinds:
    """What a user may ask for: each kind gives the circuits, the options, and a check of the result."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def one(self, value: int) -> tuple[str, Any, dict[str, Any], Callable[[qj.Result], None]]:
        shots = 5 + value % 7

        def single(result: qj.Result) -> None:
            assert len(result) == 1
            assert result.counts == counts_of(value, shots)
            assert result[0].shots == shots

        plain = {"shots": shots}
        kinds = (
            self.listed, self.remembered, self.bound, self.filed, self.saved, self.two_registers,
            lambda *_: ("aer", fixed(value), plain, single),
            lambda *_: ("aer", fixed(value, version=2), plain | {"optimization_level": 3}, single),
            lambda *_: ("aer", small(value), plain | {"fusion_enable": False, "transpile": False}, single),
            lambda *_: ("aer/stabilizer", small(value), plain | {"seed_simulator": value}, single),
            lambda *_: ("aer/density_matrix", small(value), plain, single),
            lambda *_: ("aer/matrix_product_state", fixed(value), plain | {"tags": ("mps",)}, single),
            lambda *_: ("aer/extended_stabilizer", small(value), plain, single),
            lambda *_: ("aer", small(value), plain | {"precision": "single", "method": "statevector"}, single),
        )  # fmt: skip
        return kinds[value % len(kinds)](value, shots)

    def listed(self, value: int, shots: int):
        def check(result: qj.Result) -> None:
            assert [one.counts for one in result] == [counts_of((value + place) % 512, shots) for place in range(3)]

        given = [fixed(value), small((value + 1) % 512), fixed((value + 2) % 512, version=2)]
        return "aer", given, {"shots": shots}, check

    def remembered(self, value: int, shots: int):
        def check(result: qj.Result) -> None:
            assert result.memory == [format(value, f"0{BITS}b")] * shots
            assert result[0].bits.shape == (shots, 2)

        return "aer", fixed(value), {"shots": shots, "memory": True}, check

    def bound(self, value: int, shots: int):
        import math

        from qiskit import QuantumCircuit
        from qiskit.circuit import Parameter

        turn = Parameter("turn")
        circuit = QuantumCircuit(1)
        circuit.rx(turn, 0)
        circuit.measure_all()

        def check(result: qj.Result) -> None:
            assert [one.counts for one in result] == [{"0": shots}, {"1": shots}]

        return "aer", circuit, {"shots": shots, "parameter_binds": [{turn: [0.0, math.pi]}]}, check

    def filed(self, value: int, shots: int):
        path = self.folder / f"circuit {value}.qasm"
        path.write_text(fixed(value))

        def check(result: qj.Result) -> None:
            assert result.counts == counts_of(value, shots)
            assert result[0].name == f"circuit {value}"

        return "aer", path if value % 2 else str(path), {"shots": shots}, check

    def saved(self, value: int, shots: int):
        import qiskit_aer.library  # noqa: F401 - gives circuits their `save_` methods
        from qiskit.quantum_info import SparsePauliOp

        circuit = small(value, f"saved-{value}")
        circuit.remove_final_measurements()
        circuit.save_expectation_value(SparsePauliOp("I" * (BITS - 1) + "Z"), range(BITS), label="z")

        def check(result: qj.Result) -> None:
            assert result[0].data["z"] == pytest.approx(-1.0 if value & 1 else 1.0)

        return "aer", circuit, {"shots": shots}, check

    def two_registers(self, value: int, shots: int):
        from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

        circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(1, "a"), ClassicalRegister(2, "b"))
        circuit.x(0)
        circuit.measure(0, 0)
        circuit.measure(1, 1)
        circuit.measure(0, 2)

        def check(result: qj.Result) -> None:
            assert result.counts == {"10 1": shots}
            assert result.to_qiskit().get_counts() == {"10 1": shots}

        return "aer", circuit, {"shots": shots}, check


@pytest.mark.real_time
async def test_hundreds_of_mixed_jobs_each_give_their_own_result(tmp_path):
    kinds = Kinds(tmp_path)
    asked = [kinds.one(number % 512) for number in range(JOBS)]
    async with qj.Client() as client:

        async def submit(number: int) -> qj.Job:
            address, given, options, _ = asked[number]
            return await client.backend(address).run(given, name=f"job-{number}", **options)

        jobs = await asyncio.gather(*map(submit, range(JOBS)))
        results = await asyncio.gather(*jobs)
        wrong = []
        for number, (job, result) in enumerate(zip(jobs, results, strict=True)):
            assert job.name == f"job-{number}"
            assert job.state == "completed"
            try:
                asked[number][3](result)
            except Exception as error:
                wrong.append((number, asked[number][0], asked[number][2], repr(error)))
        assert wrong == []
        assert len({job.id for job in jobs}) == JOBS
        assert {job.id for job in await client.jobs()} == {job.id for job in jobs}
        assert len(await client.jobs(tag="mps")) == sum(options.get("tags") == ("mps",) for _, _, options, _ in asked)


@pytest.mark.real_time
async def test_jobs_come_as_they_are_completed():
    async with qj.Client() as client:
        aer = client.backend("aer")
        jobs = [await aer.run(fixed(value), shots=3, name=str(value)) for value in range(40)]
        seen = {}
        async for job in (stream := qj.as_completed(jobs)):
            seen[job.name] = (await job).counts
            if len(seen) == 10:
                stream.add(await aer.run(fixed(77), shots=3, name="77"))
        assert seen == {str(value): counts_of(value, 3) for value in (*range(40), 77)}


@pytest.mark.real_time
async def test_a_list_tells_its_progress():
    async with qj.Client() as client:
        job = await client.backend("aer").run([random_text(seed, 16) for seed in range(40)], shots=2000)
        seen = [snapshot async for snapshot in job.events()]
        assert len(await job) == 40
    done = [snapshot.progress.done for snapshot in seen]
    assert {snapshot.progress.total for snapshot in seen} == {40}
    assert done == sorted(done)
    assert len({number for number in done if 0 < number < 40}) >= 3, done
    assert done[-1] == 40
    states = list(dict.fromkeys(str(snapshot.state) for snapshot in seen))
    assert [state for state in states if state in ("running", "completed")] == ["running", "completed"]
