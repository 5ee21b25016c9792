"""A server's reason, its own code for it and the request's id: in the message, and as the error's facts."""

from __future__ import annotations

import pytest

from quantumjobs.errors import ProviderError, ProviderRejected, ProviderUnavailable
from quantumjobs.wire import Reply, Secret, Told, check


@pytest.mark.parametrize(
    ("status", "kind"), [(403, ProviderRejected), (503, ProviderUnavailable), (302, ProviderError)]
)
def test_facts_are_the_errors_attributes_and_in_its_message(status: int, kind: type[ProviderError]) -> None:
    def explain(body: bytes) -> Told:
        return Told(body.decode(), "not_yours", "req-1")

    with pytest.raises(
        kind, match=rf"x: the look was answered {status}: go away \(not_yours, request req-1\)"
    ) as caught:
        check(Reply(status, {}, b"go away"), provider="x", what="the look", explain=explain)
    assert (caught.value.error_code, caught.value.request_id) == ("not_yours", "req-1")


def test_a_plain_reason_has_no_facts() -> None:
    with pytest.raises(ProviderRejected, match="answered 403: no") as caught:
        check(Reply(403, {}, b"no"), provider="x", what="the look", explain=bytes.decode)
    assert (caught.value.error_code, caught.value.request_id) == ("", "")


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (Told(""), ""),
        (Told("no"), "no"),
        (Told("no", "c"), "no (c)"),
        (Told("", "c", "r"), "c, request r"),
    ],
)
def test_what_is_not_told_is_not_shown(told: Told, text: str) -> None:
    assert str(told) == text


def test_secrets_that_a_server_echoes_are_in_none_of_the_facts() -> None:
    secret = Secret("canary-5f2b9c")
    assert secret
    echo = Told("bad token canary-5f2b9c", "canary-5f2b9c", "canary-5f2b9c")
    with pytest.raises(ProviderRejected) as caught:
        check(Reply(403, {}, b""), provider="x", what="the look", explain=lambda body: echo)
    error = caught.value
    assert "canary" not in f"{error} {error.error_code} {error.request_id}"
