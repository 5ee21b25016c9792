"""What is known of a device: its capabilities as far as they count here, read loosely, since they grow with every release."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

OPENQASM = "braket.ir.openqasm.program"
PROGRAM_SET = "braket.ir.openqasm.program_set"


class Action(Struct, frozen=True, rename="camel"):
    """What a device takes in one language."""

    supported_operations: list[str] | None = None
    """Braket's names of gates, in any case."""
    supported_pragmas: list[str] | None = None
    supported_modifiers: list[dict[str, Any]] | None = None
    supported_result_types: list[dict[str, Any]] | None = None
    support_physical_qubits: bool | None = None
    requires_all_qubits_measurement: bool | None = None
    maximum_executables: int | None = None
    maximum_total_shots: int | None = None
    minimum_total_shots: int | None = None


class Price(Struct, frozen=True):
    """In US dollars."""

    price: float | None = None
    unit: str | None = None
    """"shot", "minute", ..."""


class Service(Struct, frozen=True, rename="camel"):
    """What the service says of it."""

    shots_range: list[int] | None = None
    device_cost: Price | None = None
    execution_windows: list[dict[str, Any]] | None = None
    get_task_poll_interval_millis: float | None = None
    updated_at: str | None = None


class Connectivity(Struct, frozen=True, rename="camel"):
    """Which pairs of qubits a two-qubit gate may be on."""

    fully_connected: bool | None = None
    connectivity_graph: dict[str, list[str]] | None = None


class Paradigm(Struct, frozen=True, rename="camel"):
    """How it computes."""

    qubit_count: int | None = None
    native_gate_set: list[str] | None = None
    connectivity: Connectivity | None = None


class Capabilities(Struct, frozen=True):
    """Of `deviceCapabilities`, what counts here or is worth being told by `describe()`."""

    service: Service = Service()
    action: dict[str, Action] = {}
    paradigm: Paradigm = Paradigm()


class About(Struct, frozen=True, kw_only=True):
    """The answer of `Adapter.describe`, as JSON."""

    arn: str
    name: str
    provider: str = ""
    type: str = ""
    """QPU or SIMULATOR."""
    status: str = ""
    """ONLINE, OFFLINE or RETIRED."""
    queue: dict[str, str] = {}
    """Tasks ahead by queue, in the service's words: numbers, and such as ">4000"."""
    capabilities: Capabilities = Capabilities()
    task_fee: float | None = None
    """US dollars for each task on a QPU, besides its shots; the service's descriptions do not have it."""
    bucket: str = ""
    """Where results go unless a run says otherwise."""
    prefix: str = ""


LEAST_SECONDS = 3.0
"""For which each task on a simulator is charged at the least, as the vendor's own tracker has it."""


def is_simulator(arn: str) -> bool:
    """Told by the ARN alone: `.../quantum-simulator/...`."""
    return "device/quantum-simulator/" in arn


encode = msgspec.json.Encoder(order="deterministic").encode
decode = msgspec.json.Decoder(About).decode
