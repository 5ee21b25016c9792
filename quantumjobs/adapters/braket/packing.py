"""What a user gives to be run beside a device, as the archive and the files that a job starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct


class Packed(Struct, frozen=True):
    """A gzip tar of the sources, and what is run of them."""

    archive: bytes
    entry_point: str


def pack(source: str | Path, entry_point: str | None = None) -> Packed:
    raise NotImplementedError


def pack_function(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Packed:
    raise NotImplementedError


def inputs(input_data: str | Path | Mapping[str, str | Path] | None) -> tuple[dict[str, bytes], dict[str, str]]:
    raise NotImplementedError
