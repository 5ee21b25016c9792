"""The pure half: circuits to the bodies of CreateQuantumTask, and result objects to results. Runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from quantumjobs.abc import Part, Prepared, Raw, Request
from quantumjobs.adapters import checks
from quantumjobs.adapters.braket import about as abouts
from quantumjobs.adapters.braket import bits, jobs_codec
from quantumjobs.adapters.braket.about import OPENQASM, PROGRAM_SET, About
from quantumjobs.adapters.braket.messages import head, json
from quantumjobs.adapters.braket.options import MOST
from quantumjobs.adapters.braket.parameters import parameters
from quantumjobs.adapters.braket.plans import Layout, Plan
from quantumjobs.adapters.braket.programs import Program, Wanted, programs
from quantumjobs.adapters.braket.schemas import TASK
from quantumjobs.adapters.braket.texts import inputs_of
from quantumjobs.core import costs
from quantumjobs.core.results import Result
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit.transpiler import Target

DEFAULT_SHOTS = 1000
"""As the vendor's SDK on QPUs; on simulators it computes what is asked for, and so do we."""


class BraketCodec:
    """Prepares each circuit as a task of its own, or as one of a program set where the device takes these."""

    inline: frozenset[str] = frozenset()

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:  # noqa: ARG002 - nothing is drawn here
        """Load and check the circuits and write them as OpenQASM 3; see `programs.programs`."""
        device = abouts.decode(about)
        options = request.options
        _check_device(device)
        shots = _shots(request, device)
        wanted = Wanted(
            exact=shots == 0,
            result_types=tuple(options.get("result_types", ())),
            verbatim=options.get("verbatim", False),
            physical=options.get("disable_qubit_rewiring", False),
            transpile=request.transpile,
            level=request.optimization_level,
        )
        ready = list(programs(request.circuits, device, wanted))
        if not (shots or wanted.result_types or all(one.given for one in ready)):
            raise UsageError("shots=0 has values computed: say which, as in result_types=['state_vector']")
        inputs = [_inputs(one, options.get("inputs", {})) for one in ready]
        _check_names(options.get("inputs", {}), inputs)
        size = _set_size(device, len(ready), shots, options)
        parts = []
        for start, group in _groups(ready, size):
            body = _body(device, options, shots, group, inputs[start : start + len(group)], as_set=size > 1)
            plans = tuple(_plan(one, shots) for one in group)
            parts.append(
                Part(
                    payload=json(body),
                    layout=_pack(Layout(device.arn, request.memory, plans)),
                    count=len(group),
                    details={
                        "device": device.arn,
                        "bucket": body["outputS3Bucket"],
                        **_tariff(device, body["shots"], options),
                    },
                )
            )
        return Prepared(parts=tuple(parts))

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        """Counts, or with memory the shots in order, and the values of result types; without a layout as told there."""
        if raw.schema != TASK:
            raise UsageError(f"a result of schema {raw.schema!r} is not one of braket's")
        known = None if layout is None else _layout.decode(layout)
        entries = bits.entries(raw.blobs, None if known is None else known.plans, memory=known is None or known.memory)
        return Result.of(entries, about={"backend_name": "" if known is None else known.device}, raw=raw.blobs)

    def arrange(self, request: Request, about: bytes) -> Prepared:
        """A hybrid job, packed already; see `jobs_codec.arrange`."""
        return jobs_codec.arrange(request, about)

    def values(self, raw: Raw) -> Mapping[str, bytes]:
        """What a hybrid job's program saved; see `jobs_codec.values`."""
        return jobs_codec.values(raw)

    def is_plain(self, what: str, body: bytes) -> bool:
        """True for the JSON of a submit, and for a layout: numbers and texts. Not for a program: that is run."""
        return checks.decodes(body, _payload if what == "payload" else _layout)

    def target(self, backend: str, about: bytes) -> Target:  # noqa: ARG002 - the description is of that backend
        """The gates that the device takes, on all of its qubits: Braket places circuits itself."""
        from quantumjobs.adapters.braket import target

        return target.target(abouts.decode(about))


def _check_device(device: About) -> None:
    if device.status == "RETIRED":
        raise UsageError(f"{device.name or device.arn} is retired, and takes no tasks any more")
    if OPENQASM not in device.capabilities.action:
        takes = ", ".join(sorted(device.capabilities.action)) or "nothing that is known here"
        raise UsageError(f"{device.name or device.arn} runs no circuits: it takes {takes}")


