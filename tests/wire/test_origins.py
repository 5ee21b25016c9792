"""Where a credential may go."""

from __future__ import annotations

import pytest

from quantumjobs.errors import UsageError
from quantumjobs.wire.origins import Origin, checked


@pytest.mark.parametrize(
    "url", ["https://a.example", "http://127.0.0.1:80", "http://[::1]:9", "http://localhost:1/", "http://x.localhost"]
)
def test_encrypted_and_local_roots_are_taken(url: str):
    assert checked(url, what="url") == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://a.example", "in clear"),
        ("http://10.0.0.1", "in clear"),
        ("http://localhost.evil.example", "in clear"),
        ("http://127.0.0.1.evil.example", "in clear"),
        ("ftp://a.example", "not an http"),
        ("a.example", "not an http"),
        ("https://", "not an http"),
        ("https://user:pass@a.example", "user or password"),
        ("https://a.example/?x=1", "no query"),
        ("https://a.example:port", "url"),
    ],
)
def test_other_roots_are_refused_with_the_reason(url: str, why: str):
    with pytest.raises(UsageError, match=why) as caught:
        checked(url, what="url")
    assert "pass@" not in str(caught.value)


def test_a_host_that_the_user_allows_may_be_reached_in_clear():
    assert checked("http://Lab.local:8080", what="url", allow_http=["lab.local"]) == "http://Lab.local:8080"


def test_an_origin_is_scheme_host_and_port():
    assert Origin.of("https://A.example/x") == Origin.of("https://a.example:443")
    assert Origin.of("https://a.example") != Origin.of("http://a.example")
    assert Origin.of("https://a.example") != Origin.of("https://a.example:8443")
    assert str(Origin.of("https://[::1]:8443/x")) == "https://[::1]:8443"
