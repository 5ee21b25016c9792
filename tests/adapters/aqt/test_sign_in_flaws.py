"""What AQT's second client gets wrong when it signs users in (see `test_vendor_flaws.py`), and how it goes here."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import httpx
import pytest

import quantumjobs as qj
from quantumjobs.abc import LoginPage
from quantumjobs.testing.emulators import AqtEmulator, serve

pytestmark = pytest.mark.real_time
CIRCUIT = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; measure q -> c;'


def client_of(url: str, folder: Path, **settings: object) -> qj.Client:
    return qj.Client(ledger="memory", providers={"aqt": {"url": url, "config_dir": folder, **settings}})


def files(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def opened(page: LoginPage) -> None:
    """What the user does."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        (await browser.get(page.url)).raise_for_status()


async def test_2_a_sign_in_is_renewed_when_it_ends_and_nobody_signs_in_again(tmp_path: Path):
    emulator = AqtEmulator(results="zeros", sign_in=True, device_interval=0.1)
    async with serve(emulator) as url:
        async with client_of(url, tmp_path) as client:
            await client.login("aqt", show=opened)
        first = (tmp_path / "access_token").read_text(), (tmp_path / "refresh_token").read_text()
        assert all(first)
        now = emulator.issuer.now
        emulator.issuer.now = lambda: now() + 10 * 86_400  # the token has ended, by the issuer's clock
        async with client_of(url, tmp_path) as client:
            assert (await (await client.backend("aqt/ws/ibex").run(CIRCUIT))).counts == {"0": 100}
        second = (tmp_path / "access_token").read_text(), (tmp_path / "refresh_token").read_text()
        assert first[0] != second[0]
        assert first[1] != second[1]  # it rotates, and the new one was kept
    assert emulator.requests["device"] == 1
    assert len(emulator.jobs) == 1


@pytest.mark.parametrize("word", ["false", "0", "no", "off"])
async def test_3_storing_is_off_when_the_variable_says_false(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
):
    monkeypatch.setenv("AQT_STORE_ACCESS_TOKEN", word)
    async with (
        serve(AqtEmulator(results="zeros", sign_in=True, device_interval=0.1)) as url,
        client_of(url, tmp_path) as client,
    ):
        found = await client.login("aqt", show=opened)
        assert found.stored == ()
        assert (await (await client.backend("aqt/ws/ibex").run(CIRCUIT))).counts == {"0": 100}
    assert files(tmp_path) == []


async def test_4_token_files_are_their_users_alone_and_never_half_written(tmp_path: Path):
    folder = tmp_path / "aqt"
    emulator = AqtEmulator(results="zeros", sign_in=True, device_interval=0.1)
    async with serve(emulator) as url, client_of(url, folder) as client:
        await client.login("aqt", show=opened)
        seen: set[str] = set()
        ended = asyncio.Event()

        async def read() -> None:
            while not ended.is_set():
                seen.add((folder / "access_token").read_text())
                await asyncio.sleep(0)

        reading = asyncio.create_task(read())
        for _ in range(5):
            await client.login("aqt", show=opened)
        ended.set()
        await reading
    assert "" not in seen
    assert all(token.count(".") == 2 for token in seen)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
