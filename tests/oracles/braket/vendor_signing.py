"""In the vendor's environment: botocore signs requests, and finds keys, regions and endpoints.

Reads plans from standard input, answers in JSON. No request is sent: each is caught just before.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

SIGNERS = {"s3": botocore.auth.S3SigV4Auth}
DEVICE = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"


class Caught(Exception):
    """Where a request would have gone."""


def sign(plan: dict[str, Any]) -> dict[str, Any]:
    now = datetime.fromtimestamp(plan["at"], UTC)
    botocore.auth.get_current_datetime = lambda *_, **__: now
    body = base64.b64decode(plan["body"]) if plan["body"] is not None else None
    request = AWSRequest(method=plan["method"], url=plan["url"], headers=plan["headers"], data=body)
    signer = SIGNERS.get(plan["service"], botocore.auth.SigV4Auth)
    signer(Credentials(*plan["keys"]), plan["service"], plan["region"]).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def resolve(plan: dict[str, Any]) -> dict[str, Any]:
    """As the vendor's SDK makes its session and clients."""
    kept = dict(os.environ)
    os.environ.update(plan["environment"])
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"), profile_name=plan["profile"])
        found = session.get_credentials()
        keys = found.get_frozen_credentials() if found is not None else None
        urls = {
            "braket": _url(session, "braket", "get_device", deviceArn=DEVICE),
            "s3": _url(session, "s3", "get_object", Bucket=plan["bucket"], Key=plan["key"]),
            "sts": _url(session, "sts", "get_caller_identity"),
            "logs": _url(session, "logs", "describe_log_groups"),
            "iam": _url(session, "iam", "list_roles"),
        }
        return {
            "region": session.region_name,
            "keys": [keys.access_key, keys.secret_key, keys.token] if keys is not None else None,
            "urls": urls,
        }
    except Exception as error:  # whatever it is: its name is the answer
        return {"error": type(error).__name__}
    finally:
        os.environ.clear()
        os.environ.update(kept)


def _url(session: Any, service: str, operation: str, **arguments: Any) -> str:
    given = {"endpoint_url": os.environ.get("BRAKET_ENDPOINT")} if service == "braket" else {}
    client = session.client(service, config=Config(retries={"total_max_attempts": 1}), **given)

    def catch(request: Any, **_: Any) -> None:
        raise Caught(request.url)

    client.meta.events.register("before-send", catch)
    try:
        getattr(client, operation)(**arguments)
    except Caught as caught:
        return caught.args[0]
    raise AssertionError("nothing was to be sent")


print(json.dumps([{"sign": sign, "resolve": resolve}[plan.pop("do")](plan) for plan in json.load(sys.stdin)]))
