"""What the Braket emulator is sent about hybrid jobs, checked as the service's model says."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from quantumjobs.testing.emulators import braket_payload
from quantumjobs.testing.emulators.braket_refusals import invalid

InstanceType = Literal[
    "ml.t3.large", "ml.t3.xlarge", "ml.t3.2xlarge",
    "ml.m4.xlarge", "ml.m4.2xlarge", "ml.m4.4xlarge", "ml.m4.10xlarge", "ml.m4.16xlarge",
    "ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.m5.4xlarge", "ml.m5.12xlarge", "ml.m5.24xlarge",
    "ml.c4.xlarge", "ml.c4.2xlarge", "ml.c4.4xlarge", "ml.c4.8xlarge",
    "ml.c5.xlarge", "ml.c5.2xlarge", "ml.c5.4xlarge", "ml.c5.9xlarge", "ml.c5.18xlarge",
    "ml.c5n.xlarge", "ml.c5n.2xlarge", "ml.c5n.4xlarge", "ml.c5n.9xlarge", "ml.c5n.18xlarge",
    "ml.p2.xlarge", "ml.p2.8xlarge", "ml.p2.16xlarge",
    "ml.p3.2xlarge", "ml.p3.8xlarge", "ml.p3.16xlarge", "ml.p3dn.24xlarge", "ml.p4d.24xlarge",
    "ml.g4dn.xlarge", "ml.g4dn.2xlarge", "ml.g4dn.4xlarge", "ml.g4dn.8xlarge", "ml.g4dn.12xlarge", "ml.g4dn.16xlarge",
    "ml.g6.xlarge", "ml.g6.2xlarge", "ml.g6.4xlarge", "ml.g6.8xlarge",
    "ml.g6.12xlarge", "ml.g6.16xlarge", "ml.g6.24xlarge", "ml.g6.48xlarge",
    "ml.g6e.xlarge", "ml.g6e.2xlarge", "ml.g6e.4xlarge", "ml.g6e.8xlarge",
    "ml.g6e.12xlarge", "ml.g6e.16xlarge", "ml.g6e.24xlarge", "ml.g6e.48xlarge",
]  # fmt: skip
LONGEST = 432_000
"""Seconds that a job may run, which is what it may without a word, too."""
_S3 = re.compile(r"s3://([^/]+)/?(.*)", re.ASCII)


def _text(pattern: str = "", *, most: int, least: int = 1) -> Meta:
    return Meta(min_length=least, max_length=most, pattern=rf"\A(?:{pattern})\Z" if pattern else None)


_Short = Annotated[str, _text(most=256)]
_Path = Annotated[str, _text(r"(https|s3)://([^/]+)/?(.*)", most=1024, least=0)]


class Script(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where the sources are."""

    entry_point: str
    s3_uri: _Path
    compression_type: Literal["NONE", "GZIP"] | None = None


class Image(Struct, frozen=True):
    """Of the container."""

    uri: Annotated[str, _text(r"\d{10,14}\.dkr\.ecr.[a-z0-9-]+\.amazonaws\.com\/.+(@sha256)?:.+", most=255)]


class Algorithm(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is to be run."""

    script_mode_config: Script | None = None
    container_image: Image | None = None


class _Where(Struct, frozen=True, rename="camel"):
    s3_uri: _Path


class _Source(Struct, frozen=True, rename="camel"):
    s3_data_source: _Where


class Channel(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Of input data."""

    channel_name: Annotated[str, _text(r"[A-Za-z0-9._-]+", most=64)]
    data_source: _Source
    content_type: _Short | None = None


class Output(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where the results go."""

    s3_path: _Path
    kms_key_id: Annotated[str, _text(most=2048)] | None = None


class Checkpoints(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where they are kept."""

    s3_uri: _Path
    local_path: Annotated[str, _text(most=4096)] | None = None


class Stopping(Struct, frozen=True, rename="camel", omit_defaults=True):
    """When it is ended."""

    max_runtime_in_seconds: Annotated[int, Meta(ge=1, le=LONGEST)] | None = None


class Instances(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Machines that it runs on."""

    instance_type: InstanceType
    volume_size_in_gb: Annotated[int, Meta(ge=1)]
    instance_count: Annotated[int, Meta(ge=1)] | None = None


class _Device(Struct, frozen=True):
    device: _Short


class Association(Struct, frozen=True):
    """A reservation."""

    arn: Annotated[str, Meta(pattern=r"\Aarn:aws[a-z\-]*:braket:[a-z0-9\-]*:[0-9]{12}:.*\Z")]
    type: Literal["RESERVATION_TIME_WINDOW_ARN"]


class JobCreation(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Of a hybrid job."""

    client_token: Annotated[str, _text(most=64)]
    job_name: Annotated[str, _text(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,50}", most=50)]
    role_arn: Annotated[str, Meta(pattern=r"\Aarn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+\Z")]
    algorithm_specification: Algorithm
    output_data_config: Output
    instance_config: Instances
    device_config: _Device
    input_data_config: Annotated[list[Channel], Meta(max_length=20)] | None = None
    checkpoint_config: Checkpoints | None = None
    stopping_condition: Stopping | None = None
    hyper_parameters: Annotated[dict[_Short, Annotated[str, _text(most=2500)]], Meta(max_length=100)] | None = None
    tags: dict[str, str] | None = None
    associations: Annotated[list[Association], Meta(max_length=1)] = []

    @property
    def instances(self) -> int:
        """How many."""
        return self.instance_config.instance_count or 1

    @property
    def longest(self) -> int:
        """Seconds that it may run."""
        found = self.stopping_condition and self.stopping_condition.max_runtime_in_seconds
        return found or LONGEST


def job_creation(body: bytes) -> JobCreation:
    """Raises `Refusal` for a body that is none."""
    asked: JobCreation = braket_payload.decode(body, JobCreation)
    if asked.algorithm_specification.script_mode_config is None:
        raise invalid("scriptModeConfig is missing: the emulator has no containers with programs of their own")
    channels = [one.channel_name for one in asked.input_data_config or ()]
    if len(set(channels)) < len(channels):
        raise invalid("Input channel names must be unique")
    for uri in _uris(asked):
        place(uri)
    return asked


def _uris(asked: JobCreation) -> list[str]:
    script, checkpoints = asked.algorithm_specification.script_mode_config, asked.checkpoint_config
    found = [asked.output_data_config.s3_path, *([script.s3_uri] if script else [])]
    found += [checkpoints.s3_uri] if checkpoints else []
    return found + [one.data_source.s3_data_source.s3_uri for one in asked.input_data_config or ()]


def place(uri: str) -> tuple[str, str]:
    """Bucket, and key or prefix, of `s3://…`. Raises `Refusal`."""
    found = _S3.fullmatch(uri)
    if found is None:
        raise invalid(f"{uri} is not of the form s3://bucket/key, and the emulator knows no other")
    return found[1], found[2]


def members(asked: JobCreation) -> dict[str, object]:
    """What was asked, in the service's names and without the token: what is told again."""
    found: dict[str, object] = msgspec.to_builtins(asked)
    del found["clientToken"]
    return found
