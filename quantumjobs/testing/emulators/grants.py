"""What an OIDC issuer remembers: devices that wait for their user, and refresh tokens, each good for one use.

Pure: time is an argument, in seconds of a clock that does not go back.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from quantumjobs.errors import UsageError

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # without vowels, as users are shown them
_EARLY = 0.001  # seconds; a client's clock may wake it a moment before its time


class Refused(Exception):
    """The error of OAuth 2 and the status of its reply."""

    def __init__(self, error: str, description: str, status: int = 403) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class Device:
    """A sign-in that waits for its user."""

    def __init__(self, *, client: str, scope: Collection[str], ends: float) -> None:
        self.client = client
        self.scope = frozenset(scope)
        self.code = secrets.token_urlsafe(24)
        """What the client polls with."""
        letters = [secrets.choice(_LETTERS) for _ in range(8)]
        self.user_code = f"{''.join(letters[:4])}-{''.join(letters[4:])}"
        """What the user types in."""
        self.ends = ends
        self.allowed: bool | None = None
        """What the user said."""
        self.asked: float | None = None
        """When the client last polled."""

    def __repr__(self) -> str:  # the codes are as good as a password
        return f"<Device of {self.client}: {self.allowed}>"


class Grants:
    """Devices are polled every `interval` seconds, for `lasts` seconds."""

    def __init__(self, *, interval: float, lasts: float) -> None:
        if interval < 0 or lasts <= 0:
            raise UsageError("a device's interval is no less than 0 seconds, and its code lasts for some time")
        self.interval = interval
        self.lasts = lasts
        self._devices: dict[str, Device] = {}
        self._refreshing: dict[str, str] = {}

    def device(self, client: str, scope: Collection[str], now: float) -> Device:
        """A new one."""
        device = Device(client=client, scope=scope, ends=now + self.lasts)
        self._devices[device.code] = device
        return device

    def waiting(self, now: float) -> list[Device]:
        """Those whose users have not said anything yet, oldest first."""
        return [one for one in self._devices.values() if one.allowed is None and now < one.ends]

    def answer(self, user_code: str, allowed: bool, now: float) -> bool:
        """What the user said; False where nobody waits for that."""
        found = next((one for one in self.waiting(now) if one.user_code == user_code.strip().upper()), None)
        if found is not None:
            found.allowed = allowed
        return found is not None

    def poll(self, code: str, client: str, now: float) -> Device:
        """The device when its user has allowed it; its code is used up. Raises `Refused` for all else."""
        device = self._devices.get(code)
        if device is None or device.client != client:
            raise Refused("invalid_grant", "Invalid or expired device code.")
        before, device.asked = device.asked, now
        if now >= device.ends:
            raise Refused("expired_token", "The device code has expired.")
        if before is not None and now < before + self.interval - _EARLY:
            text = f"You are polling faster than the specified interval of {self.interval:g} seconds."
            raise Refused("slow_down", text, 429)
        if device.allowed is None:
            raise Refused("authorization_pending", "User has yet to authorize device code.")
        del self._devices[code]
        if not device.allowed:
            raise Refused("access_denied", "User cancelled the confirmation prompt.")
        return device

    def refresh_token(self, client: str) -> str:
        """A new one."""
        token = secrets.token_urlsafe(24)
        self._refreshing[token] = client
        return token

    def use(self, token: str, client: str) -> None:
        """A refresh token is good for one use, by the client that it was given to. Raises `Refused`."""
        if self._refreshing.get(token) != client:
            raise Refused("invalid_grant", "Unknown or invalid refresh token.")
        del self._refreshing[token]
