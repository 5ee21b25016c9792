"""Results' other values as MessagePack: numbers, arrays, and trees of them. No pickle, so they may come from anywhere.

Arrays travel as (dtype, shape, bytes), complex numbers and tuples as extension types of their own, so that what comes
out equals what went in. What has no such form (an object in a circuit's metadata) travels as its text.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.msgpack import Ext

_ARRAY, _COMPLEX, _TUPLE, _BIG = 1, 2, 3, 4
_pair = struct.Struct("<dd")


def dump(value: Any) -> bytes:
    """Encode a tree. Never fails for want of a form: the last resort is `str`."""
    try:
        return _encode(value)
    except (OverflowError, RecursionError, TypeError, ValueError):  # integers beyond 64 bits, circles, odd keys
        return _encode(_plain(value, 32))


def load(data: bytes | memoryview) -> Any:
    """Decode a tree; its arrays are read-only views of `data`."""
    return _decode(data)


def freeze(value: Any) -> Any:
    """Mark tuples inside a tree, which MessagePack would give back as lists."""
    if isinstance(value, dict):
        return {key: freeze(item) for key, item in value.items()}
    if isinstance(value, list):
        return [freeze(item) for item in value]
    if isinstance(value, tuple):
        return Ext(_TUPLE, _encode([freeze(item) for item in value]))
    return value


def plain_items(metadata: Any) -> dict[str, Any]:
    """Of a circuit's metadata what JSON and MessagePack have a form for; the rest is left out."""
    if not isinstance(metadata, Mapping):
        return {}
    return {name: value for name, value in metadata.items() if isinstance(name, str) and _is_plain(value, 8)}


def _pack(value: Any) -> Any:
    if isinstance(value, complex):
        return Ext(_COMPLEX, _pair.pack(value.real, value.imag))
    numpy = sys.modules.get("numpy")  # not loaded: then the value is none of its kinds
    if numpy is not None:
        if isinstance(value, numpy.ndarray) and value.dtype.kind in "biufc":
            return Ext(
                _ARRAY,
                _encode(
                    (value.dtype.str, value.shape, numpy.ascontiguousarray(value).data.cast("B"))
                    if value.size
                    else (value.dtype.str, value.shape, b"")
                ),
            )
        if isinstance(value, numpy.generic):
            return value.item()
    return str(value)


def _unpack(code: int, data: memoryview) -> Any:
    if code == _ARRAY:
        import numpy as np

        dtype, shape, body = _array(data)
        return np.frombuffer(body, dtype=dtype).reshape(shape)
    if code == _COMPLEX:
        return complex(*_pair.unpack(data))
    if code == _TUPLE:
        return tuple(load(bytes(data)))
    if code == _BIG:
        return int(bytes(data), 16)
    raise msgspec.ValidationError(f"unknown kind of value: {code}")


def _plain(value: Any, depth: int) -> Any:
    if depth and isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _plain(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, (list, tuple)):
        return [_plain(item, depth - 1) for item in value]
    if isinstance(value, int) and value.bit_length() > 63:
        return Ext(_BIG, hex(value).encode())
    if value is None or isinstance(value, (str, bool, int, float, complex, bytes, Ext)):
        return value
    packed = _pack(value)
    return packed if packed is not value else str(value)


def _is_plain(value: Any, depth: int) -> bool:
    if isinstance(value, bool) or value is None or isinstance(value, (str, float)):
        return True
    if isinstance(value, int):
        return value.bit_length() < 64
    if isinstance(value, (list, tuple)):
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return depth > 0 and all(isinstance(name, str) and _is_plain(item, depth - 1) for name, item in value.items())
    return False


_encode = msgspec.msgpack.Encoder(enc_hook=_pack).encode
_decode = msgspec.msgpack.Decoder(ext_hook=_unpack).decode
_array = msgspec.msgpack.Decoder(tuple[str, tuple[int, ...], memoryview]).decode
