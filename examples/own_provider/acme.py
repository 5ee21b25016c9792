"""A provider of one's own: ACME, a service that takes a program in OpenQASM 2 and gives counts.

The pure half is `AcmeCodec`, which runs in workers; the I/O half is `AcmeAdapter`, which keeps nothing about jobs.
`docs/howto/add-a-provider.md` goes through it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import acme_messages as messages
import msgspec

from quantumjobs.abc import (
    Accepted,
    Adapter,
    Answer,
    CancelReply,
    Circuit,
    Gone,
    Part,
    Prepared,
    Raw,
    Remote,
    Report,
    Request,
    Sending,
    Status,
)
from quantumjobs.core.entries import entry_from_counts
from quantumjobs.core.results import Result
from quantumjobs.core.states import TERMINAL, Fetch, JobState
from quantumjobs.core.traits import Traits, Unknown
from quantumjobs.errors import CredentialError, ProviderProtocolError, UsageError, unknown_name
from quantumjobs.wire import Credential, Deadlines, Reply, Secret, Wire, check, decode, shown, step
from quantumjobs.wire.origins import checked

NAME = "acme"
SCHEMA = "acme/1"


# --- the pure half ----------------------------------------------------------------------
class AcmeCodec:
    """Circuits to payloads, raw results to results. No credentials, no I/O; made without arguments in a worker."""

    inline: frozenset[str] = frozenset()  # nothing here is trivial: transpiling imports qiskit

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:  # noqa: ARG002 - nothing is drawn
        """One part, and so one job at ACME, for each circuit."""
        machine = msgspec.json.decode(about, type=messages.Machine)
        shots = 1000 if request.shots is None else request.shots
        if not 1 <= shots <= machine.most_shots:
            raise UsageError(f"shots={shots}: {NAME}/{machine.name} takes 1 to {machine.most_shots}")
        texts = [text for circuit in request.circuits for text in programs(circuit, request, machine)]
        return Prepared(
            parts=tuple(
                Part(
                    payload=msgspec.json.encode(messages.Program(machine=machine.name, shots=shots, text=text)),
                    layout=b"",
                    count=1,
                )
                for text in texts
            )
        )

    def decode(self, raw: Raw, layout: bytes | None) -> Result:  # noqa: ARG002 - the reply says it all
        """One entry a circuit."""
        if raw.schema != SCHEMA:
            raise ProviderProtocolError(f"no result of ACME's: schema {raw.schema!r}", provider=NAME)
        state = decode(raw.blobs["body"], messages.State, provider=NAME, what="the result")
        try:
            return Result.of([entry_from_counts(state.counts or {}, name=f"program {state.id}")])
        except (ValueError, OverflowError) as error:
            raise ProviderProtocolError(f"acme: counts that are none: {shown(str(error))}", provider=NAME) from error


def programs(circuit: Circuit, request: Request, machine: messages.Machine) -> list[str]:
    """OpenQASM 2 of what the user gave: an object, text or a file. In a worker."""
    from qiskit import qasm2, transpile

    from quantumjobs.circuits.load import load

    texts = []
    for loaded in load(circuit):
        if loaded.num_qubits > machine.qubits:
            raise UsageError(f"{circuit.label or loaded.name}: {loaded.num_qubits} qubits; ACME has {machine.qubits}")
        ready = loaded
        if request.transpile:
            ready = transpile(loaded, basis_gates=["u3", "cx"], optimization_level=request.optimization_level)
        texts.append(qasm2.dumps(ready))
    return texts


# --- the I/O half -----------------------------------------------------------------------
class AcmeAdapter:
    """One account at one server. Raises only `ProviderError` or `CredentialError`, which is what `wire` gives."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def describe(self, backend: str) -> bytes:
        """`Machine` as JSON."""
        reply = _checked(await self._wire.get(f"/machines/{step(backend)}"), "the question about the machine")
        return msgspec.json.encode(decode(reply.body, messages.Machine, provider=NAME, what="the description"))

    async def submit(self, sending: Sending) -> Accepted:
        """One POST, sent once: `Wire.submit` repeats nothing, and says of a failure whether anything had left."""
        reply = await self._wire.submit("/programs", sending.payload)
        _checked(reply, "the submit", taken=True)
        state = decode(reply.body, messages.State, provider=NAME, what="the answer to the submit")
        return Accepted(remote_id=state.id, status=_status(state, b""))

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """One GET a job; that of a finished one carries its result."""
        return {job.id: await self._look(job) for job in jobs}

    async def _look(self, job: Remote) -> Answer:
        reply = await self._wire.get(f"/programs/{step(job.id)}")
        if reply.status == 404:
            return Gone("ACME does not know it")
        _checked(reply, "the look")
        return _status(decode(reply.body, messages.State, provider=NAME, what="the answer"), reply.body)

    async def cancel(self, job: Remote) -> CancelReply:
        """A program that waits is not begun; one that is busy goes on."""
        reply = await self._wire.request("DELETE", f"/programs/{step(job.id)}")
        if reply.status in {404, 409}:
            return CancelReply.TOO_LATE
        state = decode(_checked(reply, "the cancel").body, messages.State, provider=NAME, what="the answer to a cancel")
        found = messages.STATES.get(state.status)
        if found is JobState.CANCELLED:
            return CancelReply.CONFIRMED
        return CancelReply.TOO_LATE if found in TERMINAL else CancelReply.ACCEPTED  # looks will tell


