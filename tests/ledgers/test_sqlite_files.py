"""The ledger's files: how they are made and checked, versions, migrations, bodies, backup, health."""

# ruff: noqa: ASYNC240 - nothing else runs in the loops of these tests
from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from quantumjobs.abc import Change
from quantumjobs.core.records import Handle
from quantumjobs.core.states import JobState
from quantumjobs.errors import LedgerError, LedgerWriteError
from quantumjobs.ledgers import places
from quantumjobs.ledgers.sqlite import InlineLedger, SqliteLedger, bodies, files, removal, schema
from quantumjobs.ledgers.sqlite.connection import wal_is_safe
from quantumjobs.ledgers.sqlite.rows import Commit
from quantumjobs.testing.ledger_rules import after, digest, job, started
from tests.ledgers.sqlite_helpers import MODES, commit, intent, whole

BIG = bodies.BIG + 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite3"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# --- places -----------------------------------------------------------------------------
async def test_the_users_ledger_is_in_the_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUANTUMJOBS_STATE_DIR", str(tmp_path / "moved"))
    assert places.default_path() == tmp_path / "moved" / "ledger.sqlite3"
    assert InlineLedger().path == places.default_path()
    assert not places.state_directory().exists()
    monkeypatch.delenv("QUANTUMJOBS_STATE_DIR")
    assert places.state_directory().name == "quantumjobs"
    assert places.state_directory().is_relative_to(Path.home())


# --- permissions ------------------------------------------------------------------------
@MODES
async def test_everything_is_the_users_alone_whatever_the_umask(path: Path, mode: str) -> None:
    ledger = InlineLedger(path, journal_mode=mode)
    before = os.umask(0)
    try:
        await commit(ledger, "a", size=BIG)
        found = {one.relative_to(path.parent): mode_of(one) for one in [path.parent, *path.parent.rglob("*")]}
    finally:
        os.umask(before)
    assert len(found) >= 7
    for name, one in found.items():
        assert one == (0o700 if (path.parent / name).is_dir() else 0o600), name
    await ledger.aclose()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
async def test_a_file_that_others_can_write_to_is_refused_and_left_alone(path: Path, mode: int) -> None:
    ledger = InlineLedger(path)
    await commit(ledger, "a")
    await ledger.aclose()
    path.chmod(mode)
    ledger = InlineLedger(path)
    with pytest.raises(LedgerError, match=f"others can write to .*{mode:04o}.*chmod 600"):
        await ledger.unsettled()
    with pytest.raises(LedgerWriteError, match="others can write"):
        await commit(ledger, "b")
    assert mode_of(path) == mode


async def test_a_symbolic_link_is_refused(path: Path) -> None:
    ledger = InlineLedger(path)
    await commit(ledger, "a")
    await ledger.aclose()
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(LedgerError, match="symbolic link"):
        await InlineLedger(link).unsettled()


