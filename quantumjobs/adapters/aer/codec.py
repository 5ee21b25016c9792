"""The pure half: circuits to payloads in a worker; decoding only wraps what the run function made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.abc import Part, Prepared, Raw, Request
from quantumjobs.adapters.aer import methods, options
from quantumjobs.circuits.given import QPY_MAGIC
from quantumjobs.circuits.load import OLDEST_QPY
from quantumjobs.core.results import Result
from quantumjobs.errors import UsageError
from quantumjobs.workers.aer import SEED_STEP, Item, Outcome, Task, noise_model, wrap_seed
from quantumjobs.workers.local import Details

if TYPE_CHECKING:
    from qiskit.transpiler import Target

SCHEMA = "aer/1"
DEFAULT_SHOTS = 1024

_SMALL = 0.03  # seconds of work that are not worth a second part: each costs the engine a fraction of a millisecond
_PARTS = 3  # per worker, so that a wrong estimate leaves no worker idle for long
_HEAVY = 0.5  # seconds; a circuit of this cost is a part of its own, and gets a process of its own
_NOTICED = 16 << 20  # bytes; less is lost in what a worker needs anyway
_BIG = 20  # qubits from which all cores work on one circuit


class About(Struct, frozen=True, kw_only=True):
    """What `describe` says, as JSON."""

    method: str = "automatic"
    cores: int
    memory: int
    """Bytes for all simulations together."""
    qiskit: str = ""
    aer: str = ""
    methods: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class AerCodec:
    """Prepares payloads for `quantumjobs.workers.aer`."""

    inline = frozenset({"decode"})

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:
        """Load, check, and where needed expand and transpile the circuits; cut a long list into parts."""
        machine = _about.decode(about)
        given = dict(request.options)
        limit = given.pop("time_limit", 0.0)
        seed = wrap_seed(given.pop("seed_simulator", seed))
        noise = request.blobs.get("noise_model", b"")
        setup = methods.Setup(
            method=_method(request.backend, given),
            shots=_shots(request.shots),
            options=given,
            memory=_memory(given, machine),
            noise=noise_model(noise) if noise else None,
            transpile=request.transpile,
            level=request.optimization_level,
        )
        ready = list(methods.items(request.circuits, request.blobs.get("parameter_binds"), setup))
        run = {"max_memory_mb": max(1, machine.memory >> 20), **given, "method": setup.method}
        big = len(ready) == 1 and ready[0].qubits >= _BIG
        run.setdefault("max_parallel_threads", machine.cores if big else 1)
        parts = []
        for place, group in _groups(ready, machine.cores):
            task = Task(
                items=tuple(one.item for one in group),
                shots=setup.shots,
                seed=wrap_seed(seed + SEED_STEP * place),
                memory=request.memory,
                options=run,
                noise=noise,
            )
            details = Details(
                circuits=len(group),
                heavy=sum(one.cost.seconds for one in group) > _HEAVY,
                memory=_worth_counting(max(one.cost.memory for one in group)),
                time_limit=limit,
            )
            parts.append(Part(payload=_encode(task), layout=b"", count=len(group), details=details.write()))
        return Prepared(parts=tuple(parts))

    def decode(self, raw: Raw, layout: bytes | None) -> Result:  # noqa: ARG002 - the run function said it all
        """Wrap the run function's answer."""
        if raw.schema != SCHEMA:
            raise UsageError(f"a result of schema {raw.schema!r} is not one of aer's")
        return Result.from_bytes(_outcome.decode(raw.blobs["outcome"]).result, raw=raw.blobs)

    def is_plain(self, what: str, body: bytes) -> bool:
        """True for a payload of ours without a pickle in it: QPY of a kind that runs no code, and options of Aer's."""
        if what != "payload":
            return not body
        try:
            task = _task.decode(body)
            plain, objects = options.admit("", task.options)
        except (msgspec.MsgspecError, UnicodeDecodeError, UsageError):
            return False
        known = plain == task.options and task.options.keys() <= options.AER.keys()
        return known and not objects and not task.noise and all(map(_is_plain, task.items))

    def target(self, backend: str, about: bytes) -> Target:  # noqa: ARG002 - Aer says it all
        """That of `AerSimulator(method=...)` for the addressed method; not cached, since a caller may change it."""
        return methods.target(options.method_of(backend))


def _is_plain(item: Item) -> bool:
    return item.form == "qpy" and item.body.startswith(QPY_MAGIC) and item.body[len(QPY_MAGIC) :][:1] >= _OLDEST


def _method(backend: str, given: Mapping[str, Any]) -> str:
    method = options.method_of(backend)
    asked = given.get("method", method)
    if backend and method not in {"automatic", asked}:
        raise UsageError(f"the address aer/{backend} and the option method={asked!r} contradict each other")
    return str(asked)


def _shots(shots: int | None) -> int:
    if shots is None:
        return DEFAULT_SHOTS
    if isinstance(shots, bool) or not 0 < shots < 1 << 31:
        raise UsageError(f"shots must be a positive whole number, not {shots!r}")
    return shots


def _memory(given: Mapping[str, Any], machine: About) -> int:
    """Bytes that one circuit may need; 0: unlimited, because the user said so."""
    asked = given.get("max_memory_mb", 0)
    if asked < 0:
        return 0
    return asked << 20 if asked else machine.memory


def _worth_counting(memory: int) -> int:
    return memory if memory > _NOTICED else 0


def _groups(ready: list[methods.Ready], cores: int) -> Iterator[tuple[int, list[methods.Ready]]]:
    """Neighbours of about equal cost, with the place of the first; what is heavy stands alone."""
    light = sum(one.cost.seconds for one in ready if one.cost.seconds < _HEAVY)
    share = max(light / (_PARTS * cores), _SMALL)
    start, seconds = 0, 0.0
    for place, one in enumerate(ready):
        alone = one.cost.seconds >= _HEAVY
        if place > start and (alone or ready[place - 1].cost.seconds >= _HEAVY or seconds + one.cost.seconds > share):
            yield start, ready[start:place]
            start, seconds = place, 0.0
        seconds += one.cost.seconds
    yield start, ready[start:]


_about = msgspec.json.Decoder(About)
_outcome = msgspec.msgpack.Decoder(Outcome)
_task = msgspec.msgpack.Decoder(Task)
_OLDEST = bytes([OLDEST_QPY])
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
