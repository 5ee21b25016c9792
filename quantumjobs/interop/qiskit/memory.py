"""Every shot for those who asked for it, made from the counts where the provider gives nothing else.

`BackendSamplerV2` takes a missing memory for a circuit that measures nothing, and fills in zeros without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.result import Result

from quantumjobs.circuits import look
from quantumjobs.errors import ResultUnavailable

FROM_COUNTS = "from counts: equal outcomes stand together, the order of the shots is not known"
"""An experiment's `metadata["memory"]` where its memory was made here."""


def completed(result: Any, circuits: Sequence[Any]) -> Any:
    """The `qiskit.result.Result` with a memory in each experiment that measured something.

    Raises `ResultUnavailable` where there is nothing to make it from.
    """
    if all(getattr(one.data, "memory", None) for one in result.results):
        return result
    document = result.to_dict()
    for place, one in enumerate(document["results"]):
        data = one["data"]
        if data.get("memory"):
            continue
        if data.get("counts"):
            memory = [outcome for outcome, number in data["counts"].items() for _ in range(number)]
            one["data"] = {**data, "memory": memory}
            one["metadata"] = {**one.get("metadata", {}), "memory": FROM_COUNTS}
        elif one["header"]["memory_slots"] and _measures(circuits, place, len(document["results"])):
            raise ResultUnavailable(
                f"circuit {one['header']['name']!r} was run with memory=True, and its result has neither the shots "
                "nor counts to make them from"
            )
    return Result.from_dict(document)


def _measures(circuits: Sequence[Any], place: int, experiments: int) -> bool:
    """Whether an experiment's circuit measures; in doubt it does."""
    if len(circuits) != experiments:  # parameter bindings make several of one
        return any(_has_measure(circuit) for circuit in circuits)
    return _has_measure(circuits[place])


def _has_measure(circuit: Any) -> bool:
    return not isinstance(circuit, QuantumCircuit) or "measure" in look.operations(circuit)
