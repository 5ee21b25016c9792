"""The I/O half against a table of answers: what is asked, and what is made of each answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quantumjobs.abc import Answer, CancelReply, Gone, Remote, Sending, Status, Unreadable
from quantumjobs.adapters.iqm.messages import STATES
from quantumjobs.adapters.iqm.schemas import BODY, COUNTS, JOB, PAYLOAD, SHOTS
from quantumjobs.core.records import Progress, Stamp
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from tests.adapters.iqm.station import ARCHITECTURE, CALIBRATION, ID, Station, refusal, told

S = JobState
ARTIFACTS = f"jobs/{ID}/artifacts"


def remote(**details: str) -> Remote:
    return Remote(id=ID, backend="garnet", created_at=0.0, details=details)


def sending(**details: str) -> Sending:
    return Sending(backend="garnet", payload=b"{}", token="t", first_sent_at=0.0, attempt=1, details=details)


async def looked(document: object, **details: str) -> Answer:
    async with Station({f"jobs/{ID}": document}).adapter() as adapter:
        return (await adapter.poll([remote(**details)]))[ID]


async def status_of(document: object, **details: str) -> Status:
    answer = await looked(document, **details)
    assert isinstance(answer, Status)
    return answer


# --- what there is ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "default"),
    [("garnet", None), ("8b1d9c0e-0000-4000-8000-000000000001", None), ("", "garnet")],
)
async def test_a_computer_is_described_by_alias_by_id_and_as_the_accounts_own(name: str, default: str | None):
    station = Station()
    async with station.adapter(default) as adapter:
        about = json.loads(await adapter.describe(name))
    assert (about["alias"], about["name"]) == ("garnet", "IQM Garnet")
    assert about["architecture"]["calibration_set_id"] == CALIBRATION
    assert about["architecture"]["gates"]["cz"]["implementations"] == {
        "crf": {"loci": [["QB1", "QB2"], ["QB2", "QB3"]]}
    }
    assert about["queue_length"] is None  # an older server, which does not tell
    assert len(station.requests) == 4


async def test_the_only_computer_of_a_server_needs_no_name():
    one = {"quantum_computers": [{"id": "x", "alias": "garnet"}]}
    async with Station({"quantum-computers": one}).adapter() as adapter:
        assert json.loads(await adapter.describe(""))["alias"] == "garnet"


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "the server has garnet, deneb"), ("granet", "did you mean 'garnet'"), ("mars", "known: deneb, garnet")],
)
async def test_a_computer_that_is_not_there_is_refused_with_those_that_are(name: str, words: str):
    async with Station().adapter() as adapter:
        with pytest.raises(ProviderRejected, match=words):
            await adapter.describe(name)


async def test_another_calibration_set_has_an_architecture_of_its_own():
    other = "00000000-0000-4000-8000-0000000000aa"
    answer = ARCHITECTURE | {"calibration_set_id": other, "qubits": ["QB1"]}
    station = Station({f"calibration-sets/garnet/{other}/dynamic-quantum-architecture": answer})
    async with station.adapter() as adapter:
        about = json.loads(await adapter.describe(f"garnet/{other}"))
        assert about["architecture"]["qubits"] == ["QB1"]
        with pytest.raises(ProviderRejected, match="calibration set 'none'") as caught:
            await adapter.describe("garnet/none")
    assert caught.value.error_code == "not_found"


async def test_metrics_and_the_queue_are_told_where_the_server_has_them():
    metrics = {"observations": [{"dut_field": "metrics.rb.prx.drag.QB1.fidelity", "value": 0.99}]}
    queue = {"queue_length": 3, "available": []}
    station = Station(
        {
            "calibration-sets/garnet/default/metrics": metrics,
            "quantum-computers/8b1d9c0e-0000-4000-8000-000000000001/queue-availability": queue,
        }
    )
    async with station.adapter() as adapter:
        about = json.loads(await adapter.describe("garnet"))
    assert about["errors"] == {"prx": {"QB1": 0.01}}
    assert (about["queue_length"], about["available"]) == (3, False)


@pytest.mark.parametrize("answer", [(403, refusal()), (404, b""), (200, b"<html>"), (200, {"observations": 7})])
async def test_nothing_depends_on_metrics(answer: object):
    async with Station({"calibration-sets/garnet/default/metrics": answer}).adapter() as adapter:
        assert json.loads(await adapter.describe("garnet"))["errors"] == {}


async def test_backends_are_the_aliases():
    async with Station().adapter() as adapter:
        assert await adapter.backends() == ["garnet", "deneb"]


# --- submitting -------------------------------------------------------------------------------
@pytest.mark.parametrize(("details", "timeslot"), [({}, "false"), ({"use_timeslot": "1"}, "true")])
async def test_the_answer_to_a_submit_tells_the_place_in_the_queue(details: dict[str, str], timeslot: str):
    station = Station({f"jobs/garnet/circuit?use_timeslot={timeslot}": (201, told(queue_position=2))})
    async with station.adapter() as adapter:
        accepted = await adapter.submit(sending(alias="garnet", **details))
    assert accepted.remote_id == ID
    assert accepted.status is not None
    assert (accepted.status.state, accepted.status.queue_position) == (S.QUEUED, 2)


async def test_the_id_counts_whatever_else_is_in_the_answer():
    strange = told(queue_position="first", timeline={"new": "form"}, errors="none")
    async with Station({"jobs/garnet/circuit?use_timeslot=false": strange}).adapter() as adapter:
        accepted = await adapter.submit(sending())
    assert accepted.remote_id == ID
    assert accepted.status == Status(state=S.QUEUED, raw_status="waiting")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"status": "waiting"}'])
async def test_a_submit_without_an_id_in_its_answer_is_a_doubt(body: bytes):
    async with Station({"jobs/garnet/circuit?use_timeslot=false": (200, body)}).adapter() as adapter:
        with pytest.raises(ProviderProtocolError):
            await adapter.submit(sending())


@pytest.mark.parametrize(
    ("status", "stale"), [(400, True), (403, False), (404, True), (409, True), (413, False), (422, True)]
)
async def test_a_refused_submit_says_whether_the_description_may_be_old(status: int, stale: bool):
    answer = (status, refusal("some_code", "calibration set not found"))
    async with Station({"jobs/garnet/circuit?use_timeslot=false": answer}).adapter() as adapter:
        with pytest.raises(ProviderRejected, match=r"calibration set not found \(some_code, request req-7\)") as caught:
            await adapter.submit(sending())
    assert caught.value.stale_description is stale
    assert ("circuits_per_job" in str(caught.value)) is (status == 413)


# --- looking ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("word", "state"), STATES.items())
async def test_every_word_is_a_state(word: str, state: JobState):
    status = await status_of(told(word))
    assert (status.state, status.raw_status) == (state, word)
    assert status.has_result is (state is S.COMPLETED)


async def test_an_unknown_word_is_kept_and_is_no_state():
    status = await status_of(told("recalibrating"))
    assert (status.state, status.raw_status) == (None, "recalibrating")


async def test_all_that_the_server_tells_of_a_job_is_taken():
    document = told(
        "processing",
        execution={"progress": {"circuits": {"value": 1, "max_value": 2}, "sweeps": {"value": 5, "max_value": 9}}},
        compilation={"calibration_set_id": CALIBRATION},
        timeline=[
            {"source": "iqm-server", "status": "created", "timestamp": "2026-01-01T00:00:00.500000Z"},
            {"source": "iqm-station-control", "status": "execution_started", "timestamp": "2026-01-01T01:00:01+01:00"},
            {"source": "iqm-server", "status": "odd", "timestamp": "yesterday"},
        ],
        surprise=True,
    )
    status = await status_of(document, circuits="2")
    assert status.progress == Progress(1, 2)
    assert status.timeline == (
        Stamp(1767225600.5, "created", "iqm-server"),
        Stamp(1767225601.0, "execution_started", "iqm-station-control"),
    )
    assert status.details == {}  # they change with the end only


async def test_how_far_an_attached_job_is_comes_from_the_server():
    document = told("processing", execution={"progress": {"circuits": {"value": 3, "max_value": 7}}})
    assert (await status_of(document)).progress == Progress(3, 7)
    assert (await status_of(told("processing"))).progress is None
    assert (await status_of(told("completed"), circuits="4")).progress == Progress(4, 4)


@pytest.mark.parametrize(("position", "known"), [(0, 0), (7, 7), (None, None), (-1, None)])
async def test_the_place_in_the_queue_is_the_servers_number(position: int | None, known: int | None):
    assert (await status_of(told(queue_position=position))).queue_position == known


async def test_a_failure_is_told_in_words_and_as_facts():
    errors = [
        {"message": "QB3 is not calibrated", "error_code": "bad_locus", "source": "iqm-station-control"},
        {"detail": "of an older server"},
        {"message": None},
    ]
    status = await status_of(told("failed", errors=errors))
    assert status.reason == "QB3 is not calibrated (bad_locus, iqm-station-control); of an older server; no reason"
    assert status.details == {"error_code": "bad_locus", "error_source": "iqm-station-control"}


async def test_warnings_and_the_calibration_that_was_used_are_kept_when_the_job_has_ended():
    document = told(
        "completed",
        compilation={"calibration_set_id": CALIBRATION},
        messages=[{"source": "iqm-server", "message": "hello"}, {"message": "two\nlines"}],
    )
    assert (await status_of(document)).details == {"calibration_set_id": CALIBRATION, "messages": "hello\ntwo lines"}


@pytest.mark.parametrize("status", [404, 410])
async def test_a_job_that_the_server_does_not_know_is_gone(status: int):
    answer = await looked((status, refusal("not_found", "no such job")))
    assert answer == Gone("no such job (not_found, request req-7)")


async def test_an_answer_about_another_job_is_not_believed():
    assert isinstance(await looked(told() | {"id": "another"}), Unreadable)


@pytest.mark.parametrize("status", [400, 401, 403, 409, 413, 422, 429, 500, 502, 503, 504, 520])
async def test_other_statuses_are_errors_of_this_look_only(status: int):
    with pytest.raises((ProviderRejected, ProviderUnavailable, ValueError)):
        await looked((status, refusal()))


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"id": 7, "status": "waiting"}', b'{"id": "x"}'])
async def test_an_answer_that_nobody_understands_is_told_so(body: bytes):
    with pytest.raises(ProviderProtocolError):
        await looked((200, body))


# --- results ----------------------------------------------------------------------------------
SHOWN: list[dict[str, Any]] = [{"c_1_0_0": [[0], [1]]}]
COUNTED: list[dict[str, Any]] = [{"measurement_keys": ["c_1_0_0"], "counts": {"0": 1, "1": 1}}]


@pytest.mark.parametrize(("memory", "schema"), [("0", COUNTS), ("1", SHOTS)])
async def test_the_small_artifact_is_fetched_unless_the_shots_are_wanted(memory: str, schema: str):
    station = Station({f"{ARTIFACTS}/measurements": SHOWN, f"{ARTIFACTS}/measurement_counts": COUNTED})
    async with station.adapter() as adapter:
        raw = await adapter.fetch(remote(memory=memory))
    assert raw.schema == schema
    assert json.loads(raw.blobs[BODY]) == (COUNTED if memory == "0" else SHOWN)
    assert len(station.requests) == 1
    assert JOB not in raw.blobs


async def test_a_server_without_counts_has_shots():
    async with Station({f"{ARTIFACTS}/measurements": SHOWN}).adapter() as adapter:
        assert (await adapter.fetch(remote(memory="0"))).schema == SHOTS


async def test_what_was_sent_comes_along_where_somebody_else_sent_it():
    station = Station({f"{ARTIFACTS}/measurements": SHOWN, f"jobs/{ID}/payload": {"circuits": []}})
    async with station.adapter() as adapter:
        raw = await adapter.fetch(remote(calibration_set_id=CALIBRATION))
    assert raw.schema == SHOTS
    assert json.loads(raw.blobs[PAYLOAD]) == {"circuits": []}
    assert json.loads(raw.blobs[JOB]) == {"calibration_set_id": CALIBRATION}


async def test_shots_are_readable_where_the_payload_is_gone():
    async with Station({f"{ARTIFACTS}/measurements": SHOWN}).adapter() as adapter:
        assert PAYLOAD not in (await adapter.fetch(remote())).blobs


@pytest.mark.parametrize("artifacts", [None, [{"type": "measurements"}]])
async def test_a_result_that_is_announced_and_not_there_is_asked_for_again(artifacts: object):
    station = Station({f"jobs/{ID}": told("completed", artifacts=artifacts)})
    async with station.adapter() as adapter:
        with pytest.raises(ProviderUnavailable, match="not there yet"):
            await adapter.fetch(remote(memory="0"))


@pytest.mark.parametrize("answer", [(404, refusal("not_found")), told("completed", artifacts=[])])
async def test_a_result_that_is_gone_is_given_up(answer: object):
    async with Station({f"jobs/{ID}": answer}).adapter() as adapter:
        with pytest.raises(ProviderRejected, match="no result"):
            await adapter.fetch(remote(memory="0"))


# --- cancelling -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ((204, b""), CancelReply.CONFIRMED),
        ((200, b""), CancelReply.CONFIRMED),
        ((200, told("cancelled")), CancelReply.CONFIRMED),
        ((403, refusal("illegal_job_status", "already completed")), CancelReply.TOO_LATE),
        ((404, refusal("not_found")), CancelReply.TOO_LATE),
    ],
)
async def test_a_cancel_is_taken_or_comes_too_late(answer: object, reply: CancelReply):
    station = Station({f"jobs/{ID}/cancel": answer})
    async with station.adapter() as adapter:
        assert await adapter.cancel(remote()) is reply
    assert (station.requests, station.bodies) == ([f"POST jobs/{ID}/cancel"], [b""])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((403, refusal("forbidden")), ProviderRejected),
        ((200, b"<html>login"), ProviderProtocolError),
        ((503, refusal()), ProviderUnavailable),
    ],
)
async def test_another_answer_to_a_cancel_is_no_yes(answer: object, error: type[Exception]):
    async with Station({f"jobs/{ID}/cancel": answer}).adapter() as adapter:
        with pytest.raises(error):
            await adapter.cancel(remote())


# --- ids are text, and nothing more -----------------------------------------------------------
async def test_an_id_is_one_step_of_a_path_whatever_is_in_it():
    station = Station()
    async with station.adapter() as adapter:
        await adapter.poll([Remote(id="../../about?x=1", backend="garnet", created_at=0.0)])
    assert station.requests == ["GET jobs/..%2F..%2Fabout%3Fx%3D1"]
