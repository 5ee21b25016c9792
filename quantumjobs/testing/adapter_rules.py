"""Every promise of `Provider`, `Codec` and `Adapter` in `quantumjobs.abc`, as tests."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from msgspec.structs import replace

from quantumjobs import abc
from quantumjobs.abc import Accepted, CancelReply, Gone, Provider, Remote, Request, Status
from quantumjobs.core.results import Result
from quantumjobs.core.states import TERMINAL, WATCHED, Fetch, JobState
from quantumjobs.core.traits import Findable, Idempotent, Traits
from quantumjobs.engine.codecs import prepared_here
from quantumjobs.errors import CredentialError, ProviderError, ProviderRejected, QuantumJobsError, UsageError
from quantumjobs.testing import clock
from quantumjobs.testing.bench import Bench, DoesNotApply

S = JobState
SAYABLE = WATCHED | {S.COMPLETED, S.FAILED, S.CANCELLED}
"""What a provider can report; the rest is ours to conclude."""
CAPABILITIES = (
    abc.Fetches,
    abc.Cancels,
    abc.Stages,
    abc.Finds,
    abc.Surveys,
    abc.Lists,
    abc.Logs,
    abc.Metrics,
    abc.Pools,
)
Rule = Callable[["AdapterRules", "Bench"], Coroutine[Any, Any, None]]


def rule(check: Rule) -> Callable[[AdapterRules], None]:
    """A test method that runs `check` on a fresh provider, with connections that are closed afterwards."""

    def test(self: AdapterRules) -> None:
        async def main() -> None:
            async with AsyncExitStack() as stack:
                bench = Bench(self, await self.make_provider(stack), stack)
                bench.adapter = await bench.connect()
                try:
                    await check(self, bench)
                except DoesNotApply:
                    return

        self.run(main())

    # not functools.wraps: test runners would follow it and take `bench` for a fixture
    test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
    return test


class AdapterRules:
    """Subclass and give `make_provider`, `request`, and the `backend`'s name.

    The provider should complete the request within `looks` looks, `pause` seconds apart. `secrets` are strings that
    must not be seen anywhere.
    """

    backend: str = "sim"
    looks: int = 200
    pause: float = 1.0
    secrets: tuple[str, ...] = ()
    unknown_id: str = "00000000-0000-4000-8000-000000000000"

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        """A fresh provider; what must be closed after the rule goes on the stack."""
        raise NotImplementedError

    def request(self) -> Request:
        """A request that the backend completes."""
        raise NotImplementedError

    def token(self, number: int) -> str:
        """A submit token as the engine makes them; a different one for each number."""
        return f"{number:08x}-0000-4000-8000-{number:012x}"

    def now(self) -> float:
        """Seconds since the epoch, on the clock that the provider lives by."""
        wall: Callable[[], float] = getattr(asyncio.get_running_loop(), "wall_time", time.time)
        return wall()

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run a rule: on virtual time, or with `asyncio.run` where sockets or processes are behind the provider."""
        clock.run(main)

    # --- names and data -----------------------------------------------------------------
    @rule
    async def test_the_three_parts_have_the_contracts_shape(self, bench: Bench) -> None:
        assert isinstance(bench.provider, abc.Provider)
        assert isinstance(bench.provider.codec, abc.Codec)
        assert isinstance(bench.adapter, abc.Adapter)
        for name in ("describe", "submit", "poll"):
            assert inspect.iscoroutinefunction(getattr(bench.adapter, name)), name

    @rule
    async def test_names_and_traits_are_data_and_stay_the_same(self, bench: Bench) -> None:
        provider = bench.provider
        assert provider.name
        assert provider.name == provider.name.lower()
        lane, family = provider.lane(self.backend), provider.family(self.backend)
        assert lane.startswith(provider.name)
        assert (lane, family) == (provider.lane(self.backend), provider.family(self.backend))
        assert isinstance(bench.traits, Traits)
        assert bench.traits == provider.traits(family)

    @rule
    async def test_traits_promise_nothing_that_the_adapter_lacks(self, bench: Bench) -> None:
        traits, adapter = bench.traits, bench.adapter
        assert traits.bulk >= 1
        assert traits.min_interval > 0
        assert traits.gone_after >= 1
        assert traits.gone_for >= 0
        assert traits.in_flight is None or traits.in_flight >= 1
        if traits.fetch in {Fetch.EAGER, Fetch.LAZY}:
            assert isinstance(adapter, abc.Fetches), f"{traits.fetch} needs fetch()"
        if isinstance(traits.submit, Findable):
            assert isinstance(adapter, abc.Finds), "Findable needs find()"
        if traits.holds:
            assert traits.bulk == 1, "a look that holds is about one job"
        assert getattr(adapter, "survey_from", 1) >= 1

    @rule
    async def test_a_capability_is_there_or_not_but_never_a_stub(self, bench: Bench) -> None:
        adapter: Any = bench.adapter
        for capability in CAPABILITIES:
            if isinstance(adapter, capability):
                for name in (name for name in vars(capability) if not name.startswith("_")):
                    source = _source(getattr(adapter, name))
                    assert "NotImplementedError" not in source, f"{name}() is a stub: leave it out"

    @rule
    async def test_no_secret_is_shown(self, bench: Bench) -> None:
        part = (await bench.prepare()).parts[0]
        shown = [repr(bench.provider), repr(bench.adapter), bench.provider.lane(self.backend), repr(part)]
        for secret in self.secrets:
            assert all(secret not in text for text in shown)

    # --- the codec ----------------------------------------------------------------------
    @rule
    async def test_a_codec_for_workers_can_be_made_by_its_name(self, bench: Bench) -> None:
        codec = bench.provider.codec
        assert codec.inline <= {"prepare", "decode"}
        module = importlib.import_module(type(codec).__module__)
        assert getattr(module, type(codec).__qualname__) is type(codec)
        assert isinstance(type(codec)(), abc.Codec)

    @rule
    async def test_a_description_is_the_same_bytes_each_time(self, bench: Bench) -> None:
        about = await bench.adapter.describe(self.backend)
        assert isinstance(about, bytes)
        assert about == await bench.adapter.describe(self.backend)

    @rule
    async def test_the_same_request_gives_the_same_payload(self, bench: Bench) -> None:
        about = await bench.adapter.describe(self.backend)
        codec = bench.provider.codec
        first = prepared_here(codec, self.request(), about, 11)
        assert first == prepared_here(codec, self.request(), about, 11)
        assert first == prepared_here(type(codec)(), self.request(), about, 11)

    @rule
    async def test_the_parts_stand_for_all_circuits(self, bench: Bench) -> None:
        prepared = await bench.prepare()
        request = self.request()
        assert sum(part.count for part in prepared.parts) == (
            1 if request.kind == abc.HYBRID else len(request.circuits)
        )
        assert all(part.count >= 1 for part in prepared.parts)

    @rule
    async def test_requests_and_parts_travel_to_workers(self, bench: Bench) -> None:
        request, prepared = self.request(), await bench.prepare()
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(request), type=Request) == request
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(prepared), type=abc.Prepared) == prepared

    @rule
    async def test_an_unknown_option_is_refused_before_anything_is_sent(self, bench: Bench) -> None:
        if self.request().kind == abc.HYBRID:  # whose options come with the program
            raise DoesNotApply
        bench.provider.admit(self.backend, {})
        said = ""
        try:
            bench.provider.admit(self.backend, {"no_such_option_anywhere": 1})
        except UsageError as error:
            said = str(error)
        assert "no_such_option_anywhere" in said

    # --- submit and look ----------------------------------------------------------------
    @rule
    async def test_submit_gives_an_id(self, bench: Bench) -> None:
        sent = await bench.submit()
        assert isinstance(sent.accepted, Accepted)
        assert isinstance(sent.accepted.remote_id, str)
        assert sent.accepted.remote_id
        _check(sent.accepted.status)

    @rule
    async def test_two_intents_are_two_jobs(self, bench: Bench) -> None:
        assert (await bench.submit()).remote.id != (await bench.submit()).remote.id

    @rule
    async def test_an_idempotent_resend_is_the_same_job(self, bench: Bench) -> None:
        if not isinstance(bench.traits.submit, Idempotent):
            raise DoesNotApply
        sent = await bench.submit()
        again = await bench.adapter.submit(replace(sent.sending, attempt=2))
        assert again.remote_id == sent.remote.id

    @rule
    async def test_every_look_has_an_answer_of_a_known_kind_until_the_job_completes(self, bench: Bench) -> None:
        sent = await bench.submit()
        for _ in range(self.looks):
            answers = await bench.adapter.poll([sent.remote])
            assert isinstance(answers, Mapping)
            assert all(isinstance(remote_id, str) for remote_id in answers)
            for found in answers.values():
                _check(found)
            answer = await bench.look(sent)
            if isinstance(answer, Status) and answer.state in TERMINAL:
                assert answer.state is S.COMPLETED, answer
                return
            await asyncio.sleep(self.pause)
        raise AssertionError("the job did not end")

    @rule
    async def test_an_ended_job_stays_ended(self, bench: Bench) -> None:
        sent = await bench.submit()
        ended = await bench.end_of(sent)
        for _ in range(3):
            again = await bench.look(sent)
            assert isinstance(again, Status)
            assert again.state is ended.state

    @rule
    async def test_an_unknown_job_is_an_answer_and_no_exception(self, bench: Bench) -> None:
        stranger = Remote(id=self.unknown_id, backend=self.backend, created_at=self.now())
        assert isinstance((await bench.adapter.poll([stranger])).get(self.unknown_id), Gone)

    @rule
    async def test_a_look_takes_as_many_jobs_as_promised_and_a_stranger_spoils_none(self, bench: Bench) -> None:
        count = min(bench.traits.bulk, 5)
        if count < 2:
            raise DoesNotApply
        sent = [await bench.submit() for _ in range(count - 1)]
        stranger = Remote(id=self.unknown_id, backend=self.backend, created_at=self.now())
        answers = await bench.adapter.poll([stranger, *(one.remote for one in sent)])
        for one in sent:
            assert isinstance(answers.get(one.remote.id), Status | None)

    @rule
    async def test_another_connection_knows_the_job(self, bench: Bench) -> None:
        sent = await bench.submit()
        other = await bench.connect()
        ended = await bench.end_of(sent, adapter=other)
        assert ended.state is S.COMPLETED

    @rule
    async def test_pushed_reports_are_answers_about_our_jobs(self, bench: Bench) -> None:
        sent = await bench.submit()
        await bench.end_of(sent)
        await asyncio.sleep(self.pause)
        for remote_id, answer in bench.reports:
            assert remote_id == sent.remote.id
            _check(answer)
        if bench.traits.pushes:
            assert any(isinstance(answer, Status) and answer.state in TERMINAL for _, answer in bench.reports)

    # --- results ------------------------------------------------------------------------
    @rule
    async def test_a_finished_job_has_one_entry_for_each_circuit(self, bench: Bench) -> None:
        sent = await bench.submit()
        ended = await bench.end_of(sent)
        if bench.traits.fetch is not Fetch.INLINE:
            assert ended.has_result or ended.result is not None
        raw = await bench.raw_of(sent, ended)
        assert raw.schema
        if self.request().kind == abc.HYBRID:
            raise DoesNotApply
        result = bench.provider.codec.decode(raw, sent.part.layout)
        assert isinstance(result, Result)
        assert len(result) == sent.part.count
        assert all(entry.error is None for entry in result)
        again = type(bench.provider.codec)().decode(raw, sent.part.layout)
        assert again.to_bytes() == result.to_bytes()

    @rule
    async def test_what_a_program_saved_is_plain_json_by_name(self, bench: Bench) -> None:
        if self.request().kind != abc.HYBRID:
            raise DoesNotApply
        sent = await bench.submit()
        raw = await bench.raw_of(sent, await bench.end_of(sent))
        assert isinstance(bench.provider.codec, abc.Programs)
        values = bench.provider.codec.values(raw)
        assert values
        for name, body in values.items():
            assert isinstance(name, str)
            assert msgspec.json.encode(msgspec.json.decode(body))

    @rule
    async def test_without_a_layout_a_result_is_read_as_far_as_it_goes(self, bench: Bench) -> None:
        if self.request().kind == abc.HYBRID:  # which has none
            raise DoesNotApply
        sent = await bench.submit()
        raw = await bench.raw_of(sent, await bench.end_of(sent))
        try:
            result = bench.provider.codec.decode(raw, None)
        except QuantumJobsError:
            return  # said so, in words of ours
        assert isinstance(result, Result)

    @rule
    async def test_a_result_can_be_fetched_twice_and_a_strangers_is_refused(self, bench: Bench) -> None:
        adapter = bench.needs(abc.Fetches)
        sent = await bench.submit()
        ended = await bench.end_of(sent)
        if ended.has_result:
            assert await adapter.fetch(sent.remote) == await adapter.fetch(sent.remote)
        stranger = Remote(id=self.unknown_id, backend=self.backend, created_at=self.now())
        try:
            await adapter.fetch(stranger)
        except ProviderRejected:
            return
        raise AssertionError("the result of an unknown job was fetched")

    # --- capabilities -------------------------------------------------------------------
    @rule
    async def test_a_cancel_that_comes_too_late_is_an_answer(self, bench: Bench) -> None:
        adapter = bench.needs(abc.Cancels)
        sent = await bench.submit()
        await bench.end_of(sent)
        stranger = Remote(id=self.unknown_id, backend=self.backend, created_at=self.now())
        for remote in (sent.remote, stranger):
            reply = await adapter.cancel(remote)
            if reply is CancelReply.CONFIRMED:  # a provider that says yes to both: the look that follows tells
                answer = (await bench.adapter.poll([remote]))[remote.id]
                assert isinstance(answer, Gone) or (isinstance(answer, Status) and answer.state is S.COMPLETED)
            else:
                assert reply in {CancelReply.TOO_LATE, CancelReply.REFUSED}

    @rule
    async def test_a_cancel_in_time_has_an_answer_and_the_job_ends(self, bench: Bench) -> None:
        adapter = bench.needs(abc.Cancels)
        sent = await bench.submit()
        reply = await adapter.cancel(sent.remote)
        assert isinstance(reply, CancelReply)
        again = await adapter.cancel(replace(sent.remote, cancel_wanted=True))
        assert isinstance(again, CancelReply)
        ended = await bench.end_of(sent)
        if reply is CancelReply.CONFIRMED:
            no_word = bench.traits.failed_after_cancel_is_cancelled
            assert ended.state in ({S.CANCELLED, S.FAILED} if no_word else {S.CANCELLED})

    @rule
    async def test_a_job_is_found_by_its_token_and_others_are_not(self, bench: Bench) -> None:
        adapter = bench.needs(abc.Finds)
        sent = await bench.submit()
        if isinstance(bench.traits.submit, Findable):
            await asyncio.sleep(bench.traits.submit.settle)
        assert list(await adapter.find(sent.sending)) == [sent.remote.id]
        assert list(await adapter.find(bench.sending(sent.part))) == []

    @rule
    async def test_staging_may_be_repeated(self, bench: Bench) -> None:
        adapter = bench.needs(abc.Stages)
        sending = bench.sending((await bench.prepare()).parts[0])
        await adapter.stage(sending)
        await adapter.stage(sending)
        assert (await bench.adapter.submit(sending)).remote_id

    @rule
    async def test_dropped_connections_are_made_anew(self, bench: Bench) -> None:
        adapter = bench.needs(abc.Pools)
        sent = await bench.submit()
        await adapter.drop_connections()
        await bench.end_of(sent)

    @rule
    async def test_a_survey_gives_hints_and_no_exceptions(self, bench: Bench) -> None:
        adapter = bench.needs(abc.Surveys)
        sent = await bench.submit()
        stranger = Remote(id=self.unknown_id, backend=self.backend, created_at=self.now())
        for _ in range(3):
            async for page in _survey(adapter, [sent.remote, stranger]):
                for answer in page.answers.values():
                    _check(answer)
                    assert not isinstance(answer, Status) or answer.hint, "a survey may lag: its words are hints"
                    assert not isinstance(answer, Gone), "a survey may lag: what it does not know may be there"
            await asyncio.sleep(self.pause)

    @rule
    async def test_a_survey_has_pages_that_come_to_an_end_and_tell_of_the_jobs(self, bench: Bench) -> None:
        adapter = bench.needs(abc.Surveys)
        assert 1 <= adapter.worth <= adapter.per_page
        sent = [await bench.submit() for _ in range(3)]
        for _ in range(self.looks):
            told: set[str] = set()
            async for page in _survey(adapter, [one.remote for one in sent]):
                assert len(page.answers) <= adapter.per_page
                told |= page.answers.keys()
            if told >= {one.remote.id for one in sent}:
                return
            await asyncio.sleep(self.pause)
        raise AssertionError("no survey mentioned all jobs")

    @rule
    async def test_listed_backends_are_names(self, bench: Bench) -> None:
        names = await bench.needs(abc.Lists).backends()
        assert all(isinstance(name, str) and name for name in names)

    # --- manners ------------------------------------------------------------------------
    @rule
    async def test_an_unknown_backend_is_an_error_of_the_provider(self, bench: Bench) -> None:
        try:
            about = await bench.adapter.describe("no-such-backend-anywhere")
        except (ProviderError, CredentialError, UsageError):
            return
        assert isinstance(about, bytes)

    @rule
    async def test_an_adapter_keeps_nothing_about_jobs(self, bench: Bench) -> None:
        async def rounds(count: int) -> int:
            for _ in range(count):
                sent = await bench.submit()
                await bench.end_of(sent)
                await asyncio.sleep(self.pause)
            return sum(len(value) for value in _attributes(bench.adapter) if isinstance(value, dict | list | set))

        before = await rounds(2)
        assert await rounds(6) <= before + 2, "something grows with every job"


async def _survey(adapter: abc.Surveys, jobs: Sequence[Remote]) -> AsyncIterator[abc.Surveyed]:
    """Its pages."""
    after = ""
    seen: set[str] = set()
    while True:
        page = await adapter.survey(jobs, after)
        assert isinstance(page, abc.Surveyed)
        assert all(isinstance(remote_id, str) for remote_id in page.answers)
        yield page
        after = page.after
        if not after:
            return
        assert after not in seen, "the page after this one is one of those before it"
        seen.add(after)


def _check(answer: object) -> None:
    """One of the known kinds, with a state that a provider can know."""
    if answer is None or isinstance(answer, Gone | abc.LookCloser | abc.Unreadable):
        return
    assert isinstance(answer, Status), answer
    if answer.state is None:
        assert answer.raw_status, "an unknown word must be shown"
    else:
        assert answer.state in SAYABLE, f"a provider cannot know {answer.state}"
    if answer.progress is not None:
        assert 0 <= answer.progress.done <= answer.progress.total


def _attributes(thing: object) -> list[Any]:
    return list(getattr(thing, "__dict__", {}).values())


def _source(function: object) -> str:
    try:
        return inspect.getsource(function)  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""
