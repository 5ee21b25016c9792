"""What the OriginQ emulator is sent, checked as strictly as the published client's requests allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import originir
from quantumjobs.testing.emulators.originir import Program
from quantumjobs.testing.emulators.originq_chips import Chip
from quantumjobs.testing.emulators.originq_run import Noise, Task, bits

MAINTENANCE, NO_RESOURCE, REFUSED = 20045, 10002, 20001
"""Codes of refusals; the last is a guess, since nobody has published the others."""
MOST_PROGRAMS = 200
MOST_SHOTS = 1_000_000
"""The emulator's own bound; the service's has not been published."""
FULL, NOISY, PARTIAL, SINGLE, CHIP = "0", "1", "2", "3", "5"
SIMULATED = (FULL, NOISY, PARTIAL, SINGLE)
_ONE, _LIST = "1", "2"
_MODES = {"5": "programs in the binary form", "6": "lists of instructions"}


class Refusal(Exception):
    """The cloud's no."""

    def __init__(self, message: str, code: int = REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class _Noises(Struct, frozen=True):
    single_gate: list[str | float]
    double_gate: list[str | float]


class _Configuration(Struct, frozen=True):
    """Of any machine; `shot` decides, where there is one."""

    shot: int | None = None
    measure_type: int | None = None
    qubits: list[int] = []
    noise: _Noises | None = msgspec.field(name="noisemodel", default=None)
    amplitude: str | list[str] = msgspec.field(name="Amplitude", default=[])
    is_prob_count: bool = msgspec.field(name="isProbcount", default=True)
    mapping: bool = msgspec.field(name="mappingFlag", default=True)


class _Body(Struct, frozen=True):
    programs: list[str] = msgspec.field(name="QProg")
    machine: str = msgspec.field(name="QMachineType")
    configuration: _Configuration = msgspec.field(name="Configuration")
    chip: str | None = msgspec.field(name="ChipID", default=None)
    qubits: int | None = msgspec.field(name="qubitNum", default=None)
    clbits: int | None = msgspec.field(name="classicalbitNum", default=None)


class Submission(Struct, frozen=True):
    """Of a task, besides its programs."""

    body: bytes
    """As it was sent."""
    machine: str
    shots: int | None
    wants_counts: bool


def read(body: bytes, mode: str, chips: Mapping[str, Chip]) -> tuple[list[Task], list[Program], Submission]:
    """What is to be run, without seeds. Raises `Refusal`."""
    if mode in _MODES:
        raise Refusal(f"the emulator does not run {_MODES[mode]}")
    if mode not in (_ONE, _LIST):
        raise Refusal(f"task_mode {mode!r} is none of a submission")
    try:
        given = _body.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(f"the body is not understood: {error}") from error
    if not given.programs or len(given.programs) > MOST_PROGRAMS:
        raise Refusal(f"a task has 1 to {MOST_PROGRAMS} programs, and not {len(given.programs)}")
    if given.machine != CHIP and mode == _LIST:
        raise Refusal("lists of programs are for chips")
    if mode == _ONE and (len(given.programs) != 1 or given.qubits is None or given.clbits is None):
        raise Refusal("task_mode 1 is for one program, with qubitNum and classicalbitNum")
    programs = [_parsed(text, place) for place, text in enumerate(given.programs)]
    if mode == _ONE:
        _check_numbers(given, programs[0])
    if given.machine == CHIP:
        _check_chip(given, programs, chips)
    elif given.machine not in SIMULATED:
        raise Refusal(f"the emulator has no QMachineType {given.machine!r}")
    tasks = [_task(text, program, given) for text, program in zip(given.programs, programs, strict=True)]
    shots = tasks[0].shots
    return tasks, programs, Submission(body, given.machine, shots, given.configuration.is_prob_count)


def _parsed(text: str, place: int) -> Program:
    try:
        return originir.parse(text)
    except UsageError as error:
        raise Refusal(f"program {place}: {error}") from error


def _check_numbers(given: _Body, program: Program) -> None:
    """The client counts what is used, and not what is declared."""
    used = [qubit for one in program.steps for qubit in (*one.qubits, *one.controls)]
    if not max(used, default=-1) < (given.qubits or 0) <= program.qubits:
        raise Refusal(f"qubitNum: {given.qubits}, and the program uses {max(used, default=-1) + 1} of {program.qubits}")
    measured = max(bits(program), default=-1) + 1
    if given.clbits != measured:
        raise Refusal(f"classicalbitNum: {given.clbits}, and the program measures into {measured}")


def _task(text: str, program: Program, given: _Body) -> Task:
    asked = given.configuration
    if given.machine in (PARTIAL, SINGLE):
        wanted = [asked.amplitude] if isinstance(asked.amplitude, str) else asked.amplitude
        if not wanted or isinstance(asked.amplitude, str) is not (given.machine == SINGLE):
            raise Refusal("Amplitude: a list for partial amplitudes, and a text for a single one")
        for one in wanted:
            if not (one.isascii() and one.isdecimal() and len(one) < 100) or int(one) >> program.qubits:
                raise Refusal(f"Amplitude: {one[:100]!r} is no state of {program.qubits} qubits")
        return Task(text=text, amplitudes=tuple(wanted))
    if given.machine == FULL and asked.measure_type == 2:
        if not asked.qubits or max(asked.qubits) >= program.qubits or min(asked.qubits) < 0:
            raise Refusal(f"qubits: {asked.qubits} of {program.qubits}")
        return Task(text=text, qubits=tuple(asked.qubits))
    if given.machine != CHIP and asked.measure_type != 1:
        raise Refusal(f"measure_type: {asked.measure_type}")
    if asked.shot is None or asked.shot < 1:
        raise Refusal(f"shot: {asked.shot}; at least 1 is needed")
    if asked.shot > MOST_SHOTS:
        raise Refusal(f"shot: {asked.shot} is more than {MOST_SHOTS}")
    if not program.measured:
        raise Refusal("the program measures nothing")
    return Task(text=text, shots=asked.shot, noise=_noise(asked.noise) if given.machine == NOISY else None)


def _noise(given: _Noises | None) -> Noise:
    if given is None:
        raise Refusal("noisemodel is missing")
    name, *single = given.single_gate or [""]
    other, *double = given.double_gate or [""]
    parameters = (*single, *double)
    if name != other or not isinstance(name, str) or any(isinstance(one, str) for one in parameters):
        raise Refusal("noisemodel: the name of a model and numbers, the same model for both kinds of gates")
    return Noise(name, tuple(map(float, single)), tuple(map(float, double)))


def _check_chip(given: _Body, programs: list[Program], chips: Mapping[str, Chip]) -> None:
    chip = chips.get(given.chip or "")
    if chip is None:
        raise Refusal("chip resource is null", NO_RESOURCE)
    for place, program in enumerate(programs):
        used = {qubit for one in program.steps for qubit in (*one.qubits, *one.controls) if one.name != "BARRIER"}
        if len(used) > len(chip.available):
            raise Refusal(f"program {place}: {len(used)} qubits; {chip.name} has {len(chip.available)}")
        if not given.configuration.mapping:
            _check_places(place, program, chip)


def _check_places(place: int, program: Program, chip: Chip) -> None:
    edges = {frozenset(edge) for edge in chip.edges}
    for one in program.steps:
        qubits = (*one.qubits, *one.controls)
        if one.name == "BARRIER":
            continue
        if not set(qubits) <= set(chip.available):
            raise Refusal(f"program {place}: a qubit of {qubits} is not available on {chip.name}")
        if len(qubits) > 2 or (len(qubits) == 2 and frozenset(qubits) not in edges):
            raise Refusal(f"program {place}: {one.name} on {qubits}, which {chip.name} does not have there")


def asked(body: bytes, *names: str) -> dict[str, Any]:
    """A question's fields. Raises `Refusal` where one is missing."""
    try:
        found = _object.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(f"the body is not understood: {error}") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise Refusal(f"{', '.join(missing)} is missing")
    return found


_body = msgspec.json.Decoder(_Body)
_object = msgspec.json.Decoder(dict[str, Any])
