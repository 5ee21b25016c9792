"""Calling a codec where it belongs: in the loop when it is trivial, else in a worker that imports it by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import msgspec

from quantumjobs.abc import HYBRID, Codec, Kept, Prepared, Programs, Raw, Request
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from quantumjobs.core.results import Result
    from quantumjobs.workers.pool import WorkerPool

HEAVY = 1 << 20
"""Bytes; a request or result above this gets a worker process of its own."""

ERRAND = -1
"""Preparing and decoding go before simulations: somebody waits for them, and they are short."""


class PrepareCall(msgspec.Struct, frozen=True):
    """`Codec.prepare`, on its way to a worker."""

    codec: str
    request: Request
    about: bytes
    seed: int


class DecodeCall(msgspec.Struct, frozen=True):
    """`Codec.decode`, on its way to a worker."""

    codec: str
    raw: Raw
    layout: bytes | None


def path_of(codec: Codec) -> str:
    """Where a worker finds the codec's class."""
    cls = type(codec)
    if "<" in cls.__qualname__ or cls.__module__ == "__main__":
        message = (
            f"{cls.__qualname__} cannot be imported by a worker: define the codec at the top of an importable module"
        )
        raise UsageError(message)
    return f"{cls.__module__}:{cls.__qualname__}"


_encode = msgspec.msgpack.Encoder().encode
_ordered = msgspec.msgpack.Encoder(order="deterministic").encode
_prepared = msgspec.msgpack.Decoder(Prepared)
_kept = msgspec.msgpack.Decoder(Kept)
_codecs: dict[str, Codec] = {}


def _codec(path: str) -> Codec:
    codec = _codecs.get(path)
    if codec is None:
        module, _, name = path.partition(":")
        found: Any = importlib.import_module(module)
        for attribute in name.split("."):
            found = getattr(found, attribute)
        codec = _codecs[path] = found()
    return codec


# --- in a worker ------------------------------------------------------------------------
def prepare(body: bytes) -> bytes:
    """`Codec.prepare` with everything as bytes."""
    call = msgspec.msgpack.decode(body, type=PrepareCall)
    return _encode(_codec(call.codec).prepare(call.request, call.about, seed=call.seed))


def decode(body: bytes) -> bytes:
    """`Codec.decode` with everything as bytes."""
    call = msgspec.msgpack.decode(body, type=DecodeCall)
    return _codec(call.codec).decode(call.raw, call.layout).to_bytes()


class GatherCall(msgspec.Struct, frozen=True):
    """`Gathers.gather`, on its way to a worker."""

    codec: str
    result: bytes
    shares: int


def gather(body: bytes) -> bytes:
    """`Gathers.gather` with everything as bytes."""
    from quantumjobs.core.results import Result

    call = msgspec.msgpack.decode(body, type=GatherCall)
    codec: Any = _codec(call.codec)
    gathered: Result = codec.gather(Result.from_bytes(call.result), call.shares)
    return gathered.to_bytes()


class KeptCall(msgspec.Struct, frozen=True):
    """`KeepsJobs.kept`, on its way to a worker."""

    codec: str
    body: bytes
    name: str


def kept(body: bytes) -> bytes:
    """`KeepsJobs.kept` with everything as bytes."""
    call = msgspec.msgpack.decode(body, type=KeptCall)
    codec: Any = _codec(call.codec)
    return _encode(codec.kept(call.body, call.name))


# --- in the loop ------------------------------------------------------------------------
def prepared_here(codec: Codec, request: Request, about: bytes, seed: int) -> Prepared:
    """Prepare what is trivial to prepare, among it programs: these were packed already."""
    if request.kind == HYBRID:
        assert isinstance(codec, Programs), "who makes such a request can arrange it"
        return codec.arrange(request, about)
    return codec.prepare(request, about, seed=seed)


async def prepared_by(pool: WorkerPool, codec: Codec, request: Request, about: bytes, seed: int) -> Prepared:
    """Have a worker prepare the request. Cancelling it ends the worker's effort."""
    body = _encode(PrepareCall(path_of(codec), request, about, seed))
    return _prepared.decode(await pool.run(f"{__name__}:prepare", body, rank=ERRAND, heavy=len(body) > HEAVY))


async def decoded_by(pool: WorkerPool, codec: Codec, raw: Raw, layout: bytes | None) -> Result:
    """Have a worker decode a raw result."""
    from quantumjobs.core.results import Result

    body = _encode(DecodeCall(path_of(codec), raw, layout))
    decoded = await pool.run(f"{__name__}:decode", body, rank=ERRAND, heavy=len(body) > HEAVY)
    return Result.from_bytes(decoded, raw=raw.blobs)


async def gathered_by(pool: WorkerPool, codec: Codec, result: Result, shares: int) -> Result:
    """Have a worker put the shares of each circuit together."""
    from quantumjobs.core.results import Result

    body = _encode(GatherCall(path_of(codec), result.to_bytes(), shares))
    return Result.from_bytes(await pool.run(f"{__name__}:gather", body, rank=ERRAND, heavy=len(body) > HEAVY))


async def kept_by(pool: WorkerPool, codec: Codec, body: bytes, name: str) -> Kept:
    """Have a worker read the file of a vendor's client."""
    call = _encode(KeptCall(path_of(codec), body, name))
    return _kept.decode(await pool.run(f"{__name__}:kept", call, rank=ERRAND, heavy=len(call) > HEAVY))


# --- what was asked for -------------------------------------------------------------------
def is_plain(request: Request) -> bool:
    """Nothing but text: what was asked for can be compared as it is."""
    return all(circuit.form == "qasm" for circuit in request.circuits)


def plain(request: Request) -> bytes:
    """A plain request, without labels, as bytes. A program's options have the digests of its blobs."""
    circuits = tuple(msgspec.structs.replace(circuit, label="") for circuit in request.circuits)
    blobs = {} if request.kind == HYBRID else request.blobs
    return _ordered(msgspec.structs.replace(request, circuits=circuits, blobs=blobs))


async def asked_by(pool: WorkerPool, request: Request) -> bytes:
    """Have a worker say what a request asks for, in a form that is the same in every process."""
    body = _encode(request)
    return await pool.run("quantumjobs.circuits.canonical:digest_of", body, rank=ERRAND, heavy=len(body) > HEAVY)
