"""What a request asks for, in one form: equal bytes in every process, however the circuits were written down.

It answers one question: does this key already stand for the same request? What counts is what is run and what comes
back with it:

* Instructions by what they do: standard gates by name and exact numbers, custom ones by their definition, control flow
  by its blocks. Qubits and clbits count by their place in the whole circuit, also inside blocks, whose own order of
  bits Qiskit takes from sets.
* Registers, because results are divided by them; their names, unless a counter made them (`q12`, `c3`). Who really
  calls a register so, and renames it, changes nothing that is run.
* Circuit metadata, because results carry it: a job that answered with the metadata of another circuit would mislead
  silently, whereas a time stamp in it says so by a `KeyConflict`.
* Not: names of circuits, uuids, labels for messages, layouts, the way a program was given. Labels and names of gates
  count only beside options that are objects: a noise model finds its gates by them.

Text that Qiskit cannot read counts by its bytes. Runs in a worker.
"""

from __future__ import annotations

import os
import pickle
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from quantumjobs.abc import Circuit, Request
from quantumjobs.circuits import qasm
from quantumjobs.circuits.exact import Scope, encode, plain, thing, value_of
from quantumjobs.circuits.load import MOST_BYTES, load
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

HEADER = b"quantumjobs-request/1\n"
"""Another number, another form: digests of different ones are never compared."""

NOISE_MODEL = "noise_model"
"""The one option that is a pickle, of Aer's `NoiseModel`, with sets and uuids in it that differ in each process."""

_COUNTED = re.compile(r"[qca]\d+")
_UUID_TAIL = re.compile(r"_[0-9a-f]{32}$")  # what a QPY file adds to names of instructions it cannot tell apart
_BY_PARAMETERS = ("qiskit.circuit.library.generalized_gates.", "qiskit.circuit.library.data_preparation.")


def digest_of(body: bytes) -> bytes:
    """The digest (hexadecimal, in ASCII) of an encoded `Request`: what a worker is asked for.

    Raises what `canonical` raises.
    """
    return blake2b(canonical(_request.decode(body)), digest_size=16).hexdigest().encode()


def canonical(request: Request) -> bytes:
    """The canonical form of a request.

    Raises `UsageError` where a file cannot be read, or an object has no form that another process would find again.
    """
    labels = bool(request.blobs)
    try:
        circuits = [form for given in request.circuits for form in _circuits(given, labels=labels)]
        blobs = sorted([name, _blob(name, body)] for name, body in request.blobs.items())
        return HEADER + encode([
            ["backend", request.backend],
            ["kind", request.kind],
            ["shots", request.shots],
            ["memory", request.memory],
            ["transpile", request.transpile],
            ["optimization_level", request.optimization_level],
            ["options", plain(request.options)],
            ["blobs", blobs],
            ["circuits", circuits],
        ])  # fmt: skip
    except RecursionError:
        raise UsageError("key=: circuits, gates or metadata are nested too deeply to be compared") from None


# --- circuits ---------------------------------------------------------------------------
def _circuits(given: Circuit, *, labels: bool) -> list[Any]:
    try:
        loaded = load(given)
    except UsageError:
        if given.form not in ("qasm", "path"):
            raise
        return [["text", given.body if given.form == "qasm" else _content(given)]]
    return [_circuit(circuit, labels=labels) for circuit in loaded]


def _content(given: Circuit) -> bytes:
    path = os.fsdecode(given.body)
    limit = MOST_BYTES if path.lower().endswith(".qpy") else qasm.MOST_BYTES
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            body = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{given.label or path}: cannot be read: {error.strerror or error}") from error
    if len(body) > limit:
        raise UsageError(f"{given.label or path}: larger than the limit of {limit:,} bytes")
    return body


def _circuit(circuit: QuantumCircuit, *, labels: bool) -> list[Any]:
    """A whole circuit: what it does, and all that the result says of it."""
    bits = _places(circuit)
    registers = [
        [kind, None if _COUNTED.fullmatch(register.name) else register.name, [bits[bit] for bit in register]]
        for kind, group in (("q", circuit.qregs), ("c", circuit.cregs))
        for register in group
    ]
    parameters = [parameter.name for parameter in circuit.parameters]
    return [
        circuit.num_qubits,
        circuit.num_clbits,
        registers,
        parameters,
        plain(circuit.metadata or {}),
        _body(circuit, Scope(_inner, bits, labels=labels)),
    ]


def _places(circuit: QuantumCircuit) -> dict[Any, int]:
    return {bit: place for bits in (circuit.qubits, circuit.clbits) for place, bit in enumerate(bits)}