async def test_a_dangling_symbolic_link_is_not_followed(path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(path.with_name("elsewhere"))
    with pytest.raises(LedgerError, match="symbolic link"):
        await InlineLedger(path).unsettled()
    assert not path.with_name("elsewhere").exists()


async def test_what_is_no_regular_file_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(LedgerError, match="not a regular file"):
        await InlineLedger(path).unsettled()


async def test_another_users_file_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = InlineLedger(path)
    await commit(ledger, "a")
    await ledger.aclose()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(LedgerError, match="belongs to another user"):
        await InlineLedger(path).unsettled()


@pytest.mark.parametrize("mode", [0o777, 0o1777])
async def test_a_directory_that_everybody_can_write_to_is_refused(path: Path, mode: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(mode)
    with pytest.raises(LedgerError, match="everybody can write"):
        await InlineLedger(path).unsettled()
    assert not path.exists()


# --- what is in the file ----------------------------------------------------------------
@pytest.mark.parametrize("content", [b"no database" * 1000, b"xy"])
async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(LedgerError):
        await InlineLedger(path).unsettled()
    assert path.read_bytes() == content


async def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a ledger"):
        await InlineLedger(path).unsettled()
    assert path.read_bytes() == before


@MODES
async def test_pragmas_are_those_of_durable_and_careful_use(path: Path, mode: str) -> None:
    ledger = InlineLedger(path, journal_mode=mode)
    connection = ledger._store.open()
    wanted = {
        "journal_mode": mode,
        "synchronous": 2 if mode == "wal" else 3,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "busy_timeout": 30_000,
        "application_id": schema.APPLICATION,
        "user_version": len(schema.MIGRATIONS),
    }
    assert {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted} == wanted
    await ledger.aclose()


def test_a_write_ahead_log_is_used_only_where_sqlite_is_safe_with_it() -> None:
    safe = ["3.44.6", "3.44.9", "3.50.7", "3.50.12", "3.51.3", "3.52.0", "4.0.0"]
    unsafe = ["3.40.1", "3.44.5", "3.45.0", "3.49.9", "3.50.6", "3.51.0", "3.51.2"]
    for text in safe + unsafe:
        a, b, c = map(int, text.split("."))
        assert wal_is_safe((a, b, c)) == (text in safe), text


async def test_automatic_mode_changes_the_mode_of_a_file_that_nobody_else_uses(path: Path) -> None:
    forced = InlineLedger(path, journal_mode="wal")
    await commit(forced, "a")
    automatic = InlineLedger(path)
    assert (await automatic.health()).journal_mode == "wal"  # in use: it stays
    await automatic.aclose()
    await forced.aclose()
    automatic = InlineLedger(path)
    usual = "wal" if wal_is_safe(sqlite3.sqlite_version_info) else "delete"
    assert (await automatic.health()).journal_mode == usual
    assert await whole(automatic, "a")
    await automatic.aclose()


async def test_a_forced_mode_that_cannot_be_had_is_an_error(path: Path) -> None:
    first = InlineLedger(path, journal_mode="wal")
    await commit(first, "a")
    with pytest.raises(LedgerError, match="journal mode wal, and others use it"):
        await InlineLedger(path, journal_mode="delete", timeout=0.1).unsettled()
    await first.aclose()


async def test_attempts_are_kept_one_row_each(path: Path) -> None:
    ledger = InlineLedger(path)
    record = await commit(ledger, "a")
    for number in (1, 2):
        record = after(record, attempts=number)
        await ledger.commit([Change(record=record, event=started())])
    rows = ledger._store.open().execute("SELECT job, attempt, what, at, detail FROM attempt").fetchall()
    assert rows == [("a", 1, "started", 1.0, ""), ("a", 2, "started", 1.0, "")]
    await ledger.aclose()


async def test_a_damaged_record_is_an_error_that_names_it(path: Path) -> None:
    ledger = InlineLedger(path)
    await commit(ledger, "a")
    ledger._store.open().execute("UPDATE job SET body = x'ff'")
    for question in (ledger.record("a"), ledger.unsettled()):
        with pytest.raises(LedgerError, match="job a in .* cannot be understood"):
            await question
    await ledger.aclose()


# --- versions ---------------------------------------------------------------------------
def _second(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE handle ADD COLUMN note TEXT NOT NULL DEFAULT 'migrated'")


def _broken(connection: sqlite3.Connection) -> None:
    _second(connection)
    connection.execute("SELECT nonsense FROM nowhere")


@MODES
async def test_an_older_file_is_migrated_and_a_backup_stays_beside_it(
    path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = InlineLedger(path, journal_mode=mode)
    await commit(old, "a", size=BIG)
    await old.aclose()
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, _second])
    new = InlineLedger(path, journal_mode=mode)
    assert await whole(new, "a", size=BIG)
    assert (await new.health()).schema_version == 2
    assert new._store.open().execute("SELECT note FROM handle").fetchall() == [("migrated",)]
    await commit(new, "b")
    await new.aclose()
    backup = path.with_name(f"{path.name}.v1.backup")
    assert mode_of(backup) == 0o600
    monkeypatch.undo()
    older = InlineLedger(backup, journal_mode=mode)
    assert [record.id for record in await older.unsettled()] == ["a"]
    await older.aclose()
    assert [one.name for one in path.parent.glob("*.backup")] == [backup.name]


async def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = InlineLedger(path)
    await commit(ledger, "a")
    await ledger.aclose()
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, _broken])
    for _ in range(2):
        with pytest.raises(LedgerError, match="no such table"):
            await InlineLedger(path).unsettled()
    monkeypatch.undo()
    ledger = InlineLedger(path)
    assert (await ledger.health()).schema_version == 1
    assert await whole(ledger, "a")
    await ledger.aclose()
    assert len(list(path.parent.glob("*.backup"))) == 2  # none was written over


