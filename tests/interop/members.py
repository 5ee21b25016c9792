"""What the jobs of qiskit-aqt-provider have, by class: every public name, in versions 1.15.0 and 2.0.1.

`tests/oracles/aqt/test_members.py` holds it against those versions themselves.
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
