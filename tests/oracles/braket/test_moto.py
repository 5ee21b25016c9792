"""Results in the S3 of moto, which others have written: buckets are made there, and what is in them is read."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import quantumjobs as qj
from quantumjobs.abc import Adapter, Remote
from quantumjobs.adapters.braket.provider import BraketProvider, provider
from quantumjobs.errors import ProviderRejected, ProviderUnavailable
from quantumjobs.testing.emulators import BraketEmulator, serve
from quantumjobs.testing.emulators.braket_documents import objects
from quantumjobs.testing.emulators.braket_tasks import BraketTask
from quantumjobs.wire import Unsigned
from quantumjobs.wire.sigv4 import AwsKeys, Signer
from tests.adapters.braket.helpers import GHZ, QUICK, flipped
from tests.oracles.aqt.vendor import surroundings
from tests.oracles.braket import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(120)]

SERVE = """
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
signal.pause()
"""
KEYS = AwsKeys(vendor.KEY_ID, vendor.SECRET, origin="the test")
ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL."""
    with served(tmp_path_factory.mktemp("moto")) as url:
        yield url


@contextmanager
def served(home: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [vendor.python(), "-I", "-c", SERVE],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=surroundings(home),
        text=True,
        cwd=home,
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port, f"moto ended with {process.wait()}"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class S3:
    """Asked directly."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: bytes = b"", *, region: str = vendor.REGION) -> httpx.Response:
        headers: dict[str, str] = {}
        where = self.url + quote(path, safe="/-_.~")
        Signer("s3", region)(Unsigned(method, where, headers, body), KEYS)
        return httpx.request(method, where, headers=headers, content=body, trust_env=False)

    def put(self, path: str, body: bytes, *, region: str = vendor.REGION) -> None:
        self.ask("PUT", path, body, region=region).raise_for_status()


class Elsewhere(BraketEmulator):
    """Writes results where S3 is."""

    def __init__(self, s3: S3, **given: Any) -> None:
        super().__init__(**given)
        self.s3 = s3

    def _store(self, task: BraketTask) -> None:
        for path, body in objects(task, spilled=self.spilled).items():
            where = f"/{task.about.output_s3_bucket}/{task.directory}/{path}"
            self.s3.put(where, body, region=task.region)


def settings(braket: str, moto: str, **more: Any) -> dict[str, Any]:
    return vendor.settings(moto, **{"endpoint_url": braket, **more})


def client_of(braket: str, moto: str, **more: Any) -> qj.Client:
    return qj.Client(ledger="memory", policies=QUICK, providers={"braket": settings(braket, moto, **more)})


@pytest.mark.parametrize("spilled", [False, True])
async def test_default_buckets_are_made_and_results_read_from_them(moto: str, spilled: bool):
    s3 = S3(moto)
    async with serve(Elsewhere(s3, seed=1, spilled=spilled)) as url:
        for _ in range(2):  # the second client finds the buckets
            async with client_of(url, moto) as client:
                result = await (await client.backend("braket/sv1").run(flipped(1, 0), shots=9))
                assert result.counts == {"01": 9}
                several = await (await client.backend("braket/Garnet").run([flipped(0, 1), GHZ, flipped(1)], shots=9))
                assert [several[0].counts, several[2].counts] == [{"10": 9}, {"1": 9}]
                assert several[1].counts.keys() <= {"000", "111"}
    listed = s3.ask("GET", "/").text
    for region in ("us-east-1", "eu-north-1"):
        assert f"<Name>amazon-braket-{region}-{ACCOUNT}</Name>" in listed
        found = s3.ask("HEAD", f"/amazon-braket-{region}-{ACCOUNT}", region=region)
        assert found.headers["x-amz-bucket-region"] == region


async def test_a_bucket_of_ones_own_and_an_awkward_prefix_are_taken(moto: str):
    s3 = S3(moto)
    s3.put("/my.results", b"")
    awkward = "a b+c/é=(1)~*'?x#%41"
    async with serve(Elsewhere(s3, seed=1)) as url, client_of(url, moto, s3_bucket="my.results") as client:
        job = await client.backend("braket/sv1").run(flipped(1, 0), shots=9, s3_prefix=awkward)
        assert (await job).counts == {"01": 9}
    assert "results.json</Key>" in s3.ask("GET", "/my.results").text


async def test_a_result_of_megabytes_is_read(moto: str):
    async with serve(Elsewhere(S3(moto), results="10")) as url, client_of(url, moto) as client:
        result = await (await client.backend("braket/sv1").run(flipped(*[0] * 20), shots=50_000))
        assert result.counts == {"01" * 10: 50_000}


def adapter(made: BraketProvider) -> Any:
    return made.connect(made.lane("sv1"), lambda *_: None)


def remote(bucket: str, directory: str, *, ended: float = 1.0) -> Remote:
    """A task whose result is there, as the service has said."""
    arn = f"arn:aws:braket:{vendor.REGION}:{ACCOUNT}:quantum-task/00000000-0000-4000-8000-000000000000"
    details = {"bucket": bucket, "directory": directory, "ended": repr(ended)}
    return Remote(id=arn, backend="sv1", created_at=0.0, details=details)


async def test_what_is_not_there_is_told_and_what_just_ended_is_waited_for(moto: str):
    S3(moto).put("/there", b"")
    async with adapter(provider(settings("http://127.0.0.1:1", moto))) as made:
        assert isinstance(made, Adapter)
        for place in (("there", "tasks/1"), ("nowhere", "tasks/1")):
            with pytest.raises(ProviderRejected, match="NoSuch"):
                await made.fetch(remote(*place))
        with pytest.raises(ProviderUnavailable, match="NoSuchKey"):
            await made.fetch(remote("there", "tasks/1", ended=time.time()))


async def test_the_parts_of_a_result_are_all_read_and_a_missing_one_is_told(moto: str):
    s3 = S3(moto)
    s3.put("/parts", b"")
    head = {"braketSchemaHeader": {"name": "braket.task_result.program_set_task_result", "version": "1"}}
    s3.put("/parts/tasks/1/results.json", json.dumps(head | {
        "s3Location": ["parts", "tasks/1"], "programResults": ["programs/0/results.json"], "taskMetadata": "metadata.json",
    }).encode())  # fmt: skip
    inner = {"source": "program.json", "executableResults": [f"executables/{at}.json" for at in range(30)]}
    s3.put("/parts/tasks/1/programs/0/results.json", json.dumps(inner).encode())
    rest = {"metadata.json", "programs/0/program.json", *(f"programs/0/executables/{at}.json" for at in range(30))}
    for path in rest:
        s3.put(f"/parts/tasks/1/{path}", b"{}")
    async with adapter(provider(settings("http://127.0.0.1:1", moto))) as made:
        raw = await made.fetch(remote("parts", "tasks/1"))
        assert raw.blobs.keys() == {"results.json", "programs/0/results.json", *rest}
        s3.ask("DELETE", "/parts/tasks/1/programs/0/executables/29.json")
        with pytest.raises(ProviderRejected, match="NoSuchKey"):
            await made.fetch(remote("parts", "tasks/1"))