async def test_a_newer_file_is_read_and_never_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, _second])
        ledger = InlineLedger(path)
        await commit(ledger, "a")
        record = await commit(ledger, "strange")
        await ledger.commit([Change(record=after(record), event=started())])
        connection = ledger._store.open()
        connection.execute("UPDATE job SET body = x'ff' WHERE id = 'strange'")
        connection.execute("UPDATE event SET body = x'81a474797065a16e' WHERE type <> ''")  # {"type": "n"}
        await ledger.aclose()
    before = path.read_bytes()
    ledger = InlineLedger(path)
    assert [record.id for record in await ledger.unsettled()] == ["a"]  # as far as it is understood
    assert await whole(ledger, "a")
    assert list(await ledger.events()) == []
    assert [record.id for record in await ledger.orphans()] == ["a"]
    with pytest.raises(LedgerWriteError, match="is of version 2, and this library writes version 1"):
        await commit(ledger, "b")
    with pytest.raises(LedgerWriteError, match="version 2"):
        await ledger.remove(["h-a"])
    health = await ledger.health()
    assert (health.read_only, health.schema_version) == (True, 2)
    await ledger.aclose()
    assert path.read_bytes() == before
    assert "version 2" in caplog.text
    assert "job strange" in caplog.text


# --- commits that cannot be written -------------------------------------------------------
async def test_what_has_no_form_fails_its_own_commit_only(path: Path) -> None:
    ledger = InlineLedger(path)
    odd = Handle(id="odd", address="fake/sim", links=(), created_at=1.0, options={"x": object()})
    with pytest.raises(LedgerWriteError):
        await ledger.commit([Change(record=job("a"))], handles=[odd])
    assert await ledger.records(["a"]) == []
    store = ledger._store
    good = [Commit(*intent(name)) for name in ("b", "c")]
    too_long = Commit([Change(record=replace(job("d"), version=1 << 63))], (), {})  # fits msgpack, not SQLite
    unnamed = Commit((), (), {"../../x": b"x" * BIG})
    outcomes = store.commit_group([good[0], too_long, unnamed, good[1]])
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "NoneType",
        "LedgerWriteError",
        "LedgerWriteError",
        "NoneType",
    ]
    assert await whole(ledger, "b")
    assert await whole(ledger, "c")
    assert await ledger.records(["d"]) == []
    await ledger.aclose()


async def test_a_conflict_in_a_group_is_its_own(path: Path) -> None:
    ledger = InlineLedger(path)
    held = await commit(ledger, "held")
    first = Commit([Change(record=after(held), event=started())], (), {})
    rival = Commit([Change(record=job("x")), Change(record=after(held), event=started())], (), {digest(b"x"): b"x"})
    second = Commit([Change(record=after(after(held)), event=started())], (), {})
    key = [
        Commit([Change(record=job(f"k{n}"))], [Handle(id=f"k{n}", address="", links=(), created_at=1.0, key="k")], {})
        for n in range(2)
    ]
    outcomes = ledger._store.commit_group([first, rival, second, *key])
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "NoneType",
        "LedgerConflict",
        "NoneType",
        "NoneType",
        "KeyConflict",
    ]
    assert (await ledger.record("held")).version == 2
    assert [record.id for record in await ledger.records(["x", "k0", "k1"])] == ["k0"]
    with pytest.raises(LedgerError):
        await ledger.blob(digest(b"x"))
    assert len(await ledger.events()) == 2
    await ledger.aclose()


