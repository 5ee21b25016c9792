"""A hybrid job's files in S3: what is uploaded before it, and what it leaves."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import tempfile
from html import unescape
from pathlib import Path

from quantumjobs.abc import Piece, Raw
from quantumjobs.adapters.braket.connections import Connections
from quantumjobs.adapters.braket.endpoints import key as quoted
from quantumjobs.adapters.braket.jobs_payload import Place
from quantumjobs.adapters.braket.replies import checked
from quantumjobs.adapters.braket.schemas import JOB, RESULTS
from quantumjobs.adapters.braket.settings import PREFIX
from quantumjobs.adapters.braket.storage import Storage
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable, UsageError
from quantumjobs.wire import Limits, Reply, shown
from quantumjobs.wire.sigv4 import HASH
from quantumjobs.workers import archives
from quantumjobs.workers.beside import beside

ARCHIVE = "output/model.tar.gz"
"""Below the job's output path; as the service names it."""
PIECE = 8 << 20
"""Bytes of one request for a large file: so much is held, and so much is asked for again after a lost connection."""
_LIMITS = Limits(decoded=PIECE + (1 << 20))
_MOST = 10 << 30
"""Bytes of an archive of which the saved values are read."""
_URI = re.compile(r"s3://([^/]+)/(.+)")
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_KEY = re.compile(rb"<Key>([^<]{1,4096})</Key>")
_NEXT = re.compile(rb"<NextContinuationToken>([^<]{1,4096})</NextContinuationToken>")
_LISTED = 10_000
"""Checkpoints that are copied at the most."""
_AT_ONCE = 8


