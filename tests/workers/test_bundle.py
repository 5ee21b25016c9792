"""Packing what a program left."""

import os
import tarfile

import pytest

from quantumjobs.workers import archives
from quantumjobs.workers.bundle import pack


def tree(folder):
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "results.json").write_text("{}")
    (folder / "deep" / "er" / "ünicode").write_bytes(b"\0" * 100_000)
    (folder / "left.txt").write_text("out")
    return folder


def test_what_is_packed_unpacks_to_the_same_but_for_what_is_left_out(tmp_path):
    folder = tree(tmp_path / "job")
    pack(folder, tmp_path / "model.tar.gz", without=("left.txt",))
    archives.unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*"))
    assert found == ["deep", "deep/er", "deep/er/ünicode", "empty", "results.json"]
    assert (tmp_path / "out/deep/er/ünicode").read_bytes() == b"\0" * 100_000


def test_the_same_files_give_the_same_bytes(tmp_path):
    for name in "ab":
        pack(tree(tmp_path / name), tmp_path / f"{name}.tar.gz")
        os.utime(tmp_path / name / "results.json", (name == "a", 1))
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_links_and_the_like_are_left_out(tmp_path):
    folder = tree(tmp_path / "job")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    pack(folder, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert not {"link", "loop", "pipe"} & set(tar.getnames())


def test_where_it_fails_nothing_is_left(tmp_path):
    with pytest.raises(FileNotFoundError):
        pack(tmp_path / "nowhere", tmp_path / "model.tar.gz")
    assert list(tmp_path.iterdir()) == []
