"""Whose keys sign requests: those given, or what is found where AWS's tools look; never shown."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quantumjobs.adapters.braket import chain
from quantumjobs.adapters.braket import credentials as braket
from quantumjobs.adapters.braket import settings as braket_settings
from quantumjobs.errors import CredentialError
from quantumjobs.wire import Credential, Secret
from quantumjobs.wire.sigv4 import AwsKeys

pytestmark = pytest.mark.real_time  # files are read, and functions called, in threads
SECRET = "canary-5f2b9c"
Write = Callable[[str], Path]


def of(**given: Any) -> Credential:
    return braket.credential(braket_settings.read({"region": "us-east-1", **given}))


async def keys_of(**given: Any) -> AwsKeys:
    found = (await of(**given).get()).secret
    assert isinstance(found, AwsKeys)
    return found


def parts(found: AwsKeys) -> tuple[str, str, str | None]:
    return found.key_id, found.reveal(), found.session.reveal() if found.session else None


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    return _file(tmp_path / "credentials", "AWS_SHARED_CREDENTIALS_FILE", monkeypatch)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    return _file(tmp_path / "config", "AWS_CONFIG_FILE", monkeypatch)


def _file(path: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.setenv(variable, str(path))

    def write(text: str) -> Path:
        path.write_text(text)
        return path

    return write


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra."""
    monkeypatch.setattr(chain, "has_botocore", lambda: False)
    monkeypatch.setattr(braket, "has_botocore", lambda: False)


# --- what is given --------------------------------------------------------------------------------
async def test_keys_given_in_the_settings_win(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    found = await keys_of(access_key_id=" AK ", secret_access_key=f"{SECRET}\n")
    assert parts(found) == ("AK", SECRET, None)
    assert found.origin == "the keys given in the settings"


async def test_a_function_gives_keys_and_when_they_end():
    end = datetime(2030, 1, 1, tzinfo=UTC)

    async def awaited() -> tuple[str, str, str, datetime]:
        return "AK", SECRET, "token", end

    found = await keys_of(credentials=awaited)
    assert parts(found) == ("AK", SECRET, "token")
    assert found.until == end.timestamp()
    assert (await keys_of(credentials=lambda: ("AK", SECRET, None, end.replace(tzinfo=None)))).until == end.timestamp()
    assert (await keys_of(credentials=lambda: ["AK", Secret(SECRET), None, 5.5])).until == 5.5
    assert parts(await keys_of(credentials=lambda: ("AK", SECRET))) == ("AK", SECRET, None)
    whole = AwsKeys("AK", SECRET)
    assert await keys_of(credentials=lambda: whole) is whole


async def test_a_function_is_asked_again_when_its_keys_are_refused():
    given = iter(range(9))
    credential = of(credentials=lambda: (f"AK{next(given)}", SECRET, "token"))
    held = await credential.get()
    assert (await credential.get()) is held
    assert held.secret == AwsKeys("AK0", SECRET, Secret("token"))
    assert (await credential.renew(held)).secret == AwsKeys("AK1", SECRET, Secret("token"))


def _raises() -> None:
    raise KeyError(SECRET)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_raises, "raised KeyError"),
        (lambda: SECRET, "gave a str"),
        (lambda: ("AK",), "gave a tuple"),
        (lambda: ("AK", SECRET, 5), "not all texts"),
        (lambda: ("AK", SECRET, None, "2030"), "gave a str as their end"),
        (lambda: ("AK", f"{SECRET}\nx", None, None), "are no keys"),
        (lambda: ("AK", None, None, None), "are no keys"),
    ],
)
async def test_a_function_that_gives_something_else_is_told_and_nothing_is_quoted(
    function: Callable[[], Any], message: str
):
    with pytest.raises(CredentialError, match=message) as caught:
        await keys_of(credentials=function)
    assert SECRET not in str(caught.value)


