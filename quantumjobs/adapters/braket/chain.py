"""Keys where AWS's tools look for them: the environment, a profile's own, and behind these whatever botocore knows."""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from quantumjobs.adapters.braket import shared
from quantumjobs.adapters.braket.keys import keys
from quantumjobs.adapters.braket.shared import Section
from quantumjobs.errors import CredentialError, ProviderUnavailable, UsageError
from quantumjobs.wire import shown
from quantumjobs.wire.sigv4 import AwsKeys
from quantumjobs.workers.beside import beside

VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
TOKENS = ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
ADVICE = 'botocore is needed: pip install "quantumjobs[braket]"'
LEEWAY = 14 * 60.0
"""Seconds before their end at which keys are asked for again: botocore renews them in their last quarter of an hour."""
EVERY = 1.0
"""Seconds between two looks whether a file has changed."""
_LONGEST = 7 * 86400
"""Seconds; more than any session of AWS's lasts."""
_FIRST = ("role_arn", "web_identity_token_file", "sso_role_name", "sso_account_id")
_SECOND = ("login_session", "credential_process")
"""What in a profile says that keys are to be asked for: before those of the credentials file count, and after."""


def has_botocore() -> bool:
    """Whether the extra `braket` is installed."""
    return importlib.util.find_spec("botocore") is not None


class Chain:
    """A source of secrets for `wire.Credential`, in botocore's order; botocore is imported where it must ask.

    `profile` is one that the settings name: the environment's keys do not count then. `advice` is for messages.
    """

    def __init__(self, profile: str | None, advice: str, *, clock: Callable[[], float] = time.time) -> None:
        self._profile = profile
        self._advice = advice
        self._clock = clock
        self._held: AwsKeys | None = None
        self._stamp: shared.Stamp | None = None
        self._looked = 0.0
        self._botocore: Botocore | None = None

    async def __call__(self, fresh: bool) -> AwsKeys:
        """Raises `CredentialError`, saying what is wrong or where we looked, and `ProviderUnavailable`."""
        held = self._held
        try:
            found = await beside(self._read, fresh)
        except CredentialError:
            if fresh or held is None or (held.until is not None and held.until <= self._clock()):
                raise
            return held  # is used on: somebody may be writing the file just now
        self._held = found
        return found

    def changed(self) -> bool:
        """Whether the files are others than were read; looked at once a second at most."""
        now = time.monotonic()
        if now - self._looked < EVERY:
            return False
        self._looked = now
        return shared.stamp() != self._stamp

    def _read(self, fresh: bool) -> AwsKeys:
        stamp = shared.stamp()  # before the files are read: what changes meanwhile is seen the next time
        if fresh or stamp != self._stamp:
            self._botocore = None
        try:
            found = self._plain()
        except UsageError as error:  # a file that cannot be understood, a profile that is not there
            raise CredentialError(str(error)) from error
        if found is None and has_botocore():
            self._botocore = self._botocore or Botocore(self._profile)
            found = self._botocore.read(self._clock())
        if found is None:
            raise CredentialError(f"braket: there are no keys. {self._advice}")
        self._stamp = stamp
        return found

    def _plain(self) -> AwsKeys | None:
        """What stands somewhere as it is; None where there is nothing, or it must be asked for."""
        if self._profile is None and os.environ.get(VARIABLES[0]):
            return _of_environment()
        files = shared.load()
        name = self._profile or shared.named() or "default"
        profile = files.profile(self._profile or shared.named())
        by_environment = self._profile is None and os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        if by_environment or _asks(profile, _FIRST, name):
            return None
        config, credentials = shared.files()
        found = _of_section(files.credentials.get(name, {}), f"profile {name!r} in {credentials}")
        if found is None and not _asks(profile, _SECOND, name):
            found = _of_section(files.config.get(name, {}), f"profile {name!r} in {config}")
        return found


