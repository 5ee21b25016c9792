"""From a provider's name to its plug-in, imported when it is first used; and from an address to its parts."""

from __future__ import annotations

import functools
import importlib
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from quantumjobs.abc import Provider
from quantumjobs.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

VARIABLE = "QUANTUMJOBS_CONFIG"
GROUP = "quantumjobs.providers"
BUILT_IN: Mapping[str, str] = {
    "aer": "quantumjobs.adapters.aer:provider",
    "aqt": "quantumjobs.adapters.aqt:provider",
    "braket": "quantumjobs.adapters.braket:provider",
    "iqm": "quantumjobs.adapters.iqm:provider",
    "originq": "quantumjobs.adapters.originq:provider",
}
"""Named here too, so that the common case does not read every installed package's metadata."""
ALWAYS = frozenset({"aer", "aqt"})
"""Have backends that need no account: local simulators."""
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "aqt": ("AQT_TOKEN", "AQT_DIRECT_URL", "AQT_CLIENT_ID"),
    "braket": ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "BRAKET_ENDPOINT"),
    "iqm": ("IQM_TOKEN", "IQM_TOKENS_FILE", "IQM_SERVER_URL", "IQM_BASE_URL"),
    "originq": ("ORIGIN_API_KEY", "QPANDA3_API_KEY", "ORIGINQ_API_KEY"),
}
"""A provider is likely to be used when one of its vendor's environment variables is there."""

Factory = Callable[[Mapping[str, Any]], Provider]


class Address(NamedTuple):
    """`provider[:account][/name]`."""

    key: str
    """The provider with its account: what settings are found by."""
    name: str
    """The backend's name at the provider; empty for its default."""


def parse(address: str) -> Address:
    """Take an address apart. Raises `UsageError` for one that has no provider."""
    key, _, name = address.partition("/")
    if not key or key != key.strip() or key.startswith(":"):
        raise UsageError(f"{address!r} is not an address; write provider[:account][/name], for example 'aer'")
    return Address(key, name)


def load_config(path: str | os.PathLike[str] | None = None) -> Mapping[str, Mapping[str, Any]]:
    """The `[providers.*]` tables of a TOML file: the given one, `QUANTUMJOBS_CONFIG`'s, or the user's, if it exists."""
    chosen = path or os.environ.get(VARIABLE)
    if chosen is None:
        from platformdirs import user_config_path

        file = user_config_path("quantumjobs") / "config.toml"
        if not file.is_file():
            return {}
    else:
        file = Path(chosen)
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        raise UsageError(f"the configuration {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the configuration {file} is not UTF-8 text") from error
    try:
        providers = tomllib.loads(text).get("providers", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the configuration {file} is not TOML: {error}") from error
    if not isinstance(providers, dict) or not all(isinstance(table, dict) for table in providers.values()):
        raise UsageError(f"the configuration {file}: [providers.NAME] must be a table of settings")
    return providers


class Registry:
    """The providers of one client.

    `given` maps keys to settings or to provider objects; it wins over the configuration, key by key. A configuration
    that was asked for is read at once; where the user's own would be is looked up when it is needed.
    """

    def __init__(
        self,
        given: Mapping[str, Provider | Mapping[str, Any]] | None = None,
        config: str | os.PathLike[str] | None = None,
    ) -> None:
        self._given = dict(given or {})
        self._config_path = config or os.environ.get(VARIABLE)
        self._made: dict[str, Provider] = {}
        if self._config_path is not None:
            self._config  # noqa: B018 - its errors belong here

    @functools.cached_property
    def _config(self) -> Mapping[str, Mapping[str, Any]]:
        return load_config(self._config_path)

    def keys(self) -> list[str]:
        """The providers that are set up here, and those that need no setting up."""
        found = {name for name, variables in CREDENTIALS.items() if any(os.environ.get(one) for one in variables)}
        return sorted({*self._given, *self._config, *found, *ALWAYS})

    def is_chosen(self, key: str) -> bool:
        """Whether somebody has set it up for this library; else there are its vendor's variables, or nothing is needed."""
        return key in self._given or key in self._config

    def modules(self) -> list[str]:
        """What of ours `provider` would import for those likely to be used: for who has time to do so in a thread."""
        found = {name for name, variables in CREDENTIALS.items() if any(os.environ.get(one) for one in variables)}
        likely = sorted({*self._given, *self._config, *found, "aer"})
        paths = [BUILT_IN.get(key.partition(":")[0]) for key in likely if _is_settings(self._given.get(key))]
        return [path.partition(":")[0] for path in paths if path is not None]

    def is_made(self, key: str) -> bool:
        """True when `provider` has nothing left to import, read or look for."""
        given = self._given.get(key)
        return key in self._made or not _is_settings(given)

    def check(self, key: str) -> None:
        """Raise `UsageError` for an unknown name or account. Imports nothing of a provider's."""
        given = self._given.get(key)
        if not _is_settings(given):
            return
        name, _, account = key.partition(":")
        if account and given is None and key not in self._config:
            raise UsageError(
                f"no settings for {key!r}: pass providers={{{key!r}: {{...}}}} or add [providers.{key!r}] to the config"
            )
        if name not in BUILT_IN:
            self._point(name)

    def provider(self, key: str) -> Provider:
        """The plug-in for "aqt" or "aqt:lab2". Raises `UsageError` for an unknown name or account, or wrong settings.

        The first time it may import much and read files: not in an event loop (see `is_made`).
        """
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(key)
        return made

    def _make(self, key: str) -> Provider:
        given = self._given.get(key)
        if given is not None and not isinstance(given, Mapping):
            return given
        self.check(key)
        name, _, account = key.partition(":")
        settings = {**self._config.get(key, {}), **(given or {})}
        return self._factory(name)({**settings, "account": account} if account else settings)

    def _factory(self, name: str) -> Factory:
        path = BUILT_IN.get(name)
        if path is not None:
            module, _, attribute = path.partition(":")
            factory: Factory = getattr(importlib.import_module(module), attribute)
            return factory
        loaded: Factory = self._point(name).load()
        return loaded

    def _point(self, name: str) -> EntryPoint:
        from importlib.metadata import entry_points

        points = {point.name: point for point in entry_points(group=GROUP)}
        if name not in points:
            raise unknown_name("provider", name, {*points, *BUILT_IN, *self._given, *self._config})
        return points[name]


def _is_settings(given: Provider | Mapping[str, Any] | None) -> bool:
    return given is None or isinstance(given, Mapping)
