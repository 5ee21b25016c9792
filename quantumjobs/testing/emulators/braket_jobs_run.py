"""Entry points of the Braket emulator's hybrid jobs, which really run: as subprocesses, in folders of their own.

An entry point is the user's own code, and it runs with the user's rights: nothing keeps it from the user's files. What
it asks of AWS it asks of the emulator, with the emulator's keys: it sees none of the user's own.
"""

from __future__ import annotations

import asyncio
import functools
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from posixpath import dirname
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.braket_jobs_payload import Channel, JobCreation, Script, place
from quantumjobs.testing.emulators.braket_jobs_state import HybridJob
from quantumjobs.testing.emulators.braket_logs import Logs
from quantumjobs.testing.emulators.braket_logs_store import Event
from quantumjobs.testing.emulators.braket_signatures import Keys
from quantumjobs.testing.emulators.braket_store import Store
from quantumjobs.workers.beside import beside
from quantumjobs.workers.programs import INSIDE, Plan, Run, State

_PAUSE = 0.1
"""Seconds between looks at the folders."""
_ANY = Keys("emulated", "emulated")
"""What a program signs with where every signature is let in."""
_HOST = "algo-{}"
T = TypeVar("T")


class Instance(Struct):
    """One of a job's machines."""

    run: Run
    stream: str
    read: int = 0
    """Bytes of its log."""


class Given(Struct, frozen=True):
    """What a program is given, from S3."""

    archive: bytes
    files: dict[str, bytes]
    checkpoints: dict[str, bytes]


class Programs:
    """Runs the entry points of jobs, with their sources and results in the emulator's S3."""

    def __init__(
        self, store: Store, logs: Logs, keys: Callable[[], Keys | None], clock_offset: Callable[[], float]
    ) -> None:
        self._store = store
        self._logs = logs
        self._keys = keys
        self._clock_offset = clock_offset
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._begun = 0

    async def run(self, job: HybridJob) -> None:
        """To its end. Raises `UsageError`, whose text is why it has failed."""
        instances = await _to_its_end(self._placed(job))
        try:
            for one in instances:
                await _to_its_end(_started(one.run, self._secrets(job)))
            job.happened("RUNNING", "The hybrid job is running.")
            failure = await self._followed(job, instances)
        finally:
            await self._ended(instances)
        for one in instances:
            await self._read(job, one)
        job.happened("UPLOADING_RESULTS", "The results are uploaded.")
        await self._upload(job, instances[0].run)
        if failure:
            raise UsageError(f"AlgorithmError: {failure}")

    def close(self) -> None:
        """Remove the folders. Nothing runs there any more."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    # --- before -------------------------------------------------------------------------------
    async def _placed(self, job: HybridJob) -> list[Instance]:
        """The folders, with nothing begun."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="quantumjobs-emulator-")
            (Path(self._folder.name) / "aws").write_text("[default]\n")
        self._begun += 1
        home = Path(self._folder.name) / f"{self._begun}-{job.uuid}"
        job.happened("DOWNLOADING_DATA", "The sources and the input data are downloaded.")
        about = job.about
        files = {name: body for one in about.input_data_config or () for name, body in self._channel(one).items()}
        checkpoints = self._below(about.checkpoint_config.s3_uri) if about.checkpoint_config else {}
        given = Given(self._archive(about), files, checkpoints)
        instances = []
        for number in range(1, about.instances + 1):
            run = Run(home / _HOST.format(number))
            plan = Plan(
                entry_point=_script(about).entry_point,
                variables=self._variables(job, _HOST.format(number)),
                max_runtime=float(about.longest),
            )
            await beside(_write, run, plan, given, about.hyper_parameters or {})
            instances.append(Instance(run, job.stream(number)))
        return instances

    def _archive(self, about: JobCreation) -> bytes:
        script = _script(about)
        bucket, key = place(script.s3_uri)
        body = self._store.body(bucket, key)
        if body is None:
            raise UsageError(f"ClientError: the sources are not to be found at {script.s3_uri}")
        return _packed(key.rpartition("/")[2], body) if script.compression_type == "NONE" else body

    def _channel(self, channel: Channel) -> dict[str, bytes]:
        """Its files, below its name. A prefix that is no folder's brings the folder that it is in, as in the service."""
        uri = channel.data_source.s3_data_source.s3_uri
        found = self._below(uri, files=True)
        if not found:
            raise UsageError(f"ClientError: no data found for channel {channel.channel_name!r}")
        return {f"{channel.channel_name}/{name}": body for name, body in found.items()}

    def _below(self, uri: str, *, files: bool = False) -> dict[str, bytes]:
        """Objects by their names below a prefix; with `files` the prefix may be a part of a name."""
        bucket, prefix = place(uri)
        found = self._store.below(bucket, prefix)
        whole = prefix.rstrip("/")
        if not files or all(key.startswith(f"{whole}/") for key in found):
            top = f"{whole}/" if whole else ""
        else:
            top = f"{dirname(prefix)}/" if dirname(prefix) else ""
        return {key.removeprefix(top): body for key, body in found.items() if key.startswith(top) and key[-1] != "/"}

    def _variables(self, job: HybridJob, host: str) -> dict[str, str]:
        """As the container has them, and the way to the emulator."""
        about, script = job.about, _script(job.about)
        bucket, path = place(about.output_data_config.s3_path)
        assert self._folder is not None
        config = str(Path(self._folder.name) / "aws")
        found = {
            "AMZN_BRAKET_JOB_NAME": about.job_name,
            "AMZN_BRAKET_DEVICE_ARN": about.device_config.device,
            "AMZN_BRAKET_OUT_S3_BUCKET": bucket,
            "AMZN_BRAKET_TASK_RESULTS_S3_URI": f"s3://{bucket}/jobs/{about.job_name}/tasks",
            "AMZN_BRAKET_JOB_RESULTS_S3_PATH": f"{path}/{about.job_name}/output",
            "AMZN_BRAKET_SCRIPT_S3_URI": script.s3_uri,
            "SM_CURRENT_HOST": host,
            "AWS_DEFAULT_REGION": job.region,
            "AWS_REGION": job.region,
            "AWS_CONFIG_FILE": config,  # not the user's, nor a profile of it
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_PROFILE": "default",
            "AWS_EC2_METADATA_DISABLED": "true",
            "no_proxy": "127.0.0.1",
            "NO_PROXY": "127.0.0.1",
        }
        if script.compression_type:
            found["AMZN_BRAKET_SCRIPT_COMPRESSION_TYPE"] = script.compression_type
        for reservation in about.associations:
            found["AMZN_BRAKET_RESERVATION_TIME_WINDOW_ARN"] = reservation.arn
            found["AMZN_BRAKET_RESERVATION_DEVICE_ARN"] = about.device_config.device
        for service in ("", "_BRAKET", "_S3", "_STS", "_IAM", "_CLOUDWATCH_LOGS"):
            found[f"AWS_ENDPOINT_URL{service}"] = job.endpoint
        return found | {"BRAKET_ENDPOINT": job.endpoint}

    def _secrets(self, job: HybridJob) -> dict[str, str]:
        keys = self._keys() or _ANY
        return {
            "AMZN_BRAKET_JOB_TOKEN": job.token,
            "AWS_ACCESS_KEY_ID": keys.id,
            "AWS_SECRET_ACCESS_KEY": keys.secret,
            "AWS_SESSION_TOKEN": keys.session,
        }

    # --- meanwhile ----------------------------------------------------------------------------
    async def _followed(self, job: HybridJob, instances: list[Instance]) -> str:
        """Why it has failed; empty where it has not. One failure is the end of all instances."""
        going = list(instances)
        while True:
            for one in list(going):
                state: State = await beside(one.run.state)
                await self._read(job, one)
                if not state.is_over:
                    continue
                going.remove(one)
                if state.state == "cancelled":
                    job.was_ended = True
                elif state.state == "failed":
                    return f"{one.run.folder.name}: {state.reason}"
            if not going:
                return ""
            if job.cancel_asked.is_set():
                for one in going:
                    await beside(one.run.cancel)
            await asyncio.sleep(_PAUSE)

    async def _read(self, job: HybridJob, one: Instance) -> None:
        """New lines, which go to its stream."""
        more, offset = True, self._clock_offset()
        while more:
            lines, one.read, more = await beside(one.run.lines, one.read)
            self._logs.write(job.region, one.stream, [Event(int((at + offset) * 1000), text, 0) for at, text in lines])

    async def _ended(self, instances: list[Instance]) -> None:
        """Whatever runs is ended: this is where a stop of the emulator comes by, too."""
        for one in instances:
            await beside(one.run.cancel)
        for one in instances:
            while not (await beside(one.run.state)).is_over:  # noqa: ASYNC110 - it is told by a file, and no event
                await asyncio.sleep(_PAUSE)

    # --- afterwards ---------------------------------------------------------------------------
    async def _upload(self, job: HybridJob, run: Run) -> None:
        about = job.about
        packed: bytes | None = await beside(_bytes, run.packed)
        if packed is not None:
            self.keep(job, packed)
        if about.checkpoint_config is not None:
            bucket, prefix = place(about.checkpoint_config.s3_uri)
            files: dict[str, bytes] = await beside(_files, run.folder / INSIDE / "checkpoints")
            for name, body in files.items():
                self._store.put(bucket, f"{prefix.rstrip('/')}/{name}".lstrip("/"), body, region=job.region)

    def keep(self, job: HybridJob, packed: bytes) -> None:
        """A job's results."""
        bucket, path = place(job.about.output_data_config.s3_path)
        self._store.put(bucket, f"{path.rstrip('/')}/output/model.tar.gz".lstrip("/"), packed, region=job.region)


