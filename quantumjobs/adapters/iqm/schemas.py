"""How raw results are written: their names, which stay readable for ever."""

from __future__ import annotations

COUNTS = "iqm-counts/1"
"""The answer to `GET /jobs/{id}/artifacts/measurement_counts`."""
SHOTS = "iqm-measurements/1"
"""The answer to `GET /jobs/{id}/artifacts/measurements`."""
BODY = "body"
"""The artifact itself."""
JOB = "job"
"""What the server said of the job when its result was fetched."""
PAYLOAD = "payload"
"""Of a job that somebody else sent: the answer to `GET /jobs/{id}/payload`."""
