"""Surveys: the jobs of one lane and family are told of together, page by page, instead of one look each.

What a survey says are hints. Whatever else happens to a job meanwhile comes first: it leaves the survey when it is
looked at, cancelled or planned anew, and what the pages then say of it is passed over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quantumjobs.abc import Answer, Remote, Status, Surveyed, Surveys
from quantumjobs.core.machine import is_news
from quantumjobs.core.surveys import HELD, LONG
from quantumjobs.core.traffic import PATIENCE
from quantumjobs.errors import AdapterError, CredentialError, ProviderError, ProviderRejected, ProviderUnavailable

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.tracked import Tracked
    from quantumjobs.engine.watchlist import Crowd, Watchlist

log = logging.getLogger("quantumjobs")

AT_ONCE = 500
"""Jobs made ready for a survey without letting the loop turn."""


class Surveyor:
    """Asks about many jobs at once and takes the answers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def survey(self, watchlist: Watchlist, crowd: Crowd) -> None:
        """One survey of the jobs in `crowd.asked`; afterwards each of them has a plan again."""
        engine, lane, rounds = self._engine, watchlist.lane, crowd.rounds
        whole = False
        try:
            whole = await self._pages(watchlist, crowd)
        except AdapterError:
            pass  # the lane has ended; they wait for it to be mended
        except CredentialError:
            pass  # the lane's credentials hold everything back, and looks show it
        except ProviderRejected as error:
            log.warning("%s: jobs are looked at one by one, since surveys are refused: %s", lane.key, error)
            rounds.rest(engine.loop.time() + LONG)
        except ProviderError as error:
            log.info("%s: a survey failed: %s", lane.key, error)
            rounds.failed(engine.loop.time(), lane.policy.delay(rounds.failures + 1, error))
        except Exception:  # of ours; its jobs must be looked at all the same
            log.exception("%s: a survey went wrong", lane.key)
            rounds.rest(engine.loop.time() + LONG)
        finally:
            task = asyncio.current_task()
            if task is not None:
                engine.looks.discard(task)
            engine.poller.surveyed(watchlist, crowd, whole=whole)

    async def _pages(self, watchlist: Watchlist, crowd: Crowd) -> bool:
        """Page after page, until each job was told of or there are no more. False where it was cut short."""
        lane, rounds = watchlist.lane, crowd.rounds
        remotes: list[Remote] = []
        for job in list(crowd.asked):
            remotes.append(job.remote())
            if len(remotes) % AT_ONCE == 0:
                await asyncio.sleep(0)
        after = ""
        while crowd.asked:
            page = await self._page(watchlist, crowd, remotes, after)
            if page is None:
                return False
            goes_on = rounds.told(await self._take(watchlist, crowd, page.answers))
            after = page.after
            if not after or not goes_on:
                break
        if rounds.end(self._engine.loop.time()):
            log.info("%s: a survey told of few of its jobs, which are looked at one by one for a while", lane.key)
        return not after

    async def _page(self, watchlist: Watchlist, crowd: Crowd, remotes: Sequence[Remote], after: str) -> Surveyed | None:
        """One request; None where it is held back for longer than the jobs should wait."""
        lane = watchlist.lane
        try:
            async with asyncio.timeout(HELD):
                passage = await lane.traffic.turn("survey", f"survey of {watchlist.family}")
        except TimeoutError:
            return None
        with passage:
            await lane.adapter()
            surveys = lane.capability(Surveys)
            if surveys is None:
                return None
            crowd.rounds.asked()
            try:
                async with asyncio.timeout(PATIENCE):  # one that hangs must not keep all of them from being looked at
                    return await lane.errand(surveys.survey, remotes, after)
            except TimeoutError:
                raise ProviderUnavailable("no answer to a survey", provider=lane.key) from None

    async def _take(self, watchlist: Watchlist, crowd: Crowd, answers: Mapping[str, Answer]) -> int:
        """Take the answers about jobs that were asked about and not planned since: how many they are."""
        poller, lane = self._engine.poller, watchlist.lane
        told = 0
        news: list[tuple[Tracked, str, Answer]] = []
        for remote_id, answer in answers.items():
            job = lane.by_remote.get(remote_id)
            if job is None or job not in crowd.asked:
                continue
            del crowd.asked[job]
            told += 1
            if job.wire.taken:  # it is looked at or cancelled just now: that answer is the fresher one
                poller.again(job)
            elif not isinstance(answer, Status) or answer.state is None:
                poller.closer(job, crowd)
            else:
                job.is_fine()
                crowd.questions.discard(job)
                if is_news(job.record, answer):
                    news.append((job, remote_id, answer))
                else:
                    job.puzzles = 0
                    poller.again(job)
        await asyncio.gather(*(self._tell(*one) for one in news))  # together, so that one commit may keep them all
        return told

    async def _tell(self, job: Tracked, remote_id: str, answer: Answer) -> None:
        engine = self._engine
        try:
            await engine.looker.take(job, remote_id, answer)
        except Exception as error:  # one job's strange answer must not keep the others' from being taken
            log.exception("job %s: its answer could not be taken", job.record.id)
            engine.fail_waits(job, error)
        engine.poller.again(job)
