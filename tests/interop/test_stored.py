"""Jobs that are kept and found again, with Qiskit's methods: by id, in a folder, and those of AQT's own clients."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.providers import JobStatus, JobTimeoutError

import quantumjobs as qj
from quantumjobs.blocking import Client
from quantumjobs.core.states import JobState
from quantumjobs.interop.qiskit import QiskitJob, backend
from quantumjobs.testing.emulators import AqtEmulator
from tests.interop.aqt import IBEX, TOKEN, client_of, device, emulator, first, second, served
from tests.interop.helpers import NEVER, PATIENCE, CountsCodec, bell, cloud, on

PINE = "aqt/ws/simulator_noise"
ANSWER = {"10": 20}
NOISY = 101  # half turns, each spoilt with 0.0015: of 2000 shots, 260 or so are


@pytest.fixture
def made() -> AqtEmulator:
    return emulator()


@pytest.fixture
def url(made: AqtEmulator) -> Iterator[str]:
    with served(made) as address:
        yield address


def native(turns: int = 1) -> QuantumCircuit:
    """A circuit as it is on the wire, so that it is what AQT's own client would have kept: half turns of qubit 0."""
    circuit = QuantumCircuit(2, name="mine")
    for _ in range(turns):
        circuit.r(3.141592653589793, 0.0, 0)
    circuit.measure_all()
    return circuit


def sent_by_another_tool(url: str, address: str = IBEX) -> str:
    """AQT's id of a job that no ledger of ours has."""
    with client_of(url) as tool:
        job = tool.backend(address).run(native(), shots=20, transpile=False)
        job.result()
        assert job.remote_id is not None
        return job.remote_id


# --- ours -------------------------------------------------------------------------------------
def test_a_job_is_persisted_in_a_folder_and_restored_elsewhere(made: AqtEmulator, url: str, tmp_path: Path) -> None:
    store = tmp_path / "new" / "store"
    with client_of(url) as here:
        job = backend(IBEX, here).run([bell(), bell()], shots=7, memory=True)
        result = job.result()
        file = job.persist(store_path=store)
    assert file == store / job.job_id()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert TOKEN.encode() not in file.read_bytes()
    with client_of(url) as there:
        back = QiskitJob.restore(job.job_id(), client=there, store_path=store)
        assert (back.job_id(), back.status(), back.backend().name) == (job.job_id(), JobStatus.DONE, IBEX)
        assert back.circuits() == [bell(), bell()]
        assert back.result().get_memory(1) == result.get_memory(1)
        assert file.exists()
        again = backend(IBEX, there).restore_job(job.job_id(), store_path=store, remove_from_store=True)
        assert again.job is back.job
        assert not file.exists()
    assert made.requests["submit"] == 1


def test_without_a_folder_the_ledger_has_it(made: AqtEmulator, url: str, tmp_path: Path) -> None:
    made.queue.queue = 0.2
    ledger = tmp_path / "ledger.sqlite3"
    with client_of(url, ledger=ledger) as client:
        job = backend(IBEX, client).run(bell(), shots=20)
        assert job.persist() == ledger
    with client_of(url, ledger=ledger) as client:
        for back in (QiskitJob.restore(job.job_id(), client=client), backend(IBEX, client).restore_job(job.job_id())):
            assert back.result(timeout=PATIENCE).get_counts() == ANSWER
            assert back.result().job_id == job.job_id()
    assert made.requests["submit"] == 1


def test_those_without_a_client_find_their_jobs_in_the_shared_one() -> None:
    job = backend("aer").run(bell(), shots=10, seed_simulator=1)
    counts = job.result().get_counts()
    for back in (QiskitJob.restore(job.job_id()), backend("aer").restore_job(job.job_id())):
        assert back.result().get_counts() == counts
    with pytest.raises(qj.UsageError, match="is of aer, not of aer/stabilizer"):
        backend("aer/stabilizer").restore_job(job.job_id())


def test_in_memory_there_is_no_default_place() -> None:
    with Client(ledger="memory", providers={"fake": cloud()}) as client:
        job = backend("fake/sim", client).run(bell())
        with pytest.raises(QiskitError, match="store_path") as refused:
            job.persist()
        assert isinstance(refused.value, qj.UsageError)


def test_a_job_that_was_not_sent_yet_can_be_persisted(tmp_path: Path) -> None:
    provider = cloud(latency={"submit": NEVER})
    with on(provider) as fake:
        job = fake.run(bell(), until="recorded")
        assert job.status() is JobStatus.INITIALIZING
        file = job.persist(store_path=tmp_path)
        assert job.persist().is_file()  # the ledger
    with Client(ledger="memory", providers={"fake": cloud()}) as there:
        back = backend("fake/sim", there).restore_job(file.name, store_path=tmp_path)
        with pytest.raises(qj.SubmissionUncertain):  # whether it was sent since is known where it came from
            back.result()
        assert back.circuits() == [bell()]


