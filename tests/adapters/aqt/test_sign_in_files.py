"""The files of a sign-in: whole or not there, their user's alone, and never trusted further than a token goes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quantumjobs.adapters.aqt import configured, settings, tokens
from quantumjobs.adapters.aqt.oidc import Tokens
from quantumjobs.errors import CredentialError, UsageError
from quantumjobs.wire import Secret
from tests.adapters.aqt.issuer import CANARY, World, jwt

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".aqt"


def pair(name: str, *, refresh: bool = True) -> Tokens:
    return Tokens(Secret(f"{CANARY}-{name}-access"), Secret(f"{CANARY}-{name}-refresh") if refresh else None)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def revealed(folder: Path) -> tuple[str | None, str | None]:
    found = tokens.read(folder)
    return tuple(one and one.reveal() for one in (found.access, found.refresh))  # type: ignore[return-value] # two of them


# --- writing ----------------------------------------------------------------------------
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_their_user_can_read_them_whatever_the_umask(folder: Path, umask: int):
    before = os.umask(umask)
    try:
        tokens.keep(folder, pair("first"))
    finally:
        os.umask(before)
    assert {one.name: mode(one) for one in folder.iterdir()} == {"access_token": 0o600, "refresh_token": 0o600}
    assert mode(folder) == 0o700
    assert mode(folder.parent) == 0o700  # made for it
    assert (folder / "access_token").read_text() == f"{CANARY}-first-access"  # no line's end: the vendor's form


def test_files_of_the_vendors_tools_are_read_and_replaced_by_closed_ones(folder: Path):
    folder.mkdir(parents=True, mode=0o755)
    for name in ("access_token", "refresh_token"):
        (folder / name).write_text(f"{CANARY}-{name}")
        (folder / name).chmod(0o644)
    assert revealed(folder) == (f"{CANARY}-access_token", f"{CANARY}-refresh_token")
    tokens.keep(folder, pair("new"))
    assert (mode(folder / "access_token"), mode(folder / "refresh_token")) == (0o600, 0o600)
    assert mode(folder) == 0o755  # somebody wanted it so


def test_a_link_is_replaced_and_not_written_through(folder: Path, tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder.mkdir(parents=True)
    (folder / "access_token").symlink_to(victim)
    tokens.keep(folder, pair("new"))
    assert victim.read_text() == "precious"
    assert not (folder / "access_token").is_symlink()


def test_nothing_is_kept_where_everybody_can_write(folder: Path):
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(CredentialError, match="everybody can write"):
        tokens.keep(folder, pair("new"))
    assert list(folder.iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
from quantumjobs.adapters.aqt import tokens
from quantumjobs.adapters.aqt.oidc import Tokens
from quantumjobs.wire import Secret

name, place = sys.argv[2], int(sys.argv[3])
real = getattr(os, name)
calls = 0
def dying(*args, **options):
    global calls
    calls += 1
    if calls == place:
        os.kill(os.getpid(), 9)
    return real(*args, **options)
setattr(os, name, dying)
tokens.keep(Path(sys.argv[1]), Tokens(Secret("new-access-token"), Secret("new-refresh-token")))
os._exit(0)
"""


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_process_that_is_killed_at_any_point_leaves_whole_files_in_the_right_order(folder: Path, call: str):
    old, half, new = ("old-a", "old-r"), ("old-a", "new-refresh-token"), ("new-access-token", "new-refresh-token")
    seen = []
    for place in range(1, 20):
        tokens.keep(folder, Tokens(Secret("old-a"), Secret("old-r")))
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(folder), call, str(place)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=50,
        )  # fmt: skip
        found = revealed(folder)
        assert found in (old, half, new)
        seen.append(found)
        if done.returncode == 0:
            break
        assert done.returncode == -9
    assert seen == sorted(seen, key=(old, half, new).index)
    assert seen[-1] == new
    assert len(seen) > 2
    if call != "open":
        assert half in seen
    tokens.keep(folder, pair("last"))
    assert {one.name for one in folder.iterdir()} == {"access_token", "refresh_token"}  # parts are swept up