async def test_a_lock_that_is_not_given_up_is_an_error_after_the_timeout(path: Path) -> None:
    ledger = InlineLedger(path, timeout=0.05)
    await commit(ledger, "a")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerWriteError, match="locked"):
        await commit(ledger, "b")
    other.execute("ROLLBACK")
    assert not await whole(ledger, "b")
    await commit(ledger, "b")
    other.execute("BEGIN")
    other.execute("SELECT * FROM job").fetchone()  # a reader: the COMMIT itself has to wait
    with pytest.raises(LedgerWriteError, match="locked"):
        await commit(ledger, "c")
    other.close()
    assert not await whole(ledger, "c")
    await commit(ledger, "c")
    await ledger.aclose()


# --- bodies -----------------------------------------------------------------------------
async def test_big_bodies_are_files_and_small_ones_are_not(path: Path) -> None:
    ledger = InlineLedger(path)
    small, big = b"s" * bodies.BIG, b"b" * BIG
    await ledger.commit([], blobs={digest(small): small, digest(big): big})
    found = [one.name for one in path.parent.rglob("*.bodies/*/*")]
    assert found == [digest(big)]
    assert ledger._store.bodies.size() == BIG
    assert (await ledger.health()).bodies_size == BIG
    assert await ledger.blob(digest(small)) == small
    assert await ledger.blob(digest(big)) == big
    await ledger.aclose()


@pytest.mark.parametrize("damage", ["flip", "cut", "unlink"])
async def test_a_damaged_body_is_an_error_that_names_it(path: Path, damage: str) -> None:
    ledger = InlineLedger(path)
    body = b"b" * BIG
    await ledger.commit([], blobs={digest(body): body})
    file = ledger._store.bodies.path(digest(body))
    if damage == "flip":
        file.write_bytes(b"a" + body[1:])
    elif damage == "cut":
        file.write_bytes(body[1:])
    else:
        file.unlink()
    with pytest.raises(LedgerError, match=digest(body)):
        await ledger.blob(digest(body))
    if damage != "flip":  # given again, it is whole again
        await ledger.commit([], blobs={digest(body): body})
        assert await ledger.blob(digest(body)) == body
    await ledger.aclose()


async def test_a_damaged_small_body_is_an_error_that_names_it(path: Path) -> None:
    ledger = InlineLedger(path)
    await ledger.commit([], blobs={digest(b"small"): b"small"})
    ledger._store.open().execute("UPDATE payload SET body = x'736d616c6d'")
    with pytest.raises(LedgerError, match=digest(b"small")):
        await ledger.blob(digest(b"small"))
    await ledger.aclose()


async def test_removing_unlinks_body_files_and_old_leftovers_only(path: Path) -> None:
    ledger = InlineLedger(path)
    record = await commit(ledger, "a", size=BIG)
    kept = b"k" * BIG
    await ledger.commit(
        [Change(record=after(record, state=JobState.CANCELLED), event=started())], blobs={digest(kept): kept}
    )
    store = ledger._store
    old, young = (store.bodies.path(digest(name)) for name in (b"old", b"young"))
    part = old.with_name(f"{old.name}.00.part")
    for one in (old, young, part):
        one.parent.mkdir(exist_ok=True)
        one.write_bytes(b"left")
    for one in (old, part, store.bodies.path(digest(kept))):
        os.utime(one, (1, 1))
    assert await ledger.remove(["h-a"]) == BIG
    there = {one.name for one in store.bodies.root.glob("*/*")}
    assert there == {young.name, digest(kept)}
    assert await ledger.blob(digest(kept)) == kept
    await ledger.aclose()


