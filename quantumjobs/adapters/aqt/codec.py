"""The pure half: circuits to the bodies of submit requests, and the answers' samples to results. Runs in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.abc import Kept, Part, Prepared, Raw, Request
from quantumjobs.adapters.aqt import bits, native
from quantumjobs.adapters.aqt.messages import (
    About,
    Circuits,
    DirectReply,
    Measure,
    QuantumCircuit,
    ResultReply,
    SubmitBody,
)
from quantumjobs.adapters.aqt.programs import Program, programs
from quantumjobs.adapters.aqt.schemas import BODY, CLOUD, DIRECT
from quantumjobs.adapters.aqt.simulate import Simulation, memory
from quantumjobs.core import bits as packed
from quantumjobs.core import values
from quantumjobs.core.entries import Entry, entry
from quantumjobs.core.results import Result
from quantumjobs.errors import ProviderProtocolError, UsageError
from quantumjobs.workers.aer import SEED_STEP, wrap_seed
from quantumjobs.workers.local import Details

if TYPE_CHECKING:
    from qiskit.transpiler import Target

DEFAULT_SHOTS = 100
DEFAULT_LABEL = "quantumjobs"


class Plan(Struct, frozen=True, array_like=True):
    """How one circuit's samples become its outcome."""

    name: str
    shots: int
    qubits: int
    sources: tuple[int, ...]
    """For each clbit the qubit it reads, or -1."""
    registers: tuple[tuple[str, int], ...]
    metadata: dict[str, Any] = {}


class Layout(Struct, frozen=True):
    """What `decode` needs besides the answer."""

    backend: str
    memory: bool
    circuits: tuple[Plan, ...]


