"""We and the second generation of the vendor's client share one sign-in: whoever comes second needs no login."""

from __future__ import annotations

import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from quantumjobs import Client
from quantumjobs.abc import LoginPage
from quantumjobs.adapters.aqt.oidc import claims
from quantumjobs.errors import CredentialError
from quantumjobs.testing.emulators import AqtEmulator, serve
from quantumjobs.testing.emulators.issuer import DEVICE_CLIENT
from quantumjobs.testing.emulators.signing import signed
from tests.oracles.aqt import circuits
from tests.oracles.aqt2 import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(120)]

SHOTS = 200
BELL = circuits.program(2, circuits.BELL)
HOUR = 3600
WELCOME = "Already authenticated!"
"""What the vendor's client says instead of a login."""


class Shared:
    """An emulator that lets in who signed in, and the folder in which both clients keep that."""

    def __init__(self, emulator: AqtEmulator, url: str, home: Path) -> None:
        self.emulator, self.url, self.home = emulator, url, home
        self.folder = home / "aqt"

    def client(self) -> Client:
        """Ours, as a process that has just begun has it."""
        settings = {"url": self.url, "config_dir": str(self.folder), "load_dotenv": False}
        return Client(ledger="memory", providers={"aqt": settings})

    async def allow(self, code: str) -> None:
        """What the user does on the page."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as http:
            (await http.post("/_emulator/device", json={"user_code": code, "allow": True})).raise_for_status()

    async def sign_in(self) -> None:
        """By our client."""

        async def show(page: LoginPage) -> None:
            await self.allow(page.code)

        async with self.client() as client:
            await client.login("aqt", show=show)

    async def run(self) -> list[Any]:
        """The shots of a job of ours; without a sign-in this fails."""
        async with self.client() as client:
            assert (await client.whoami("aqt")).accepted
            result = await (await client.backend("aqt/ws/ibex").run([BELL], shots=SHOTS, memory=True))
        return [one.memory for one in result]

    async def run_by_vendor(self) -> tuple[list[Any], list[str]]:
        """The shots of the same job of the vendor's, which begins with a login; and what that said."""
        said: list[str] = []

        async def heard(line: str) -> None:
            said.append(line.strip())
            if code := vendor.told_code(line):
                await self.allow(code)

        plan = {"do": "cloud", "app": str(self.folder), "circuits": [BELL], "shots": SHOTS}
        (theirs,) = await vendor.jobs([plan], url=self.url, home=self.home, heard=heard)
        assert (theirs["words"][-1], theirs["error"]) == ("DONE", None)
        return theirs["memory"], said[:-1]  # the last line is the report

    def end(self) -> None:
        """Let an hour go by since the access token has ended: one of the same issuer, for the same user."""
        now = int(time.time())
        times = {"iat": now - 2 * HOUR, "exp": now - HOUR}
        ended = signed({"iss": f"{self.url}/", "aud": DEVICE_CLIENT, "sub": "user", **times})
        (self.folder / "access_token").write_text(ended, encoding="utf-8")

    def kept(self) -> dict[str, str]:
        """Every token in the folder."""
        return {one.name: one.read_text(encoding="utf-8") for one in self.folder.glob("*_token")}

    def modes(self) -> set[int]:
        """Of these files."""
        return {stat.S_IMODE((self.folder / name).stat().st_mode) for name in self.kept()}

    def asked(self, operation: str) -> int:
        """How often the emulator was."""
        return self.emulator.requests[operation]


@asynccontextmanager
async def shared(home: Path) -> AsyncIterator[Shared]:
    emulator = AqtEmulator(sign_in=True, seed=vendor.SEED, device_interval=0.2)
    async with serve(emulator) as url:
        yield Shared(emulator, url, home)


def is_bell(memory: list[Any]) -> bool:
    """Whether these are the shots of one Bell pair."""
    return len(memory) == 1 and len(memory[0]) == SHOTS and set(memory[0]) == {"00", "11"}


async def test_the_vendors_client_works_with_our_sign_in_and_refreshes_it_and_we_go_on_from_its_files(tmp_path: Path):
    async with shared(tmp_path) as here:
        await here.sign_in()
        ours, polls = here.kept(), here.asked("token")
        assert set(ours) == {"access_token", "refresh_token"}

        # The token is good: it is used as it is.
        memory, said = await here.run_by_vendor()
        assert is_bell(memory)
        assert said == [WELCOME]
        assert (here.asked("device"), here.asked("token"), here.kept()) == (1, polls, ours)

        # It has ended: our refresh token is used, and the next one kept.
        here.end()
        assert await here.run_by_vendor() == (memory, [WELCOME])
        theirs = here.kept()
        assert (here.asked("device"), here.asked("token")) == (1, polls + 1)
        assert set(theirs) == set(ours)
        assert set(theirs.values()).isdisjoint(ours.values())
        assert (claims(theirs["access_token"]).exp or 0) > time.time()
        assert here.modes() == {0o600}  # as we left them

        # What it kept is good for us, its access token and then its refresh token.
        assert await here.run() == memory
        assert (here.asked("device"), here.asked("token"), here.kept()) == (1, polls + 1, theirs)
        here.end()
        assert await here.run() == memory
        assert (here.asked("device"), here.asked("token")) == (1, polls + 2)
        assert set(here.kept().values()).isdisjoint(theirs.values())

        # And what we kept then is good for it.
        last = here.kept()
        assert await here.run_by_vendor() == (memory, [WELCOME])
        assert (here.asked("device"), here.asked("token"), here.kept()) == (1, polls + 2, last)
        assert here.emulator.stats["submissions"] == 5


async def test_we_work_with_the_vendors_sign_in_as_long_as_it_lasts(tmp_path: Path):
    async with shared(tmp_path) as here:
        memory, said = await here.run_by_vendor()
        assert is_bell(memory)
        assert WELCOME not in said
        assert here.asked("device") == 1
        theirs, polls = here.kept(), here.asked("token")
        assert [one.name for one in here.folder.iterdir()] == ["access_token"]  # its login keeps no refresh token

        assert await here.run() == memory
        assert (here.asked("device"), here.asked("token"), here.kept()) == (1, polls, theirs)
        assert [one.name for one in here.folder.iterdir()] == ["access_token"]  # nor have we left anything

        here.end()
        async with here.client() as client:
            with pytest.raises(CredentialError, match=r"the sign-in has ended .*quantumjobs login aqt"):
                await client.whoami("aqt")
        assert (here.asked("device"), here.asked("token")) == (1, polls)

        # Signing in by us mends it for both.
        await here.sign_in()
        assert await here.run_by_vendor() == (memory, [WELCOME])
        assert here.asked("device") == 2
