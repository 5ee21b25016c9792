"""The pure half of hybrid jobs: a packed program as the one part that it is, and what a program has saved."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from quantumjobs.abc import Part, Prepared, Raw, Request
from quantumjobs.adapters.braket.jobs_about import HYBRID, About, kind_of
from quantumjobs.adapters.braket.schemas import JOB, RESULTS
from quantumjobs.errors import UsageError

_PLAIN = "plaintext"


class _Saved(Struct, frozen=True, rename="camel"):
    """The vendor's schema of saved data; see `braket.jobs_data.persisted_job_data`."""

    data_dictionary: dict[str, msgspec.Raw]
    data_format: str = _PLAIN


def arrange(request: Request, about: bytes) -> Prepared:
    """Raises `UsageError` where there is no role that the job could take."""
    payload = request.blobs["payload"]
    known = _about.decode(about)
    details = {"device": known.device, **({"root": known.root} if known.root else {})}
    if kind_of(request.backend) == HYBRID:
        if not known.role and "role_arn" not in request.options:
            raise UsageError(
                f"braket: a hybrid job needs a role: {known.why_no_role}. Give role_arn='arn:aws:iam::...' or the "
                "setting job_role, or have Braket's console make one"
            )
        details |= {"bucket": known.bucket, "prefix": known.prefix, "role": known.role}
    return Prepared(parts=(Part(payload=payload, layout=b"", count=1, details=details),))


def values(raw: Raw) -> Mapping[str, bytes]:
    """Name to JSON. Raises `UsageError` for pickled values, which nothing here reads, and for what is no saved data."""
    if raw.schema != JOB:
        raise UsageError(f"a result of schema {raw.schema!r} is not one of a hybrid job's")
    if RESULTS not in raw.blobs:
        return {}
    try:
        saved = _saved.decode(raw.blobs[RESULTS])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"its results.json is not what save_job_result writes: {error}") from error
    if saved.data_format != _PLAIN:
        raise UsageError(
            f"it was saved as {saved.data_format[:50]!r}, which runs code when it is read: have the program save "
            "plain values (data_format=PLAINTEXT, or quantumjobs.hybrid.save_result); the files are there by "
            "download_result"
        )
    return {name: bytes(value) for name, value in saved.data_dictionary.items()}


_about = msgspec.json.Decoder(About)
_saved = msgspec.json.Decoder(_Saved)
