"""What vendors' jobs have, by class: every public name, in qiskit-aqt-provider 1.15.0 and 2.0.1, iqm-client 36.0.0,
pyqpanda3 0.5.1 and amazon-braket-sdk 1.127.5.

`test_members.py` in `tests/oracles/aqt`, `iqm`, `originq` and `braket` holds it against those versions themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

JOB_V1 = frozenset(
    {
        "backend",
        "cancel",
        "cancelled",
        "done",
        "in_final_state",
        "job_id",
        "result",
        "running",
        "status",
        "submit",
        "version",
        "wait_for_final_state",
    }
)
"""Qiskit's own, which all of them have."""

FIRST: Mapping[str, frozenset[str]] = {
    "AQTJob": JOB_V1
    | {
        "api_submit_payload",
        "circuits",
        "error_message",
        "metadata",
        "options",
        "persist",
        "progress",
        "restore",
        "status_payload",
    },
    "AQTDirectAccessJob": JOB_V1 | {"api_submit_payload", "circuits", "metadata", "options"},
    "AQTOptions": frozenset(
        {
            "max_shots",
            "memory",
            "query_period_seconds",
            "query_timeout_seconds",
            "shots",
            "update_options",
            "with_progress_bar",
        }
    ),
}
SECOND: Mapping[str, frozenset[str]] = {
    "CloudJob": JOB_V1 | {"STATUS_MAPPING", "persist"},
    "DirectAccessJob": JOB_V1 | {"persist"},
    "CompositeDirectAccessJob": JOB_V1 | {"persist"},
}
PARAMETERS: Mapping[str, frozenset[str]] = {
    "persist": frozenset({"store_path"}),
    "restore": frozenset({"job_id", "access_token", "store_path", "remove_from_store"}),
    "result": frozenset(),
    "wait_for_final_state": frozenset({"timeout", "wait", "callback"}),
}
"""Of `AQTJob`'s methods."""

IQM: Mapping[str, frozenset[str]] = {
    "IQMJob": JOB_V1 | {"circuit_metadata", "error_message", "metadata", "queue_position"},
    "CircuitJobTracker": frozenset(
        {
            "cancel",
            "errors",
            "find_timeline_entry",
            "job_data",
            "job_id",
            "payload",
            "result",
            "result_counts",
            "status",
            "update",
            "wait_for_completion",
        }
    ),
    "CircuitCompilationOptions": frozenset(
        {
            "active_reset_cycles",
            "dd_mode",
            "dd_strategy",
            "heralding_mode",
            "max_circuit_duration_over_t2",
            "move_gate_frame_tracking",
            "move_gate_validation",
        }
    ),
}
IQM_PARAMETERS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "IQMJob": {
        "IQMJob": frozenset({"backend", "job_tracker"}),
        "queue_position": frozenset({"refresh"}),
        "result": frozenset({"timeout", "cancel_after_timeout"}),
        "wait_for_final_state": frozenset({"timeout", "wait", "callback"}),
    },
    "CircuitJobTracker": {
        "find_timeline_entry": frozenset({"status", "source"}),
        "wait_for_completion": frozenset({"timeout_secs", "polling_interval", "progress_callback"}),
    },
    "IQMBackend": {
        "create_circuit_job_definition": frozenset(
            {"run_input", "shots", "circuit_compilation_options", "circuit_callback", "qubit_index_to_name"}
        ),
        "retrieve_job": frozenset({"job_id"}),
        "run": frozenset({"run_input", "use_timeslot"}),
    },
}
"""Of those methods that take any, by class; `run` passes on what `create_circuit_job_definition` takes."""

