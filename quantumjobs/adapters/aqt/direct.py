"""The I/O half of direct access: one device, one circuit a request, and looks that the device holds until it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from quantumjobs.abc import Accepted, Answer, Gone, Raw, Remote, Sending, Status, Unreadable
from quantumjobs.adapters.aqt.messages import STATES, About, DirectReply, Ions
from quantumjobs.adapters.aqt.replies import GONE, checked, explained
from quantumjobs.adapters.aqt.schemas import BODY, DIRECT
from quantumjobs.core.records import Progress
from quantumjobs.core.states import TERMINAL
from quantumjobs.errors import ProviderRejected
from quantumjobs.wire import Wire, decode, shown, step


class DirectAdapter:
    """One device. It has no status, no list and no cancel."""

    def __init__(self, wire: Wire, backend: str) -> None:
        self._wire = wire
        self._backend = backend

    async def describe(self, backend: str) -> bytes:
        """`messages.About` as JSON. Two requests."""
        if backend != self._backend:
            raise ProviderRejected(f"aqt: there is no {backend!r} here, only {self._backend!r}", provider="aqt")
        reply = checked(await self._wire.get("/status/ions"), "the question about ions")
        ions = decode(reply.body, Ions, provider="aqt", what="the number of ions").num_ions
        reply = checked(await self._wire.get("/system/name"), "the question about the system's name")
        name = decode(reply.body, str, provider="aqt", what="the system's name")
        about = About(
            family="direct",
            workspace="direct",
            resource=backend.partition("/")[2],
            name=shown(name),
            type="direct_access",
            qubits=ions,
            max_circuits=1,
        )
        return msgspec.json.encode(about)

    async def backends(self) -> Sequence[str]:
        """The device, whether or not it answers now."""
        return [self._backend]

    async def submit(self, sending: Sending) -> Accepted:
        """One PUT. Nothing would make a second one harmless."""
        reply = await self._wire.submit("/circuit", sending.payload, method="PUT")
        checked(reply, "the submit", taken=True)
        remote_id = decode(reply.body, str, provider="aqt", what="the answer to the submit")
        return Accepted(remote_id=remote_id)

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """One GET, which lasts until the circuit was run; no answer where it was given up and should be asked anew."""
        answers: dict[str, Answer] = {}
        for job in jobs:
            answer = await self._look(job)
            if answer is not None:
                answers[job.id] = answer
        return answers

    async def _look(self, job: Remote) -> Answer | None:
        reply = await self._wire.hold(f"/circuit/result/{step(job.id)}")
        if reply is None:
            return None
        if reply.status in GONE:
            return Gone(shown(explained(reply.body)) or f"aqt answered {reply.status}")
        checked(reply, "the look")
        found = decode(reply.body, DirectReply, provider="aqt", what="the answer about the circuit")
        if found.job_id not in {"", job.id}:
            return Unreadable(f"aqt: asked about circuit {job.id}, and was told about {shown(found.job_id)}")
        state = STATES.get(found.payload.status)
        has_result = found.payload.result is not msgspec.UNSET and state in TERMINAL
        return Status(
            state=state,
            raw_status=found.payload.status,
            progress=Progress(1, 1) if has_result else None,
            reason=shown(found.payload.message),
            result=Raw(DIRECT, {BODY: reply.body}) if has_result else None,
        )

    async def drop_connections(self) -> None:
        """After a suspend they are dead."""
        await self._wire.drop_connections()
