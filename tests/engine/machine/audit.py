"""What must hold whatever happens: told by the ledger's commits and the clouds' requests, judged at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from quantumjobs.abc import Accepted, Change
from quantumjobs.core.events import Resubmitted, SubmitStarted
from quantumjobs.core.machine import step
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.core.states import TERMINAL, JobState
from quantumjobs.core.traits import Rerunnable, Unknown
from quantumjobs.errors import ProviderRejected, ProviderUnavailable
from quantumjobs.testing.cloud import RemoteJob
from quantumjobs.testing.fake import FakeProvider
from tests.engine.machine.lives import Life

S = JobState


class Audit:
    """`violations` are sentences; it is empty as long as all is well."""

    def __init__(self, fakes: Mapping[str, FakeProvider]) -> None:
        self.fakes = fakes
        self.violations: list[str] = []
        self.held: dict[str, JobRecord] = {}
        """What is durable of each job."""
        self.first: dict[str, JobRecord] = {}
        """The same before its first event."""
        self.started: Counter[str] = Counter()
        """Durable intentions to send, per job."""
        self.requests: Counter[str] = Counter()
        """Submits that left, per job."""
        self.doubts: set[str] = set()
        """Jobs of which a request may have been taken, as far as anybody alive knows."""
        self.under_way: Counter[str] = Counter()
        """Submits that have not arrived yet, or are lost."""
        self.told: dict[tuple[Life, str], set[str]] = {}
        """Remote ids that a living program was told."""
        self.keys: dict[str, list[str]] = {}
        """Handles that were made for a key."""
        self.handles: dict[str, Handle] = {}
        self.results: dict[str, Any] = {}
        self.makers: dict[tuple[str, str], Life] = {}
        self.disowned = False
        """Two clients at a time have taken themselves for a job's owner: what runs here may run twice."""

    def wrong(self, text: str) -> None:
        self.violations.append(text)

    # --- what became durable ----------------------------------------------------------------
    def committed(self, life: Life, changes: Sequence[Change], handles: Sequence[Handle]) -> None:
        for change in changes:
            self._changed(life, change)
        for handle in handles:
            if handle.key is not None and handle.id not in self.handles:
                self.keys.setdefault(handle.key, []).append(handle.id)
            self.handles[handle.id] = handle

    def _changed(self, life: Life, change: Change) -> None:
        new, event = change.record, change.event
        old = self.held.get(new.id)
        self.held[new.id] = new
        if old is None or event is None:
            if old is not None or event is not None:
                self.wrong(f"{new.id}: a record that is not new came without an event, or a new one with it")
            self.first[new.id] = new
            return
        traits = self.traits(new)
        after, _ = step(old, event, traits)
        if after != new:
            self.wrong(f"{new.id}: {event} does not lead from\n {old}\nto\n {new}\nbut to\n {after}")
        if new.version != old.version + 1 or new.fence < old.fence:
            self.wrong(f"{new.id}: version {old.version} -> {new.version}, fence {old.fence} -> {new.fence}")
        if old.state in TERMINAL and new.state is not old.state:
            self.wrong(f"{new.id} was {old.state} and is {new.state}")
        if old.result is not None and new.result != old.result and new.state is not S.CREATED:
            self.wrong(f"{new.id}: another result")
        if isinstance(event, SubmitStarted):
            self.started[new.id] += 1
        if isinstance(event, Resubmitted):
            self.doubts.discard(new.id)

    def handle_of(self, record_id: str) -> Handle:
        return next(one for one in self.handles.values() if any(link.job == record_id for link in one.links))

    def waits_for_another(self, record: JobRecord) -> bool:
        """For the part before it, which has not ended."""
        return bool(record.after) and record.state is S.CREATED and not self.held[record.after].terminal

    def traits(self, record: JobRecord) -> Any:
        return self.fakes[record.provider].traits(record.family)

    # --- requests ---------------------------------------------------------------------------
    def leaves(self, life: Life, fake: FakeProvider, operation: str, args: tuple[Any, ...]) -> None:
        if operation != "submit":
            return
        token = args[0].token
        self.requests[token] += 1
        self.under_way[token] += 1
        record = self.held.get(token)
        if record is None:
            self.wrong(f"{token} was sent by {life} before it was durable")
            return
        if self.requests[token] > self.started[token]:
            self.wrong(f"{token}: {self.requests[token]} requests, {self.started[token]} of them written down before")
        if record.state is not S.SUBMITTING and not self.disowned:
            self.wrong(f"{token} was sent by {life} while it is {record.state}")
        if record.after:
            self._comes_after(fake, record)
        if isinstance(fake.traits("").submit, Unknown):
            if token in self.doubts:
                self.wrong(f"{token} was sent again, and the last request may have been taken")
            self.doubts.add(token)

    def _comes_after(self, fake: FakeProvider, record: JobRecord) -> None:
        """A part is sent when the one before it has ended; what the disk refused to keep of that is true all the same."""
        before = self.held[record.after]
        remote = fake.jobs.get(before.remote_id or "")
        if not before.terminal and (remote is None or remote.over > fake.wall()):
            self.wrong(f"{record.id} was sent while the part before it is {before.state}")
        if before.terminal and before.state is not S.COMPLETED and not record.after_failure:
            self.wrong(f"{record.id} was sent although the part before it is {before.state}")

    def arrived(self, fake: FakeProvider, operation: str, args: tuple[Any, ...]) -> None:
        """At the cloud, which has decided; or it never will."""
        if operation == "submit":
            self.under_way[args[0].token] -= 1

    def made(self, life: Life, fake: FakeProvider, remote: RemoteJob) -> None:
        """A cloud has a new job."""
        made = fake.made[remote.token]
        how = fake.traits("").submit
        self.makers[remote.id, fake.name] = life
        if isinstance(how, Rerunnable):
            if not life.alive:
                self.vanish_local(life)
            now = fake.wall()
            if sum(fake.jobs[remote_id].over > now for remote_id in made) > 1 and not self.disowned:
                self.wrong(f"{remote.token} runs twice at a time: {made}")
        elif len(made) > 1 and not isinstance(how, Unknown):
            self.wrong(f"{remote.token} was made {len(made)} times: {made}")

    def answered(
        self, life: Life, fake: FakeProvider, operation: str, args: tuple[Any, ...], reply: asyncio.Task[Any]
    ) -> None:
        """A program that lives has the answer."""
        error = None if reply.cancelled() else reply.exception()
        if operation == "submit":
            token = args[0].token
            proof = isinstance(error, ProviderRejected) or (isinstance(error, ProviderUnavailable) and not error.sent)
            if proof:
                self.doubts.discard(token)
            if error is None:
                accepted: Accepted = reply.result()
                self.tell(life, token, accepted.remote_id)
        elif operation == "find" and error is None:
            for remote_id in reply.result():
                self.tell(life, args[0].token, remote_id)

    def tell(self, life: Life, token: str, remote_id: str) -> None:
        self.told.setdefault((life, token), set()).add(remote_id)

    def died(self, life: Life) -> None:
        """What it alone knew is lost, and its local simulations with it."""
        for told in [key for key in self.told if key[0] is life]:
            del self.told[told]
        self.vanish_local(life)

    def vanish_local(self, life: Life | None) -> None:
        for fake in self.fakes.values():
            if life is not None and isinstance(fake.traits("").submit, Rerunnable):
                for remote_id, remote in fake.jobs.items():
                    if self.makers.get((remote_id, fake.name)) is life:
                        fake.cloud.vanish(remote, remote.created)

    # --- results ----------------------------------------------------------------------------
    def read(self, job_id: str, counts: Any) -> None:
        if self.results.setdefault(job_id, counts) != counts:
            self.wrong(f"{job_id}: read as {self.results[job_id]}, and later as {counts}")

    # --- at rest ----------------------------------------------------------------------------
    async def at_rest(self, ledger: Any) -> None:
        """Everybody lives, the weather is good, and time has passed."""
        rows = await ledger.events(after=0, limit=1_000_000)
        replayed = dict(self.first)
        for _, job_id, event in rows:
            replayed[job_id], _ = step(replayed[job_id], event, self.traits(replayed[job_id]))
        if [cursor for cursor, _, _ in rows] != sorted({cursor for cursor, _, _ in rows}):
            self.wrong("cursors that do not rise")
        for record in await ledger.records(list(self.held)):
            if replayed.pop(record.id) != record:
                self.wrong(f"{record.id}: its events do not lead to what is held")
            if self.held[record.id] != record:
                self.wrong(f"{record.id}: what was committed last is not what is held")
        for job_id in replayed:
            self.wrong(f"{job_id} is not in the ledger any more")
        for (life, token), ids in self.told.items():
            record = self.held[token]
            missing = ids - {record.remote_id, *record.extra_ids}
            if missing and not isinstance(self.traits(record).submit, Rerunnable):
                self.wrong(f"{token}: {life} was told {missing}, and nobody knows them any more: {record}")
        for key, handle_ids in self.keys.items():
            for handle_id in handle_ids[:-1]:
                records = [self.held[link.job] for link in self.handles[handle_id].links]
                if not all(came_to_nothing(record, self.traits(record)) for record in records):
                    self.wrong(f"key {key}: {handle_ids}, and {handle_id} did not come to nothing")


def came_to_nothing(record: JobRecord, traits: Any) -> bool:
    if record.state is S.CANCELLED and isinstance(traits.submit, Rerunnable):
        return True
    return record.state in (S.CANCELLED, S.REJECTED) and record.remote_id is None