def test_blocking_persists_a_job_that_was_not_sent_yet(tmp_path: Path) -> None:
    silent = cloud(latency={"submit": NEVER})
    with Client(ledger="memory", providers={"fake": silent}) as client:
        job = client.backend("fake/sim").run(bell(), until="recorded")
        assert job.state in {JobState.CREATED, JobState.SUBMITTING}
        job.persist(tmp_path / "job")
    with Client(ledger="memory", providers={"fake": cloud()}) as client:
        back = client.restore(tmp_path / "job")
        assert back.state is JobState.IN_DOUBT
        with pytest.raises(qj.SubmissionUncertain):
            back.result()


def test_a_restored_job_has_its_memory_where_the_provider_gives_counts_only(tmp_path: Path) -> None:
    with on(cloud(CountsCodec())) as fake:
        job = fake.run(bell(), shots=10, memory=True)
        memory = job.result().get_memory()
        job.persist(store_path=tmp_path)
        assert fake.restore_job(job.job_id(), store_path=tmp_path).result().get_memory() == memory
        assert len(memory) == 10


def test_what_cannot_be_written_or_removed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with on(cloud()) as fake:
        job = fake.run(bell())
        with pytest.raises(QiskitError, match="cannot be made") as refused:
            job.persist(store_path=tmp_path / "file" / "store")
        assert isinstance(refused.value, qj.UsageError)
        job.persist(store_path=tmp_path)

        def refuse(self: Path, *, missing_ok: bool = False) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "unlink", refuse)
        with pytest.raises(qj.UsageError, match="cannot be removed: Permission denied"):
            fake.restore_job(job.job_id(), store_path=tmp_path, remove_from_store=True)


# --- of AQT's own clients -----------------------------------------------------------------------
def test_a_job_of_version_1_is_restored_by_its_id(made: AqtEmulator, url: str, tmp_path: Path) -> None:
    remote_id = sent_by_another_tool(url)
    file = first(tmp_path, remote_id, [native()], memory=True)
    with client_of(url) as client:
        job = QiskitJob.restore(remote_id, client=client, store_path=tmp_path)
        assert (job.job.remote_id, job.backend().name) == (remote_id, IBEX)
        assert job.result(timeout=PATIENCE).get_counts() == ANSWER
        assert job.result().get_memory() == ["10"] * 20  # memory and shots are the file's
        assert [circuit.name for circuit in job.circuits()] == ["mine"]
        assert file.exists()
        assert backend(IBEX, client).restore_job(remote_id, store_path=tmp_path).job is job.job
        QiskitJob.restore(remote_id, client=client, store_path=tmp_path, remove_from_store=True)
        assert not file.exists()
        assert job.result().success
    assert made.requests["submit"] == 1


def test_how_to_wait_for_a_restored_job_is_said_anew(made: AqtEmulator, url: str, tmp_path: Path) -> None:
    made.queue.duration = 60
    with client_of(url) as client:
        remote_id = client.backend(IBEX).run(native(), shots=20, transpile=False).remote_id
        assert remote_id is not None
    first(tmp_path, remote_id, [native()])
    with client_of(url) as client:
        job = backend(IBEX, client, query_timeout_seconds=0.05).restore_job(remote_id, store_path=tmp_path)
        assert job.status() in {JobStatus.QUEUED, JobStatus.RUNNING}
        with pytest.raises(JobTimeoutError):
            job.result()


def test_a_job_of_version_2_is_restored_by_its_backend(made: AqtEmulator, url: str, tmp_path: Path) -> None:
    remote_id = sent_by_another_tool(url)
    file = second(tmp_path, remote_id, [native()])
    with client_of(url) as client:
        with pytest.raises(QiskitError, match="restore_job"):
            QiskitJob.restore(remote_id, client=client, store_path=tmp_path)
        assert client.jobs() == []
        job = backend(IBEX, client).restore_job(remote_id, store_path=tmp_path, remove_from_store=True)
        assert job.result(timeout=PATIENCE).get_counts() == ANSWER
        assert job.job.backend == IBEX
    assert not file.exists()
    assert made.requests["submit"] == 1


def test_a_job_of_version_2_by_direct_access_is_restored_by_its_device(
    made: AqtEmulator, url: str, tmp_path: Path
) -> None:
    remote_id = sent_by_another_tool(url, device(url))
    second(tmp_path, remote_id, [native()], kind="direct", name="pine-test")
    with client_of(url) as client:
        job = backend(device(url), client).restore_job(remote_id, store_path=tmp_path)
        assert job.result(timeout=PATIENCE).get_counts() == ANSWER
    assert made.requests["put"] == 1


def test_a_job_of_an_offline_simulator_is_run_again_with_its_noise(tmp_path: Path) -> None:
    old = str(uuid.uuid4())
    first(tmp_path, old, [native(NOISY)], resource="offline_simulator_noise", kind="offline_simulator", shots=2000)
    with Client(ledger="memory") as client:
        job = QiskitJob.restore(old, client=client, store_path=tmp_path)
        assert job.job_id() != old
        counts = job.result(timeout=PATIENCE).get_counts()
        assert sum(counts.values()) == 2000
        assert set(counts) > {"01"}  # some are spoilt
        assert job.backend().name == "aqt/default/offline_simulator_noise"


