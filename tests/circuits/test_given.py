from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Kraus
from qiskit_aer.noise import depolarizing_error

from quantumjobs.circuits import given
from quantumjobs.circuits.load import dump, load
from quantumjobs.errors import UsageError

TEXT = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1]; creg c[1]; h q[0]; measure q -> c;'


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="bell", metadata={"a": [1, 2]})
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def test_a_circuit_travels_as_qpy_and_comes_back_equal() -> None:
    taken = given.one(bell())
    assert taken.form == "qpy"
    (loaded,) = load(taken)
    assert loaded == bell()
    assert (loaded.name, loaded.metadata) == ("bell", {"a": [1, 2]})


def with_save() -> QuantumCircuit:
    circuit = bell()
    circuit.save_statevector()
    return circuit


def with_channel() -> QuantumCircuit:
    circuit = bell()
    circuit.append(depolarizing_error(0.1, 1), [0])
    return circuit


def with_save_in_a_branch() -> QuantumCircuit:
    circuit = bell()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.save_statevector(label="then")
    return circuit


def with_save_in_a_gate() -> QuantumCircuit:
    inner = QuantumCircuit(1)
    inner.save_state()
    circuit = bell()
    circuit.append(inner.to_instruction(), [0])
    return circuit


@pytest.mark.parametrize("make", [with_save, with_channel, with_save_in_a_branch, with_save_in_a_gate])
def test_instructions_that_qpy_would_lose_travel_as_pickle(make) -> None:
    taken = given.one(make())
    assert taken.form == "pickle"
    (loaded,) = load(taken)
    assert sum(loaded.count_ops().values()) == sum(make().count_ops().values())
    assert given.needs_pickle(loaded)


def test_a_kraus_channel_of_qiskit_itself_survives_qpy() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(Kraus(depolarizing_error(0.1, 1)).to_instruction(), [0])
    taken = given.one(circuit)
    assert taken.form == "qpy"
    assert load(taken) == [circuit]


@pytest.mark.parametrize("text", [TEXT, "qubit q;", "OPENQASM 3.0", "h q\nx q"])
def test_text_is_recognised_and_not_parsed(text: str) -> None:
    taken = given.one(text)
    assert (taken.form, taken.body) == ("qasm", text.encode())


@pytest.mark.parametrize("name", ["bell.qasm", "x/Y.QPY", "a.qasm3"])
def test_a_path_is_made_absolute_and_not_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (name, Path(name)):
        taken = given.one(path)
        assert (taken.form, taken.body) == ("path", str(tmp_path / name).encode())


def test_a_home_directory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert given.one("~/a.qasm").body == b"/somewhere/a.qasm"


def test_bytes_are_qpy_or_refused() -> None:
    assert given.one(dump(bell())).form == "qpy"
    with pytest.raises(UsageError, match="no QPY file; accepted"):
        given.one(b"\x80\x05")


@pytest.mark.parametrize("item", [3, None, {"a": 1}, object()])
def test_anything_else_is_refused_by_its_type(item: object) -> None:
    with pytest.raises(
        UsageError, match=rf"circuits\[1\]: not a circuit: .*{type(item).__name__}; accepted: a Quantum"
    ):
        list(given.each([bell(), item]))


def test_lists_within_lists_are_refused() -> None:
    with pytest.raises(UsageError, match="one flat list"):
        list(given.each([[bell()]]))


def test_a_word_is_neither_text_nor_path() -> None:
    with pytest.raises(UsageError, match="'bell' is neither OpenQASM text"):
        given.one("bell")


def test_metadata_that_is_no_json_is_told_before_anything_is_sent() -> None:
    circuit = bell()
    circuit.metadata = {"when": {1}}
    with pytest.raises(UsageError, match="'bell' cannot be serialised.*metadata must be JSON"):
        given.one(circuit)


async def test_a_long_list_lets_others_run_between_its_items() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    taken = await given.take([bell()] * 20)
    task.cancel()
    await asyncio.wait([task])
    assert len(taken) == 20
    assert turns >= 19


def test_nothing_here_imports_qiskit() -> None:
    code = (
        "from quantumjobs.circuits import given; given.one('qubit q;'); given.one('a.qasm')\n"
        "try: given.one(3)\nexcept ValueError: pass\n"
        "import sys; assert not {'qiskit', 'numpy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(("duration", "unit"), [(2, "us"), (1e-7, "s"), (100, "ns"), (7, "dt")])
def test_delays_keep_their_units_on_the_way_to_a_worker(duration: float, unit: str, nested: bool):
    inner = QuantumCircuit(1, 1)
    inner.delay(duration, 0, unit=unit)
    circuit = inner
    if nested:
        circuit = QuantumCircuit(1, 1)
        circuit.if_test((circuit.clbits[0], 1), inner, [0], [0])
    (loaded,) = load(given.one(circuit))
    step = loaded.data[0].operation.blocks[0].data[0] if nested else loaded.data[0]
    assert (step.operation.duration, step.operation.unit) == (duration, unit)
