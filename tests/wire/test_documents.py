"""Every way in which a document can be wrong is one error."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from quantumjobs.errors import ProviderProtocolError
from quantumjobs.wire import Secret, decode


class Doc(Struct):
    id: str
    more: object = None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"id": 1}',
        b'{"id": "\xff\xfe"}',
        b'{"id": "x"',
        b'{"id": "x", "more": ' + b"[" * 100_000,
        b'{"id":"x","more":1e999999}',
        b'{"id": "\\ud800"}',
    ],
)
def test_what_is_no_such_document_is_a_protocol_error_that_keeps_the_body(body: bytes):
    with pytest.raises(ProviderProtocolError) as caught:
        decode(body, Doc, provider="acme", what="the answer")
    assert caught.value.provider == "acme"
    assert body.startswith(caught.value.body[:1])
    assert len(caught.value.body) <= 64 << 10


def test_a_secret_in_a_broken_document_is_masked():
    secret = Secret("canary-5f2b9c")
    with pytest.raises(ProviderProtocolError) as caught:
        decode(b'{"token": "' + secret.reveal().encode() + b'"}', Doc, provider="acme", what="the answer")
    assert secret.reveal() not in str(caught.value)
    assert secret.reveal().encode() not in caught.value.body


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(body: bytes):
    with suppress(ProviderProtocolError):
        decode(body, Doc, provider="acme", what="the answer")
