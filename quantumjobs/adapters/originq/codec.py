"""The pure half: circuits to the bodies of submit requests, and answers about tasks to results. Runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.abc import Part, Prepared, Raw, Request
from quantumjobs.adapters import checks
from quantumjobs.adapters.originq import bits
from quantumjobs.adapters.originq.messages import About, json
from quantumjobs.adapters.originq.options import FULL, MOST, PARTIAL, SIMULATORS, SINGLE, SWITCHES
from quantumjobs.adapters.originq.plans import AMPLITUDES, COUNTS, PROBABILITIES, TERMS, Plan
from quantumjobs.adapters.originq.programs import Program, Wanted, programs
from quantumjobs.adapters.originq.schemas import BODY, TASK
from quantumjobs.core.results import Result
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit.transpiler import Target

DEFAULT_SHOTS = 1000
"""As pyqpanda3's where it has a default."""
_MACHINES = {FULL: "0", PARTIAL: "2", SINGLE: "3"}
_NOISY, _CHIP = "1", "5"
_ONE, _LIST = "1", "2"
"""`task_mode`: a single program, or a list of them."""


class Layout(Struct, frozen=True):
    """What `decode` needs besides the answer."""

    backend: str
    plans: tuple[Plan, ...]


class OriginqCodec:
    """Prepares each program of a simulator as a task of its own, and those of a chip in tasks of up to 200."""

    inline: frozenset[str] = frozenset()

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:  # noqa: ARG002 - nothing is drawn here
        """Load and check the circuits and write them as OriginIR; see `programs.programs`.

        With `observables` each circuit is a program for each basis that these need.
        """
        described = _about.decode(about)
        options = request.options
        wants = _wants(described.backend, options)
        shots = _shots(request, wants, described.backend)
        wanted = Wanted(
            wants=wants,
            drawn=shots is not None,
            observables=tuple(
                tuple((label, weight) for label, weight in one) for one in options.get("observables", ())
            ),
            qubits=tuple(options.get("qubits", ())),
            transpile=request.transpile,
            level=request.optimization_level,
        )
        ready = list(programs(request.circuits, described, wanted))
        size = 1 if described.backend in SIMULATORS else options.get("circuits_per_job", MOST)
        parts = []
        for start in range(0, len(ready), size):
            group = ready[start : start + size]
            details = {"mode": _ONE if len(group) == 1 else _LIST}
            if described.chip is not None:
                details["placed"] = "1"
            if options.get("keys"):
                details["keys"] = ",".join(options["keys"])
            plans = tuple(_plan(one, wants, shots, options) for one in group)
            parts.append(
                Part(
                    payload=json(_body(group, described.backend, wants, shots, options)),
                    layout=_pack(Layout(described.backend, plans)),
                    count=len(group),
                    details=details,
                )
            )
        bases = sum(one.circuit == ready[0].circuit for one in ready)
        return Prepared(parts=tuple(parts), shares=bases if wants == TERMS else 0)

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        """Counts, probabilities or amplitudes; without a layout as far as the answer itself tells."""
        if raw.schema != TASK:
            raise UsageError(f"a result of schema {raw.schema!r} is not one of originq's")
        known = None if layout is None else _layout.decode(layout)
        entries = bits.entries(raw.blobs[BODY], None if known is None else known.plans)
        return Result.of(entries, about={"backend_name": known.backend if known is not None else ""}, raw=raw.blobs)

    def gather(self, result: Result, shares: int) -> Result:
        """Expectation values of each circuit, from all the bases in which it was measured."""
        return bits.gathered(result, shares)

    def is_plain(self, what: str, body: bytes) -> bool:
        """True for the JSON of a submit, and for a layout: numbers and texts."""
        return checks.decodes(body, _payload if what == "payload" else _layout)

    def target(self, backend: str, about: bytes) -> Target:  # noqa: ARG002 - the description is of that backend
        """Of a chip, its available qubits and their gates; of a simulator, all that OriginIR has."""
        from quantumjobs.adapters.originq import target

        return target.target(_about.decode(about))


def _wants(backend: str, options: dict[str, Any]) -> str:
    if backend in (PARTIAL, SINGLE):
        if "amplitudes" not in options:  # a backend for Qiskit is made before anybody has said which
            raise UsageError(f"originq/{backend} computes amplitudes: say which, as in amplitudes=['0']")
        return AMPLITUDES
    if "qubits" in options:
        return PROBABILITIES
    return TERMS if "observables" in options else COUNTS


def _shots(request: Request, wants: str, backend: str) -> int | None:
    """None where the service computes instead of drawing."""
    if request.memory:
        raise UsageError("OriginQ gives how often each outcome came, and no single shots: leave out memory=True")
    shots = request.shots
    if wants in (AMPLITUDES, PROBABILITIES):
        if shots is not None:
            raise UsageError(f"{wants} are computed, not drawn: leave out shots={shots}")
        return None
    if shots is None:
        exact = wants == TERMS and backend == FULL and "noise_model" not in request.options
        return None if exact else DEFAULT_SHOTS
    if shots < 1:
        raise UsageError(f"shots={shots}: at least 1 is needed")
    return shots


def _plan(program: Program, wants: str, shots: int | None, options: dict[str, Any]) -> Plan:
    asked = tuple(options.get("qubits", ()))
    exact = wants == TERMS and shots is None
    group = program.group
    return Plan(
        name=program.name,
        wants=wants,
        shots=shots,
        registers=program.registers,
        clbits=program.clbits,
        bits=program.bits,
        measured=program.measured,
        qubits=tuple(qubit for qubit, _ in group.basis) if exact and group is not None else asked,
        metadata=program.metadata,
        group=group,
    )


def _body(
    group: Sequence[Program], backend: str, wants: str, shots: int | None, options: dict[str, Any]
) -> dict[str, Any]:
    body: dict[str, Any] = {"QProg": [one.text for one in group]}
    if wants != AMPLITUDES:
        body |= {"batchNo": options.get("batch_id", ""), "taskFrom": options.get("task_form", 4)}
    if len(group) == 1:
        body |= {"qubitNum": group[0].qubits, "classicalbitNum": group[0].bits}
    if backend not in SIMULATORS:
        return body | {"QMachineType": _CHIP, "ChipID": backend, "Configuration": _configured(shots, options)}
    machine = _NOISY if "noise_model" in options else _MACHINES[backend]
    return body | {"QMachineType": machine, "Configuration": _simulated(group[0], backend, wants, shots, options)}


def _configured(shots: int | None, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "shot": shots,
        **{wire: options.get(name, default) for name, (wire, default) in SWITCHES.items()},
        "amendFlag": options.get("amend_flag", 1),
        "PointLabel": options.get("point_label", 1),
        "specified_block": options.get("specified_block", []),
        **options.get("extra", {}),
    }


def _simulated(
    program: Program, backend: str, wants: str, shots: int | None, options: dict[str, Any]
) -> dict[str, Any]:
    if wants == AMPLITUDES:
        asked = options["amplitudes"]
        return {"Amplitude": asked[0] if backend == SINGLE else asked}
    if shots is None:
        qubits = [qubit for qubit, _ in program.group.basis] if program.group is not None else options["qubits"]
        return {"qubits": qubits, "measure_type": 2}
    noise = {"mode": 1, "noisemodel": options["noise_model"]} if "noise_model" in options else {}
    return {**noise, "shot": shots, "measure_type": 1}


_about = msgspec.json.Decoder(About)
_payload = msgspec.json.Decoder(dict[str, Any])
_layout = msgspec.msgpack.Decoder(Layout)
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
