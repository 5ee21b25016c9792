"""What a user asks for with a hybrid job: checked, packed, and made the body of CreateJob. It reads files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from quantumjobs.abc import HYBRID, Program, Request
from quantumjobs.adapters.braket import jobs_payload, packing
from quantumjobs.adapters.braket.endpoints import checked_bucket
from quantumjobs.adapters.braket.jobs_searching import is_job
from quantumjobs.adapters.braket.options import reservation, tags
from quantumjobs.adapters.braket.settings import checked_role
from quantumjobs.errors import UsageError, unknown_name

LONGEST = 432_000
"""Seconds that a job may run, as documented: five days."""
INSTANCE: Mapping[str, Any] = {"instanceType": "ml.m5.large", "volumeSizeInGb": 30, "instanceCount": 1}
"""As the vendor's SDK has it."""
CHECKPOINTS = "/opt/jobs/checkpoints"
_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,50}(?<!-)", re.ASCII)
_TYPE = re.compile(r"ml\.[a-z0-9]{1,8}\.[a-z0-9]{1,12}", re.ASCII)
_S3 = re.compile(r"s3://([^/]+)/(.+)")
_CHANNEL = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_NOT_HERE = {
    "job_name": "give name='...'",
    "source_module": "it is the second argument",
    "code_location": "sources go below the job's own folder: the settings s3_bucket and s3_prefix",
    "output_data_config": "give output_path='s3://...' and kms_key_id='...'",
    "default_bucket": "give the setting s3_bucket",
    "stopping_condition": "give max_runtime=<seconds>",
    "aws_session": "credentials and regions are settings of the client",
    "quiet": "nothing is printed unless wait_until_complete=True",
    "copy_checkpoints_from_job": "give copy_checkpoints_from=<job or ARN>",
    "include_modules": "a function's own module or package is packed; put others beside it",
    "dependencies": "put a requirements.txt into the folder of the sources",
    "tags": "tags=... are this library's own; the service's are resource_tags={...}",
    "poll_timeout_seconds": "deadlines are the caller's: asyncio.timeout around the wait",
    "poll_interval_seconds": "one poller looks for all jobs; see Policy(pace=...)",
}
"""What users of the vendor's SDK may say, and what is there in its place."""


def request(program: Program, backend: str, device: str) -> Request:
    """The request for a backend that runs programs beside a device. Raises `UsageError` for what cannot be.

    Its blob is the payload; its options tell all that was asked for, with digests in the place of what was packed.
    """
    options = _admitted(program.options, where=f"braket/{backend}")
    packed, script = _source(program)
    files, channels = _inputs(options)
    body: dict[str, Any] = {
        "algorithmSpecification": {"scriptModeConfig": script, **_image(options)},
        "inputDataConfig": channels,
        "instanceConfig": options.get("instance_config", dict(INSTANCE)),
        "outputDataConfig": options.get("output_path", {}),
        "checkpointConfig": options.get("checkpoint_config", {"localPath": CHECKPOINTS}),
        "deviceConfig": {"device": device},
        "hyperParameters": _hyperparameters(options),
        "stoppingCondition": {"maxRuntimeInSeconds": options.get("max_runtime", LONGEST)},
    }
    if "kms_key_id" in options:
        body["outputDataConfig"]["kmsKeyId"] = options["kms_key_id"]
    if "resource_tags" in options:
        body["tags"] = options["resource_tags"]
    if "reservation_arn" in options:
        body["associations"] = [{"arn": options["reservation_arn"], "type": "RESERVATION_TIME_WINDOW_ARN"}]
    if "role_arn" in options:
        body["roleArn"] = options["role_arn"]
    if program.name is not None:
        body["jobName"] = _name(program.name)
    copy_from = options.get("copy_checkpoints_from", "")
    if program.local and (copy_from or any("dataSource" in channel for channel in channels)):
        raise UsageError("a local hybrid job takes input data of this machine, and no checkpoints of another job")
    payload = jobs_payload.encode(
        jobs_payload.Payload(
            msgspec.json.encode(body),
            memoryview(packed),
            {name: memoryview(one) for name, one in files.items()},
            copy_from,
        )
    )
    shown = {**options, "entry_point": script["entryPoint"], "source": hashlib.sha256(packed).hexdigest()}
    shown |= {f"input {name}": hashlib.sha256(one).hexdigest() for name, one in sorted(files.items())}
    if "input_data" in shown:  # the same files are the same request, wherever they were
        shown["input_data"] = {one["channelName"]: one.get("dataSource", "") for one in channels}
    if not packed:
        shown["source"] = script["s3Uri"]
    if program.name is not None:
        shown["job_name"] = program.name
    return Request(backend=backend, options=shown, blobs={"payload": payload}, kind=HYBRID)


