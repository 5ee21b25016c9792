"""Secrets are used, and shown nowhere."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import msgspec
import pytest

from quantumjobs.wire import Secret, masked, wire
from quantumjobs.wire.logs import LOGGERS, install
from quantumjobs.wire.secrets import masked_bytes

TOKEN = "canary-5f2b9c"


def test_a_secret_is_shown_as_three_stars_however_it_is_printed():
    secret = Secret(TOKEN)
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", f"{secret:>30}", [secret]):
        assert TOKEN not in str(text)
        assert "***" in str(text)
    assert secret.reveal() == TOKEN


def test_a_secret_is_neither_pickled_nor_encoded():
    secret = Secret(TOKEN)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    for encode in (msgspec.json.encode, msgspec.msgpack.encode, json.dumps):
        with pytest.raises(TypeError):
            encode({"token": secret})
    assert not hasattr(secret, "__dict__")


def test_a_copy_of_a_secret_is_the_same_secret():
    secret = Secret(TOKEN)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"token": secret})["token"] is secret
    assert secret == Secret(TOKEN)
    assert secret != Secret("another")
    assert secret != TOKEN


def test_texts_are_masked_wherever_a_living_secret_or_a_credential_stands():
    secret = Secret(TOKEN)
    assert masked(f"your token {secret.reveal()} is wrong") == "your token *** is wrong"
    assert masked_bytes(b"\xff" + TOKEN.encode()) == b"\xff***"
    assert masked("Authorization: Bearer abc.def-123") == "Authorization: ***"
    assert "abc" not in masked("got 'bearer abc.def' here")
    assert masked("sent oqcs_auth=302e0201abc/12345 there") == "sent oqcs_auth=*** there"
    assert "hunter" not in masked("[(b'x-api-key', b'hunter2'), (b'accept', b'*/*')]")


@pytest.mark.parametrize(
    "text",
    [
        "AWS4-HMAC-SHA256 Credential={}/20260102/us-east-1/s3/aws4_request, SignedHeaders=host, Signature={}",
        "Authorization: AWS4-HMAC-SHA256 Credential={}/20260102, SignedHeaders=host;x-amz-date, Signature={}",
        "https://b.s3.amazonaws.com/k?X-Amz-Credential={}%2F2026&X-Amz-Signature={}",
        "https://b.s3.amazonaws.com/k?X-Amz-Signature={}&X-Amz-Security-Token={}%2B%3D",
        "{{'x-amz-security-token': '{}', 'X-Amz-Security-Token': '{}'}}",
        "GET\n/\n\nhost:x\nx-amz-security-token:{}\nx-amz-security-token:{}",
    ],
)
def test_what_aws_takes_as_proof_is_masked_in_headers_and_urls(text: str):
    shown = masked(text.format("IQoJcanary//5f2b9c", "f796canary5f2b9c"))
    assert "canary" not in shown
    assert "***" in shown


def test_a_short_token_does_not_blank_out_ordinary_words():
    secret = Secret("T")
    assert masked("The Task") == "The Task"
    assert secret


@pytest.mark.parametrize("name", LOGGERS)
def test_what_http_libraries_log_is_masked(name: str, caplog: pytest.LogCaptureFixture):
    install()
    secret = Secret(TOKEN)
    with caplog.at_level(logging.DEBUG, logger=name):
        logging.getLogger(name).debug("headers=%r", [(b"Authorization", b"Bearer " + secret.reveal().encode())])
        logging.getLogger(name).debug("url %s", f"https://x.example/?t={TOKEN}")
    assert caplog.records
    assert TOKEN not in caplog.text


def test_a_wire_shows_its_origin_and_nothing_else():
    assert repr(wire.Wire("https://portal.example/x", provider="acme")) == "<Wire https://portal.example>"