class JobStorage:
    """The account's buckets, as far as files of hybrid jobs are in them."""

    def __init__(self, connections: Connections, storage: Storage) -> None:
        self._to = connections
        self._storage = storage

    async def place(self, region: str) -> tuple[str, str]:
        """Bucket and prefix for new jobs: a folder `jobs` beside that of tasks, where no prefix was set."""
        bucket, prefix = await self._storage.place(region)
        return bucket, "jobs" if prefix == PREFIX else f"{prefix}/jobs"

    async def ensure(self, bucket: str, region: str) -> None:
        """See `Storage.ensure`."""
        await self._storage.ensure(bucket, region)

    # --- before it ----------------------------------------------------------------------------
    async def put(self, place: Place, name: str, body: memoryview, region: str) -> None:
        """Upload one file. It may be done again at any time."""
        wire, path = self._to.storage(place.bucket, region)
        digest = await beside(lambda: hashlib.sha256(body).hexdigest())
        where = f"{path}/{quoted(f'{place.key}/{name}')}"
        checked(await wire.upload(where, body, headers={HASH: digest}), f"the upload of {shown(name)}")

    async def copy(self, uri: str, to: str, region: str, *, of: str) -> None:
        """Copy what is below a URI to below another one, within S3. Raises `ProviderRejected` for too many."""
        bucket, prefix = _parsed(uri)
        below = prefix.rstrip("/") + "/"
        names = await self._listed(bucket, below, of)
        into, folder = _parsed(to)
        wire, path = self._to.storage(into, region)
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> None:
            async with places:
                target = f"{path}/{quoted(f'{folder}/{name}')}"
                source = f"/{bucket}/{quoted(below + name)}"
                reply = await wire.request("PUT", target, b"", headers={"x-amz-copy-source": source})
                checked(reply, f"the copy of {shown(name)}")
                if b"<Error>" in reply.body[:1000]:  # S3 may find out after it has said 200
                    raise ProviderProtocolError(f"braket: {shown(name)} was not copied", provider="braket")

        tasks = [asyncio.ensure_future(one(name)) for name in names]
        try:
            await asyncio.gather(*tasks)  # not a task group: what one of them raises is to come out as it is
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listed(self, bucket: str, prefix: str, region: str) -> list[str]:
        """Names behind the prefix."""
        wire, path = self._to.storage(bucket, region)
        found: list[str] = []
        after = ""
        while len(found) <= _LISTED:
            query = f"{f'continuation-token={_encoded(after)}&' if after else ''}list-type=2&prefix={_encoded(prefix)}"
            reply = checked(await wire.get(f"{path}/?{query}"), f"the list of what is in {shown(prefix)}")
            keys = [unescape(key.decode("utf-8", "replace")) for key in _KEY.findall(reply.body)]
            found += [key.removeprefix(prefix) for key in keys if key.startswith(prefix) and key != prefix]
            more = _NEXT.search(reply.body)
            if more is None:
                return found
            after = more[1].decode()
        raise ProviderRejected(f"braket: more than {_LISTED} checkpoints in {shown(prefix)}", provider="braket")

    # --- after it -----------------------------------------------------------------------------
    async def piece(self, output: str, region: str, at: int, tag: str) -> Piece:
        """Of the job's archive; see `Artifacts.piece`."""
        bucket, prefix = _parsed(output)
        headers = {"range": f"bytes={at}-{at + PIECE - 1}", **({"if-match": tag} if tag else {})}
        reply = await self._got(bucket, f"{prefix.rstrip('/')}/{ARCHIVE}", region, headers)
        if reply.status == 416:  # nothing from there on: an empty file
            return Piece(b"", at, tag)
        checked(reply, "getting the job's files")
        found = _RANGE.fullmatch(reply.headers.get("content-range", ""))
        etag = reply.headers.get("etag", "")
        if not etag:  # every object has one, and what somebody on the way says has none
            raise ProviderProtocolError("braket: what answered for S3 gave no object", provider="braket")
        if reply.status == 200 and at == 0:
            return Piece(reply.body, len(reply.body), etag)
        if found is None or int(found[1]) != at or int(found[2]) - at + 1 != len(reply.body):
            raise ProviderProtocolError(
                "braket: S3 answered with another piece than the one asked for", provider="braket"
            )
        return Piece(reply.body, int(found[3]), etag)

    async def _got(self, bucket: str, key: str, region: str, headers: dict[str, str]) -> Reply:
        """From the region where the bucket is."""
        reply = await self._asked(bucket, key, region, headers)
        elsewhere = reply.headers.get("x-amz-bucket-region", "")
        if reply.status in (301, 307, 400) and elsewhere and elsewhere != (region or self._to.region):
            reply = await self._asked(bucket, key, elsewhere, headers)
        return reply

    async def _asked(self, bucket: str, key: str, region: str, headers: dict[str, str]) -> Reply:
        try:
            wire, path = self._to.storage(bucket, region)
        except UsageError as error:  # of a bucket or a region that a service named
            raise ProviderProtocolError(str(error), provider="braket") from error
        return await wire.get(f"{path}/{quoted(key)}", headers=headers, limits=_LIMITS)

    async def saved(self, output: str, region: str) -> Raw:
        """What the program saved: read out of the archive, which is held in a file meanwhile.

        A program that saved nothing has no such document. Raises `ProviderRejected` with the code NoSuchKey where
        there is no archive.
        """
        try:
            folder = await beside(tempfile.mkdtemp)  # of its own, so nobody else can put a file there
            try:
                return await self._saved(output, region, Path(folder, "model.tar.gz"))
            finally:
                await beside(shutil.rmtree, folder, True)
        except OSError as error:
            raise ProviderUnavailable(
                f"braket: the job's files cannot be held in {tempfile.gettempdir()}: {error.strerror}",
                provider="braket",
                sent=False,
            ) from error

    async def _saved(self, output: str, region: str, file: Path) -> Raw:
        at, total, tag = 0, -1, ""
        while at != total:
            piece = await self.piece(output, region, at, tag)
            fits = total in {-1, piece.total} and at + len(piece.body) <= piece.total <= _MOST
            if not fits or not (piece.body or at == piece.total):
                raise ProviderProtocolError("braket: the job's files come in pieces that do not fit", provider="braket")
            await beside(_append, file, piece.body)
            at, total, tag = at + len(piece.body), piece.total, piece.tag
        try:
            body = await beside(archives.read_member, file, RESULTS)
        except ProviderProtocolError as error:  # asked for again it would be the same
            raise ProviderRejected(f"braket: {error}; see download_result(max_bytes=...)", provider="braket") from error
        return Raw(JOB, {} if body is None else {RESULTS: body})


def _append(file: Path, body: bytes) -> None:
    with file.open("ab") as out:
        out.write(body)


def _parsed(uri: str) -> tuple[str, str]:
    found = _URI.fullmatch(uri)
    if found is None:
        raise ProviderProtocolError(f"braket: {shown(uri)} is no place in S3", provider="braket")
    return found[1], found[2]


def _encoded(text: str) -> str:
    return quoted(text).replace("/", "%2F")
