"""Tokens that are signed: JSON Web Tokens by a key of this process, and the same key as the world may see it.

PyJWT and the cryptography behind it are loaded here and nowhere else: most emulators sign nothing.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

ALGORITHM = "RS256"
_BITS = 2048


def signed(claims: Mapping[str, Any]) -> str:
    """A token that says so."""
    return jwt.encode(dict(claims), _key(), algorithm=ALGORITHM, headers={"kid": _key_id()})


def keys() -> dict[str, Any]:
    """The JSON Web Key Set: what is needed to check a signature, and not to make one."""
    public = RSAAlgorithm.to_jwk(_key().public_key(), as_dict=True)
    return {"keys": [{**public, "kid": _key_id(), "use": "sig", "alg": ALGORITHM}]}


def is_signed(token: str, *, issuer: str, audiences: Collection[str], now: float) -> bool:
    """Whether this key signed the token for one of the audiences in the name of the issuer, and it has not expired."""
    try:
        # The time is the issuer's and not the machine's, so that a test may let it pass.
        claims = jwt.decode(
            token,
            _key().public_key(),
            algorithms=[ALGORITHM],
            issuer=issuer,
            audience=list(audiences),
            options={"verify_exp": False, "verify_iat": False, "require": ["iss", "aud", "exp", "iat", "sub"]},
        )
    except jwt.InvalidTokenError:
        return False
    return bool(claims["iat"] <= now < claims["exp"])


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=_BITS)


@functools.cache
def _key_id() -> str:
    form = _key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(form).hexdigest()[:16]
