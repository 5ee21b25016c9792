"""Signature Version 4: vectors made by botocore, what must not count, and a clock that is wrong."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.errors import ProviderUnavailable
from quantumjobs.wire import Credential, Reply, Secret, Unsigned, Wire, masked, step
from quantumjobs.wire.sigv4 import AwsKeys, Signer

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
TASK = "arn:aws:braket:us-east-1:123456789012:quantum-task/00000000-1111-2222-3333-444444444444"
BRAKET = "https://braket.us-east-1.amazonaws.com"
SECRET = "canary/5f2b9c+0123456789"
TOKEN = "canary-session//token=="
VECTORS = [
    pytest.param(
        "braket",
        Unsigned("GET", f"{BRAKET}/quantum-task/{step(TASK)}?additionalAttributeNames=QueueInfo", {}),
        "host;x-amz-date",
        "f79632efd375ac42d65ba3b0d6db481f5f791b07c348ebf11e3d499f52f211c0",
        id="an ARN in the path",
    ),
    pytest.param(
        "braket",
        Unsigned("POST", f"{BRAKET}/quantum-tasks", {"content-type": "application/json"}, b'{"filters":[]}'),
        "content-type;host;x-amz-date;x-amz-security-token",
        "ad32a7133415186aa0e60a6833a380c41839824a1cae398adbb29a337224181b",
        id="a session and a body",
    ),
    pytest.param(
        "s3",
        Unsigned("GET", "https://s3.us-east-1.amazonaws.com/bkt/jobs/a%20b/results.json", {}),
        "host;x-amz-content-sha256;x-amz-date",
        "00b3d98847f978acf252ba6d0292a8115915f01678ec2ea8eb49ccc69ee49d2b",
        id="an object",
    ),
    pytest.param(
        "logs",
        Unsigned(
            "POST",
            "https://logs.us-east-1.amazonaws.com/",
            {"content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.GetQueryResults"},
            b'{"queryId":"q"}',
        ),
        "content-type;host;x-amz-date;x-amz-target",
        "f889b0c2733e57cb3115584a7ce188351a1e81ab496036da602639ba7b59b7e5",
        id="a header of AWS's",
    ),
]


def keys(session: str | None = None) -> AwsKeys:
    return AwsKeys("AKIDEXAMPLE", "testing-secret", Secret(session) if session else None)


def signed(request: Unsigned, *, service: str = "braket", session: str | None = None) -> dict[str, str]:
    headers = dict(request.headers)
    sent = Unsigned(request.method, request.url, headers, request.body)
    Signer(service, "us-east-1", clock=lambda: AT)(sent, keys(session))
    return headers


# --- signatures -------------------------------------------------------------------------------
@pytest.mark.parametrize(("service", "request_", "names", "signature"), VECTORS)
def test_signatures_are_those_that_botocore_makes(service: str, request_: Unsigned, names: str, signature: str):
    session = "FAKETOKEN" if "security-token" in names else None
    assert signed(request_, service=service, session=session)["authorization"] == (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/{service}/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_what_goes_with_a_signature():
    headers = signed(Unsigned("GET", f"{BRAKET}/x", {}), service="s3", session="FAKETOKEN")
    assert headers.pop("authorization").startswith("AWS4-HMAC-SHA256 ")
    assert headers == {
        "x-amz-date": "20260102T030405Z",
        "x-amz-security-token": "FAKETOKEN",
        "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }


TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
PAIRS = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5)
HEADERS = st.dictionaries(st.from_regex(r"x-amz-[a-z]{1,8}", fullmatch=True), TEXTS, max_size=4)


@given(PAIRS, HEADERS, st.randoms(use_true_random=False))
def test_neither_the_order_of_parameters_nor_that_of_headers_counts(pairs, headers, random):
    def request(pairs: list[tuple[str, str]], names: list[str]) -> Unsigned:
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
        return Unsigned("GET", f"{BRAKET}/x?{query}", {name: headers[name] for name in names})

    mixed, names = list(pairs), list(headers)
    random.shuffle(mixed)
    random.shuffle(names)
    one, other = signed(request(pairs, list(headers))), signed(request(mixed, names))
    assert one["authorization"] == other["authorization"]


@given(st.dictionaries(st.sampled_from(["accept", "user-agent", "accept-encoding", "range", "connection"]), TEXTS))
def test_headers_that_a_proxy_may_change_are_not_signed(headers: Mapping[str, str]):
    plain = signed(Unsigned("GET", f"{BRAKET}/x", {}))
    assert signed(Unsigned("GET", f"{BRAKET}/x", dict(headers)))["authorization"] == plain["authorization"]


CHANGED = {
    "method": Unsigned("PUT", f"{BRAKET}/x?a=1", {"x-amz-a": "1"}, b"body"),
    "path": Unsigned("POST", f"{BRAKET}/X?a=1", {"x-amz-a": "1"}, b"body"),
    "host": Unsigned("POST", "https://braket.us-west-1.amazonaws.com/x?a=1", {"x-amz-a": "1"}, b"body"),
    "port": Unsigned("POST", f"{BRAKET}:8443/x?a=1", {"x-amz-a": "1"}, b"body"),
    "parameter": Unsigned("POST", f"{BRAKET}/x?a=2", {"x-amz-a": "1"}, b"body"),
    "header": Unsigned("POST", f"{BRAKET}/x?a=1", {"x-amz-a": "2"}, b"body"),
    "kind of body": Unsigned("POST", f"{BRAKET}/x?a=1", {"x-amz-a": "1", "content-type": "a/b"}, b"body"),
    "body": Unsigned("POST", f"{BRAKET}/x?a=1", {"x-amz-a": "1"}, b"bodY"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_whatever_says_what_is_asked_for_is_signed(what: str):
    plain = signed(Unsigned("POST", f"{BRAKET}/x?a=1", {"x-amz-a": "1"}, b"body"))
    assert signed(CHANGED[what])["authorization"] != plain["authorization"]


def test_a_default_port_is_not_signed_since_it_is_not_sent():
    with_port = signed(Unsigned("GET", f"{BRAKET}:443/x", {}))
    assert with_port["authorization"] == signed(Unsigned("GET", f"{BRAKET}/x", {}))["authorization"]


def test_a_day_or_other_keys_make_another_signing_key():
    now = AT
    signer = Signer("braket", "us-east-1", clock=lambda: now)

    def signature(secret: AwsKeys) -> str:
        request = Unsigned("GET", f"{BRAKET}/x", {})
        signer(request, secret)
        return request.headers["authorization"]

    def fresh(secret: AwsKeys) -> str:
        request = Unsigned("GET", f"{BRAKET}/x", {})
        Signer("braket", "us-east-1", clock=lambda: now)(request, secret)
        return request.headers["authorization"]

    first, second = keys(), AwsKeys("AKIDEXAMPLE", "another-secret")
    for secret in (first, second, first):
        assert signature(secret) == fresh(secret)
    now += 86400
    assert signature(first) == fresh(first)
    assert "/20260103/" in signature(first)


# --- the request that is sent -----------------------------------------------------------------
async def _asked(url_of: Callable[[int], str], path: str) -> bytes:
    """The head of one request as it arrives."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async def source(fresh: bool) -> AwsKeys:
        return keys(TOKEN)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = url_of(server.sockets[0].getsockname()[1])
        sign = Signer("braket", "us-east-1", clock=lambda: AT)
        async with Wire(url, provider="braket", credential=Credential(source), sign=sign, exact=True) as wire:
            await wire.get(path)
    return heads[0]


