"""Which credentials an emulator takes: any, or one; each for ever, or for a number of requests."""

from __future__ import annotations

from collections import Counter


class Tokens:
    """`accepted` is the only token that is taken; None takes all. `lifetime` is the requests after which one expires."""

    def __init__(self, accepted: str | None = None, *, lifetime: int | None = None) -> None:
        self.accepted = accepted
        self.lifetime = lifetime
        self._expired: set[str] = set()
        self._uses = Counter[str]()
        self._last: str | None = accepted

    def takes(self, token: str | None) -> bool:
        """Whether a request with this token is let in; counts its use."""
        if not token or token in self._expired or self.accepted not in {None, token}:
            return False
        self._last = token
        self._uses[token] += 1
        if self.lifetime is not None and self._uses[token] > self.lifetime:
            self._expired.add(token)
            return False
        return True

    def expire(self, token: str | None = None) -> None:
        """Refuse this token, by default the one in use, until it is accepted anew."""
        token = token or self._last
        if token is not None:
            self._expired.add(token)

    def accept(self, token: str | None) -> None:
        """Take this token only, and as a fresh one; None takes all but those that have expired."""
        self.accepted = token
        if token is not None:
            self._last = token
            self._expired.discard(token)
            del self._uses[token]
