"""The same for what draws."""

from __future__ import annotations

from typing import assert_type

import quantumjobs as qj
from quantumjobs.cli import main
from quantumjobs.display import Chart, Following, counts_bars, counts_chart, progress_lines


def drawing(result: qj.Result, job: qj.Job) -> None:
    assert_type(counts_chart(result.counts, 60, 5, unicode=False), str)
    assert_type(counts_bars(result.counts), Chart)
    assert_type(progress_lines([Following.of("bell", 2.5, job.snapshot)], 60), list[str])
    assert_type(main(["--version"]), int)
