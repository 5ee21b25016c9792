"""Runs in the vendor's environment: what its SDK writes and reads inside a hybrid job.

Plans on stdin in JSON, each of one job: {"folder", "variables", "calls": [[name, arguments], ...]}. Each answer is
{"printed", "given"}: what each call gave, or its error's type.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any

from braket.jobs import (
    environment_variables,
    load_job_checkpoint,
    load_job_result,
    save_job_checkpoint,
    save_job_result,
)
from braket.jobs.metrics import log_metric
from braket.jobs.metrics_data.definitions import MetricStatistic, MetricType
from braket.jobs.metrics_data.log_metrics_parser import LogMetricsParser
from braket.jobs_data import PersistedJobDataFormat


def metrics(printed: str) -> dict[str, list[Any]]:
    parser = LogMetricsParser()
    for line in printed.splitlines():
        parser.parse_log_message("", line)
    return parser.get_parsed_metrics(MetricType.TIMESTAMP, MetricStatistic.MAX)


CALLS = {
    "result": save_job_result,
    "pickled result": lambda data: save_job_result(data, PersistedJobDataFormat.PICKLED_V4),
    "checkpoint": save_job_checkpoint,
    "metric": log_metric,
    "read result": load_job_result,
    "read checkpoint": load_job_checkpoint,
    "read metrics": metrics,
    "where": lambda channel: {
        "job_name": environment_variables.get_job_name(),
        "device": environment_variables.get_job_device_arn(),
        "input_dir": environment_variables.get_input_data_dir(channel),
        "results_dir": environment_variables.get_results_dir(),
        "checkpoint_dir": environment_variables.get_checkpoint_dir(),
        "hyperparameters": environment_variables.get_hyperparameters(),
    },
}


def carried_out(plan: dict[str, Any]) -> dict[str, Any]:
    os.environ.update(plan["variables"])
    printed, given = io.StringIO(), []
    with contextlib.chdir(plan["folder"]), contextlib.redirect_stdout(printed):
        for name, arguments in plan["calls"]:
            try:
                given.append(CALLS[name](*arguments))
            except (ValueError, OSError, RuntimeError, TypeError) as error:
                given.append(f"{type(error).__name__}")
    for name in plan["variables"]:
        del os.environ[name]
    return {"printed": printed.getvalue(), "given": given}


print(json.dumps([carried_out(plan) for plan in json.load(sys.stdin)]))
