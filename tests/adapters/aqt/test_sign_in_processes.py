"""Signing in at an issuer on loopback, in several processes. In real time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import quantumjobs as qj
from quantumjobs import blocking
from quantumjobs.adapters.aqt import provider
from quantumjobs.adapters.bearer import claims
from quantumjobs.errors import CredentialError
from quantumjobs.testing.emulators import AqtEmulator, serve
from tests.adapters.aqt.issuer import jwt

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parents[3]
BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'


class Cloud:
    """An emulator, and the settings of its clients."""

    def __init__(self, emulator: AqtEmulator, url: str, folder: Path) -> None:
        self.emulator, self.url, self.folder = emulator, url, folder

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"url": self.url, "config_dir": str(self.folder), "load_dotenv": False, **more}

    async def stats(self) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False) as client:
            found: dict[str, Any] = (await client.get(f"{self.url}/_emulator/stats")).json()
        return found

    async def answer(self, code: str, allow: bool = True) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            given = {"user_code": code, "allow": allow}
            assert (await client.post(f"{self.url}/_emulator/device", json=given)).status_code == 200

    async def allow(self, page: Any) -> None:
        await self.answer(page.code)

    async def sign_in(self) -> None:
        await provider(self.settings()).sign_in(self.allow)


@asynccontextmanager
async def cloud(tmp_path: Path, **settings: Any) -> AsyncIterator[Cloud]:
    usual = {"sign_in": True, "results": "zeros", "device_interval": 0.1}
    emulator = AqtEmulator(**(usual | settings))
    async with serve(emulator) as url:
        yield Cloud(emulator, url, tmp_path / "aqt")


async def process(code: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", *(("-m", "quantumjobs.cli") if not code else ("-c", code)), *arguments,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await running.communicate()
    assert running.returncode is not None
    return running.returncode, out.decode(), err.decode()


# --- one process ------------------------------------------------------------------------
@pytest.mark.parametrize("wrong", [False, True])
async def test_a_programs_credentials_let_one_in(tmp_path: Path, wrong: bool):
    async with cloud(tmp_path, client_id="cid", client_secret="canary-secret") as here:
        given = here.settings(client_id="cid", client_secret="canary-other" if wrong else "canary-secret")
        async with qj.Client(ledger="memory", providers={"aqt": given}) as client:
            if wrong:
                with pytest.raises(CredentialError, match="access_denied") as caught:
                    await client.login("aqt")
                assert "canary" not in str(caught.value)
                return
            assert (await client.login("aqt")).subject == "cid@clients"
            assert (await client.whoami("aqt")).workspaces[0] == "ws"
            assert await (await client.backend("aqt/ws/ibex").run(BELL, shots=5))


async def test_a_user_signs_in_and_works_and_signs_out(tmp_path: Path):
    async with cloud(tmp_path) as here, qj.Client(ledger="memory", providers={"aqt": here.settings()}) as client:
        with pytest.raises(CredentialError, match="quantumjobs login aqt"):
            await client.whoami("aqt")
        found = await client.login("aqt", show=here.allow)
        assert found.subject == "user"
        assert found.until is not None
        assert found.until > time.time()
        job = await client.backend("aqt/ws/ibex").run(BELL, shots=5)
        assert (await job).counts == {"00": 5}
        assert (await client.whoami("aqt")).accepted is True
        assert len((await client.logout("aqt")).files) == 2
        with pytest.raises(CredentialError):
            await client.whoami("aqt")


async def test_a_user_who_says_no_is_told_so(tmp_path: Path):
    async with cloud(tmp_path) as here, qj.Client(ledger="memory", providers={"aqt": here.settings()}) as client:
        with pytest.raises(CredentialError, match="refused on the page"):
            await client.login("aqt", show=lambda page: here.answer(page.code, allow=False))
        assert not (here.folder / "access_token").exists()


async def test_the_blocking_client_signs_in_too(tmp_path: Path):
    async with cloud(tmp_path) as here:

        def signed_in() -> list[Any]:
            with blocking.Client(ledger="memory", providers={"aqt": here.settings()}) as client:
                return [client.login("aqt", show=here.allow), client.whoami("aqt"), client.logout("aqt")]

        login, found, gone = await asyncio.to_thread(signed_in)
    assert (login.subject, found.accepted, len(gone.files)) == ("user", True, 2)


async def test_jobs_that_last_longer_than_their_tokens_need_nobody(tmp_path: Path):
    async with cloud(tmp_path, token_seconds=2, duration=1.5) as here:
        await here.sign_in()
        async with qj.Client(ledger="memory", providers={"aqt": here.settings()}) as client:
            job = await client.backend("aqt/ws/ibex").run([BELL] * 4, shots=5)
            assert [one.counts for one in await job] == [{"00": 5}] * 4
        stats = await here.stats()
        assert stats["submissions"] == 1
        assert claims((here.folder / "access_token").read_text()).sub == "user"


# --- several ----------------------------------------------------------------------------
READ = """
import asyncio, json, sys
from quantumjobs.adapters.aqt import provider

async def main():
    one = provider(json.loads(sys.argv[1]))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print((await one._sign_in.token(False)).reveal())

asyncio.run(main())
"""


async def test_processes_that_find_a_token_over_at_the_same_moment_use_the_refresh_token_once(tmp_path: Path):
    async with cloud(tmp_path, token_seconds=600, latency=0.3) as here:
        await here.sign_in()
        access = here.folder / "access_token"
        old = access.read_text()
        access.write_text(jwt("user", 1.0, iss=f"{here.url}/"))
        before = (await here.stats())["requests"]["token"]
        readers = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-W", "error", "-c", READ, json.dumps(here.settings()),
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(3)
        ]  # fmt: skip
        for one in readers:
            assert one.stdout is not None
            assert await one.stdout.readline() == b"ready\n"
        told = await asyncio.gather(*(one.communicate(b"go\n") for one in readers))
        assert {one.returncode for one in readers} == {0}
        tokens = {out.decode().strip() for out, _ in told}
        assert tokens == {access.read_text()}
        assert tokens != {old}
        assert (await here.stats())["requests"]["token"] - before == 1


async def test_a_job_that_waits_for_a_sign_in_goes_on_when_another_process_signs_in(tmp_path: Path):
    async with cloud(tmp_path, token_seconds=40, duration=2.0) as here:
        await here.sign_in()
        config = tmp_path / "config.toml"
        config.write_text(f'[providers.aqt]\nurl = "{here.url}"\nconfig_dir = "{here.folder}"\nload_dotenv = false\n')
        policies = {"aqt": qj.Policy(credential_pause=0.2)}
        async with qj.Client(ledger="memory", config=config, policies=policies) as client:
            job = await client.backend("aqt/ws/ibex").run(BELL, shots=5)
            now = time.time
            here.emulator.issuer.now = lambda: now() + 100  # all tokens up to now are over
            (here.folder / "refresh_token").unlink()
            waiting = asyncio.create_task(job.result())
            async with asyncio.timeout(20):
                while not isinstance(job.error, CredentialError):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.02)
            assert not waiting.done()
            login = asyncio.create_task(process("", "login", "aqt", QUANTUMJOBS_CONFIG=str(config)))
            async with asyncio.timeout(20):
                while not (devices := here.emulator.issuer.grants.waiting(asyncio.get_running_loop().time())):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.02)
            await here.answer(devices[0].user_code)
            code, out, err = await login
            assert (code, out.splitlines()[0]) == (0, "signed in at aqt")
            assert devices[0].user_code in err
            async with asyncio.timeout(20):
                assert (await waiting).counts == {"00": 5}
        assert (await here.stats())["submissions"] == 1