def _source(program: Program) -> tuple[bytes, dict[str, Any]]:
    """The packed sources, empty for those in S3; and the script's members."""
    source, entry_point = program.source, program.entry_point
    if entry_point == "":
        raise UsageError("entry_point='': 'module' or 'module:function' is needed")
    if callable(source) or hasattr(source, "function"):
        if entry_point is not None:
            raise UsageError("a function is its own entry point: leave entry_point out")
        packed = packing.pack_function(getattr(source, "function", source), program.arguments or {})
    elif program.arguments is not None:
        raise UsageError("arguments=... are a function's; a script takes hyperparameters={...}")
    elif isinstance(source, str) and source.lower().startswith("s3://"):
        if program.local:
            raise UsageError(f"{source}: a local hybrid job needs its sources on this machine")
        if entry_point is None:
            raise UsageError(f"{source}: say where it begins, as in entry_point='package.module'")
        found = _S3.fullmatch(f"s3{source[2:]}")
        if found is None or not source.endswith((".tar.gz", ".py")):
            raise UsageError(f"{source}: the address of a .tar.gz or a .py file in S3 is needed")
        checked_bucket(found[1])
        kind = "GZIP" if source.endswith(".tar.gz") else "NONE"
        return b"", {"entryPoint": entry_point, "s3Uri": source, "compressionType": kind}
    elif isinstance(source, (str, os.PathLike)):
        packed = packing.pack(Path(source), entry_point)
    else:
        raise UsageError(f"a folder, a .py file, s3://... or a function is needed, not a {type(source).__name__}")
    return packed.archive, {"entryPoint": packed.entry_point, "compressionType": "GZIP"}


def _inputs(options: Mapping[str, Any]) -> tuple[Mapping[str, bytes], list[dict[str, Any]]]:
    files, uris = packing.inputs(options.get("input_data"))
    content = options.get("content_types", {})
    names = dict.fromkeys([*(name.partition("/")[0] for name in files), *uris])
    for name in names:
        if not _CHANNEL.fullmatch(name):
            raise UsageError(f"input_data: {name!r} is no channel: letters, digits and ._- are, up to 64")
    if len(names) > 20:
        raise UsageError(f"input_data: {len(names)} channels; a job takes 20")
    channels: list[dict[str, Any]] = []
    for name in names:
        channel: dict[str, Any] = {"channelName": name}
        if name in content:
            channel["contentType"] = content[name]
        if name in uris:
            channel["dataSource"] = {"s3DataSource": {"s3Uri": uris[name]}}
        channels.append(channel)
    return files, channels


def _image(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"containerImage": {"uri": options["image_uri"]}} if "image_uri" in options else {}


def _hyperparameters(options: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = dict(options.get("hyperparameters", {}))
    if options.get("distribution"):
        instance = options.get("instance_config", INSTANCE)["instanceType"]
        found |= {"sagemaker_distributed_dataparallel_enabled": "true", "sagemaker_instance_type": instance}
    if len(found) > 100:
        raise UsageError(f"hyperparameters: {len(found)} of them; a job takes 100")
    return found


def _name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"name={name!r}: 1 to 50 letters, digits and hyphens are needed, no hyphen at an end")
    return name


