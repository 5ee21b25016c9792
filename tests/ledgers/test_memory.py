"""The memory ledger: every rule of the contract, and that it does not grow without bound."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from quantumjobs.abc import Change, Ledger
from quantumjobs.core.events import Reported, SubmitStarted
from quantumjobs.core.records import Handle, Link, ResultRef
from quantumjobs.core.states import JobState
from quantumjobs.errors import LedgerError
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.testing.ledger_rules import LedgerRules, after, digest, job

S = JobState


class TestMemoryLedger(LedgerRules):
    async def make_ledger(self) -> Ledger:
        return MemoryLedger()


def body(name: str, size: int = 8) -> bytes:
    return name.encode().ljust(size, b".")


async def begin(ledger: MemoryLedger, name: str, *, layout: str = "", links: int = 1, key: str | None = None) -> None:
    """A handle `h-<name>` over new records, with a payload each and a request."""
    payload = body(f"payload-{name}")
    request = body(f"request-{name}")
    records = [replace(job(f"{name}{n}"), payload=digest(payload), layout=layout) for n in range(links)]
    handle = Handle(
        id=f"h-{name}",
        address="fake/sim",
        links=tuple(Link(record.id, n, 1) for n, record in enumerate(records)),
        created_at=1.0,
        request=digest(request),
        key=key,
    )
    await ledger.commit(
        [Change(record=record) for record in records],
        handles=[handle],
        blobs={digest(payload): payload, digest(request): request},
    )


async def finish(ledger: MemoryLedger, name: str, *, n: int = 0, size: int = 8) -> str:
    """The digest of its result."""
    result = body(f"result-{name}{n}", size)
    ref = ResultRef("raw/1", {"result": digest(result)})
    held = await ledger.record(f"{name}{n}")
    done = after(held, state=S.COMPLETED, has_result=True, result=ref)
    event = Reported(at=2.0, state=S.COMPLETED, result=ref)
    await ledger.commit([Change(record=done, event=event)], blobs={digest(result): result})
    return digest(result)


async def ids(ledger: MemoryLedger) -> list[str]:
    return [handle.id for handle in await ledger.handles()]


async def test_the_oldest_settled_handles_go_first() -> None:
    ledger = MemoryLedger(keep=2)
    for name in "abcd":
        await begin(ledger, name)
    for name in "cabd":
        await finish(ledger, name)
    assert sorted(await ids(ledger)) == ["h-b", "h-d"]
    with pytest.raises(LedgerError):
        await ledger.record("c0")


async def test_an_unsettled_handle_stays_however_old() -> None:
    ledger = MemoryLedger(keep=1)
    await begin(ledger, "old")
    for n in range(10):
        await begin(ledger, f"new{n}")
        await finish(ledger, f"new{n}")
    assert await ids(ledger) == ["h-new9", "h-old"]
    assert [record.id for record in await ledger.unsettled()] == ["old0"]


async def test_a_handle_is_finished_with_its_last_part() -> None:
    ledger = MemoryLedger(keep=1)
    await begin(ledger, "many", links=3)
    for n in range(2):
        await finish(ledger, "many", n=n)
    for name in "ab":
        await begin(ledger, name)
        await finish(ledger, name)
    assert await ids(ledger) == ["h-b", "h-many"]
    await finish(ledger, "many", n=2)
    assert await ids(ledger) == ["h-many"]


async def test_with_a_handle_go_its_key_records_events_and_blobs() -> None:
    ledger = MemoryLedger(keep=1)
    await begin(ledger, "a", key="k")
    result = await finish(ledger, "a")
    await begin(ledger, "b")
    await finish(ledger, "b")
    assert await ledger.by_key("k") is None
    for gone in (digest(body("payload-a")), digest(body("request-a")), result):
        with pytest.raises(LedgerError):
            await ledger.blob(gone)
    await begin(ledger, "c", key="k")  # the key is free again


async def test_a_blob_stays_while_anybody_refers_to_it() -> None:
    ledger = MemoryLedger(keep=1)
    shared = body("calibration")
    await ledger.commit([], blobs={digest(shared): shared})
    for name in "abc":
        await begin(ledger, name, layout=digest(shared))
        await finish(ledger, name)
        assert await ledger.blob(digest(shared)) == shared


async def test_a_record_stays_while_another_handle_refers_to_it() -> None:
    ledger = MemoryLedger(keep=2)
    await begin(ledger, "a")
    await finish(ledger, "a")
    again = Handle(id="h-again", address="fake/sim", links=(Link("a0", 0, 1),), created_at=3.0)
    await ledger.commit([], handles=[again])
    await begin(ledger, "b")
    await finish(ledger, "b")
    assert await ids(ledger) == ["h-again", "h-b"]
    assert (await ledger.record("a0")).state is S.COMPLETED
    await begin(ledger, "c")
    await finish(ledger, "c")
    with pytest.raises(LedgerError):
        await ledger.record("a0")


async def test_finished_handles_are_bounded_in_bytes_and_the_last_one_stays() -> None:
    ledger = MemoryLedger(keep_bytes=3_500)
    for name in "abcde":
        await begin(ledger, name)
        await finish(ledger, name, size=1_000)
    assert sorted(await ids(ledger)) == ["h-c", "h-d", "h-e"]
    await begin(ledger, "huge")
    result = await finish(ledger, "huge", size=10_000)
    assert await ids(ledger) == ["h-huge"]
    assert len(await ledger.blob(result)) == 10_000


async def test_a_long_life_leaves_nothing_behind() -> None:
    ledger = MemoryLedger(keep=10)
    most_events = 0
    for n in range(2_000):
        await begin(ledger, f"j{n}-", key=f"k{n}")
        held = await ledger.record(f"j{n}-0")
        await ledger.commit([Change(record=after(held, state=S.SUBMITTING), event=SubmitStarted(at=1.0))])
        await finish(ledger, f"j{n}-")
        await ledger.commit([], blobs={digest(f"loose {n}".encode()): b"a description"})
        most_events = max(most_events, len(await ledger.events(limit=10**6)))
    sizes = {name: len(value) for name, value in vars(ledger).items() if hasattr(value, "__len__")}
    assert len(await ledger.handles()) == 10
    assert most_events < 300
    assert max(sizes.values()) < 400, sizes


async def test_cursors_go_on_when_old_events_are_forgotten() -> None:
    ledger = MemoryLedger(keep=1)
    cursor = 0
    seen = []
    for n in range(200):
        await begin(ledger, f"j{n}-")
        await finish(ledger, f"j{n}-")
        page = await ledger.events(after=cursor)
        seen += [job_id for _, job_id, _ in page]
        cursor = page[-1][0]
    assert seen == [f"j{n}-0" for n in range(200)]


async def test_it_stays_as_it_is_for_the_next_client() -> None:
    ledger = MemoryLedger()
    await begin(ledger, "a")
    await ledger.aclose()
    assert await ids(ledger) == ["h-a"]