def _shots(request: Request, device: About) -> int:
    """0 where the service computes instead of drawing."""
    exact = abouts.is_simulator(device.arn)
    shots = request.shots
    if shots is None:
        shots = 0 if exact and "result_types" in request.options and not request.memory else DEFAULT_SHOTS
    if shots == 0:
        if not exact:
            raise UsageError(f"shots=0: {device.name} is a QPU, and draws: at least 1 is needed")
        if request.memory:
            raise UsageError("shots=0 has no shots to remember: leave out memory=True")
    allowed = device.capabilities.service.shots_range
    if allowed and len(allowed) == 2 and "reservation_arn" not in request.options:
        least, most = allowed
        if not least <= shots <= most and shots:
            raise UsageError(f"shots={shots}: {device.name} takes from {max(least, 1)} to {most}")
    return shots


def _set_size(device: About, number: int, shots: int, options: dict[str, Any]) -> int:
    """So many circuits make a program set; 1: each is a task of its own."""
    takes = device.capabilities.action.get(PROGRAM_SET)
    asked = options.get("program_set")
    simple = bool(shots) and "result_types" not in options
    if asked and takes is None:
        raise UsageError(f"program_set=True: {device.name} takes no program sets")
    if asked and not simple:
        raise UsageError("program_set=True: a set has outcomes, and no result types")
    if takes is None or not simple or asked is False or number < 2:
        return 1
    most: int = min(takes.maximum_executables or MOST, options.get("circuits_per_job", MOST))
    if takes.maximum_total_shots is not None:
        most = min(most, takes.maximum_total_shots // shots)
    return max(most, 1)


def _groups(ready: Sequence[Program], size: int) -> Iterator[tuple[int, Sequence[Program]]]:
    for start in range(0, len(ready), size):
        yield start, ready[start : start + size]


def _inputs(program: Program, given: dict[str, Any]) -> dict[str, Any]:
    """Of the values that are given, those that the program has a place for. Raises `UsageError` where one is missing."""
    if not program.given:
        return {}
    names = inputs_of(program.text)
    missing = [name for name in names if name not in given]
    if missing:
        raise UsageError(f"{program.name} has inputs without a value: {', '.join(missing)}; give inputs={{...}}")
    return {name: given[name] for name in names}


def _check_names(given: dict[str, Any], used: Sequence[dict[str, Any]]) -> None:
    idle = set(given).difference(*used)
    if idle:
        raise UsageError(f"inputs: no program has an input called {', '.join(sorted(idle))}")


def _body(
    device: About,
    options: dict[str, Any],
    shots: int,
    group: Sequence[Program],
    inputs: Sequence[dict[str, Any]],
    *,
    as_set: bool,
) -> dict[str, Any]:
    """A request without what only the submit knows: `clientToken`, and the end of the prefix."""
    body: dict[str, Any] = {
        "deviceArn": device.arn,
        "shots": shots * len(group),
        "outputS3Bucket": options.get("s3_bucket", device.bucket),
        "outputS3KeyPrefix": options.get("s3_prefix", device.prefix),
    }
    if as_set:
        written = [
            _program(one, {name: [value] for name, value in values.items()})
            for one, values in zip(group, inputs, strict=True)
        ]
        action = {"braketSchemaHeader": head(PROGRAM_SET), "programs": written}
        document = options.get("device_parameters")
    else:
        action = _program(group[0], inputs[0])
        document = parameters(device.arn, group[0], options)
    body["action"] = json(action).decode()
    if document is not None:
        body["deviceParameters"] = json(document).decode()
    if "resource_tags" in options:
        body["tags"] = options["resource_tags"]
    if "reservation_arn" in options:
        body["associations"] = [{"arn": options["reservation_arn"], "type": "RESERVATION_TIME_WINDOW_ARN"}]
    if "experimental_capabilities" in options:
        enabled = options["experimental_capabilities"]
        body["experimentalCapabilities"] = enabled if isinstance(enabled, dict) else {"enabled": enabled}
    return body


def _program(program: Program, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"braketSchemaHeader": head(OPENQASM), "source": program.text, "inputs": inputs}


def _tariff(device: About, shots: int, options: dict[str, Any]) -> dict[str, str]:
    """The device's published price; a reservation is paid by the hour, whatever runs in it."""
    price = device.capabilities.service.device_cost
    if price is None or price.price is None or "reservation_arn" in options:
        return {}
    if price.unit == "shot":
        return costs.tariff(task=device.task_fee, shot=price.price, shots=shots)
    if price.unit == "minute":
        return costs.tariff(minute=price.price, least=abouts.LEAST_SECONDS)
    return {}


def _plan(program: Program, shots: int) -> Plan:
    return Plan(
        name=program.name,
        shots=shots,
        registers=program.registers,
        clbits=program.clbits,
        measured=program.measured,
        metadata=program.metadata,
    )


_payload = msgspec.json.Decoder(dict[str, Any])
_layout = msgspec.msgpack.Decoder(Layout)
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
