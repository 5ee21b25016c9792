"""Archives that a server gave: good ones are unpacked as they were packed, all others leave nothing anywhere."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from quantumjobs.errors import ProviderProtocolError, UsageError
from quantumjobs.workers import archives
from quantumjobs.workers.archives import DEFAULT, Limits, read_member, unpack
from tests.workers import hostile
from tests.workers.hostile import BOMBS, END, GNU, GOOD, HOSTILE, OLDEST, file, folder, header, long_name, packed, pax

ROOT = Path(__file__).parents[2]
Tree = dict[str, bytes | None]


class Yard:
    """A folder to unpack in, with things beside it that nobody may touch."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.to = self.home / "to"
        self.archive = root / "archive"
        for each in (self.home / "canary", self.home / "beside" / "canary", root / "canary"):
            each.parent.mkdir(parents=True, exist_ok=True)
            each.write_bytes(b"alive")
        self.root = root

    def put(self, data: bytes) -> Path:
        self.archive.write_bytes(data)
        return self.archive

    def unpack(self, data: bytes, limits: Limits = DEFAULT) -> list[str]:
        """Unpack, and hold that nothing else has changed, and that after an error nothing is new at all."""
        self.put(data)
        before = self.seen()
        try:
            names = unpack(self.archive, self.to, limits=limits)
        except BaseException:
            assert self.seen() == before
            raise
        after = self.seen()
        assert {each: after[each] for each in after if not each.startswith("home/to")} == before
        return names

    def seen(self) -> dict[str, tuple[int, bytes]]:
        found = {}
        for path in sorted(self.root.rglob("*")):
            mode = path.lstat().st_mode
            found[str(path.relative_to(self.root))] = (mode, path.read_bytes() if stat.S_ISREG(mode) else b"")
        return found


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def tree(root: Path) -> Tree:
    """Everything below: a file's content, or None for a folder."""
    assert not any(path.is_symlink() for path in root.rglob("*"))
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


# --- good ones --------------------------------------------------------------------------
LONG = b"/".join([b"a" * 90] * 9)

