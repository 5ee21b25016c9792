"""From kept raw results to the `Result` of a handle: part by part, in the circuits' order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantumjobs.abc import Raw
from quantumjobs.core.records import Link
from quantumjobs.errors import ProviderError, ResultUnavailable

if TYPE_CHECKING:
    from quantumjobs.core.results import Result
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.tracked import Tracked

Parts = Sequence[tuple[Link, "Tracked"]]


async def whole(engine: Engine, job: Job, parts: Parts) -> Result:
    """Every part's result. Raises `ResultUnavailable` where one is not to be had."""
    results = [await _one(engine, job, link, part) for link, part in parts]
    return results[0] if len(results) == 1 else _together(results)


async def finished(engine: Engine, job: Job, parts: Parts) -> Result | None:
    """What was finished of a job that failed, in the circuits' places; None when that is nothing."""
    if not any(part.record.result is not None for _, part in parts):
        return None
    from quantumjobs.core.results import Result

    results = []
    for link, part in parts:
        try:
            results.append(await _one(engine, job, link, part))
        except (ResultUnavailable, ProviderError) as error:
            reason = part.record.reason or str(error)
            results.append(Result.failed(link.count, f"{part.record.state}: {reason}"))
    return _together(results)


async def _one(engine: Engine, job: Job, link: Link, part: Tracked) -> Result:
    record = part.record
    if record.result is None:
        why = record.result_gone or "the provider gave none"
        raise ResultUnavailable(f"job {job.id} completed, and its result is not to be had: {why}", job=job)
    blobs = {name: await engine.ledger.blob(digest) for name, digest in record.result.blobs.items()}
    layout = await engine.ledger.blob(record.layout) if record.layout else None
    result = await engine.decode(part.lane.provider, Raw(record.result.schema, blobs), layout)
    return result if link.count in {0, len(result)} else result[link.offset : link.offset + link.count]


def _together(results: Sequence[Result]) -> Result:
    from quantumjobs.core.results import Result

    return Result.of_parts(results)
