"""The options of a simulation, by name and type, without importing Aer: a test compares this table with Aer's own."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from quantumjobs.errors import UsageError, unknown_name

METHODS = (
    "automatic",
    "statevector",
    "density_matrix",
    "stabilizer",
    "matrix_product_state",
    "extended_stabilizer",
    "unitary",
    "superop",
    "tensor_network",
)
DEVICES = ("CPU", "GPU")

AER: Mapping[str, type] = {
    "device": str,
    "precision": str,
    "method": str,
    "enable_truncation": bool,
    "zero_threshold": float,
    "validation_threshold": int,
    "max_parallel_threads": int,
    "max_parallel_experiments": int,
    "max_parallel_shots": int,
    "max_memory_mb": int,
    "fusion_enable": bool,
    "fusion_verbose": bool,
    "fusion_max_qubit": int,
    "fusion_threshold": int,
    "accept_distributed_results": bool,
    "seed_simulator": int,
    "cuStateVec_enable": bool,
    "blocking_qubits": int,
    "blocking_enable": bool,
    "chunk_swap_buffer_qubits": int,
    "batched_shots_gpu": bool,
    "batched_shots_gpu_max_qubits": int,
    "num_threads_per_device": int,
    "shot_branching_enable": bool,
    "shot_branching_sampling_enable": bool,
    "statevector_parallel_threshold": int,
    "statevector_sample_measure_opt": int,
    "stabilizer_max_snapshot_probabilities": int,
    "extended_stabilizer_sampling_method": str,
    "extended_stabilizer_metropolis_mixing_time": int,
    "extended_stabilizer_approximation_error": float,
    "extended_stabilizer_norm_estimation_samples": int,
    "extended_stabilizer_norm_estimation_repetitions": int,
    "extended_stabilizer_parallel_threshold": int,
    "extended_stabilizer_probabilities_snapshot_samples": int,
    "matrix_product_state_truncation_threshold": float,
    "matrix_product_state_max_bond_dimension": int,
    "mps_sample_measure_algorithm": str,
    "mps_log_data": bool,
    "mps_swap_direction": str,
    "chop_threshold": float,
    "mps_parallel_threshold": int,
    "mps_omp_threads": int,
    "mps_lapack": bool,
    "tensor_network_num_sampling_qubits": int,
    "use_cuTensorNet_autotuning": bool,
    "runtime_parameter_bind_enable": bool,
    # Taken by Aer's `run`, though not among `AerSimulator().options`:
    "fusion_parallelization_threshold": int,
    "target_gpus": list,
}
"""Aer's options that hold plain values, and their types."""

OURS = ("seed", "time_limit")
REQUEST = ("shots", "memory")
"""Arguments of `run` itself: they do not arrive here."""

DEAD: Mapping[str, str] = {
    name: (
        f"{name!r} does nothing in Aer any more: lists are split over the worker processes by themselves; another "
        'executor is set by Client(providers={"aer": {"executor": ...}})'
    )
    for name in ("executor", "max_job_size", "max_shot_size")
}

CHOICES: Mapping[str, tuple[str, ...]] = {
    "method": METHODS,
    "device": DEVICES,
    "precision": ("double", "single"),
}


def method_of(backend: str) -> str:
    """The simulation method that an address names; `UsageError` with near names for an unknown one."""
    if not backend:
        return "automatic"
    if backend not in METHODS:
        raise unknown_name("backend", backend, METHODS, where="aer")
    return backend


def admit(backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Split options into plain values and encoded objects. Options that are None are as if not given."""
    method = method_of(backend)
    plain: dict[str, Any] = {}
    blobs: dict[str, bytes] = {}
    for name, value in options.items():
        _check_name(name)
        if value is None:
            continue
        if name in OBJECTS:
            blobs[name] = OBJECTS[name](value)
        elif name == "time_limit":
            plain[name] = _positive(name, _typed(name, value, float))
        else:
            own = "seed_simulator" if name == "seed" else name
            if own in plain:
                raise UsageError("seed and seed_simulator are the same option: give one of them")
            plain[own] = _typed(name, value, AER[own])
    _check_values(backend, method, plain)
    return plain, blobs


def _check_name(name: str) -> None:
    if name in DEAD:
        raise UsageError(DEAD[name])
    if name not in NAMES:
        raise unknown_name("option", name, NAMES, where="aer")


def _check_values(backend: str, method: str, plain: Mapping[str, Any]) -> None:
    for name, choices in CHOICES.items():
        if name in plain and plain[name] not in choices:
            raise unknown_name(name, plain[name], choices, where="aer")
    if not -(1 << 63) <= plain.get("seed_simulator", 0) < 1 << 63:
        raise UsageError("seed_simulator must fit into 64 bits")
    if backend and plain.get("method", method) != method and method != "automatic":
        raise UsageError(f"the address aer/{backend} and the option method={plain['method']!r} contradict each other")


def _typed(name: str, value: Any, kind: type) -> Any:
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    taken = (int, float) if kind is float else (kind,)
    if isinstance(value, taken) and (kind is bool or not isinstance(value, bool)):
        return kind(value)
    raise UsageError(f"option {name!r} must be {kind.__name__}, not {type(value).__name__} ({value!r:.60})")


def _positive(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise UsageError(f"option {name!r} must be a positive number of seconds, not {value}")
    return value


def _noise(value: Any) -> bytes:
    kind = getattr(sys.modules.get("qiskit_aer.noise"), "NoiseModel", None)
    if kind is None or not isinstance(value, kind):
        if isinstance(value, dict):
            raise UsageError(
                "noise_model is a dict: Aer's dict form loses errors and is deprecated; "
                "give the qiskit_aer.noise.NoiseModel itself"
            )
        raise UsageError(f"noise_model must be a qiskit_aer.noise.NoiseModel, not {type(value).__qualname__}")
    try:
        return pickle.dumps(value, protocol=5)
    except Exception as error:
        raise UsageError(f"the noise model cannot be sent to a worker: {type(error).__name__}: {error}") from error


def _binds(value: Any) -> bytes:
    """Parameters by name: the names of one circuit's parameters are unique, and the same in every process."""
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, (list, tuple)) or not all(isinstance(table, Mapping) for table in value):
        raise UsageError("parameter_binds must be a list with one dict per circuit: {parameter: [values]}")
    tables: list[dict[str, list[float]]] = []
    for table in value:
        named: dict[str, list[float]] = {}
        for parameter, given in table.items():
            name = parameter if isinstance(parameter, str) else getattr(parameter, "name", None)
            if not isinstance(name, str):
                raise UsageError(f"parameter_binds: {parameter!r:.60} is not a parameter")
            try:
                named[name] = [float(one) for one in given]
            except (TypeError, ValueError) as error:
                raise UsageError(f"parameter_binds: parameter {name!r} needs a list of numbers: {error}") from error
        if len({len(column) for column in named.values()}) > 1:
            lengths = ", ".join(f"{name}: {len(column)}" for name, column in named.items())
            raise UsageError(f"parameter_binds: the lists of one circuit must be of equal length ({lengths})")
        tables.append(named)
    return msgspec.msgpack.encode(tables, order="deterministic")


OBJECTS: Mapping[str, Callable[[Any], bytes]] = {"noise_model": _noise, "parameter_binds": _binds}
"""Options that are objects, and how they are encoded."""

NAMES = (*AER, *OBJECTS, *OURS)
"""Every option."""
