"""The generic service's adapter: the public rules in each submit class, and the whole way through a client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from quantumjobs import Client, abc
from quantumjobs.abc import Accepted, CancelReply, Circuit, Gone, Part, Provider, Raw, Remote, Request, Sending
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable, Unknown
from quantumjobs.errors import (
    CredentialError,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
    SubmissionUncertain,
    UsageError,
)
from quantumjobs.testing.adapter_rules import AdapterRules
from quantumjobs.testing.emulators import Fault, GenericEmulator, GenericProvider, serve
from quantumjobs.testing.emulators.generic import counts
from quantumjobs.testing.emulators.generic_adapter import FindingAdapter, GenericAdapter
from quantumjobs.testing.emulators.generic_codec import SCHEMA, GenericCodec

real_time = pytest.mark.real_time
CANARY = "canary-5f2b9c"
BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
ABOUT = b'{"name":"sim"}'


class Rules(AdapterRules):
    pause = 0.05
    secrets = (CANARY,)
    submit: Any = "unknown"

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        url = await stack.enter_async_context(serve(GenericEmulator(queue=0.15)))
        return GenericProvider(url=url, token=CANARY, submit=self.submit, settle=0.2)

    def request(self) -> Request:
        return Request(backend=self.backend, circuits=(Circuit("qasm", BELL.encode()),) * 2, shots=20)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.run(main)


class TestUnknown(Rules):
    pass


class TestIdempotent(Rules):
    submit = "idempotent"


class TestFindable(Rules):
    submit = "findable"


class TestRerunnable(Rules):
    submit = "rerunnable"


@asynccontextmanager
async def connected(emulator: GenericEmulator, **settings: Any) -> AsyncIterator[Any]:
    async with serve(emulator) as url:
        provider = GenericProvider(**{"url": url, "token": CANARY, **settings})
        async with provider.connect(provider.lane("sim"), lambda *_: None) as adapter:
            yield adapter


def sending(token: str = "t", shots: int = 20, attempt: int = 1) -> Sending:
    request = Request(backend="sim", circuits=(Circuit("qasm", BELL.encode()),), shots=shots)
    (part,) = GenericCodec().prepare(request, ABOUT, seed=1).parts
    return Sending(backend="sim", payload=part.payload, token=token, first_sent_at=0.0, attempt=attempt)


def remote(accepted: Accepted | str) -> Remote:
    return Remote(id=accepted if isinstance(accepted, str) else accepted.remote_id, backend="sim", created_at=0.0)


# --- names and data ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("submit", "declared", "finds"),
    [
        ("idempotent", Idempotent(60.0), False),
        ("findable", Findable(3.0), True),
        ("rerunnable", Rerunnable(2), False),
        ("unknown", Unknown(), False),
    ],
)
@real_time
async def test_the_submit_class_is_declared_and_what_it_lacks_is_not_there(submit, declared, finds):
    settings = {"submit": submit, "window": 60.0, "settle": 3.0, "attempts": 2}
    provider = GenericProvider(url="http://127.0.0.1:1", token="T", **settings)
    assert provider.traits(provider.family("sim")).submit == declared
    async with connected(GenericEmulator(), **settings) as adapter:
        assert isinstance(adapter, abc.Finds) is finds
        assert type(adapter) is (FindingAdapter if finds else GenericAdapter)


def test_a_lane_is_an_origin_and_an_account_and_never_a_secret():
    one = GenericProvider(url="http://127.0.0.1:1/", token=CANARY)
    assert one.lane("sim") == "generic:http://127.0.0.1:1:default"
    assert GenericProvider(url="http://127.0.0.1:1", token="other").lane("sim") == one.lane("sim")
    assert GenericProvider(url="http://127.0.0.1:1", token=CANARY, account="b").lane("sim") != one.lane("sim")
    assert CANARY not in repr(one)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"submit": "idempotant"}, "did you mean 'idempotent'"),
        ({"fetch": Fetch.INLINE}, "EAGER or LAZY"),
        ({"url": "http://example.org"}, "in clear"),
    ],
)
def test_wrong_settings_are_told_at_once(settings, said):
    with pytest.raises(UsageError, match=said):
        GenericProvider(**{"url": "http://127.0.0.1:1", "token": "T", **settings})


@pytest.mark.parametrize("backend", ["", "a/b"])
def test_a_backend_has_one_name(backend):
    with pytest.raises(UsageError, match="write generic/<backend>"):
        GenericProvider(url="http://127.0.0.1:1", token="T").admit(backend, {})


# --- the codec --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"memory": True}, "no memory"),
        ({"shots": 1_000_001}, "shots=1000001"),
        ({"circuits": ()}, "0 circuits"),
        ({"circuits": (Circuit("qasm", b"x"),) * 51}, "51 circuits"),
        ({"circuits": (Circuit("pickle", b"x", "circuits[0]"),)}, r"circuits\[0\]: .*not a circuit as pickle"),
    ],
)
def test_what_the_service_would_not_take_is_told_before_it_is_sent(fields, said):
    request = {"backend": "sim", "circuits": (Circuit("qasm", b"x"),)} | fields
    with pytest.raises(UsageError, match=said):
        GenericCodec().prepare(Request(**request), ABOUT, seed=1)


def test_text_stays_text_and_bytes_go_in_base64():
    circuits = (Circuit("qasm", b"OPENQASM 3;"), Circuit("qpy", b"QISKIT\x00\xff"))
    (part,) = GenericCodec().prepare(Request(backend="sim", circuits=circuits), ABOUT, seed=1).parts
    assert part == Part(
        payload=b'{"backend":"sim","shots":100,"circuits":[{"form":"qasm","body":"OPENQASM 3;"},'
        b'{"form":"qpy","body":"UUlTS0lUAP8="}]}',
        layout=b"2",
        count=2,
    )


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (Raw("other/1", {"body": b"{}"}), "schema 'other/1'"),
        (Raw(SCHEMA, {"body": b"{"}), "not what was expected"),
        (Raw(SCHEMA, {"body": b'{"id":"a","shots":1,"counts":[{"00":1},{"00":1}]}'}), "2 circuits, and 1 were sent"),
        (Raw(SCHEMA, {"body": b'{"id":"a","shots":1,"counts":[{"zero":1}]}'}), "counts that are none"),
        (Raw(SCHEMA, {"body": b'{"id":"a","shots":1,"counts":[{"00":-1}]}'}), "counts that are none"),
    ],
)
def test_a_result_that_is_none_is_an_error_of_the_provider(raw, said):
    with pytest.raises(ProviderProtocolError, match=said):
        GenericCodec().decode(raw, b"1")


# --- submits ----------------------------------------------------------------------------
@real_time
@pytest.mark.parametrize(("submit", "jobs"), [("idempotent", 1), ("rerunnable", 1), ("findable", 2), ("unknown", 2)])
async def test_our_token_is_always_told_and_a_key_only_where_it_is_meant(submit, jobs):
    emulator = GenericEmulator()
    async with connected(emulator, submit=submit) as adapter:
        accepted = [await adapter.submit(sending("mine")) for _ in range(2)]
    assert emulator.posts == {"mine": 2}
    assert emulator.made == {"mine": list(dict.fromkeys(one.remote_id for one in accepted))}
    assert len(emulator.made["mine"]) == jobs


@real_time
@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (Fault("status", operation="submit", status=429), False),
        (Fault("status", operation="submit", status=503, retry_after=2), False),
        (Fault("status", operation="submit", status=503), True),
        (Fault("status", operation="submit", status=500), True),
        (Fault("reset", operation="submit"), True),
        (Fault("reset", operation="submit", after=True), True),
        (Fault("cut", operation="submit"), True),
    ],
)
async def test_only_a_proof_makes_a_submit_not_sent_and_nothing_is_sent_twice(fault, sent):
    emulator = GenericEmulator(faults=[fault])
    async with connected(emulator) as adapter:
        with pytest.raises(ProviderUnavailable) as caught:
            await adapter.submit(sending())
    assert caught.value.sent is sent
    assert caught.value.retry_after == fault.retry_after
    assert emulator.posts == {"t": 1}


@real_time
async def test_nobody_there_is_a_proof():
    async with serve(GenericEmulator()) as url:
        pass
    provider = GenericProvider(url=url, token=CANARY)
    async with provider.connect(provider.lane("sim"), lambda *_: None) as adapter:
        with pytest.raises(ProviderUnavailable) as caught:
            await adapter.submit(sending())
    assert caught.value.sent is False


@real_time
async def test_garbage_after_a_submit_is_no_answer():
    async with connected(GenericEmulator(faults=[Fault("schema", operation="submit", after=True)])) as adapter:
        with pytest.raises(ProviderProtocolError, match="the answer to the submit"):
            await adapter.submit(sending())


@real_time
async def test_a_refused_credential_is_told_without_it_and_an_empty_one_before_the_first_request():
    emulator = GenericEmulator(token="the other one")
    async with connected(emulator) as adapter:
        for request in (adapter.submit(sending()), adapter.poll([remote("a")]), adapter.describe("sim")):
            with pytest.raises(CredentialError) as caught:
                await request
            assert CANARY not in str(caught.value)
    assert emulator.jobs == {}
    with pytest.raises(CredentialError, match="which is empty"):
        async with connected(emulator, token=""):
            raise AssertionError


@real_time
async def test_a_backend_that_moved_is_described_anew():
    async with connected(GenericEmulator(backends=("other",))) as adapter:
        assert await adapter.backends() == ["other"]
        with pytest.raises(ProviderRejected) as caught:
            await adapter.submit(sending())
        assert caught.value.stale_description is True


# --- looks, results, cancels ------------------------------------------------------------
@real_time
async def test_many_jobs_are_one_request():
    emulator = GenericEmulator()
    async with connected(emulator) as adapter:
        jobs = [remote(await adapter.submit(sending(str(n)))) for n in range(20)]
        answers = await adapter.poll([*jobs, remote("never given")])
    assert emulator.requests["look"] == 1
    assert isinstance(answers.pop("never given"), Gone)
    assert {answer.state for answer in answers.values()} == {JobState.COMPLETED}
    assert answers.keys() == {job.id for job in jobs}


@real_time
async def test_an_id_is_one_step_of_a_path():
    emulator = GenericEmulator()
    async with connected(emulator) as adapter:
        for strange in ("../backends", "..", "a?token=t", "a/result", "%2e%2e"):
            assert isinstance((await adapter.poll([remote(strange)]))[strange], Gone)
            with pytest.raises(ProviderRejected):
                await adapter.fetch(remote(strange))
            assert await adapter.cancel(remote(strange)) is CancelReply.TOO_LATE
    assert emulator.requests.keys() <= {"look", "result", "cancel"}


@real_time
async def test_a_result_too_early_or_of_a_cancelled_job_is_refused():
    async with connected(GenericEmulator(queue=60)) as adapter:
        job = remote(await adapter.submit(sending()))
        for code in ("409", "410"):
            with pytest.raises(ProviderRejected) as caught:
                await adapter.fetch(job)
            assert caught.value.code == code
            assert await adapter.cancel(job) is CancelReply.CONFIRMED


@real_time
async def test_a_running_job_is_asked_to_stop():
    async with connected(GenericEmulator(duration=60)) as adapter:
        job = remote(await adapter.submit(sending()))
        async with asyncio.timeout(10):
            while (await adapter.poll([job]))[job.id].state is not JobState.RUNNING:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert await adapter.cancel(job) is CancelReply.ACCEPTED
        found = (await adapter.poll([job]))[job.id]
        assert (found.state, found.raw_status) == (JobState.CANCELLING, "stopping")


# --- through a client -------------------------------------------------------------------
def client_of(url: str, submit: Any, **settings: Any) -> Client:
    provider = GenericProvider(url=url, token=CANARY, submit=submit, min_interval=0.05, **settings)
    return Client(ledger="memory", providers={"generic": provider})


@real_time
@pytest.mark.parametrize("fetch", [Fetch.EAGER, Fetch.LAZY])
async def test_a_job_goes_the_whole_way_and_its_result_is_fetched_once(fetch):
    emulator = GenericEmulator(queue=0.1)
    async with serve(emulator) as url, client_of(url, "unknown", fetch=fetch) as client:
        assert "generic/sim" in await client.backends()
        job = await client.backend("generic/sim").run([BELL, BELL], shots=50)
        result = await job
        assert [entry.counts for entry in result] == [counts(BELL, 50)] * 2
        await job
    assert emulator.requests["result"] == 1
    assert emulator.posts.keys() == emulator.made.keys()
    assert emulator.posts.total() == 1


@real_time
@pytest.mark.parametrize("submit", ["idempotent", "findable"])
async def test_a_lost_reply_makes_no_second_job_where_that_can_be_known(submit):
    emulator = GenericEmulator(faults=[Fault("reset", operation="submit", after=True)])
    async with serve(emulator) as url, client_of(url, submit, settle=0.5) as client:
        job = await client.backend("generic/sim").run(BELL, shots=50)
        await job
    assert [len(made) for made in emulator.made.values()] == [1]
    assert emulator.posts.total() == (2 if submit == "idempotent" else 1)


@real_time
async def test_a_lost_request_is_sent_again_after_a_search_that_found_nothing():
    emulator = GenericEmulator(faults=[Fault("reset", operation="submit")])
    async with serve(emulator) as url, client_of(url, "findable", settle=0.3) as client:
        await (await client.backend("generic/sim").run(BELL))
    assert [len(made) for made in emulator.made.values()] == [1]
    assert emulator.posts.total() == 2


@real_time
async def test_a_lost_reply_is_the_users_affair_where_nothing_can_be_known():
    emulator = GenericEmulator(faults=[Fault("reset", operation="submit", after=True)])
    async with serve(emulator) as url, client_of(url, "unknown") as client:
        with pytest.raises(SubmissionUncertain):
            await client.backend("generic/sim").run(BELL)
    assert emulator.posts.total() == 1
