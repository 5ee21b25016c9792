"""Jobs as files: whole or not at all, checked when read, and never able to run code here."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from qiskit import QuantumCircuit, qpy

import quantumjobs as qj
from quantumjobs.abc import Change, Circuit, Request
from quantumjobs.adapters.aer.codec import AerCodec
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.core.records import Handle, JobRecord, Line, Link, ResultRef
from quantumjobs.core.states import TERMINAL, JobState
from quantumjobs.engine import portable
from quantumjobs.engine.barred import NEEDS_PICKLE, barred
from quantumjobs.engine.bodies import decode_request, digest, encode_request
from quantumjobs.engine.portable import Carried, pack, read, write
from quantumjobs.errors import JobLost, UsageError
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.testing.fake import FakeProvider
from quantumjobs.workers import aer
from tests.engine.helpers import BELL, client_on

S = JobState
CODECS: dict[str, Any] = {"aer": AerCodec(), "aqt": AqtCodec()}


def vouched(record: JobRecord, what: str, body: bytes) -> bool:
    codec = CODECS.get(record.provider)
    return codec is not None and codec.is_plain(what, body)


def taken(carried: Carried) -> Carried:
    return barred(carried, at=9.0, is_plain=vouched, rerunnable=lambda record: record.provider == "aer")


def sample(**changes: Any) -> Carried:
    """A job of two parts, whose bodies are texts."""
    bodies = {digest(body): body for body in (b"request", b"payload", b"layout", b"result")}
    ask, payload, layout, result = bodies
    records = tuple(
        JobRecord(
            id=name * 32,
            provider="acme",
            lane="acme:https://example.org:me",
            backend="sim",
            family="f",
            payload=payload,
            layout=layout,
            created_at=1_767_225_600.123456,
            circuits=3,
            **{
                "state": S.COMPLETED,
                "remote_id": "remote/1",
                "result": ResultRef("raw/1", {"body": result}),
                "has_result": True,
                "story": (Line(1.0, "Reported", S.RUNNING, S.COMPLETED, "\u00fc"),),
                **changes,
            },
        )
        for name in "ab"
    )
    handle = Handle(
        id="c" * 32,
        address="acme/sim",
        links=(Link("a" * 32, 0, 3), Link("b" * 32, 1, 2)),
        created_at=2.0,
        request=ask,
        key="mine",
        tags=("first",),
        options={"shots": 7},
    )
    return Carried(handle, records, bodies)


async def kept(carried: Carried) -> MemoryLedger:
    """A ledger with the job in it."""
    ledger = MemoryLedger()
    changes = [Change(record=replace(record, version=0, fence=0)) for record in carried.records]
    await ledger.commit(changes, handles=(carried.handle,), blobs=carried.blobs)
    return ledger


def line_of(carried: Carried) -> bytes:
    return msgspec.json.encode(carried)


def file_of(*lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in (portable.header("1.2.3"), *lines))


# --- out and in -------------------------------------------------------------------------
async def test_what_is_written_is_what_is_read(tmp_path):
    ledger, before = await kept(sample()), sample()
    path = tmp_path / "jobs.jsonl"
    write(path, [await pack(ledger, before.handle)] * 2, version="1.2.3")
    assert list(read(path)) == [before, before]
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["jobs.jsonl"]


async def test_a_person_can_read_and_search_it(tmp_path):
    carried = sample()
    path = tmp_path / "jobs.jsonl"
    write(path, [await pack(await kept(carried), carried.handle)], version="1.2.3")
    first, second = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(first) == {"quantumjobs-export": 1, "version": "1.2.3"}
    assert json.loads(second)["records"][0]["state"] == "completed"
    assert '"remote_id":"remote/1"' in second
    assert base64.b64encode(b"payload").decode() in second


async def test_bodies_that_are_no_longer_kept_are_said_to_be_gone():
    carried = sample()
    ledger = await kept(replace(carried, blobs={}))
    (read_back,) = read(file_of(await pack(ledger, carried.handle)))
    assert read_back.blobs == {}
    assert read_back.handle.request == ""
    assert {(one.payload, one.layout, one.result) for one in read_back.records} == {("", "", None)}
    assert all("no longer kept" in one.result_gone for one in read_back.records)


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "jobs.jsonl"
    write(path, [b"{}"], version="before")

    def lines():
        yield b"{}"
        raise OSError("no space left")

    before = path.read_bytes()
    with pytest.raises(OSError, match="no space"):
        write(path, lines(), version="after")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["jobs.jsonl"]


def test_a_link_in_the_place_of_the_file_is_replaced_not_followed(tmp_path):
    other = tmp_path / "other"
    other.write_text("theirs")
    (tmp_path / "jobs.jsonl").symlink_to(other)
    write(tmp_path / "jobs.jsonl", [], version="1")
    assert other.read_text() == "theirs"
    assert not (tmp_path / "jobs.jsonl").is_symlink()


# --- what is refused --------------------------------------------------------------------
def test_other_files_are_refused_by_name(tmp_path):
    for body in (b"", b"\n", b"SQLite format 3\0", b'{"a": 1}', b"[]", b"\xff\xfe", b'{"quantumjobs-export": "1"}'):
        path = tmp_path / "it"
        path.write_bytes(body)
        with pytest.raises(UsageError, match=r"it, line 1: not a file of exported quantumjobs"):
            list(read(path))
    with pytest.raises(UsageError, match="missing: cannot be read"):
        list(read(tmp_path / "missing"))
    with pytest.raises(UsageError, match="cannot be read"):
        list(read(tmp_path))


def test_a_file_of_a_newer_version_says_so():
    with pytest.raises(UsageError, match=r"line 1: written by a newer version, '9\.1'.*update quantumjobs"):
        list(read(b'{"quantumjobs-export": 2, "version": "9.1", "more": []}\n'))
    with pytest.raises(UsageError, match="format 0"):
        list(read(b'{"quantumjobs-export": 0}\n'))


def test_a_job_that_was_attached_and_whose_circuits_nobody_knows_is_carried():
    record = replace(sample().records[0], circuits=0, payload="", layout="", result=None, has_result=False)
    handle = replace(sample().handle, request="", links=(Link(record.id, 0, 0),))
    carried = Carried(handle, (record,), {})
    assert list(read(file_of(line_of(carried)))) == [carried]


def test_unknown_fields_of_a_later_release_are_passed_over():
    line = json.loads(line_of(sample()))
    line["handle"]["later"] = line["later"] = 1
    assert list(read(file_of(json.dumps(line).encode()))) == [sample()]


def test_what_is_too_big_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(portable, "MOST_LINE", 100)
    with pytest.raises(UsageError, match="line 2: larger than the limit of 100 bytes"):
        list(read(file_of(line_of(sample()))))


def test_jobs_before_a_damaged_line_are_still_read():
    lines = read(file_of(line_of(sample()), line_of(sample())[:-50]))
    assert next(lines) == sample()
    with pytest.raises(UsageError, match="the export, line 3: damaged"):
        next(lines)


def changed(**places: Any) -> dict[str, Any]:
    """The sample as plain data, with one value changed: `handle__links=…`."""
    data = json.loads(line_of(sample()))
    for place, value in places.items():
        *way, last = place.split("__")
        inner = data
        for step in way:
            inner = inner[int(step) if step.isdigit() else step]
        inner[int(last) if last.isdigit() else last] = value
    return data


OTHER = base64.b64encode(b"other").decode()
ASK = sample().handle.request
WRONG = {
    "id of a job": changed(records__0__id="../../etc/passwd"),
    "id of the handle": changed(handle__id="DEADBEEF"),
    "the same job twice": changed(records__1__id="a" * 32),
    "a link to nowhere": changed(handle__links=[["d" * 32, 0, 1]]),
    "no link": changed(handle__links=[]),
    "a record that nothing refers to": changed(handle__links=[["a" * 32, 0, 3]]),
    "a link beyond the record": changed(handle__links__0=["a" * 32, 1, 3]),
    "a link before the record": changed(handle__links__0=["a" * 32, -1, 3]),
    "a link of less than nothing": changed(handle__links__0=["a" * 32, 1, -1]),
    "another body": changed(**{f"blobs__{ASK}": OTHER}),
    "a missing body": changed(blobs={}),
    "a body under a path": changed(handle__request="../x", **{"blobs__../x": OTHER}),
    "no base64": changed(**{f"blobs__{ASK}": "?"}),
    "an unknown state": changed(records__0__state="paid"),
    "a text for a number": changed(records__0__attempts="1"),
    "a negative number": changed(records__0__attempts=-1),
    "a long reason": changed(records__0__reason="x" * 100_000),
    "long details": changed(records__0__details={str(number): "x" * 100 for number in range(1000)}),
    "long options": changed(handle__options={"x": ["y" * 100] * 1000}),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_line_that_cannot_be_ours_is_refused_with_its_place(name):
    with pytest.raises(UsageError, match="the export, line 2: damaged"):
        list(read(file_of(json.dumps(WRONG[name]).encode())))


def test_bodies_that_nothing_names_are_not_taken():
    extra = changed(**{f"blobs__{digest(b'other')}": OTHER})
    assert list(read(file_of(json.dumps(extra).encode()))) == [sample()]


LINE = line_of(sample())


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(LINE) - 1), st.binary(max_size=3)), min_size=1, max_size=4))
def test_a_damaged_line_is_refused_or_its_bodies_are_untouched(edits):
    line = bytearray(LINE)
    for place, piece in edits:
        line[place : place + 1] = piece
    found = []
    with suppress(UsageError):
        found = list(read(file_of(bytes(line))))
    assert all(digest(body) == name for one in found for name, body in one.blobs.items())


# --- nothing in it runs -----------------------------------------------------------------
class Canary:
    """Whoever unpickles this leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "ran"
    body = pickle.dumps(Canary(path))
    pickle.loads(body)
    assert path.exists()  # it is alive
    path.unlink()
    yield body
    assert not path.exists(), "a pickle from a file was loaded"


