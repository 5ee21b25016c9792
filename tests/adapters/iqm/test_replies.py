"""What refusals say: the server's forms, those of older servers and of others, and what each status means."""

from __future__ import annotations

import pytest

from quantumjobs.adapters.iqm.replies import BLOCKED_FOR, checked, explained
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from quantumjobs.wire import Reply, Told

UNAUTHORIZED = (
    b'{"error_code":"unauthorized","request_id":"r-1","message":"Missing or invalid authentication credentials"}'
)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (UNAUTHORIZED, Told("Missing or invalid authentication credentials", "unauthorized", "r-1")),
        (b'{"message": "m", "error_code": null, "source": "iqm-server", "request_id": null}', Told("m")),
        (b'{"detail": "of an older server"}', Told("of an older server")),
        (
            b'{"errors": [{"error_code": "a", "message": "one"}, {"message": "two"}], "messages": []}',
            Told("one; two", "a"),
        ),
        (
            b'{"detail": [{"loc": ["body", "shots"], "msg": "too small", "type": "x"}]}',
            Told("body.shots: too small"),
        ),
        (b'{"errors": []}', Told("")),
        (b'{"message": 7}', Told("")),
        (b'"text"', Told("")),
        (b"<html>", Told("")),
        (b"[" * 100_000, Told("")),
        (b"", Told("")),
    ],
)
def test_every_form_of_a_refusal_is_understood(body: bytes, told: Told) -> None:
    assert explained(body) == told


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422])
def test_a_final_no_has_its_facts(status: int) -> None:
    with pytest.raises(ProviderRejected) as caught:
        checked(Reply(status, {}, UNAUTHORIZED), "the look")
    error = caught.value
    assert (error.code, error.error_code, error.request_id) == (str(status), "unauthorized", "r-1")
    assert "Missing or invalid authentication credentials (unauthorized, request r-1)" in str(error)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 522, 530, 599])
def test_weather_passes_whether_or_not_the_status_is_a_standard_one(status: int) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        checked(Reply(status, {}, b"<html>"), "the look")
    assert str(status) in str(caught.value)


@pytest.mark.parametrize(("given", "waited"), [(None, BLOCKED_FOR), (7.0, 7.0), (0.0, 0.0)])
def test_too_many_requests_are_waited_out_for_as_long_as_the_server_says(given: float | None, waited: float) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        checked(Reply(429, {}, b"", given), "the submit", taken=True)
    assert (caught.value.retry_after, caught.value.sent) == (waited, False)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_a_submit_that_a_gateway_answers_may_have_been_taken(status: int) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        checked(Reply(status, {}, b""), "the submit", taken=True)
    assert caught.value.sent


def test_a_server_that_is_closed_for_a_time_took_nothing() -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        checked(Reply(503, {}, b"", 60.0), "the submit", taken=True)
    assert not caught.value.sent


def test_a_redirect_is_no_answer() -> None:
    with pytest.raises(ProviderProtocolError):
        checked(Reply(302, {}, b""), "the look")
