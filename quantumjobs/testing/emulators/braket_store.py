"""S3, as far as results and sources need it: buckets and objects in memory, addressed in path style."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Collection
from email.utils import formatdate
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.testing.emulators import braket_door
from quantumjobs.testing.emulators.braket_refusals import Refusal, xml
from quantumjobs.testing.emulators.braket_uploads import Uploads

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_CONSTRAINT = re.compile(rb"<LocationConstraint[^>]*>([a-z0-9-]+)<", re.ASCII)
BINARY = "binary/octet-stream"
_PAGE = 1000
_SETTINGS = {
    "location": "LocationConstraint",
    "policy": "Policy",
    "publicAccessBlock": "PublicAccessBlockConfiguration",
}
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Object(Struct, frozen=True):
    """What is kept under a key."""

    body: bytes
    modified: float
    etag: str
    """In quotes, as it is sent."""
    type: str = BINARY


class Bucket(Struct):
    """Of one account, in one region."""

    region: str
    objects: dict[str, Object] = {}


class Store:
    """Every bucket is there from its first use on; those called `foreign` are another account's."""

    def __init__(self, now: Callable[[], float], foreign: Collection[str] = ()) -> None:
        self._now = now
        self.foreign = foreign
        self.buckets: dict[str, Bucket] = {}
        self.uploads = Uploads()

    def put(self, bucket: str, key: str, body: bytes, *, region: str, type: str = BINARY) -> Object:
        """Keep an object."""
        kept = Object(body, self._now(), _etag(body), type)
        self.buckets.setdefault(bucket, Bucket(region)).objects[key] = kept
        return kept

    def body(self, bucket: str, key: str) -> bytes | None:
        """Of an object; None where there is none."""
        known = self.buckets.get(bucket)
        found = known.objects.get(key) if known is not None else None
        return None if found is None else found.body

    def below(self, bucket: str, prefix: str) -> dict[str, bytes]:
        """Bodies of the objects whose keys begin so, by key."""
        known = self.buckets.get(bucket)
        objects = known.objects if known is not None else {}
        return {key: found.body for key, found in sorted(objects.items()) if key.startswith(prefix)}

    def routes(self, route: Callable[..., Route]) -> list[Route]:
        """One for each operation, under the names that faults have for them."""
        made = []
        for path in ("/s3/{bucket}", "/s3/{bucket}/"):
            made += [
                route("HEAD", path, "head", self._bucket),
                route("GET", path, "list", self._list),
                route("PUT", path, "bucket", self._bucket),
                route("DELETE", path, "bucket", self._bucket),
            ]
        key = "/s3/{bucket}/{key:path}"
        return [
            *made,
            route("HEAD", key, "head", self._fetch),
            route("GET", key, "fetch", self._fetch),
            route("PUT", key, "put", self._keep, large=True),
            route("POST", key, "upload", self._upload),
            route("DELETE", key, "delete", self._remove),
        ]

    # --- objects ------------------------------------------------------------------------------
    async def _fetch(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        """GET and HEAD of an object, or of a part of it."""
        found = self._wanted(request)
        expected = request.headers.get("if-match")
        if expected not in (None, "*", found.etag):
            raise Refusal("PreconditionFailed", "The etag is another one", 412)
        headers = {
            "etag": found.etag,
            "last-modified": formatdate(found.modified, usegmt=True),
            "accept-ranges": "bytes",
            "content-type": found.type,
        }
        part = _part(request.headers.get("range", ""), len(found.body))
        if part is None:
            return Response(found.body, 200, headers)
        headers["content-range"] = f"bytes {part.start}-{part.stop - 1}/{len(found.body)}"
        return Response(found.body[part.start : part.stop], 206, headers)

    async def _keep(self, request: Request, body: bytes) -> Response:
        """PUT of an object, of a copy of one, or of a part of one."""
        bucket, region = self._allowed(request), braket_door.region(request)
        if request.headers.get("content-encoding") == "aws-chunked":
            raise Refusal("NotImplemented", "The emulator takes no chunks", 501)
        if "uploadId" in request.query_params:
            return self.uploads.part(request, body)
        if "x-amz-copy-source" in request.headers:
            return self._copy(request, bucket)
        given = request.headers.get("content-type", BINARY)
        kept = self.put(bucket, _key(request), body, region=region, type=given)
        return Response(b"", 200, {"etag": kept.etag})

    def _copy(self, request: Request, bucket: str) -> Response:
        source, _, key = unquote(request.headers["x-amz-copy-source"].lstrip("/")).partition("/")
        if source in self.foreign:
            raise Refusal("AccessDenied", "Access Denied", 403)
        found = self.buckets[source].objects.get(key) if source in self.buckets else None
        if found is None:
            raise Refusal("NoSuchKey", "The specified key does not exist.", 404)
        kept = self.put(bucket, _key(request), found.body, region=braket_door.region(request), type=found.type)
        told = f"<ETag>{escape(kept.etag)}</ETag><LastModified>{_moment(kept.modified)}</LastModified>"
        return xml(f'<CopyObjectResult xmlns="{_NAMESPACE}">{told}</CopyObjectResult>')

    async def _upload(self, request: Request, body: bytes) -> Response:
        """POST to an object: the beginning and the end of an upload in parts."""
        bucket, key = self._allowed(request), _key(request)
        if "uploads" in request.query_params:
            upload = self.uploads.begin(request, request.headers.get("content-type", BINARY))
            told = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            name = "InitiateMultipartUploadResult"
        else:
            whole, type = self.uploads.finish(request, body)
            kept = self.put(bucket, key, whole, region=braket_door.region(request), type=type)
            told = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><ETag>{escape(kept.etag)}</ETag>"
            name = "CompleteMultipartUploadResult"
        return xml(f'<{name} xmlns="{_NAMESPACE}">{told}</{name}>')

    async def _remove(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        """DELETE of an object, which need not be there."""
        found = self.buckets.get(self._allowed(request))
        if "uploadId" in request.query_params:
            self.uploads.forget(request)
        elif found is not None:
            found.objects.pop(_key(request), None)
        return Response(b"", 204)

    # --- buckets ------------------------------------------------------------------------------
    async def _bucket(self, request: Request, body: bytes) -> Response:
        """PUT and HEAD of a bucket, and of its settings, which are of no effect here."""
        name = unquote(request.path_params["bucket"])
        if request.method == "PUT" and not request.query_params:
            return self._make(name, body, braket_door.region(request))
        self._allowed(request)
        for setting, word in _SETTINGS.items():
            if request.method == "GET" and setting in request.query_params:
                return xml(f'<{word} xmlns="{_NAMESPACE}"/>')
        if request.method == "DELETE" and not request.query_params:
            self.buckets.pop(name, None)
        region = self.buckets[name].region if name in self.buckets else braket_door.region(request)
        return Response(b"", 204 if request.method == "DELETE" else 200, {"x-amz-bucket-region": region})

    def _make(self, name: str, body: bytes, region: str) -> Response:
        found = _CONSTRAINT.search(body)
        where = found[1].decode() if found else "us-east-1"
        if not _BUCKET.fullmatch(name):
            raise Refusal("InvalidBucketName", "The specified bucket is not valid.", 400)
        if where != region:
            raise Refusal("IllegalLocationConstraintException", f"The constraint {where} is not for {region}.", 400)
        if name in self.foreign:
            raise Refusal("BucketAlreadyExists", "The requested bucket name is not available.", 409)
        if name in self.buckets and region != "us-east-1":  # where it is no error, for history's sake
            raise Refusal("BucketAlreadyOwnedByYou", "You own the bucket already.", 409)
        self.buckets.setdefault(name, Bucket(region))
        return Response(b"", 200, {"location": f"/{name}"})

    async def _list(self, request: Request, body: bytes) -> Response:
        """ListObjectsV2; anything else about a bucket, too."""
        asked = request.query_params
        if asked.get("list-type") != "2":
            return await self._bucket(request, body)
        name = self._allowed(request)
        objects = self.buckets[name].objects if name in self.buckets else {}
        most = min(int(asked.get("max-keys", "") or _PAGE), _PAGE)
        after = asked.get("continuation-token") or asked.get("start-after", "")
        prefix = asked.get("prefix", "")
        keys = sorted(key for key in objects if key.startswith(prefix) and key > after)
        page = keys[:most]
        encode = (lambda key: quote(key, safe="/")) if asked.get("encoding-type") == "url" else escape
        listed = "".join(_listed(encode(key), objects[key]) for key in page)
        more = len(keys) > len(page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more and page else ""
        kind = "<EncodingType>url</EncodingType>" if asked.get("encoding-type") == "url" else ""
        return xml(
            f'<ListBucketResult xmlns="{_NAMESPACE}"><Name>{name}</Name><Prefix>{encode(prefix)}</Prefix>{kind}'
            f"<KeyCount>{len(page)}</KeyCount><MaxKeys>{most}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token}{listed}</ListBucketResult>"
        )

    # --- access -------------------------------------------------------------------------------
    def _allowed(self, request: Request) -> str:
        """The bucket's name. Raises `Refusal` for one of another account, or region."""
        name = unquote(request.path_params["bucket"])
        if name in self.foreign:
            raise Refusal("AccessDenied", "Access Denied", 403)
        region = braket_door.region(request)
        known = self.buckets.get(name)
        if known is not None and known.region != region:
            message = f"The authorization header is malformed; the region {region} is wrong; expecting {known.region}"
            raise Refusal("AuthorizationHeaderMalformed", message, 400, **{"x-amz-bucket-region": known.region})
        return name

    def _wanted(self, request: Request) -> Object:
        name = self._allowed(request)
        found = self.buckets.get(name)
        if found is None:
            raise Refusal("NoSuchBucket", "The specified bucket does not exist", 404)
        try:
            return found.objects[_key(request)]
        except KeyError:
            raise Refusal("NoSuchKey", "The specified key does not exist.", 404) from None


def _key(request: Request) -> str:
    return unquote(request.path_params["key"])


def _part(asked: str, size: int) -> range | None:
    """None for the whole. Raises `Refusal` for what is beyond the end."""
    found = _RANGE.fullmatch(asked)
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if int(first) >= size or (last and int(last) < int(first)):
        raise Refusal("InvalidRange", "The requested range is not satisfiable", 416)
    return range(int(first), min(int(last or size), size - 1) + 1)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _moment(since: float) -> str:
    return dt.datetime.fromtimestamp(since, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _listed(key: str, kept: Object) -> str:
    when = _moment(kept.modified)
    return (
        f"<Contents><Key>{key}</Key><LastModified>{when}</LastModified><ETag>{escape(kept.etag)}</ETag>"
        f"<Size>{len(kept.body)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )
