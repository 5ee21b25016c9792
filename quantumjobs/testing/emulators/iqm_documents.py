"""What the IQM emulator says of its computers: architectures, calibration sets, and quality metrics.

Error rates and durations are made up, of the order that such machines have; they depend on the component's name and the
calibration, so that some qubits are better than others, and a new calibration changes which.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

from quantumjobs.testing.emulators.iqm_computers import IMPLEMENTATIONS, Calibration, Computer, Locus

_FIDELITY = {"prx": (0.9985, 0.9995), "cz": (0.985, 0.996), "move": (0.985, 0.995), "measure": (0.965, 0.985)}
_METHODS = {"prx": "rb", "measure": "ssro"}  # how it is found; by interleaved benchmarking where nothing is said
_SECONDS = {"prx": 20e-9, "cz": 40e-9, "move": 96e-9, "measure": 1.5e-6, "cc_prx": 1.2e-6}
_T1 = (25e-6, 60e-6)  # seconds
_T2 = (8e-6, 12e-6)


def dynamic(computer: Computer, calibration: Calibration) -> dict[str, Any]:
    """The dynamic quantum architecture."""
    gates = {
        name: {
            "implementations": {IMPLEMENTATIONS[name]: {"loci": loci}},
            "default_implementation": IMPLEMENTATIONS[name],
            "override_default_implementation": {},
        }
        for name, loci in computer.loci().items()
    }
    return {
        "calibration_set_id": calibration.id,
        "qubits": computer.qubits,
        "computational_resonators": computer.resonators,
        "gates": gates,
    }


def static(computer: Computer) -> list[dict[str, Any]]:
    """The static quantum architecture, in a list of one."""
    return [
        {
            "dut_label": f"emulated-{computer.alias}",
            "qubits": computer.qubits,
            "computational_resonators": computer.resonators,
            "connectivity": computer.connectivity,
        }
    ]


def calibrated(computer: Computer, calibration: Calibration) -> dict[str, Any]:
    """The calibration set."""
    kind = {"observation_set_id": calibration.id, "observation_set_type": "calibration-set", "describes_id": None}
    return kind | _observed(computer, calibration, (*_frequencies(computer), *_durations(computer)))


def metrics(computer: Computer, calibration: Calibration) -> dict[str, Any]:
    """The quality metrics, which are another set of observations and describe the calibration set."""
    id = str(uuid.uuid5(uuid.UUID(calibration.id), "metrics"))
    kind = {"observation_set_id": id, "observation_set_type": "quality-metric-set", "describes_id": calibration.id}
    found = (*_coherence(computer, calibration), *_fidelities(computer, calibration), *_durations(computer))
    return kind | _observed(computer, calibration, found)


_Observation = tuple[str, str, float, float | None]
"""Field, unit, value, uncertainty."""


def _frequencies(computer: Computer) -> Iterator[_Observation]:
    for place, qubit in enumerate(computer.qubits):
        yield f"controllers.{qubit}.drive.frequency", "Hz", 4.2e9 + 1e6 * place, None


def _coherence(computer: Computer, calibration: Calibration) -> Iterator[_Observation]:
    for qubit in (*computer.qubits, *computer.resonators):
        for name, bounds in (("t1_time", _T1), ("t2_time", _T2)):
            field = f"characterization.model.{qubit}.{name}"
            yield field, "s", _drawn(field, calibration, bounds), None


def _fidelities(computer: Computer, calibration: Calibration) -> Iterator[_Observation]:
    for gate, loci in computer.loci().items():
        if gate not in _FIDELITY:
            continue
        for locus in loci:
            field = f"metrics.{_METHODS.get(gate, 'irb')}.{gate}.{IMPLEMENTATIONS[gate]}.{_joined(locus)}"
            fidelity = _drawn(field, calibration, _FIDELITY[gate])
            yield f"{field}.fidelity", "", fidelity, 1e-4
            if gate == "measure":
                share = _drawn(f"{field} share", calibration, (0.4, 0.6))
                yield f"{field}.error_0_to_1", "", 2 * (1 - fidelity) * share, 1e-4
                yield f"{field}.error_1_to_0", "", 2 * (1 - fidelity) * (1 - share), 1e-4


def _durations(computer: Computer) -> Iterator[_Observation]:
    for gate, loci in computer.loci().items():
        for locus in loci:
            yield f"gates.{gate}.{IMPLEMENTATIONS[gate]}.{_joined(locus)}.duration", "s", _SECONDS[gate], None


def _joined(locus: Locus) -> str:
    return "__".join(locus)


def _drawn(name: str, calibration: Calibration, bounds: tuple[float, float]) -> float:
    """The same for the same name and calibration."""
    low, high = bounds
    return low + (high - low) * crc32(f"{calibration.number}/{name}".encode()) / 0xFFFFFFFF


def _observed(computer: Computer, calibration: Calibration, found: Iterable[_Observation]) -> dict[str, Any]:
    when = calibration.created
    return {
        "invalid": False,
        "dut_label": f"emulated-{computer.alias}",
        "created_timestamp": when,
        "end_timestamp": when,
        "observations": [
            {
                "observation_id": number,
                "dut_field": field,
                "unit": unit,
                "value": value,
                "uncertainty": uncertainty,
                "invalid": False,
                "created_timestamp": when,
                "modified_timestamp": when,
            }
            for number, (field, unit, value, uncertainty) in enumerate(found, 1)
        ],
    }
