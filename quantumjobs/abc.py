"""The contract: all that a plug-in or a ledger must hold, on one page.

A plug-in has a pure half (`Codec`: circuits to payloads, raw bytes to results; runs in a worker, without credentials)
and an I/O half (`Adapter`, one per lane; keeps nothing about jobs). What a provider cannot do, it says by lacking the
capability's method, never by `NotImplementedError`. Status words are data: one table per provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct

from quantumjobs.core.events import AnyEvent
from quantumjobs.core.logs import LogLine
from quantumjobs.core.records import Handle, JobRecord, Progress, Stamp
from quantumjobs.core.states import JobState
from quantumjobs.core.traits import Traits

if TYPE_CHECKING:
    from quantumjobs.core.results import Result


CIRCUITS, HYBRID = "circuits", "hybrid"
"""Kinds of requests, and of the jobs that come of them."""


# --- values that cross the line between engine and adapter ------------------------------
class Circuit(Struct, frozen=True):
    """One circuit as the user gave it. `form`: "qpy", "pickle" (only Aer's own instructions need it), "qasm", "path".

    "qasm" is any text: a plug-in may take programs in a language of its vendor's, too.
    """

    form: str
    body: bytes
    label: str = ""
    """For error messages: a file's name, or the item's place in the list."""


class Request(Struct, frozen=True, kw_only=True):
    """What the user asked, ready for `Codec.prepare`."""

    backend: str
    circuits: tuple[Circuit, ...] = ()
    shots: int | None = None
    memory: bool = False
    transpile: bool = True
    optimization_level: int = 1
    options: dict[str, Any] = {}
    """Plain values: str, int, float, bool, None, and lists and dicts of them."""
    blobs: dict[str, bytes] = {}
    """Options that are objects (noise models, parameter bindings, observables), encoded by the provider."""
    kind: str = CIRCUITS


class Part(Struct, frozen=True, kw_only=True):
    """One remote job to be."""

    payload: bytes
    """The request's body without token and secrets."""
    layout: bytes
    """All that `decode` needs besides the raw result."""
    count: int
    """How many of the request's circuits it stands for, in order."""
    details: dict[str, str] = {}
    """Small facts that later calls need: the adapter's only memory across restarts."""


class Prepared(Struct, frozen=True, kw_only=True):
    """The answer of `Codec.prepare`: the parts, in the circuits' order."""

    parts: tuple[Part, ...]
    in_order: bool = False
    """Each part is sent only when the one before it has ended ..."""
    stop_on_failure: bool = True
    """... and only if that has completed; else those behind it are cancelled."""
    shares: int = 0
    """So many results in a row are made one of the user's by `Gathers.gather`: a circuit measured in several bases. 0: each
    is the user's as it is."""


class Sending(Struct, frozen=True, kw_only=True):
    """One request to submit; the same token and bytes at every attempt."""

    backend: str
    payload: bytes
    token: str
    first_sent_at: float
    attempt: int
    details: Mapping[str, str] = {}


class Remote(Struct, frozen=True, kw_only=True):
    """What an adapter gets to know of a job it is asked about. Times are seconds since the epoch."""

    id: str
    backend: str
    created_at: float
    details: Mapping[str, str] = {}
    cancel_wanted: bool = False
    attempt: int = 1


class Raw(Struct, frozen=True):
    """A result as the provider gave it; kept, so that a decoder's fix is retroactive."""

    schema: str
    blobs: dict[str, bytes]


class Status(Struct, frozen=True, kw_only=True):
    """A provider's word on one job."""

    state: JobState | None
    """None: a word that is not in the adapter's table."""
    raw_status: str = ""
    """The provider's own word."""
    queue_position: int | None = None
    """Jobs ahead."""
    progress: Progress | None = None
    eta: float | None = None
    """When it should be done, seconds since the epoch."""
    timeline: tuple[Stamp, ...] = ()
    """What the provider tells of the job's past, all of it each time."""
    details: dict[str, str] = {}
    reason: str = ""
    result: Raw | None = None
    """Carried by the answer (any terminal state: a failed job may have a partial result)."""
    has_result: bool = False
    """`fetch` would give one."""
    hint: bool = False
    """May lag (a search index): it may only move the job forward."""


class Gone(Struct, frozen=True):
    """The provider answered that it does not know this job."""

    reason: str


class LookCloser(Struct, frozen=True):
    """A survey saw something that only a single look can explain."""


class Unreadable(Struct, frozen=True):
    """An answer about this job that nobody understands; looked at again later."""

    reason: str


Answer = Status | Gone | LookCloser | Unreadable


class Accepted(Struct, frozen=True, kw_only=True):
    """The provider took the job."""

    remote_id: str
    status: Status | None = None
    """What the same reply already says of it."""


class CancelReply(Enum):
    """A provider's answer to a cancel."""

    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    """Accepted, and one look will show it cancelled."""
    TOO_LATE = "too_late"
    REFUSED = "refused"


Report = Callable[[str, Answer], None]
"""Push: `report(remote_id, answer)`, in the loop's thread. It never raises and never blocks."""


# --- the plug-in ------------------------------------------------------------------------
@runtime_checkable
class Codec(Protocol):
    """The pure half. No credentials, no I/O besides reading the files a request names; importable by name.

    A method named in `inline` is trivial and needs no qiskit: it runs in the loop. The others run in workers, which
    import the codec by its class's module and name and construct it without arguments.
    """

    @property
    def inline(self) -> frozenset[str]:
        """Of "prepare" and "decode", those that run in the loop."""
        ...

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:
        """Turn circuits into payloads. The same arguments give the same payloads.

        `about` is what `describe` gave; `seed` is drawn by the engine, for a request that names none.
        Raises `UsageError` naming the circuit or file, the line where there is one, and what to do.
        """
        ...

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        """Turn a raw result into a `Result`; also without a layout, as far as the reply allows."""
        ...


@runtime_checkable
class Gathers(Codec, Protocol):
    """A codec that runs a circuit as several programs; see `Prepared.shares`."""

    def gather(self, result: Result, shares: int) -> Result:
        """One entry of every `shares` of them in a row. Runs in a worker, when all parts have been decoded.

        Of a job that failed in part some entries failed, too: they have an error, and nothing else.
        """
        ...


@runtime_checkable
class Targets(Protocol):
    """A codec whose backends have a target that Qiskit's transpiler takes."""

    def target(self, backend: str, about: bytes) -> Any:
        """Qiskit's `Target` of the backend; `about` is what `describe` gave.

        Imports qiskit and may take a second: never called in the loop's thread. Raises `UsageError` where the backend
        is not there.
        """
        ...


@runtime_checkable
class Vouches(Protocol):
    """A codec that can tell whether a body which came in a file may be kept."""

    def is_plain(self, what: str, body: bytes) -> bool:
        """True when a body ("payload" or "layout") is one of ours and reading it runs no code. Never raises."""
        ...


class Kept(Struct, frozen=True, kw_only=True):
    """A job as the vendor's own client has kept it in a file."""

    tool: str
    """The client's name."""
    remote_id: str
    backend: str
    """"" where the file does not say: whoever restores it does."""
    shots: int | None
    memory: bool
    circuits: tuple[Circuit, ...]
    layout: bytes
    is_local: bool = False
    """A simulation of that client's own: nothing of it is left, and it is run again."""


@runtime_checkable
class Programs(Protocol):
    """A codec of a provider that runs whole programs. Both are trivial: they run in the loop."""

    def arrange(self, request: Request, about: bytes) -> Prepared:
        """One part: a program that was packed already. Raises `UsageError` for what `about` does not allow."""
        ...

    def values(self, raw: Raw) -> Mapping[str, bytes]:
        """What a program has saved, by name: each JSON. Raises `UsageError` for what is no plain JSON."""
        ...


@runtime_checkable
class KeepsJobs(Protocol):
    """A codec that reads files in which the vendor's own client keeps jobs."""

    def is_kept(self, start: bytes) -> bool:
        """Whether a file that begins like this is one. Trivial: it runs in the loop."""
        ...

    def kept(self, body: bytes, name: str) -> Kept:
        """The job in a file; runs in a worker. Raises `UsageError` naming the file."""
        ...


@runtime_checkable
class Provider(Protocol):
    """A plug-in: names, data, and how to connect. Constructed without I/O."""

    name: str

    @property
    def codec(self) -> Codec: ...

    def lane(self, backend: str) -> str:
        """Origin and account, without a secret; jobs of another lane are never asked about here."""
        ...

    def family(self, backend: str) -> str:
        """Backends of one family behave alike."""
        ...

    def traits(self, family: str) -> Traits: ...

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Check options by name and type; split them into plain values and encoded objects.

        Raises `UsageError` (see `errors.unknown_name`) before anything is sent.
        """
        ...

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:
        """Open the I/O half. Raises `CredentialError` where credentials are missing, saying where we looked."""
        ...


@runtime_checkable
class Lanes(Protocol):
    """A provider whose backends are in several lanes."""

    def lanes(self) -> Sequence[str]:
        """Those that are set up here: where backends are listed, each is asked."""
        ...


@runtime_checkable
class Describes(Protocol):
    """A provider whose options choose what circuits are prepared for, such as a calibration."""

    def described(self, backend: str, options: Mapping[str, Any]) -> str:
        """What `Adapter.describe` is asked about for a request with these options: the backend, or `<backend>/...`."""
        ...


@runtime_checkable
class Computes(Protocol):
    """A provider with backends that compute what others draw: asked with `shots=0`."""

    def least_shots(self, backend: str) -> int:
        """0 or 1."""
        ...


class Program(Struct, frozen=True, kw_only=True):
    """What a user wants to have run beside a device, as it was given."""

    device: str
    source: Any
    """A folder, a file, a URL of the provider's storage, or a function."""
    entry_point: str | None = None
    arguments: Mapping[str, Any] | None = None
    """Of a function."""
    local: bool = False
    name: str | None = None
    options: Mapping[str, Any] = {}


class Attached(Struct, frozen=True):
    """A job that was submitted elsewhere."""

    backend: str
    """What it was sent to."""
    remote_id: str
    """As the adapter is asked about it."""
    kind: str = CIRCUITS


@runtime_checkable
class RunsPrograms(Protocol):
    """A provider that runs whole programs beside its devices: hybrid jobs."""

    def program(self, program: Program) -> Request:
        """A request of the kind "hybrid": its options tell all of it, with digests of the blobs.

        It reads files and packs them: never called in the loop's thread. Raises `UsageError` before anything is sent.
        """
        ...

    def attached(self, backend: str, remote_id: str) -> Attached:
        """What a job is that a user attaches to by its id."""
        ...


class LoginPage(Struct, frozen=True, kw_only=True):
    """What a user is to do: open `url`, and compare or type in the code there, within so many seconds."""

    url: str
    """http(s), and printable."""
    code: str
    expires_in: float


Show = Callable[[LoginPage], object]
"""Tells the user. It runs in the loop and must not block; what it gives is awaited, if that is possible."""


class Identity(Struct, frozen=True, kw_only=True):
    """Who one is to a provider. Without a secret."""

    provider: str
    """As addressed: "aqt" or "aqt:lab2"."""
    origin: str
    """Where the credential was found."""
    subject: str = ""
    """Whose it is, where it says so; nobody checked that."""
    until: float | None = None
    """When it ends, in seconds since the epoch; None where it does not say so."""
    accepted: bool | None = None
    """Whether the provider takes it; None where that was not asked or not answered."""
    reason: str = ""
    """Why not."""
    workspaces: tuple[str, ...] = ()
    """What it opens."""
    stored: tuple[str, ...] = ()
    """The files in which it is kept from now on."""
    notes: tuple[str, ...] = ()


class SignedOut(Struct, frozen=True, kw_only=True):
    """What came of signing out."""

    files: tuple[str, ...]
    """Those that were removed."""
    left: tuple[str, ...] = ()
    """Where credentials are that are still there, and are used from now on."""


@runtime_checkable
class SignsIn(Protocol):
    """A provider at which a user can sign in; what is kept of that is its own affair."""

    async def sign_in(self, show: Show) -> Identity:
        """Sign in, with the user's help where that is needed: see `Show`. Ends when it is done, refused or too late.

        Bad weather is waited out within bounds. Raises `CredentialError`, `ProviderUnavailable`. Cancelled, it leaves
        nothing behind.
        """
        ...

    async def sign_out(self) -> SignedOut:
        """Forget the sign-in that is kept; harmless where there is none. Raises `CredentialError` where it cannot."""
        ...

    async def identity(self) -> Identity:
        """Ask the provider whether it takes the credential that would be used now.

        Raises `CredentialError` where there is none, and `ProviderUnavailable` where none can be had now.
        """
        ...


@runtime_checkable
class Adapter(Protocol):
    """The I/O half, one per lane. Keeps nothing about jobs. Raises only `ProviderError` or `CredentialError`."""

    async def describe(self, backend: str) -> bytes:
        """What `prepare` must know of the backend; cached by the engine, stored with the intent."""
        ...

    async def submit(self, sending: Sending) -> Accepted:
        """One billable request, one attempt; a function of payload, token and secrets only.

        `ProviderUnavailable(sent=False)` only with proof that nothing was taken; `ProviderRejected` for a final no.
        """
        ...

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """Look at no more than `traits.bulk` jobs. Jobs without news may be left out; others may be added."""
        ...


@runtime_checkable
class Fetches(Protocol):
    """Results are apart from the status."""

    async def fetch(self, job: Remote) -> Raw:
        """The raw result. Raises `ProviderRejected` when it is gone for good."""
        ...


@runtime_checkable
class Cancels(Protocol):
    """Jobs can be cancelled."""

    async def cancel(self, job: Remote) -> CancelReply: ...


@runtime_checkable
class Stages(Protocol):
    """Something free and repeatable comes before a submit (uploads)."""

    async def stage(self, sending: Sending) -> None:
        """Failing here is never a doubt."""
        ...


@runtime_checkable
class Finds(Protocol):
    """A job can be looked for by our token."""

    async def find(self, sending: Sending) -> Sequence[str]:
        """Remote ids, oldest first."""
        ...


class Surveyed(Struct, frozen=True):
    """One page of a survey."""

    answers: Mapping[str, Answer]
    """By remote id. Others' jobs may be among them, and are passed over."""
    after: str = ""
    """What to ask with for the next page; "" where this was the last."""


@runtime_checkable
class Surveys(Protocol):
    """Requests that tell of many jobs at once. They may lag, so their words are hints (see `Status`).

    A job that a whole survey does not mention is looked at by itself, as is one whose answer is `LookCloser`.
    """

    survey_from: int
    """So many jobs of one lane and family at the least; fewer are looked at one by one."""
    per_page: int
    """Jobs one page can tell of."""
    worth: int
    """From 1 to `per_page`: where pages tell of fewer of the jobs than this, on the average, looks are the better way."""

    async def survey(self, jobs: Sequence[Remote], after: str = "") -> Surveyed:
        """One page, one request: "survey" in the traffic. All pages of a survey are asked for with the same jobs."""
        ...


@runtime_checkable
class Lists(Protocol):
    """The lane's backends can be listed."""

    async def backends(self) -> Sequence[str]:
        """Names that `client.backend("<provider>/<name>")` takes."""
        ...


@runtime_checkable
class Pools(Protocol):
    """The adapter keeps connections open between requests."""

    async def drop_connections(self) -> None:
        """Pooled connections are dropped: after a suspend they are dead. What is under way on them may fail."""
        ...


class LogPage(Struct, frozen=True):
    """One page of a log: the lines behind a place in it."""

    lines: Sequence[LogLine]
    """In the order in which they were written. None does not mean that this is the end."""
    after: str
    """What to ask with for what comes behind them, now or later; no secret."""
    more: bool
    """Whether to ask again at once; else this was all there is by now."""
    closed: bool = False
    """Nothing will ever come behind them."""


@runtime_checkable
class Logs(Protocol):
    """Jobs write logs, one stream for each instance. A page or a list is one request: "logs" in the traffic."""

    async def log_streams(self, job: Remote) -> Sequence[str]:
        """The streams that are there by now, always in the same order; none before the job has begun."""
        ...

    async def log_page(self, job: Remote, stream: str, after: str = "") -> LogPage:
        """A page of one stream; from its beginning without `after`. What was lost on the way may be asked for again."""
        ...


@runtime_checkable
class Metrics(Protocol):
    """Jobs report metrics: lines of their logs that look like `Metrics - name=value; ...`."""

    async def metric_page(self, job: Remote, after: str = "") -> LogPage:
        """A page of those lines, of all streams; one request: "metrics" in the traffic."""
        ...


class Piece(Struct, frozen=True):
    """A part of a file that may be large."""

    body: bytes
    total: int
    """Bytes of the whole file."""
    tag: str
    """Tells this file from another one in the same place."""


@runtime_checkable
class Artifacts(Protocol):
    """Jobs leave files, packed into one archive (gzip of tar). A piece is one request: "download" in the traffic."""

    async def piece(self, job: Remote, at: int, tag: str = "") -> Piece:
        """A few megabytes from byte `at` on; of the file that was tagged so.

        Raises `ProviderRejected` where there is no such file, or not the same one any more.
        """
        ...


@runtime_checkable
class Tells(Protocol):
    """The provider tells of a job more than the engine understands."""

    async def metadata(self, job: Remote) -> bytes:
        """The whole answer, JSON. Raises `ProviderRejected` where the job is not known (any more)."""
        ...


class Child(Struct, frozen=True):
    """A remote job that a program has made."""

    id: str
    backend: str
    """What `client.backend("<provider>/...")` takes."""
    created_at: float = 0.0
    """Seconds since the epoch."""


class Children(Struct, frozen=True):
    """One page of them, in any order."""

    jobs: Sequence[Child]
    after: str = ""
    """What to ask with for the next page; "" where this was the last."""


@runtime_checkable
class Spawns(Protocol):
    """Programs that run at the provider make jobs of their own."""

    async def children(self, job: Remote, after: str = "") -> Children:
        """A page of them, one request: "find" in the traffic."""
        ...


# --- the ledger -------------------------------------------------------------------------
class Change(Struct, frozen=True, kw_only=True):
    """One record, as it is after `event`; no event means that it is new."""

    record: JobRecord
    event: AnyEvent | None = None


class Ledger(Protocol):
    """Durable records, handles, events and blobs. `quantumjobs.testing.LedgerRules` is its rule suite.

    Several ledger objects may stand on one store, in one process or in many. A record belongs to the object that
    committed it first, or last with a higher fence, until that object is closed or its process ends. Whoever takes a
    record over raises its fence; anybody may commit to it with the fence that it holds.
    """

    @property
    def immediate(self) -> bool:
        """`commit` never suspends (memory): its caller cannot be cancelled half-way, and need not be shielded."""
        ...

    @property
    def shared(self) -> bool:
        """Others may write to the same store: `others` and `orphans` are worth asking again."""
        ...

    async def commit(
        self, changes: Sequence[Change], *, handles: Sequence[Handle] = (), blobs: Mapping[str, bytes] = {}
    ) -> None:
        """All or nothing, durable on return. `blobs` maps digests to bytes.

        Raises `LedgerConflict` where a record's version is not the held one plus one (0 or more for a new record) or
        its fence is older than the held one, `KeyConflict` where a new handle's key is taken, `LedgerWriteError`
        where nothing could be written.
        """
        ...

    async def blob(self, digest: str) -> bytes:
        """Raises `LedgerError` where it is not held (any more)."""
        ...

    async def record(self, job_id: str) -> JobRecord:
        """Raises `LedgerError` for an unknown id."""
        ...

    async def records(self, job_ids: Sequence[str]) -> Sequence[JobRecord]:
        """Those of the ids that are held, in the order of the ids."""
        ...

    async def handle(self, handle_id: str) -> Handle:
        """Raises `LedgerError` for an unknown id."""
        ...

    async def by_key(self, key: str) -> Handle | None: ...

    async def by_remote(self, lane: str, remote_id: str) -> Handle | None:
        """The newest handle with a record of that lane and remote id."""
        ...

    async def handles(self, *, since: float | None = None, tag: str | None = None) -> Sequence[Handle]:
        """Handles, newest first, created at `since` (seconds since the epoch) or later."""
        ...

    async def unsettled(self) -> Sequence[JobRecord]:
        """Not terminal, or terminal with a result that is not kept yet."""
        ...

    async def orphans(self) -> Sequence[JobRecord]:
        """Unsettled, and belonging to nobody: their owner was closed, or its process has ended."""
        ...

    async def others(self, *, after: int | None) -> tuple[int, Sequence[JobRecord]]:
        """The last cursor, and the records, as they are now, that other objects have changed after a cursor.

        With None, the cursor alone. Cheap where nothing has changed: it is asked several times a second.
        """
        ...

    async def events(self, *, after: int = 0, limit: int = 1000) -> Sequence[tuple[int, str, AnyEvent]]:
        """(cursor, job id, event) in the order of their commits, after a cursor; of all who write to the store."""
        ...

    async def remove(self, handle_ids: Sequence[str]) -> int:
        """Forget handles, with the records, events and blobs that nobody else refers to; bytes of blobs freed.

        Handles with an unsettled record stay, whoever asks.
        """
        ...

    async def aclose(self) -> None:
        """What was committed stays. Records that belong to this object belong to nobody from now on."""
        ...
