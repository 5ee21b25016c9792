"""Secrets: values that are used and never shown, and the mask over texts in which somebody else shows them."""

from __future__ import annotations

import hmac
import re
from typing import Any, NoReturn, Self
from weakref import WeakValueDictionary

MASK = "***"
SHORTEST = 6
"""Characters; a shorter secret is not looked for in texts, since it would be found in ordinary words."""

_BEARER = re.compile(r"(?i)\b(bearer\s+|basic\s+|oqcs_auth=)[A-Za-z0-9._~+/=-]+")
_HEADER = re.compile(
    r"(?i)((?:authorization|x-api-key|cookie|set-cookie|x-amz-security-token)['\"]?\s*[:,=]\s*(?:b(?=['\"]))?['\"]?)[^'\",)\r\n]+"
)
_AWS = re.compile(r"(?i)\b((?:x-amz-)?(?:signature|credential|security-token)=)[a-z0-9/+=%._~-]+")
"""AWS's, in a header or a URL."""


class Secret:
    """A token, key or password. Shown as `***`, refused by pickle and by every encoder; only `reveal` gives it.

    `until` is when it ends, in seconds since the epoch, where that is known; `origin` where it was found, for messages.
    Neither counts when two are compared.
    """

    __slots__ = ("__value", "__weakref__", "origin", "until")

    def __init__(self, value: str, *, until: float | None = None, origin: str = "") -> None:
        self.__value = value
        self.until = until
        self.origin = origin
        _known[id(self)] = self

    def reveal(self) -> str:
        """The value; for the hook that signs a request, and for nobody else."""
        return self.__value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__value.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(Secret)  # there are few, and a hash of the value would tell something of it

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


def masked(text: str) -> str:
    """The text without any secret of this process, and without what looks like a credential."""
    for value in _values():
        text = text.replace(value, MASK)
    text = _AWS.sub(rf"\1{MASK}", text)  # before headers, of which a comma ends what is masked
    text = _BEARER.sub(rf"\1{MASK}", text)
    return _HEADER.sub(rf"\1{MASK}", text)


def masked_bytes(body: bytes) -> bytes:
    """The same for a body, whatever its encoding."""
    return masked(body.decode("latin-1")).encode("latin-1", "replace")


def _values() -> list[str]:
    """Longest first: one secret may contain another."""
    found = {secret.reveal() for secret in list(_known.values())}
    return sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)


_known: WeakValueDictionary[int, Secret] = WeakValueDictionary()  # by identity, so that no hash of a value is made
