"""The fault matrix bites: an adapter that does what it should not fails in the cells that are about it."""

from __future__ import annotations

import logging
import warnings
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from quantumjobs.abc import Gone, Raw, Status
from quantumjobs.core.events import SubmitDeferred
from quantumjobs.core.states import JobState
from quantumjobs.engine import traffic
from quantumjobs.engine.looker import Looker
from quantumjobs.engine.sender import Sender
from quantumjobs.errors import (
    CredentialError,
    ProviderError,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
)
from quantumjobs.testing.emulators import GenericEmulator, GenericProvider
from quantumjobs.testing.emulators.generic_adapter import GenericAdapter
from quantumjobs.testing.emulators.generic_codec import SCHEMA
from quantumjobs.testing.fault_ear import Ear
from quantumjobs.testing.fault_rules import CELLS
from quantumjobs.testing.fault_scene import Scene
from quantumjobs.testing.fault_table import NAMES, OPERATIONS, RETRY_AFTER, TROUBLES
from quantumjobs.testing.rules import FaultRules
from quantumjobs.wire import Deadlines, Limits
from quantumjobs.wire.retry_after import retry_after

BY_NAME = {cell.test: cell for cell in CELLS}


def token_of(adapter: GenericAdapter) -> str:
    return adapter._wire._credential._held.secret.reveal()  # type: ignore[union-attr] # inside a connection it is there


# --- adapters that do what they should not ------------------------------------------------
class SendsAgain(GenericAdapter):
    async def submit(self, sending):
        try:
            return await super().submit(sending)
        except ProviderUnavailable:
            return await super().submit(sending)


class SaysItWasNotSent(GenericAdapter):
    async def submit(self, sending):
        try:
            return await super().submit(sending)
        except ProviderUnavailable as error:
            error.sent = False
            raise


class TellsTheToken(GenericAdapter):
    async def poll(self, jobs):
        try:
            return await super().poll(jobs)
        except ProviderError as error:
            raise type(error)(f"{error} (token {token_of(self)})", provider="generic") from error


class CarriesTheToken(GenericAdapter):
    async def poll(self, jobs):
        try:
            return await super().poll(jobs)
        except ProviderError as error:
            error.request = {"authorization": f"Bearer {token_of(self)}"}  # type: ignore[attr-defined] # the leak to be found
            raise


class LogsTheToken(GenericAdapter):
    async def poll(self, jobs):
        logging.getLogger("acme.wire").debug("asking with %s", token_of(self))
        return await super().poll(jobs)


class ShowsTheToken(GenericAdapter):
    def __repr__(self):
        return f"<Adapter {token_of(self)}>"


class GoesElsewhere(GenericAdapter):
    """It goes where it is sent, with its credential, and says nothing of it."""

    async def poll(self, jobs):
        try:
            return await super().poll(jobs)
        except ProviderProtocolError as error:
            elsewhere = str(error).partition("redirected to ")[2].partition(",")[0]
            async with httpx.AsyncClient(trust_env=False) as client:
                await client.get(elsewhere, headers={"authorization": f"Bearer {token_of(self)}"})
            raise


class TakesAnyWordForQueued(GenericAdapter):
    async def poll(self, jobs):
        answers = await super().poll(jobs)
        known = Status(state=JobState.QUEUED, raw_status="queued")
        return {
            one: known if isinstance(told, Status) and told.state is None else told for one, told in answers.items()
        }


class TakesWeatherForANo(GenericAdapter):
    async def poll(self, jobs):
        try:
            return await super().poll(jobs)
        except ProviderUnavailable as error:
            raise ProviderRejected(str(error), provider="generic") from error


class TakesGarbageForGone(GenericAdapter):
    async def poll(self, jobs):
        try:
            return await super().poll(jobs)
        except ProviderProtocolError:
            return {job.id: Gone("not there") for job in jobs}


class Forgets(GenericAdapter):
    """It passes over what the server asks for."""

    async def poll(self, jobs):
        try:
            return await super().poll(jobs)
        except ProviderUnavailable as error:
            error.retry_after = None
            raise


