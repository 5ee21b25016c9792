"""What became of each file: as data, as JSON, and as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from quantumjobs.cli import documents
from quantumjobs.cli.exits import Exit, Trouble
from quantumjobs.core.results import CircuitResult, Result
from quantumjobs.core.states import JobState
from quantumjobs.display import Chart, counts_bars, neutral, one_line
from quantumjobs.engine.job import Job
from quantumjobs.errors import UsageError


class Circuit(Struct, frozen=True):
    """One circuit's outcome. `counts` is None where nothing was measured or it failed; `memory` where nobody asked."""

    name: str
    shots: int
    seed: int | None
    counts: dict[str, int] | None
    memory: list[str] | None
    data: list[str]
    error: str | None


class Report(Struct, frozen=True):
    """One file's end. `circuits` holds what was finished, also where there is a `trouble`."""

    file: str | None
    backend: str
    job: str | None
    remote_id: str | None
    state: JobState | None
    circuits: list[Circuit]
    trouble: Trouble | None = None
    saved: dict[str, Any] | None = None
    """What a program saved: it has no circuits of its own."""

    @property
    def code(self) -> Exit:
        """This file's share in the exit code."""
        return Exit.DONE if self.trouble is None else self.trouble.code

    @property
    def shots(self) -> int | None:
        """Of the first circuit; backends run all circuits of a job equally often."""
        return self.circuits[0].shots if self.circuits else None

    @property
    def seed(self) -> int | None:
        """What `--seed` must be for the same outcome."""
        return self.circuits[0].seed if self.circuits else None


def report(
    file: str | None,
    backend: str,
    job: Job | None,
    result: Result | dict[str, Any] | None,
    trouble: Trouble | None,
    *,
    memory: bool = False,
) -> Report:
    """Read everything that is shown out of a job and its result; the job may have no result, or a partial one."""
    return Report(
        file=file,
        backend=backend,
        job=job.id if job is not None else None,
        remote_id=job.remote_id if job is not None else None,
        state=job.state if job is not None else None,
        circuits=[_circuit(item, memory=memory) for item in result] if isinstance(result, Result) else [],
        trouble=trouble,
        saved=result if isinstance(result, dict) else None,
    )


def _circuit(item: CircuitResult, *, memory: bool) -> Circuit:
    counts = kept = None
    data: list[str] = []
    if item.error is None:
        data = sorted(map(str, item.data))
        try:
            counts = item.counts
            kept = item.memory if memory else None
        except UsageError:
            pass  # it has no measured outcomes
    return Circuit(item.name, item.shots, item.seed, counts, kept, data, item.error)


# --- JSON -------------------------------------------------------------------------------
def document(reports: Sequence[Report], code: Exit, *, command: str = "run") -> str:
    """The document of `run`, or of another command that tells the same."""
    return documents.document(command, code, jobs=[_json(one) for one in reports])


def _json(one: Report) -> dict[str, Any]:
    return {
        "file": one.file,
        "backend": one.backend,
        "job": one.job,
        "remote_id": one.remote_id,
        "state": one.state and one.state.value,
        "shots": one.shots,
        "seed": one.seed,
        "circuits": [{name: getattr(circuit, name) for name in Circuit.__struct_fields__} for circuit in one.circuits],
        **({} if one.saved is None else {"saved": one.saved}),
        "error": one.trouble and one.trouble.as_json(),
    }


# --- text -------------------------------------------------------------------------------
def pieces(one: Report, label: str, *, width: int, top: int, unicode: bool) -> Iterable[str | Chart]:
    """Lines and charts, top to bottom; none where there is nothing to see."""
    if not one.circuits and one.saved is None:
        return
    state = f": {one.state}" if one.state is not None else ""
    yield f"{neutral(label, unicode=unicode)} on {neutral(one.backend, unicode=unicode)}{state}"
    if one.saved is not None:
        shown = msgspec.json.format(msgspec.json.encode(one.saved), indent=2).decode()
        yield from (f"  {neutral(line, unicode=unicode)}" for line in shown.splitlines())
        yield f"  job {one.job}"
        return
    several = len(one.circuits) > 1
    for circuit in one.circuits:
        if several:
            yield f"  {one_line(circuit.name, limit=max(1, width - 2), unicode=unicode)}"
        if circuit.error is not None:
            yield f"  failed: {one_line(circuit.error, unicode=unicode)}"
        elif circuit.counts is None:
            names = ", ".join(circuit.data) or "nothing"
            yield f"  nothing was measured; saved: {one_line(names, unicode=unicode)}"
        else:
            yield counts_bars(circuit.counts, max(1, width - 2), top, unicode=unicode)
        if circuit.memory is not None:
            yield f"  {_in_order(circuit.memory, width - 2)}"
    yield _facts(one)


def _in_order(memory: Sequence[str], width: int) -> str:
    """As many of the first outcomes as fit, each whole."""
    begin, end = "in order: ", f" ... {len(memory)} in all, --json has them"
    each = max(map(len, memory[:1]), default=0) + 2
    if len(begin) + each * len(memory) <= width + 2:
        return begin + ", ".join(memory)
    fitting = max(1, (width - len(begin) - len(end) + 2) // each)
    return f"{begin}{', '.join(memory[:fitting])}{end}"


def _facts(one: Report) -> str:
    facts = [f"{one.shots} shots"]
    if one.seed is not None:
        facts.append(f"--seed {one.seed} repeats it")
    facts.append(f"job {one.job}")
    return f"  {', '.join(facts)}"