def test_removing_takes_everything_that_holds_a_token(folder: Path):
    tokens.keep(folder, pair("first"))
    (folder / ".access_token.0123456789abcdef").write_text(CANARY)
    (folder / "config").write_text("")
    gone = tokens.remove(folder)
    assert {Path(one).name for one in gone} == {"access_token", "refresh_token", ".access_token.0123456789abcdef"}
    assert [one.name for one in folder.iterdir()] == ["config"]
    assert tokens.remove(folder) == []


# --- reading ----------------------------------------------------------------------------
def symlink(path: Path) -> None:
    (path.parent / "real").write_text(CANARY)
    path.symlink_to(path.parent / "real")


STRANGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link": (symlink, "is a symbolic link"),
    "a broken link": (lambda path: path.symlink_to("nowhere"), "is a symbolic link"),
    "a folder": (lambda path: path.mkdir(), "is not a regular file"),
    "a pipe": (os.mkfifo, "is not a regular file"),
    "huge": (lambda path: path.write_bytes(b"x" * (1 << 20)), "too large"),
    "sparse": (lambda path: (path.touch(), os.truncate(path, 1 << 40)), "too large"),
    "binary": (lambda path: path.write_bytes(b"\x00\xff\x10"), "holds no token"),
    "two lines": (lambda path: path.write_text(f"{CANARY}\r\nx-injected: 1"), "holds no token"),
    "a space": (lambda path: path.write_text(f"{CANARY} x"), "holds no token"),
    "umlauts": (lambda path: path.write_text("tökén"), "holds no token"),
    "everybody's": (lambda path: (path.write_text(CANARY), path.chmod(0o666)), "written by everybody"),
    "somebody's": (lambda path: (path.write_text(CANARY), os.chown(path, 12345, 0)), "another user"),
}


@pytest.mark.parametrize("kind", STRANGE)
async def test_a_strange_file_is_not_used_and_that_is_told(tmp_path: Path, kind: str):
    make, why = STRANGE[kind]
    if kind == "somebody's" and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    world = World(tmp_path / "aqt")
    world.folder.mkdir()
    make(world.folder / "access_token")
    with pytest.raises(CredentialError, match=f"access_token .*{why}") as caught:
        await world.sign_in().token(False)
    assert CANARY not in str(caught.value)
    found = await world.sign_in().sign_out() if kind != "a folder" else None
    assert found is None or len(found.files) == 1


def test_a_line_s_end_after_the_token_is_none_of_it(folder: Path):
    folder.mkdir(parents=True)
    (folder / "access_token").write_text(f"{jwt('ada', 12.0)}\n")
    found = tokens.read(folder)
    assert found.access is not None
    assert found.access.reveal() == jwt("ada", 12.0)
    assert found.access.until == 12.0
    assert CANARY not in repr(found)


# --- the configuration file ---------------------------------------------------------------
def read(folder: Path, **given: object) -> settings.Settings:
    return settings.read({"config_dir": folder, "load_dotenv": False, **given})


def write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(text)


@pytest.mark.parametrize("table", ["", "[default]\n"])
def test_the_vendors_file_says_portal_program_and_whether_to_store(folder: Path, table: str):
    write(
        folder,
        f'{table}arnica_url = "https://other.example/api"\nclient_id = "cid"\n'
        f'client_secret = "{CANARY}"\nstore_access_token = false\n',
    )
    found = read(folder)
    assert found.url == "https://other.example"
    assert found.given
    assert found.login.program is not None
    assert (found.login.program.id, found.login.program.secret.reveal()) == ("cid", CANARY)
    assert found.login.audience == "https://other.example/api"
    assert found.login.store is False
    assert CANARY not in repr(found)


