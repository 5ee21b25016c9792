"""What `run` takes at IQM, and jobs that are found again by the server's id: blocking, with Qiskit's methods, and async.

docs/reference/parity-iqmjob.md names these tests.
"""

from __future__ import annotations

from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.providers import JobError, JobStatus

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.interop.qiskit import backend
from quantumjobs.testing.emulators import IqmEmulator, serve
from tests.adapters.iqm import helpers
from tests.interop.aqt import served
from tests.interop.helpers import PATIENCE, bell
from tests.interop.iqm import GARNET, client_of, emulator, last, three_registers

STRATEGY = {
    "merge_contiguous_waits": True,
    "target_qubits": ["QB1"],
    "skip_leading_wait": True,
    "skip_trailing_wait": True,
    "gate_sequences": [[2, "XX", "center"]],
}
COMPILATION: dict[str, Any] = {
    "active_reset_cycles": 2,
    "dd_mode": "enabled",
    "dd_strategy": STRATEGY,
    "heralding_mode": "zeros",
    "max_circuit_duration_over_t2": 0.5,
    "move_gate_frame_tracking": "no_detuning_correction",
    "move_gate_validation": "allow_prx",
}
UNSAID = {
    "dd_mode": "disabled",
    "heralding_mode": "none",
    "move_gate_frame_tracking": "full",
    "move_gate_validation": "strict",
}
"""What IQM's client sends where nothing is said."""
UNKNOWN = "00000000-0000-4000-8000-000000000000"
"""The server has no such job."""
REFUSED = {
    "cancel_after_timeout": 'on_timeout="cancel"',
    "circuit_callback": "change the circuits before you run them",
    "circuit_compilation_options": "give its fields as options",
    "mystery": "unknown option",
    "qubit_index_to_name": "qubit_mapping",
    "timeout": "result\\(timeout=",
    "timeout_seconds": "result\\(timeout=",
}
"""Options of IQM's clients, and what is said to whoever gives them."""


def sent(made: IqmEmulator) -> dict[str, Any]:
    """The options in the last submission's body."""
    body, _ = last(made)
    return {name: body[name] for name in COMPILATION if name in body}


def qubits(made: IqmEmulator) -> list[str]:
    """Where the last submission's first circuit measures, in the order of its measurements."""
    body, _ = last(made)
    steps = body["circuits"][0]["instructions"]
    return [name for step in steps if step["name"] == "measure" for name in step["locus"]]


class Word(StrEnum):
    ENABLED = "enabled"
    STRICT = "strict"
    ZEROS = "zeros"


def as_iqm_has_them() -> SimpleNamespace:
    """Like a `CircuitCompilationOptions` of IQM's client."""
    return SimpleNamespace(
        active_reset_cycles=None,
        dd_mode=Word.ENABLED,
        dd_strategy=SimpleNamespace(model_dump=lambda: STRATEGY),
        heralding_mode=Word.ZEROS,
        move_gate_validation=Word.STRICT,
    )


# --- blocking ----------------------------------------------------------------------------------
def test_blocking_options_are_sent_as_iqms_client_sends_them() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        run = client.backend(GARNET).run
        run(bell())
        assert (sent(made), last(made)[0]["shots"]) == (UNSAID, 1024)
        assert not last(made)[1].about.use_timeslot
        run([bell()] * 3, shots=7, use_timeslot=True, **COMPILATION)
        assert (sent(made), last(made)[0]["shots"]) == (COMPILATION, 7)
        assert last(made)[1].about.use_timeslot
        assert len(last(made)[0]["circuits"]) == 3  # one job
        job = run([bell()] * 5, circuits_per_job=2)
        assert (len(job.result(timeout=PATIENCE)), len(made.jobs)) == (5, 5)
        run(bell(), **vars(as_iqm_has_them()))
        assert sent(made) == UNSAID | {"dd_mode": "enabled", "dd_strategy": STRATEGY, "heralding_mode": "zeros"}
        run(bell(), qubit_mapping={0: "QB3", 1: "QB4"})
        assert qubits(made) == ["QB3", "QB4"]
        with pytest.raises(qj.JobRejected, match="200000 is more than 100000"):
            run(bell(), shots=200_000)


def test_blocking_options_that_are_not_here_are_refused_with_what_to_say_instead() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        for name, words in REFUSED.items():
            with pytest.raises(qj.UsageError, match=words):
                client.backend(GARNET).run(bell(), **{name: 1})
        with pytest.raises(qj.UsageError, match="shots"):
            client.backend(GARNET).run(bell(), shots=0)
        with pytest.raises(qj.UsageError, match="measures nothing"):
            client.backend(GARNET).run(QuantumCircuit(2, 2))
        assert client.jobs() == []
    assert not made.requests["submit"]


def test_blocking_calibration_set_is_the_one_in_use_or_the_one_that_is_named() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        client.backend(GARNET).describe()
        first = made.calibrations["garnet"][-1].id
        second = made.recalibrate("garnet")
        for wanted in (second, first):
            named = client.backend(GARNET).run(bell(), calibration_set_id=wanted)
            assert last(made)[0]["calibration_set_id"] == wanted
            assert named.result(timeout=PATIENCE)[0].metadata["calibration_set_id"] == wanted
        client.backend(f"{GARNET}/{second}").run(bell())
        assert last(made)[0]["calibration_set_id"] == second


