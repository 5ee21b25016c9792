"""A canary in every credential slot: it is sent to the provider it belongs to, and written nowhere else."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pytest

import quantumjobs as qj
from quantumjobs.cli.commands import carry_out
from quantumjobs.ledgers.sqlite import SqliteLedger
from quantumjobs.testing.emulators import (
    AqtEmulator,
    BraketEmulator,
    Fault,
    GenericEmulator,
    GenericProvider,
    OriginqEmulator,
    serve,
)
from quantumjobs.wire import secrets

pytestmark = pytest.mark.real_time
CANARY = "canary-5f1d9c0a7b42"
BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test's secrets mask would not be seen in this one: they begin with the same letters."""
    monkeypatch.setattr(secrets, "_known", WeakValueDictionary())


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    """All that is logged, by anybody, at any level."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


def places(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def check(folder: Path, *texts: str) -> None:
    found = places(folder)
    assert found
    for name, body in found.items():
        assert CANARY.encode() not in body, name
    for text in texts:
        assert CANARY not in text


async def errors_of(client: qj.Client, address: str) -> Iterator[str]:
    """What is said when the credential is refused, and when the provider is not there."""
    said = []
    try:
        await client.backend(address).run(BELL, shots=5)
    except qj.QuantumJobsError as error:
        said += ["".join(traceback.format_exception(error)), repr(error), repr(vars(error))]
    assert said
    return iter(said)


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("slot", ["settings", "environment", "dotenv"])
async def test_aqts_token_is_nowhere(
    tmp_path: Path, heard: io.StringIO, monkeypatch: pytest.MonkeyPatch, mode: Any, slot: str
) -> None:
    folder = tmp_path / "state"
    settings: dict[str, Any] = {}
    match slot:
        case "settings":
            settings["token"] = CANARY
        case "environment":
            monkeypatch.setenv("AQT_TOKEN", CANARY)
        case _:
            (tmp_path / "here").mkdir()
            (tmp_path / "here" / ".env").write_text(f"AQT_TOKEN={CANARY}\n")
            monkeypatch.chdir(tmp_path / "here")
    emulator = AqtEmulator(seed=1, token=CANARY, results="zeros")
    async with serve(emulator) as url:
        ledger = SqliteLedger(folder / "ledger.sqlite3", journal_mode=mode)
        async with qj.Client(ledger=ledger, providers={"aqt": {"url": url, **settings}}) as client:
            job = await client.backend("aqt/ws/ibex").run(BELL, shots=5, name="seen", tags=["x"])
            await job
            await job.persist(folder / "one.qjob")
            await client.export(folder / "all")
            shown = [repr(job), job.token, job._repr_html_(), repr(client), repr(job.parts)]
            check(folder, *shown)  # with the journal or the log, while the ledger is open
            emulator.tokens.expire(CANARY)
            check(folder, *(await errors_of(client, "aqt/ws/ibex")))
        check(folder, heard.getvalue())
    assert "seen" in repr(places(folder))


@pytest.mark.parametrize("slot", ["settings", "environment"])
async def test_originqs_key_is_nowhere(
    tmp_path: Path, heard: io.StringIO, monkeypatch: pytest.MonkeyPatch, slot: str
) -> None:
    folder = tmp_path / "state"
    key = f"302e0201{CANARY}/12345"
    settings: dict[str, Any] = {"api_key": key} if slot == "settings" else {}
    if slot == "environment":
        monkeypatch.setenv("ORIGIN_API_KEY", key)
    echoed = f'{{"success": false, "code": 7, "message": "bad header oqcs_auth={key}"}}'
    emulator = OriginqEmulator(token=key, results="zeros", faults=[Fault("schema", operation="submit", body=echoed)])
    async with serve(emulator) as url:
        ledger = SqliteLedger(folder / "ledger.sqlite3")
        async with qj.Client(ledger=ledger, providers={"originq": {"url": url, **settings}}) as client:
            check(folder, *(await errors_of(client, "originq/full_amplitude")))
            job = await client.backend("originq/full_amplitude").run(BELL, shots=5, name="seen")
            await job
            await job.persist(folder / "one.qjob")
            check(folder, repr(job), job.token, job._repr_html_(), repr(job.parts))
            emulator.tokens.expire(key)
            check(folder, *(await errors_of(client, "originq/full_amplitude")))
        check(folder, heard.getvalue())
    assert "seen" in repr(places(folder))


@pytest.mark.parametrize("slot", ["settings", "function", "environment", "files"])
async def test_brakets_keys_and_tokens_are_nowhere(
    tmp_path: Path, heard: io.StringIO, monkeypatch: pytest.MonkeyPatch, slot: str
) -> None:
    """The secret key, the session's token, and the token of a hybrid job, which goes in the body of each submit."""
    folder = tmp_path / "state"
    secret, session, of_job = (f"{CANARY}/{name}" for name in ("secret", "session", "job"))
    settings: dict[str, Any] = {}
    monkeypatch.setenv("AMZN_BRAKET_JOB_TOKEN", of_job)
    match slot:
        case "settings":
            settings = {"access_key_id": "AKID", "secret_access_key": secret, "session_token": session}
        case "function":
            settings["credentials"] = lambda: ("AKID", secret, session)
        case "environment":
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
            monkeypatch.setenv("AWS_SESSION_TOKEN", session)
        case _:
            lines = ("aws_access_key_id = AKID", f"aws_secret_access_key = {secret}", f"aws_session_token = {session}")
            (tmp_path / "credentials").write_text("\n".join(["[default]", *lines, ""]))
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    echoed = f'{{"message": "bad request of {session} with jobToken={of_job}, whose key is {secret}"}}'
    refusals = [
        Fault("status", operation="submit", status=400, body=echoed),
        Fault("garbage", operation="poll", body=echoed),
        Fault("schema", operation="fetch", body=echoed),
    ]
    emulator = BraketEmulator(token=f"AKID:{secret}:{session}", results="zeros", faults=refusals)
    async with serve(emulator) as url:
        emulator.hybrid.invent(lines=1, rate=1e-3, region="us-west-2").token = of_job
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        ledger = SqliteLedger(folder / "ledger.sqlite3")
        async with qj.Client(ledger=ledger, providers={"braket": {"region": "us-west-2", **settings}}) as client:
            check(folder, *(await errors_of(client, "braket/sv1")))
            job = await client.backend("braket/sv1").run(BELL, shots=5, name="seen")
            await job
            await job.persist(folder / "one.qjob")
            await client.export(folder / "all")
            shown = [repr(job), job.token, job._repr_html_(), repr(client), repr(job.parts), str(job.story)]
            check(folder, *shown, repr(await client.backend("braket/sv1").describe()))
            program = await client.hybrid_job("braket/sv1", Path(__file__).parents[2] / "examples/hybrid_job.py")
            await program
            await program.persist(folder / "program.qjob")
            told = [repr(program), program.token, str(program.snapshot), str(await program.metadata())]
            check(folder, *told, *[line.message async for line in program.logs()])
            emulator.expire_token()
            check(folder, *(await errors_of(client, "braket/sv1")))
            for ask in (program.metadata, program.metrics, program.tasks):
                with pytest.raises(qj.CredentialError) as caught:
                    await ask()
                check(folder, repr(caught.value))
        check(folder, heard.getvalue())
    assert {task.about.job_token for task in emulator.queue.jobs.values()} == {of_job}
    assert emulator.went_wrong == len(refusals)
    assert "seen" in repr(places(folder))


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_a_token_that_the_provider_echoes_is_nowhere(tmp_path: Path, heard: io.StringIO, mode: Any) -> None:
    refusal = Fault("status", operation="submit", status=400, body=f"bad request of {CANARY}")
    emulator = GenericEmulator(token=CANARY, faults=[refusal])
    async with serve(emulator) as url:
        ledger = SqliteLedger(tmp_path / "state" / "ledger.sqlite3", journal_mode=mode)
        provider = GenericProvider(url=url, token=CANARY)
        async with qj.Client(ledger=ledger, providers={"generic": provider}) as client:
            said = list(await errors_of(client, "generic/sim"))
            job = await client.backend("generic/sim").run(BELL, shots=5)
            await job
            check(tmp_path / "state", repr(provider), job.token, *said)
        check(tmp_path / "state", heard.getvalue())


def test_the_commands_do_not_say_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUANTUMJOBS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AQT_TOKEN", CANARY)
    monkeypatch.setenv("AQT_PORTAL_URL", "http://127.0.0.1:9")
    circuit = tmp_path / "bell.qasm"
    circuit.write_text(BELL)
    carry_out(["run", str(circuit), "--backend", "aqt/ws/ibex", "--timeout", "1", "--debug"])
    for command in ("jobs", "doctor", "backends"):
        carry_out([command, "--json", "--debug"])
    carry_out(["export", str(tmp_path / "state" / "out")])
    said = capfd.readouterr()
    check(tmp_path / "state", said.out, said.err)
    assert "aqt" in said.err
