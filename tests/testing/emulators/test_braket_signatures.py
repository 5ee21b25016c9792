"""Signatures: the vectors were computed by the vendor's own library, and every other request is refused."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from quantumjobs.testing.emulators.braket_signatures import Keys, Problem, Shown, Signed, moment, problem, signature

KEYS = Keys("AKIDEXAMPLE", "testing-secret")
DATE = "20260102T030405Z"
NOW = moment(DATE)
ARN = "arn%3Aaws%3Abraket%3Aus-east-1%3A123456789012%3Aquantum-task%2F00000000-1111-2222-3333-444444444444"
LOOK = f"https://braket.us-east-1.amazonaws.com/quantum-task/{ARN}?additionalAttributeNames=QueueInfo"


def signed(url: str, service: str, expected: str, *, method: str = "GET", body: bytes = b"", **more: str) -> Signed:
    parts = urlsplit(url)
    headers = {"host": parts.netloc, "x-amz-date": DATE} | {name.replace("_", "-"): text for name, text in more.items()}
    if service == "s3":
        headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
    names = ";".join(sorted(headers))
    credential = f"{KEYS.id}/20260102/us-east-1/{service}/aws4_request"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={expected}"
    return Signed(method, parts.path, parts.query, headers, body)


FIRST = signed(LOOK, "braket", "f79632efd375ac42d65ba3b0d6db481f5f791b07c348ebf11e3d499f52f211c0")


@pytest.mark.parametrize(
    ("request_", "session"),
    [
        (FIRST, ""),
        (
            signed(
                "https://braket.us-east-1.amazonaws.com/quantum-tasks",
                "braket",
                "ad32a7133415186aa0e60a6833a380c41839824a1cae398adbb29a337224181b",
                method="POST",
                body=b'{"filters":[]}',
                content_type="application/json",
                x_amz_security_token="FAKETOKEN",
            ),
            "FAKETOKEN",
        ),
        (
            signed(
                "https://s3.us-east-1.amazonaws.com/bkt/jobs/a%20b/results.json",
                "s3",
                "00b3d98847f978acf252ba6d0292a8115915f01678ec2ea8eb49ccc69ee49d2b",
            ),
            "",
        ),
        (
            signed(
                "https://logs.us-east-1.amazonaws.com/",
                "logs",
                "f889b0c2733e57cb3115584a7ce188351a1e81ab496036da602639ba7b59b7e5",
                method="POST",
                body=b'{"queryId":"q"}',
                content_type="application/x-amz-json-1.1",
                x_amz_target="Logs_20140328.GetQueryResults",
            ),
            "",
        ),
    ],
)
def test_requests_that_the_vendor_signed_are_let_in(request_: Signed, session: str):
    assert problem(request_, NOW, Keys(KEYS.id, KEYS.secret, session)) is None


def changed(**fields: Any) -> Signed:
    return msgspec.structs.replace(FIRST, **fields)


def without(name: str) -> Signed:
    return changed(headers={key: text for key, text in FIRST.headers.items() if key != name})


@pytest.mark.parametrize(
    ("request_", "wrong"),
    [
        (changed(path=FIRST.path.replace("4444", "4445")), Problem.SIGNATURE),
        (changed(path=FIRST.path.replace("%3A", ":")), Problem.SIGNATURE),
        (changed(query="additionalAttributeNames=None"), Problem.SIGNATURE),
        (changed(method="PUT"), Problem.SIGNATURE),
        (changed(body=b"x"), Problem.SIGNATURE),
        (changed(headers={**FIRST.headers, "host": "127.0.0.1:1"}), Problem.SIGNATURE),
        (changed(headers={**FIRST.headers, "x-amz-target": "unsigned"}), Problem.MALFORMED),
        (changed(headers={**FIRST.headers, "x-amz-date": "20260103T030405Z"}), Problem.MALFORMED),
        (changed(headers={**FIRST.headers, "authorization": "Bearer x"}), Problem.MALFORMED),
        (without("x-amz-date"), Problem.MALFORMED),
        (without("authorization"), Problem.MISSING),
    ],
)
def test_a_request_that_is_not_as_it_was_signed_is_refused(request_: Signed, wrong: Problem):
    assert problem(request_, NOW, KEYS) is wrong


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        (Keys("OTHER", "testing-secret"), Problem.KEY),
        (Keys("AKIDEXAMPLE", "other"), Problem.SIGNATURE),
        (Keys("AKIDEXAMPLE", "testing-secret", "session"), Problem.SESSION),
        (None, None),
    ],
)
def test_whose_keys_sign_is_told(keys: Keys | None, wrong: Problem | None):
    assert problem(FIRST, NOW, keys) is wrong


@pytest.mark.parametrize(("seconds", "wrong"), [(299, None), (301, Problem.OLD), (-299, None), (-301, Problem.EARLY)])
@pytest.mark.parametrize("keys", [KEYS, None])
def test_a_signature_is_good_for_five_minutes_whoever_signs(seconds: float, wrong: Problem | None, keys: Keys | None):
    assert problem(FIRST, NOW + seconds, keys) is wrong


def test_what_s3_is_sent_has_the_hash_of_its_body():
    url = "https://s3.us-east-1.amazonaws.com/bkt/a"
    request = signed(url, "s3", "0" * 64, method="PUT", body=b"one")
    shown = Shown(KEYS.id, "20260102", "us-east-1", "s3", ("host", "x-amz-content-sha256", "x-amz-date"), "")
    good = signature(request, shown, KEYS.secret)
    request.headers["authorization"] = request.headers["authorization"].replace("0" * 64, good)  # type: ignore[index] # it is a dict
    assert problem(request, NOW, KEYS) is None
    assert problem(msgspec.structs.replace(request, body=b"two"), NOW, KEYS) is Problem.MALFORMED
