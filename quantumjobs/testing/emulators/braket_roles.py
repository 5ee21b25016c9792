"""IAM and STS, as far as they are needed: who one is, and the one role that programs of hybrid jobs run as."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from quantumjobs.testing.emulators.braket_refusals import Refusal, xml
from quantumjobs.testing.emulators.braket_tasks import ACCOUNT

_PATH, _NAME = "/service-role/", "AmazonBraketJobsExecutionRole"
ROLE = f"arn:aws:iam::{ACCOUNT}:role{_PATH}{_NAME}"
_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


async def list_roles(request: Request, body: bytes) -> Response:  # noqa: ARG001 - a handler's form
    """The only operation of IAM. Raises `Refusal` for others."""
    asked = parse_qs(body.decode("ascii", "replace"))
    if asked.get("Action") != ["ListRoles"]:
        raise Refusal("InvalidAction", "Could not find operation for version 2010-05-08", 400)
    prefix = asked.get("PathPrefix", ["/"])[0]
    role = (
        f"<member><Path>{_PATH}</Path><RoleName>{_NAME}</RoleName><RoleId>AROAEMULATED00000000</RoleId>"
        f"<Arn>{ROLE}</Arn><CreateDate>2020-08-13T00:00:00Z</CreateDate><MaxSessionDuration>3600</MaxSessionDuration>"
        "</member>"
    )
    roles = f"<Roles>{role if _PATH.startswith(prefix) else ''}</Roles><IsTruncated>false</IsTruncated>"
    return xml(
        f'<ListRolesResponse xmlns="{_NAMESPACE}"><ListRolesResult>{roles}</ListRolesResult></ListRolesResponse>'
    )


async def identity(request: Request, body: bytes) -> Response:  # noqa: ARG001 - a handler's form
    """The only operation of STS. Raises `Refusal` for others."""
    if b"Action=GetCallerIdentity" not in body:
        raise Refusal("InvalidAction", "Could not find operation for version 2011-06-15", 400)
    return xml(
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:iam::{ACCOUNT}:user/emulated</Arn><UserId>AIDAEMULATED</UserId><Account>{ACCOUNT}</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
