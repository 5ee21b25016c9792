"""How many requests the services take: a bucket of tokens for each operation, and one for all of Braket's."""

from __future__ import annotations

from collections.abc import Mapping

from quantumjobs.testing.emulators.braket_refusals import Refusal

ALL = "*"
QUOTAS: Mapping[str, tuple[float, float]] = {
    ALL: (140, 600),
    "submit": (20, 40),
    "survey": (5, 50),
    "poll": (100, 500),
    "cancel": (2, 20),
    "describe": (5, 50),
    "backends": (5, 50),
    "CreateJob": (1, 5),
    "SearchJobs": (5, 50),
    "GetJob": (5, 25),
    "CancelJob": (2, 5),
    "DescribeLogStreams": (25, 25),
    "GetLogEvents": (25, 25),
    "FilterLogEvents": (5, 5),
}
"""As documented: requests a second, and at once after a pause."""


class Limits:
    """`quotas` are requests a second and at once, by operation; none for others. Times are in seconds, of any clock."""

    def __init__(self, quotas: Mapping[str, tuple[float, float]]) -> None:
        self.quotas = quotas
        self._left = {name: (float(burst), 0.0) for name, (_, burst) in quotas.items()}
        """Tokens, and when that was."""

    def take(self, operation: str, now: float, *, shared: bool = True) -> None:
        """Raises `Refusal` for one request too many, which costs nothing; `shared` ones count among all, too."""
        names = [name for name in (operation, *([ALL] if shared else [])) if name in self.quotas]
        for name in names:
            rate, burst = self.quotas[name]
            tokens, then = self._left[name]
            self._left[name] = (min(burst, tokens + rate * (now - then)), now)
        if any(self._left[name][0] < 1 for name in names):
            raise Refusal("ThrottlingException", "Rate exceeded")
        for name in names:
            tokens, then = self._left[name]
            self._left[name] = (tokens - 1, then)