def _asks(profile: Section, names: Collection[str], name: str) -> bool:
    """Whether it has one of these entries. Raises `CredentialError` where nobody here could ask."""
    entry = next((one for one in names if one in profile), None)
    if entry is None:
        return False
    if not has_botocore():
        raise CredentialError(f"braket: profile {name!r} has {entry}, for which {ADVICE}")
    if "mfa_serial" in profile:  # botocore would ask on the terminal, from a thread
        raise CredentialError(
            f"braket: profile {name!r} asks for a one-time code (mfa_serial), which nobody can be asked for here: "
            "begin the session with AWS's own tools, or give its keys by the setting 'credentials'"
        )
    return True


def _of_environment() -> AwsKeys:
    key_id, secret = (os.environ.get(name) for name in VARIABLES)
    token = next((found for name in TOKENS if (found := os.environ.get(name))), None)
    origin = f"the environment variables {' and '.join(VARIABLES)}"
    return keys(key_id, secret, token, until=_until(os.environ.get("AWS_CREDENTIAL_EXPIRATION")), origin=origin)


def _until(text: str | None) -> float | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise CredentialError("braket: the environment variable AWS_CREDENTIAL_EXPIRATION is no time") from error
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()


def _of_section(section: Section, origin: str) -> AwsKeys | None:
    if "aws_access_key_id" not in section:
        return None
    key_id, secret, *tokens = (
        shared.text(section, f"aws_{name}")
        for name in ("access_key_id", "secret_access_key", "security_token", "session_token")
    )
    return keys(key_id, secret, next(filter(None, tokens), None), origin=origin)


# --- by botocore ------------------------------------------------------------------------------
class Botocore:
    """One session of botocore's, which keeps temporary keys and renews them. Blocks: it asks over the network."""

    def __init__(self, profile: str | None) -> None:
        self._profile = profile
        self._credentials: Any = None

    def read(self, now: float) -> AwsKeys | None:
        """None where botocore finds nothing, either. Raises `CredentialError` and `ProviderUnavailable`."""
        import botocore.session

        with _quiet():
            try:
                if self._credentials is None:
                    self._credentials = botocore.session.Session(profile=self._profile).get_credentials()
                if self._credentials is None:
                    return None
                found = self._credentials.get_frozen_credentials()
                until = _end(self._credentials, now)
            except Exception as error:  # it asks servers and programs, and reads what they say: of many classes
                raise _told(error) from None  # what they said, only as far as it may be shown
        origin = f"what botocore found by {self._credentials.method!r}"
        return keys(found.access_key, found.secret_key, found.token, until=until, origin=origin)


def _end(credentials: Any, now: float) -> float | None:
    """When they end, by the one question about it that is public: whether they do within so many seconds."""
    ends = getattr(credentials, "refresh_needed", None)
    if ends is None or not ends(refresh_in=_LONGEST):
        return None
    return now + bisect_left(range(_LONGEST), True, key=lambda seconds: ends(refresh_in=seconds)) - 1


def _told(error: Exception) -> Exception:
    from botocore import exceptions

    message = f"braket: botocore could not get keys: {shown(str(error)) or type(error).__name__}"
    said = getattr(error, "response", None) or {}
    status = said.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if isinstance(error, exceptions.HTTPClientError) or status >= 500 or status == 429:
        return ProviderUnavailable(message, provider="braket", sent=False)
    return CredentialError(message)


class _Quiet(logging.Filter):
    """At its most talkative botocore logs what it is told, and so keys, before anybody here knows them."""

    def __init__(self) -> None:
        super().__init__()
        self.here = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - logging's signature
        """Drop what this thread says while we ask; what a program's own use of botocore says is not ours to drop."""
        return not getattr(self.here, "asking", False)


_QUIET = _Quiet()


@contextmanager
def _quiet() -> Iterator[None]:
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("botocore", "urllib3"):
            logging.getLogger(name).addFilter(_QUIET)  # once: a second time does nothing
    _QUIET.here.asking = True
    try:
        yield
    finally:
        _QUIET.here.asking = False
