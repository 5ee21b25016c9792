"""What programs write: nothing is lost, doubled or out of order, whatever it is, and memory stays flat."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.workers.logbook import LONGEST, Logbook
from tests.workers.runs import cleared, ended, family, messages, placed, supervisor, wrote


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path):
    yield
    cleared(tmp_path)


def kept(tmp_path, *chunks):
    """What a logbook makes of it: the text, and the lines with their times."""
    text, lines = tmp_path / "log.txt", tmp_path / "log.jsonl"
    for file in (text, lines):
        file.unlink(missing_ok=True)
    with Logbook(text, lines) as log:
        for at, chunk in enumerate(chunks):
            log.add(chunk, float(at))
        log.finish()
    return text.read_bytes(), [json.loads(line) for line in lines.read_bytes().splitlines()]


def test_a_line_is_kept_when_it_is_whole(tmp_path):
    with Logbook(tmp_path / "log.txt", tmp_path / "log.jsonl") as log:
        log.add(b"one\ntw", 1.0)
        assert (tmp_path / "log.jsonl").read_bytes() == b'[1.0,"one"]\n'
        log.add(b"o\r\n\nthree", 2.0)
        log.finish()
        assert log.last == "three"
    assert (tmp_path / "log.jsonl").read_bytes() == b'[1.0,"one"]\n[2.0,"two"]\n[2.0,""]\n[2.0,"three"]\n'
    assert (tmp_path / "log.txt").read_bytes() == b"one\ntwo\r\n\nthree"


@given(
    chunks=st.lists(st.binary(max_size=20) | st.sampled_from([b"\n", b"\r\n", b"\xe2\x82", b"\xac"])),
)
def test_cut_anywhere_it_is_the_same_text(chunks, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    whole = b"".join(chunks)
    text, lines = kept(folder, *chunks)
    pieces = whole.split(b"\n")
    said = [piece.decode(errors="replace").removesuffix("\r") for piece in pieces[:-1]]
    said += [pieces[-1].decode(errors="replace")] if pieces[-1] else []
    assert [message for _, message in lines] == said
    assert text == b"\n".join(piece.decode(errors="replace").encode() for piece in pieces)


@pytest.mark.parametrize("size", [LONGEST - 1, LONGEST, LONGEST + 1, 3 * LONGEST + 1])
def test_a_long_line_is_kept_in_pieces_and_no_character_is_cut(tmp_path, size):
    line = ("x" + "€" * LONGEST)[: size // 3].encode()
    text, lines = kept(tmp_path, *(line[at : at + 65536] for at in range(0, len(line), 65536)), b"\nnext\n")
    *pieces, last = [message for _, message in lines]
    assert last == "next"
    assert "".join(pieces).encode() == line
    assert max(len(piece.encode()) for piece in pieces) <= LONGEST
    assert text == line + b"\nnext\n"


def test_a_clock_that_is_set_back_does_not_show(tmp_path):
    with Logbook(tmp_path / "log.txt", tmp_path / "log.jsonl") as log:
        for at, line in ((5.0, b"one\n"), (3.0, b"two\n"), (6.0, b"three\n")):
            log.add(line, at)
    assert (tmp_path / "log.jsonl").read_bytes() == b'[5.0,"one"]\n[5.0,"two"]\n[6.0,"three"]\n'


def test_a_full_disk_is_told_and_holds_nobody_up(tmp_path):
    with Logbook(Path("/dev/full"), tmp_path / "log.jsonl") as log:
        log.add(b"one\n", 1.0)
        log.add(b"two\n", 2.0)
    assert log.trouble == "its log ends early: No space left on device"


# --- of a program -------------------------------------------------------------------------
def test_bytes_that_are_no_text_and_a_last_line_without_end(tmp_path):
    folder = tmp_path / "job"
    run = placed(folder, r"import sys; sys.stdout.buffer.write(bytes(range(256)) + b'\nend')")
    run.start()
    assert ended(run).state == "completed"
    data = bytes(range(256)) + b"\nend"
    assert messages(run) == data.decode(errors="replace").split("\n")
    assert (folder / "log.txt").read_bytes().decode() == data.decode(errors="replace")


def test_half_a_line_is_not_told_before_its_program_has_ended(tmp_path):
    text = "import time; print('whole'); print('half', end=''); open('now', 'w'); time.sleep(600)"
    run = placed(tmp_path / "job", text)
    run.start()
    while not (tmp_path / "job/.quantumjobs/code/now").exists():
        time.sleep(0.01)
    assert wrote(run, "whole") == ["whole"]
    _, after, _ = run.lines()
    run.cancel()
    ended(run)
    lines, _, more = run.lines(after)
    assert [message for _, message in lines] == ["half"]
    assert more is False


def test_a_hundred_thousand_lines(tmp_path):
    run = placed(
        tmp_path / "job", "import time\nfor i in range(100000): print('line', i)\nprint('all')\ntime.sleep(600)"
    )
    run.start()
    after, found, pages = 0, [], []
    while not found or found[-1] != "all":
        lines, after, more = run.lines(after)
        pages.append(len(lines))
        found += [message for _, message in lines]
        if not more:
            time.sleep(0.01)
    assert found == [f"line {i}" for i in range(100000)] + ["all"]
    assert max(pages) < 15_000
    most = {pid: peak(pid) for pid in family(run.folder)}
    assert most[supervisor(run)] < 40_000
    run.cancel()
    ended(run)


def peak(pid):
    """The most memory that it ever had, in kB."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1])
