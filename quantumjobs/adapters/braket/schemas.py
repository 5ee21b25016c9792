"""Names of raw results, and of the bodies in them."""

from __future__ import annotations

TASK = "braket-task"
"""A quantum task's result object, as it lies in S3; of a program set its further objects, too."""
JOB = "braket-job"
"""What a hybrid job's program saved; without a body where it saved nothing."""
RESULTS = "results.json"
"""The body from which all others are named."""
