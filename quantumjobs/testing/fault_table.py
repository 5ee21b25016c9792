"""The fault matrix: what may go wrong with each request to a provider, and what must come of it. One table, as data.

`quantumjobs.testing.fault_rules` runs every cell against an adapter; docs/reference/fault-matrix.md shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict

from quantumjobs.testing.emulators.faults import Fault

Operation = Literal["submit", "look", "fetch", "cancel", "describe"]
OPERATIONS: tuple[Operation, ...] = ("submit", "look", "fetch", "cancel", "describe")


class Says(Enum):
    """What the call of the adapter gives or raises."""

    ANSWER = "answers as if nothing had happened"
    WORD = "a `Status` without a state, with the provider's word"
    NOT_SENT = "`ProviderUnavailable`, `sent=False`"
    UNAVAILABLE = "`ProviderUnavailable`; of a submit `sent=True`"
    PROTOCOL = "`ProviderProtocolError` (or, of a look, `Unreadable`)"
    CREDENTIAL = "`CredentialError`"


class Fate(Enum):
    """What becomes of the job through a whole client, once the trouble is over."""

    GOES_ON = "it completes, and nobody who waited was told; a cancel that met the trouble is sent again, and is heeded"
    DOUBT = (
        "in doubt. Idempotent: the same bytes are sent again, and it completes. Findable: it is looked for, sent again "
        "only when it is proven not to be there, and completes. Unknown: `run()` raises `SubmissionUncertain`, nothing "
        "is sent, and it completes after `adopt()` or `resubmit()`"
    )
    GIVES_UP = (
        "`run()` raises `ProviderUnavailable`: the provider asks for more patience than a run has; nothing is kept"
    )
    RUN_ASKS = (
        "`run()` raises `CredentialError`, and nothing was taken; with a new credential the next `run()` completes"
    )
    PAUSES = "it waits, `job.error` is the `CredentialError`, and it goes on when a new credential is there"


class Outcome(Struct, frozen=True):
    """What one cell promises."""

    says: Says
    fate: Fate = Fate.GOES_ON


FINE = Outcome(Says.ANSWER)
PUZZLE = Outcome(Says.WORD)
UNSENT = Outcome(Says.NOT_SENT)
PASSES = Outcome(Says.UNAVAILABLE)
DOUBT = Outcome(Says.UNAVAILABLE, Fate.DOUBT)
GARBLED = Outcome(Says.PROTOCOL)
RIDDLE = Outcome(Says.PROTOCOL, Fate.DOUBT)
GIVES_UP = Outcome(Says.UNAVAILABLE, Fate.GIVES_UP)
ASKS = Outcome(Says.CREDENTIAL, Fate.RUN_ASKS)
PAUSES = Outcome(Says.CREDENTIAL, Fate.PAUSES)
NAMES = {
    "fine": FINE,
    "puzzle": PUZZLE,
    "unsent": UNSENT,
    "passes": PASSES,
    "doubt": DOUBT,
    "garbled": GARBLED,
    "riddle": RIDDLE,
    "gives up": GIVES_UP,
    "asks": ASKS,
    "pauses": PAUSES,
}
"""How the outcomes are called in the table of the documentation."""


class Asked(Struct, frozen=True):
    """A Retry-After in one of its forms: `seconds` is what it means, None where it means nothing."""

    form: str
    headers: dict[str, str]
    seconds: float | None


_NOW = "Sun, 06 Nov 1994 08:49:37 GMT"
RETRY_AFTER = (
    Asked("without Retry-After", {}, None),
    Asked("with seconds", {"retry-after": "7"}, 7.0),
    Asked("with a fraction of a second", {"retry-after": "0.5"}, 0.5),
    Asked("with an HTTP date", {"date": _NOW, "retry-after": "Sun, 06 Nov 1994 08:49:44 GMT"}, 7.0),
    Asked("with a date of RFC 850", {"date": _NOW, "retry-after": "Sunday, 06-Nov-94 08:49:44 GMT"}, 7.0),
    Asked("with a date of asctime", {"date": _NOW, "retry-after": "Sun Nov  6 08:49:44 1994"}, 7.0),
    Asked("with milliseconds", {"retry-after-ms": "1500"}, 1.5),
    Asked("with nonsense", {"retry-after": "soon"}, None),
    Asked("with a negative number", {"retry-after": "-5"}, 0.0),
    Asked("with years", {"retry-after": "99999999"}, 99999999.0),
)
HUGE = RETRY_AFTER[-1]


class Trouble(Struct, frozen=True):
    """One thing that goes wrong, and what comes of it for each operation; None where it cannot happen to one."""

    name: str
    submit: Outcome
    look: Outcome
    fetch: Outcome
    cancel: Outcome
    describe: Outcome | None
    fault: Fault | None = None
    """What the emulator does; None where nobody is there to do anything, as `away` says."""
    away: Literal["", "refusing", "deaf"] = ""
    either_way: bool = False
    """The request may have been carried out or not; submits and cancels meet it in both ways."""
    credential: Literal["", "once", "for ever"] = ""
    """The credential is refused; "once": another one is there when it is looked for again."""
    wire: bool = False
    """Below HTTP, or a matter of time: to be met on sockets."""
    slow: bool = False
    """A deadline ends it."""
    held: Outcome | None = None
    """Instead, of a look that holds: it has no deadline but its own, after which it is asked anew."""
    asked: Asked | None = None

    def outcome(self, operation: Operation) -> Outcome | None:
        """What an operation's cell promises."""
        found: Outcome | None = getattr(self, operation)
        return found


