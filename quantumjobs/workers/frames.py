"""The bytes between the pool and its workers: one small message and one body per frame, many frames per write.

A frame is ``length of message | length of body | message | body``. Bodies stay outside the message so that a large one
is never copied by an encoder, and is received into the very object that is handed to the caller.
"""

from __future__ import annotations

import io
import struct
from typing import Generic, TypeVar

import msgspec

__all__ = [
    "Done", "Failed", "FrameReader", "FromWorker", "Hello", "Path", "Progress", "Run", "Skip", "Skipped", "ToWorker",
    "from_worker", "head", "to_worker",
]  # fmt: skip

_HEAD = struct.Struct("<IQ")
_encode = msgspec.msgpack.Encoder().encode


class Run(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Call this function with the frame's body. ``call`` numbers grow; a worker takes them in order."""

    call: int
    function: str


class Skip(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Do not begin this call. Answered with ``Skipped`` in its turn, or with a result when it came too late."""

    call: int


class Path(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The caller's ``sys.path`` is now this."""

    entries: tuple[bytes, ...]


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """The worker is there and waits for calls."""

    pid: int


class Done(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The body is what the function returned; ``micros`` is how long it took."""

    call: int
    micros: int


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The body is an encoded ``Fault``."""

    call: int


class Progress(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The body is what the running function reported."""

    call: int


class Skipped(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The call's turn came, and it was not begun."""

    call: int


ToWorker = Run | Skip | Path
FromWorker = Hello | Done | Failed | Progress | Skipped

to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)

Message = TypeVar("Message")


def head(message: ToWorker | FromWorker, size: int = 0) -> bytes:
    """Encode a frame but for its body, which must follow with exactly ``size`` bytes."""
    data = _encode(message)
    return _HEAD.pack(len(data), size) + data


class FrameReader(Generic[Message]):
    """Cuts a stream into frames. The peer is our own process: lengths are believed."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[Message]) -> None:
        self._decode = decoder.decode
        self._rest = b""
        self._message: Message | None = None
        self._body = io.BytesIO()
        self.missing = 0  # bytes of a long body still to come

    @property
    def is_clean(self) -> bool:
        """Whether the stream stands between two frames."""
        return not self._rest and not self.missing

    def feed(self, data: bytes) -> list[tuple[Message, bytes]]:
        frames: list[tuple[Message, bytes]] = []
        if self.missing:
            taken = min(self.missing, len(data))
            # BytesIO grows by remapping and gives its buffer away as bytes: no second copy of a 100 MB result, which
            # would hold the event loop for as long as it lasts.
            self._body.write(memoryview(data)[:taken])
            self.missing -= taken
            if self.missing:
                return frames
            assert self._message is not None  # set with `missing`
            frames.append((self._message, self._body.getvalue()))
            self._message, self._body = None, io.BytesIO()
            data = data[taken:]
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= _HEAD.size:
            message_size, body_size = _HEAD.unpack_from(data, at)
            start = at + _HEAD.size + message_size
            if start > end:
                break
            message = self._decode(data[at + _HEAD.size : start])
            at = start + body_size
            if at > end:
                self._message, self.missing = message, at - end
                self._body.write(memoryview(data)[start:])
                at = end
                break
            frames.append((message, data[start:at]))
        self._rest = data[at:]
        return frames
