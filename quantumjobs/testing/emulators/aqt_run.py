"""The run function of the AQT emulator: one circuit of a payload through Aer, in a worker.

It is that of the offline simulators, whose noise is the vendor's; the vendor's own client judges both.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from quantumjobs.adapters.aqt import simulate as offline
from quantumjobs.testing.emulators.aqt_payload import Circuit

SIMULATE = "quantumjobs.testing.emulators.aqt_run:simulate"


class Task(Struct, frozen=True, kw_only=True):
    """What decides the outcome."""

    circuit: Circuit
    seed: int | None
    noise: bool = False


def simulate(body: bytes) -> bytes:
    """Run one `Task` (msgpack). Gives the shots as the cloud has them: a JSON list of lists of bits, by qubit.

    They are text when they leave here, so that the server's loop never turns megabytes into JSON.
    Raises `UsageError` for what Aer cannot run.
    """
    task = _task.decode(body)
    return offline.samples(task.circuit, seed=task.seed, noise=task.noise)


class _Task(Struct, frozen=True, kw_only=True):
    """The same, as the offline simulators read a circuit."""

    circuit: offline.Circuit
    seed: int | None
    noise: bool = False


_task = msgspec.msgpack.Decoder(_Task)
