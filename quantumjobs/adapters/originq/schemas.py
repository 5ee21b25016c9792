"""How raw results are written: their names, which stay readable for ever."""

from __future__ import annotations

TASK = "originq-task/1"
"""The answer to a question about a task that is over: status and result are one document."""
BODY = "body"
"""That answer, whole."""
