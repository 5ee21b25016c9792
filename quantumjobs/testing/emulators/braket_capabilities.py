"""What the Braket emulator says of its devices, in the vendor's schemas."""

from __future__ import annotations

import re
from typing import Any

from quantumjobs.testing.emulators.braket_devices import OPENQASM, PROGRAM_SET, Device
from quantumjobs.testing.emulators.braket_gates import CHANNELS
from quantumjobs.testing.emulators.braket_pragmas import STATES

_AGENT = re.compile(r"BraketSchemas/(\d+)\.(\d+)", re.ASCII)
_NEW = (1, 8)
"""The first version of the vendor's schemas that knows OpenQASM."""
_OBSERVABLES = ["x", "y", "z", "h", "i", "hermitian"]
_SCHEMAS = "braket.device_schema"


def knows_openqasm(agent: str) -> bool:
    """Whether a client names a schema version that is new enough."""
    found = _AGENT.search(agent)
    return found is not None and (int(found[1]), int(found[2])) >= _NEW


def capabilities(device: Device, *, openqasm: bool) -> dict[str, Any]:
    """Satisfies the vendor's schema of the device."""
    name = {"Amazon Braket": "simulators.gate_model_simulator", "IQM": "iqm.iqm", "IonQ": "ionq.ionq"}[device.provider]
    family, _, word = name.partition(".")
    found = {
        **_header(f"{family}.{word}_device_capabilities"),
        "service": _service(device),
        "action": _actions(device) if openqasm else {},
        "deviceParameters": {},
        "paradigm": _paradigm(device),
    }
    if device.provider == "IonQ":
        found["provider"] = {
            **_header("ionq.ionq_provider_properties"),
            "fidelity": {"1Q": {"mean": 0.9998}, "2Q": {"mean": 0.99}, "spam": {"mean": 0.995}},
            "timing": {"T1": 100.0, "T2": 1.0, "1Q": 1.1e-4, "2Q": 9e-4, "readout": 1e-4, "reset": 2e-5},
        }
    elif device.provider == "IQM":
        found["provider"] = {**_header("iqm.iqm_provider_properties"), "properties": {}}
    return found


def _header(name: str) -> dict[str, Any]:
    return {"braketSchemaHeader": {"name": f"{_SCHEMAS}.{name}", "version": "1"}}


def _service(device: Device) -> dict[str, Any]:
    price, unit = device.price
    window = {"executionDay": "Everyday", "windowStartHour": "00:00", "windowEndHour": "23:59:59"}
    return {
        **_header("device_service_properties"),
        "executionWindows": [window],
        "shotsRange": list(device.shots),
        "deviceCost": {"price": price, "unit": unit},
        "deviceLocation": device.region or "us-east-1",
        "updatedAt": "2026-01-02T03:04:05",
        "getTaskPollIntervalMillis": 200,
    }


def _actions(device: Device) -> dict[str, Any]:
    rules = device.rules
    pragmas = [f"braket_result_type_{kind}" for kind in rules.results]
    pragmas += ["braket_unitary_matrix"] * ("unitary" in rules.gates)
    pragmas += [f"braket_noise_{name}" for name in (*CHANNELS, "kraus")] if rules.noise else []
    pragmas += ["verbatim"] * bool(rules.native)
    modifiers = [
        {"name": "ctrl"},
        {"name": "negctrl"},
        {"name": "pow", "exponent_types": ["int", "float"]},
        {"name": "inv"},
    ]
    gates = ["GPhase" if gate == "gphase" else gate for gate in rules.gates]
    found: dict[str, Any] = {
        OPENQASM: {
            "actionType": OPENQASM,
            "version": ["1"],
            "supportedOperations": gates,
            "supportedModifiers": modifiers if rules.modifiers else [],
            "supportedPragmas": pragmas,
            "forbiddenPragmas": [],
            "maximumQubitArrays": 1,
            "maximumClassicalArrays": 1,
            "forbiddenArrayOperations": [],
            "requiresAllQubitsMeasurement": False,
            "supportPhysicalQubits": rules.physical,
            "requiresContiguousQubitIndices": False,
            "supportsPartialVerbatimBox": bool(rules.native),
            "supportsUnassignedMeasurements": True,
            "disabledQubitRewiringSupported": rules.physical,
            "supportedResultTypes": [_result(kind, device) for kind in rules.results],
        }
    }
    if device.sets is not None:
        executables, shots = device.sets
        found[PROGRAM_SET] = {
            "actionType": PROGRAM_SET,
            "version": ["1"],
            "maximumExecutables": executables,
            "maximumTotalShots": shots,
            "minimumTotalShots": 1,
        }
    return found


def _result(kind: str, device: Device) -> dict[str, Any]:
    name = {"state_vector": "StateVector", "density_matrix": "DensityMatrix"}.get(kind, kind.capitalize())
    shots = (
        (0, 0)
        if kind in STATES
        else (max(1, device.shots[0]) if kind == "sample" else device.shots[0], device.shots[1])
    )
    observables = None if kind in (*STATES, "probability") else _OBSERVABLES
    return {"name": name, "observables": observables, "minShots": shots[0], "maxShots": shots[1]}


def _paradigm(device: Device) -> dict[str, Any]:
    rules = device.rules
    if device.type == "SIMULATOR":
        return {
            **_header("simulators.gate_model_simulator_paradigm_properties"),
            "qubitCount": rules.count,
        }
    graph: dict[str, list[str]] = {}
    for here, there in rules.edges:
        graph.setdefault(str(here), []).append(str(there))
        graph.setdefault(str(there), []).append(str(here))
    return {
        **_header("gate_model_qpu_paradigm_properties"),
        "connectivity": {"fullyConnected": not rules.edges, "connectivityGraph": graph},
        "qubitCount": rules.count,
        "nativeGateSet": list(rules.native),
    }


def listed(device: Device) -> dict[str, Any]:
    """As a search tells of it."""
    return {
        "deviceArn": device.arn,
        "deviceName": device.name,
        "providerName": device.provider,
        "deviceType": device.type,
        "deviceStatus": device.status,
    }
