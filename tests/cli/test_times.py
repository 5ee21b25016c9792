"""Ages and times: as they are written, and as they are shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.cli.sizes import size
from quantumjobs.cli.times import age, ago, local, since
from quantumjobs.errors import UsageError

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 30 * 86400),
        ("12h", 12 * 3600),
        ("90m", 5400),
        ("45s", 45),
        ("2w", 14 * 86400),
        ("1.5h", 5400),
        (" 3D ", 3 * 86400),
    ],
)
def test_an_age_is_a_number_and_a_unit(text, seconds):
    assert age("--older-than", text) == seconds
    assert since("--since", text, NOW) == NOW - seconds


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-3d", "3 d", "3d4h", "1e3d", "nand", "infd", "٣d", "3dd", "1.d", "9" * 400 + "d"]
)
def test_anything_else_is_no_age(text):
    with pytest.raises(UsageError, match="--older-than .*30d, 12h or 90m"):
        age("--older-than", text)


def test_a_date_is_local_where_it_has_no_zone(monkeypatch):
    monkeypatch.setenv("TZ", "UTC-5")  # five hours ahead of UTC
    time.tzset()
    try:
        midnight = datetime(2026, 1, 31, tzinfo=UTC).timestamp()
        assert since("--since", "2026-01-31", NOW) == midnight - 5 * 3600
        assert since("--since", "2026-01-31T02:00+02:00", NOW) == midnight
        assert since("--since", "2026-01-31T00:00:00Z", NOW) == midnight
        assert local(midnight) == "2026-01-31T05:00:00+05:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "31.1.2026", "0001-01-01T00:00+23:00"])
def test_what_is_no_date_either_is_refused(text):
    with pytest.raises(UsageError, match=r"--since .*2026-01-31"):
        since("--since", text, NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 d"),
    ],
)
def test_a_span_is_told_in_its_largest_unit(seconds, text):
    assert ago(seconds) == text


@given(st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([inf, -inf, nan, 1e300]))
def test_no_number_is_too_strange_to_be_shown_as_a_time(at):
    assert local(at)


@given(st.floats(min_value=0, max_value=4e9))
def test_a_time_that_is_shown_can_be_given_back(at):
    assert since("--since", local(at), NOW) == pytest.approx(at, abs=1)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 30, "3.0 GiB"),
        (1 << 44, "16384.0 GiB"),
    ],
)
def test_bytes_are_told_in_the_largest_unit(number, text):
    assert size(number) == text
