"""Every promise of `quantumjobs.abc.Ledger`, as tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from quantumjobs.abc import Change, Ledger
from quantumjobs.core.events import (
    AnyEvent,
    CancelRequested,
    Reported,
    ResultKept,
    SubmitAccepted,
    SubmitStarted,
)
from quantumjobs.core.records import Handle, JobRecord, Line, Link, Progress, ResultRef
from quantumjobs.core.states import JobState
from quantumjobs.errors import KeyConflict, LedgerConflict, LedgerError, LedgerWriteError
from quantumjobs.testing import clock

S = JobState
Rule = Callable[["LedgerRules", Ledger], Coroutine[Any, Any, None]]


def rule(check: Rule) -> Callable[[LedgerRules], None]:
    """A test method that runs `check` on a fresh ledger and closes it."""

    def test(self: LedgerRules) -> None:
        async def main() -> None:
            ledger = await self.make_ledger()
            try:
                await check(self, ledger)
            finally:
                await ledger.aclose()

        self.run(main())

    # not functools.wraps: test runners would follow it and take `ledger` for a fixture
    test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
    return test


class LedgerRules:
    """Subclass and give `make_ledger`; also `reopen`, where the ledger outlives its object.

    And `beside`, where several objects may stand on one store.
    """

    async def make_ledger(self) -> Ledger:
        """A fresh, empty ledger."""
        raise NotImplementedError

    async def reopen(self, ledger: Ledger) -> Ledger:
        """Close the ledger and open what it left behind; the rule closes what is returned here."""
        return ledger

    async def beside(self, ledger: Ledger) -> Ledger | None:
        """A second object on the same store, closed by the rule; None, where there can be none: such rules then pass."""
        del ledger
        return None

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run a rule: on virtual time, or with `asyncio.run` for ledgers that use threads or sockets."""
        clock.run(main)

    # --- records ------------------------------------------------------------------------
    @rule
    async def test_a_new_record_is_there_after_its_commit(self, ledger: Ledger) -> None:
        record = job("a")
        await ledger.commit([Change(record=record)])
        assert await ledger.record("a") == record

    @rule
    async def test_every_field_comes_back_as_it_was_given(self, ledger: Ledger) -> None:
        record, handle = full_record("a"), full_handle("h", "a")
        await ledger.commit([Change(record=record)], handles=[handle])
        held = await ledger.record("a")
        assert held == record
        assert (held.details, held.story, held.result) == (record.details, record.story, record.result)
        assert await ledger.handle("h") == handle

    @rule
    async def test_what_was_committed_is_there_for_the_next_owner(self, ledger: Ledger) -> None:
        record, handle = full_record("a"), full_handle("h", "a")
        await ledger.commit([Change(record=record, event=started())], handles=[handle], blobs={digest(b"x"): b"x"})
        again = await self.reopen(ledger)
        try:
            assert await again.record("a") == record
            assert await again.handle("h") == handle
            assert await again.by_key("key-h") == handle
            assert await again.blob(digest(b"x")) == b"x"
            assert [(job_id, event) for _, job_id, event in await again.events()] == [("a", started())]
        finally:
            await again.aclose()

    @rule
    async def test_the_next_version_replaces_the_held_one(self, ledger: Ledger) -> None:
        first = job("a")
        await ledger.commit([Change(record=first)])
        second = after(first, state=S.SUBMITTING)
        await ledger.commit([Change(record=second, event=started())])
        assert await ledger.record("a") == second

    @rule
    async def test_a_new_record_may_have_any_version(self, ledger: Ledger) -> None:
        record = replace(job("a"), version=7)
        await ledger.commit([Change(record=record)])
        assert await ledger.record("a") == record

    @rule
    async def test_a_version_that_does_not_follow_is_refused(self, ledger: Ledger) -> None:
        held = replace(job("a"), version=5)
        await ledger.commit([Change(record=held)])
        for version in (0, 4, 5, 7, 100):
            await raises(
                LedgerConflict, ledger.commit([Change(record=replace(held, version=version), event=started())])
            )
        assert await ledger.record("a") == held
        assert await ledger.events() == []

    @rule
    async def test_an_older_fence_is_refused_and_a_newer_one_takes_over(self, ledger: Ledger) -> None:
        held = replace(job("a"), fence=3)
        await ledger.commit([Change(record=held)])
        await raises(LedgerConflict, ledger.commit([Change(record=after(held, fence=2), event=started())]))
        assert await ledger.record("a") == held
        same = after(held)
        await ledger.commit([Change(record=same, event=started())])
        taken = after(same, fence=4)
        await ledger.commit([Change(record=taken, event=started())])
        await raises(LedgerConflict, ledger.commit([Change(record=after(taken, fence=3), event=started())]))
        assert await ledger.record("a") == taken

    @rule
    async def test_of_two_writers_one_wins(self, ledger: Ledger) -> None:
        held = job("a")
        await ledger.commit([Change(record=held)])
        rivals = [after(held, reason=str(n)) for n in range(8)]
        outcomes = await asyncio.gather(
            *(ledger.commit([Change(record=rival, event=started())]) for rival in rivals), return_exceptions=True
        )
        winners = [rival for rival, outcome in zip(rivals, outcomes, strict=True) if outcome is None]
        assert len(winners) == 1
        assert all(isinstance(outcome, LedgerConflict) for outcome in outcomes if outcome is not None)
        assert await ledger.record("a") == winners[0]
        assert len(await ledger.events()) == 1

    @rule
    async def test_one_commit_may_move_a_record_twice(self, ledger: Ledger) -> None:
        first = job("a")
        second = after(first, state=S.SUBMITTING)
        third = after(second, state=S.QUEUED)
        await ledger.commit(
            [Change(record=first), Change(record=second, event=started()), Change(record=third, event=accepted())]
        )
        assert await ledger.record("a") == third
        assert [event for _, _, event in await ledger.events()] == [started(), accepted()]
        await raises(LedgerConflict, ledger.commit([Change(record=after(third)), Change(record=after(third))]))
        assert await ledger.record("a") == third

    @rule
    async def test_many_jobs_at_once_do_not_get_in_each_others_way(self, ledger: Ledger) -> None:
        records = [job(f"job-{n}") for n in range(50)]
        await asyncio.gather(*(ledger.commit([Change(record=record)]) for record in records))
        await asyncio.gather(*(ledger.commit([Change(record=after(record), event=started())]) for record in records))
        for record in records:
            assert await ledger.record(record.id) == after(record)
        assert sorted(job_id for _, job_id, _ in await ledger.events()) == sorted(record.id for record in records)

    @rule
    async def test_an_empty_commit_is_harmless(self, ledger: Ledger) -> None:
        await ledger.commit([])
        assert await ledger.events() == []

    # --- all or nothing -----------------------------------------------------------------
    @rule
    async def test_a_refused_change_leaves_nothing_of_its_commit(self, ledger: Ledger) -> None:
        held = job("held")
        await ledger.commit([Change(record=held)])
        good = Change(record=after(held), event=started())
        bad = Change(record=replace(held, version=9), event=started())
        fresh = Change(record=job("fresh"))
        for changes in ([good, fresh, bad], [bad, good, fresh]):
            body = str(changes).encode()
            handle = full_handle("h", "fresh")
            await raises(LedgerConflict, ledger.commit(changes, handles=[handle], blobs={digest(body): body}))
            assert await ledger.record("held") == held
            await raises(LedgerError, ledger.record("fresh"))
            await raises(LedgerError, ledger.handle("h"))
            await raises(LedgerError, ledger.blob(digest(body)))
            assert await ledger.by_key("key-h") is None
            assert await ledger.events() == []
            assert [record.id for record in await ledger.unsettled()] == ["held"]

    @rule
    async def test_a_taken_key_leaves_nothing_of_its_commit(self, ledger: Ledger) -> None:
        first, second = full_handle("h1", "a", key="k"), full_handle("h2", "b", key="k")
        await ledger.commit([Change(record=job("a"))], handles=[first])
        error = await raises(
            KeyConflict, ledger.commit([Change(record=job("b"))], handles=[second], blobs={digest(b"b"): b"b"})
        )
        assert error.key == "k"
        assert error.job_id == "h1"
        assert await ledger.by_key("k") == first
        await raises(LedgerError, ledger.record("b"))
        await raises(LedgerError, ledger.handle("h2"))
        await raises(LedgerError, ledger.blob(digest(b"b")))

    @rule
    async def test_two_new_handles_of_one_commit_cannot_share_a_key(self, ledger: Ledger) -> None:
        handles = [full_handle("h1", "a", key="k"), full_handle("h2", "a", key="k")]
        await raises(KeyConflict, ledger.commit([Change(record=job("a"))], handles=handles))
        assert await ledger.by_key("k") is None
        await raises(LedgerError, ledger.record("a"))

    @rule
    async def test_of_two_handles_with_one_key_one_wins(self, ledger: Ledger) -> None:
        handles = [full_handle(f"h{n}", f"j{n}", key="k") for n in range(8)]
        outcomes = await asyncio.gather(
            *(ledger.commit([Change(record=job(f"j{n}"))], handles=[handle]) for n, handle in enumerate(handles)),
            return_exceptions=True,
        )
        assert sum(outcome is None for outcome in outcomes) == 1
        assert sum(isinstance(outcome, KeyConflict) for outcome in outcomes) == 7
        assert await ledger.by_key("k") == handles[outcomes.index(None)]
        assert len(await ledger.handles()) == 1
        assert len(await ledger.unsettled()) == 1

    @rule
    async def test_a_cancelled_commit_is_whole_or_not_there(self, ledger: Ledger) -> None:
        for turns in range(6):
            name = f"j{turns}"
            task = asyncio.ensure_future(
                ledger.commit([Change(record=job(name))], handles=[full_handle(f"h{turns}", name)])
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # a later commit has to wait for whatever is still being written
            await ledger.commit([Change(record=job(f"next-{turns}"))])
            there = [record.id for record in await ledger.unsettled()]
            assert (name in there) == (f"h{turns}" in [handle.id for handle in await ledger.handles()])

    # --- handles ------------------------------------------------------------------------
    @rule
    async def test_a_handle_is_found_by_its_key(self, ledger: Ledger) -> None:
        handle = full_handle("h", "a", key="mine")
        await ledger.commit([Change(record=job("a"))], handles=[handle])
        assert await ledger.by_key("mine") == handle
        assert await ledger.by_key("other") is None

    @rule
    async def test_handles_without_a_key_do_not_conflict(self, ledger: Ledger) -> None:
        handles = [replace(full_handle(f"h{n}", "a"), key=None) for n in range(3)]
        await ledger.commit([Change(record=job("a"))], handles=handles)
        assert len(await ledger.handles()) == 3

    @rule
    async def test_a_held_handle_may_be_committed_again_with_its_key(self, ledger: Ledger) -> None:
        handle = full_handle("h", "a", key="k")
        await ledger.commit([Change(record=job("a"))], handles=[handle])
        longer = replace(handle, links=(Link("a", 0, 1), Link("b", 1, 1)))
        await ledger.commit([Change(record=job("b"))], handles=[longer])
        assert await ledger.handle("h") == longer
        assert await ledger.by_key("k") == longer
        assert list(await ledger.handles()) == [longer]

    @rule
    async def test_handles_come_newest_first(self, ledger: Ledger) -> None:
        times = {"h1": 30.0, "h2": 10.0, "h3": 20.0}
        handles = [replace(full_handle(name, "a"), created_at=at) for name, at in times.items()]
        await ledger.commit([Change(record=job("a"))], handles=handles)
        assert [handle.id for handle in await ledger.handles()] == ["h1", "h3", "h2"]

    @rule
    async def test_handles_are_chosen_by_time_and_tag(self, ledger: Ledger) -> None:
        handles = [
            replace(full_handle(f"h{n}", "a"), created_at=float(n), tags=("even", f"n{n}") if n % 2 == 0 else ("odd",))
            for n in range(6)
        ]
        await ledger.commit([Change(record=job("a"))], handles=handles)
        assert [handle.id for handle in await ledger.handles(since=4.0)] == ["h5", "h4"]
        assert [handle.id for handle in await ledger.handles(tag="even")] == ["h4", "h2", "h0"]
        assert [handle.id for handle in await ledger.handles(tag="even", since=2.0)] == ["h4", "h2"]
        assert list(await ledger.handles(tag="eve")) == []
        assert list(await ledger.handles(since=9.0)) == []

    # --- looking things up --------------------------------------------------------------
    @rule
    async def test_records_come_in_the_order_of_the_ids(self, ledger: Ledger) -> None:
        held = {name: job(name) for name in "abcde"}
        await ledger.commit([Change(record=record) for record in held.values()])
        assert list(await ledger.records(["d", "x", "a", "c"])) == [held["d"], held["a"], held["c"]]
        assert list(await ledger.records([])) == []
        assert list(await ledger.records(["x"])) == []

    @rule
    async def test_a_handle_is_found_by_any_remote_id_of_its_records(self, ledger: Ledger) -> None:
        records = [
            replace(job("a"), remote_id="r1", extra_ids=("r2", "r3")),
            replace(job("b"), remote_id="r1", lane="fake:x:another"),
            job("c"),
        ]
        handles = [full_handle("ha", "a"), full_handle("hb", "b"), full_handle("hc", "c")]
        await ledger.commit([Change(record=record) for record in records], handles=handles)
        for remote_id in ("r1", "r2", "r3"):
            assert await ledger.by_remote("fake:x:y", remote_id) == handles[0]
        assert await ledger.by_remote("fake:x:another", "r1") == handles[1]
        assert await ledger.by_remote("fake:x:another", "r2") is None
        assert await ledger.by_remote("fake:x:y", "r4") is None

    @rule
    async def test_a_remote_id_is_found_once_it_is_known_and_as_long_as_it_is_the_jobs(self, ledger: Ledger) -> None:
        first, handle = job("a"), full_handle("h", "a")
        await ledger.commit([Change(record=first)], handles=[handle])
        assert await ledger.by_remote("fake:x:y", "remote-1") is None
        second = after(first, state=S.QUEUED, remote_id="remote-1")
        await ledger.commit([Change(record=second, event=accepted())])
        assert await ledger.by_remote("fake:x:y", "remote-1") == handle
        third = after(second, remote_id="remote-2", extra_ids=("remote-1",))
        await ledger.commit([Change(record=third, event=started())])
        assert await ledger.by_remote("fake:x:y", "remote-1") == handle
        assert await ledger.by_remote("fake:x:y", "remote-2") == handle
        await ledger.commit([Change(record=after(third, extra_ids=()), event=started())])
        assert await ledger.by_remote("fake:x:y", "remote-1") is None

    @rule
    async def test_of_several_handles_on_one_remote_job_the_newest_is_found(self, ledger: Ledger) -> None:
        times = {"h1": 10.0, "h2": 30.0, "h3": 20.0}
        handles = [replace(full_handle(name, "b"), created_at=at) for name, at in times.items()]
        lonely = replace(job("a"), remote_id="r1")  # the same remote job, and no handle
        await ledger.commit([Change(record=lonely), Change(record=replace(lonely, id="b"))], handles=handles)
        found = await ledger.by_remote("fake:x:y", "r1")
        assert found is not None
        assert found.id == "h2"

    # --- blobs --------------------------------------------------------------------------
    @rule
    async def test_blobs_come_back_byte_by_byte(self, ledger: Ledger) -> None:
        bodies = [b"", b"\x00\xff", "\u00fc\n".encode(), bytes(range(256)) * 400, b"x" * 3_000_000]
        await ledger.commit([], blobs={digest(body): body for body in bodies})
        for body in bodies:
            assert await ledger.blob(digest(body)) == body

    @rule
    async def test_the_same_blob_may_be_given_again(self, ledger: Ledger) -> None:
        for name in ("a", "b"):
            record = replace(job(name), payload=digest(b"shared"))
            await ledger.commit([Change(record=record)], blobs={digest(b"shared"): b"shared"})
        assert await ledger.blob(digest(b"shared")) == b"shared"

    @rule
    async def test_a_result_is_there_with_the_event_that_brought_it(self, ledger: Ledger) -> None:
        ref = ResultRef("raw/1", {"result": digest(b"counts")})
        first = job("a")
        done = after(first, state=S.COMPLETED, has_result=True, result=ref)
        await ledger.commit([Change(record=first)])
        await ledger.commit(
            [Change(record=done, event=ResultKept(at=1.0, ref=ref))], blobs={digest(b"counts"): b"counts"}
        )
        held = await ledger.record("a")
        assert held.result is not None
        assert await ledger.blob(held.result.blobs["result"]) == b"counts"

    @rule
    async def test_what_is_not_there_is_an_error(self, ledger: Ledger) -> None:
        for question in (ledger.record("x"), ledger.handle("x"), ledger.blob(digest(b"x"))):
            await raises(LedgerError, question)

    # --- what is left to do -------------------------------------------------------------
    @rule
    async def test_unsettled_are_the_live_and_those_whose_result_is_not_kept(self, ledger: Ledger) -> None:
        ref = ResultRef("raw/1", {})
        live = [replace(job(state.value), state=state) for state in S if not state.is_terminal]
        ended = replace(job("x"), state=S.COMPLETED, has_result=True)
        records = [
            *live,
            replace(ended, id="to fetch"),
            replace(ended, id="failed, to fetch", state=S.FAILED),
            replace(ended, id="kept", result=ref),
            replace(ended, id="gone", result_gone="404"),
            replace(ended, id="lazy", lazy=True),
            replace(ended, id="rejected", state=S.REJECTED, has_result=False),
        ]
        await ledger.commit([Change(record=record) for record in records])
        expected = {record.id: record for record in records if not record.settled}
        assert set(expected) == {*(state.value for state in S if not state.is_terminal), "to fetch", "failed, to fetch"}
        assert {record.id: record for record in await ledger.unsettled()} == expected

    @rule
    async def test_a_job_leaves_the_unsettled_when_its_result_is_kept(self, ledger: Ledger) -> None:
        first = job("a")
        await ledger.commit([Change(record=first)])
        done = after(first, state=S.COMPLETED, has_result=True)
        await ledger.commit([Change(record=done, event=reported(S.COMPLETED))])
        assert [record.id for record in await ledger.unsettled()] == ["a"]
        kept = after(done, result=ResultRef("raw/1", {}))
        await ledger.commit([Change(record=kept, event=ResultKept(at=1.0, ref=ResultRef("raw/1", {})))])
        assert list(await ledger.unsettled()) == []
        assert await ledger.record("a") == kept

    # --- events -------------------------------------------------------------------------
    @rule
    async def test_events_come_in_the_order_of_their_commits(self, ledger: Ledger) -> None:
        records = {name: job(name) for name in ("a", "b")}
        await ledger.commit([Change(record=record) for record in records.values()])
        expected: list[tuple[str, AnyEvent]] = []
        for n in range(10):
            name = "ab"[n % 2]
            records[name] = after(records[name])
            event = SubmitStarted(at=float(n))
            await ledger.commit([Change(record=records[name], event=event)])
            expected.append((name, event))
        events = await ledger.events()
        assert [(job_id, event) for _, job_id, event in events] == expected
        cursors = [cursor for cursor, _, _ in events]
        assert cursors == sorted(set(cursors))
        assert cursors[0] > 0

    @rule
    async def test_events_go_on_after_a_cursor(self, ledger: Ledger) -> None:
        record = job("a")
        await ledger.commit([Change(record=record)])
        for n in range(9):
            record = after(record)
            await ledger.commit([Change(record=record, event=SubmitStarted(at=float(n)))])
        seen: list[float] = []
        cursor = 0
        while page := await ledger.events(after=cursor, limit=4):
            assert len(page) <= 4
            seen += [event.at for _, _, event in page]
            cursor = page[-1][0]
        assert seen == [float(n) for n in range(9)]
        assert list(await ledger.events(after=cursor)) == []
        await ledger.commit([Change(record=after(record), event=CancelRequested(at=99.0))])
        assert [event for _, _, event in await ledger.events(after=cursor)] == [CancelRequested(at=99.0)]

    @rule
    async def test_events_keep_their_facts(self, ledger: Ledger) -> None:
        facts: Sequence[AnyEvent] = (
            accepted(),
            Reported(
                at=2.5,
                state=S.RUNNING,
                raw_status="working",
                progress=Progress(1, 3),
                eta=9.0,
                details={"a": "b"},
                result=ResultRef("raw/1", {"x": "y"}),
                hint=True,
            ),
        )
        record = job("a")
        changes = [Change(record=record)]
        for event in facts:
            record = after(record)
            changes.append(Change(record=record, event=event))
        await ledger.commit(changes)
        assert tuple(event for _, _, event in await ledger.events()) == facts

    # --- owners -------------------------------------------------------------------------
    @rule
    async def test_what_a_closed_ledger_left_unsettled_belongs_to_nobody(self, ledger: Ledger) -> None:
        live, settled = job("live"), replace(job("settled"), state=S.FAILED)
        await ledger.commit([Change(record=live), Change(record=settled)])
        again = await self.reopen(ledger)
        try:
            assert list(await again.orphans()) == [live]
        finally:
            await again.aclose()

    @rule
    async def test_what_was_taken_over_is_no_orphan_once_it_is_settled(self, ledger: Ledger) -> None:
        first = job("a")
        await ledger.commit([Change(record=first)])
        again = await self.reopen(ledger)
        try:
            taken = after(first, fence=first.fence + 1)
            await again.commit([Change(record=taken)])
            await again.commit([Change(record=after(taken, state=S.CANCELLED), event=started())])
            assert list(await again.orphans()) == []
        finally:
            await again.aclose()

    @rule
    async def test_a_living_owners_records_are_no_orphans_for_others(self, ledger: Ledger) -> None:
        other = await self.beside(ledger)
        if other is None:
            return
        try:
            first = job("a")
            await ledger.commit([Change(record=first)])
            assert list(await other.orphans()) == []
            assert list(await ledger.orphans()) == []
            same_fence = after(first)
            await other.commit([Change(record=same_fence, event=started())])  # it stays the first one's
            await ledger.aclose()
            assert list(await other.orphans()) == [same_fence]
            await other.commit([Change(record=after(same_fence, fence=1))])
            assert list(await other.orphans()) == []
        finally:
            await other.aclose()

    @rule
    async def test_who_lost_a_record_cannot_write_it_any_more(self, ledger: Ledger) -> None:
        other = await self.beside(ledger)
        if other is None:
            return
        try:
            first = job("a")
            await ledger.commit([Change(record=first)])
            taken = after(first, fence=1)
            await other.commit([Change(record=taken)])
            await raises(LedgerConflict, ledger.commit([Change(record=after(first), event=started())]))
            await raises(LedgerConflict, ledger.commit([Change(record=after(taken, fence=0), event=started())]))
            assert await ledger.record("a") == taken
        finally:
            await other.aclose()

    @rule
    async def test_ones_own_changes_are_not_others(self, ledger: Ledger) -> None:
        cursor, changed = await ledger.others(after=0)
        assert list(changed) == []
        record = job("a")
        await ledger.commit([Change(record=record)])
        for n in range(3):
            record = after(record)
            await ledger.commit([Change(record=record, event=SubmitStarted(at=float(n)))])
            later, changed = await ledger.others(after=cursor)
            assert list(changed) == []
            assert later > cursor
            assert list(await ledger.events(after=later)) == []
            cursor = later
        assert await ledger.others(after=cursor) == (cursor, changed)

    @rule
    async def test_what_others_change_is_told_once_and_as_it_is_now(self, ledger: Ledger) -> None:
        other = await self.beside(ledger)
        if other is None:
            return
        try:
            names = ("mine", "theirs", "both")
            held = {name: job(name) for name in names}
            await ledger.commit([Change(record=record) for record in held.values()])
            cursor, _ = await ledger.others(after=0)
            for name, author in (("mine", ledger), ("theirs", other), ("both", other), ("both", ledger)):
                held[name] = after(held[name])
                await author.commit([Change(record=held[name], event=started())])
            cursor, changed = await ledger.others(after=cursor)
            assert sorted(changed, key=lambda record: record.id) == [held["both"], held["theirs"]]
            assert await ledger.others(after=cursor) == (cursor, [])
            taken = after(held["mine"], fence=1)
            await other.commit([Change(record=taken)])  # without an event: a takeover
            cursor, changed = await ledger.others(after=cursor)
            assert list(changed) == [taken]
        finally:
            await other.aclose()

    @rule
    async def test_a_key_that_another_object_took_is_taken(self, ledger: Ledger) -> None:
        other = await self.beside(ledger)
        if other is None:
            return
        try:
            commits = [
                author.commit([Change(record=job(f"j{n}"))], handles=[full_handle(f"h{n}", f"j{n}", key="k")])
                for n, author in enumerate((ledger, other))
            ]
            outcomes = await asyncio.gather(*commits, return_exceptions=True)
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["KeyConflict", "NoneType"]
            assert await ledger.by_key("k") == await other.by_key("k")
        finally:
            await other.aclose()

    # --- forgetting ---------------------------------------------------------------------
    @rule
    async def test_a_removed_handle_takes_with_it_what_nobody_else_refers_to(self, ledger: Ledger) -> None:
        bodies = {name: name.encode() * 100 for name in ("payload", "layout", "request", "result")}
        await _finished(ledger, "a", bodies, key="k")
        assert await ledger.remove(["h-a"]) == sum(map(len, bodies.values()))
        await raises(LedgerError, ledger.handle("h-a"))
        await raises(LedgerError, ledger.record("a"))
        for body in bodies.values():
            await raises(LedgerError, ledger.blob(digest(body)))
        assert await ledger.by_key("k") is None
        assert await ledger.by_remote("fake:x:y", "remote-a") is None
        assert list(await ledger.handles()) == []
        assert list(await ledger.handles(tag="one")) == []
        assert await ledger.remove(["h-a"]) == 0
        await _finished(ledger, "a", bodies, key="k")  # its names are free again
        assert await ledger.by_key("k") == await ledger.handle("h-a")

    @rule
    async def test_what_another_handle_refers_to_stays(self, ledger: Ledger) -> None:
        shared = {"payload": b"payload", "layout": b"layout" * 20_000}
        own = {name: {**shared, "request": f"asked {name}".encode(), "result": b"the same"} for name in "ab"}
        for name, bodies in own.items():
            await _finished(ledger, name, bodies)
        again = replace(full_handle("h-again", "a"), created_at=9.0)
        await ledger.commit([], handles=[again])
        assert await ledger.remove(["h-a"]) == len(own["a"]["request"])
        assert (await ledger.record("a")).state is S.COMPLETED
        assert await ledger.by_remote("fake:x:y", "remote-a") == again
        assert await ledger.remove(["h-again"]) == 0
        await raises(LedgerError, ledger.record("a"))
        for body in own["b"].values():
            assert await ledger.blob(digest(body)) == body
        assert await ledger.remove(["h-b", "unknown"]) == sum(map(len, own["b"].values()))

    @rule
    async def test_a_handle_with_something_left_to_do_is_not_removed(self, ledger: Ledger) -> None:
        await ledger.commit(
            [Change(record=job("live")), Change(record=replace(job("done"), state=S.CANCELLED))],
            handles=[full_handle("h", "done", "live")],
        )
        to_fetch = replace(job("fetch"), state=S.COMPLETED, has_result=True)
        await ledger.commit([Change(record=to_fetch)], handles=[full_handle("h2", "fetch")])
        assert await ledger.remove(["h", "h2"]) == 0
        assert {handle.id for handle in await ledger.handles()} == {"h", "h2"}
        assert len(await ledger.records(["live", "done", "fetch"])) == 3
        await ledger.commit([Change(record=after(job("live"), state=S.CANCELLED), event=started())])
        await ledger.remove(["h", "h2"])
        assert [handle.id for handle in await ledger.handles()] == ["h2"]
        assert await ledger.records(["live", "done"]) == []

    # --- closing ------------------------------------------------------------------------
    @rule
    async def test_closing_twice_is_harmless(self, ledger: Ledger) -> None:
        await ledger.commit([Change(record=job("a"))])
        await ledger.aclose()
        await ledger.aclose()

    @rule
    async def test_after_closing_a_commit_is_written_or_refused_aloud(self, ledger: Ledger) -> None:
        await ledger.aclose()
        try:
            await ledger.commit([Change(record=job("a"))])
        except LedgerWriteError:
            return
        assert await ledger.record("a") == job("a")


# --- material ---------------------------------------------------------------------------
def digest(body: bytes) -> str:
    """A blob's name."""
    return sha256(body).hexdigest()


def job(name: str) -> JobRecord:
    """A new record."""
    return JobRecord(
        id=name, provider="fake", lane="fake:x:y", backend="sim", family="f", payload="", layout="", created_at=1.0
    )


def after(record: JobRecord, **changes: Any) -> JobRecord:
    """The record's next version."""
    return replace(record, version=record.version + 1, **changes)


def full_record(name: str) -> JobRecord:
    """A record with something in every field."""
    return JobRecord(
        id=name,
        provider="fake",
        lane="fake:https://example.org:me",
        backend="sim/\u00fc",
        family="f",
        payload=digest(b"payload"),
        layout=digest(b"layout"),
        created_at=1_767_225_600.123456,
        circuits=3,
        state=S.FAILED,
        attempts=2,
        sent_at=1.5,
        accepted_at=2.5,
        doubtful=True,
        remote_id="remote-1",
        extra_ids=("remote-2", "remote-3"),
        details={"bucket": "x", "\u00e4": "\n"},
        raw_status="ended badly",
        queue_position=0,
        progress=Progress(1, 3),
        eta=3.25,
        reason="because",
        trouble="a word",
        gone_count=1,
        gone_since=2.75,
        cancel_wanted=True,
        cancels_sent=1,
        has_result=True,
        result=ResultRef("raw/1", {"result": digest(b"result")}),
        result_gone="not really",
        lazy=True,
        story=(Line(1.0, "SubmitStarted", S.CREATED, S.SUBMITTING, "note"), Line(2.0, "Reported", S.QUEUED, S.FAILED)),
        version=17,
        fence=4,
    )


def full_handle(name: str, *jobs: str, key: str | None = None) -> Handle:
    """A handle with something in every field, over records of one circuit each."""
    return Handle(
        id=name,
        address="fake/sim",
        links=tuple(Link(job_id, n, 1) for n, job_id in enumerate(jobs)),
        created_at=5.0,
        intent="intent",
        request="",
        key=key or f"key-{name}",
        kind="circuits",
        name="a name",
        tags=("one", "two"),
        single=True,
    )


def started() -> SubmitStarted:
    return SubmitStarted(at=1.0)


def accepted() -> SubmitAccepted:
    return SubmitAccepted(at=2.0, remote_id="remote-1")


def reported(state: JobState) -> Reported:
    return Reported(at=3.0, state=state, has_result=True)


async def _finished(ledger: Ledger, name: str, bodies: dict[str, bytes], *, key: str | None = None) -> None:
    """A finished job `name` and its handle `h-<name>`; bodies: "payload", "layout", "request", "result"."""
    digests = {what: digest(body) for what, body in bodies.items()}
    first = replace(
        job(name), payload=digests["payload"], layout=digests["layout"], remote_id=f"remote-{name}", state=S.QUEUED
    )
    handle = replace(full_handle(f"h-{name}", name, key=key), request=digests["request"])
    asked = {digests[what]: bodies[what] for what in ("payload", "layout", "request")}
    await ledger.commit([Change(record=first)], handles=[handle], blobs=asked)
    ref = ResultRef("raw/1", {"result": digests["result"]})
    done = after(first, state=S.COMPLETED, has_result=True, result=ref)
    event = Reported(at=2.0, state=S.COMPLETED, result=ref)
    await ledger.commit([Change(record=done, event=event)], blobs={digests["result"]: bodies["result"]})


async def raises(kind: type[Exception], question: Coroutine[Any, Any, Any]) -> Any:
    """The error of that kind that the coroutine raises."""
    try:
        answer = await question
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, got {answer!r}")
