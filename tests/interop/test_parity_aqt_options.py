"""The options of AQTJob, and what is said in their place: to the blocking job, to the one with Qiskit's methods, to the async one.

docs/reference/parity-aqtjob.md names these tests.
"""

from __future__ import annotations

import asyncio
import time

import pytest
from qiskit.exceptions import QiskitError
from qiskit.providers import JobError, JobTimeoutError

import quantumjobs as qj
from quantumjobs.blocking import Client
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy
from quantumjobs.interop.qiskit import backend
from tests.adapters.aqt.portal import BACKEND, Portal
from tests.engine.test_showing import Show
from tests.interop.aqt import IBEX, client_of, emulator, portal_client, served
from tests.interop.helpers import NEVER, PATIENCE, bell, cloud, end, on


# --- blocking ----------------------------------------------------------------------------------
def test_blocking_looks_as_rarely_as_the_policy_says() -> None:
    slow = {"aqt": Policy(pace=Pace(first=0.3, at_least=0.3, at_most=0.3))}
    made = emulator(duration=1.0)
    with served(made) as url, client_of(url, policies=slow) as client:
        begun = time.monotonic()
        client.backend(IBEX).run(bell()).result(timeout=PATIENCE)
        assert 1 <= made.requests["result"] <= (time.monotonic() - begun) / 0.3 + 1


def test_blocking_bar_is_drawn_where_it_is_asked_for() -> None:
    with on(cloud(running=0.2)) as fake:
        client, show = fake._client, Show()
        assert client is not None
        client._twin._progress.show = lambda: show
        job = client.backend("fake/sim").run(bell(), name="bell")
        job.result(progress=True)
        client.backend("fake/sim").run(bell()).result()
        assert [bar.label for bar in show.bars] == ["bell"]
        client.progress = True
        client.backend("fake/sim").run(bell(), name="all").result()
        assert [bar.label for bar in show.bars] == ["bell", "all"]


def test_blocking_shots_are_from_1_to_2000_and_a_list_may_be_long() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        run = client.backend(IBEX).run
        for shots in (0, 2001, 1.5, True):
            with pytest.raises(qj.UsageError, match="shots"):
                run(bell(), shots=shots)  # type: ignore[arg-type] # wrong on purpose
        assert not made.requests["submit"]
        assert client.backend(IBEX).describe()["max_shots"] == 2000
        assert [sum(run(bell(), shots=shots).result().counts.values()) for shots in (1, 2000)] == [1, 2000]
        assert len(run([bell()] * 60, shots=1).result()) == 60


def test_blocking_options_of_aqts_job_are_refused_and_what_is_to_be_said_instead_works() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        for name in ("query_period_seconds", "query_timeout_seconds", "with_progress_bar", "seed_simulator", "mystery"):
            with pytest.raises(qj.UsageError, match=name):
                client.backend(IBEX).run(bell(), **{name: 1})
        assert client.jobs() == []
        job = client.backend(IBEX).run(bell(), shots=3, memory=True, name="mine")
        assert (job.options["shots"], job.options["memory"], job.name) == (3, True, "mine")


# --- in Qiskit's form --------------------------------------------------------------------------
def test_qiskit_shots_are_100_unless_said_and_from_1_to_2000() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        ibex = backend(IBEX, client)
        for shots in (0, 2001):
            with pytest.raises(QiskitError, match=r"shots=") as refused:
                ibex.run(bell(), shots=shots)
            assert isinstance(refused.value, ValueError)
        assert ibex.options.shots is None
        assert client.backend(ibex.name).describe()["max_shots"] == 2000
        ibex.options.shots = 50
        assert sum(ibex.run(bell()).result().get_counts().values()) == 50
        assert sum(ibex.run(bell(), shots=2000).result().get_counts().values()) == 2000
    assert made.requests["submit"] == 2


@pytest.mark.parametrize("how", ["run", "set_options", "options", "update_options", "backend"])
def test_a_query_timeout_ends_the_wait_for_the_result_and_not_the_job(how: str) -> None:
    option = {"query_timeout_seconds": 0.1}
    provider = cloud(running=NEVER)
    with on(provider, **(option if how == "backend" else {})) as fake:
        assert fake.options.query_timeout_seconds == (0.1 if how == "backend" else None)
        match how:
            case "set_options":
                fake.set_options(**option)
            case "options":
                fake.options.query_timeout_seconds = 0.1
            case "update_options":
                fake.options.update_options(**option)
        job = fake.run(bell(), shots=10, **(option if how == "run" else {}))
        begun = time.monotonic()
        with pytest.raises(JobTimeoutError) as timeout:
            job.result()
        assert 0.1 <= time.monotonic() - begun < PATIENCE
        assert isinstance(timeout.value, qj.ResultTimeout)
        assert (timeout.value.job, timeout.value.token) == (job.job, job.job_id())
        with pytest.raises(qj.ResultTimeout) as timeout:
            job.result(timeout=0.01)  # said at the wait, it counts before the option
        assert not isinstance(timeout.value, JobError)
        end(provider)
        assert sum(job.result(timeout=PATIENCE).get_counts().values()) == 10


