"""The tokens file: another program keeps it fresh, and this one sees that."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import quantumjobs as qj
from quantumjobs.adapters.iqm import settings as iqm
from quantumjobs.adapters.iqm import tokens
from quantumjobs.adapters.iqm.tokens import TokensFile
from quantumjobs.errors import CredentialError
from quantumjobs.testing.emulators import IqmEmulator, serve
from quantumjobs.wire import Credential, Secret
from tests.wire.helpers import mocked

pytestmark = pytest.mark.real_time  # files are read in threads
TOKEN = "canary-5f2b9c"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tokens, "EVERY", 0.0)
    monkeypatch.setattr(tokens, "PAUSE", 0.01)
    return tmp_path / "tokens.json"


def write(path: Path, token: str, **more: Any) -> None:
    """Whole, as a careful program does it."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"pid": 4711, "access_token": token, "refresh_token": "r", **more}))
    new.replace(path)


def spoil(path: Path, body: str) -> None:
    path.write_text(body, encoding="latin-1")


def remove(path: Path) -> None:
    path.unlink()


def jwt(lasts: float, **claims: Any) -> str:
    told = json.dumps({"exp": int(time.time() + lasts), **claims}, ensure_ascii=False)
    body = base64.urlsafe_b64encode(told.encode()).decode()
    return f"eyJhbGciOiJub25lIn0.{body.rstrip('=')}.sig"


async def test_a_changed_file_is_read_before_the_next_request(path: Path):
    write(path, "first")
    credential = iqm.credential(iqm.read({"tokens_file": str(path)}))
    assert (await credential.get()).secret == Secret("first")
    write(path, "second-token")
    assert (await credential.get()).secret == Secret("second-token")


async def test_an_unchanged_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch):
    write(path, "first")
    source = TokensFile(path)
    reads = []
    read = TokensFile._read
    monkeypatch.setattr(TokensFile, "_read", lambda self: reads.append(1) or read(self))
    credential = Credential(source, changed=source.changed)
    for _ in range(10):
        await credential.get()
    assert len(reads) == 1


async def test_the_file_is_not_looked_at_before_every_request(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "EVERY", 1000.0)
    write(path, "first")
    source = TokensFile(path)
    await source(False)
    source.changed()
    write(path, "another-one")
    assert not source.changed()


async def test_a_token_near_its_end_is_read_again_in_time(path: Path):
    now = [time.time()]
    write(path, jwt(3600))
    credential = Credential(TokensFile(path), clock=lambda: now[0])  # nobody tells it that the file has changed
    first = await credential.get()
    write(path, jwt(7200))
    now[0] += 3500
    assert await credential.get() is first
    now[0] += 80
    assert (await credential.get()).secret != first.secret


async def test_a_refused_token_is_read_again_and_the_request_repeated(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "EVERY", math.inf)  # so that nothing but the refusal tells
    write(path, "first")
    credential = iqm.credential(iqm.read({"tokens_file": str(path)}))
    await credential.get()
    write(path, "second")
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200 if seen[-1] == "Bearer second" else 401)

    async with mocked(answer, credential=credential) as wire:
        assert (await wire.get("/x")).status == 200
        assert (await wire.get("/y")).status == 200
    assert seen == ["Bearer first", "Bearer second", "Bearer second"]


@pytest.mark.parametrize("name", ["Ünï ÿÿ?>", "ÿþýüûú", "~~~???>>>"])
@pytest.mark.parametrize("before", ["", "x", "xx"])
async def test_a_json_web_token_ends_when_it_says_whatever_text_is_in_it(path: Path, name: str, before: str):
    token = jwt(3600, name=before + name)
    assert set(token) & {"-", "_"}  # what plain base64 does not have
    write(path, token)
    assert (await TokensFile(path)(False)).until == pytest.approx(time.time() + 3600, abs=60)


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.e30.c", f"x.{'A' * 30}=.y"])
async def test_a_token_of_any_other_form_has_no_known_end(path: Path, token: str):
    write(path, token)
    secret = await TokensFile(path)(False)
    assert (secret.reveal(), secret.until) == (token, None)


async def test_a_file_that_is_being_written_is_read_again_a_moment_later(path: Path):
    spoil(path, '{"access_token": "hal')
    reading = asyncio.ensure_future(TokensFile(path)(False))
    await asyncio.sleep(0.015)
    write(path, "whole")
    assert (await reading).reveal() == "whole"


async def test_while_the_file_is_broken_the_token_in_hand_is_used_on(path: Path):
    write(path, "first")
    source = TokensFile(path)
    credential = Credential(source, changed=source.changed)
    await credential.get()
    spoil(path, "{")
    held = await credential.get()
    assert held.secret == Secret("first")
    assert await credential.get() is held  # the broken file is read once
    with pytest.raises(CredentialError, match="no 'access_token'"):
        await credential.renew(held)  # but not one that was refused
    write(path, "second")
    assert (await credential.renew(held)).secret == Secret("second")


async def test_a_token_that_is_over_is_not_used_on(path: Path):
    now = [time.time()]
    source = TokensFile(path, clock=lambda: now[0])
    write(path, jwt(60))
    await source(False)
    remove(path)
    assert (await source(False)).until is not None
    now[0] += 61
    with pytest.raises(CredentialError, match="cannot be read: No such file"):
        await source(False)


@pytest.mark.parametrize(
    "body",
    [
        *("", "{}", "[]", '{"access_token": 7}', '{"access_token": " "}', "\xff", "[" * 10_000),
        *(f'{{"access-token": "{TOKEN}"}}', f'"{TOKEN}"'),
    ],
)
async def test_a_file_without_a_token_is_told_by_its_name_and_never_quoted(path: Path, body: str):
    spoil(path, body)
    with pytest.raises(CredentialError, match="tokens.json") as caught:
        await TokensFile(path)(False)
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_file_that_is_too_large_is_not_read_on(path: Path):
    spoil(path, json.dumps({"access_token": "x", "more": "y" * tokens.LARGEST}))
    with pytest.raises(CredentialError, match="too large"):
        await TokensFile(path)(False)


async def test_what_cannot_be_sent_is_no_token_and_is_not_shown(path: Path):
    write(path, f"{TOKEN}\r\nx: y")
    with pytest.raises(CredentialError, match="cannot be sent") as caught:
        await TokensFile(path)(False)
    assert TOKEN not in str(caught.value)


async def test_a_missing_file_is_told_with_all_places(path: Path):
    settings = {"url": "https://iqm.example", "tokens_file": str(path)}
    async with qj.Client(ledger="memory", providers={"iqm": settings}) as client:
        with pytest.raises(CredentialError, match="cannot be read"):
            await client.backends("iqm")


async def test_a_job_lives_through_many_tokens(path: Path):
    """Each is refused once another one stands in the file."""
    write(path, "token-0")
    emulator = IqmEmulator(results="zeros", token="token-0", duration=0.5)
    async with serve(emulator) as url:
        settings = {"url": url, "tokens_file": str(path)}
        async with qj.Client(ledger="memory", providers={"iqm": settings}) as client:
            job = await client.backend("iqm/line").run([CIRCUIT] * 3, shots=5)
            for number in range(1, 4):
                emulator.tokens.accept(f"token-{number}")
                write(path, f"token-{number}")
                os.utime(path)
                await asyncio.sleep(0.2)
            assert (await job)[2].counts == {"0": 5}
    assert len(emulator.jobs) == 1


CIRCUIT = "OPENQASM 3.0; qubit[1] q; bit[1] c; c[0] = measure q[0];"
