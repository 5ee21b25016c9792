"""What an account's user says of it: here, in the environment, and in the files of AWS's own tools."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf, isfinite
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from quantumjobs.adapters import checks
from quantumjobs.adapters.braket import endpoints, shared
from quantumjobs.adapters.braket.endpoints import REGIONS, Endpoints
from quantumjobs.adapters.braket.keys import keys
from quantumjobs.core.traffic import Rate
from quantumjobs.errors import UsageError, unknown_name
from quantumjobs.ledgers.places import state_directory
from quantumjobs.wire import Deadlines, Secret
from quantumjobs.wire.origins import checked
from quantumjobs.wire.sigv4 import AwsKeys

NAMES = (
    "access_key_id",
    "account",
    "allow_http",
    "credentials",
    "deadlines",
    "devices",
    "endpoint_url",
    "iam_endpoint_url",
    "in_flight",
    "job_role",
    "local_jobs",
    "logs_endpoint_url",
    "profile",
    "quota_share",
    "quotas",
    "region",
    "regions",
    "s3_bucket",
    "s3_endpoint_url",
    "s3_prefix",
    "secret_access_key",
    "session_token",
    "sts_endpoint_url",
    "task_fee",
    "window",
)
Given = Callable[[], Awaitable[Any] | Any]
"""Gives (access key id, secret access key), and behind these, each possibly None, a session token and when it ends, in
seconds since the epoch or as a datetime."""
OPERATIONS = (
    "CreateQuantumTask",
    "GetQuantumTask",
    "SearchQuantumTasks",
    "CancelQuantumTask",
    "GetDevice",
    "SearchDevices",
    "CreateJob",
    "GetJob",
    "SearchJobs",
    "CancelJob",
    "GetLogEvents",
    "FilterLogEvents",
)
"""Those that have quotas."""
PREFIX = "tasks"
_TEXTS = (
    "access_key_id",
    "account",
    "endpoint_url",
    "iam_endpoint_url",
    "job_role",
    "logs_endpoint_url",
    "profile",
    "region",
    "s3_bucket",
    "s3_endpoint_url",
    "s3_prefix",
    "sts_endpoint_url",
)
_URLS = {
    service: "endpoint_url" if service == "braket" else f"{service}_endpoint_url" for service in endpoints.SERVICES
}
_JOB_TOKEN = "AMZN_BRAKET_JOB_TOKEN"  # noqa: S105 - a name
_ROLE = "BRAKET_JOBS_ROLE_ARN"
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_RESULTS = "AMZN_BRAKET_TASK_RESULTS_S3_URI"
_BUCKET = "AMZN_BRAKET_OUT_S3_BUCKET"
"""Variables that the service sets inside a hybrid job."""


class Settings(Struct, frozen=True, kw_only=True):
    """One account's settings."""

    account: str = "default"
    profile: str | None = None
    """Only where it is named in the settings: the environment's keys do not count then."""
    keys: AwsKeys | None = None
    given: Given | None = None
    """A function that gives credentials. Without both: look in the environment and the files, at every reading anew."""
    region: str
    """Of what has none itself: simulators, buckets. "" where there is none, as local hybrid jobs need none."""
    regions: tuple[str, ...]
    """Whose devices are listed."""
    endpoints: Endpoints = Endpoints()
    s3_bucket: str = ""
    """Where results go; "" for the account's default bucket."""
    s3_prefix: str = PREFIX
    """Without slashes at its ends."""
    job_token: Secret | None = None
    """Of the hybrid job that this is running in."""
    devices: Mapping[str, str] = {}
    """ARNs by the user's own short names."""
    window: float = 600.0
    """Seconds for which the service is trusted to know a submit again by its token."""
    quotas: Mapping[str, Rate] = {}
    """By the operation's name."""
    quota_share: float = 0.5
    """The part of the documented rates that looks and searches use, since other clients of the account look, too."""
    in_flight: int | None = 35
    """Tasks at once on a simulator; None for as many as there are."""
    task_fee: float = 0.30
    """US dollars for each task on a QPU, besides those for its shots: a published price, which no description has."""
    job_role: str = ""
    """The ARN of the role that hybrid jobs take; "" for the one that Braket's console makes."""
    local_jobs: Path = Path()
    """The folder in which local hybrid jobs have theirs."""
    deadlines: Deadlines = Deadlines()

    @property
    def endpoint_url(self) -> str | None:
        """Braket's, where it is not AWS's own."""
        return self.endpoints.custom.get("braket")


