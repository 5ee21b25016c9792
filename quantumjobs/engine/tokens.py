"""A job's token: a short text that says where a job is, for another process or host. It has no secret in it.

It is what `client.attach` takes: the ids, the lane and the facts an adapter needs to ask about the job, and what the
user called it. Circuits and results are not in it; on the same ledger they are found again by the id.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.errors import UsageError

PREFIX = "qj1-"
_ID = re.compile(r"[0-9a-f]{16,64}")


class Where(Struct, frozen=True, array_like=True):
    """One remote job."""

    record: str
    remote_id: str | None
    provider: str
    lane: str
    backend: str
    family: str
    circuits: int
    created_at: float
    details: Mapping[str, str]
    offset: int
    count: int


class Ticket(Struct, frozen=True, array_like=True):
    """What a token says."""

    id: str
    address: str
    created_at: float
    name: str | None
    tags: tuple[str, ...]
    single: bool
    kind: str
    options: Mapping[str, Any]
    parts: tuple[Where, ...]
    shares: Annotated[int, msgspec.Meta(ge=0)] = 0


class JobRef:
    """What a pickled job becomes: its token. `client.attach(ref)` makes a job of it again."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __repr__(self) -> str:
        return f"JobRef({self.token!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobRef) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)


def write(handle: Handle, records: Sequence[JobRecord]) -> str:
    """The token of a handle over its records, in the order of its links."""
    parts = tuple(
        Where(
            record.id,
            record.remote_id,
            record.provider,
            record.lane,
            record.backend,
            record.family,
            record.circuits,
            record.created_at,
            dict(record.details),
            link.offset,
            link.count,
        )
        for link, record in zip(handle.links, records, strict=True)
    )
    ticket = Ticket(
        handle.id,
        handle.address,
        handle.created_at,
        handle.name,
        handle.tags,
        handle.single,
        handle.kind,
        dict(handle.options),
        parts,
        handle.shares,
    )
    return PREFIX + base64.urlsafe_b64encode(msgspec.msgpack.encode(ticket)).decode().rstrip("=")


def is_token(text: str) -> bool:
    """Whether a text is meant as a token; addresses are not."""
    return text.startswith(PREFIX)


def read(token: str) -> Ticket:
    """What a token says. Raises `UsageError` for one that is none, or is damaged."""
    body = token.strip().removeprefix(PREFIX)
    try:
        ticket = _decoder.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise UsageError(f"this is no job's token, or it was cut: {_shown(token)}") from error
    ids = [ticket.id, *(part.record for part in ticket.parts)]
    if not ticket.parts or not all(_ID.fullmatch(one) for one in ids):
        raise UsageError(f"this token names no job: {_shown(token)}")
    return ticket


def _shown(token: str) -> str:
    return repr(token if len(token) <= 40 else f"{token[:37]}...")


_decoder = msgspec.msgpack.Decoder(Ticket)
