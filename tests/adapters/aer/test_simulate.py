from __future__ import annotations

import logging

import msgspec
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate

from quantumjobs.errors import ResultUnavailable
from quantumjobs.workers.aer import Item, Outcome, Task, simulate
from tests.adapters.aer import programs
from tests.adapters.aer.helpers import prepare, run, run_part, task
from tests.adapters.aer.test_codec import deep, measured


def with_bad(place: int, bad: Item, count: int = 5) -> Outcome:
    """Circuits of which one cannot run, as a part that prepare would not have let pass."""
    good = task(prepare([measured(2, f"good-{at}") for at in range(count)])[0])
    items = list(good.items)
    items[place] = bad
    return outcome(msgspec.structs.replace(good, items=tuple(items)))


def outcome(one: Task) -> Outcome:
    return msgspec.msgpack.decode(simulate(msgspec.msgpack.encode(one), lambda _: None), type=Outcome)


def unknown_gate() -> Item:
    from quantumjobs.circuits.load import dump

    circuit = QuantumCircuit(1, 1, name="odd")
    circuit.append(Gate("foo", 1, []), [0])
    circuit.measure(0, 0)
    return Item("qpy", dump(circuit), 1e-4)


def too_large() -> Item:
    return task(prepare(deep(34), max_memory_mb=-1)[0]).items[0]


def garbage() -> Item:
    return Item("qpy", b"QISKIT garbage", 1e-4)


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize(
    ("bad", "name", "why"),
    [
        (unknown_gate, "odd", "unknown instruction: foo"),
        (too_large, "deep", "Insufficient memory to run circuit deep"),
        (garbage, "", "QPY format version"),
    ],
)
def test_one_circuits_error_is_that_circuits_alone(place: int, bad, name: str, why: str) -> None:
    from quantumjobs.core.results import Result

    found = with_bad(place, bad())
    assert found.count == 5
    ((at, called, error),) = found.failed
    assert (at, called) == (place, name)
    assert why in error
    result = Result.from_bytes(found.result)
    clean = run([measured(2, f"good-{at}") for at in range(5)])
    for at, one in enumerate(result):
        if at == place:
            with pytest.raises(ResultUnavailable, match=why):
                _ = one.counts
        else:
            assert one.counts == clean[at].counts
            assert one.seed == clean[at].seed


def test_all_circuits_failing_is_told_one_by_one() -> None:
    good = task(prepare(measured(1))[0])
    found = outcome(msgspec.structs.replace(good, items=(unknown_gate(), unknown_gate())))
    assert [place for place, _, _ in found.failed] == [0, 1]


def test_a_failing_circuit_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with_bad(1, too_large())
    assert capfd.readouterr() == ("", "")
    assert not logging.getLogger("qiskit_aer.backends.aerbackend").disabled


def test_progress_is_reported_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantumjobs.workers.aer._BATCH_SECONDS", 0.0)
    monkeypatch.setattr("quantumjobs.workers.aer._QUIET", 0.0)
    told: list[bytes] = []
    (part,) = prepare([measured(2)] * 4)
    run_part(part, told.append)
    assert told == [b"1", b"2", b"3"]  # the end is told by the result


def test_a_short_part_reports_nothing() -> None:
    told: list[bytes] = []
    run_part(prepare([measured(2)] * 3)[0], told.append)
    assert told == []


def test_a_shared_noise_model_is_not_changed_by_runs() -> None:
    first = run(programs.circuit(3), noise_model=programs.noise(), seed_simulator=1)
    channel = QuantumCircuit(1)
    from qiskit_aer.noise import depolarizing_error

    channel.append(depolarizing_error(0.5, 1), [0])
    channel.measure_all()
    run(channel, noise_model=programs.noise(), seed_simulator=1)
    assert run(programs.circuit(3), noise_model=programs.noise(), seed_simulator=1).counts == first.counts


def test_a_payload_nobody_can_read_raises() -> None:
    with pytest.raises(msgspec.MsgspecError):
        simulate(b"nonsense", lambda _: None)


def test_metadata_has_aers_facts_and_the_circuits_own() -> None:
    circuit = measured(2)
    circuit.metadata = {"mine": [1, 2]}
    metadata = run(circuit).metadata
    assert metadata["method"] == "stabilizer"
    assert metadata["circuit_metadata"] == {"mine": [1, 2]}
