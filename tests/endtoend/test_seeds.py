"""The same seed is the same result, wherever and however often it runs."""

from __future__ import annotations

import concurrent.futures
import multiprocessing

import pytest

import quantumjobs as qj
from tests.endtoend.helpers import random_text

STEP = 2113  # Aer's own distance between the seeds of a list
SHOTS = 400
SEED = 12345


def circuits() -> list[str]:
    return [random_text(number) for number in range(25)]


async def counts(executor=None, *, given=None, seed=SEED) -> list[dict[str, int]]:
    settings = {} if executor is None else {"aer": {"executor": executor}}
    async with qj.Client(providers=settings) as client:
        job = await client.backend("aer").run(given or circuits(), shots=SHOTS, seed_simulator=seed)
        return [one.counts for one in await job]


@pytest.fixture(scope="module")
def expected() -> list[dict[str, int]]:
    """What Aer itself says, in one run of its own."""
    from qiskit import qasm3
    from qiskit_aer import AerSimulator

    loaded = [qasm3.loads(text) for text in circuits()]
    result = AerSimulator().run(loaded, shots=SHOTS, seed_simulator=SEED).result()
    return [dict(sorted(result.get_counts(number).items())) for number in range(len(loaded))]


@pytest.mark.real_time
async def test_a_list_is_seeded_as_in_aer_and_so_are_its_circuits_one_by_one(expected):
    assert await counts() == expected
    assert await counts() == expected
    assert await counts(given=list(reversed(circuits()))) != list(reversed(expected))
    for place in (0, 7, 24):
        assert await counts(given=circuits()[place], seed=SEED + STEP * place) == [expected[place]]


@pytest.mark.real_time
async def test_a_list_in_parts_gives_the_same(expected):
    # Weights that cut the list elsewhere: a long circuit between the short ones.
    from tests.endtoend.helpers import volume

    given = circuits()
    long = volume(16, 16)
    mixed = await counts(given=[*given[:10], long, *given[11:]])
    assert mixed[:10] + mixed[11:] == expected[:10] + expected[11:]
    (alone,) = await counts(given=long, seed=SEED + STEP * 10)
    assert mixed[10] == alone


@pytest.mark.real_time
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: concurrent.futures.ThreadPoolExecutor(2), id="threads"),
        pytest.param(
            lambda: concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")), id="spawn"
        ),
        pytest.param(
            lambda: concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")),
            id="forkserver",
        ),
    ],
)
async def test_another_executor_gives_the_same(expected, make):
    with make() as executor:
        assert await counts(executor) == expected
        (alone,) = await counts(executor, given=circuits()[3], seed=SEED + STEP * 3)
        assert alone == expected[3]


@pytest.mark.real_time
async def test_an_executor_that_the_client_makes_is_ended_by_it(expected):
    made = []

    def make():
        made.append(concurrent.futures.ThreadPoolExecutor(1))
        return made[-1]

    assert await counts(make) == expected
    assert len(made) == 1
    with pytest.raises(RuntimeError, match="shutdown"):
        made[0].submit(print)


@pytest.mark.real_time
async def test_an_unseeded_job_says_its_seed():
    async with qj.Client() as client:
        aer = client.backend("aer")
        first, second = [await (await aer.run(circuits()[:5], shots=SHOTS)) for _ in range(2)]
        assert [one.counts for one in first] != [one.counts for one in second]
        again = await (await aer.run(circuits()[:5], shots=SHOTS, seed_simulator=first[0].seed))
        assert [one.counts for one in again] == [one.counts for one in first]
        assert [one.seed for one in again] == [first[0].seed + STEP * place for place in range(5)]
