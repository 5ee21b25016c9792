"""What goes wrong and when, as data: a script is a list of faults, in Python or in a JSON file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from quantumjobs.errors import UsageError, unknown_name

Kind = Literal[
    "status",
    "reset",
    "hang",
    "redirect",
    "cut",
    "drip",
    "garbage",
    "schema",
    "word",
    "bomb",
    "vanish",
    "expire",
    "fail",
]
KINDS_OF_REPLIES = frozenset({"cut", "drip", "word", "fail"})
"""They change the real reply, so the request is carried out whatever `after` says."""

_Code = Annotated[int, Meta(ge=200, le=599)]
_Positive = Annotated[int, Meta(ge=1)]
_DEFAULT_STATUS = {"status": 503, "redirect": 307, "vanish": 404}


class Fault(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that goes wrong.

    `kind`:

    - `status`: `status` (503 by default) with `headers`, `retry_after` and `body`
    - `reset`: the connection is reset before the reply
    - `hang`: no reply, for `seconds`; then the connection is closed
    - `redirect`: to `location`, by default this server under another name, which is another origin
    - `cut`: the reply announces its whole length, and half of it is sent
    - `drip`: the reply comes at `rate` bytes per second
    - `garbage`: the reply is not what its content type says
    - `schema`: the reply is JSON of another shape
    - `word`: the reply of a look has the status `word`, which nobody has heard of
    - `bomb`: a small gzip body that unpacks to `size` bytes
    - `vanish`: the job asked for is unknown: `status` 404, or 200 with a body that says so
    - `expire`: the token of the request is refused from now on, until another one comes
    - `fail`: the submission is accepted, and the job ends as failed with the message `body`
    """

    kind: Kind
    operation: str = "*"
    """Which requests: an operation of the emulator, or `*` for all."""
    at: _Positive = 1
    """From the n-th of these requests on, counted since the script was set."""
    times: _Positive | None = 1
    """For how many of them; None is for ever."""
    after: bool = False
    """The request is carried out (a job is accepted, a token refused) before its reply goes wrong."""
    status: _Code | None = None
    headers: dict[str, str] = {}
    retry_after: str | int | float | None = None
    """As it is sent: seconds, a date, or nonsense."""
    body: str | None = None
    seconds: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    rate: Annotated[float, Meta(gt=0)] = 64.0
    size: Annotated[int, Meta(ge=1, le=1 << 30)] = 1 << 26
    location: str | None = None
    word: str = "hibernating"

    @property
    def code(self) -> int:
        """The status of the reply, where the fault decides it."""
        return self.status or _DEFAULT_STATUS.get(self.kind, 200)

    @property
    def carries_out(self) -> bool:
        """Whether the request is carried out all the same."""
        return self.after or self.kind in KINDS_OF_REPLIES

    def matches(self, operation: str) -> bool:
        """Whether a request for this operation counts."""
        return self.operation in {"*", operation}


class Script:
    """Counts requests, and says which of them go wrong. Where two faults meet the first one in the list wins."""

    def __init__(self, faults: Iterable[Fault] = (), *, operations: Collection[str]) -> None:
        self._operations = operations
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Begin another script; the counts start anew. Raises `UsageError` for an operation that does not exist."""
        faults = tuple(faults)
        for fault in faults:
            if fault.operation != "*" and fault.operation not in self._operations:
                raise UsageError(unknown_name("operation", fault.operation, [*self._operations, "*"]))
        self.faults: Sequence[Fault] = faults
        self._seen = [0] * len(faults)

    def next(self, operation: str) -> Fault | None:
        """What goes wrong with the request that has just come."""
        found = None
        for place, fault in enumerate(self.faults):
            if not fault.matches(operation):
                continue
            self._seen[place] += 1
            past = self._seen[place] - fault.at
            if found is None and past >= 0 and (fault.times is None or past < fault.times):
                found = fault
        return found


def read_faults(text: str | bytes) -> list[Fault]:
    """The faults of a JSON list. Raises `UsageError` that says what is wrong and where."""
    try:
        return msgspec.json.decode(text, type=list[Fault])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"this is no script of faults: {error}") from error
