"""What is taken of a job that came in a file: somebody may have made it to do us harm.

A file may tell what happened: states, stories, results, the text of circuits. It may not make this machine run code or
spend money:

* Nothing in it is ever unpickled. Pickled circuits are struck out of the request, encoded objects (noise models) too.
  Payloads and layouts, which only we were to write, stay only where their provider's codec looked into them and says
  that reading them runs no code; what nobody vouches for goes. (A raw result is the provider's word anyway.) A body is
  known by its digest, so what was looked at is what is read; and a record without a payload can never be sent, also
  when the same body comes into the ledger in another role.
* Nothing in it is sent to a provider unasked. What may or may not have been sent by the ledger it came from is in
  doubt, and no wish to cancel is carried over.
* Its key is not taken: a key says that *this* ledger has run the request.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from quantumjobs.abc import Circuit
from quantumjobs.core.records import STORY_LIMIT, JobRecord, Line
from quantumjobs.core.states import TERMINAL, UNACCEPTED, JobState
from quantumjobs.engine.bodies import decode_request, digest, encode_request
from quantumjobs.engine.portable import Carried

S = JobState

BARRED = "barred"
"""The form of a circuit that is not there any more; `circuits.load` says why."""
PLAIN_FORMS = frozenset({"qpy", "qasm", "path", BARRED})
NEEDS_PICKLE = "what it would run is a pickle, which is never read from a file: run it again from where it came from"
NOT_KNOWN = "whether it was sent is known only to the ledger it came from"

IsPlain = Callable[[JobRecord, str, bytes], bool]
"""`is_plain(record, what, body)`, with `what` "payload" or "layout": the codec says that reading the body runs no code.
It never raises."""


def barred(carried: Carried, *, at: float, is_plain: IsPlain, rerunnable: Callable[[JobRecord], bool]) -> Carried:
    """The job without what a file may not bring in. Seconds since the epoch; the records are otherwise as they came.

    A live record that would have to run here and cannot ends as lost, and says why.
    """
    request, body = _request(carried)
    handle = replace(carried.handle, key=None, request=request)
    records = tuple(_record(record, carried.blobs, at, is_plain, rerunnable) for record in carried.records)
    wanted = {name for record in records for name in (record.payload, record.layout, *_results(record)) if name}
    blobs = {name: kept for name, kept in carried.blobs.items() if name in wanted}
    return Carried(handle, records, {**blobs, request: body} if request else blobs)


def _request(carried: Carried) -> tuple[str, bytes]:
    """The request with circuits of text, QPY and paths only; "" where it cannot be read."""
    if not carried.handle.request:
        return "", b""
    try:
        asked = decode_request(carried.blobs[carried.handle.request])
    except msgspec.MsgspecError:
        return "", b""
    circuits = tuple(one if one.form in PLAIN_FORMS else Circuit(BARRED, b"", one.label) for one in asked.circuits)
    body = encode_request(replace(asked, circuits=circuits, blobs={}))
    return digest(body), body


def _record(
    record: JobRecord,
    blobs: dict[str, bytes],
    at: float,
    is_plain: IsPlain,
    rerunnable: Callable[[JobRecord], bool],
) -> JobRecord:
    payload = record.payload if record.payload and is_plain(record, "payload", blobs[record.payload]) else ""
    layout = record.layout if record.layout and is_plain(record, "layout", blobs[record.layout]) else ""
    record = replace(record, payload=payload, layout=layout, cancel_wanted=False)
    if record.state in TERMINAL:
        return record
    if rerunnable(record):
        return record if payload else _moved(record, S.LOST, at, NEEDS_PICKLE)
    if record.state in UNACCEPTED and record.remote_id is None:
        sent_at = record.created_at if record.sent_at is None else record.sent_at
        record = replace(record, payload="", sent_at=sent_at, doubtful=True)  # looked for at most, never sent
        return _moved(record, S.IN_DOUBT, at, NOT_KNOWN)
    return record


def _moved(record: JobRecord, state: JobState, at: float, why: str) -> JobRecord:
    line = Line(at, "imported", record.state, state, why)
    return replace(record, state=state, reason=why, story=(*record.story, line)[-STORY_LIMIT:])


def _results(record: JobRecord) -> tuple[str, ...]:
    return () if record.result is None else tuple(record.result.blobs.values())