# --- options --------------------------------------------------------------------------------
def _admitted(options: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    given = dict(options)
    if "instance_type" in given:
        instance = given.pop("instance_type")
        if given.get("instance_config") is not None:
            raise UsageError("either instance_type or instance_config, not both")
        given["instance_config"] = {"instanceType": instance}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name in _NOT_HERE:
            raise UsageError(f"{where} has no option {name!r}: {_NOT_HERE[name]}")
        if name not in _CHECKS:
            raise unknown_name("option", name, {*_CHECKS, "instance_type"}, where=where)
        if value is not None:
            found[name] = _CHECKS[name](name, value)
    return found


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= 1000:
        raise UsageError(f"{name}={value!r}: a text is needed")
    return value


def _role(name: str, value: Any) -> str:
    return checked_role(value, what=name)


def _uri(name: str, value: Any) -> str:
    found = _S3.fullmatch(value) if isinstance(value, str) else None
    if found is None or not found[2].isprintable():
        raise UsageError(f"{name}={value!r}: the address of a folder in S3 is needed, as in s3://bucket/folder")
    checked_bucket(found[1])
    return str(value).rstrip("/")


def _output(name: str, value: Any) -> dict[str, str]:
    return {"s3Path": _uri(name, value)}


def _seconds(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST:
        raise UsageError(f"{name}={value!r}: seconds from 1 to {LONGEST} (five days) are needed")
    return value


def _parameters(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(one, str) and one for one in value):
        raise UsageError(f"{name}={value!r}: a dict of names and values is needed")
    found = {key: str(one) for key, one in value.items()}  # as the vendor's SDK hands them on
    for key, text in found.items():
        if not 1 <= len(text) <= 2500 or len(key) > 256:
            raise UsageError(f"{name}: {key[:100]!r} has {len(text)} characters; 1 to 2500 are taken")
    return found


def _members(name: str, value: Any, known: Mapping[str, str]) -> dict[str, Any]:
    """A dict, or an object of the vendor's SDK, with members in its spelling or in Python's."""
    if isinstance(value, Mapping):
        given = dict(value)
    else:
        given = {member: found for member in known.values() if (found := getattr(value, member, None)) is not None}
        if not given:
            raise UsageError(f"{name}={value!r}: a dict with {', '.join(known)} is needed")
    found = {}
    for member, one in given.items():
        if member not in known and member not in known.values():
            raise unknown_name("member", str(member), known, where=name)
        if one is not None:
            found[known.get(member, member)] = one
    return found


def _instance(name: str, value: Any) -> dict[str, Any]:
    known = {"instance_type": "instanceType", "volume_size_gb": "volumeSizeInGb", "instance_count": "instanceCount"}
    found = {**INSTANCE, **_members(name, value, known)}
    if not isinstance(found["instanceType"], str) or not _TYPE.fullmatch(found["instanceType"]):
        raise UsageError(f"{name}: {found['instanceType']!r} is no type of instance, such as 'ml.m5.large'")
    for member in ("volumeSizeInGb", "instanceCount"):
        if isinstance(found[member], bool) or not isinstance(found[member], int) or found[member] < 1:
            raise UsageError(f"{name}: {member}={found[member]!r}: a whole number from 1 is needed")
    return found


def _checkpoints(name: str, value: Any) -> dict[str, Any]:
    found = _members(name, value, {"s3_uri": "s3Uri", "local_path": "localPath"})
    if "s3Uri" in found:
        found["s3Uri"] = _uri(name, found["s3Uri"])
    if not str(found.setdefault("localPath", CHECKPOINTS)).startswith("/"):
        raise UsageError(f"{name}: localPath={found['localPath']!r}: an absolute path in the job's container is needed")
    return found


def _job(name: str, value: Any) -> str:
    arn = value if isinstance(value, str) else getattr(value, "arn", None)
    if not isinstance(arn, str) or not is_job(arn):
        raise UsageError(f"{name}={value!r}: a hybrid job that was accepted, or its ARN, is needed")
    return arn


def _data(name: str, value: Any) -> Any:
    """Read by `packing.inputs`; what is shown of it later is where it was."""
    if isinstance(value, Mapping):
        return {str(channel): _data(name, one) for channel, one in value.items()}
    if not isinstance(value, (str, os.PathLike)):
        raise UsageError(f"{name}={value!r}: a path, s3://..., or a dict of channels and these is needed")
    return os.fspath(value)


def _content(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for pair in value.items() for one in pair):
        raise UsageError(f"{name}={value!r}: a dict of channels and content types is needed")
    return dict(value)


def _distribution(name: str, value: Any) -> str:
    if value != "data_parallel":
        raise UsageError(f"{name}={value!r}: 'data_parallel' is all there is")
    return "data_parallel"


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "checkpoint_config": _checkpoints,
    "content_types": _content,
    "copy_checkpoints_from": _job,
    "distribution": _distribution,
    "hyperparameters": _parameters,
    "image_uri": _text,
    "input_data": _data,
    "instance_config": _instance,
    "kms_key_id": _text,
    "max_runtime": _seconds,
    "output_path": _output,
    "reservation_arn": reservation,
    "resource_tags": tags,
    "role_arn": _role,
}
