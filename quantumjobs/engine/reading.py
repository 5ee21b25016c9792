"""From kept raw results to the `Result` of a handle: part by part, in the circuits' order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantumjobs.abc import Gathers, Raw
from quantumjobs.core.records import Link
from quantumjobs.errors import ProviderError, ResultUnavailable

if TYPE_CHECKING:
    from quantumjobs.core.results import Result
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.tracked import Tracked

Parts = Sequence[tuple[Link, "Tracked"]]


async def whole(engine: Engine, job: Job, parts: Parts, shares: int) -> Result:
    """Every part's result; `shares`: see `Prepared`. Raises `ResultUnavailable` where one is not to be had."""
    results = [await _one(engine, job, link, part) for link, part in parts]
    return await _together(engine, parts, results, shares)


async def finished(engine: Engine, job: Job, parts: Parts, shares: int) -> Result | None:
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
    return await _together(engine, parts, results, shares)


async def _one(engine: Engine, job: Job, link: Link, part: Tracked) -> Result:
    record = part.record
    if record.result is None:
        why = record.result_gone or "the provider gave none"
        raise ResultUnavailable(f"job {job.id} completed, and its result is not to be had: {why}", job=job)
    blobs = {name: await engine.ledger.blob(digest) for name, digest in record.result.blobs.items()}
    layout = await engine.ledger.blob(record.layout) if record.layout else None
    result = await engine.decode(part.lane.provider, Raw(record.result.schema, blobs), layout)
    return result if link.count in {0, len(result)} else result[link.offset : link.offset + link.count]


async def _together(engine: Engine, parts: Parts, results: Sequence[Result], shares: int) -> Result:
    from quantumjobs.core.results import Result

    result = results[0] if len(results) == 1 else Result.of_parts(results)
    codec = parts[0][1].lane.provider.codec
    if not shares or not isinstance(codec, Gathers):  # a file from elsewhere may say what it likes
        return result
    gathered = await engine.gather(codec, result, shares)
    # What the provider answered stays beside it: of each share, by its number.
    raws = [_numbered(result[at : at + shares]) for at in range(0, len(result), shares)]
    return Result.of_parts(Result([one]).with_raw(raw) for one, raw in zip(gathered, raws, strict=True))


def _numbered(programs: Result) -> dict[str, bytes]:
    return {f"{number}/{name}": body for number, one in enumerate(programs) for name, body in (one.raw or {}).items()}
