"""The two files in which AWS's own tools keep profiles, read as those tools read them."""

from __future__ import annotations

import configparser
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from quantumjobs.errors import UsageError

LARGEST = 1 << 20
"""Bytes of a file that are read."""
CONFIG = ("AWS_CONFIG_FILE", "~/.aws/config")
CREDENTIALS = ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
"""A variable of the environment, and the path where it is not set."""
PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
"""Variables that name a profile, in the order in which botocore looks at them."""

Section = Mapping[str, str | Mapping[str, str]]
Stamp = tuple[tuple[int, int, int] | None, ...]


class Shared:
    """What the files said when they were read; never shown, since there are secrets in it."""

    def __init__(self, config: Mapping[str, Section], credentials: Mapping[str, Section]) -> None:
        self.credentials = credentials
        """Sections of the credentials file; each is a profile."""
        self.config = _titled(config, "profile")
        """Profiles of the config file."""
        if "default" in config:
            self.config["default"] = config["default"]
        self._services = _titled(config, "services")

    @property
    def names(self) -> list[str]:
        """Profiles, of both files."""
        return sorted({*self.config, *self.credentials})

    def profile(self, name: str | None) -> Section:
        """A profile as both files have it; what the credentials file says counts. None is the default one.

        Raises `UsageError` for one that is named and not there.
        """
        if name is not None and name not in self.names:
            known = ", ".join(self.names) or "none"
            raise UsageError(
                f"braket: there is no profile {name!r} in {' and '.join(map(str, files()))}; known: {known}"
            )
        name = name or "default"
        return {**self.config.get(name, {}), **self.credentials.get(name, {})}

    def services(self, profile: Section) -> Section:
        """The section of settings by service that a profile names. Raises `UsageError` where it is not there."""
        name = profile.get("services")
        if name is None:
            return {}
        if not isinstance(name, str) or not self._services.get(name):
            raise UsageError(f"braket: {files()[0]}: the profile names services = {name}, and there is no such section")
        return self._services[name]


def text(section: Section, name: str) -> str:
    """An entry that is a text; "" where there is none."""
    found = section.get(name)
    return found.strip() if isinstance(found, str) else ""


def named() -> str | None:
    """The profile that the environment names."""
    return next((found for name in PROFILES if (found := os.environ.get(name))), None)


def files() -> tuple[Path, Path]:
    """Where the config and the credentials are."""
    return _path(*CONFIG), _path(*CREDENTIALS)


def load() -> Shared:
    """Read both. Raises `UsageError` naming the file for one that cannot be understood, and never quotes a line."""
    config, credentials = files()
    return Shared(_read(config), _read(credentials))


def stamp() -> Stamp:
    """Changes when one of the files does."""
    return tuple(map(_stamp, files()))


def _path(variable: str, default: str) -> Path:
    return Path(os.path.expandvars(os.environ.get(variable) or default)).expanduser().absolute()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> dict[str, Section]:
    if not path.is_file():  # also for /dev/null
        return {}
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"braket: {path} cannot be read: {error.strerror}") from error
    if len(body) > LARGEST:
        raise UsageError(f"braket: {path} is too large for a configuration")
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(body.decode())
        return {name: {key: _value(value) for key, value in parser.items(name)} for name in parser.sections()}
    except (configparser.Error, UnicodeDecodeError, ValueError):
        # And no cause: it would quote a line, which may be the one with the secret.
        raise UsageError(f"braket: {path} is not in the form of AWS's configuration") from None


def _value(value: str) -> str | dict[str, str]:
    """An indented block below a key is a section of its own. Raises `ValueError` for a line that is no assignment."""
    if not value.startswith("\n"):
        return value
    pairs = [line.split("=", 1) for line in value.splitlines() if line.strip()]
    return {key.strip(): inner.strip() for key, inner in pairs}


def _titled(config: Mapping[str, Section], kind: str) -> dict[str, Section]:
    """Sections called `[<kind> <name>]`, by name."""
    found = {}
    for title, section in config.items():
        try:
            words = shlex.split(title)
        except ValueError:  # a quotation that does not end
            continue
        if len(words) == 2 and words[0] == kind:
            found[words[1]] = section
    return found
