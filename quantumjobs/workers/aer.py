"""The run function of local simulation: the circuits of one part through Aer, in a worker.

Circuit *i* of a list is seeded with `seed + 2113 * i`, which is what Aer does with a list of its own; so neither the
way a list is cut into parts nor the way a part is cut into batches shows in the results. One circuit's error is that
circuit's alone.
"""

from __future__ import annotations

import datetime as dt
import functools
import io
import logging
import pickle
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.core import bits
from quantumjobs.core.entries import Entry, entry, failed_entry
from quantumjobs.core.results import Result

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SEED_STEP = 2113
SIMULATE = "quantumjobs.workers.aer:simulate"
"""The name by which a pool or an executor finds the function."""

_BATCH_SECONDS = 0.05  # one Aer run lasts no longer than this by its estimate: progress, and room for others
_QUIET = 0.04  # seconds between two reports
_LOGGER = "qiskit_aer.backends.aerbackend"


class Item(Struct, frozen=True, array_like=True):
    """One circuit, in a form that `quantumjobs.circuits.load` reads."""

    form: str
    body: bytes
    seconds: float
    """Its estimated cost."""
    alone: bool = False
    """It carries noise channels, which Aer would count among the noise of its neighbours in one run."""


class Task(Struct, frozen=True, kw_only=True):
    """The payload of one part: all that decides its result."""

    items: tuple[Item, ...]
    shots: int
    seed: int
    """Of the first circuit here."""
    memory: bool = False
    options: dict[str, Any] = {}
    noise: bytes = b""
    """A pickled noise model; the user's own process made it."""


class Outcome(Struct, frozen=True, array_like=True):
    """What `simulate` returns: which circuits failed and why, for the adapter; and the result, which it only hands on."""

    count: int
    failed: tuple[tuple[int, str, str], ...]
    """(place, name, error)"""
    result: memoryview
    """`Result.to_bytes`."""


def wrap_seed(seed: int) -> int:
    """Bring a seed into the range that Aer's 64-bit seeds have."""
    return (seed + (1 << 63)) % (1 << 64) - (1 << 63)


def simulate(body: bytes, report: Callable[[bytes], None]) -> bytes:
    """Run one `Task` and give an `Outcome`, both as bytes; `report` hears how many circuits are done, in decimal.

    Raises only where nothing can be run at all (a payload nobody can read, a noise model that cannot be loaded).
    """
    task = _task.decode(body)
    started = time.perf_counter()
    options = {**task.options, "shots": task.shots}
    if task.memory:
        options["memory"] = True
    if task.noise:
        options["noise_model"] = noise_model(task.noise)
    entries: list[Entry] = []
    about: dict[str, Any] = {}
    quiet_until = started + _QUIET
    pace = _Pace()
    for batch in _batches(task.items, pace):
        begun = time.perf_counter()
        entries += _run(batch, task, len(entries), options, about)
        now = time.perf_counter()
        pace.learn(now - begun, sum(item.seconds for item in batch))
        if now > quiet_until and len(entries) < len(task.items):
            report(b"%d" % len(entries))
            quiet_until = now + _QUIET
    about |= {"time_taken": time.perf_counter() - started, "date": dt.datetime.now(dt.UTC).isoformat()}
    failed = tuple((place, one.name, one.error) for place, one in enumerate(entries) if one.error is not None)
    result = Result.of(entries, about=about).to_bytes()
    return _encode(Outcome(len(entries), failed, memoryview(result)))


simulate.reports = True  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=8)
def noise_model(pickled: bytes) -> Any:
    """The noise model; shared between calls, so nobody may change it (Aer copies it where it must)."""
    return pickle.loads(pickled)  # noqa: S301 - made by the user's own process, which sent it here


@functools.cache
def simulator() -> Any:
    """The process's one AerSimulator. Options are given to each run, this object is never changed."""
    from qiskit_aer import AerSimulator

    return AerSimulator()


def load(item: Item) -> QuantumCircuit:
    """The circuit of one item."""
    if item.form == "pickle":
        circuit: QuantumCircuit = pickle.loads(item.body)  # noqa: S301 - see above
        return circuit
    return _small(item.body) if len(item.body) <= _SMALL else _read(item.body)


def _read(body: bytes) -> QuantumCircuit:
    from qiskit import qpy

    (circuit,) = qpy.load(io.BytesIO(body))
    loaded: QuantumCircuit = circuit
    return loaded


