"""Jobs that qiskit-aqt-provider kept in files: what they say, and the layout that their results are read by.

Version 1 writes a JSON document named by the job's id, version 2 a `<job id>.aqt-job` with a line of JSON before the
circuits. Both keep the circuits as QPY, and neither a token.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from quantumjobs.abc import Circuit
from quantumjobs.adapters.aqt.codec import Layout, Plan
from quantumjobs.adapters.aqt.programs import sources_of
from quantumjobs.circuits.load import dump, load
from quantumjobs.core import values
from quantumjobs.errors import UsageError

MOST_BYTES = 256 << 20
SUFFIX = ".aqt-job"
FORMAT = 1
MOST_SHOTS = 1 << 20  # far above AQT's limit; what is larger is damage
_ID = re.compile(r"[0-9A-Za-z._-]{1,100}")
_QPY = b"QISKIT"


class Persisted(Struct, frozen=True, kw_only=True):
    """What such a file says."""

    remote_id: str
    workspace: str
    """"" where the file does not say: version 2 keeps the resource only."""
    resource: str
    shots: int
    memory: bool
    circuits: tuple[Circuit, ...]
    """One QPY body with all of them; its label is the file's name."""
    count: int | None = None
    """How many circuits there should be, where the file says it."""
    kind: str = "cloud"
    """Or "direct" (the file does not say which host) or "offline"."""

    @property
    def backend(self) -> str:
        """Of the address `aqt/<workspace>/<resource>`; without a workspace only the resource; "" for a device's."""
        if self.kind == "direct":
            return ""
        return f"{self.workspace}/{self.resource}" if self.workspace else self.resource


class Planned(Struct, frozen=True):
    """What `planned` gives: the circuits one by one, and the layout of the job's result."""

    circuits: tuple[Circuit, ...]
    layout: bytes


def is_persisted(body: bytes) -> bool:
    """The beginning is that of such a file; what comes after it may still be wrong."""
    start = body[:512].lstrip()
    return start.startswith(b"{") and (b'"format_version"' in start or b'"resource"' in start)


def read(body: bytes, name: str) -> Persisted:
    """The job in a file's bytes; `name` is the file's name or path: version 1 keeps the id only there.

    Raises `UsageError` naming the file: not such a file, damaged, newer, or of a kind that is not known.
    """
    if len(body) > MOST_BYTES:
        raise UsageError(f"{name}: larger than the limit of {MOST_BYTES:,} bytes")
    try:
        line, _, rest = body.partition(b"\n")
        if rest.startswith(_QPY) or name.endswith(SUFFIX):
            found = _second(_decode_second(line), rest, name)
        else:
            found = _first(_decode_first(body), name)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{name}: not a job persisted by qiskit-aqt-provider, or damaged: {error}") from error
    if not _ID.fullmatch(found.remote_id):
        raise UsageError(f"{name}: {found.remote_id!r:.80} is no job id; version 1 names its files by it")
    if not 0 < found.shots <= MOST_SHOTS:
        raise UsageError(f"{name}: damaged: {found.shots} shots")
    if not found.circuits[0].body.startswith(_QPY):
        raise UsageError(f"{name}: damaged: its circuits are no QPY")
    return found


def planned(job: Persisted) -> Planned:
    """The circuits of such a job one by one, and the layout of its result. In a worker: it loads QPY.

    Raises `UsageError` for circuits that cannot be read, or that AQT cannot have run.
    """
    name = job.circuits[0].label
    circuits = [circuit for given in job.circuits for circuit in load(given)]
    if not circuits or (job.count is not None and len(circuits) != job.count):
        raise UsageError(f"{name}: damaged: {len(circuits)} circuits in it, and {job.count} expected")
    plans = tuple(_plan(circuit, job.shots, name) for circuit in circuits)
    layout = _pack(Layout(job.backend or job.resource, job.memory, plans))
    given = tuple(Circuit("qpy", dump(circuit), f"circuits[{place}]") for place, circuit in enumerate(circuits))
    return Planned(given, layout)


def _plan(circuit: Any, shots: int, name: str) -> Plan:
    """As the vendor sends it: unchanged, and as wide as it is, whether or not all qubits are used."""
    return Plan(
        circuit.name,
        shots,
        circuit.num_qubits,
        tuple(sources_of(circuit, f"{name}: circuit {circuit.name!r}")),
        tuple((register.name, register.size) for register in circuit.cregs),
        values.plain_items(circuit.metadata),
    )


# --- version 1 --------------------------------------------------------------------------
class _Resource(Struct, frozen=True):
    workspace_id: str
    resource_id: str
    resource_type: str = ""


class _Options(Struct, frozen=True):
    shots: int
    memory: bool = False


class _First(Struct, frozen=True):
    resource: _Resource
    circuits: bytes
    """In base64."""
    options: _Options


def _first(said: _First, name: str) -> Persisted:
    return Persisted(
        remote_id=re.split(r"[/\\]", name)[-1],
        workspace=said.resource.workspace_id,
        resource=said.resource.resource_id,
        shots=said.options.shots,
        memory=said.options.memory,
        circuits=(Circuit("qpy", said.circuits, name),),
        kind="offline" if said.resource.resource_type == "offline_simulator" else "cloud",
    )


# --- version 2 --------------------------------------------------------------------------
class _Second(Struct, frozen=True):
    format_version: int
    job_id: str = ""
    backend_kind: str = ""
    backend_name: str = ""
    shots: int = 0
    memory: bool = False
    circuit_count: int | None = None


def _second(said: _Second, circuits: bytes, name: str) -> Persisted:
    if said.format_version > FORMAT:
        raise UsageError(
            f"{name}: written by a newer qiskit-aqt-provider (format {said.format_version}, {FORMAT} is known here)"
        )
    if said.backend_kind not in {"cloud", "direct"}:
        raise UsageError(f"{name}: a job of kind {said.backend_kind!r:.40}, which is not known here")
    return Persisted(
        remote_id=said.job_id,
        workspace="",
        resource=said.backend_name,
        shots=said.shots,
        memory=said.memory,
        circuits=(Circuit("qpy", circuits, name),),
        count=said.circuit_count,
        kind=said.backend_kind,
    )


_decode_first = msgspec.json.Decoder(_First).decode
_decode_second = msgspec.json.Decoder(_Second).decode
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
