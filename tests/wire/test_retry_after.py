"""Retry-After in the forms that servers send it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.wire.retry_after import retry_after

NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:50:37 GMT"}, 60.0),
        ({"retry-after": "Sunday, 06-Nov-94 08:50:37 GMT"}, 60.0),
        ({"retry-after": "Sun Nov  6 08:50:37 1994"}, 60.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 10:00:30 GMT", "date": "Sun, 06 Nov 1994 10:00:00 GMT"}, 30.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_every_form_gives_seconds(headers: dict[str, str], seconds: float | None):
    assert retry_after(headers, NOW) == seconds


@given(st.text(), st.text())
def test_whatever_a_server_writes_gives_a_number_that_can_be_waited_or_nothing(said: str, date: str):
    found = retry_after({"retry-after": said, "date": date}, NOW)
    assert found is None or 0 <= found < float("inf")