def test_a_progress_bar_is_drawn_where_the_option_says_so_and_else_as_the_client_says() -> None:
    with on(cloud(running=0.1), with_progress_bar=True) as fake:
        client, show = fake._client, Show()
        assert client is not None
        client._twin._progress.show = lambda: show

        def bars(**options: bool | None) -> int:
            before = len(show.bars)
            fake.run(bell(), **options).result()
            return len(show.bars) - before

        assert bars() == 1
        assert bars(with_progress_bar=False) == 0
        assert all(bar.closed == 1 for bar in show.bars)
        fake.set_options(with_progress_bar=None)
        assert bars() == 0
        assert bars(with_progress_bar=True) == 1
        client.progress = True
        assert bars() == 1
        assert bars(with_progress_bar=False) == 0


def test_a_query_period_is_refused_with_what_to_say_instead() -> None:
    with on(cloud()) as fake:
        with pytest.raises(AttributeError, match=r"Policy\(pace=") as refused:
            fake.set_options(query_period_seconds=2.0)
        assert isinstance(refused.value, qj.UsageError)
        with pytest.raises(QiskitError, match=r"Policy\(pace="):
            fake.run(bell(), query_period_seconds=2.0)
        fake.options.query_period_seconds = 0.5
        with pytest.raises(qj.UsageError, match="query_period_seconds"):
            fake.run(bell())
        fake.set_options(query_period_seconds=None)  # as if not given
        assert fake.run(bell(), query_period_seconds=None).result().success


@pytest.mark.parametrize(
    "option",
    [
        {"query_timeout_seconds": 0},
        {"query_timeout_seconds": -1.0},
        {"query_timeout_seconds": "5"},
        {"query_timeout_seconds": float("nan")},
        {"query_timeout_seconds": True},
        {"with_progress_bar": 1},
        {"mystery": 1},
    ],
)
def test_qiskit_values_that_make_no_sense_and_unknown_options_are_refused_before_anything_is_sent(option) -> None:
    provider = cloud()
    with on(provider) as fake:
        (name,) = option
        with pytest.raises(QiskitError, match=name) as refused:
            fake.run(bell(), **option)
        assert isinstance(refused.value, qj.UsageError)
        with pytest.raises(AttributeError, match=name):
            fake.set_options(**option)
        assert provider.submits == 0
        fake.run(bell()).result()


# --- both --------------------------------------------------------------------------------------
def test_the_seed_of_an_offline_simulator_is_an_option_in_both_forms() -> None:
    simulator = "aqt/default/offline_simulator_noise"
    with Client(ledger="memory") as client:
        blocking = client.backend(simulator).run(bell(), shots=50, memory=True, seed_simulator=7).result()
        ours = backend(simulator, client, seed_simulator=7).run(bell(), shots=50, memory=True).result()
        assert ours.get_memory() == blocking.memory
        assert len(set(blocking.memory)) > 1


# --- async -------------------------------------------------------------------------------------
async def test_async_looks_as_rarely_as_the_policy_says() -> None:
    portal = Portal(looks=9)
    rarely = {"aqt": Policy(pace=Pace(first=100.0, at_least=100.0, at_most=100.0))}
    async with portal_client(portal, policies=rarely) as client:
        begun = asyncio.get_running_loop().time()
        await (await client.backend(BACKEND).run("OPENQASM 3.0;"))
        assert portal.requests["result"] == 10
        assert asyncio.get_running_loop().time() - begun >= 10 * 100 * 0.5  # looks are spread a little


async def test_async_options_of_aqts_job_are_refused_before_anything_is_sent() -> None:
    portal = Portal()
    async with portal_client(portal) as client:
        for name in ("query_period_seconds", "query_timeout_seconds", "with_progress_bar", "seed_simulator", "mystery"):
            with pytest.raises(qj.UsageError, match=name):
                await client.backend(BACKEND).run("OPENQASM 3.0;", **{name: 1})
        assert await client.jobs() == []
    assert not portal.requests["submit"]
