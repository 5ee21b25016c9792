"""Bodies and their names: what is kept in the ledger beside the records, addressed by its content."""

from __future__ import annotations

import sys
from hashlib import blake2b

import msgspec

from quantumjobs.abc import Raw, Request
from quantumjobs.core.records import ResultRef

encode_request = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Request).decode


def digest(body: bytes) -> str:
    """The name of a body in the ledger; equal ones are one object, since thousands of jobs may share a layout."""
    return sys.intern(blake2b(body, digest_size=16).hexdigest())


def keep_raw(raw: Raw) -> tuple[ResultRef, dict[str, bytes]]:
    """A raw result as a reference and the blobs to be committed with it."""
    names = {name: digest(body) for name, body in raw.blobs.items()}
    return ResultRef(raw.schema, names), {names[name]: body for name, body in raw.blobs.items()}
