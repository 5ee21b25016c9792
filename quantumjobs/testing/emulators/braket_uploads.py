"""Uploads in parts, as clients of S3 send what is large."""

from __future__ import annotations

import hashlib
import re
from typing import NoReturn
from uuid import uuid4

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from quantumjobs.testing.emulators.braket_refusals import Refusal

_PARTS = 10_000
_LEAST = 5 << 20
"""Bytes of each part but the last."""
_NUMBER = re.compile(rb"<PartNumber>(\d+)</PartNumber>", re.ASCII)


class _Upload(Struct):
    type: str
    path: str
    parts: dict[int, bytes]


class Uploads:
    """Those that were begun, and are not at their end."""

    def __init__(self) -> None:
        self._begun: dict[str, _Upload] = {}

    def begin(self, request: Request, type: str) -> str:
        """The id of a new one."""
        key = uuid4().hex
        self._begun[key] = _Upload(type, request.url.path, {})
        return key

    def part(self, request: Request, body: bytes) -> Response:
        """PUT of one part, in whichever order. Raises `Refusal`."""
        number = request.query_params.get("partNumber", "")
        if not (number.isascii() and number.isdecimal() and 1 <= int(number) <= _PARTS):
            raise Refusal("InvalidArgument", f"Part number must be an integer between 1 and {_PARTS}, inclusive", 400)
        self._wanted(request).parts[int(number)] = body
        return Response(b"", 200, {"etag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'})

    def finish(self, request: Request, body: bytes) -> tuple[bytes, str]:
        """The whole, and its content type. Raises `Refusal`."""
        upload = self._wanted(request)
        numbers = [int(number) for number in _NUMBER.findall(body)]
        if not numbers or numbers != sorted(set(numbers)):
            self._refuse("InvalidPartOrder", "The list of parts was not in ascending order.")
        if not set(numbers) <= upload.parts.keys():
            self._refuse("InvalidPart", "One or more of the specified parts could not be found.")
        parts = [upload.parts[number] for number in numbers]
        if any(len(part) < _LEAST for part in parts[:-1]):
            self._refuse("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        self.forget(request)
        return b"".join(parts), upload.type

    def forget(self, request: Request) -> None:
        """It will not be finished. Raises `Refusal` for one that is not known."""
        self._wanted(request)
        del self._begun[request.query_params["uploadId"]]

    def _wanted(self, request: Request) -> _Upload:
        found = self._begun.get(request.query_params.get("uploadId", ""))
        if found is None or found.path != request.url.path:
            raise Refusal("NoSuchUpload", "The specified upload does not exist.", 404)
        return found

    def _refuse(self, code: str, message: str) -> NoReturn:
        raise Refusal(code, message, 400)
