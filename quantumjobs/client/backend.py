"""A backend: an address one can run circuits on. Getting one does no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from quantumjobs.abc import Computes, Provider, Request, Targets
from quantumjobs.circuits.given import is_list, take
from quantumjobs.core import costs
from quantumjobs.errors import UsageError
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    from quantumjobs.client.client import Client
    from quantumjobs.core.costs import Cost
    from quantumjobs.engine.job import Job

OPTIMIZATION_LEVELS = range(4)


class Backend:
    """A QPU or simulator of a provider: `client.backend("aer")`."""

    def __init__(self, client: Client, address: str, key: str, name: str) -> None:
        self._client = client
        self._key = key
        self._name = name
        self._shown: dict[str, Any] = {}
        self._address = address

    def __repr__(self) -> str:
        return f"<Backend {self.address}>"

    @property
    def address(self) -> str:
        """`provider[:account][/name]`, as it was given."""
        return self._address

    async def _plug_in(self) -> Provider:
        return await self._client._provider(self._key)

    async def run(
        self,
        circuits: Any,
        *,
        shots: int | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        key: str | None = None,
        memory: bool = False,
        until: Literal["accepted", "recorded"] = "accepted",
        transpile: bool = True,
        optimization_level: int = 1,
        **options: Any,
    ) -> Job:
        """Submit circuits and return the job as soon as the provider has accepted it.

        `circuits` is a `QuantumCircuit`, OpenQASM 2 or 3 text, a path to a `.qasm` or `.qpy` file, or a list of them.
        `shots` defaults to what the backend's vendor does; 0 has exact values computed, where a backend does that. With `memory` the result has every shot in order. Circuits
        that are not native are transpiled, unless `transpile=False`, which refuses them. Other `options` are the
        backend's own. `until="recorded"` returns when the intent is kept, without waiting for the network.

        `key` names this request: asked for again with the same key, in this program or in another one on the same
        ledger, it is the same job, and nothing is sent. A job that ended without having run frees its key.

        Raises `UsageError` before anything is recorded, and `KeyConflict` where the key stands for another request;
        `JobRejected`, `CredentialError`, `ProviderUnavailable` and `LedgerWriteError` (all: nothing runs, unless the
        last has a `remote_id`) and `SubmissionUncertain` afterwards. Cancelling this call before anything was sent
        withdraws the job; after that a local simulation ends, and what a provider may have goes on, is logged, and
        `client.jobs()` lists it.
        """
        check_until(until)
        _check_shots(shots)
        check_key(key)
        _check_level(optimization_level)
        from quantumjobs.engine.intents import handle_maker

        engine = await self._client._start()
        provider = await self._plug_in()
        if not engine.turnstile.passes():
            await engine.turnstile.turn()
        request = await self._request(
            provider, circuits, options, shots=shots, transpile=transpile, level=optimization_level, memory=memory
        )
        plain = request.options
        shown = {
            "shots": shots,
            "memory": memory,
            **{option: value for option, value in plain.items() if value is not None},
        }
        if shown == self._shown:
            shown = self._shown  # thousands of jobs with the same options hold them once
        self._shown = shown
        tagged = checked_tags(tags)
        alone = not is_list(circuits)
        make = handle_maker(self.address, name=name, tags=tagged, options=shown, alone=alone)
        job, new = await engine.submit(self._key, provider, request, make, recorded=until == "recorded", key=key)
        if until == "accepted":
            await (engine.intents.accepted(job, job._parts) if new else engine.intents.joined(job))
        return job

    async def estimate(
        self,
        circuits: Any,
        *,
        shots: int | None = None,
        transpile: bool = True,
        optimization_level: int = 1,
        **options: Any,
    ) -> Cost:
        """What `run` would cost with these arguments, by the provider's published prices; nothing is sent or kept.

        `unknown` where none are published, or where they are for time that nobody can tell beforehand. Raises what
        `run` does before it sends anything.
        """
        _check_shots(shots)
        _check_level(optimization_level)
        engine = await self._client._start()
        provider = await self._plug_in()
        request = await self._request(
            provider, circuits, options, shots=shots, transpile=transpile, level=optimization_level
        )
        prepared = await engine.prepared(engine.lane(self._key, provider, provider.lane(self._name)), request)
        return costs.total(costs.cost(part.details) for part in prepared.parts)

    async def _request(
        self,
        provider: Provider,
        circuits: Any,
        options: Mapping[str, Any],
        *,
        shots: int | None,
        transpile: bool,
        level: int,
        memory: bool = False,
    ) -> Request:
        if shots == 0 and not (isinstance(provider, Computes) and provider.least_shots(self._name) == 0):
            raise UsageError(f"shots={shots}: at least 1 is needed")
        plain, blobs = provider.admit(self._name, options)
        return Request(
            backend=self._name,
            circuits=await take(circuits),
            shots=shots,
            memory=bool(memory),
            transpile=bool(transpile),
            optimization_level=level,
            options=plain,
            blobs=blobs,
        )

    async def describe(self) -> Mapping[str, Any]:
        """What the provider says of this backend now: qubits, gates, limits, ... as far as it tells."""
        about = await self._about(fresh=True)
        described: Mapping[str, Any] = msgspec.json.decode(about, type=dict[str, Any])
        return described

    async def target(self) -> Any:
        """Qiskit's `Target`: what circuits are transpiled to for this backend. Imports qiskit, beside the loop.

        Raises `UsageError` where the provider has none.
        """
        codec = (await self._plug_in()).codec
        if not isinstance(codec, Targets):
            raise UsageError(f"{self.address} has no Qiskit target: its circuits are not transpiled here")
        about = await self._about(fresh=False)
        return await beside(codec.target, self._name, about)

    async def _about(self, *, fresh: bool) -> bytes:
        engine = await self._client._start()
        provider = await self._plug_in()
        return await engine.lane(self._key, provider, provider.lane(self._name)).describe(self._name, fresh=fresh)


def check_until(until: object) -> None:
    """Raises `UsageError` for what is neither of the two."""
    if until not in ("accepted", "recorded"):
        raise UsageError(f"until={until!r}: say 'accepted' or 'recorded'")


def _check_shots(shots: object) -> None:
    if shots is None:
        return
    if isinstance(shots, bool) or not isinstance(shots, int):
        raise UsageError(f"shots={shots!r}: a whole number is needed")
    if shots < 0:
        raise UsageError(f"shots={shots}: at least 1 is needed")


def _check_level(level: object) -> None:
    if level not in OPTIMIZATION_LEVELS:
        raise UsageError(f"optimization_level={level!r}: Qiskit has the levels 0 to 3")


def check_key(key: object) -> None:
    """Raises `UsageError` for what is no key."""
    if key is not None and (not isinstance(key, str) or not key):
        raise UsageError(f"key={key!r}: a text that is not empty is needed")


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags. Raises `UsageError` for what are none."""
    if isinstance(tags, str):
        raise UsageError(f"tags={tags!r}: a list of tags is needed, not one text")
    if not all(isinstance(tag, str) for tag in tags):
        raise UsageError("tags must be texts")
    return tuple(tags)
