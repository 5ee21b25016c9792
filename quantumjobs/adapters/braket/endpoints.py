"""Where requests go: regions, endpoints, ARNs of devices, and the addresses of objects in S3."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct

from quantumjobs.adapters.braket.shared import Section, Shared, text
from quantumjobs.errors import UsageError, unknown_name

REGIONS = ("us-east-1", "us-west-1", "us-west-2", "eu-west-2", "eu-north-1")
"""Those in which Braket is."""
NAMES: Mapping[str, str] = {
    "sv1": "arn:aws:braket:::device/quantum-simulator/amazon/sv1",
    "dm1": "arn:aws:braket:::device/quantum-simulator/amazon/dm1",
    "Ibex-Q1": "arn:aws:braket:eu-north-1::device/qpu/aqt/Ibex-Q1",
    "Garnet": "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet",
    "Emerald": "arn:aws:braket:eu-north-1::device/qpu/iqm/Emerald",
    "Forte-1": "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1",
    "Forte-Enterprise-1": "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-Enterprise-1",
    "Cepheus-1-108Q": "arn:aws:braket:us-west-1::device/qpu/rigetti/Cepheus-1-108Q",
}
"""Devices that run circuits, by short names, which are taken in any case. Newer ones are addressed by their ARN."""
SERVICES = ("braket", "s3", "sts", "logs", "iam")
_IDS = {"logs": "cloudwatch_logs"}
"""Names that AWS's own variables and files have for services, where they are others than hosts have."""
_IGNORE = "ignore_configured_endpoint_urls"
_HOSTS = {"braket": "api.aws", "sts": "api.aws", "s3": "amazonaws.com", "logs": "api.aws", "iam": "api.aws"}
"""What dual-stack hosts end with."""
_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_ARN = re.compile(r"arn:aws[a-z-]*:braket:([a-z0-9-]*):\d*:[!-~]+", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]", re.ASCII)
_RESERVED = re.compile(r"(?:xn--|sthree-|amzn-s3-demo-).*|.*(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)")


class Endpoints(Struct, frozen=True, kw_only=True):
    """Where each service is: at a URL of its own, or where it is in a region."""

    custom: Mapping[str, str] = {}
    """URLs without a slash at their end, by service; each for all regions."""
    fips: bool = False
    dual_stack: bool = False

    def of(self, service: str, region: str) -> str:
        """The root of a service. Raises `UsageError` for a region that is none."""
        return self.custom.get(service) or f"https://{self._host(service, checked_region(region))}"

    def _host(self, service: str, region: str) -> str:
        first = f"{service}-fips" if self.fips else service
        if service == "iam":  # one for all regions
            return f"{first}.global.api.aws" if self.dual_stack else f"{first}.amazonaws.com"
        if self.dual_stack and service == "s3":  # older than the others' way
            first += ".dualstack"
        return f"{first}.{region}.{_HOSTS[service] if self.dual_stack else 'amazonaws.com'}"

    def bucket(self, name: str, region: str) -> tuple[str, str]:
        """The root URL for a bucket's objects, and the path before a key, which is "" where the host names the bucket.

        Raises `UsageError` for what is no bucket's name.
        """
        root = self.of("s3", region)
        name = checked_bucket(name)
        if "s3" in self.custom or "." in name:  # the certificate covers one label; a server of one's own, no names
            return root, f"/{name}"
        return root.replace("://", f"://{name}.", 1), ""


def key(name: str) -> str:
    """An object's name in a path. What would be a step up or nowhere is sent as the name that it is."""
    return "/".join(
        quote(step, safe="~-_.") if step.strip(".") else step.replace(".", "%2E") for step in name.split("/")
    )


def checked_region(region: str) -> str:
    """Raises `UsageError` for a text that must not become part of a host's name."""
    if not _REGION.fullmatch(region):
        raise UsageError(f"braket: {region[:100]!r} is no region; known: {', '.join(REGIONS)}")
    return region


def checked_bucket(name: str) -> str:
    """Raises `UsageError` for what S3 would not take as a bucket's name."""
    if not _BUCKET.fullmatch(name) or _RESERVED.fullmatch(name) or _is_address(name):
        raise UsageError(
            f"braket: {name[:100]!r} is no name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens"
        )
    return name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


# --- ARNs -----------------------------------------------------------------------------------
def region_of(arn: str) -> str:
    """The region that a device, task or job is in; "" of what is everywhere, and of nothing. Raises `UsageError`."""
    if not arn:
        return ""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise UsageError(f"braket: {arn[:200]!r} is no ARN of Braket's")
    return checked_region(found[1]) if found[1] else ""


def arn_of(name: str, devices: Mapping[str, str] = {}) -> str:
    """The ARN of a device that is called by it, or by a short name; `devices` are the user's own.

    Raises `UsageError`.
    """
    if name.startswith("arn:"):
        region_of(name)
        if ":device/" not in name:
            raise UsageError(f"braket: {name!r} is the ARN of something else than a device")
        return name
    known = {short.casefold(): arn for short, arn in (*NAMES.items(), *devices.items())}
    arn = known.get(name.casefold())
    if arn is None:
        error = unknown_name("device", name, {*NAMES, *devices}, where="braket")
        raise UsageError(f"{error}; or give the ARN of a device, as in braket/arn:aws:braket:...")
    return arn


# --- what the user's surroundings say ---------------------------------------------------------
_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def home(given: str, profile: Section) -> str:
    """The region of what has none itself: that which is given, the environment's, or the profile's; "" for none.

    Raises `UsageError` for one that cannot be any.
    """
    found = given or next((one for name in _VARIABLES if (one := os.environ.get(name))), "") or text(profile, "region")
    return checked_region(found.strip()) if found else ""


def no_region() -> UsageError:
    """What is told where one is needed, and there is none."""
    return UsageError(
        "braket: there is no region. Looked at, in this order: (1) the setting 'region', "
        f"(2) the environment variables {', '.join(_VARIABLES)}, (3) the profile's region; "
        f"Braket is in {', '.join(REGIONS)}"
    )


def configured(service: str, shared: Shared, profile: Section) -> str:
    """The URL that the environment or the profile has for a service; "" for none. Raises `UsageError`."""
    if service == "braket" and (own := os.environ.get("BRAKET_ENDPOINT")):  # the vendor's SDK gives it as an argument
        return own
    if flag(_IGNORE, profile):
        return ""
    name = _IDS.get(service, service)
    for variable in (f"AWS_ENDPOINT_URL_{name.upper()}", "AWS_ENDPOINT_URL"):
        if found := os.environ.get(variable):
            return found
    section = shared.services(profile).get(name, {})
    return (text(section, "endpoint_url") if isinstance(section, Mapping) else "") or text(profile, "endpoint_url")


def flag(name: str, profile: Section) -> bool:
    """A switch, by its name in a profile; the environment's `AWS_...` comes first."""
    found = os.environ.get(f"AWS_{name.upper()}")
    return (text(profile, name) if found is None else found).strip().lower() == "true"
