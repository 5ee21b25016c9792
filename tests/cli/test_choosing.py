"""Ids by their beginnings, and tables."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.cli.choosing import pick, short
from quantumjobs.cli.table import pairs, table
from quantumjobs.display import cells
from quantumjobs.errors import UsageError


class Known(NamedTuple):
    """As much of a job as choosing needs."""

    id: str
    name: str | None = None


JOBS = [Known("abcd1111" + "0" * 24, "bell"), Known("abcd2222" + "0" * 24), Known("ef" + "0" * 30, "\x1b[2J")]


@pytest.mark.parametrize(("given", "at"), [("abcd1", 0), ("ABCD2", 1), (" ef ", 2), ("e", 2), (JOBS[0].id, 0)])
def test_a_beginning_that_one_job_has_names_it(given, at):
    assert pick(given, JOBS) is JOBS[at]


def test_a_whole_id_names_its_job_also_where_others_begin_with_it():
    jobs = [Known("abcd"), Known("abcdef")]
    assert pick("abcd", jobs) is jobs[0]


def test_a_beginning_that_several_have_lists_them_apart():
    with pytest.raises(UsageError, match=r"'abc' begins the ids of 2 jobs: abcd1111 \(bell\), abcd2222$"):
        pick("abc", JOBS)


def test_many_candidates_are_not_all_listed():
    with pytest.raises(UsageError) as caught:
        pick("a", [Known(f"a{number:031x}") for number in range(100)])
    assert "100 jobs" in str(caught.value)
    assert str(caught.value).count("a0") == 5
    assert str(caught.value).endswith(", ...")


def test_an_id_that_is_mistyped_is_answered_with_near_ones():
    with pytest.raises(UsageError, match=r"did you mean abcd1111 \(bell\)\?$"):
        pick("abce1111", JOBS)


def test_an_unknown_id_lists_the_newest_harmlessly():
    with pytest.raises(
        UsageError, match=r"no job '777\\x1b'; the newest are abcd1111 \(bell\), abcd2222, ef000000 \(\\x1b\[2J\)$"
    ):
        pick("777\x1b", JOBS)


def test_without_jobs_that_is_said():
    with pytest.raises(UsageError, match="holds no jobs"):
        pick("a", [])


@pytest.mark.parametrize("given", ["", "  "])
def test_an_empty_id_is_no_beginning(given):
    with pytest.raises(UsageError, match="empty"):
        pick(given, JOBS[:1])


@given(st.sets(st.text("ab", min_size=12, max_size=12), min_size=1))
def test_shown_ids_tell_their_jobs_apart(ids):
    size = short(ids)
    assert len({one[:size] for one in ids}) == len(ids)
    assert size >= 8


# --- tables -----------------------------------------------------------------------------
def test_columns_stand_below_each_other_and_empty_ones_are_left_out():
    assert table([("A", "B", "C"), ("1", "", "xyz"), ("22", "", "")]) == ["A   C", "1   xyz", "22"]


def test_a_head_alone_is_a_table_too():
    assert table([("A", "B")]) == ["A  B"]


@given(
    st.lists(st.tuples(*[st.text(max_size=40)] * 3), min_size=1, max_size=5),
    st.integers(min_value=40, max_value=60),
)
def test_a_table_is_no_wider_than_its_room_and_commands_no_terminal(rows, room):
    lines = table([("A", "B", "C"), *rows], room=room, may_shrink=(0, 1, 2))
    assert len(lines) == len(rows) + 1
    for line in lines:
        assert cells(line) <= room
        assert line.isprintable()


def test_what_may_not_shrink_stays_whole():
    (_, line) = table([("ID", "NAME"), ("i" * 30, "n" * 30)], room=45, may_shrink=(1,), unicode=False)
    assert line == "i" * 30 + "  nnnnn...nnnnn"


def test_pairs_without_a_text_are_left_out_and_lines_stay_lines():
    assert pairs([("a", "1"), ("long", "x\ny"), ("none", "")]) == ["  a     1", "  long  x y"]
