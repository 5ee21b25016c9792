"""Reading a body within limits: how many bytes on the wire, how many when unpacked, and how fast at the least.

httpx unpacks by itself whatever comes (200 MB out of 194 kB), so bodies are taken raw and unpacked here, piece by piece.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from quantumjobs.errors import ProviderProtocolError, ProviderUnavailable

PIECE = 256 << 10
"""Bytes unpacked without letting the loop turn: about a millisecond."""
ENCODINGS = "gzip, deflate"


class Limits(Struct, frozen=True, kw_only=True):
    """What a reply may be."""

    decoded: int = 64 << 20
    """Bytes when unpacked."""
    ratio: float = 100.0
    """Unpacked to packed, counted beyond `free`: outcomes of a quiet circuit pack a thousandfold, and honestly so."""
    free: int = 8 << 20
    slowest: float = 256.0
    """Bytes a second on the wire, on average ..."""
    grace: float = 10.0
    """... after so many seconds of the body."""


async def read(
    chunks: AsyncIterator[bytes],
    encoding: str,
    limits: Limits,
    *,
    provider: str,
    clock: Callable[[], float],
    patient: bool = False,
) -> bytes:
    """The whole body, unpacked. `patient` lets it come as slowly as it likes.

    Raises `ProviderProtocolError` for one that is too large or cannot be unpacked, `ProviderUnavailable` for one that
    drips.
    """
    unpack = _unpacker(encoding, provider)
    began = clock()
    parts: list[bytes] = []
    packed = decoded = 0
    async for chunk in chunks:
        packed += len(chunk)
        elapsed = clock() - began
        if not patient and elapsed > limits.grace and packed < limits.slowest * elapsed:
            raise ProviderUnavailable(
                f"{provider}: the answer came at {packed / elapsed:.0f} bytes a second, which would take for ever",
                provider=provider,
            )
        for piece in unpack(chunk):
            if parts and len(piece) >= PIECE:
                await asyncio.sleep(0)
            parts.append(piece)
            decoded += len(piece)
            if decoded > limits.decoded or decoded > limits.free + limits.ratio * packed:
                raise ProviderProtocolError(
                    f"{provider}: the answer is larger than it may be ({decoded:,} bytes and more out of {packed:,}; "
                    f"the limit is {limits.decoded:,}, and {limits.ratio:g} times what was sent)",
                    provider=provider,
                )
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpacker(encoding: str, provider: str) -> Callable[[bytes], list[bytes] | _Pieces]:
    if encoding in {"", "identity"}:
        return lambda chunk: [chunk]
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise ProviderProtocolError(f"{provider}: an answer packed as {encoding[:40]!r}", provider=provider)
    # 32: gzip or zlib, told apart by the first bytes.
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    return lambda chunk: _Pieces(inflate, chunk, provider)


class _Pieces:
    """What one chunk unpacks to, a piece at a time."""

    def __init__(self, inflate: zlib._Decompress, chunk: bytes, provider: str) -> None:
        self._inflate, self._rest, self._provider = inflate, chunk, provider

    def __iter__(self) -> _Pieces:
        return self

    def __next__(self) -> bytes:
        if not self._rest or self._inflate.eof:
            raise StopIteration
        try:
            piece = self._inflate.decompress(self._rest, PIECE)
        except zlib.error as error:
            raise ProviderProtocolError(
                f"{self._provider}: the answer cannot be unpacked: {error}", provider=self._provider
            ) from error
        self._rest = self._inflate.unconsumed_tail
        return piece
