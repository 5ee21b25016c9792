"""What only real sockets show: what was written, connections that die, bodies that are cut. Few and short."""

from __future__ import annotations

import asyncio
import gzip
import socket

import pytest

from quantumjobs.errors import ProviderProtocolError, ProviderUnavailable
from quantumjobs.wire import Deadlines, Wire, transports
from tests.wire.helpers import Connection, reply, serve, tokens

pytestmark = pytest.mark.real_time
KINDS = [
    pytest.param(transports.for_looks, id="fast"),
    pytest.param(lambda url: transports._stock(url, 30.0), id="stock"),
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


async def test_a_refused_connection_proves_that_nothing_was_sent():
    async with Wire(f"http://127.0.0.1:{free_port()}", provider="acme") as wire:
        with pytest.raises(ProviderUnavailable) as caught:
            await wire.submit("/x", b"{}")
    assert caught.value.sent is False


async def test_a_name_that_nobody_knows_proves_that_nothing_was_sent():
    async with Wire("https://no-such-host.invalid", provider="acme") as wire:
        with pytest.raises(ProviderUnavailable) as caught:
            await wire.submit("/x", b"{}")
    assert caught.value.sent is False


@pytest.mark.parametrize("how", ["reset", "close", "cut", "garbage"])
async def test_a_submit_whose_reply_is_broken_may_have_been_sent_and_is_sent_once(how: str):
    async def answer(connection: Connection, _: bytes) -> None:
        if how == "cut":
            await connection.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        if how == "garbage":
            await connection.say(b"SSH-2.0 hello\r\n\r\n")
        if how == "close":
            connection.writer.close()
        else:
            connection.reset()

    async with serve(answer) as server, Wire(server.url, provider="acme") as wire:
        with pytest.raises(ProviderUnavailable) as caught:
            await wire.submit("/x", b"{}")
    assert caught.value.sent is True
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_look_on_a_kept_connection_that_died_is_repeated_at_once(kind):
    async def answer(connection: Connection, _: bytes) -> None:
        if connection.number == 1 and connection.place == 2:
            connection.reset()  # the server's keep-alive ended just as the request came
        else:
            await connection.say(reply(b"[1]"))

    async with serve(answer) as server, Wire(server.url, provider="acme", transport=kind) as wire:
        assert (await wire.get("/x")).body == b"[1]"
        assert (await wire.get("/x")).body == b"[1]"
    assert server.connections == 2
    assert len(server.requests) == 3


async def test_a_submit_on_a_kept_connection_that_dies_is_not_repeated():
    async def answer(connection: Connection, _: bytes) -> None:
        if connection.place == 2:
            connection.reset()
        else:
            await connection.say(reply())

    async with serve(answer) as server, Wire(server.url, provider="acme") as wire:
        await wire.submit("/x", b"{}")
        with pytest.raises(ProviderUnavailable) as caught:
            await wire.submit("/x", b"{}")
    assert caught.value.sent is True
    assert len(server.requests) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_look_on_a_fresh_connection_that_dies_is_weather(kind):
    async def answer(connection: Connection, _: bytes) -> None:
        connection.reset()

    async with serve(answer) as server, Wire(server.url, provider="acme", transport=kind) as wire:
        with pytest.raises(ProviderUnavailable):
            await wire.get("/x")
    assert len(server.requests) <= 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bomb_from_a_server_is_refused(kind):
    bomb = gzip.compress(bytes(200 << 20), 9)

    async def answer(connection: Connection, _: bytes) -> None:
        await connection.say(reply(bomb, "200 OK", "content-encoding: gzip"))

    async with serve(answer) as server, Wire(server.url, provider="acme", transport=kind) as wire:
        with pytest.raises(ProviderProtocolError, match="larger than it may be"):
            await wire.get("/x")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_packed_reply_is_unpacked_and_a_cut_one_is_weather(kind):
    async def answer(connection: Connection, head: bytes) -> None:
        if b"/cut" in head:
            await connection.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            connection.writer.close()
        else:
            await connection.say(reply(gzip.compress(b"[1]"), "200 OK", "content-encoding: gzip"))

    async with serve(answer) as server, Wire(server.url, provider="acme", transport=kind) as wire:
        assert (await wire.get("/x")).body == b"[1]"
        with pytest.raises(ProviderUnavailable):
            await wire.get("/cut")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hung_server_ends_an_attempt_at_its_deadline(kind):
    async def answer(_: Connection, __: bytes) -> None:
        await asyncio.sleep(5)

    deadlines = Deadlines(total=0.2)
    async with serve(answer) as server, Wire(server.url, provider="acme", transport=kind, deadlines=deadlines) as wire:
        began = asyncio.get_running_loop().time()
        with pytest.raises(ProviderUnavailable):
            await wire.get("/x")
        assert asyncio.get_running_loop().time() - began < 2


@pytest.mark.parametrize("kind", KINDS)
async def test_the_token_travels_in_its_header_and_the_user_agent_is_ours(kind):
    async def answer(connection: Connection, _: bytes) -> None:
        await connection.say(reply())

    credential, _ = tokens("a-token")
    async with (
        serve(answer) as server,
        Wire(server.url, provider="acme", transport=kind, credential=credential) as wire,
    ):
        await wire.get("/x")
        await wire.submit("/y", b'{"a":1}')
    for request in server.requests:
        assert b"authorization: bearer a-token" in request.lower()
        assert b"user-agent: quantumjobs" in request.lower()
    assert server.requests[1].endswith(b'{"a":1}')


async def test_dropped_connections_are_made_anew():
    async def answer(connection: Connection, _: bytes) -> None:
        await connection.say(reply())

    async with serve(answer) as server, Wire(server.url, provider="acme") as wire:
        await wire.get("/x")
        await wire.submit("/x", b"{}")
        await wire.drop_connections()
        await wire.get("/x")
        await wire.submit("/x", b"{}")
    assert server.connections == 4


async def test_a_url_that_is_signed_is_sent_byte_for_byte():
    async def answer(connection: Connection, _: bytes) -> None:
        await connection.say(reply())

    path = "/device/arn%3Aaws%3Abraket%3A%3A%3Adevice%2Fx%2Fsv1?b=%7E&a=1%3A2"
    async with serve(answer) as server, Wire(server.url, provider="acme", exact=True) as wire:
        await wire.get(path)
        await wire.submit(path, b"{}")
    assert [request.split()[1].decode() for request in server.requests] == [path, path]
