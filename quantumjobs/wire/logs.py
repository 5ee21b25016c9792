"""Filters on the loggers of the HTTP libraries: at their most talkative they write headers, and so credentials."""

from __future__ import annotations

import logging

from quantumjobs.wire.secrets import masked

# A filter on a logger does not see what is logged to the loggers below it, so each is named.
LOGGERS = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
    *(f"aiohttp.{part}" for part in ("client", "internal", "access", "server", "web", "websocket")),
)


class Masking(logging.Filter):
    """Writes the message out, and masks it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, with its secrets masked."""
        try:
            text = record.getMessage()
        except Exception:  # a bad format is the caller's bug, and logging's to tell
            return True
        record.msg, record.args = masked(text), None
        if record.exc_info:  # a traceback's text may quote a request
            record.exc_text = masked(logging.Formatter().formatException(record.exc_info))
        return True


def install() -> None:
    """Once per process is enough; more often does no harm."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, Masking) for one in logger.filters):
            logger.addFilter(Masking())