def qpy_of(version: int | None = None) -> bytes:
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    file = io.BytesIO()
    qpy.dump(circuit, file)
    body = bytearray(file.getvalue())
    if version is not None:
        body[6] = version
    return bytes(body)


def task(*items: aer.Item, noise: bytes = b"", **options: Any) -> bytes:
    known = {"method": "automatic", "max_parallel_threads": 1, **options}
    return msgspec.msgpack.encode(aer.Task(items=items, shots=10, seed=1, options=known, noise=noise))


PLAIN = aer.Item("qpy", qpy_of(), 0.01)


def crafted(payload: bytes, *, circuits: tuple[Circuit, ...] = (), provider: str = "aer", **fields: Any) -> Carried:
    """One job that says whatever its author likes; its payload is also its layout, and its result."""
    request = encode_request(Request(backend="", circuits=circuits, blobs={"noise_model": payload}))
    bodies = {digest(body): body for body in (request, payload)}
    record = JobRecord(
        id="a" * 32,
        provider=provider,
        lane="aer:local:",
        backend="",
        family="local",
        payload=digest(payload),
        layout=digest(payload),
        result=ResultRef("aer/1", {"outcome": digest(payload)}),
        has_result=True,
        created_at=1.0,
        **{"state": S.FAILED, **fields},
    )
    handle = Handle(
        id="a" * 32, address="aer", links=(Link("a" * 32, 0, 1),), created_at=1.0, request=digest(request), key="k"
    )
    return next(iter(read(file_of(line_of(Carried(handle, (record,), bodies))))))