ORIGINQ: Mapping[str, frozenset[str]] = {
    "QCloudJob": frozenset({"cancel", "cancel_task", "job_id", "query", "result", "status"}),
    "QCloudResult": frozenset(
        {
            "error_message",
            "get_amplitudes",
            "get_counts",
            "get_counts_list",
            "get_probs",
            "get_probs_list",
            "get_state_fidelity",
            "get_state_tomography_density",
            "instructions",
            "job_id",
            "job_status",
            "mapping_qprog",
            "mapping_qubit",
            "measure_qubits",
            "origin_data",
            "prob_count_raw",
            "qprog",
            "src_qubits",
            "target_cbits",
            "timing_info",
        }
    ),
    "QCloudOptions": frozenset(
        {
            "amend_flag",
            "get_custom_option",
            "get_custom_options",
            "has_custom_option",
            "is_amend",
            "is_mapping",
            "is_optimization",
            "is_prob_counts",
            "point_label",
            "print",
            "set_amend",
            "set_amend_flag",
            "set_custom_option",
            "set_is_prob_counts",
            "set_mapping",
            "set_optimization",
            "set_point_label",
            "set_specified_block",
            "set_use_cz_pattern",
            "specified_block",
            "use_cz_pattern",
        }
    ),
    "QCloudNoiseModel": frozenset(
        {
            "get_double_params",
            "get_noise_model",
            "get_single_params",
            "is_enabled",
            "print",
            "set_double_params",
            "set_single_params",
        }
    ),
}
ORIGINQ_PARAMETERS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "QCloudJob": {
        "QCloudJob": frozenset({"job_id"}),
        "cancel_task": frozenset({"task_id"}),
        "query": frozenset({"keys", "key"}),
        "result": frozenset({"keys", "key"}),
    },
    "QCloudResult": {
        "QCloudResult": frozenset({"cloud_job_id", "result_string"}),
        "get_counts": frozenset({"base"}),
        "get_counts_list": frozenset({"base"}),
        "get_probs": frozenset({"base"}),
        "get_probs_list": frozenset({"base"}),
    },
    "QCloudOptions": {
        "QCloudOptions": frozenset(
            {
                "amend_flag",
                "is_prob_counts",
                "mapping",
                "optimization",
                "point_label",
                "specified_block",
                "use_cz_pattern",
            }
        ),
        "get_custom_option": frozenset({"key"}),
        "has_custom_option": frozenset({"key"}),
        "set_amend": frozenset({"is_amend"}),
        "set_amend_flag": frozenset({"amend_flag"}),
        "set_custom_option": frozenset({"key", "value"}),
        "set_is_prob_counts": frozenset({"is_prob_counts"}),
        "set_mapping": frozenset({"is_mapping"}),
        "set_optimization": frozenset({"is_optimization"}),
        "set_point_label": frozenset({"point_label"}),
        "set_specified_block": frozenset({"specified_block"}),
        "set_use_cz_pattern": frozenset({"use_cz_pattern"}),
    },
    "QCloudNoiseModel": {
        "QCloudNoiseModel": frozenset({"model", "single_p", "double_p"}),
        "set_double_params": frozenset({"double_p"}),
        "set_single_params": frozenset({"single"}),
    },
    "QCloudBackend": {
        "expval_hamiltonian": frozenset({"prog", "hamiltonian", "shots", "noise_model", "options"}),
        "expval_pauli_operator": frozenset({"prog", "pauli_operator", "shots", "noise_model", "options"}),
        "run": frozenset(
            {
                "amplitude",
                "amplitudes",
                "batch_id",
                "enable_binary_encoding",
                "model",
                "options",
                "prog",
                "progs",
                "qubits",
                "shots",
                "task_form",
            }
        ),
        "run_instruction": frozenset({"instruction", "instructions", "shots", "options", "batch_id", "task_form"}),
        "run_quantum_state_tomography": frozenset({"prog", "shots", "options"}),
    },
}
"""Of those methods that take any, by class, in all their overloads."""

_HYBRID = frozenset(
    {
        "DEFAULT_RESULTS_POLL_INTERVAL",
        "DEFAULT_RESULTS_POLL_TIMEOUT",
        "arn",
        "cancel",
        "download_result",
        "logs",
        "metadata",
        "metrics",
        "name",
        "result",
        "state",
    }
)
"""Braket's `QuantumJob`, of which the others are kinds."""
BRAKET: Mapping[str, frozenset[str]] = {
    "QuantumJob": _HYBRID,
    "AwsQuantumJob": _HYBRID
    | {
        "LOG_GROUP",
        "LogState",
        "RESULTS_FILENAME",
        "RESULTS_TAR_FILENAME",
        "TERMINAL_STATES",
        "create",
        "get_tasks",
        "queue_position",
    },
    "LocalQuantumJob": _HYBRID | {"create", "run_log"},
}
_WAITS = {"poll_timeout_seconds": 864000, "poll_interval_seconds": 5}
_HYBRID_PARAMETERS: Mapping[str, Mapping[str, object]] = {
    "download_result": {"extract_to": None, **_WAITS},
    "logs": {"wait": False, "poll_interval_seconds": 5},
    "metadata": {"use_cached_value": False},
    "metrics": {"metric_type": "Timestamp", "statistic": "Max"},
    "result": {**_WAITS, "allow_pickle": False},
    "state": {"use_cached_value": False},
}
BRAKET_PARAMETERS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "QuantumJob": _HYBRID_PARAMETERS,
    "AwsQuantumJob": {
        **_HYBRID_PARAMETERS,
        "AwsQuantumJob": {"arn": ..., "aws_session": None, "quiet": False},
        "create": {
            "device": ...,
            "source_module": ...,
            "entry_point": None,
            "image_uri": None,
            "job_name": None,
            "code_location": None,
            "role_arn": None,
            "wait_until_complete": False,
            "hyperparameters": None,
            "input_data": None,
            "instance_config": None,
            "distribution": None,
            "stopping_condition": None,
            "output_data_config": None,
            "copy_checkpoints_from_job": None,
            "checkpoint_config": None,
            "aws_session": None,
            "tags": None,
            "logger": "braket.aws.aws_quantum_job",
            "quiet": False,
            "reservation_arn": None,
        },
        "get_tasks": {"use_cached_value": False},
    },
    "LocalQuantumJob": {
        **_HYBRID_PARAMETERS,
        "LocalQuantumJob": {"arn": ..., "run_log": None},
        "create": {
            "device": ...,
            "source_module": ...,
            "entry_point": None,
            "image_uri": None,
            "job_name": None,
            "code_location": None,
            "role_arn": None,
            "hyperparameters": None,
            "input_data": None,
            "output_data_config": None,
            "checkpoint_config": None,
            "aws_session": None,
            "local_container_update": True,
        },
    },
}
"""Of those methods that take any, by class, with their defaults (of an enum its value, of a logger its name); `...` is none."""
