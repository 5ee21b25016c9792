"""What a hybrid job is submitted as: the body of CreateJob but for what is the submission's own, and what is uploaded."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

SOURCE = "script/source.tar.gz"
"""The packed sources, below the job's own place in the bucket."""


class Payload(Struct, frozen=True):
    """Of one hybrid job. It has no token, no secret and no place: those are a submission's."""

    body: bytes
    """JSON of CreateJob's members, as far as the user said."""
    archive: memoryview
    """The sources, gzip of tar; empty where they are in S3 already."""
    files: dict[str, memoryview] = {}
    """Input files by `<channel>/<name>`."""
    copy_from: str = ""
    """The ARN of the job whose checkpoints are copied before the submit."""


class Place(Struct, frozen=True):
    """Where in S3 what belongs to a submission is: nowhere else is anything of it, so it can be told by that."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """`s3://<bucket>/<key>`."""
        return f"s3://{self.bucket}/{self.key}"


def name_of(asked: dict[str, Any], token: str) -> str:
    """The job's name at the service: as given, else of our token."""
    return str(asked.get("jobName") or f"quantumjobs-{token}")


def place_of(bucket: str, prefix: str, name: str, token: str) -> Place:
    """The folder of one submission."""
    return Place(bucket, "/".join(filter(None, (prefix, name, token))))


def completed(asked: dict[str, Any], place: Place, *, token: str, role: str) -> dict[str, Any]:
    """The body to send: what the user left open is put into the submission's own place.

    Results are in a folder of the submission's own in any case: by that it is found again.
    """
    output = asked.get("outputDataConfig", {})
    below = f"{output['s3Path']}/{token}" if "s3Path" in output else f"{place.uri}/data"
    body = {
        **asked,
        "clientToken": token,
        "jobName": name_of(asked, token),
        "roleArn": asked.get("roleArn") or role,
        "outputDataConfig": {**output, "s3Path": below},
        "checkpointConfig": {"s3Uri": f"{place.uri}/checkpoints", **asked.get("checkpointConfig", {})},
        "inputDataConfig": [_channel(one, place) for one in asked.get("inputDataConfig", [])],
    }
    script = asked["algorithmSpecification"]["scriptModeConfig"]
    body["algorithmSpecification"] = {
        **asked["algorithmSpecification"],
        "scriptModeConfig": {"s3Uri": f"{place.uri}/{SOURCE}", **script},
    }
    return body


def _channel(asked: dict[str, Any], place: Place) -> dict[str, Any]:
    """An input channel; one that is uploaded is in the submission's place."""
    if "dataSource" in asked:
        return asked
    return {**asked, "dataSource": {"s3DataSource": {"s3Uri": f"{place.uri}/input/{asked['channelName']}"}}}


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Payload).decode
"""The archive and the files are views of the payload's own bytes."""
