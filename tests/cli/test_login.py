"""`quantumjobs login`, `logout` and `whoami`: what is told, and what never is."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from quantumjobs.cli import signing
from quantumjobs.cli.terminal import Terminal
from quantumjobs.testing.emulators import AqtEmulator, serve
from tests.adapters.aqt.issuer import CANARY, World, jwt, refusal
from tests.cli.helpers import Command


@pytest.fixture
def world(tmp_path: Path, clouds: dict[str, Any]) -> World:
    made = World(tmp_path / "aqt")
    made.issuer.interval, made.issuer.patience = 0.1, 1
    clouds["aqt"] = made.provider()
    return made


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    """All that is logged, by anybody, at any level."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pages that a browser was to open."""
    found: list[str] = []
    monkeypatch.setattr(signing.webbrowser, "open", found.append)
    return found


def test_login_shows_a_link_and_a_code_and_then_who_until_when_and_where(quantumjobs, world, heard, opened):
    code, out, err = quantumjobs("login", "aqt")
    assert code == 0
    assert err.splitlines() == [
        "quantumjobs: open https://login.example/activate?user_code=ABCD-EFGH",
        "  and confirm the code ABCD-EFGH, within 15 minutes",
    ]
    lines = out.splitlines()
    assert lines[0] == "signed in at aqt"
    assert lines[1] == f"  credential  {world.folder / 'access_token'}"
    assert lines[2] == "  who         ada"
    assert lines[3].startswith("  until       20")
    assert lines[3].endswith("(59 min left)")
    assert lines[4] == f"  kept in     {world.folder / 'access_token'} and {world.folder / 'refresh_token'}"
    assert len(lines) == 5
    assert opened == []  # nobody looks
    assert CANARY not in f"{out}{err}{heard.getvalue()}"


@pytest.mark.parametrize("wanted", [True, False])
def test_a_browser_is_opened_for_who_sits_at_a_terminal_and_did_not_forbid_it(
    quantumjobs, world, opened, monkeypatch, wanted
):
    made = Terminal.__init__

    def drawn_on(self: Terminal, **options: Any) -> None:
        made(self, **options)
        self.is_drawn_on = True

    monkeypatch.setattr(Terminal, "__init__", drawn_on)
    assert quantumjobs("login", "aqt", *([] if wanted else ["--no-browser"]))[0] == 0
    assert opened == (["https://login.example/activate?user_code=ABCD-EFGH"] if wanted else [])


def test_login_logout_and_whoami_have_documents(quantumjobs, world):
    code, out, _ = quantumjobs("login", "aqt", "--json")
    found = json.loads(out)
    assert (code, found["exit_code"], found["error"]) == (0, 0, None)
    files = [str(world.folder / name) for name in ("access_token", "refresh_token")]
    one = found["identity"]
    assert {name: one[name] for name in ("provider", "subject", "accepted", "reason", "workspaces", "stored")} == {
        "provider": "aqt", "subject": "ada", "accepted": None, "reason": None, "workspaces": [], "stored": files,
    }  # fmt: skip
    code, out, _ = quantumjobs("whoami", "aqt", "--json")
    (one,) = json.loads(out)["identities"]
    assert (code, one["accepted"], one["workspaces"]) == (0, True, ["ws"])
    code, out, _ = quantumjobs("logout", "aqt", "--json")
    found = json.loads(out)
    assert (code, found["provider"], sorted(found["removed"]), found["left"]) == (0, "aqt", files, [])
    code, out, err = quantumjobs("whoami", "--json")
    found = json.loads(out)
    assert (code, found["exit_code"], found["identities"]) == (3, 3, [])
    assert found["error"]["type"] == "CredentialError"
    assert "quantumjobs login aqt" in err
    for command, keys in (("login", {"identity"}), ("logout", {"provider", "removed", "left"})):
        found = json.loads(quantumjobs(command, "fake", "--json")[1])
        assert keys <= set(found)
        assert found["error"]["type"] == "UsageError"


