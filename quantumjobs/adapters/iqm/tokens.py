"""The tokens file: JSON with an `access_token`, which another program keeps fresh; and tokens of any form."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from quantumjobs.adapters.bearer import claims, is_token
from quantumjobs.errors import CredentialError
from quantumjobs.wire import Secret
from quantumjobs.workers.beside import beside

LARGEST = 1 << 20
"""Bytes of a file that are read."""
TRIES = 5
PAUSE = 0.1
"""Seconds between two readings of a file that somebody seems to be writing just now."""
EVERY = 1.0
"""Seconds between two looks whether the file has changed."""

_Stamp = tuple[int, int, int]


class _Tokens(Struct, frozen=True):
    access_token: str


def secret(given: str | Secret, origin: str) -> Secret:
    """A token as it is sent; its end is what its giver says, or it itself where it is a JSON Web Token.

    Raises `CredentialError`, quoting nothing.
    """
    known = given if isinstance(given, Secret) else Secret(given)
    origin = known.origin or origin
    token = known.reveal().strip()
    if token and not is_token(token):
        raise CredentialError(f"iqm: {origin} is no token: it has characters that cannot be sent, or too many")
    return Secret(token, until=claims(token).exp if known.until is None else known.until, origin=origin)


class TokensFile:
    """A source of secrets for `wire.Credential`. Read again when it has changed, is refused, or comes to its end."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._held: Secret | None = None
        self._stamp: _Stamp | None = None
        self._announced: _Stamp | None = None
        self._looked = 0.0

    async def __call__(self, fresh: bool) -> Secret:
        """Raises `CredentialError`, saying what is wrong with the file."""
        for attempt in range(1, TRIES + 1):
            try:
                self._held, self._stamp = await beside(self._read)
            except CredentialError:
                if attempt < TRIES:
                    await asyncio.sleep(PAUSE)
                elif fresh or not self._is_good():
                    raise
                # else what was read before is used on: the file may be mended by then
            else:
                break
        assert self._held is not None
        return self._held

    def _is_good(self) -> bool:
        held = self._held
        return held is not None and (held.until is None or self._clock() < held.until)

    def changed(self) -> bool:
        """Whether there is something new to read; looked at once a second at most."""
        now = time.monotonic()
        if now - self._looked < EVERY:
            return False
        self._looked = now
        try:
            stamp = _stamp(self.path.stat())
        except OSError:
            return False
        if stamp in (self._stamp, self._announced):
            return False
        self._announced = stamp  # once: one that cannot be read must not hold up every request
        return True

    def _read(self) -> tuple[Secret, _Stamp]:
        try:
            with self.path.open("rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                body = file.read(LARGEST + 1)
        except OSError as error:
            raise CredentialError(f"iqm: the tokens file {self.path} cannot be read: {error.strerror}") from error
        if len(body) > LARGEST:
            raise CredentialError(f"iqm: the tokens file {self.path} is too large for one")
        try:
            token = msgspec.json.decode(body, type=_Tokens).access_token.strip()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            token = ""  # and no cause: it would quote the file
        if not token:
            raise CredentialError(f"iqm: the tokens file {self.path} has no 'access_token' in a JSON object")
        return secret(token, f"the tokens file {self.path}"), stamp


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_mtime_ns, found.st_size, found.st_ino