def read(settings: Mapping[str, Any]) -> Settings:
    """The settings, checked. Reads the environment and AWS's configuration files.

    Raises `UsageError` for an unknown name, a wrong type, credentials from two places, a profile that is not there, or
    a URL that no credential should go to; `CredentialError` for keys that cannot be any.
    """
    checks.names(settings, NAMES, where="braket")
    _texts(settings)
    named = _text(settings, "profile") or None
    files = shared.load()
    profile = files.profile(named or shared.named())
    where = _endpoints(settings, files, profile)
    region = endpoints.home(_text(settings, "region"), profile)
    bucket, prefix = _results(settings)
    job_token = os.environ.get(_JOB_TOKEN)
    return Settings(
        account=_text(settings, "account") or named or shared.named() or "default",
        profile=named,
        keys=_keys(settings),
        given=_given(settings),
        region=region,
        regions=_regions(settings, region, where),
        endpoints=where,
        s3_bucket=bucket,
        s3_prefix=prefix,
        job_token=Secret(job_token) if job_token else None,
        devices=_devices(settings),
        window=_number(settings, "window", 600.0),
        quotas=_quotas(settings),
        quota_share=_number(settings, "quota_share", 0.5, most=1.0),
        in_flight=_in_flight(settings),
        task_fee=_number(settings, "task_fee", 0.30, zero=True),
        job_role=_role(settings),
        local_jobs=_local(settings),
        deadlines=checks.deadlines(settings, where="braket"),
    )


# --- texts and numbers --------------------------------------------------------------------------
def _texts(settings: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        if settings.get(name) is not None and not isinstance(settings[name], str):
            raise UsageError(f"braket: setting {name!r} must be a text, not a {type(settings[name]).__name__}")


def _text(settings: Mapping[str, Any], name: str) -> str:
    return (settings.get(name) or "").strip()


def _number(settings: Mapping[str, Any], name: str, default: float, *, most: float = inf, zero: bool = False) -> float:
    given = settings.get(name, default)
    good = isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given) and 0 <= given <= most
    if not good or (given == 0 and not zero):
        above = f" and at most {most:g}" if most < inf else ""
        raise UsageError(
            f"braket: setting {name!r} must be a number {'from' if zero else 'above'} 0{above}, not {given!r}"
        )
    return float(given)


def _in_flight(settings: Mapping[str, Any]) -> int | None:
    given = settings.get("in_flight", 35)
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 0):
        raise UsageError(f"braket: setting 'in_flight' must be a number of tasks, or 0 for no limit, not {given!r}")
    return given or None


def _quotas(settings: Mapping[str, Any]) -> dict[str, Rate]:
    found = {}
    for name, given in _table(settings, "quotas").items():
        if name not in OPERATIONS:
            raise unknown_name("operation", name, OPERATIONS, where="braket: setting 'quotas'")
        try:
            per_second, burst = given
            found[name] = Rate(float(per_second), int(burst))
        except (TypeError, ValueError):
            found[name] = Rate(0, 0)
        rate = found[name]
        if not (isfinite(rate.per_second) and rate.per_second > 0 and rate.burst >= 1):
            raise UsageError(
                f"braket: setting 'quotas': {name} must be (requests per second, so many at once), not {given!r}"
            )
    return found