@pytest.mark.real_time
@pytest.mark.parametrize("root", ["http://127.0.0.1:{}", "http://LOCALHOST:{}/base"])
async def test_what_arrives_is_what_was_signed(root: str):
    path = f"/quantum-task/{step(TASK)}?additionalAttributeNames=QueueInfo&a=%2F%7E%C3%A9"
    head = (await _asked(root.format, path)).decode()
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    arrived = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    method, target, _ = first.split(" ")
    assert target.endswith(path)
    again = {name: value for name, value in arrived.items() if name.startswith("x-amz-")}
    assert (
        signed(Unsigned(method, f"http://{arrived['host']}{target}", again), session=TOKEN)["authorization"]
        == (arrived["authorization"])
    )
    assert "accept" in arrived
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in arrived["authorization"]


@given(
    st.sampled_from(["https://example.com", "http://127.0.0.1:9000", "http://[::1]:9000", "https://example.com:443"]),
    st.lists(st.text(min_size=1, max_size=6), max_size=4),
    PAIRS,
)
def test_whatever_is_encoded_in_full_is_sent_as_it_is(root: str, steps: list[str], pairs: list[tuple[str, str]]):
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    target = "/" + "/".join(map(step, steps)) + (f"?{query}" if query else "")
    request = httpx.Request("GET", root + target)
    assert request.url.raw_path.decode() == target
    assert request.headers["host"] == request.url.netloc.decode()


# --- a wrong clock ----------------------------------------------------------------------------
def refusal(at: float, body: str, *, status: int = 403, kind: str = "", date: str | None = None) -> Reply:
    told = format_datetime(datetime.fromtimestamp(at, UTC), usegmt=True) if date is None else date
    return Reply(status, {"date": told, "x-amzn-errortype": kind}, body.encode())


EXPIRED = '{"message":"Signature expired: 20260102T030405Z is now earlier than 20260102T032005Z"}'
EARLY = '{"message":"Signature not yet current: 20260102T030405Z is still later than 20260102T025005Z"}'
SKEWED = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference ... is too large.</Message></Error>"


