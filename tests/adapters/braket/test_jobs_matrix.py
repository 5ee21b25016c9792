"""Hybrid jobs of Braket in every cell of the fault matrix."""

from __future__ import annotations

from typing import Any, cast

from quantumjobs.abc import Program, Request, RunsPrograms
from quantumjobs.adapters.braket import provider
from quantumjobs.client.client import Client
from quantumjobs.engine.job import Job
from quantumjobs.testing.emulators import BraketEmulator
from quantumjobs.testing.rules import FaultRules
from tests.adapters.braket.helpers import settings_of

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonBraketJobsExecutionRole"


def nothing() -> None:
    """What a program of these tests does; the emulator makes up what came of it."""


class TestHybridJobs(FaultRules):
    address = "braket/hybrid/sv1"
    operations = {
        "describe": "ListRoles",
        "submit": "CreateJob",
        "look": "GetJob",
        "fetch": "fetch",
        "cancel": "CancelJob",
    }
    wordless = frozenset({"describe", "fetch", "cancel"})
    more: dict[str, Any] = {"s3_bucket": "of-my-own"}

    def make_emulator(self, *, queue: float) -> BraketEmulator:
        return BraketEmulator(results="zeros", queue=queue)

    def make_provider(self, url, *, token, deadlines, transport):
        async def keys() -> tuple[str, str]:
            secret = await token()
            return f"AKID{secret[-12:].upper()}", secret

        settings: dict[str, Any] = settings_of(url, credentials=keys, deadlines=deadlines, **self.more)
        return provider(settings if transport is None else {**settings, "transport": transport})

    def request(self, backend: str) -> Request:
        made = cast("RunsPrograms", provider(settings_of("http://127.0.0.1:1")))
        return made.program(Program(device="sv1", source=nothing))

    async def submit(self, client: Client, address: str) -> Job:
        return await client.hybrid_job("braket/sv1", nothing)

    def check_result(self, result: Any) -> None:
        assert isinstance(result, dict), result


class TestIdentity(TestHybridJobs):
    """The account's number, which is asked for once, where the bucket is not named."""

    only = frozenset({"describe"})
    operations = {**TestHybridJobs.operations, "describe": "identity"}
    more = {"job_role": ROLE}
