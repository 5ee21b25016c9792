"""Archives that nobody should unpack, by name, and the blocks that they and stranger good ones are made of."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator

BLOCK = 512
END = bytes(2 * BLOCK)
POSIX, GNU, OLDEST = b"ustar\x0000", b"ustar  \x00", bytes(8)


def header(
    name: bytes,
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    mode: int = 0o644,
    link: bytes = b"",
    prefix: bytes = b"",
    magic: bytes = POSIX,
) -> bytes:
    """A header with a right check sum, whatever else is wrong with it."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    numbers = b"%07o\0%07o\0%07o\0" % (mode, 0, 0)
    ids = bytes(64) + b"0000000\x000000000\x00"
    block = name.ljust(100, b"\0") + numbers + field + b"00000000000\0" + b" " * 8 + kind + link.ljust(100, b"\0")
    block = (block + magic + ids + prefix).ljust(BLOCK, b"\0")
    assert len(block) == BLOCK
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def file(name: bytes, content: bytes = b"evil", kind: bytes = b"0", **more: object) -> bytes:
    return header(name, len(content), kind, **more) + padded(content)  # type: ignore[arg-type] # header's own


def folder(name: bytes) -> bytes:
    return header(name, kind=b"5", mode=0o755)


def link(name: bytes, target: bytes, kind: bytes = b"2") -> bytes:
    return header(name, kind=kind, link=target)


def pax(kind: bytes = b"x", **records: bytes) -> bytes:
    return file(b"PaxHeader", b"".join(record(key.encode(), value) for key, value in records.items()), kind)


def record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while len(b"%d" % length + rest) != length:
        length += 1
    return b"%d" % length + rest


def long_name(name: bytes) -> bytes:
    return file(b"././@LongLink", name + b"\0", b"L", magic=GNU)


def packed(*members: bytes) -> bytes:
    return gzip.compress(b"".join(members) + END, mtime=0)


def _damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :]


GOOD = packed(file(b"a"), file(b"b", bytes(range(256)) * 8))

