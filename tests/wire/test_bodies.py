"""Bodies within limits."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.errors import ProviderProtocolError, ProviderUnavailable
from quantumjobs.wire.bodies import Limits, read


async def chunks(body: bytes, size: int, pause: float = 0.0) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        if pause:
            await asyncio.sleep(pause)
        yield body[at : at + size]


async def taken(body: bytes, encoding: str = "", *, size: int = 1000, pause: float = 0.0, **limits: float) -> bytes:
    return await read(
        chunks(body, size, pause),
        encoding,
        Limits(**limits),  # type: ignore[arg-type]
        provider="acme",
        clock=asyncio.get_running_loop().time,
    )


@given(st.binary(max_size=5000), st.integers(1, 700), st.sampled_from(["", "gzip", "deflate", "x-gzip", "identity"]))
async def test_a_body_comes_out_as_it_was_packed(body: bytes, size: int, encoding: str):
    packed = {"": body, "identity": body, "deflate": zlib.compress(body)}.get(encoding, gzip.compress(body))
    assert await taken(packed, encoding, size=size) == body


async def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = gzip.compress(bytes(300 << 20), 9)
    assert len(bomb) < 320_000
    tracemalloc.start()
    with pytest.raises(ProviderProtocolError, match="larger than it may be"):
        await taken(bomb, "gzip", size=64 << 10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


async def test_outcomes_that_pack_a_thousandfold_are_no_bomb():
    honest = b"[" + b"[0,0,0,0],"[:-1] * 400_000 + b"]"
    assert await taken(gzip.compress(honest, 9), "gzip") == honest


async def test_a_plain_body_over_the_limit_is_refused():
    with pytest.raises(ProviderProtocolError):
        await taken(bytes(2000), decoded=1500, size=100)


async def test_garbage_that_claims_to_be_packed_is_a_protocol_error():
    with pytest.raises(ProviderProtocolError, match="cannot be unpacked"):
        await taken(b"not gzip at all", "gzip")
    with pytest.raises(ProviderProtocolError, match="'br'"):
        await taken(b"x", "br")


async def test_a_drip_ends_and_a_slow_start_does_not():
    with pytest.raises(ProviderUnavailable, match="bytes a second"):
        await taken(bytes(100), size=1, pause=1.0)
    assert await taken(bytes(5000), size=5000, pause=9.0) == bytes(5000)
    assert asyncio.get_running_loop().time() < 60


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_a_patient_reader_takes_what_drips(encoding: str):
    body: Sequence[int] = bytes(100)
    packed = gzip.compress(bytes(body)) if encoding else bytes(body)
    clock = asyncio.get_running_loop().time
    found = await read(chunks(packed, 1, 60.0), encoding, Limits(), provider="acme", clock=clock, patient=True)
    assert found == body