class AqtCodec:
    """Prepares bodies for the cloud, for direct access, and for the offline simulators."""

    inline: frozenset[str] = frozenset()

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:
        """Load, check, transpile and rewrite the circuits; cut a long list into parts.

        See `programs.programs` for what happens to a circuit, also without transpiling.
        """
        device = _about.decode(about)
        shots = _shots(request.shots, device)
        ready = [
            _checked(program, device)
            for program in programs(
                request.circuits,
                qubits=device.qubits,
                transpile=request.transpile,
                level=request.optimization_level,
            )
        ]
        size = device.max_circuits
        if device.family == "offline":  # on all cores
            size = min(size, -(-len(ready) // device.cores))
        seed = request.options.get("seed_simulator", seed)
        parts = []
        for start in range(0, len(ready), size):
            group = ready[start : start + size]
            circuits = tuple(QuantumCircuit(shots, (*one.gates, Measure()), one.qubits) for one in group)
            payload, details = _sent(circuits, request, device, wrap_seed(seed + SEED_STEP * start))
            parts.append(
                Part(payload=payload, layout=_layout_of(group, request, shots), count=len(group), details=details)
            )
        return Prepared(
            parts=tuple(parts),
            in_order=device.family == "direct",
            stop_on_failure=request.options.get("stop_on_failure", True),
        )

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        """Counts, or with memory the shots in order. Without a layout every qubit is a clbit of its own."""
        if raw.schema not in {CLOUD, DIRECT}:
            raise UsageError(f"a result of schema {raw.schema!r} is not one of aqt's")
        body = raw.blobs[BODY] if raw.schema == CLOUD else _as_cloud(raw.blobs[BODY])
        known = None if layout is None else _layout.decode(layout)
        reply, matrices = _answer(body, known)
        about = {"backend_name": known.backend if known else "", "job_id": reply.job_id}
        if reply.job is not None:
            about = {"backend_name": about["backend_name"] or reply.job.resource_id, "job_id": reply.job.job_id}
        if known is None:
            entries = [_unplanned(place, matrix) for place, matrix in enumerate(matrices)]
        else:
            entries = [_entry(*both, memory=known.memory) for both in zip(known.circuits, matrices, strict=True)]
        return Result.of(entries, about=about, raw=raw.blobs)

    def is_plain(self, what: str, body: bytes) -> bool:
        """True for the JSON of a submit, and for a layout: numbers and texts."""
        try:
            if what == "payload":
                return _fields.decode(body).keys() in _PAYLOADS
            _layout.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        return True

    def is_kept(self, start: bytes) -> bool:
        """Whether a file is one of qiskit-aqt-provider's."""
        from quantumjobs.adapters.aqt import persisted

        return persisted.is_persisted(start)

    def kept(self, body: bytes, name: str) -> Kept:
        """The job in such a file; see `persisted.read`."""
        from quantumjobs.adapters.aqt import persisted

        found = persisted.read(body, name)
        planned = persisted.planned(found)
        return Kept(
            tool="qiskit-aqt-provider",
            remote_id=found.remote_id,
            backend=found.backend,
            shots=found.shots,
            memory=found.memory,
            circuits=planned.circuits,
            layout=planned.layout,
            is_local=found.kind == "offline",
        )

    def target(self, backend: str, about: bytes) -> Target:  # noqa: ARG002 - the description is of that backend
        """The device's gates without their ranges, which Qiskit cannot keep to: `prepare` does."""
        device = _about.decode(about)
        return native.target(device.qubits, device.characterisation)


# --- there ------------------------------------------------------------------------------
def _shots(shots: int | None, device: About) -> int:
    if shots is None:
        return DEFAULT_SHOTS
    if isinstance(shots, bool) or shots < 1:
        raise UsageError(f"shots must be a positive whole number, not {shots!r}")
    if shots > device.max_shots:
        raise UsageError(
            f"shots={shots}: AQT takes {device.max_shots} at most per circuit; give the circuit several times for more"
        )
    return shots


def _checked(program: Program, device: About) -> Program:
    count = len(program.gates) + 1
    if count > device.max_operations:
        raise UsageError(
            f"{program.label} has {count} operations with the final measurement, and AQT takes {device.max_operations} "
            "at most: make it shorter, or try a higher optimization_level"
        )
    return program


def _sent(
    circuits: tuple[QuantumCircuit, ...], request: Request, device: About, seed: int
) -> tuple[bytes, dict[str, str]]:
    """The body of one submit, and a part's details."""
    match device.family:
        case "direct":
            return _json(circuits[0]), {"circuits": "1"}
        case "offline":
            task = Simulation(
                circuits=msgspec.Raw(_json(circuits)), resource=device.resource, seed=seed, noise=device.noise
            )
            most = max(memory(one.number_of_qubits, one.repetitions) for one in circuits)
            return _json(task), Details(circuits=len(circuits), memory=most).write()
        case _:
            label = request.options.get("label", DEFAULT_LABEL)
            return _json(SubmitBody(label=label, payload=Circuits(circuits))), {"circuits": str(len(circuits))}


def _layout_of(group: list[Program], request: Request, shots: int) -> bytes:
    plans = tuple(
        Plan(one.name, shots, one.qubits, tuple(one.sources), tuple(one.registers), values.plain_items(one.metadata))
        for one in group
    )
    return _pack(Layout(request.backend, request.memory, plans))


# --- and back ---------------------------------------------------------------------------
def _answer(body: bytes, known: Layout | None) -> tuple[ResultReply, list[bits.Matrix]]:
    """What the answer says, and each circuit's samples."""
    if known is not None:
        found = bits.cut(body, [(plan.shots, plan.qubits) for plan in known.circuits])
        if found is not None:
            rest, matrices = found
            try:
                return _with_result(rest, bits.PLACE)[0], matrices
            except (msgspec.MsgspecError, ProviderProtocolError):
                pass  # told below, of the whole answer
    try:
        reply, result = _with_result(body)
        samples = _circuits.decode(result)
        count = len(samples) if known is None else len(known.circuits)
        return reply, [_matrix(samples, place, count, known) for place in range(count)]
    except msgspec.MsgspecError as error:
        raise _wrong(str(error), body) from error


def _as_cloud(body: bytes) -> bytes:
    """A device's answer about its only circuit, in the form of the cloud's."""
    try:
        found = _direct.decode(body)
    except msgspec.MsgspecError as error:
        raise _wrong(str(error), body) from error
    response: dict[str, Any] = {"status": found.payload.status, "message": found.payload.message}
    if found.payload.result is not msgspec.UNSET:
        response["result"] = {"0": found.payload.result}
    return msgspec.json.encode({"job_id": found.job_id, "response": response})


def _with_result(body: bytes, expected: bytes | None = None) -> tuple[ResultReply, msgspec.Raw]:
    reply = _reply.decode(body)
    if reply.response is None:
        raise _wrong(f"no response in it{f' ({reply.message})' if reply.message else ''}", body)
    result = reply.response.result
    if not isinstance(result, msgspec.Raw) or (expected is not None and bytes(result) != expected):
        said = f": {reply.response.message}" if reply.response.message else ""
        raise _wrong(f"no result in it, the job is {reply.response.status!r}{said}", body)
    return reply, result


def _matrix(samples: Mapping[str, msgspec.Raw], place: int, count: int, known: Layout | None) -> bits.Matrix:
    body = samples.get(str(place))
    if body is None:
        raise _wrong(f"circuit {place} of {count} is missing")
    if len(samples) > count:
        raise _wrong(f"{len(samples)} circuits in it, and {count} were sent")
    if known is None:
        return bits.matrix(bytes(body), shots=None, qubits=None, what=f"circuit {place}")
    plan = known.circuits[place]
    return bits.matrix(bytes(body), shots=plan.shots, qubits=plan.qubits, what=f"circuit {place} ({plan.name!r})")


def _entry(plan: Plan, matrix: bits.Matrix, *, memory: bool) -> Entry:
    clbits = len(plan.sources)
    rows = bits.rows(matrix, plan.sources)
    weights = None
    if not memory:
        rows, weights = packed.distinct(rows, clbits)
    return entry(
        rows,
        clbits,
        name=plan.name,
        shots=plan.shots,
        weights=weights,
        registers=plan.registers,
        circuit_metadata=plan.metadata,
    )


def _unplanned(place: int, matrix: bits.Matrix) -> Entry:
    """Of a job that somebody else sent; its shots are in order, and nothing says that they are not wanted."""
    qubits = matrix.shape[1] // 2 - 1
    return entry(bits.rows(matrix, range(qubits)), qubits, name=f"circuit-{place}")


def _wrong(message: str, body: bytes = b"") -> ProviderProtocolError:
    return ProviderProtocolError(f"AQT's result is not understood: {message}", provider="aqt", body=body)


_about = msgspec.json.Decoder(About)
_reply = msgspec.json.Decoder(ResultReply)
_circuits = msgspec.json.Decoder(dict[str, msgspec.Raw])
_layout = msgspec.msgpack.Decoder(Layout)
_direct = msgspec.json.Decoder(DirectReply)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PAYLOADS = [set(kind.__struct_fields__) for kind in (SubmitBody, QuantumCircuit, Simulation)]
_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
