"""`quantumjobs emulate` as a process: ready when it says so, and ended without a word."""

from __future__ import annotations

import os
import signal
import socket
import time

import httpx
import pytest

from quantumjobs.cli import asked
from quantumjobs.errors import UsageError
from tests.cli.helpers import Command
from tests.testing.emulators.helpers import BELL, submission


def address(command: Command) -> str:
    """What it says when it is ready."""
    line = command.process.stdout.readline().decode()
    assert line.startswith("listening on http://127.0.0.1:"), line
    return line.removeprefix("listening on ").strip()


def test_it_serves_until_it_is_interrupted_and_leaves_nothing_behind(tmp_path):
    with Command("emulate", "aqt", "--port", "0", "--seed", "7", "--token", "T", folder=tmp_path) as command:
        url = address(command)
        with httpx.Client(base_url=url, headers={"Authorization": "Bearer T"}, trust_env=False) as client:
            reply = client.post("/api/v1/submit/ws/ibex", json=submission(BELL))
            job = reply.json()["job"]["job_id"]
            deadline = time.monotonic() + 30
            while (found := client.get(f"/api/v1/result/{job}").json()["response"])["status"] in {"queued", "ongoing"}:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert {tuple(shot) for shot in found["result"]["0"]} == {(0, 0), (1, 1)}
            stats = client.get("/_emulator/stats", headers={"Authorization": ""}).json()
            assert (stats["submissions"], stats["jobs"]) == (1, 1)
            assert client.get("/api/v1/workspaces", headers={"Authorization": "Bearer x"}).status_code == 401
            os.killpg(command.process.pid, signal.SIGINT)  # as a terminal does: its workers hear it too
            code, out, err = command.end()
    assert (code, out) == (0, "")
    hint = f"  AQT_TOKEN=T AQT_PORTAL_URL={url} AQT_DIRECT_URL={url}"
    assert err.splitlines() == [
        "quantumjobs: this is an emulator of aqt; Ctrl-C ends it. Its clients find it by",
        hint,
    ]


def test_who_signs_in_as_the_one_client_is_let_in(tmp_path):
    flags = ("--sign-in", "--client-id", "cid", "--client-secret", "s3cret", "--token-seconds", "60.5")
    with Command(
        *("emulate", "aqt", "--port", "0", "--results", "zeros", "--device-interval", "0.5", *flags), folder=tmp_path
    ) as command:
        url = address(command)
        given = {"grant_type": "client_credentials", "client_id": "cid", "audience": f"{url}/api"}
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert client.post("/oauth/token", json=given | {"client_secret": "other"}).status_code == 401
            found = client.post("/oauth/token", json=given | {"client_secret": "s3cret"}).json()
            assert found["expires_in"] == 61
            device = {"client_id": "HvaMEfNSq30OoxjqDyRWIRkBfJwJywyi", "scope": "openid"}
            assert client.post("/oauth/device/code", data=device).json()["interval"] == 0.5
            codes = []
            for token in (found["access_token"], "any"):
                client.headers["authorization"] = f"Bearer {token}"
                codes.append(client.get("/api/v1/workspaces").status_code)
            assert codes == [200, 401]
        command.process.send_signal(signal.SIGTERM)
        code, _, err = command.end()
    assert code == 0
    assert err.splitlines()[1:] == [
        f"  AQT_ARNICA_URL={url}/api AQT_CLIENT_ID=cid AQT_CLIENT_SECRET=..., and the issuer {url}/"
    ]


def test_a_script_of_faults_is_followed_and_a_port_can_be_chosen(tmp_path):
    (tmp_path / "faults.json").write_text('[{"kind": "status", "status": 429, "retry_after": 3}]', encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ("emulate", "aqt", "--port", str(port), "--script", "faults.json", "--results", "zeros")
    with Command(*arguments, folder=tmp_path) as command:
        assert address(command) == f"http://127.0.0.1:{port}"
        reply = httpx.get(f"http://127.0.0.1:{port}/api/v1/workspaces", trust_env=False)
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "3")
        command.process.send_signal(signal.SIGTERM)
        code, _, err = command.end()
    assert code == 0
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_an_error_of_the_command(quantumjobs):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, out, err = quantumjobs("emulate", "aqt", "--port", str(port), "--results", "zeros")
    assert (code, out) == (2, "")
    assert err.startswith(f"quantumjobs: port {port} of 127.0.0.1 cannot be had: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["aqq"], "no emulator 'aqq'; there is one of: aqt, braket, generic, iqm, originq"),
        (["aqt", "--latency", "-1"], "--latency -1: a number of seconds is needed, and no less than 0"),
        (["aqt", "--queue", "nan"], "--queue nan: a number of seconds is needed, and no less than 0"),
        (["aqt", "--results", "2"], "results '2': 'simulated', 'zeros', 'ones', or bits such as '01' are known"),
        (["aqt", "--script", "none.json"], "none.json: No such file or directory"),
        (["aqt", "--token-seconds", "-1"], "--token-seconds -1: a number of seconds is needed, and no less than 0"),
        (["aqt", "--sign-in", "--token", "T"], "either one token is let in, or those that signing in gives"),
        (["generic", "--sign-in"], "--sign-in: only AQT's emulator has this, not generic"),
        (["aqt", "--no-find"], "--no-find: only the generic service has this, not aqt"),
    ],
)
def test_what_cannot_be_emulated_is_told_in_one_line(quantumjobs, arguments, message):
    assert quantumjobs("emulate", *arguments) == (2, "", f"quantumjobs: {message}\n")


def test_a_script_that_is_none_is_told_with_its_name(tmp_path):
    file = tmp_path / "faults.json"
    file.write_text('[{"kind": "quake"}]', encoding="utf-8")
    with pytest.raises(UsageError, match=r"faults\.json: this is no script of faults: Invalid enum value 'quake'"):
        asked.script(str(file))
    file.write_text('[{"kind": "cut", "operation": "none"}]', encoding="utf-8")
    assert [fault.operation for fault in asked.script(str(file))] == ["none"]  # the emulator knows its operations


def test_help_tells_what_there_is(quantumjobs):
    code, out, _ = quantumjobs("emulate", "--help")
    assert code == 0
    assert "/_emulator/stats" in out
    assert "--script" in out
