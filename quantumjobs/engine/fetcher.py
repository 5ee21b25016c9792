"""Fetching: results that are apart from the status, got once for all who ask and kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from quantumjobs.abc import Fetches
from quantumjobs.core.events import ResultGone, ResultKept
from quantumjobs.engine.bodies import keep_raw
from quantumjobs.errors import AdapterError, CredentialError, ProviderError, ProviderRejected

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.tracked import Tracked


class Fetcher:
    """Gets results from providers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self, job: Tracked) -> asyncio.Task[None]:
        """Get the result and keep it, once for all who ask."""
        if job.fetching is None or job.fetching.done():
            job.fetching = self._engine.act(job, self._fetch)
        return job.fetching

    async def _fetch(self, job: Tracked) -> None:
        engine, lane = self._engine, job.lane
        attempt = 0
        while job.record.result is None and not job.record.result_gone:
            attempt += 1
            passage = await lane.traffic.turn("fetch", job.record.id)
            await job.wire.take()
            try:
                with passage:
                    await lane.adapter()
                    fetches = lane.capability(Fetches)
                    if fetches is None:
                        reason = "the answer had no result, and this provider has no other"
                        await engine.apply(job, ResultGone(at=engine.wall(), reason=reason))
                        return
                    raw = await lane.errand(fetches.fetch, job.remote())
            except AdapterError:
                return  # the lane has ended
            except ProviderRejected as error:
                await engine.apply(job, ResultGone(at=engine.wall(), reason=str(error)))
                return
            except (ProviderError, CredentialError) as error:
                job.met(error)
                delay = 0.0 if isinstance(error, CredentialError) else lane.policy.delay(attempt, error)
            else:
                job.is_fine()
                ref, blobs = keep_raw(raw)
                await engine.apply(job, ResultKept(at=engine.wall(), ref=ref), blobs)
                return
            finally:
                job.wire.give()
            await asyncio.sleep(delay)