def test_whoami_tells_of_all_that_are_set_up(quantumjobs, world, clouds):
    clouds["aqt:lab2"] = world.provider(account="lab2", token=f"{CANARY}-refused")
    quantumjobs("login", "aqt")
    code, out, err = quantumjobs("whoami")
    assert code == 3
    lines = out.splitlines()
    assert lines[0] == "aqt: accepted"
    assert "  workspaces  ws" in lines
    assert "aqt:lab2: refused" in lines
    assert "  credential  the token given in the settings" in lines
    assert CANARY not in f"{out}{err}"


def test_what_an_issuer_or_a_token_says_cannot_move_the_cursor(quantumjobs, world):
    world.keep(jwt("ada\x1b[2J\nroot", time.time() + 3600), None)
    world.portal.weather = lambda operation, number: httpx.Response(403, json={"detail": "no\x1b[31m way"})
    code, out, _ = quantumjobs("whoami", "aqt")
    assert code == 3
    assert "aqt: not checked" in out
    assert "\x1b" not in out
    assert "ada [2J root" in out


def test_logout_says_what_went_and_what_still_stands(quantumjobs, world, monkeypatch):
    quantumjobs("login", "aqt")
    monkeypatch.setenv("AQT_TOKEN", CANARY)
    code, out, _ = quantumjobs("logout", "aqt")
    assert code == 0
    assert out.splitlines() == [
        "signed out at aqt",
        f"  removed {world.folder / 'refresh_token'}",
        f"  removed {world.folder / 'access_token'}",
        "  still there: the environment variable AQT_TOKEN",
    ]
    assert quantumjobs("logout", "aqt")[1].splitlines()[0] == "no sign-in was kept for aqt"
    code, out, _ = quantumjobs("login", "aqt")
    assert out.splitlines()[-1].startswith("  note: the environment variable AQT_TOKEN comes first")


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (refusal("access_denied"), 3, "aqt: the sign-in was refused on the page"),
        (refusal("expired_token"), 3, "aqt: nobody confirmed the sign-in in time; begin again"),
    ],
)
def test_a_no_is_one_line_and_its_exit_code(quantumjobs, world, answer, code, said):
    world.issuer.weather = lambda kind, number: answer if kind == "poll" else None
    found, out, err = quantumjobs("login", "aqt")
    assert (found, out) == (code, "")
    assert err.splitlines()[-1] == f"quantumjobs: {said}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("login", "fake"), "fake: there is no sign-in"),
        (("whoami", "aqt/ws/ibex"), "write 'aqt'"),
        (("logout", "aqq"), "unknown provider 'aqq'"),
        (("login",), "Missing argument 'PROVIDER'"),
    ],
)
def test_what_cannot_be_right_is_an_error_of_the_command(quantumjobs, world, arguments, said):
    code, out, err = quantumjobs(*arguments)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("command", ["login", "logout", "whoami"])
def test_help_has_the_document(quantumjobs, command):
    code, out, _ = quantumjobs(command, "--help")
    assert code == 0
    assert '"exit_code": N' in out


@pytest.mark.real_time
async def test_ctrl_c_while_the_user_is_waited_for_leaves_nothing(tmp_path: Path):
    async with serve(AqtEmulator(sign_in=True, results="zeros")) as url:
        config = tmp_path / "config.toml"
        config.write_text(f'[providers.aqt]\nurl = "{url}"\nconfig_dir = "{tmp_path / "aqt"}"\nload_dotenv = false\n')

        def interrupted() -> tuple[int, str, str]:
            with Command("login", "aqt", folder=tmp_path, QUANTUMJOBS_CONFIG=str(config)) as command:
                command.until_said("and confirm the code")
                os.killpg(command.process.pid, signal.SIGINT)
                return command.end()

        code, out, err = await asyncio.to_thread(interrupted)
    assert (code, out) == (130, "")
    assert err == "quantumjobs: interrupted\n"
    assert {one.name for one in (tmp_path / "aqt").iterdir()} <= {".quantumjobs.lock"}