def test_the_portal_is_that_of_the_setting_then_of_the_environment_then_of_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    write(folder, 'arnica_url = "https://file.example/api"')
    assert read(folder).url == "https://file.example"
    monkeypatch.setenv("AQT_ARNICA_URL", "https://arnica.example/api/")
    assert read(folder).url == "https://arnica.example"
    monkeypatch.setenv("AQT_PORTAL_URL", "https://portal.example")
    assert read(folder).url == "https://portal.example"
    assert read(folder, url="https://setting.example").url == "https://setting.example"


@pytest.mark.parametrize(("word", "on"), [("false", False), ("0", False), ("no", False), ("off", False), ("", True),
                                          ("true", True), ("1", True), ("yes", True), ("ON", True)])  # fmt: skip
def test_whether_to_store_is_a_word_and_not_whether_there_is_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, word: str, on: bool
):
    monkeypatch.setenv("AQT_STORE_ACCESS_TOKEN", word)
    assert read(folder).login.store is on
    write(folder, f"store_access_token = {'false' if on else 'true'}")
    assert read(folder).login.store is (on if word else False)  # the environment comes first


def test_another_account_has_a_table_and_a_folder_of_its_own(folder: Path):
    write(folder, 'client_id = "mine"\nclient_secret = "s"\n[lab2]\nclient_id = "theirs"\nclient_secret = "t"\n')
    found = read(folder, account="lab2").login
    assert found.program is not None
    assert found.program.id == "theirs"
    assert found.folder == folder / "lab2"
    assert read(folder, account="lab3").login.program is None


@pytest.mark.parametrize(
    "account", ["..", ".", "a/b", "/etc", "a\\b", "config", "access_token", "x" * 101, "a\0b", "a\nb"]
)
def test_an_account_that_is_no_name_for_a_folder_is_refused(folder: Path, account: str):
    with pytest.raises(UsageError, match="no name for an account"):
        read(folder, account=account)


@pytest.mark.parametrize(
    "text",
    [
        f'client_secret = "{CANARY}',
        f"client_secret = {CANARY}",
        "client_id = 5",
        'default = "x"',
        f'store_access_token = "{CANARY}"',
        "\0",
    ],
)
def test_a_file_that_cannot_be_understood_is_named_and_not_quoted(folder: Path, text: str):
    write(folder, text)
    with pytest.raises(UsageError, match="config") as caught:
        read(folder)
    assert CANARY not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"issuer": "http://issuer.example"}, "in clear"),
        ({"issuer": 5}, "'issuer'"),
        ({"client_secret": 5}, "'client_secret'"),
        ({"config_dir": 5}, "'config_dir'"),
        ({"store_access_token": "perhaps"}, "true or false"),
        ({"clientid": "x"}, "did you mean 'client_id'"),
    ],
)
def test_settings_of_a_sign_in_that_cannot_be_right_are_refused(folder: Path, given: dict[str, object], why: str):
    with pytest.raises(UsageError, match=why):
        settings.read({"config_dir": folder, "load_dotenv": False, **given})


def test_an_emulator_is_its_own_issuer_and_does_not_take_the_place_of_the_real_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = settings.read({"url": "http://127.0.0.1:8801", "load_dotenv": False}).login
    assert (found.issuer, found.audience) == ("http://127.0.0.1:8801", "http://127.0.0.1:8801/api")
    assert found.folder == tmp_path / ".aqt" / "emulator"
    real = settings.read({"load_dotenv": False})
    assert (real.login.issuer, real.login.folder) == (configured.ISSUER, tmp_path / ".aqt")
    assert not real.given
    tokens.keep(real.login.folder, pair("mine"))
    assert settings.read({"load_dotenv": False}).given
    assert not settings.read({"load_dotenv": False, "store_access_token": False}).given
    tokens.remove(real.login.folder)
    tokens.keep(tmp_path / ".config" / "aqt", pair("the vendor's"))
    assert settings.read({"load_dotenv": False}).given
