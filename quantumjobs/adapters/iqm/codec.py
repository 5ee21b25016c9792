"""The pure half: circuits to the bodies of submit requests, and artifacts to results. Runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.abc import Part, Prepared, Raw, Request
from quantumjobs.adapters import checks
from quantumjobs.adapters.iqm import bits, keys
from quantumjobs.adapters.iqm.device import Device
from quantumjobs.adapters.iqm.keys import Plan
from quantumjobs.adapters.iqm.messages import About, CircuitBody, SubmitBody, json
from quantumjobs.adapters.iqm.options import WORDS
from quantumjobs.adapters.iqm.programs import OURS, Program, programs, told
from quantumjobs.adapters.iqm.schemas import BODY, COUNTS, JOB, PAYLOAD, SHOTS
from quantumjobs.core.results import Result
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit.transpiler import Target

DEFAULT_SHOTS = 1024
"""As IQM's backend for Qiskit."""


class Layout(Struct, frozen=True):
    """What `decode` needs besides the artifact."""

    backend: str
    memory: bool
    circuits: tuple[Plan, ...]


class IqmCodec:
    """Prepares batches of circuits, one job each."""

    inline: frozenset[str] = frozenset()

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:  # noqa: ARG002 - nothing is drawn here
        """Load, check and transpile the circuits for the calibration set described; one job, or as many as asked for.

        See `programs.programs` for what happens to a circuit, also without transpiling.
        """
        described = _about.decode(about)
        options = request.options
        shots = DEFAULT_SHOTS if request.shots is None else request.shots
        ready = list(
            programs(
                request.circuits,
                Device.of(described),
                transpile=request.transpile,
                level=request.optimization_level,
                places=options.get("qubit_mapping"),
            )
        )
        size = options.get("circuits_per_job", len(ready))
        details = {"alias": described.alias, "memory": "1" if request.memory else "0"}
        if options.get("use_timeslot"):
            details["use_timeslot"] = "1"
        parts = []
        for start in range(0, len(ready), size):
            group = ready[start : start + size]
            parts.append(
                Part(
                    payload=json(_body(group, described, shots, options)),
                    layout=_layout_of(group, request, shots),
                    count=len(group),
                    details={**details, "circuits": str(len(group))},
                )
            )
        return Prepared(parts=tuple(parts))

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        """Counts, or with memory the shots in order. Without a layout as far as the keys and what was sent tell."""
        known = _planned(raw) if layout is None else _layout.decode(layout)
        plans = None if known is None else known.circuits
        facts = _facts(raw)
        body = raw.blobs[BODY]
        if raw.schema == COUNTS:
            entries = bits.counts_entries(body, plans, metadata=facts)
        elif raw.schema == SHOTS:
            entries = bits.shots_entries(body, plans, memory=known is None or known.memory, metadata=facts)
        else:
            raise UsageError(f"a result of schema {raw.schema!r} is not one of iqm's")
        about = {"backend_name": known.backend if known is not None else "", **facts}
        return Result.of(entries, about=about, raw=raw.blobs)

    def is_plain(self, what: str, body: bytes) -> bool:
        """True for the JSON of a submit, and for a layout: numbers and texts."""
        return checks.decodes(body, _payload if what == "payload" else _layout)

    def target(self, backend: str, about: bytes) -> Target:  # noqa: ARG002 - the description is of that backend
        """The gates of the calibration set, where they are calibrated; of a star computer its qubits alone."""
        from quantumjobs.adapters.iqm import target

        return target.target(Device.of(_about.decode(about)))


# --- there ------------------------------------------------------------------------------
def _body(group: Sequence[Program], device: About, shots: int, options: dict[str, Any]) -> SubmitBody:
    words = {name: options.get(name, known[0]) for name, known in WORDS.items()}
    return SubmitBody(
        circuits=tuple(one.body for one in group),
        calibration_set_id=device.architecture.calibration_set_id,
        shots=shots,
        max_circuit_duration_over_t2=options.get("max_circuit_duration_over_t2"),
        active_reset_cycles=options.get("active_reset_cycles"),
        dd_strategy=options.get("dd_strategy"),
        **words,
    )


def _layout_of(group: Sequence[Program], request: Request, shots: int) -> bytes:
    exact = request.options.get("heralding_mode", "none") == "none"
    plans = tuple(
        Plan(one.body.name, shots, one.registers, one.columns, one.clbits, one.metadata, exact) for one in group
    )
    return _pack(Layout(request.backend, request.memory, plans))


# --- and back ---------------------------------------------------------------------------
def _planned(raw: Raw) -> Layout | None:
    """From what was sent, where that came with the result: registers that nobody measured, names and metadata.

    None where it tells nothing: it is not there, or has programs in QIR.
    """
    try:
        sent = _payload.decode(raw.blobs.get(PAYLOAD, b""))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    exact = sent.heralding_mode in (None, "none")
    return Layout("", True, tuple(_plan(one, sent.shots, exact=exact) for one in sent.circuits))


def _plan(circuit: CircuitBody, shots: int, *, exact: bool) -> Plan:
    measured = [
        name
        for one in circuit.instructions
        if one.name == "measure"
        for name in keys.named(str(one.args.get("key", "")), len(one.locus))
    ]
    registers, columns = keys.planless(measured)
    metadata = dict(circuit.metadata or {})
    ours = told(metadata.pop(OURS, None))
    if ours is not None:
        registers, clbits = ours
        columns = tuple({**dict(keys.columns(measured, registers)), **clbits}.items())
    number = max([sum(size for _, size in registers), *(at + 1 for _, at in columns)])
    return Plan(circuit.name, shots, registers, columns, number, metadata, exact)


def _facts(raw: Raw) -> dict[str, Any]:
    """What the server told of the job besides."""
    found: dict[str, Any] = msgspec.json.decode(raw.blobs.get(JOB, b"{}"), type=dict[str, str])
    if "messages" in found:
        found["messages"] = found["messages"].split("\n")
    return found


_about = msgspec.json.Decoder(About)
_payload = msgspec.json.Decoder(SubmitBody)
_layout = msgspec.msgpack.Decoder(Layout)
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