def _patience(status: int, asked: Asked) -> Trouble:
    fault = Fault("status", status=status, headers=asked.headers)
    describe = GIVES_UP if asked is HUGE else PASSES
    return Trouble(f"{status} {asked.form}", UNSENT, PASSES, PASSES, PASSES, describe, fault, asked=asked)


# fmt: off
TROUBLES: tuple[Trouble, ...] = (
    # trouble                       submit  look     fetch    cancel   describe
    Trouble("refused connection",   UNSENT, PASSES,  PASSES,  PASSES,  PASSES,  away="refusing", wire=True),
    Trouble("connect timeout",      UNSENT, PASSES,  PASSES,  PASSES,  PASSES,  away="deaf", wire=True, slow=True),
    Trouble("reset",                DOUBT,  PASSES,  PASSES,  PASSES,  PASSES,  Fault("reset"), wire=True, either_way=True),
    Trouble("408",                  DOUBT,  PASSES,  PASSES,  PASSES,  PASSES,  Fault("status", status=408), either_way=True),
    Trouble("425",                  UNSENT, PASSES,  PASSES,  PASSES,  PASSES,  Fault("status", status=425)),
    *(_patience(429, asked) for asked in RETRY_AFTER),
    Trouble("500",                  DOUBT,  PASSES,  PASSES,  PASSES,  PASSES,  Fault("status", status=500), either_way=True),
    Trouble("502",                  DOUBT,  PASSES,  PASSES,  PASSES,  PASSES,  Fault("status", status=502), either_way=True),
    Trouble("503",                  DOUBT,  PASSES,  PASSES,  PASSES,  PASSES,  Fault("status", status=503), either_way=True),
    _patience(503, RETRY_AFTER[1]),
    Trouble("504",                  DOUBT,  PASSES,  PASSES,  PASSES,  PASSES,  Fault("status", status=504), either_way=True),
    Trouble("cut body",             DOUBT,  PASSES,  PASSES,  PASSES,  PASSES,  Fault("cut"), wire=True),
    Trouble("garbage",              RIDDLE, GARBLED, GARBLED, GARBLED, GARBLED, Fault("garbage"), either_way=True),
    Trouble("wrong schema",         RIDDLE, GARBLED, GARBLED, GARBLED, GARBLED, Fault("schema"), either_way=True),
    Trouble("unknown status word",  FINE,   PUZZLE,  PUZZLE,  FINE,    None,    Fault("word")),
    Trouble("slow drip",            DOUBT,  PASSES,  PASSES,  PASSES,  PASSES,  Fault("drip", rate=8), wire=True, slow=True,
            held=FINE),
    Trouble("gzip bomb",            RIDDLE, GARBLED, GARBLED, GARBLED, GARBLED, Fault("bomb"), wire=True, either_way=True),
    Trouble("redirect elsewhere",   RIDDLE, GARBLED, GARBLED, GARBLED, GARBLED, Fault("redirect"), wire=True,
            either_way=True),
    Trouble("401 once",             UNSENT, FINE,    FINE,    FINE,    FINE,    Fault("expire"), credential="once"),
    Trouble("401 for ever",         ASKS,   PAUSES,  PAUSES,  PAUSES,  ASKS,    Fault("expire"), credential="for ever"),
    Trouble("read timeout",         DOUBT,  PASSES,  PASSES,  PASSES,  PASSES,  Fault("hang"), wire=True, slow=True,
            either_way=True, held=FINE),
)
# fmt: on


class Cell(Struct, frozen=True):
    """One operation in one trouble. `carried_out`: the request was, before its reply went wrong."""

    operation: Operation
    trouble: Trouble
    carried_out: bool
    outcome: Outcome

    @property
    def test(self) -> str:
        """The name of its rule."""
        what = re.sub(r"\W+", "_", self.trouble.name.lower())
        return f"test_{self.operation}_meets_{what}" + ("_and_was_carried_out" if self.carried_out else "")

    def otherwise(self, outcome: Outcome) -> Cell:
        """The same cell with another outcome."""
        return Cell(self.operation, self.trouble, self.carried_out, outcome)


def cells() -> Iterator[Cell]:
    """All of them, operation by operation."""
    for operation in OPERATIONS:
        for trouble in TROUBLES:
            outcome = trouble.outcome(operation)
            if outcome is None:
                continue
            kind = trouble.fault.carries_out if trouble.fault is not None else False
            yield Cell(operation, trouble, kind, outcome)
            if trouble.either_way and operation in {"submit", "cancel"}:
                yield Cell(operation, trouble, True, outcome)


def scripted(cell: Cell, operation: str, *, times: int | None, **more: object) -> Fault | None:
    """The cell's fault as a script has it, for an operation of the emulator."""
    if cell.trouble.fault is None:
        return None
    told = {**asdict(cell.trouble.fault), "operation": operation, "times": times, "after": cell.carried_out, **more}
    return Fault(**told)
