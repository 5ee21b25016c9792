"""The generic service as a provider: `Client(providers={"generic": GenericProvider(url=...)})`, address `generic/sim`.

Its submit class is chosen, and the adapter behaves accordingly: a key that makes a second submission harmless, a search
by our token, or neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from quantumjobs.abc import (
    Accepted,
    Adapter,
    Answer,
    CancelReply,
    Gone,
    Raw,
    Remote,
    Report,
    Sending,
    Status,
    Unreadable,
)
from quantumjobs.core.records import Progress
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.traffic import Rate
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable, SubmitClass, Traits, Unknown
from quantumjobs.errors import (
    CredentialError,
    ProviderRejected,
    UsageError,
    unknown_name,
)
from quantumjobs.testing.emulators import generic_messages as messages
from quantumjobs.testing.emulators.generic_codec import NAME, SCHEMA, GenericCodec
from quantumjobs.wire import Credential, Deadlines, Reply, Secret, Wire, check, decode, shown, step
from quantumjobs.wire.origins import checked
from quantumjobs.wire.pools import Make

_GONE = frozenset({404, 410})
_LATER = frozenset({503})
Submit = Literal["idempotent", "findable", "rerunnable", "unknown"]


class GenericAdapter:
    """One account at one service. With `keyed`, a submission's token is its idempotency key."""

    def __init__(self, wire: Wire, *, keyed: bool = False) -> None:
        self._wire = wire
        self._keyed = keyed

    # --- what there is ----------------------------------------------------------------------
    async def describe(self, backend: str) -> bytes:
        """`messages.About` as JSON."""
        reply = await self._wire.get(f"/backends/{step(backend)}")
        body = _checked(reply, f"the question about {backend!r}").body
        return msgspec.json.encode(decode(body, messages.About, provider=NAME, what="the description"))

    async def backends(self) -> Sequence[str]:
        """All of the service's."""
        reply = _checked(await self._wire.get("/backends"), "the question about backends")
        return decode(reply.body, list[str], provider=NAME, what="the list of backends")

    # --- a job ------------------------------------------------------------------------------
    async def submit(self, sending: Sending) -> Accepted:
        """One POST, which always tells our token; whether that means anything is the service's affair."""
        headers = {messages.REFERENCE: sending.token}
        if self._keyed:
            headers[messages.KEY] = sending.token
        reply = await self._wire.submit("/jobs", sending.payload, headers=headers)
        try:
            _checked(reply, "the submit", taken=True)
        except ProviderRejected as error:
            error.stale_description = error.code == "404"
            raise
        job = decode(reply.body, messages.Job, provider=NAME, what="the answer to the submit")
        return Accepted(remote_id=job.id, status=_status(job))

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """One GET, for one job or for all of them."""
        if len(jobs) == 1:
            return {jobs[0].id: await self._look(jobs[0].id)}
        reply = await self._wire.get(f"/jobs?{urlencode([('id', job.id) for job in jobs])}")
        found = decode(_checked(reply, "the look").body, messages.Jobs, provider=NAME, what="the answer about the jobs")
        answers: dict[str, Answer] = {one: Gone(f"{NAME} does not know this job") for one in found.unknown}
        answers |= {job.id: _status(job) for job in found.jobs}
        return answers

    async def _look(self, job_id: str) -> Answer:
        reply = await self._wire.get(f"/jobs/{step(job_id)}")
        if reply.status in _GONE:
            return Gone(shown(_explained(reply.body)) or f"{NAME} answered {reply.status}")
        found = decode(_checked(reply, "the look").body, messages.Job, provider=NAME, what="the answer about the job")
        if found.id != job_id:
            return Unreadable(f"{NAME}: asked about job {job_id}, and was told about {shown(found.id)}")
        return _status(found)

    async def fetch(self, job: Remote) -> Raw:
        """Kept as it came, if it is one: what is kept is not asked for again."""
        reply = _checked(await self._wire.get(f"/jobs/{step(job.id)}/result"), "the question about the result")
        decode(reply.body, messages.Outcome, provider=NAME, what="the result")
        return Raw(SCHEMA, {"body": reply.body})

    async def cancel(self, job: Remote) -> CancelReply:
        """A queued job is not started; a running one stops after its current circuit, unless that is its last."""
        reply = await self._wire.request("POST", f"/jobs/{step(job.id)}/cancel", b"")
        if reply.status in {*_GONE, 409}:
            return CancelReply.TOO_LATE
        found = decode(_checked(reply, "the cancel").body, messages.Job, provider=NAME, what="the answer to the cancel")
        over = messages.STATES.get(found.status) is JobState.CANCELLED
        return CancelReply.CONFIRMED if over else CancelReply.ACCEPTED

    async def drop_connections(self) -> None:
        """After a suspend they are dead."""
        await self._wire.drop_connections()


