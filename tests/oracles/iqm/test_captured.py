"""The captured requests are answered by our emulator as IQM's server answers. The vendor's client is not needed."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from quantumjobs.testing.emulators import IqmEmulator, serve
from tests.oracles.iqm.recorded import LOOK, REPLIES, SEQUENCES, Exchange, filled, lacks

pytestmark = pytest.mark.real_time

TOKEN = "T"
GOES_ON = {"waiting", "processing"}


class Replay:
    """One client, which knows the ids of its server."""

    def __init__(self, http: httpx.AsyncClient, emulator: IqmEmulator) -> None:
        self.http = http
        self.names = {"calibration": emulator.recalibrate("garnet")}
        self.seen: dict[str, Any] = {}
        """By path as it is recorded: the last answer."""

    async def sequence(self, exchanges: list[Exchange]) -> None:
        for exchange in exchanges:
            asked = filled(exchange, self.names)
            reply = await self._ask(asked)
            # One look is recorded for all that follow each other; the test's own timeout bounds them here.
            while exchange["path"] == LOOK and reply.status_code == 200 and (now := reply.json())["status"] in GOES_ON:
                self.seen[f"{LOOK} {now['status']}"] = now
                await asyncio.sleep(0.02)
                reply = await self._ask(asked)
            assert reply.status_code == exchange["status"], (exchange["path"], reply.text)
            if reply.content:
                self.seen[exchange["path"]] = reply.json()
            if "body" in exchange:
                self.names["job"] = reply.json()["id"]

    async def _ask(self, asked: Exchange) -> httpx.Response:
        headers = asked["headers"] | {"authorization": f"{asked['headers']['authorization']} {TOKEN}"}
        body = {"json": asked["body"]} if "body" in asked else {}
        return await self.http.request(asked["method"], asked["path"], headers=headers, **body)


async def test_captured_requests_get_the_captured_answers():
    emulator = IqmEmulator(seed=7, token=TOKEN, queue=0.2, duration=0.2, warnings=["hello"])
    async with serve(emulator) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        replay = Replay(http, emulator)
        for name in ("run", "retrieve"):
            await replay.sequence(SEQUENCES[name])
        seen = replay.seen
        waiting, processing = (seen[f"{LOOK} {word}"] for word in ("waiting", "processing"))
        assert lacks(seen[LOOK], REPLIES[LOOK]) == []
        for early in (waiting, processing):
            assert lacks(early, REPLIES[LOOK] | {"artifacts": [], "messages": []}) == []
        assert (waiting["queue_position"], processing["queue_position"], seen[LOOK]["queue_position"]) == (
            0,
            None,
            None,
        )
        assert [one["counts"].keys() for one in seen[f"{LOOK}/artifacts/measurement_counts"]] == [{"00", "11"}] * 2
        submitted = next(one["body"] for one in SEQUENCES["run"] if "body" in one)
        assert seen[f"{LOOK}/payload"] == filled({"body": submitted}, replay.names)["body"]
        for name in ("conditional", "cancel", "delete", "describe"):
            await replay.sequence(SEQUENCES[name])
    (shots,) = seen[f"{LOOK}/artifacts/measurements"]
    assert list(shots) == ["first_2_0_1", "last_3_1_0", "last_3_1_1", "last_3_1_2"]
    paths = [path for path in REPLIES if path.startswith("/") and path != LOOK]
    for path in paths:
        assert lacks(seen[path], _general(REPLIES[path])) == [], path


def _general(captured: Any) -> Any:
    """Without the names that are the circuit's own."""
    if isinstance(captured, list) and "meas_2_0_0" in captured[0]:
        return [{}]
    if isinstance(captured, list) and "counts" in captured[0]:
        return [captured[0] | {"counts": {}}]
    return captured


async def test_who_is_not_let_in_hears_the_captured_words():
    async with serve(IqmEmulator(token=TOKEN)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        reply = await http.get("/api/v1/quantum-computers")
    assert reply.status_code == 401
    assert lacks(reply.json(), REPLIES["401"]) == []
    same = ("error_code", "message")
    assert {name: reply.json()[name] for name in same} == {name: REPLIES["401"][name] for name in same}


def test_a_document_that_lacks_something_is_told_where():
    captured = {"a": [{"b": 1, "c": None}], "d": []}
    assert lacks({"a": [{"b": 2, "c": "x"}, {"b": 3, "c": None, "e": 1}], "d": [1]}, captured) == []
    assert lacks({"a": [{"b": "2"}], "d": []}, captured) == ["$.a[0].c is missing", "$.a[0].b is str, not int"]
    assert lacks({"a": []}, captured) == ["$.d is missing", "$.a is empty"]