def _status(state: messages.State, body: bytes) -> Status:
    return Status(
        state=messages.STATES.get(state.status),  # None where nobody knows the word: the engine shows it, and goes on
        raw_status=state.status,
        reason=shown(state.why),
        result=Raw(SCHEMA, {"body": body}) if body and state.counts is not None else None,
    )


def _checked(reply: Reply, what: str, *, taken: bool = False) -> Reply:
    """A 2xx, or what it means otherwise. ACME says 503 with a Retry-After when it takes no programs just now."""
    return check(reply, provider=NAME, what=what, explain=_explained, taken=taken, later=frozenset({503}))


def _explained(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")


# --- the plug-in ------------------------------------------------------------------------
class AcmeProvider:
    """Names, data, and how to connect. Made without I/O; `token` is a text, or asked for, again when it was refused."""

    name = NAME
    codec = AcmeCodec()

    def __init__(
        self,
        url: str,
        token: str | Callable[[], Awaitable[str]],
        *,
        deadlines: Deadlines = Deadlines(),  # noqa: B008 - frozen
        transport: Any = None,
    ) -> None:
        self.url = checked(url, what="acme: url")  # https, or this machine: nobody else sees the token
        self._token = Secret(token) if isinstance(token, str) else token
        self._deadlines, self._transport = deadlines, transport

    def lane(self, backend: str) -> str:  # noqa: ARG002 - one for all machines
        """Origin and account, without a secret. Jobs of another lane are never asked about here."""
        return f"{NAME}:{self.url}:default"

    def family(self, backend: str) -> str:  # noqa: ARG002 - all machines behave alike
        return "machines"

    def traits(self, family: str) -> Traits:  # noqa: ARG002 - as above
        """ACME has no key that would make a second POST harmless, and no search: in doubt, the user decides."""
        return Traits(submit=Unknown(), fetch=Fetch.INLINE, min_interval=0.5)

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """There are no options of ACME's own."""
        for name in options:
            raise unknown_name("option", name, (), where=f"{NAME}/{backend}")
        return {}, {}

    @asynccontextmanager
    async def connect(self, lane: str, report: Report) -> AsyncIterator[Adapter]:  # noqa: ARG002 - one lane, no pushes
        async def source(fresh: bool) -> Secret:  # noqa: ARG001 - every reading asks anew
            secret = self._token if isinstance(self._token, Secret) else Secret(await self._token())
            if not secret:
                raise CredentialError("acme: no token. Looked for the argument 'token', which is empty")
            return secret

        credential = Credential(source, origin="the argument 'token'")
        await credential.get()  # a missing one is told now, not at the first request
        async with Wire(
            self.url, provider=NAME, credential=credential, deadlines=self._deadlines, transport=self._transport
        ) as wire:
            yield AcmeAdapter(wire)


def provider(settings: Mapping[str, Any]) -> AcmeProvider:
    """The entry point "quantumjobs.providers": from `[providers.acme]` or `Client(providers={"acme": {...}})`."""
    for name in settings:
        if name not in {"url", "token"}:
            raise unknown_name("setting", name, ("url", "token"), where=NAME)
    return AcmeProvider(settings.get("url", "https://acme.example"), settings.get("token", ""))
