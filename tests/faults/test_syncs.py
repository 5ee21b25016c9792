"""A body that does not fit into its row is durable before the row is: its file, then its name, then the commit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from quantumjobs.ledgers.sqlite import InlineLedger

BIG = b"x" * 1_000_000


async def test_a_body_is_synced_before_it_is_named_and_its_name_before_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = InlineLedger(tmp_path / "ledger", journal_mode="delete")
    await ledger.commit((), blobs={"00" * 16: b"small"})  # so that the file is there
    done: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def name(descriptor: int) -> str:
        return Path(os.readlink(f"/proc/self/fd/{descriptor}")).name

    def synced(descriptor: int) -> None:
        done.append(("sync", name(descriptor).partition(".")[0]))
        fsync(descriptor)

    def replaced(self: Path, target: Any) -> Path:
        done.append(("name", Path(target).name))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    digest = "ab" * 16
    await ledger.commit((), blobs={digest: BIG})
    assert [step for step in done if step[1] in (digest, "ab")][-3:] == [
        ("sync", digest),
        ("name", digest),
        ("sync", "ab"),
    ]
    await ledger.aclose()