def _table(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    given = settings.get(name) or {}
    if not isinstance(given, Mapping) or not all(isinstance(one, str) for one in given):
        raise UsageError(f"braket: setting {name!r} must be a table, not a {type(given).__name__}")
    return given


def _role(settings: Mapping[str, Any]) -> str:
    given = _text(settings, "job_role") or os.environ.get(_ROLE, "")
    return checked_role(given, what="braket: setting 'job_role'") if given else ""


def checked_role(given: object, *, what: str) -> str:
    """Raises `UsageError` for what is no role's ARN."""
    if not isinstance(given, str) or not _ROLE_ARN.fullmatch(given):
        raise UsageError(f"{what}: {str(given)[:200]!r} is no role: arn:aws:iam::<account>:role/<name> is needed")
    return given


def _local(settings: Mapping[str, Any]) -> Path:
    given = settings.get("local_jobs")
    if given is not None and (not isinstance(given, (str, os.PathLike)) or not os.fspath(given)):
        raise UsageError(f"braket: setting 'local_jobs' must be a folder, not {given!r}")
    return Path(given).absolute() if given is not None else state_directory() / "hybrid-jobs"


# --- credentials --------------------------------------------------------------------------------
def _keys(settings: Mapping[str, Any]) -> AwsKeys | None:
    names = ("access_key_id", "secret_access_key", "session_token")
    for name in names[1:]:  # never shown, unlike other settings of a wrong type
        if not isinstance(settings.get(name), str | Secret | None):
            raise UsageError(
                f"braket: setting {name!r} must be a text, not a {type(settings[name]).__name__}; "
                "a function that gives all three is the setting 'credentials'"
            )
    set_ = [name for name in names if settings.get(name)]
    if not set_:
        return None
    if settings.get("credentials") is not None:
        raise UsageError(f"braket: either the setting 'credentials' or {set_[0]!r} is needed, not both")
    missing = [name for name in names[:2] if name not in set_]
    if missing:
        raise UsageError(f"braket: setting {set_[0]!r} needs {missing[0]!r}, too")
    return keys(*(settings.get(name) for name in names), origin="the keys given in the settings")


def _given(settings: Mapping[str, Any]) -> Given | None:
    given = settings.get("credentials")
    if given is not None and not callable(given):
        raise UsageError(
            f"braket: setting 'credentials' must be a function that gives them, not a {type(given).__name__}"
        )
    return cast("Given | None", given)


# --- places -------------------------------------------------------------------------------------
def _endpoints(settings: Mapping[str, Any], files: shared.Shared, profile: shared.Section) -> Endpoints:
    allowed = checks.hosts(settings, where="braket")
    custom = {}
    for service, name in _URLS.items():
        url = _text(settings, name) or endpoints.configured(service, files, profile).strip()
        if url:
            custom[service] = checked(url, what=f"braket: {name}", allow_http=allowed)
    fips, dual = (endpoints.flag(f"use_{one}_endpoint", profile) for one in ("fips", "dualstack"))
    return Endpoints(custom=custom, fips=fips, dual_stack=dual)


def _regions(settings: Mapping[str, Any], region: str, where: Endpoints) -> tuple[str, ...]:
    given = settings.get("regions")
    if given is None:
        if "braket" in where.custom or not region:
            return (region,)
        return tuple(dict.fromkeys((region, *REGIONS)))
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(one, str) for one in given):
        raise UsageError(f"braket: setting 'regions' must be a list of regions, not {given!r}")
    return tuple(endpoints.checked_region(one) for one in dict.fromkeys(given))


def _devices(settings: Mapping[str, Any]) -> dict[str, str]:
    table = _table(settings, "devices")
    for name, arn in table.items():
        if not isinstance(arn, str) or not arn.startswith("arn:"):
            raise UsageError(f"braket: setting 'devices': {name} must be the ARN of a device, not {arn!r}")
        endpoints.arn_of(arn)
    return dict(table)


def _results(settings: Mapping[str, Any]) -> tuple[str, str]:
    """Bucket and prefix; inside a hybrid job those that the service has set apart for the job's tasks."""
    bucket, prefix = _text(settings, "s3_bucket"), _text(settings, "s3_prefix")
    if not bucket:
        found = re.fullmatch(r"(?i:s3)://([^/]+)/(.+)", os.environ.get(_RESULTS, ""))
        if found is not None:
            bucket, prefix = found[1], prefix or found[2]
        else:
            bucket = os.environ.get(_BUCKET, "")
    prefix = prefix.strip("/") or PREFIX
    if len(prefix) > 900 or not prefix.isprintable() or any(not step.strip(".") for step in prefix.split("/")):
        raise UsageError(f"braket: setting 's3_prefix': {prefix[:100]!r} is no folder of a bucket")
    return endpoints.checked_bucket(bucket) if bucket else "", prefix
