"""Everything that is shown while a cell of the fault matrix runs: it must not hold a secret."""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Ear(logging.Handler):
    """Hears logs at their most talkative, warnings, errors, and what it is told."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []
        self.unhandled: list[BaseException] = []
        """What a loop reported, since nobody had handled it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as any formatter might show it."""
        self.texts += [self.format(record), repr(record.args)]

    def hear(self, *things: object) -> None:
        """Keep what things look like; errors with all that they carry."""
        for thing in things:
            if isinstance(thing, BaseException):
                self.texts += _error(thing)
            else:
                self.texts.append(thing if isinstance(thing, str) else repr(thing))

    def exception_in_loop(self, loop: object, context: dict[str, Any]) -> None:  # noqa: ARG002 - a handler's form
        """To be given to `loop.set_exception_handler`."""
        self.hear(str(context.get("message")))
        error = context.get("exception") or AssertionError(str(context.get("message")))
        self.hear(error)
        self.unhandled.append(error)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the process. Warnings are heard and given on."""
        root = logging.getLogger()
        level = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        try:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                yield
        finally:
            root.setLevel(level)
            root.removeHandler(self)
        for warning in seen:
            self.hear(str(warning.message), warning)
        for warning in seen:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)

    def check(self, *secrets: str) -> None:
        """Raises `AssertionError` for what nobody handled, and where a secret was shown."""
        for secret in secrets:
            for text in self.texts:
                assert secret not in text, f"a secret is shown: {text.replace(secret, '[SECRET]')[:2000]}"
        if self.unhandled:
            raise AssertionError("the loop reported what nobody handled") from self.unhandled[0]


def _error(error: BaseException) -> Iterator[str]:
    yield "".join(traceback.format_exception(error))
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield f"{following!r} {following} {vars(following)!r}"
        following = following.__cause__ or following.__context__