# --- the environment ------------------------------------------------------------------------------
async def test_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    with pytest.raises(CredentialError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are no keys"):
        await keys_of()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert parts(await keys_of()) == ("AK", SECRET, None)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2030-01-01T00:00:00Z")
    found = await keys_of()
    assert parts(found) == ("AK", SECRET, "token")
    assert found.until == datetime(2030, 1, 1, tzinfo=UTC).timestamp()
    assert found.origin == "the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "soon")
    with pytest.raises(CredentialError, match="AWS_CREDENTIAL_EXPIRATION"):
        await keys_of()


async def test_other_keys_in_the_environment_are_used_when_the_first_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "first")
    credential = of()
    held = await credential.get()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "second")
    assert (await credential.renew(held)).secret == AwsKeys("AK", "second")


# --- the files ------------------------------------------------------------------------------------
PROFILES = f"""
[default]
aws_access_key_id = AKDEFAULT
aws_secret_access_key = {SECRET}

[lab]
aws_access_key_id = AKLAB
aws_secret_access_key = {SECRET}
aws_session_token = token
"""


async def test_a_profile_of_the_credentials_file(credentials: Write, monkeypatch: pytest.MonkeyPatch):
    path = credentials(PROFILES)
    assert parts(await keys_of()) == ("AKDEFAULT", SECRET, None)
    monkeypatch.setenv("AWS_PROFILE", "lab")
    found = await keys_of()
    assert parts(found) == ("AKLAB", SECRET, "token")
    assert found.origin == f"profile 'lab' in {path}"


async def test_the_environments_keys_count_before_its_profile_and_not_before_a_profile_of_the_settings(
    credentials: Write, monkeypatch: pytest.MonkeyPatch
):
    credentials(PROFILES)
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    assert (await keys_of()).key_id == "AKENV"
    assert (await keys_of(profile="lab")).key_id == "AKLAB"


async def test_keys_of_the_config_file_count_behind_those_of_the_credentials_file(credentials: Write, config: Write):
    config("[default]\naws_access_key_id = AKCONFIG\naws_secret_access_key = other\n[profile x]\nregion = us-east-1\n")
    assert (await keys_of()).key_id == "AKCONFIG"
    credentials(PROFILES)
    assert (await keys_of()).key_id == "AKDEFAULT"


async def test_a_profile_with_half_of_its_keys_is_told(credentials: Write):
    credentials("[default]\naws_access_key_id = AK\n")
    with pytest.raises(CredentialError, match="profile 'default' in .* are no keys"):
        await keys_of()


async def test_a_file_that_is_written_anew_is_read_anew(credentials: Write, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chain, "EVERY", 0.0)
    credentials(PROFILES)
    credential = of()
    assert (await credential.get()).secret == AwsKeys("AKDEFAULT", SECRET)
    credentials(PROFILES.replace("AKDEFAULT", "AKROTATED"))
    assert (await credential.get()).secret == AwsKeys("AKROTATED", SECRET)


async def test_while_a_file_cannot_be_understood_the_keys_read_before_are_used_on(
    credentials: Write, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(chain, "EVERY", 0.0)
    credentials(PROFILES)
    credential = of()
    first = await credential.get()
    credentials("[default]\naws_acc")  # somebody is writing it just now
    held = await credential.get()
    assert held.secret == first.secret
    with pytest.raises(CredentialError, match="not in the form"):
        await credential.renew(held)
    credentials(PROFILES.replace("AKDEFAULT", "AKROTATED"))
    assert (await credential.get()).secret == AwsKeys("AKROTATED", SECRET)


def test_files_are_looked_at_once_a_second(credentials: Write):
    credentials(PROFILES)
    looking = chain.Chain(None, "")
    assert looking.changed()
    assert not looking.changed()


# --- without the extra ----------------------------------------------------------------------------
@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    "entry",
    [
        "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = default",
        "sso_account_id = 123456789012\nsso_start_url = https://x.example",
        "web_identity_token_file = /token",
        "credential_process = /bin/keys",
        "login_session = x",
    ],
)
async def test_a_profile_whose_keys_must_be_asked_for_needs_the_extra(config: Write, entry: str):
    config(f"[profile lab]\n{entry}\n")
    with pytest.raises(CredentialError, match=r'profile \'lab\' has \w+, .*pip install "quantumjobs\[braket\]"'):
        await keys_of(profile="lab")