async def test_a_body_that_was_removed_while_it_was_about_to_be_used_is_written_again(path: Path) -> None:
    ledger, other = InlineLedger(path), InlineLedger(path)
    record = await commit(ledger, "a", size=BIG)
    await ledger.commit([Change(record=after(record, state=JobState.CANCELLED), event=started())])
    ((name, body),) = intent("a", size=BIG)[2].items()
    real = other._store.bodies.write
    calls = []

    def write(given: dict[str, bytes]) -> None:
        real(given)
        if not calls:  # between the other's file and its transaction
            calls.append(ledger._store)
            removal.remove(ledger._store, ["h-a"])

    other._store.bodies.write = write  # type: ignore[method-assign]
    await other.commit([Change(record=replace(job("b"), payload=name))], blobs={name: body})
    assert calls
    assert await other.blob(name) == body
    await ledger.aclose()
    await other.aclose()


# --- backup and health --------------------------------------------------------------------
@MODES
async def test_a_backup_is_a_ledger_of_its_own(path: Path, tmp_path: Path, mode: str) -> None:
    ledger = InlineLedger(path, journal_mode=mode)
    await commit(ledger, "a", size=BIG)
    to = tmp_path / "elsewhere" / "copy"
    await ledger.backup(to)
    with pytest.raises(LedgerError, match="is there already"):
        await ledger.backup(to)
    await commit(ledger, "b")
    await ledger.aclose()
    copied = InlineLedger(to, journal_mode=mode)
    assert await whole(copied, "a", size=BIG)
    assert not await whole(copied, "b")
    assert [record.id for record in await copied.orphans()] == ["a"]
    await copied.aclose()
    assert mode_of(to) == 0o600


async def test_health_tells_what_a_doctor_wants_to_know(path: Path) -> None:
    ledger, dead = InlineLedger(path, journal_mode="delete"), InlineLedger(path, journal_mode="delete")
    await commit(ledger, "a")
    await commit(dead, "b")
    await dead.aclose()
    health = await ledger.health()
    assert health.path == str(path)
    assert health.sqlite_version == sqlite3.sqlite_version
    assert (health.journal_mode, health.schema_version, health.read_only) == ("delete", 1, False)
    assert (health.file_mode, health.directory_mode) == ("0600", "0700")
    assert (health.integrity, health.owners_alive, health.owners_dead) == ("ok", 1, 1)
    assert health.file_size == path.stat().st_size
    assert health.network_file_system == ""
    await ledger.aclose()


async def test_health_finds_damage(path: Path) -> None:
    ledger = InlineLedger(path, journal_mode="delete")
    for n in range(200):
        await commit(ledger, f"j{n}", size=1000)
    await ledger.aclose()
    content = bytearray(path.read_bytes())
    content[-3 * 4096 :] = b"\xff" * (3 * 4096)
    path.write_bytes(content)
    assert (await InlineLedger(path, journal_mode="delete").health()).integrity != "ok"


def test_network_file_systems_are_told_by_their_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path}/net nfs4 rw 0 0\n/dev/b {tmp_path}/net/local xfs rw 0 0\n"
        f"//host/share {tmp_path}/with\\040space cifs rw 0 0\nbroken\n"
    )
    kinds = {"net": "nfs4", "net/deep/er": "nfs4", "network": "", "net/local/x": "", "with space/x": "cifs", ".": ""}
    for name, kind in kinds.items():
        assert files.network_file_system(tmp_path / name, mounts) == kind, name
    assert files.network_file_system(tmp_path, tmp_path / "missing") == ""


@pytest.mark.real_time
async def test_nothing_is_made_before_the_first_use(path: Path) -> None:
    ledger = SqliteLedger(path)
    await ledger.aclose()
    assert not path.parent.exists()
    with pytest.raises(LedgerError, match="closed"):
        await ledger.unsettled()
    with pytest.raises(LedgerWriteError, match="closed"):
        await ledger.commit([Change(record=job("a"))])
