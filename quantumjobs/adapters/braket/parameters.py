"""`deviceParameters`: what the vendor's SDK sends with a circuit, by the maker of the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quantumjobs.adapters.braket.messages import head
from quantumjobs.adapters.braket.programs import Program
from quantumjobs.errors import UsageError

_SCHEMAS: Mapping[str, str] = {
    "/ionq/": "braket.device_schema.ionq.ionq_device_parameters",
    "/rigetti/": "braket.device_schema.rigetti.rigetti_device_parameters",
    "/oqc/": "braket.device_schema.oqc.oqc_device_parameters",
}
_OTHERS = "braket.device_schema.simulators.gate_model_simulator_device_parameters"
_PARADIGM = "braket.device_schema.gate_model_parameters"


def parameters(arn: str, program: Program, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The document for one program; None where there is nothing to say: of text that was given, unless asked for."""
    if "device_parameters" in options:
        given: dict[str, Any] = options["device_parameters"]
        return given
    mitigation = options.get("error_mitigation")
    if mitigation and "/ionq/" not in arn:
        raise UsageError(f"error_mitigation: of Braket's devices IonQ's have it, and {arn} is none of them")
    if program.given and not mitigation and "disable_qubit_rewiring" not in options:
        return None
    schema = next((name for maker, name in _SCHEMAS.items() if maker in arn), _OTHERS)
    document: dict[str, Any] = {
        "braketSchemaHeader": head(schema),
        "paradigmParameters": {
            "braketSchemaHeader": head(_PARADIGM),
            "qubitCount": program.qubits,
            "disableQubitRewiring": options.get("disable_qubit_rewiring", program.physical),
        },
    }
    if mitigation:
        document["errorMitigation"] = mitigation
    return document