@pytest.mark.parametrize(
    ("body", "kind", "ahead"),
    [
        (EXPIRED, "InvalidSignatureException", 900.0),
        (EARLY, "InvalidSignatureException", -900.0),
        (SKEWED, "", 900.0),
        ("{}", "RequestExpired:http://internal.amazon.com/", 900.0),
    ],
)
def test_the_services_clock_is_learnt_from_a_refusal(body: str, kind: str, ahead: float):
    signer = Signer("braket", "us-east-1", clock=lambda: AT)
    assert signer.mistimed(refusal(AT + ahead, body, kind=kind))
    assert signer.offset == ahead
    request = Unsigned("GET", f"{BRAKET}/x", {})
    signer(request, keys())
    expected = datetime.fromtimestamp(AT + ahead, UTC)
    assert request.headers["x-amz-date"] == expected.strftime("%Y%m%dT%H%M%SZ")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(200, refusal(AT + 900, "").headers, EXPIRED.encode()), id="no refusal"),
        pytest.param(refusal(AT + 900, '{"message":"The request signature we calculated"}'), id="a wrong secret"),
        pytest.param(refusal(AT + 900, '{"message":"x"}', kind="ExpiredTokenException"), id="a session's end"),
        pytest.param(refusal(AT + 30, EXPIRED), id="a clock that is right"),
        pytest.param(refusal(AT, EXPIRED, date="yesterday"), id="no date"),
        pytest.param(refusal(AT, EXPIRED, date=""), id="an empty date"),
        pytest.param(refusal(AT, EXPIRED, date="Fri, 99 Jan 99999999 03:04:05 GMT"), id="a date that is none"),
    ],
)
def test_nothing_is_learnt_from_another_answer(reply: Reply):
    signer = Signer("braket", "us-east-1", clock=lambda: AT)
    assert not signer.mistimed(reply)
    assert signer.offset == 0.0


def test_requests_that_were_under_way_when_the_clock_was_learnt_go_again_and_later_ones_do_not():
    now = AT
    signer = Signer("braket", "us-east-1", clock=lambda: now)
    assert signer.mistimed(refusal(now + 900, EXPIRED))
    assert signer.mistimed(refusal(now + 900, EXPIRED))
    now += 120
    assert not signer.mistimed(refusal(now + 900, EXPIRED))  # for whatever reason: not for the time
    assert signer.offset == 900.0


class _Skewed(httpx.AsyncBaseTransport):
    """A service whose clock is a quarter of an hour ahead, and which says so, or lies about it."""

    def __init__(self, *, says: float = 900.0) -> None:
        self.dates: list[str] = []
        self._says = says

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.dates.append(request.headers["x-amz-date"])
        if self.dates[-1] == "20260102T031905Z":
            return httpx.Response(200, content=b"{}")
        date = format_datetime(datetime.fromtimestamp(AT + self._says, UTC), usegmt=True)
        return httpx.Response(403, headers={"date": date}, content=EXPIRED.encode())


def _wire(transport: _Skewed) -> Wire:
    async def source(fresh: bool) -> AwsKeys:
        return keys()

    signer = Signer("braket", "us-east-1", clock=lambda: AT)
    return Wire(
        BRAKET,
        provider="braket",
        credential=Credential(source),
        sign=signer,
        mistimed=signer.mistimed,
        transport=lambda url: transport,
    )


async def test_a_request_refused_for_the_time_goes_once_more_and_the_next_is_right_at_once():
    transport = _Skewed()
    async with _wire(transport) as wire:
        assert (await wire.get("/x")).status == 200
        assert (await wire.get("/x")).status == 200
    assert transport.dates == ["20260102T030405Z", "20260102T031905Z", "20260102T031905Z"]


async def test_a_submit_refused_for_the_time_was_not_sent():
    transport = _Skewed()
    async with _wire(transport) as wire:
        with pytest.raises(ProviderUnavailable, match="clock is wrong") as caught:
            await wire.submit("/x", b"{}")
        assert caught.value.sent is False
        assert (await wire.submit("/x", b"{}")).status == 200


async def test_a_service_that_lies_about_its_time_costs_one_request_more():
    transport = _Skewed(says=-900.0)
    async with _wire(transport) as wire:
        assert (await wire.get("/x")).status == 403
    assert len(transport.dates) == 2


# --- keys -------------------------------------------------------------------------------------
def test_keys_are_shown_nowhere_and_masked_in_texts_of_others():
    given = AwsKeys("AKIDEXAMPLE", SECRET, Secret(TOKEN), until=3.0, origin="here")
    assert repr(given) == str([given])[1:-1] == f"{given}" == "***"
    assert masked(f"<x>{SECRET} and {TOKEN}</x>") == "<x>*** and ***</x>"
    assert (given.until, given.origin, copy.deepcopy(given)) == (3.0, "here", given)
    with pytest.raises(TypeError):
        pickle.dumps(given)


def test_keys_are_equal_where_all_three_parts_are():
    def made(key_id: str = "A", value: str = "b", session: str | None = "c") -> AwsKeys:
        return AwsKeys(key_id, value, Secret(session) if session else None)

    assert made() == made()
    assert hash(made()) == hash(made())
    for other in (made(key_id="x"), made(value="x"), made(session="x"), made(session=None), Secret("b")):
        assert made() != other
        assert other != made()