HOSTILE: dict[str, bytes] = {
    # names that lead elsewhere
    "an absolute name": packed(file(b"/canary")),
    "a name that leads out": packed(file(b"../canary")),
    "a name that leads out and back": packed(file(b"../to/a")),
    "a name that leads out from within": packed(file(b"a/../../canary")),
    "a name that ends above": packed(folder(b"a/..")),
    "only the folder above": packed(folder(b"..")),
    "a name that stays within by a detour": packed(file(b"a/../b")),
    "a prefix that leads out": packed(file(b"canary", prefix=b"..")),
    "an absolute prefix": packed(file(b"canary", prefix=b"/tmp")),
    "a long name that leads out": packed(long_name(b"../canary"), file(b"a")),
    "a pax name that leads out": packed(pax(path=b"../canary"), file(b"a")),
    "a pax name that is absolute": packed(pax(path=b"/canary"), file(b"a")),
    "a name for all members": packed(pax(b"g", path=b"canary"), file(b"a")),
    "a size for all members": packed(pax(b"g", size=b"0"), file(b"a")),
    "a name with backslashes": packed(file(b"..\\canary")),
    "a name with a drive": packed(file(b"C:canary")),
    # names that are none
    "a name with an escape sequence": packed(file(b"\x1b[2Ja")),
    "a name with a line end": packed(file(b"a\nb")),
    "a name with C1 controls": packed(file("a\x9bb".encode())),
    "a name with a zero byte": packed(file(b"a\0b")),
    "a pax name with a zero byte": packed(pax(path=b"a\0../canary"), file(b"a")),
    "a name that is no UTF-8": packed(file(b"\xff\xfe")),
    "a pax name that is no UTF-8": packed(pax(path=b"a\xff"), file(b"a")),
    "a file without a name": packed(file(b"")),
    "a file that is the folder itself": packed(file(b"./.")),
    "a file with a folder's name": packed(file(b"a/")),
    "a file with a folder's other name": packed(file(b"a/.")),
    "a name of 2,000 bytes": packed(long_name(b"/".join([b"a" * 99] * 20)), file(b"a")),
    "a part of 256 bytes": packed(long_name(b"a" * 256), file(b"a")),
    "folders 65 deep": packed(long_name(b"a/" * 64 + b"a"), file(b"a")),
    "an empty pax name": packed(pax(path=b""), file(b"a")),
    # what is no file
    "a link to another place": packed(link(b"a", b"/etc/passwd")),
    "a link within": packed(file(b"a"), link(b"b", b"a")),
    "a link to a folder and a file below it": packed(link(b"a", b".."), file(b"a/canary")),
    "a link with a long target": packed(file(b"././@LongLink", b"x" * 300, b"K", magic=GNU), link(b"a", b"x" * 100)),
    "a hard link to another place": packed(link(b"a", b"../canary", b"1")),
    "a hard link within": packed(file(b"a"), link(b"b", b"a", b"1")),
    "a character device": packed(header(b"a", kind=b"3")),
    "a block device": packed(header(b"a", kind=b"4")),
    "a pipe": packed(header(b"a", kind=b"6")),
    "a sparse file": packed(header(b"a", kind=b"S", magic=GNU)),
    "a sparse file by pax": packed(pax(**{"GNU.sparse.major": b"1", "GNU.sparse.name": b"../canary"}), file(b"a")),
    "a kind that nobody knows": packed(file(b"a", kind=b"Z")),
    "a folder with content": packed(header(b"a", 4, b"5") + padded(b"evil")),
    # one place for two
    "a file that is there twice": packed(file(b"a"), file(b"a", b"other")),
    "a file that is there twice by another spelling": packed(file(b"a/b"), file(b"./a//b")),
    "a member below a file": packed(file(b"a"), file(b"a/b")),
    "a file where a folder is": packed(file(b"a/b"), file(b"a")),
    "a folder where a file is": packed(file(b"a"), folder(b"a")),
    # headers that lie
    "a negative size": packed(header(b"a", b"\xff" * 12)),
    "a size of 2^80": packed(header(b"a", b"\x80\x00" + b"\xff" * 10)),
    "a size of 2^88 and 4": packed(header(b"a", b"\x81" + (4).to_bytes(11)) + padded(b"evil")),
    "a size beyond the end": packed(header(b"a", 1 << 20)),
    "a negative pax size": packed(pax(size=b"-1"), file(b"a")),
    "a pax size that is no number": packed(pax(size=b"0x4"), file(b"a")),
    "a pax size beyond everything": packed(pax(size=b"9" * 30), file(b"a")),
    "a size that is no number": packed(header(b"a", b"4 evil\0\0\0\0\0\0") + padded(b"evil")),
    "a size with an 8": packed(header(b"a", b"00000000008\0") + padded(b"evil")),
    "a header with a wrong check sum": gzip.compress(_damaged(file(b"a") + END, 110)),
    "two long names": packed(long_name(b"a"), long_name(b"b"), file(b"c")),
    "two extended headers": packed(pax(path=b"a"), pax(path=b"b"), file(b"c")),
    "two names by pax": packed(file(b"x", record(b"path", b"a") + record(b"path", b"b"), b"x"), file(b"c")),
    "two names in two dialects": packed(long_name(b"a"), pax(path=b"b"), file(b"c")),
    "an extended header without a member": packed(file(b"a"), pax(path=b"b")),
    "a record that is longer than its header": packed(file(b"x", b"99 path=a\n", b"x"), file(b"a")),
    "a record of no length": packed(file(b"x", b"0 path=a\n", b"x"), file(b"a")),
    "a record without a sign": packed(file(b"x", b"7 path\n", b"x"), file(b"a")),
    "a record without an end": packed(file(b"x", b"9 path=ab", b"x"), file(b"a")),
    # files that are not whole, or more than that
    "nothing": b"",
    "no gzip file": b"PK\x03\x04" + bytes(100),
    "a tar that nobody packed": file(b"a") + END,
    "a gzip file that is no tar": gzip.compress(b"hello" * 1000),
    "an end that is cut off": GOOD[:-9],
    "half of it": GOOD[: len(GOOD) // 2],
    "a wrong check sum": _damaged(GOOD, len(GOOD) - 6),
    "a wrong length": _damaged(GOOD, len(GOOD) - 2),
    "a tar without an end": gzip.compress(file(b"a")),
    "a tar that ends in a member": gzip.compress(file(b"a", b"evil" * 1000)[:1000]),
    "a tar that ends in a header": gzip.compress(file(b"a")[:100]),
    "something behind the file": GOOD + b"evil",
    "something behind zeros": GOOD + bytes(70_000) + b"evil",
    "something behind the end": gzip.compress(file(b"a") + END + file(b"../canary")),
    "one archive behind the other": GOOD + packed(file(b"../canary")),
}


# --- bombs ------------------------------------------------------------------------------
def streamed(blocks: Iterable[bytes]) -> bytes:
    """Packed piece by piece: what it unpacks to is never in memory."""
    packer = zlib.compressobj(level=1, wbits=31)
    return b"".join(map(packer.compress, blocks)) + packer.flush()


def _zeros(mebibytes: int) -> Iterator[bytes]:
    return (bytes(1 << 20) for _ in range(mebibytes))


def _with_content(head: bytes, mebibytes: int = 80) -> bytes:
    return streamed((head, *_zeros(mebibytes), END))


BOMBS: dict[str, Callable[[], bytes]] = {
    "one file of 80 MiB": lambda: _with_content(header(b"a", 80 << 20)),
    "one file of 7 TiB": lambda: packed(header(b"a", b"\x80" + (7 << 40).to_bytes(11)), bytes(1 << 20)),
    "one file of 7 TiB by pax": lambda: packed(pax(size=b"%d" % (7 << 40)), header(b"a", 1), bytes(1 << 20)),
    "80 files of 1 MiB": lambda: streamed(header(b"%d" % n, 1 << 20) + bytes(1 << 20) for n in range(80)),
    "zeros behind the end": lambda: _with_content(b""),
    "a pax header of 80 MiB": lambda: _with_content(header(b"x", 80 << 20, b"x")),
    "a pax header for all of 80 MiB": lambda: _with_content(header(b"x", 80 << 20, b"g")),
    "a long name of 80 MiB": lambda: _with_content(header(b"x", 80 << 20, b"L", magic=GNU)),
    "a long target of 80 MiB": lambda: _with_content(header(b"x", 80 << 20, b"K", magic=GNU)),
    "records without end": lambda: streamed([file(b"x", b"5 a=\n" * 13_000, b"x") + folder(b"a")] * 2_000),
    "comments without end": lambda: streamed([file(b"x", record(b"comment", b"x" * 60_000), b"g")] * 2_000),
    "headers for all without end": lambda: streamed([header(b"x", 0, b"g")] * 140_000),
    "targets without end": lambda: streamed([header(b"x", 0, b"K", magic=GNU)] * 140_000),
    "empty files without end": lambda: streamed(header(b"%d" % n) for n in range(101_000)),
    "one folder told of without end": lambda: streamed([folder(b"a")] * 140_000),
    "folders that no member tells of": lambda: streamed(
        file(b"%d/" % n + b"a/" * 40 + b"a", b"") for n in range(4_000)
    ),
    "long names without end": lambda: streamed(
        long_name(b"%d/" % n + b"abcdefgh/" * 62 + b"a" * 250) + header(b"a") for n in range(40_000)
    ),
    "long wide names without end": lambda: streamed(
        long_name(b"%d/" % n + "𝄞".encode() + b"a" * 240 + b"/" + b"b" * 240) + header(b"a") for n in range(40_000)
    ),
    "gzip parts without end": lambda: gzip.compress(b"", mtime=0) * 2_000_000,
    "a gzip bomb that is no tar": lambda: streamed(_zeros(80)),
    "a gzip bomb of text": lambda: streamed([b"A" * (1 << 20)] * 80),
}