def _script(about: JobCreation) -> Script:
    found = about.algorithm_specification.script_mode_config
    assert found is not None  # `job_creation` takes no other
    return found


def _write(run: Run, plan: Plan, given: Given, parameters: Mapping[str, str]) -> None:
    run.place(plan, given.archive, given.files, parameters)
    kept = run.folder / INSIDE / "checkpoints"
    for name, body in given.checkpoints.items():
        file = kept / name
        if kept not in Path(os.path.normpath(file)).parents:
            raise UsageError(f"ClientError: the checkpoint {name!r} is not below its folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)


async def _to_its_end(steps: Coroutine[Any, Any, T]) -> T:
    """What is done in threads goes on when nobody waits for it any more: nothing may come after it before it ends."""
    task = asyncio.ensure_future(steps)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _started(run: Run, secrets: Mapping[str, str]) -> None:
    await beside(functools.partial(run.start, secrets, follow_parent=True))


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _files(folder: Path) -> dict[str, bytes]:
    """Plain ones, by name below the folder; what links lead to is left out."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and folder.resolve() in file.resolve().parents
    }


def _packed(name: str, body: bytes) -> bytes:
    """A single file, as an archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    return made.getvalue()


def saved(values: Mapping[str, Any]) -> bytes:
    """Results of a job whose program is not run, packed."""
    head = {"name": "braket.jobs_data.persisted_job_data", "version": "1"}
    found = {"braketSchemaHeader": head, "dataDictionary": values, "dataFormat": "plaintext"}
    return _packed("results.json", msgspec.json.encode(found))