@pytest.mark.usefixtures("bare")
async def test_without_keys_it_is_said_where_we_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CredentialError, match="there are no keys. Looked at, in this order: ") as caught:
        await keys_of(account="lab2")
    for place in ('"braket:lab2"', "AWS_ACCESS_KEY_ID", str(tmp_path / ".aws" / "credentials"), "quantumjobs[braket]"):
        assert place in str(caught.value)


# --- by botocore ----------------------------------------------------------------------------------
async def test_what_botocore_does_not_find_either_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CredentialError, match="there are no keys"):
        await keys_of()


def _process(tmp_path: Path, said: dict[str, Any]) -> str:
    """A program that says these keys, and counts how often it was asked."""
    script = tmp_path / "keys.py"
    script.write_text(
        "import pathlib\n"
        f"count = pathlib.Path({str(tmp_path / 'count')!r})\n"
        "count.write_text((count.read_text() if count.exists() else '') + 'x')\n"
        f"print({json.dumps(said)!r}.replace('AK', f'AK{{len(count.read_text())}}'))\n"
    )
    return f"[profile lab]\ncredential_process = {sys.executable} -I {script}\n"


async def test_a_program_that_a_profile_names_is_asked_and_asked_again(tmp_path: Path, config: Write):
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    said = {
        "Version": 1,
        "AccessKeyId": "AK",
        "SecretAccessKey": SECRET,
        "SessionToken": "token",
        "Expiration": end.isoformat(),
    }
    config(_process(tmp_path, said))
    credential = of(profile="lab")
    held = await credential.get()
    assert isinstance(held.secret, AwsKeys)
    assert parts(held.secret) == ("AK1", SECRET, "token")
    assert held.secret.origin == "what botocore found by 'custom-process'"
    assert held.secret.until == pytest.approx(end.timestamp(), abs=2)
    assert held.renew_at == pytest.approx(end.timestamp() - 14 * 60, abs=2)
    assert (await credential.renew(held)).secret == AwsKeys("AK2", SECRET, Secret("token"))


async def test_what_a_program_says_when_it_fails_is_told_masked_and_on_one_line(tmp_path: Path, config: Write):
    script = tmp_path / "fails.py"
    script.write_text("import sys; sys.exit('no session\\nAuthorization: Bearer canary')")
    config(f"[profile lab]\ncredential_process = {sys.executable} -I {script}\n")
    with pytest.raises(CredentialError, match="no session") as caught:
        await keys_of(profile="lab")
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_nothing_that_botocore_is_told_is_logged(tmp_path: Path, config: Write, caplog: pytest.LogCaptureFixture):
    end = datetime.now(UTC) + timedelta(minutes=5)  # so near that botocore renews it at once
    said = {"Version": 1, "AccessKeyId": "AK", "SecretAccessKey": SECRET, "Expiration": end.isoformat()}
    config(_process(tmp_path, said))
    with caplog.at_level(logging.DEBUG):
        await keys_of(profile="lab")
        assert not [record for record in caplog.records if record.name.startswith("botocore")]
        logging.getLogger("botocore.credentials").debug("a program's own use")
    assert "a program's own use" in caplog.text


async def test_a_profile_that_asks_for_a_code_is_refused(config: Write):
    config("[profile lab]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = lab\nmfa_serial = arn:aws:iam::1:mfa/x\n")
    with pytest.raises(CredentialError, match="one-time code"):
        await keys_of(profile="lab")


def test_when_keys_end_is_found_to_the_second():
    def lasting(seconds: float) -> SimpleNamespace:
        return SimpleNamespace(refresh_needed=lambda refresh_in: seconds < refresh_in)

    for seconds in (0.5, 899.0, 43_200.25):
        assert chain._end(lasting(seconds), 100.0) == pytest.approx(100.0 + seconds, abs=1.0)
    assert chain._end(SimpleNamespace(), 100.0) is None
    assert chain._end(lasting(float("inf")), 100.0) is None


async def test_keys_that_stand_somewhere_are_found_without_botocore(
    credentials: Write, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "botocore.session", None)  # its import would fail
    credentials(PROFILES)
    assert (await keys_of(profile="lab")).key_id == "AKLAB"