def dangers(body: bytes) -> dict[str, bytes]:
    return {
        "a pickled circuit": task(aer.Item("pickle", body, 0.01)),
        "a pickled circuit among others": task(PLAIN, PLAIN, aer.Item("pickle", body, 0.01), PLAIN),
        "a noise model": task(PLAIN, noise=body),
        "a pickle that calls itself QPY": task(aer.Item("qpy", body, 0.01)),
        "QPY of a format that can run code": task(aer.Item("qpy", qpy_of(12), 0.01)),
        "a pickle behind another beginning": task(aer.Item("qpy", b"XXXXXX\xff" + body, 0.01)),
        "QPY that is to be unpickled": task(aer.Item("pickle", qpy_of(), 0.01)),
        "an option that is not Aer's but ours": task(PLAIN, time_limit=1.0),
        "an unknown form": task(aer.Item("Pickle", body, 0.01)),
        "a noise model among the options": task(PLAIN, noise_model=body),
        "an option that names a library": task(PLAIN, library_dir="/tmp"),
        "an option of another type": task(PLAIN, method=["statevector"]),
        "fields twice": b"\x86"
        + task(PLAIN, noise=b"")[1:]
        + msgspec.msgpack.encode("noise")
        + msgspec.msgpack.encode(body),
        "a pickle": body,
        "nothing": b"",
    }


@pytest.mark.parametrize("name", dangers(b""))
def test_a_payload_with_anything_but_plain_circuits_and_options_goes(canary, name):
    body = dangers(canary)[name]
    carried = taken(crafted(body))
    (record,) = carried.records
    assert record.payload == ""
    assert record.layout in ("", digest(b""))
    assert record.result == ResultRef("aer/1", {"outcome": digest(body)})  # raw results are never unpickled
    assert record.state is S.FAILED


def test_a_plain_payload_stays_and_runs():
    carried = taken(crafted(task(PLAIN)))
    payload = carried.blobs[carried.records[0].payload]
    assert aer.simulate(payload, lambda _: None)


def test_what_nobody_vouches_for_goes(canary):
    for provider in ("acme", "aqt", "aqt:lab2"):
        (record,) = taken(crafted(task(PLAIN), provider=provider)).records
        assert (record.payload, record.layout) == ("", "")


def test_payloads_and_layouts_of_aqt_stay():
    request = Request(backend="b", circuits=(Circuit("qpy", qpy_of()),))
    about = b'{"workspace": "w", "resource": "r", "qubits": 5}'
    (part,) = AqtCodec().prepare(request, about, seed=0).parts
    assert AqtCodec().is_plain("payload", part.payload)
    assert AqtCodec().is_plain("layout", part.layout)
    assert not AqtCodec().is_plain("payload", part.layout)
    assert not AqtCodec().is_plain("layout", part.payload)