ODD_BUT_GOOD: dict[str, tuple[bytes, Tree]] = {
    "two files": (GOOD, {"a": b"evil", "b": bytes(range(256)) * 8}),
    "nothing in it": (packed(), {}),
    "only itself": (packed(folder(b"./")), {}),
    "a prefix of its own": (
        packed(folder(b"./"), folder(b"./a/"), file(b"./a/b"), file(b"./results.json", b"{}")),
        {"a": None, "a/b": b"evil", "results.json": b"{}"},
    ),
    "empty folders": (packed(folder(b"a"), folder(b"a/b/"), folder(b"c/d")), dict.fromkeys(("a", "a/b", "c", "c/d"))),
    "a folder told of after what is in it": (packed(file(b"a/b"), folder(b"a/")), {"a": None, "a/b": b"evil"}),
    "a folder told of twice": (packed(folder(b"a"), folder(b"a/")), {"a": None}),
    "names in other alphabets": (
        packed(file("ä/日本/🎲 x".encode()), file(b" .-~"), file(b"...")),
        {"ä": None, "ä/日本": None, "ä/日本/🎲 x": b"evil", " .-~": b"evil", "...": b"evil"},
    ),
    "a long name in GNU's dialect": (packed(long_name(LONG), file(LONG[:100], magic=GNU)), {LONG.decode(): b"evil"}),
    "a long name in pax": (packed(pax(path=LONG, mtime=b"1.5"), file(LONG[:100])), {LONG.decode(): b"evil"}),
    "a long name in two fields": (packed(file(b"a" * 100, prefix=b"b" * 155)), {f"{'b' * 155}/{'a' * 100}": b"evil"}),
    "times where GNU has no prefix": (packed(file(b"a", magic=GNU, prefix=b"01234567012")), {"a": b"evil"}),
    "a part of 255 bytes": (packed(long_name(b"a" * 255), file(b"a")), {"a" * 255: b"evil"}),
    "the oldest dialect": (packed(header(b"a/", 0, b"\0", magic=OLDEST), file(b"a/b", kind=b"\0", magic=OLDEST)),
                           {"a": None, "a/b": b"evil"}),
    "a contiguous file": (packed(file(b"a", kind=b"7")), {"a": b"evil"}),
    "a size in base 256": (packed(header(b"a", b"\x80" + (4).to_bytes(11)) + b"evil" + bytes(508)), {"a": b"evil"}),
    "a size in pax": (packed(pax(size=b"4"), header(b"a", 0) + b"evil" + bytes(508)), {"a": b"evil"}),
    "a comment for all members": (packed(pax(b"g", comment=b"0" * 40), file(b"a")), {"a": b"evil"}),
    "records that nobody here needs": (packed(pax(**{"SCHILY.xattr.user.x": b"\xff\n="}), file(b"a")), {"a": b"evil"}),
    "files of every length around a block": (
        packed(*(file(b"%d" % size, b"x" * size) for size in (0, 1, 511, 512, 513))),
        {str(size): b"x" * size for size in (0, 1, 511, 512, 513)},
    ),
    "an end of one block": (gzip.compress(file(b"a") + bytes(512)), {"a": b"evil"}),
    "an end of a whole record": (gzip.compress(file(b"a") + bytes(10_240)), {"a": b"evil"}),
    "two gzip parts": (gzip.compress(file(b"a")[:700]) + gzip.compress(file(b"a")[700:] + END), {"a": b"evil"}),
    "zeros behind the file": (GOOD + bytes(100_000), {"a": b"evil", "b": bytes(range(256)) * 8}),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_an_odd_but_good_archive_is_unpacked(yard: Yard, name: str):
    data, expected = ODD_BUT_GOOD[name]
    names = yard.unpack(data)
    made = tree(yard.to)
    files = {each: content for each, content in expected.items() if content is not None}
    assert {each: content for each, content in made.items() if content is not None} == files
    assert set(made) == set(expected) | {str(above) for each in files for above in Path(each).parents} - {"."}
    assert sorted(names) == sorted(files)


def test_a_large_file_is_unpacked(yard: Yard):
    content = os.urandom(1 << 20) * 40
    yard.unpack(hostile.streamed((header(b"a", len(content)), content, END)))
    assert (yard.to / "a").read_bytes() == content


def test_files_are_their_owners_alone(yard: Yard):
    yard.unpack(packed(file(b"a", mode=0o6777), file(b"b/c", mode=0o000), header(b"d", 0, b"5", mode=0o7777)))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (yard.to, *yard.to.rglob("*"))}
    assert modes == {"to": 0o700, "a": 0o700, "b": 0o700, "c": 0o600, "d": 0o700}


# --- hostile ones -----------------------------------------------------------------------
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(yard: Yard, name: str):
    with pytest.raises(ProviderProtocolError, match="^the archive is refused: ") as caught:
        yard.unpack(HOSTILE[name])
    assert str(caught.value).isprintable()
    with pytest.raises(ProviderProtocolError):
        _written(yard, HOSTILE[name])


def _written(yard: Yard, data: bytes) -> None:
    """The second reading refuses by itself, too: the file may have become another one since the first."""
    inner = yard.home / "inner"
    inner.mkdir()
    before = {each for each in yard.seen() if not each.startswith("home/inner")}
    with yard.put(data).open("rb") as opened:
        try:
            archives._write(opened, inner, DEFAULT)
        finally:
            assert {each for each in yard.seen() if not each.startswith("home/inner")} == before


def test_a_refusal_names_the_member_so_that_it_can_be_shown(yard: Yard):
    with pytest.raises(ProviderProtocolError, match=r"member '\.\./\\x1b\[31m a' ") as caught:
        yard.unpack(packed(pax(path=b"../\x1b[31m\na"), file(b"a")))
    assert len(str(caught.value)) < 200
    with pytest.raises(ProviderProtocolError) as caught:
        yard.unpack(packed(long_name(b"../" + b"a" * 60_000), file(b"a")))
    assert len(str(caught.value)) < 400


