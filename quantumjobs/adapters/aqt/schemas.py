"""How raw results are written: their names, which stay readable for ever."""

from __future__ import annotations

CLOUD = "aqt/1"
"""The whole answer to `GET /result/{job_id}`; the offline simulators answer in the same form."""
DIRECT = "aqt-direct/1"
"""The whole answer to `GET /circuit/result/{job_id}`."""
BODY = "body"
"""A raw result's only blob."""
