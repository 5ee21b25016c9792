"""Runs in the vendor's environment: the tables that its parser makes of logs.

Standard input is a list of logs in JSON, each {"metric_type", "statistic", "lines": [[at, message]]}; the answer is a list
of tables on standard output, in the parser's order. Python's own `NaN` and `Infinity` stand in it.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from braket.jobs.metrics_data.definitions import MetricStatistic, MetricType
from braket.jobs.metrics_data.log_metrics_parser import LogMetricsParser

logging.disable()  # of each value that is no number it warns


def table(log: dict[str, Any]) -> dict[str, list[Any]]:
    parser = LogMetricsParser()
    for at, message in log["lines"]:
        parser.parse_log_message(at, message)
    return parser.get_parsed_metrics(MetricType[log["metric_type"].upper()], MetricStatistic[log["statistic"].upper()])


print(json.dumps([table(log) for log in json.load(sys.stdin)]))