def test_a_name_that_this_disk_takes_for_another_is_refused(yard: Yard):
    (yard.home / "a").write_bytes(b"as if the disk did not tell a from A")
    archive = yard.put(packed(file(b"a")))
    refused = pytest.raises(ProviderProtocolError, match="'a' cannot be made on this disk: File exists")
    with archive.open("rb") as opened, refused:
        archives._write(opened, yard.home, DEFAULT)
    assert (yard.home / "a").read_bytes() == b"as if the disk did not tell a from A"


def test_a_name_that_this_disk_cannot_have_is_refused(yard: Yard):
    name = b"/".join([b"a" * 200] * 25)
    with pytest.raises(ProviderProtocolError, match="cannot be made on this disk: File name too long"):
        yard.unpack(packed(file(b"b"), long_name(name), file(b"a")), Limits(name=6_000))


# --- limits -----------------------------------------------------------------------------
LIMITED = [
    (Limits(bytes=4_000), "unpacks to more than 4,000 bytes|has 4,000 bytes"),
    (Limits(floor=4_000, ratio=1), "unpacks to more than 4,000 bytes|has 4,000 bytes"),
    (Limits(members=4), "more than 4 members|at most 4 files and folders"),
    (Limits(name=5), "'b/c/ddd' has a name of more than 5 bytes"),
    (Limits(names=10), "at most 10 bytes"),
    (Limits(depth=2), "'b/c/ddd' is more than 2 folders deep"),
]


@pytest.mark.parametrize(("limits", "reason"), LIMITED)
def test_a_user_may_set_limits(yard: Yard, limits: Limits, reason: str):
    data = packed(file(b"a", bytes(4_000)), file(b"b/c/ddd"), file(b"e"))
    with pytest.raises(ProviderProtocolError, match=reason):
        yard.unpack(data, limits)
    assert len(yard.unpack(data)) == 3


def test_a_user_may_raise_limits(yard: Yard):
    data = hostile.streamed((header(b"a", 65 << 20), bytes(65 << 20), END))
    with pytest.raises(ProviderProtocolError, match="has 68,157,440 bytes, and that is too much"):
        yard.unpack(data)
    assert yard.unpack(data, Limits(floor=66 << 20)) == ["a"]


def test_what_an_archive_may_become_grows_with_it():
    assert DEFAULT.allowed(0) == DEFAULT.allowed(3 << 20) == 64 << 20
    assert DEFAULT.allowed(100 << 20) == 2_000 << 20
    assert DEFAULT.allowed(1 << 40) == 10 << 30