async def test_pickled_circuits_are_struck_out_of_the_request_and_missed_by_name(canary):
    given_circuits = (
        Circuit("pickle", canary, "circuits[0]"),
        Circuit("PICKLE", canary, "circuits[1]"),
        Circuit("qasm", b"OPENQASM 2.0;", "circuits[2]"),
    )
    carried = taken(crafted(canary, circuits=given_circuits))
    asked = decode_request(carried.blobs[carried.handle.request])
    assert [(one.form, one.label) for one in asked.circuits] == [
        ("barred", "circuits[0]"),
        ("barred", "circuits[1]"),
        ("qasm", "circuits[2]"),
    ]
    assert asked.blobs == {}
    async with client_on(FakeProvider(), ledger=await kept(carried)) as client:
        job = await client.job("a" * 32)
        with pytest.raises(UsageError, match=r"circuits\[0\]: it was a pickle, which is never read"):
            await job.circuits()


def test_a_request_that_cannot_be_read_is_not_taken(canary):
    carried = crafted(canary)
    assert taken(replace(carried, handle=replace(carried.handle, request=digest(canary)))).handle.request == ""


# --- nothing in it spends ---------------------------------------------------------------
@pytest.mark.parametrize("state", sorted(S))
def test_what_may_have_been_sent_elsewhere_is_in_doubt_and_all_else_stays(state):
    unsent = state in (S.CREATED, S.SUBMITTING, S.IN_DOUBT)
    remote_id = None if unsent else "remote-1"
    before = sample(state=state, remote_id=remote_id, cancel_wanted=True)
    after = taken(before)
    for record in after.records:
        assert record.state is (S.IN_DOUBT if unsent else state)
        assert not record.cancel_wanted
        assert (record.story[-1].event == "imported") is unsent
        assert record.doubtful is unsent
    assert after.handle.key is None


@pytest.mark.parametrize("state", sorted(set(S) - TERMINAL))
def test_a_live_simulation_goes_on_from_a_plain_payload_only(canary, state):
    (fine,) = taken(crafted(task(PLAIN), state=state)).records
    assert fine.state is state
    (ended,) = taken(crafted(task(PLAIN, noise=canary), state=state)).records
    assert (ended.state, ended.reason) == (S.LOST, NEEDS_PICKLE)
    assert ended.story[-1].event == "imported"


# --- in a client ------------------------------------------------------------------------
async def exported(ledger: Any, job_id: str) -> Carried:
    line = await pack(ledger, await ledger.handle(job_id))
    return taken(next(iter(read(file_of(line)))))


async def test_a_finished_job_has_its_result_in_another_ledger():
    here = MemoryLedger()
    async with client_on(FakeProvider(), ledger=here) as client:
        job = await client.backend("fake/sim").run(BELL, tags=["first"], shots=7)
        counts = (await job).counts
        carried = await exported(here, job.id)
    async with client_on(FakeProvider(), ledger=await kept(carried)) as client:
        again = await client.job(job.id)
        assert (await again).counts == counts
        assert (again.tags, again.options["shots"]) == (("first",), 7)


@pytest.mark.real_time
async def test_simulations_run_again_from_a_file_unless_they_need_a_pickle(tmp_path):
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["x"])
    saving = QuantumCircuit(1)
    saving.save_statevector()
    plain = QuantumCircuit(1, 1)
    plain.h(0)
    plain.measure(0, 0)
    here = MemoryLedger()
    async with qj.Client(ledger=here) as client:
        backend = client.backend("aer")
        jobs = [await backend.run(plain), await backend.run(plain, noise_model=noise), await backend.run(saving)]
        results = await asyncio.gather(*jobs)
        carried = [await exported(here, job.id) for job in jobs]
    assert [bool(one.records[0].payload) for one in carried] == [True, False, False]

    # The same jobs, as a process left them that died while they ran.
    lines = []
    for job in jobs:
        line = msgspec.json.decode(await pack(here, await here.handle(job.id)), type=Carried)
        live = replace(line.records[0], state=S.RUNNING, result=None, has_result=False)
        lines.append(line_of(Carried(line.handle, (live,), line.blobs)))
    write(tmp_path / "jobs", lines, version="1")
    left = [taken(one) for one in read(tmp_path / "jobs")]
    ledger = MemoryLedger()
    for one in left:
        fresh = [Change(record=replace(record, version=0)) for record in one.records]
        await ledger.commit(fresh, handles=(one.handle,), blobs=one.blobs)
    async with qj.Client(ledger=ledger) as client:
        again = [await client.job(job.id) for job in jobs]
        assert (await again[0]).counts == results[0].counts  # the same seed
        for job in again[1:]:
            with pytest.raises(JobLost, match="pickle"):
                await job
        with pytest.raises(UsageError, match="pickle"):
            await again[2].circuits()
