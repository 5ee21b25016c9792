"""The fake provider's pure half: any circuit is two bits of a Bell pair. No qiskit, no numpy, a few microseconds."""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

import msgspec
from msgspec import Struct

from quantumjobs.abc import Part, Prepared, Raw, Request
from quantumjobs.core.entries import Entry, entry, failed_entry
from quantumjobs.core.results import CircuitResult, Result
from quantumjobs.errors import ProviderProtocolError, UsageError

SCHEMA = "fake/1"
DEFAULT_SHOTS = 1000
_REGISTERS = (("c", 2),)
_ZEROS, _ONES = b"\x00", b"\x03"


class About(Struct, frozen=True, omit_defaults=True):
    """What `describe` says of a fake backend."""

    qubits: int = 2
    part_size: int | None = None
    """Programs per remote job; a longer list is split."""
    shares: int = 0
    """Programs per circuit, whose results are gathered; 0: one, and nothing is."""
    in_order: bool = False
    """Its parts are sent one after the other ..."""
    stop_on_failure: bool = True
    """... until one does not complete."""


class Payload(Struct, frozen=True, array_like=True):
    """What is sent: a fingerprint per circuit."""

    shots: int
    memory: bool
    seed: int
    circuits: tuple[int, ...]


class Outcome(Struct, frozen=True, array_like=True):
    """What comes back: how often 00 was seen, per circuit; -1 for a circuit that failed."""

    shots: int
    memory: bool
    zeros: tuple[int, ...]


_encode = msgspec.msgpack.Encoder().encode
_payload = msgspec.msgpack.Decoder(Payload).decode
_outcome = msgspec.msgpack.Decoder(Outcome).decode


@lru_cache(maxsize=64)
def _about(about: bytes) -> About:
    return msgspec.json.decode(about, type=About) if about else About()


class FakeCodec:
    """Implements `quantumjobs.abc.Codec`; runs in the loop."""

    inline = frozenset({"prepare", "decode"})

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:
        """One part, or as many as the backend's `part_size` asks for."""
        shots = DEFAULT_SHOTS if request.shots is None else request.shots
        if shots < 1:
            raise UsageError(f"shots must be at least 1, not {shots}")
        seed = request.options.get("seed", seed)
        device = _about(about)
        prints = [crc32(circuit.body) for circuit in request.circuits for _ in range(device.shares or 1)]
        size = device.part_size or len(prints) or 1
        return Prepared(
            in_order=device.in_order,
            stop_on_failure=device.stop_on_failure,
            shares=device.shares,
            parts=tuple(
                Part(
                    payload=_encode(Payload(shots, request.memory, seed + start, tuple(prints[start : start + size]))),
                    layout=b"",
                    count=len(prints[start : start + size]),
                )
                for start in range(0, len(prints) or 1, size)
            ),
        )

    def decode(self, raw: Raw, layout: bytes | None) -> Result:  # noqa: ARG002 - the reply says it all
        """One entry per program."""
        if raw.schema != SCHEMA:
            raise ProviderProtocolError(f"not a fake result: schema {raw.schema!r}", provider="fake")
        outcome = _outcome(raw.blobs["result"])
        return Result.of([_entry(zeros, outcome) for zeros in outcome.zeros], raw=raw.blobs)

    def gather(self, result: Result, shares: int) -> Result:
        """All shots of a circuit's programs; failed where one of them is."""
        return Result([_gathered(result[at : at + shares]) for at in range(0, len(result), shares)])


def measure(payload: bytes, *, failed: int = 0) -> Raw:
    """What the fake hardware measures for a payload; the last `failed` circuits without a result."""
    asked = _payload(payload)
    spread = asked.shots // 8 + 1
    good = len(asked.circuits) - failed
    zeros = tuple(
        min(asked.shots, asked.shots // 2 + (circuit ^ (asked.seed + i) * 2_654_435_761) % spread) if i < good else -1
        for i, circuit in enumerate(asked.circuits)
    )
    return Raw(SCHEMA, {"result": _encode(Outcome(asked.shots, asked.memory, zeros))})


def circuits_in(payload: bytes) -> int:
    """How many circuits a payload stands for."""
    return len(_payload(payload).circuits)


def _gathered(programs: Result) -> CircuitResult:
    failed = next((one for one in programs if one.error is not None), None)
    if failed is not None:
        return failed
    shots = sum(one.shots for one in programs)
    (whole,) = Result.of([_entry(sum(one.counts.get("00", 0) for one in programs), Outcome(shots, False, ()))])
    return whole


def _entry(zeros: int, outcome: Outcome) -> Entry:
    if zeros < 0:
        return failed_entry("as told", shots=outcome.shots)
    ones = outcome.shots - zeros
    if outcome.memory:
        return entry(_ZEROS * zeros + _ONES * ones, 2, registers=_REGISTERS)
    kept = [(row, number) for row, number in ((_ZEROS, zeros), (_ONES, ones)) if number]
    return entry(
        b"".join([row for row, _ in kept]),
        2,
        weights=b"".join([number.to_bytes(8, "little") for _, number in kept]),
        shots=outcome.shots,
        registers=_REGISTERS,
    )