def _body(circuit: QuantumCircuit, scope: Scope) -> list[Any]:
    """What a circuit, a block or a definition does."""
    variables = [
        [kind, variable.name, repr(getattr(variable, "type", None))]
        for kind, group in (
            ("input", circuit.iter_input_vars()),
            ("captured", circuit.iter_captures()),
            ("declared", circuit.iter_declared_vars()),
            ("stretch", circuit.iter_declared_stretches()),
        )
        for variable in group
    ]
    return [value_of(circuit.global_phase, scope), variables, [_instruction(one, scope) for one in circuit.data]]


def _inner(circuit: QuantumCircuit, scope: Scope) -> list[Any]:
    """A circuit inside of something else, with bits of its own: a definition, a noise channel's."""
    return [circuit.num_qubits, circuit.num_clbits, _body(circuit, scope._replace(bits=_places(circuit)))]


def _instruction(instruction: Any, scope: Scope) -> list[Any]:
    qubits = [scope.bits[bit] for bit in instruction.qubits]
    clbits = [scope.bits[bit] for bit in instruction.clbits]
    if instruction.is_control_flow():
        return [_control_flow(instruction, scope), sorted(qubits), sorted(clbits)]
    if instruction.is_standard_gate():
        what = [instruction.name, [value_of(parameter, scope) for parameter in instruction.params]]
    else:
        what = _operation(instruction.operation, scope)
    if scope.labels:
        label = instruction.label if instruction.is_standard_gate() else getattr(instruction.operation, "label", None)
        what = [*what, ["label", label, instruction.name if _is_chosen(instruction.name) else None]]
    return [what, qubits, clbits]


def _is_chosen(name: str) -> bool:
    return not re.match(r"circuit-\d+", name)


def _control_flow(instruction: Any, scope: Scope) -> list[Any]:
    operation = instruction.operation
    facts: list[Any] = []
    match operation.name:
        case "if_else" | "while_loop":
            facts = [value_of(operation.condition, scope)]
        case "for_loop":
            indices, parameter, _ = operation.params
            facts = [value_of(indices, scope)]
            if parameter is not None:
                scope = scope._replace(loops={**scope.loops, parameter: type(parameter)(f"loop:{len(scope.loops)}")})
        case "switch_case":
            cases = [[value_of(label, scope) for label in labels] for labels, _ in operation.cases_specifier()]
            facts = [value_of(operation.target, scope), cases]
        case "box":
            facts = [value_of(getattr(operation, name, None), scope) for name in ("duration", "unit", "annotations")]
    blocks = []
    for block in operation.blocks:
        own, outer = [*block.qubits, *block.clbits], [*instruction.qubits, *instruction.clbits]
        inner = {bit: scope.bits[outside] for bit, outside in zip(own, outer, strict=True)}
        blocks.append(_body(block, scope._replace(bits={**scope.bits, **inner})))
    return [operation.name, facts, blocks]


def _operation(operation: Any, scope: Scope) -> list[Any]:
    """Anything but a standard gate, by its definition; without one, by name and parameters."""
    from qiskit.circuit import ControlledGate, Instruction

    home = str(type(operation).__module__)
    if home.startswith("qiskit_aer."):
        return thing(operation, scope)
    if not isinstance(operation, Instruction):  # a Clifford, an annotated operation
        return thing(operation, scope)
    numbers = [value_of(parameter, scope) for parameter in operation.params]
    if home.startswith("qiskit.circuit.library.standard_gates"):
        return [operation.name, numbers, getattr(operation, "ctrl_state", None)]
    if isinstance(operation, ControlledGate):
        return ["controlled", operation.num_ctrl_qubits, operation.ctrl_state, _operation(operation.base_gate, scope)]
    if operation.name == "delay":
        return ["delay", numbers, getattr(operation, "unit", None)]
    if not (home.startswith(_BY_PARAMETERS) and numbers):
        definition = operation.definition
        if definition is not None:
            return ["defined", *_inner(definition, scope)]
    return [_UUID_TAIL.sub("", operation.name), operation.num_qubits, operation.num_clbits, numbers]


# --- options that are objects -----------------------------------------------------------
def _blob(name: str, body: bytes) -> Any:
    """A noise model by what it says; everything else by its bytes, which its provider makes the same each time."""
    if name != NOISE_MODEL:
        return body
    try:
        return plain(pickle.loads(body), _inner)  # noqa: S301 - made by the user's own process, for this very request
    except (pickle.PickleError, ImportError, AttributeError, EOFError, IndexError):
        return body  # `prepare` will say what is wrong with it


_request = msgspec.msgpack.Decoder(Request)
