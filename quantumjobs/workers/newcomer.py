"""A spawned worker's program: ``python -P -m quantumjobs.workers.newcomer``, with an ``Order`` on its stdin."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading

import msgspec

from quantumjobs.workers.spawned import SIZE, Order
from quantumjobs.workers.worker import Worker, settle_down

__all__ = ["main"]


def main() -> None:
    (size,) = SIZE.unpack(_exactly(SIZE.size))
    order = msgspec.msgpack.decode(_exactly(size), type=Order)
    threading.Thread(target=_end_with_the_program, daemon=True).start()
    sys.path[:] = map(os.fsdecode, order.path)
    settle_down()
    sock = socket.create_connection(("127.0.0.1", order.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(order.secret)
    for module in order.preload:
        importlib.import_module(module)
    Worker(sock).serve()
    os._exit(0)  # no finalizer of a numerical library may hold up an end


def _exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            os._exit(0)
        data += more
    return data


def _end_with_the_program() -> None:
    os.read(0, 1)
    os._exit(0)


if __name__ == "__main__":
    main()
