"""Hybrid jobs of Braket in every cell of the fault matrix."""

from __future__ import annotations

from typing import Any, cast

from quantumjobs.abc import Program, Request, RunsPrograms
from quantumjobs.adapters.braket import provider
from quantumjobs.client.client import Client
from quantumjobs.engine.job import Job
from tests.adapters.braket.helpers import settings_of
from tests.adapters.braket.matrix import BraketFaults

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonBraketJobsExecutionRole"


def nothing() -> None:
    """What a program of these tests does; the emulator makes up what came of it."""


class TestHybridJobs(BraketFaults):
    address = "braket/hybrid/sv1"
    operations = {
        "describe": "ListRoles",
        "submit": "CreateJob",
        "look": "GetJob",
        "fetch": "fetch",
        "cancel": "CancelJob",
    }
    wordless = frozenset({"describe", "fetch", "cancel"})

    def request(self, backend: str) -> Request:
        made = cast("RunsPrograms", provider(settings_of("http://127.0.0.1:1")))
        return made.program(Program(device="sv1", source=nothing))

    async def run_job(self, client: Client, address: str) -> Job:
        return await client.hybrid_job("braket/sv1", nothing)

    def check_result(self, result: Any) -> None:
        assert isinstance(result, dict), result


class TestIdentity(TestHybridJobs):
    """The account's number, which is asked for once, where the bucket is not named."""

    only = frozenset({"describe"})
    operations = {**TestHybridJobs.operations, "describe": "identity"}
    more = {"job_role": ROLE}
