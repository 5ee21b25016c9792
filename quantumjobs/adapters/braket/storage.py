"""Results in S3: the bucket that they go to, and getting them from there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from quantumjobs.abc import Raw
from quantumjobs.adapters.braket.connections import Connections
from quantumjobs.adapters.braket.endpoints import key as quoted
from quantumjobs.adapters.braket.replies import checked, code_of
from quantumjobs.adapters.braket.schemas import RESULTS, TASK
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable, UsageError
from quantumjobs.wire import Limits, Reply, decode, shown

LIMITS = Limits(decoded=256 << 20)
"""Of one object: three bytes a bit and two a shot, so 100,000 shots of 800 qubits."""
_SMALL = 1 << 20
"""Bytes; an object that only names others is smaller, and a larger one is not read here: the loop would stall."""
_OBJECTS = 20_000
_AT_ONCE = 8
_ACCOUNT = re.compile(rb"<Account>(\d{12})</Account>")
_PATH = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*(?:\.json)", re.ASCII)
_OURS = frozenset({"BucketAlreadyOwnedByYou", "OperationAborted"})
"""It is there, or is being made by somebody else of this account just now."""


class _Whole(Struct, frozen=True, rename="camel"):
    """A task's result; of a program set it may have its parts in objects of their own."""

    braket_schema_header: msgspec.Raw = msgspec.Raw()
    measurements: msgspec.Raw = msgspec.Raw()
    measurement_probabilities: msgspec.Raw = msgspec.Raw()
    result_types: msgspec.Raw = msgspec.Raw()
    program_results: list[msgspec.Raw] | None = None
    s3_location: list[str] | None = msgspec.field(default=None, name="s3Location")
    task_metadata: msgspec.Raw = msgspec.Raw()


class _Program(Struct, frozen=True, rename="camel"):
    source: msgspec.Raw = msgspec.Raw()
    executable_results: list[msgspec.Raw] | None = None


