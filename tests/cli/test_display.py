"""What draws: no line too wide, nothing a terminal would obey, and quick whatever it is given."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.core.records import Progress
from quantumjobs.core.states import JobState
from quantumjobs.display import Following, cells, counts_bars, counts_chart, neutral, one_line, progress_lines, shorten
from quantumjobs.engine.job import Snapshot

BELL = {"00": 503, "11": 497}
HOSTILE = ["\x1b[2J\x1b[31mred", "[bold]not bold[/bold]", "a\rb", "line\nline", "\u202eevil", "\udcff", "\x9b5n", "🙂"]


# --- counts -----------------------------------------------------------------------------
def test_counts_are_bars_with_numbers_and_shares():
    assert counts_chart(BELL, width=40).splitlines() == [
        "00  ███████████████████████  503  50.3 %",
        "11  ██████████████████████▊  497  49.7 %",
    ]


def test_without_unicode_all_is_ascii():
    chart = counts_chart({"é": 5, "0" * 300: 4, **{str(i): 1 for i in range(50)}}, width=60, unicode=False)
    assert chart.isascii()
    assert "#####" in chart


def test_the_most_frequent_come_first_and_equal_ones_in_their_order():
    chart = counts_bars({"11": 5, "00": 5, "10": 9, "01": 1}, top=3)
    assert [bar.label for bar in chart.bars] == ["10", "00", "11"]
    assert chart.rest == "and 1 more outcome, together 1 (5.0 %)"


def test_what_occurred_once_in_a_million_has_a_bar_that_can_be_seen():
    chart = counts_bars({"0": 1_000_000, "1": 1, "2": 0})
    assert chart.bars[1].bar.strip() == "▏"
    assert not chart.bars[2].bar.strip()
    assert counts_bars({"0": 1_000_000, "1": 1}, unicode=False).bars[1].bar.strip() == "#"


def test_no_counts_are_said_to_be_none():
    assert counts_chart({}) == "no outcomes"


def test_counts_that_are_all_zero_divide_by_nothing():
    assert counts_chart({"0": 0}, width=30).endswith("0  0.0 %")


def test_in_a_narrow_terminal_shares_go_first_then_bars_then_the_middle_of_labels():
    long = {"01" * 60: 503, "10" * 60: 497}
    assert "%" in counts_chart(long, width=40)
    assert "%" not in counts_chart(long, width=24)
    assert "█" in counts_chart(long, width=24)
    assert counts_chart(long, width=12).splitlines()[0] == "010…101  503"


@given(
    st.dictionaries(st.text(max_size=40), st.integers(0, 10**6), max_size=40),
    st.integers(-5, 120),
    st.integers(-1, 30),
    st.booleans(),
)
def test_no_line_is_too_wide_and_none_has_control_characters(counts, width, top, unicode):
    least = len(str(max(counts.values(), default=0))) + 3
    for line in counts_chart(counts, width, top, unicode=unicode).splitlines():
        assert cells(line) <= max(width, least)
        assert line.isprintable()
        assert unicode or line.isascii()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_outcome_stays_text_on_its_line(name):
    chart = counts_chart({name: 3, "0": 1})
    assert len(chart.splitlines()) == 2
    assert all(line.isprintable() for line in chart.splitlines())


def test_a_hundred_thousand_outcomes_are_counted_and_not_drawn():
    counts = {f"{i:017b}": i % 7 + 1 for i in range(100_000)}
    begun = time.perf_counter()
    lines = counts_chart(counts, top=5).splitlines()
    assert time.perf_counter() - begun < 2
    assert len(lines) == 6
    assert lines[-1].startswith("and 99995 more outcomes, together")


# --- text -------------------------------------------------------------------------------
def test_what_a_terminal_would_obey_is_written_out():
    assert neutral("\x1b[2J") == r"\x1b[2J"
    assert neutral("a\u202eb\ud800") == r"a\u202eb\ud800"
    assert neutral("é 🙂 [red]") == "é 🙂 [red]"
    assert neutral("é", unicode=False) == r"\xe9"


def test_a_message_of_many_lines_becomes_one():
    assert one_line(" a\n  b\t\x1b[0mc ") == r"a b \x1b[0mc"


def test_an_endless_message_is_cut():
    assert len(one_line("x" * 10**7)) == 2000
    assert one_line("x" * 10**7).endswith("…")


def test_wide_characters_take_two_columns_and_marks_none():
    assert cells("量子") == 4
    assert cells("e\u0301") == 1
    assert shorten("量子計算", 5) == "量子…"


@given(st.text(max_size=50), st.integers(0, 30), st.booleans(), st.booleans())
def test_a_shortened_text_fits(text, width, middle, unicode):
    assert cells(shorten(text, width, middle=middle, unicode=unicode)) <= width


# --- progress ---------------------------------------------------------------------------
def test_each_job_has_a_line_with_what_is_known_of_it():
    lines = progress_lines(
        [
            Following("sweep.qpy", 3.2, JobState.RUNNING, 3, 10),
            Following("bell.qasm", 75, JobState.QUEUED, 0, 1, queue_position=4),
            Following("ghz.qasm", 3700),
        ]
    )
    assert lines == [
        "sweep.qpy  running        0:03  ██████░░░░░░░░░░░░░░  3/10",
        "bell.qasm  queued         1:15  4 ahead",
        "ghz.qasm   preparing   1:01:40",
    ]


def test_many_jobs_are_some_lines_and_a_sum():
    jobs = [Following(f"{i}.qasm", 1, JobState.COMPLETED if i < 90 else JobState.RUNNING, 0, 1) for i in range(100)]
    lines = progress_lines(jobs, height=4)
    assert [line.split()[0] for line in lines[:3]] == ["90.qasm", "91.qasm", "92.qasm"]
    assert lines[3] == "██████████████████░░  90/100 jobs over: 10 running, 90 completed"


@given(
    st.lists(
        st.builds(
            Following,
            st.text(max_size=60),
            st.floats(-1, 1e6),
            st.sampled_from([None, *JobState]),
            st.integers(0, 99),
            st.integers(0, 99),
            st.sampled_from([None, 0, 7]),
        ),
        max_size=30,
    ),
    st.integers(0, 100),
    st.integers(0, 12),
    st.booleans(),
)
def test_progress_fits_into_the_terminal(jobs, width, height, unicode):
    lines = progress_lines(jobs, width, height, unicode=unicode)
    assert len(lines) <= max(height, 1)
    assert all(cells(line) <= width and line.isprintable() for line in lines)


def test_a_line_is_made_of_what_events_give():
    snapshot = Snapshot(
        id="1",
        state=JobState.RUNNING,
        raw_status="",
        progress=Progress(1, 4),
        queue_position=None,
        eta=None,
        reason="",
        at=0,
    )
    assert Following.of("x", 2, snapshot) == Following("x", 2, JobState.RUNNING, 1, 4, None)
    assert not Following.of("x", 2, None).over