MEASURE = """
import json, sys, time
from pathlib import Path
from quantumjobs.errors import ProviderProtocolError
from quantumjobs.workers.archives import unpack

def peak():
    # Not getrusage: what that tells begins with the peak of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) >> 10

before, told = peak(), {}
for archive in sorted(Path(sys.argv[1]).iterdir()):
    start, reason = time.process_time(), "unpacked"
    try:
        unpack(archive, archive.with_name("to"))
    except ProviderProtocolError as error:
        reason = str(error)
    told[archive.name] = [reason, time.process_time() - start]
print(json.dumps([told, peak() - before]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a process's peak")
def test_bombs_end_within_two_seconds_and_64_mb(tmp_path: Path):
    for name, make in BOMBS.items():
        (tmp_path / name).write_bytes(make())
    # A process of its own: what it holds at most is what all the bombs together made it hold.
    asked = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    told, peak = json.loads(asked.stdout)
    assert told.keys() == BOMBS.keys()
    for name, (reason, seconds) in told.items():
        assert "the archive is refused" in reason, name
        assert seconds < 2, name
    assert peak < 64
    assert {path.name for path in tmp_path.iterdir()} == BOMBS.keys()


# --- where to ---------------------------------------------------------------------------
def test_a_folder_that_exists_is_not_touched(yard: Yard):
    yard.to.mkdir()
    with pytest.raises(UsageError, match="to exists already"):
        yard.unpack(GOOD)
    (yard.to / "mine").touch()
    with pytest.raises(UsageError, match="to exists already"):
        yard.unpack(GOOD)


def test_neither_is_a_file_nor_a_link_that_leads_nowhere(yard: Yard):
    yard.to.touch()
    with pytest.raises(UsageError, match="to exists already"):
        yard.unpack(GOOD)
    yard.to.unlink()
    yard.to.symlink_to(yard.home / "nowhere")
    with pytest.raises(UsageError, match="to exists already"):
        yard.unpack(GOOD)


def test_a_folder_needs_one_to_be_in(yard: Yard):
    yard.put(GOOD)
    for to in (yard.home / "nowhere" / "to", yard.home / "canary" / "to", Path(), Path("..")):
        with pytest.raises(UsageError, match="exists already|its parent is no folder"):
            unpack(yard.archive, to)


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_somebody_made_meanwhile_is_not_replaced(yard: Yard, kind: str, monkeypatch: pytest.MonkeyPatch):
    write = archives._write
    yard.put(GOOD)

    def meanwhile(*args):
        if kind == "folder":
            yard.to.mkdir()
        elif kind == "file":
            yard.to.write_bytes(b"theirs")
        else:
            yard.to.symlink_to(yard.home / "beside")
        return write(*args)

    monkeypatch.setattr(archives, "_write", meanwhile)
    with pytest.raises(UsageError, match="somebody made it meanwhile"):
        unpack(yard.archive, yard.to)
    assert {path.name for path in yard.home.iterdir()} == {"canary", "beside", "to"}
    assert kind != "folder" or not list(yard.to.iterdir())
    assert kind != "file" or yard.to.read_bytes() == b"theirs"
    assert kind != "link" or yard.to.is_symlink()


def test_an_archive_that_is_not_there_is_this_machines_trouble(yard: Yard):
    with pytest.raises(FileNotFoundError):
        unpack(yard.archive, yard.to)
    assert not yard.to.exists()


def test_a_full_disk_is_this_machines_trouble_and_leaves_nothing(yard: Yard):
    yard.put(packed(file(b"a"), file(b"b", os.urandom(1 << 20))))
    # A limit on files' sizes stands for the full disk: the kernel refuses to write on.
    program = (
        "import resource, signal, sys; from pathlib import Path; from quantumjobs.workers.archives import unpack\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try: unpack(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except OSError as error: print(error.strerror)"
    )
    command = [sys.executable, "-c", program, str(yard.archive), str(yard.to)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout == "File too large\n"
    assert {path.name for path in yard.home.iterdir()} == {"canary", "beside"}


# --- one member -------------------------------------------------------------------------
RESULTS = b'{"a": 1}'


@pytest.mark.parametrize("name", [b"results.json", b"./results.json", b".//results.json"])
def test_a_member_is_read_without_unpacking(yard: Yard, name: bytes):
    archive = yard.put(packed(file(b"model/a"), file(name, RESULTS), file(b"z", bytes(100_000))))
    before = yard.seen()
    assert read_member(archive, "results.json") == RESULTS
    assert yard.seen() == before


def test_a_member_that_is_not_there_is_none(yard: Yard):
    assert read_member(yard.put(packed(file(b"a/results.json", RESULTS))), "results.json") is None
    assert read_member(yard.put(packed()), "results.json") is None


def test_links_of_other_names_do_not_keep_a_member_from_being_read(yard: Yard):
    archive = yard.put(packed(hostile.link(b"latest", b"../../a"), header(b"p", kind=b"6"), file(b"r", RESULTS)))
    assert read_member(archive, "r") == RESULTS


UNREADABLE = {
    "a link": packed(hostile.link(b"results.json", b"/etc/passwd")),
    "a hard link": packed(file(b"a"), hostile.link(b"./results.json", b"a", b"1")),
    "a pipe": packed(header(b"results.json", kind=b"6")),
    "a folder": packed(folder(b"results.json")),
    "two of them": packed(file(b"results.json"), file(b"./results.json")),
    "one below a link's place": packed(hostile.link(b"a", b".."), file(b"results.json"), file(b"a/b")),
    "a name that leads out": packed(file(b"results.json"), file(b"../a")),
    "an end that is cut off": packed(file(b"results.json"), file(b"a", os.urandom(1000)))[:-20],
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_member_of_a_hostile_archive_is_not_read(yard: Yard, name: str):
    with pytest.raises(ProviderProtocolError):
        read_member(yard.put(UNREADABLE[name]), "results.json")


def test_a_member_has_a_limit_of_its_own(yard: Yard):
    archive = yard.put(packed(file(b"a", bytes(1001)), file(b"b", bytes(1000))))
    assert read_member(archive, "b", most=1000) == bytes(1000)
    with pytest.raises(ProviderProtocolError, match="'a' has 1,001 bytes, and at most 1,000 are read"):
        read_member(archive, "a", most=1000)


# --- made up ----------------------------------------------------------------------------
GOOD_PARTS = ["a", "b", "A", "é", "c" * 120, "d", "e", "f"]
ODD_PARTS = ["..", ".", "", "x\\y", "d\n", "\udcff"]
# One odd thing in a few entries: most archives have one at most, and many have none.
PARTS = st.sampled_from(GOOD_PARTS * 12 + ODD_PARTS)
NAMES = st.builds("/".join, st.lists(PARTS, min_size=1, max_size=4))
ODD_KINDS = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
KINDS = st.sampled_from([tarfile.REGTYPE] * 20 + [tarfile.DIRTYPE] * 10 + ODD_KINDS)
CONTENTS = st.sampled_from([b"", b"evil", bytes(512), b"y" * 1500])
ENTRIES = st.lists(st.tuples(NAMES, KINDS, CONTENTS, NAMES), max_size=5)
FORMATS = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
# Where to hurt it (parts of its length): before it is packed, packed, or cut off.
HURTS = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(["tar", "gzip", "cut"]), st.floats(0, 1, exclude_max=True), st.integers(1, 255)),
)


def built(entries: list[tuple[str, bytes, bytes, str]], form: int) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as tar:
        for name, kind, content, target in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            with contextlib.suppress(ValueError):  # the oldest of the formats has no room for long names
                tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def hurt(tar: bytes, how: tuple[str, float, int] | None) -> bytes:
    what, part, mask = how or ("", 0.0, 0)
    if what == "tar":
        at = int(part * len(tar))
        tar = tar[:at] + bytes([tar[at] ^ mask]) + tar[at + 1 :]
    data = gzip.compress(tar, mtime=0)
    at = int(part * len(data))
    if what == "gzip":
        data = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
    return data[:at] if what == "cut" else data


def by_tarfile(data: bytes) -> Tree:
    with tempfile.TemporaryDirectory() as root, tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        tar.extractall(root, filter="data")
        return tree(Path(root))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ENTRIES, FORMATS, HURTS)
@example([("a", tarfile.REGTYPE, b"evil", ""), ("a/b", tarfile.REGTYPE, b"", "")], tarfile.PAX_FORMAT, None)
@example([("a", tarfile.SYMTYPE, b"", ".."), ("a/b", tarfile.REGTYPE, b"", "")], tarfile.GNU_FORMAT, None)
def test_any_archive_is_unpacked_as_it_was_packed_or_leaves_nothing(entries, form, how):
    tar = built(entries, form)
    data = hurt(tar, how)
    with tempfile.TemporaryDirectory() as root:
        yard = Yard(Path(root))
        try:
            names = yard.unpack(data)
        except ProviderProtocolError:
            return
        made = tree(yard.to)
    assert sorted(names) == sorted(name for name, content in made.items() if content is not None)
    assert made == by_tarfile(data)
    if how is None or how[0] != "tar":
        assert made == by_tarfile(gzip.compress(tar)), "what gzip's check sum let pass is what was packed"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000), st.booleans())
def test_bytes_that_are_no_archive_are_refused(data, zipped):
    with tempfile.TemporaryDirectory() as root, pytest.raises(ProviderProtocolError):
        Yard(Path(root)).unpack(gzip.compress(b"\1" + data) if zipped else data)