class Storage:
    """The account's buckets, as far as results are in them."""

    def __init__(self, connections: Connections) -> None:
        self._to = connections
        self._account = ""
        self._there: set[str] = set()
        self._making = asyncio.Lock()

    async def place(self, region: str = "") -> tuple[str, str]:
        """Bucket and prefix of new results: those of the settings, else the account's default bucket of the region."""
        settings = self._to.settings
        if settings.s3_bucket:
            return settings.s3_bucket, settings.s3_prefix
        return self._default(await self.account(), region), settings.s3_prefix

    def _default(self, account: str, region: str) -> str:
        return f"amazon-braket-{region or self._to.region}-{account}"

    async def account(self) -> str:
        """The account's number; asked for once."""
        if not self._account:
            body = b"Action=GetCallerIdentity&Version=2011-06-15"
            form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
            reply = await self._to.identity().request("POST", "/", body, headers=form)
            what = "the question about whose credentials these are"
            found = _ACCOUNT.search(checked(reply, what).body[:_SMALL])
            if found is None:
                raise ProviderProtocolError(f"braket: {what} was answered without an account", provider="braket")
            self._account = found[1].decode()
        return self._account

    async def ensure(self, bucket: str, region: str = "") -> None:
        """Make the bucket, if it is the default one and not there. Raises `ProviderRejected` where it is another's."""
        account = bucket.rpartition("-")[2]  # also in a program that has not asked for its number
        if bucket == self._to.settings.s3_bucket or bucket != self._default(account, region) or len(account) != 12:
            return
        async with self._making:  # once, however many submits begin together
            if bucket not in self._there:
                await self._make(bucket, account, region)
                self._there.add(bucket)

    async def _make(self, bucket: str, account: str, region: str) -> None:
        wire, path = self._to.storage(bucket, region)
        where = region or self._to.region
        body = None
        if where != "us-east-1":  # which S3 does not take as a constraint, being its default
            body = f"<CreateBucketConfiguration><LocationConstraint>{where}</LocationConstraint></CreateBucketConfiguration>".encode()
        reply = await wire.request("PUT", path or "/", body, headers={"content-type": "application/xml"})
        code = code_of(reply)
        if code == "BucketAlreadyExists":
            raise ProviderRejected(
                f"braket: the default bucket {bucket} belongs to another account; give one of yours: s3_bucket='...'",
                provider="braket",
                code=code,
            )
        if code not in _OURS and not await self._is_there(reply, bucket, account, region):
            checked(reply, f"making the default bucket {bucket}")

    async def _is_there(self, refusal: Reply, bucket: str, account: str, region: str) -> bool:
        """Whether it is this account's, for who may use it and not make it."""
        if refusal.status != 403:
            return False
        wire, path = self._to.storage(bucket, region)
        owner = {"x-amz-expected-bucket-owner": account}
        return (await wire.request("HEAD", path or "/", headers=owner)).status == 200

    async def result(self, bucket: str, directory: str, region: str = "") -> Raw:
        """A task's result object; of a program set in many objects, all of them.

        Raises `ProviderRejected` with the code NoSuchKey where there is none, and `ProviderProtocolError` for what is
        no such object.
        """
        body = await self._object(bucket, f"{directory}/{RESULTS}", region)
        blobs = {RESULTS: body}
        whole = _whole(body)
        if whole is not None and any(map(_is_text, whole.program_results or ())):
            if not whole.s3_location or len(whole.s3_location) != 2 or whole.s3_location[0] != bucket:
                raise ProviderProtocolError("braket: the parts of a result are said to be elsewhere", provider="braket")
            prefix = whole.s3_location[1].strip("/")
            programs = _paths(whole.program_results or ())
            first = [*programs, *_paths([whole.task_metadata])]
            blobs |= await self._objects(bucket, prefix, first, region)
            inner = [path for program in programs for path in _within(program, blobs[program])]
            blobs |= await self._objects(bucket, prefix, inner, region)
        return Raw(TASK, blobs)

    async def _objects(self, bucket: str, prefix: str, paths: Iterable[str], region: str) -> dict[str, bytes]:
        wanted = list(dict.fromkeys(paths))
        if len(wanted) > _OBJECTS:
            raise ProviderProtocolError(f"braket: a result of {len(wanted)} parts", provider="braket")
        places = asyncio.Semaphore(_AT_ONCE)

        async def get(path: str) -> bytes:
            async with places:
                return await self._object(bucket, f"{prefix}/{path}", region)

        tasks = [asyncio.ensure_future(get(path)) for path in wanted]
        try:
            return dict(zip(wanted, await asyncio.gather(*tasks), strict=True))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _object(self, bucket: str, key: str, region: str) -> bytes:
        reply = await self._asked(bucket, key, region)
        elsewhere = reply.headers.get("x-amz-bucket-region", "")
        if reply.status in (301, 307, 400) and elsewhere and elsewhere != (region or self._to.region):
            reply = await self._asked(bucket, key, elsewhere)
        if 300 <= reply.status < 400:
            raise ProviderUnavailable(f"braket: S3 has moved {shown(key)}", provider="braket", sent=False)
        return checked(reply, f"getting {shown(key)} from bucket {bucket}").body

    async def _asked(self, bucket: str, key: str, region: str) -> Reply:
        try:
            wire, path = self._to.storage(bucket, region)
        except UsageError as error:  # of a bucket or a region that a service named
            raise ProviderProtocolError(str(error), provider="braket") from error
        return await wire.get(f"{path}/{quoted(key)}", limits=LIMITS)


def _whole(body: bytes) -> _Whole | None:
    """None of one that is too large to be read here. Raises `ProviderProtocolError` for what is no task's result."""
    if len(body) >= _SMALL:
        found, is_one = None, body[:16].lstrip()[:1] == b"{" and body[-16:].rstrip()[-1:] == b"}"
    else:
        found = decode(body, _Whole, provider="braket", what="a task's result in S3")
        is_one = any(getattr(found, name) for name in _SIGNS)
    if not is_one:
        raise ProviderProtocolError("braket: what S3 has is no task's result", provider="braket")
    return found


def _is_text(part: msgspec.Raw) -> bool:
    return bytes(part)[:1] == b'"'


def _paths(parts: Iterable[msgspec.Raw]) -> list[str]:
    """Those parts that are in objects of their own. Raises `ProviderProtocolError` for what is no such name."""
    found = [msgspec.json.decode(part, type=str) for part in parts if _is_text(part)]
    for path in found:
        if len(path) > 200 or not _PATH.fullmatch(path):
            raise ProviderProtocolError(f"braket: a part of the result is called {shown(path)}", provider="braket")
    return found


def _within(program: str, body: bytes) -> list[str]:
    """The objects that a program's own result names, relative to it."""
    try:
        found = _one.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    base = program.rpartition("/")[0]
    return [f"{base}/{path}" for path in _paths([found.source, *(found.executable_results or ())])]


_SIGNS = ("braket_schema_header", "measurements", "measurement_probabilities", "result_types", "program_results")
_one = msgspec.json.Decoder(_Program)