def test_blocking_job_of_another_program_is_found_by_the_servers_id() -> None:
    made = emulator(warnings=["cooling down"])
    with served(made) as url:
        with client_of(url) as client:
            remote_id = client.backend(GARNET).run([three_registers(), bell()], shots=5).remote_id
        assert remote_id is not None
        with client_of(url) as other:
            client = other
            job = client.attach(GARNET, remote_id)
            result = job.result(timeout=PATIENCE)
            assert [one.counts for one in result] == [{"0 0 10": 5}, {"01": 5}]
            assert (result[0].memory, result[0].name) == (["0 0 10"] * 5, "three")
            assert result[0].registers == (("a", 2), ("unused", 1), ("b", 1))
            assert result[0].metadata["circuit_metadata"] == {"angle": 0.5}
            assert result[0].metadata["messages"] == ["cooling down"]
            assert (job.remote_id, job.progress, job.remote_timeline[-1].status) == (
                remote_id,
                qj.Progress(2, 2),
                "ready",
            )
            assert client.attach(GARNET, remote_id) is job
            with pytest.raises(qj.UsageError, match="attached from elsewhere"):
                job.circuits()
            unknown = client.attach(GARNET, UNKNOWN)
            assert unknown.refresh().state is JobState.QUEUED  # not lost at once: an answer may be an old one


# --- in Qiskit's form --------------------------------------------------------------------------
def test_qiskit_options_are_sent_as_iqms_client_sends_them() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        garnet = backend(GARNET, client)
        garnet.run(bell())
        assert (sent(made), last(made)[0]["shots"]) == (UNSAID, 1024)
        garnet.run([bell()] * 3, shots=7, use_timeslot=True, **COMPILATION)
        assert (sent(made), last(made)[0]["shots"]) == (COMPILATION, 7)
        assert last(made)[1].about.use_timeslot
        assert (len(last(made)[0]["circuits"]), garnet.max_circuits) == (3, None)
        garnet.set_options(heralding_mode="zeros")
        garnet.run(bell(), qubit_mapping={0: "QB3", 1: "QB4"})
        assert sent(made) == UNSAID | {"heralding_mode": "zeros"}
        assert qubits(made) == ["QB3", "QB4"]
        other = made.recalibrate("garnet")
        named = garnet.run(bell(), calibration_set_id=other).result(timeout=PATIENCE)
        assert named.results[0].metadata["calibration_set_id"] == other
        with pytest.raises(JobError, match="200000 is more than 100000"):
            garnet.run(bell(), shots=200_000)


def test_qiskit_options_that_are_not_here_are_refused_with_what_to_say_instead() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        garnet = backend(GARNET, client)
        for name, words in REFUSED.items():
            with pytest.raises(QiskitError, match=words) as error:
                garnet.run(bell(), **{name: 1})
            assert isinstance(error.value, qj.UsageError)
            with pytest.raises(AttributeError, match=words):
                garnet.set_options(**{name: 1})
        with pytest.raises(QiskitError, match="measures nothing"):
            garnet.run(QuantumCircuit(2, 2))
    assert not made.requests["submit"]


def test_qiskit_job_is_retrieved_by_the_servers_id_and_by_ours() -> None:
    made = emulator()
    with served(made) as url:
        with client_of(url) as client:
            garnet = backend(GARNET, client)
            job = garnet.run([three_registers(), bell()], shots=5, memory=True)
            remote_id = job.job.remote_id
            assert remote_id is not None
            assert garnet.retrieve_job(job.job_id()).job is job.job
            again = garnet.retrieve_job(remote_id)
            assert again.job is job.job
            assert again.circuits() == job.circuits()
            with pytest.raises(QiskitError, match=f"is of {GARNET}, not of iqm/emerald"):
                backend("iqm/emerald", client).retrieve_job(job.job_id())
            with pytest.raises(QiskitError, match="no job|nothing to attach"):
                backend("aer", client).retrieve_job("unheard-of")
        with client_of(url) as client:
            job = backend(GARNET, client).retrieve_job(remote_id)
            result = job.result(timeout=PATIENCE)
            assert [dict(counts) for counts in result.get_counts()] == [{"0 0 10": 5}, {"01": 5}]
            assert result.get_memory(0) == ["0 0 10"] * 5
            assert result.results[0].header["metadata"] == {"angle": 0.5}
            assert (job.circuits(), job.done()) == ([], True)
            assert job.job_id() != remote_id
            unknown = backend(GARNET, client).retrieve_job(UNKNOWN)
            assert unknown.queue_position(refresh=True) is None
            assert unknown.status() is JobStatus.QUEUED


# --- async -------------------------------------------------------------------------------------
@pytest.mark.real_time
async def test_async_options_are_sent_as_iqms_client_sends_them() -> None:
    made = emulator()
    async with serve(made) as url, helpers.client_of(url) as client:
        run = client.backend(GARNET).run
        await run(bell())
        assert (sent(made), last(made)[0]["shots"]) == (UNSAID, 1024)
        await run([bell()] * 3, shots=7, use_timeslot=True, **COMPILATION)
        assert (sent(made), last(made)[0]["shots"]) == (COMPILATION, 7)
        assert last(made)[1].about.use_timeslot
        job = await run([bell()] * 5, circuits_per_job=2)
        assert (len(await job), len(made.jobs)) == (5, 5)
        await run(bell(), qubit_mapping={0: "QB3", 1: "QB4"})
        assert qubits(made) == ["QB3", "QB4"]
        other = made.recalibrate("garnet")
        await run(bell(), calibration_set_id=other)
        assert last(made)[0]["calibration_set_id"] == other
        with pytest.raises(qj.JobRejected, match="200000 is more than 100000"):
            await run(bell(), shots=200_000)


@pytest.mark.real_time
async def test_async_options_that_are_not_here_are_refused_with_what_to_say_instead() -> None:
    made = emulator()
    async with serve(made) as url, helpers.client_of(url) as client:
        for name, words in REFUSED.items():
            with pytest.raises(qj.UsageError, match=words):
                await client.backend(GARNET).run(bell(), **{name: 1})
        assert await client.jobs() == []
    assert not made.requests["submit"]