# Variational loops and repeated jobs run the same circuits again and again: reading a small one, and building its gates,
# is a tenth of running it. Nobody changes a loaded circuit.
_small = functools.lru_cache(maxsize=256)(_read)


_SMALL = 16 * 1024  # bytes of QPY


class _Pace:
    """Real seconds per estimated one, lately."""

    def __init__(self) -> None:
        self.factor = 1.0

    def learn(self, real: float, estimated: float) -> None:
        self.factor = 0.5 * self.factor + 0.5 * real / max(estimated, 1e-6)


def _batches(items: tuple[Item, ...], pace: _Pace) -> Iterator[list[Item]]:
    batch: list[Item] = []
    seconds = 0.0
    for item in items:
        cost = item.seconds * pace.factor
        if batch and (item.alone or batch[0].alone or seconds + cost > _BATCH_SECONDS):
            yield batch
            batch, seconds, cost = [], 0.0, item.seconds * pace.factor
        batch.append(item)
        seconds += cost
    yield batch


def _run(batch: list[Item], task: Task, place: int, options: dict[str, Any], about: dict[str, Any]) -> list[Entry]:
    """The entries of circuits that run as one; where one of them spoils the run, of each by itself."""
    seed = wrap_seed(task.seed + SEED_STEP * place)
    try:
        circuits = [load(item) for item in batch]
        with _aer_keeps_quiet():
            # Below `run()`, which would start a thread for each call and convert the data before we can pack it.
            output = simulator()._execute_circuits_job(
                circuits, None, {**options, "seed_simulator": seed}, format_result=False
            )
        results = output["results"]
        if len(results) == len(batch) and (len(batch) == 1 or any(one["success"] for one in results)):
            if not about:
                about |= {key: output[key] for key in ("backend_name", "backend_version", "status", "metadata")}
            return [
                _entry(one, circuit, task.memory)
                if one["success"]
                else failed_entry(
                    _sentence(one["status"]),
                    name=circuit.name,
                    shots=task.shots,
                    seed=wrap_seed(seed + SEED_STEP * at),
                )
                for at, (one, circuit) in enumerate(zip(results, circuits, strict=True))
            ]
        error = str(output.get("status", "the simulation gave no result"))
    except Exception as problem:  # whatever Aer, a circuit's gate or memory says: it is this circuit's error
        error = str(problem).strip("'\"") or type(problem).__name__
    if len(batch) > 1:
        return [one for at, item in enumerate(batch) for one in _run([item], task, place + at, options, about)]
    return [failed_entry(_sentence(error), name=_name(batch[0]), shots=task.shots, seed=seed)]


def _entry(one: dict[str, Any], circuit: QuantumCircuit, memory: bool) -> Entry:
    header, data = one["header"], one["data"]
    clbits = header["memory_slots"]
    counts = data.pop("counts", None)
    shots = data.pop("memory", None)
    weights: bytes | None = None
    if memory and shots:
        rows = bits.parse(shots, clbits)
    elif counts and clbits:
        wide = bits.width(clbits)
        ordered = sorted([(int(key, 16), number) for key, number in counts.items()])
        rows = b"".join([value.to_bytes(wide, "big") for value, _ in ordered])
        weights = struct.pack(f"<{len(ordered)}Q", *[number for _, number in ordered])
    else:
        rows = b""
    return entry(
        rows,
        clbits,
        name=header["name"],
        weights=weights,
        shots=one["shots"],
        registers=header["creg_sizes"],
        seed=one["seed_simulator"],
        data=data,
        metadata=one["metadata"],
        circuit_metadata=circuit.metadata,
        qiskit={
            "header": {key: header[key] for key in ("n_qubits", "qreg_sizes", "global_phase")},
            "status": one["status"],
            "time_taken": one["time_taken"],
        },
    )


def _name(item: Item) -> str:
    try:
        return str(load(item).name)
    except Exception:  # that it cannot be loaded is the error being told
        return ""


def _sentence(text: str) -> str:
    return text.strip().removeprefix("ERROR:").strip().removeprefix("[Experiment 0] ").strip()


@contextmanager
def _aer_keeps_quiet() -> Iterator[None]:
    """Failures are told in the result; Aer would also log them, which prints to stderr by default."""
    logger = logging.getLogger(_LOGGER)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


_task = msgspec.msgpack.Decoder(Task)
_encode = msgspec.msgpack.Encoder().encode