class Swallows(GenericAdapter):
    """It unpacks whatever comes."""

    async def poll(self, jobs):
        self._wire._limits = Limits(decoded=1 << 30, ratio=1e9)
        return await super().poll(jobs)


class KeepsWhatComes(GenericAdapter):
    async def fetch(self, job):
        reply = await self._wire.get(f"/jobs/{job.id}/result")
        if reply.status != 200:
            return await super().fetch(job)
        return Raw(SCHEMA, {"body": reply.body})


class HasNoDeadline(GenericAdapter):
    async def poll(self, jobs):
        self._wire._deadlines = Deadlines(silence=1000.0, total=1000.0)
        return await super().poll(jobs)


class AsksForNoOtherToken(GenericAdapter):
    async def poll(self, jobs):
        with suppress(AttributeError):
            self._wire._credential.renew = self._never  # type: ignore[union-attr] # inside a connection it is there
        return await super().poll(jobs)

    async def _never(self, refused: Any) -> Any:
        return refused


class EndsInABug(GenericAdapter):
    async def cancel(self, job):
        try:
            return await super().cancel(job)
        except CredentialError as error:
            raise KeyError("token") from error


class Matrix(FaultRules):
    address = "generic/sim"
    counts = {"00": 10}
    operations = {"describe": "describe", "submit": "submit", "look": "look", "fetch": "result", "cancel": "cancel"}
    wordless = frozenset({"describe", "fetch"})
    patience = 2.0
    kind: type[GenericAdapter] = GenericAdapter

    def make_emulator(self, *, queue):
        return GenericEmulator(results="zeros", queue=queue)

    def make_provider(self, url, *, token, deadlines, transport):
        kind = self.kind

        class Provider(GenericProvider):
            def connect(self, lane, report):
                return self._broken(super().connect(lane, report))

            @asynccontextmanager
            async def _broken(self, connection):
                async with connection as adapter:
                    yield kind(adapter._wire)

        return Provider(url=url, token=token, min_interval=0.05, deadlines=deadlines, transport=transport)


BROKEN = [
    (SendsAgain, "submit meets reset and was carried out", "2 requests for one submit"),
    (SendsAgain, "submit meets 504", "2 requests for one submit"),
    (SaysItWasNotSent, "submit meets 500 and was carried out", "sent=True"),
    (SaysItWasNotSent, "submit meets read timeout", "sent=True"),
    (TellsTheToken, "look meets 500", "a secret is shown"),
    (TellsTheToken, "look meets reset", "a secret is shown"),
    (CarriesTheToken, "look meets garbage", "a secret is shown"),
    (LogsTheToken, "look meets 401 once", "a secret is shown"),
    (ShowsTheToken, "describe meets 503", "a secret is shown"),
    (GoesElsewhere, "look meets redirect elsewhere", "a secret is shown"),
    (TakesAnyWordForQueued, "look meets unknown status word and was carried out", "should say"),
    (TakesWeatherForANo, "look meets 408", "should say"),
    (TakesWeatherForANo, "look meets refused connection", "should say"),
    (TakesGarbageForGone, "look meets wrong schema", "should say"),
    (Forgets, "look meets 429 with a date of asctime", "to wait None s"),
    (Swallows, "look meets gzip bomb", "the reply took"),
    (KeepsWhatComes, "fetch meets garbage", "should say"),
    (HasNoDeadline, "look meets read timeout", "it hangs"),
    (AsksForNoOtherToken, "look meets 401 once", "should say"),
    (EndsInABug, "cancel meets 401 for ever", "should say"),
]


@pytest.mark.parametrize(("kind", "cell", "said"), BROKEN)
def test_a_broken_adapter_fails_in_the_cell_that_is_about_it(kind, cell, said):
    rules = Matrix()
    rules.kind = kind
    with pytest.raises(AssertionError, match=said):
        rules.check(BY_NAME[f"test_{cell.replace(' ', '_')}"])


