"""Merging streams: nothing is lost, doubled or moved within a stream, and across streams time decides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.core.logs import LogLine
from quantumjobs.core.merging import Merge

TIMES = st.none() | st.sampled_from((0.0, 1.0, 1.5, 2.0, 9.0)) | st.floats(allow_nan=False)


def lines(stream: str, *times: float | None) -> list[LogLine]:
    return [LogLine(f"{stream}{at}", time, stream) for at, time in enumerate(times)]


def taken(merge: Merge) -> list[str]:
    return [line.message for line in merge.take()]


class Reader:
    """Reads streams as the engine does: a page where one is needed, then whatever may be given out."""

    def __init__(self, pages: dict[str, Sequence[Sequence[LogLine]]]) -> None:
        self.merge = Merge()
        self.out: list[LogLine] = []
        self.held = 0
        """The most lines of one stream that were not taken."""
        self._pages = {name: list(given) for name, given in pages.items()}

    def read(self) -> list[LogLine]:
        reading = list(self._pages)
        while reading:
            for name in reading:
                page = self._pages[name].pop(0) if self._pages[name] else []
                self.merge.put(name, page, at_end=not self._pages[name])
                self.held = max(self.held, *(len(stream.lines) for stream in self.merge._streams.values()))
            self.out += self.merge.take()
            reading = self.merge.needs()
        return self.out


@st.composite
def written(draw: st.DrawFn, *, times: st.SearchStrategy[float | None] = TIMES, ascending: bool = False):
    """Streams, each as a list of pages; some of these are empty."""
    found = {}
    for name in "abcd"[: draw(st.integers(1, 4))]:
        at = draw(st.lists(times, max_size=12))
        left = lines(name, *(sorted(at) if ascending else at))
        pages = []
        while left:
            size = draw(st.integers(0, 5))
            pages.append(left[:size])
            del left[:size]
        found[name] = pages
    return found


@given(written())
def test_nothing_is_lost_doubled_or_moved_within_a_stream(pages):
    reader = Reader(pages)
    out = reader.read()
    for name, given_pages in pages.items():
        assert [line for line in out if line.stream == name] == [line for page in given_pages for line in page]
    assert len(out) == sum(len(page) for given_pages in pages.values() for page in given_pages)
    assert reader.held <= max(len(page) for given_pages in pages.values() for page in [*given_pages, []])


@given(written(times=st.floats(allow_nan=False), ascending=True))
def test_streams_in_order_of_time_make_one_in_order_of_time(pages):
    out = Reader(pages).read()
    # Equal times: the stream that was there first.
    every = [line for given_pages in pages.values() for page in given_pages for line in page]
    assert out == sorted(every, key=lambda line: line.at)


@given(written())
def test_a_line_without_a_time_follows_the_line_before_it_at_once(pages):
    out = Reader(
        {name: [[line for page in given_pages for line in page]] for name, given_pages in pages.items()}
    ).read()
    for before, line in pairwise(out):
        if line.at is None and line.message[1:] != "0":
            assert before == LogLine(f"{line.stream}{int(line.message[1:]) - 1}", before.at, line.stream)


@given(written(), st.integers(0, 20))
def test_what_is_not_asked_for_stays(pages, number):
    one, other = Merge(), Merge()
    for merge in (one, other):
        for name, given_pages in pages.items():
            merge.put(name, [line for page in given_pages for line in page], at_end=True)
    assert [*islice(one.take(), number), *one.take()] == list(other.take())


def test_more_is_given_out_only_when_it_is_sure_to_be_next():
    merge = Merge()
    merge.put("a", lines("a", 1, 5), at_end=False)
    merge.put("b", lines("b", 2, 3), at_end=False)
    assert merge.needs() == []
    assert taken(merge) == ["a0", "b0", "b1"]
    assert merge.needs() == ["b"]
    assert taken(merge) == []
    merge.put("b", [], at_end=False)  # an empty page is not the end
    assert merge.needs() == ["b"]
    assert taken(merge) == []
    merge.put("b", lines("b", 4), at_end=True)
    assert taken(merge) == ["b0", "a1"]
    assert merge.needs() == ["a"]


def test_a_stream_at_its_end_does_not_hold_the_others_up_and_may_go_on():
    merge = Merge()
    merge.put("a", [], at_end=True)
    merge.put("b", lines("b", 7), at_end=True)
    assert taken(merge) == ["b0"]
    assert merge.needs() == []
    merge.put("a", lines("a", 3), at_end=True)  # late, and all the same given out
    assert taken(merge) == ["a0"]
    merge.put("c", lines("c", 1), at_end=False)
    assert taken(merge) == ["c0"]
    assert merge.needs() == ["c"]


def test_pages_that_are_put_early_follow_those_that_are_there():
    merge = Merge()
    merge.put("a", lines("a", 1), at_end=False)
    merge.put("a", [LogLine("later", 0.0, "a")], at_end=True)
    assert taken(merge) == ["a0", "later"]


@pytest.mark.parametrize("at", [None, 0.0, -1.0])
def test_the_time_of_a_page_before_holds_for_a_line_without_one(at):
    merge = Merge()
    merge.put("a", lines("a", 5), at_end=False)
    merge.put("b", lines("b", 6), at_end=True)
    assert taken(merge) == ["a0"]
    merge.put("a", [LogLine("next", at, "a")], at_end=True)
    assert taken(merge) == ["next", "b0"]
