"""Codec and run function called directly, without workers."""

from __future__ import annotations

from typing import Any

import msgspec

from quantumjobs.abc import Part, Raw, Request
from quantumjobs.adapters.aer.codec import SCHEMA, About, AerCodec
from quantumjobs.adapters.aer.options import admit
from quantumjobs.circuits import given
from quantumjobs.core.results import Result
from quantumjobs.workers.aer import Task, simulate

ABOUT = msgspec.json.encode(About(cores=2, memory=4 << 30))


def about(**facts: Any) -> bytes:
    return msgspec.json.encode(About(**{"cores": 2, "memory": 4 << 30} | facts))


def request(circuits: Any, *, backend: str = "", shots: int | None = 100, memory: bool = False, transpile: bool = True,
            optimization_level: int = 1, **options: Any) -> Request:  # fmt: skip
    plain, blobs = admit(backend, options)
    return Request(
        backend=backend,
        circuits=tuple(given.each(circuits)),
        shots=shots,
        memory=memory,
        transpile=transpile,
        optimization_level=optimization_level,
        options=plain,
        blobs=blobs,
    )


def prepare(circuits: Any, *, machine: bytes = ABOUT, seed: int = 1, **arguments: Any) -> tuple[Part, ...]:
    return AerCodec().prepare(request(circuits, **arguments), machine, seed=seed).parts


def ignore(_: bytes) -> None:
    pass


def run_part(part: Part, report: Any = ignore) -> Result:
    return AerCodec().decode(Raw(SCHEMA, {"outcome": simulate(part.payload, report)}), part.layout)


def run(circuits: Any, **arguments: Any) -> Result:
    return Result.of_parts([run_part(part) for part in prepare(circuits, **arguments)])


def task(part: Part) -> Task:
    return msgspec.msgpack.decode(part.payload, type=Task)