# --- what only a whole client shows -------------------------------------------------------
def test_a_second_job_at_the_provider_fails_a_cell(monkeypatch):
    async def send_again(self, job):  # in doubt, as none should
        await self._engine.apply(job, SubmitDeferred(at=self._engine.wall(), reason="hope"))

    monkeypatch.setattr(Sender, "_resolve", send_again)
    with pytest.raises(AssertionError, match="should have raised SubmissionUncertain"):
        Matrix().check(BY_NAME["test_submit_meets_504_and_was_carried_out"])
    monkeypatch.setattr(Scene, "resolves_doubts", True)
    with pytest.raises(AssertionError, match="2 jobs at the provider"):
        Matrix().check(BY_NAME["test_submit_meets_504_and_was_carried_out"])


def test_a_wait_that_weather_ends_fails_a_cell(monkeypatch):
    def fail(self, job, error):
        self._engine.fail_waits(job, error)

    monkeypatch.setattr(Looker, "_miss", fail)
    with pytest.raises(Exception, match="answered 500"):
        Matrix().check(BY_NAME["test_look_meets_500"])


def test_an_impatient_client_fails_a_cell(monkeypatch):
    monkeypatch.setattr(traffic, "retry_after", lambda error: 0.0)
    with pytest.raises(AssertionError, match="asked for 7.0 s, and the next request came after 0.01"):
        Matrix().check(BY_NAME["test_look_meets_429_with_seconds"])


# --- the table ----------------------------------------------------------------------------
def test_every_operation_meets_every_trouble_and_only_a_word_has_no_place_in_a_description():
    left_out = [(one.name, operation) for one in TROUBLES for operation in OPERATIONS if one.outcome(operation) is None]
    assert left_out == [("unknown status word", "describe")]
    assert len({cell.test for cell in CELLS}) == len(CELLS)
    outcomes = {one.outcome(operation) for one in TROUBLES for operation in OPERATIONS} - {None}
    assert outcomes == set(NAMES.values())


@pytest.mark.parametrize("asked", RETRY_AFTER, ids=lambda asked: asked.form)
def test_what_the_table_says_of_a_retry_after_is_what_the_wire_reads(asked):
    assert retry_after(asked.headers, now=0.0) == asked.seconds


def test_a_cell_is_a_test_of_its_own_and_what_does_not_apply_is_none():
    class NoCancel(Matrix):
        operations = {name: theirs for name, theirs in Matrix.operations.items() if name != "cancel"}

    class CancelsAfterAll(NoCancel):
        operations = Matrix.operations

    assert NoCancel.test_cancel_meets_500 is None
    assert CancelsAfterAll.test_cancel_meets_500 is Matrix.test_cancel_meets_500
    assert Matrix.test_cancel_meets_500.__name__ == "test_cancel_meets_500"
    assert NoCancel.test_look_meets_500 is Matrix.test_look_meets_500
    assert Matrix.test_fetch_meets_unknown_status_word_and_was_carried_out is None


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"operations": {"describe": "describe", "submit": "submit", "look": "look", "fetch": "result"}}, "Cancels"),
        ({"wordless": frozenset({"look"})}, "look does tell a status"),
        ({"bodiless": frozenset({"cancel"})}, "cancel does have a body"),
    ],
)
def test_cells_are_not_left_out_by_a_false_word(told, said):
    rules = type("Rules", (Matrix,), told)()
    with pytest.raises(AssertionError, match=said):
        rules.test_cells_that_are_left_out_cannot_happen()


# --- what is heard ------------------------------------------------------------------------
def test_warnings_are_heard_and_given_on():
    ear = Ear()
    with pytest.warns(UserWarning, match="canary"):
        _warn(ear)
    with pytest.raises(AssertionError, match=r"\[SECRET\]"):
        ear.check("canary-1")


def _warn(ear):
    with ear.listening():
        warnings.warn("canary-1", UserWarning, stacklevel=1)


def test_what_a_loop_reports_fails_a_cell():
    ear = Ear()
    ear.exception_in_loop(None, {"message": "never retrieved", "exception": ValueError("x")})
    with pytest.raises(AssertionError, match="nobody handled"):
        ear.check()
