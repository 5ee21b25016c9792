"""Our reader of result objects against Braket's own SDK: the same counts and values, and many times as quickly."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pytest

from quantumjobs.adapters.braket import bits
from quantumjobs.adapters.braket.plans import Plan
from quantumjobs.core.results import CircuitResult, Result
from tests.oracles.aqt.vendor import surroundings

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300)]

VARIABLE = "QUANTUMJOBS_ORACLE_BRAKET"
PYTHON = os.environ.get(VARIABLE, "")  # when this module is loaded: no test sees such variables
SCRIPT = Path(__file__).parent / "vendor_decoding.py"
ROUNDS = 5
HEAD = "braket.task_result."
IDS = {"id": "arn:task", "deviceId": "arn:device"}


class Vendor:
    """The SDK in a process of its own, which answers one request after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"the vendor's process ended with {self._process.wait()}"
        return json.loads(line)


@contextmanager
def started(home: Path) -> Iterator[Vendor]:
    """With nothing of the user's: no credentials, no configuration."""
    if not PYTHON:
        raise RuntimeError(f"{VARIABLE} names no interpreter: run this by `nox -s oracles`")
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_REGION": "us-east-1"}
    with subprocess.Popen(
        # `-I`: neither this package nor the user's site-packages are there.
        [PYTHON, "-I", str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**surroundings(home), **nothing, "AWS_EC2_METADATA_DISABLED": "true"},
        cwd=home,
    ) as process:
        try:
            yield Vendor(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    with started(tmp_path_factory.mktemp("home")) as found:
        yield found


# --- bodies -------------------------------------------------------------------------------
class Body(NamedTuple):
    text: str
    programs: int = 1
    names: tuple[str, ...] = ()
    """Ours, for each of the vendor's values."""
    parts: tuple[tuple[str, str], ...] = ()

    def blobs(self) -> dict[str, bytes]:
        return {"results.json": self.text.encode(), **{path: text.encode() for path, text in self.parts}}


LAYOUTS: list[dict[str, Any]] = [{}, {"separators": (",", ":")}, {"indent": 1}]


def head(name: str) -> dict[str, str]:
    return {"name": HEAD + name, "version": "1"}


def gates(shots: int, **members: Any) -> dict[str, Any]:
    source = {"braketSchemaHeader": {"name": "braket.ir.openqasm.program", "version": "1"}, "source": "OPENQASM 3.0;"}
    return {
        "braketSchemaHeader": head("gate_model_task_result"),
        **members,
        "taskMetadata": {"braketSchemaHeader": head("task_metadata"), **IDS, "shots": shots},
        "additionalMetadata": {"action": source},
    }


def drawn(chance: Random, shots: int, columns: int) -> list[list[int]]:
    """Few outcomes occur often, and some once."""
    usual = [[chance.getrandbits(1) for _ in range(columns)] for _ in range(3)]
    return [
        chance.choice(usual) if chance.random() < 0.7 else [chance.getrandbits(1) for _ in range(columns)]
        for _ in range(shots)
    ]


def distribution(chance: Random, columns: int, shots: int) -> dict[str, float]:
    """Either of counted shots, or of any numbers, as where errors were mitigated."""
    keys = sorted({"".join(map(str, outcome)) for outcome in drawn(chance, 9, columns)})
    weights = [chance.randrange(shots) for _ in keys] if chance.random() < 0.5 else [chance.random() for _ in keys]
    return {key: weight / (sum(weights) or 1) for key, weight in zip(keys, weights, strict=True)}


def outcomes(chance: Random, shots: int, columns: int) -> dict[str, Any]:
    """Measurements or probabilities, and in one of the ways that these are left out."""
    qubits = {"measuredQubits": chance.sample(range(2 * columns), columns)}
    absent = chance.choice(({}, {"measurementProbabilities": None}, {"measurementProbabilities": {}}))
    if chance.random() < 0.3:
        return {**chance.choice(({}, {"measurements": None})), **qubits} | {
            "measurementProbabilities": distribution(chance, columns, shots)
        }
    rows: list[Any] = drawn(chance, shots, columns)
    if chance.random() < 0.3:
        rows = [[str(bit) for bit in row] for row in rows]
    return {"measurements": rows, **absent, **qubits}


def sampled(chance: Random) -> Iterator[Body]:
    for at, (shots, columns) in enumerate([(1, 1), (7, 2), (50, 3), (100, 9), (20, 64), (20, 65), (9, 130)] * 3):
        extra: dict[str, Any] = {"resultTypes": chance.choice((None, [])), "outputs": [{"b": [0, 1]}]}
        document = gates(shots, **outcomes(chance, shots, columns), **(extra if at % 2 else {}))
        yield Body(json.dumps(document, **LAYOUTS[at % 3]))


def computed(chance: Random) -> Iterator[Body]:
    def number() -> float:
        return chance.choice((0, 1, -1, chance.uniform(-1, 1), chance.uniform(-1, 1) * 1e-17))

    def pairs(many: int) -> list[list[float]]:
        return [[number(), number()] for _ in range(many)]

    for at, qubits in enumerate([1, 2, 3, 5, 8, 10]):
        size = 2**qubits
        targets = chance.sample(range(qubits), (qubits + 1) // 2)
        part = 2 ** len(targets)
        states = ["".join(chance.choices("01", k=qubits)) for _ in range(3)]
        hermitian = [[[0.0, 0.0], [0.5, -1.0]], [[0.5, 1.0], [2.0, 0.0]]]
        text = ",".join(f"q[{target}]" for target in targets)
        last = qubits - 1
        exact: list[tuple[str, dict[str, Any], Any]] = [
            ("state_vector", {"type": "statevector"}, pairs(size)),
            (
                "density_matrix",
                {"type": "densitymatrix"},
                [pairs(size) for _ in range(size)] if qubits < 6 else [[[1, 0]]],
            ),
            (
                f"density_matrix({text})",
                {"type": "densitymatrix", "targets": targets},
                [pairs(part) for _ in range(part)],
            ),
            ("amplitude", {"type": "amplitude", "states": states}, {state: [number(), number()] for state in states}),
            ("probability", {"type": "probability"}, [abs(number()) for _ in range(size)]),
            (f"probability({text})", {"type": "probability", "targets": targets}, [abs(number()) for _ in range(part)]),
            (f"variance(x(q[{last}]))", {"type": "variance", "observable": ["x"], "targets": [last]}, number()),
            ("expectation(y)", {"type": "expectation", "observable": ["y"]}, [number() for _ in range(qubits)]),
            (
                f"expectation(hermitian([[0,0.5-1im],[0.5+1im,2]])(q[{last}]) @ z(q[40]))",
                {"type": "expectation", "observable": [hermitian, "z"], "targets": [last, 40]},
                number(),
            ),
            (
                f"adjoint_gradient(2 * x(q[0]) @ y(q[{last}]) + z(q[0]))",
                {"type": "adjoint_gradient", "observable": "2 * x @ y + z", "targets": [[0, last], [0]]},
                {"expectation": number(), "gradient": {"theta": number(), "phi": number()}},
            ),
        ]
        chance.shuffle(exact)
        values = [{"type": kind, "value": value} for _, kind, value in exact]
        names = tuple(name for name, _, _ in exact)
        yield Body(json.dumps(gates(0, resultTypes=values), **LAYOUTS[at % 3]), names=names)
        sample = {"type": {"type": "sample", "observable": ["z"], "targets": [last]}, "value": [1, -1, 1, 1]}
        beside = gates(4, measurements=drawn(chance, 4, qubits), resultTypes=[sample, values[0]])
        yield Body(json.dumps(beside), names=(f"sample(z(q[{last}]))", names[0]))


def program_sets(chance: Random) -> Iterator[Body]:
    for at, sizes in enumerate([[1], [3], [1, 1, 1], [2, 4], [5, 1, 2]] * 2):
        spilled = at % 2 == 1
        parts: dict[str, Any] = {}
        programs: list[Any] = []
        for place, size in enumerate(sizes):
            base = f"programs/{place}"
            results: list[Any] = [_executable(chance, index) for index in range(size)]
            source = {
                "braketSchemaHeader": {"name": "braket.ir.openqasm.program", "version": "1"},
                "source": "OPENQASM 3;",
            }
            if spilled:
                parts[f"{base}/program.json"] = source
                parts |= {f"{base}/executables/{index}.json": one for index, one in enumerate(results)}
                results = [f"executables/{index}.json" for index in range(size)]
            program = {
                "braketSchemaHeader": head("program_result"),
                "executableResults": results,
                "source": "program.json" if spilled else source,
                "additionalMetadata": {},
            }
            programs.append(f"{base}/results.json" if spilled else program)
            if spilled:
                parts[f"{base}/results.json"] = program
        metadata = {
            "braketSchemaHeader": head("program_set_task_metadata"),
            **IDS,
            "requestedShots": 30 * sum(sizes),
            "successfulShots": 30 * sum(sizes),
            "programMetadata": [{"executables": [{}] * size} for size in sizes],
            "totalFailedExecutables": 0,
        }
        document: dict[str, Any] = {
            "braketSchemaHeader": head("program_set_task_result"),
            "programResults": programs,
            "taskMetadata": metadata,
        }
        if spilled:
            parts["metadata.json"] = metadata
            document |= {"taskMetadata": "metadata.json", "s3Location": ["bucket", "some/prefix"]}
        texts = tuple((path, json.dumps(one)) for path, one in parts.items())
        yield Body(json.dumps(document, **LAYOUTS[at % 3]), sum(sizes), parts=texts)


def _executable(chance: Random, index: int) -> dict[str, Any]:
    if chance.random() < 0.2:
        failed = {"failureReason": f"reason {index}", "retryable": True, "category": "DEVICE"}
        header = head("program_set_executable_failure")
        return {"braketSchemaHeader": header, "inputsIndex": index, "failureMetadata": failed}
    columns = chance.randrange(1, 6)
    header = head("program_set_executable_result")
    return {"braketSchemaHeader": header, "inputsIndex": index, **outcomes(chance, 30, columns)}


def corpus() -> list[Body]:
    chance = Random(7)
    return [*sampled(chance), *computed(chance), *program_sets(chance)]


# --- the same -----------------------------------------------------------------------------
def plain(value: Any) -> Any:
    """As `vendor_decoding.plain`."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def assert_alike(ours: CircuitResult, theirs: dict[str, Any], names: tuple[str, ...], placed: list[int] | None) -> None:
    """`placed`: the clbit of each character of the vendor's keys; else the last character is that of the last clbit."""
    if "failure" in theirs:
        assert (ours.error or "").startswith(theirs["failure"])
        return
    if theirs["counts"]:
        expected = {}
        for key, number in theirs["counts"].items():
            places = list(range(len(key))) if placed is None else placed
            text = ["0"] * ours.clbits
            for bit, clbit in zip(key, places, strict=True):
                text[-1 - clbit] = bit
            expected["".join(text)] = number
        assert ours.counts == expected
        assert ours.metadata.get("measured_qubits") == theirs["qubits"]
    for name, value in zip(names, theirs.get("values") or (), strict=True):
        assert plain(ours.data[name]) == value


def planned(ours: CircuitResult, chance: Random) -> tuple[Plan, list[int]]:
    """As if the same columns had been measured to some of more clbits."""
    clbits = ours.clbits + chance.randrange(4)
    placed = chance.sample(range(clbits), ours.clbits)
    return Plan(name=ours.name, shots=ours.shots, clbits=clbits, measured=tuple(placed)), placed


def test_counts_and_values_are_the_vendors(vendor: Vendor):
    bodies = corpus()
    assert len(bodies) >= 40
    requests = [
        {"body": one.text, "parts": {f"some/prefix/{path}": text for path, text in one.parts}} for one in bodies
    ]
    chance = Random(1)
    answers = vendor({"bodies": requests})
    for body, theirs in zip(bodies, answers, strict=True):
        for memory in (True, False):
            ours = Result.of(bits.entries(body.blobs(), None, memory=memory))
            assert len(ours) == len(theirs) == body.programs
            for one, other in zip(ours, theirs, strict=True):
                assert_alike(one, other, body.names, None)
        plans = [planned(one, chance) for one in ours]
        for one, other, (_, placed) in zip(
            Result.of(bits.entries(body.blobs(), [plan for plan, _ in plans], memory=False)), theirs, plans, strict=True
        ):
            assert_alike(one, other, body.names, placed)
    every = [one for theirs in answers for one in theirs]
    assert any("failure" in one for one in every)
    assert sum(bool(one.get("counts")) for one in every) > 40


# --- quickly ------------------------------------------------------------------------------
class Case(NamedTuple):
    """One task's result, and how many times as quick as the vendor's code we must be."""

    shots: int
    qubits: int
    least: float

    @property
    def name(self) -> str:
        return f"{self.shots:,} shots x {self.qubits} qubits"

    def body(self) -> bytes:
        """Random bits: nearly each shot is an outcome of its own, which is the most work."""
        chance = Random(1)
        rows = [[chance.getrandbits(1) for _ in range(self.qubits)] for _ in range(self.shots)]
        return json.dumps(gates(self.shots, measurements=rows, measuredQubits=list(range(self.qubits)))).encode()


CASES = [Case(1_000, 20, 20), Case(10_000, 30, 20)]


def ours(case: Case, body: bytes) -> Callable[[], tuple[float, dict[str, int]]]:
    """At each call: seconds of CPU, and the counts."""
    plan = Plan(name="speed", shots=case.shots, clbits=case.qubits, measured=tuple(range(case.qubits)))

    def turn() -> tuple[float, dict[str, int]]:
        gc.collect()
        began = time.process_time()
        counts = Result.of(bits.entries({"results.json": body}, [plan], memory=False))[0].counts
        return time.process_time() - began, counts

    return turn


def theirs(vendor: Vendor, file: Path) -> Callable[[], tuple[float, dict[str, int]]]:
    """The same by `vendor_decoding.py`, their keys turned round."""

    def turn() -> tuple[float, dict[str, int]]:
        told = vendor({"file": str(file)})
        return told["seconds"], {key[::-1]: number for key, number in told["counts"].items()}

    return turn


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_from_a_body_to_the_same_counts_many_times_as_quickly(case: Case, vendor: Vendor, tmp_path: Path):
    file = tmp_path / "results.json"
    file.write_bytes(case.body())
    mine, other = ours(case, file.read_bytes()), theirs(vendor, file)
    turns = [(mine(), other()) for _ in range(ROUNDS)]
    assert all(one == another for (_, one), (_, another) in turns)
    seconds, baseline = (median(taken for taken, _ in side) for side in zip(*turns, strict=True))
    print(f"{case.name}: {1e3 * seconds:.3g} ms, vendor {1e3 * baseline:.3g} ms: {baseline / seconds:.0f}x")
    assert baseline / seconds >= case.least