class FindingAdapter(GenericAdapter):
    """The same, where jobs can be looked for."""

    async def find(self, sending: Sending) -> Sequence[str]:
        """By our token, oldest first."""
        reply = await self._wire.get(f"/jobs?{urlencode({'token': sending.token})}")
        found = decode(_checked(reply, "the search").body, messages.Jobs, provider=NAME, what="what was found")
        return [job.id for job in found.jobs]


class GenericProvider:
    """Implements `quantumjobs.abc.Provider` for a service at `url`.

    `submit` is the class its backends declare: "idempotent" (within `window` seconds), "findable" (`settle` seconds
    after sending), "rerunnable" (at most `attempts` runs; the key is sent here, too, as a local store would use it) or
    "unknown". `fetch` is EAGER or LAZY. `account` is a name that tells lanes apart, and no secret. A `token` that is a
    function is called again when what it gave was refused. `transport` makes the connection, for tests.
    """

    name = NAME

    def __init__(
        self,
        *,
        url: str,
        token: str | Secret | Callable[[], Awaitable[str]],
        account: str = "default",
        submit: Submit = "unknown",
        window: float = 3600.0,
        settle: float = 5.0,
        attempts: int = 3,
        fetch: Fetch = Fetch.EAGER,
        bulk: int = 20,
        in_flight: int | None = None,
        min_interval: float = 0.5,
        gone_after: int = 3,
        gone_for: float = 120.0,
        rates: Mapping[str, Rate] | None = None,
        deadlines: Deadlines = Deadlines(),  # noqa: B008 - frozen
        transport: Make | None = None,
    ) -> None:
        classes: Mapping[str, SubmitClass] = {
            "idempotent": Idempotent(window),
            "findable": Findable(settle),
            "rerunnable": Rerunnable(attempts),
            "unknown": Unknown(),
        }
        if submit not in classes:
            raise unknown_name("submit class", submit, classes, where=NAME)
        if fetch is Fetch.INLINE:
            raise UsageError(f"{NAME}: results are apart from the status; fetch is EAGER or LAZY")
        self.url = checked(url, what=f"{NAME}: url")
        self.account = account
        self._token = Secret(token) if isinstance(token, str) else token
        self._submit = submit
        self._deadlines = deadlines
        self._transport = transport
        self._codec = GenericCodec()
        self._traits = Traits(
            submit=classes[submit],
            fetch=fetch,
            bulk=bulk,
            in_flight=in_flight,
            min_interval=min_interval,
            gone_after=gone_after,
            gone_for=gone_for,
            rates=dict(rates or {}),
        )

    def __repr__(self) -> str:
        return f"<GenericProvider {self.url} {self.account} {self._submit}>"

    @property
    def codec(self) -> GenericCodec:
        return self._codec

    def lane(self, backend: str) -> str:  # noqa: ARG002 - one for all backends of the service
        return f"{NAME}:{self.url}:{self.account}"

    def family(self, backend: str) -> str:  # noqa: ARG002 - as above
        return self._submit

    def traits(self, family: str) -> Traits:  # noqa: ARG002 - as above
        return self._traits

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """There are no options."""
        if not backend or "/" in backend:
            raise UsageError(f"{NAME}/{backend}: write {NAME}/<backend>; client.backends() lists them")
        for name in options:
            raise unknown_name("option", name, (), where=f"{NAME}/{backend}")
        return {}, {}

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:  # noqa: ARG002 - no pushes
        return self._connected()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Adapter]:
        async def source(fresh: bool) -> Secret:  # noqa: ARG001 - every reading asks anew
            given = self._token
            secret = given if isinstance(given, Secret) else Secret(await given())
            if not secret:
                raise CredentialError(f"{NAME}: no token. Looked for the argument 'token', which is empty")
            return secret

        credential = Credential(source, origin="the argument 'token'")
        await credential.get()
        kind = FindingAdapter if self._submit == "findable" else GenericAdapter
        async with Wire(
            self.url, provider=NAME, credential=credential, deadlines=self._deadlines, transport=self._transport
        ) as wire:
            yield kind(wire, keyed=self._submit in {"idempotent", "rerunnable"})


def _status(job: messages.Job) -> Status:
    state = messages.STATES.get(job.status)
    return Status(
        state=state,
        raw_status=job.status,
        progress=Progress(max(0, min(job.done, job.of)), job.of) if job.of > 0 else None,
        reason=shown(job.message),
        has_result=state is JobState.COMPLETED,
    )


def _checked(reply: Reply, what: str, *, taken: bool = False) -> Reply:
    return check(reply, provider=NAME, what=what, explain=_explained, taken=taken, later=_LATER)


def _explained(body: bytes) -> str:
    try:
        detail = msgspec.json.decode(body, type=dict[str, str]).get("detail", "")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    return detail
