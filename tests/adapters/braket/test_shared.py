"""AWS's two files are read as AWS's tools read them, and nothing in them is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantumjobs.adapters.braket import shared
from quantumjobs.errors import UsageError

CONFIG = """
[default]
region = us-east-1
endpoint_url = https://default.example

[profile lab]
region = eu-north-1
services = near
s3 =
    addressing_style = path
    max_concurrent_requests = 20

[profile "with blank"]
region = us-west-1

[profile only-here]
region = us-west-2

[not-a-profile]
region = nowhere-1

[profile-like]
region = nowhere-2

[services near]
braket =
    endpoint_url = http://127.0.0.1:9
"""
CREDENTIALS = """
[default]
aws_access_key_id = AKDEFAULT
aws_secret_access_key = canary-default

[lab]
aws_access_key_id = AKLAB
aws_secret_access_key = canary-lab
region = us-west-2

[only-there]
aws_access_key_id = AKONLY
aws_secret_access_key = canary-only
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    config.write_text(CONFIG)
    credentials.write_text(CREDENTIALS)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    return config, credentials


@pytest.mark.usefixtures("files")
def test_profiles_are_those_of_both_files_and_the_credentials_file_counts():
    found = shared.load()
    assert found.names == ["default", "lab", "only-here", "only-there", "with blank"]
    assert found.profile("lab")["region"] == "us-west-2"
    assert found.profile("with blank")["region"] == "us-west-1"
    assert found.profile("only-there")["aws_access_key_id"] == "AKONLY"
    assert found.profile(None)["region"] == "us-east-1"


@pytest.mark.usefixtures("files")
def test_an_indented_block_is_a_section_of_its_own():
    found = shared.load()
    assert found.profile("lab")["s3"] == {"addressing_style": "path", "max_concurrent_requests": "20"}
    assert found.services(found.profile("lab")) == {"braket": {"endpoint_url": "http://127.0.0.1:9"}}
    assert found.services(found.profile(None)) == {}


@pytest.mark.usefixtures("files")
def test_a_profile_or_services_that_are_not_there_are_told_with_those_that_are():
    found = shared.load()
    with pytest.raises(UsageError, match="no profile 'lba' .*known: default, lab"):
        found.profile("lba")
    with pytest.raises(UsageError, match="services = far"):
        found.services({"services": "far"})


def test_without_files_there_is_an_empty_default_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert shared.files() == (tmp_path / ".aws" / "config", tmp_path / ".aws" / "credentials")
    assert shared.load().profile(None) == {}
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert shared.load().names == []
    with pytest.raises(UsageError, match="known: none"):
        shared.load().profile("default")


def test_paths_may_have_a_tilde_and_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LAB", "lab")
    monkeypatch.setenv("AWS_CONFIG_FILE", "~/$LAB/config")
    assert shared.files()[0] == tmp_path / "lab" / "config"


@pytest.mark.parametrize(
    "body",
    [
        b"aws_secret_access_key = canary\n",
        b"[default]\ncanary without an assignment\n",
        b"[default]\n[default]\ncanary = 1\n",
        b"[default]\ns3 =\n  canary without an assignment\n",
        b"[default]\nx = canary\xff\n",
    ],
)
def test_a_file_that_cannot_be_understood_is_named_and_not_quoted(files: tuple[Path, Path], body: bytes):
    files[1].write_bytes(body)
    with pytest.raises(UsageError, match="credentials is not in the form of") as caught:
        shared.load()
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_file_that_is_too_large_is_not_read(files: tuple[Path, Path]):
    files[0].write_bytes(b"#" * (shared.LARGEST + 1))
    with pytest.raises(UsageError, match="too large"):
        shared.load()


@pytest.mark.usefixtures("files")
def test_what_was_read_is_not_shown():
    assert "canary" not in repr(shared.load())
    assert "AKLAB" not in repr(shared.load())


def test_the_stamp_changes_with_either_file(files: tuple[Path, Path]):
    stamps = {shared.stamp()}
    for path in files:
        path.write_text(path.read_text() + "\n")
        stamps.add(shared.stamp())
    files[0].unlink()
    stamps.add(shared.stamp())
    assert len(stamps) == 4


def test_the_profile_that_the_environment_names(monkeypatch: pytest.MonkeyPatch):
    assert shared.named() is None
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert shared.named() == "lab"
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "older")
    assert shared.named() == "older"