def test_blocking_runs_an_offline_simulation_of_a_file_again(tmp_path: Path) -> None:
    old = str(uuid.uuid4())
    file = first(
        tmp_path, old, [native(NOISY)], resource="offline_simulator_noise", kind="offline_simulator", shots=2000
    )
    with Client(ledger="memory") as client:
        job = client.restore(file)
        assert old not in {job.id, job.remote_id}
        assert set(job.result(timeout=PATIENCE).counts) > {"01"}


def test_the_token_of_a_restored_job_is_its_clients(made: AqtEmulator, url: str, tmp_path: Path) -> None:
    remote_id = sent_by_another_tool(url)
    first(tmp_path, remote_id, [native()])
    made.tokens.accept("another")
    settings = {"aqt": {"url": url, "token": "another"}}
    with Client(ledger="memory", providers=settings) as client:
        job = QiskitJob.restore(remote_id, client=client, store_path=tmp_path)
        assert job.result(timeout=PATIENCE).get_counts() == ANSWER
    with Client(ledger="memory", providers=settings) as client:
        assert client.restore(tmp_path / remote_id).result(timeout=PATIENCE).counts == ANSWER
    with client_of(url) as client, pytest.raises(QiskitError, match="refused"):
        QiskitJob.restore(remote_id, client=client, store_path=tmp_path)


def test_blocking_finds_a_job_again_by_its_id(made: AqtEmulator, url: str, tmp_path: Path) -> None:
    made.queue.queue = 0.2
    ledger = tmp_path / "ledger.sqlite3"
    with client_of(url, ledger=ledger) as client:
        sent = client.backend(IBEX).run(bell(), shots=20)
    with client_of(url, ledger=ledger) as client:
        assert client.job(sent.id).result(timeout=PATIENCE).counts == ANSWER
    assert made.requests["submit"] == 1


def test_blocking_restores_the_files_of_both_versions(made: AqtEmulator, url: str, tmp_path: Path) -> None:
    remote_id = sent_by_another_tool(url)
    with client_of(url) as client:
        job = client.restore(first(tmp_path, remote_id, [native()]))
        assert job.result(timeout=PATIENCE).counts == ANSWER
        assert client.restore(tmp_path / remote_id) is job  # the file stays
        job.persist(tmp_path / "ours")
    with client_of(url) as client:
        job = client.restore(second(tmp_path, remote_id, [native()]), backend=IBEX)
        assert job.result(timeout=PATIENCE).counts == ANSWER
        with pytest.raises(qj.UsageError, match="cannot be read"):
            client.restore(tmp_path / "nothing")
        with pytest.raises(qj.LedgerError):
            client.job("nothing")
    with client_of(url) as client:
        assert client.restore(tmp_path / "ours").result().counts == ANSWER
    assert made.requests["submit"] == 1


# --- what is refused ----------------------------------------------------------------------------
def test_an_unknown_id_is_an_error_of_both(tmp_path: Path) -> None:
    with on(cloud()) as fake:
        for restore in (fake.restore_job, lambda *a, **k: QiskitJob.restore(*a, client=fake._client, **k)):
            with pytest.raises(QiskitError, match="'nothing'") as refused:
                restore("nothing")
            assert isinstance(refused.value, qj.LedgerError)
            with pytest.raises(QiskitError, match="cannot be read") as refused:
                restore("nothing", store_path=tmp_path)
            assert isinstance(refused.value, qj.UsageError)
            for path in ("../nothing", "..", "", "a/b"):
                with pytest.raises(qj.UsageError, match="is no job id"):
                    restore(path, store_path=tmp_path)


def test_a_job_of_another_backend_is_refused_and_its_file_stays(url: str, tmp_path: Path) -> None:
    remote_id = sent_by_another_tool(url)
    file = first(tmp_path, remote_id, [native()])
    with client_of(url) as client:
        with pytest.raises(QiskitError, match=f"is of {IBEX}, not of {PINE}"):
            backend(PINE, client).restore_job(remote_id, store_path=tmp_path, remove_from_store=True)
        assert file.exists()


def test_a_damaged_file_is_refused_and_stays(tmp_path: Path) -> None:
    job_id = str(uuid.uuid4())
    (tmp_path / job_id).write_text('{"resource": 1')
    with on(cloud()) as fake, pytest.raises(qj.UsageError, match=job_id):
        fake.restore_job(job_id, store_path=tmp_path, remove_from_store=True)
    assert (tmp_path / job_id).exists()


def test_a_client_that_cannot_block_is_refused() -> None:
    with pytest.raises(qj.UsageError, match="blocking.Client"):
        QiskitJob.restore("nothing", client=qj.Client())  # type: ignore[arg-type] # wrong on purpose


def test_a_job_that_was_attached_has_no_circuits_and_its_result_all_the_same(url: str) -> None:
    remote_id = sent_by_another_tool(url)
    with client_of(url) as client:
        attached = client.attach(IBEX, remote_id)
        job = QiskitJob.restore(attached.id, client=client)
        assert job.circuits() == []
        assert job.result(timeout=PATIENCE).get_counts() == ANSWER
