"""What is known of the account that a hybrid job runs in, and the names of devices beside which one runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath

from msgspec import Struct

from quantumjobs.adapters.braket.endpoints import arn_of
from quantumjobs.errors import UsageError

HYBRID, LOCAL = "hybrid", "local"
"""What the names of backends begin with that run programs: `hybrid/<device>`."""
_VENDORS = "local:job/"
_EMBEDDED = re.compile(r"local:[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", re.ASCII)


class About(Struct, frozen=True, kw_only=True):
    """The answer of `describe`, as JSON."""

    device: str
    """An ARN, or `local:<provider>/<name>` for a simulator that the program brings with it."""
    bucket: str = ""
    prefix: str = ""
    role: str = ""
    """The ARN of the role that a job takes unless it says otherwise."""
    why_no_role: str = ""
    root: str = ""
    """The folder of local jobs: a later client's may be another one, and each job is looked for where it is."""


def kind_of(backend: str) -> str:
    """`HYBRID`, `LOCAL`, or "" for a device that runs circuits."""
    first = backend.partition("/")[0]
    return first if first in (HYBRID, LOCAL) else ""


def device_of(backend: str, devices: Mapping[str, str] = {}) -> str:
    """The device's ARN, or `local:...`; "" where a job was attached without one. Raises `UsageError`."""
    name = backend.partition("/")[2] if kind_of(backend) else backend
    if not name:
        return ""
    if name.startswith("local:"):
        if not _EMBEDDED.fullmatch(name):
            raise UsageError(f"braket: {name!r} is no simulator in a program: write local:<provider>/<name>")
        return name
    return arn_of(name, devices)


def folder_of(remote_id: str) -> str:
    """Its absolute path: what is named in the working directory is not to be another job when that is another one."""
    return str(Path(remote_id.removeprefix(_VENDORS)).absolute())


def is_folder(remote_id: str) -> bool:
    """Whether it names a local hybrid job: by its folder's absolute path, or as the vendor's SDK does."""
    return remote_id.startswith(_VENDORS) or PurePath(remote_id).is_absolute()
