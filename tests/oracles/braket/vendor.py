"""Amazon Braket's own SDK, in its own environment and process; and a service that notes what it is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from quantumjobs.testing.emulators import BraketEmulator
from tests.oracles.aqt.vendor import surroundings
from tests.oracles.overhearing import overheard
from tests.oracles.processes import carried_out

VARIABLE = "QUANTUMJOBS_ORACLE_BRAKET"
PYTHON = os.environ.get(VARIABLE, "")  # when this module is loaded: no test sees such variables
HERE = Path(__file__).parent
KEY_ID, SECRET = "AKIDCANARY5F2B9C0001", "canary/5f2b9c+secretaccesskey0123456789"
REGION = "us-east-1"
SEED = 7
PATIENCE = 150  # seconds for one process, which imports for ten
HEADERS = ("content-type",)
"""Those that are recorded."""


def python() -> str:
    """The interpreter of the vendor's environment."""
    if not PYTHON:
        raise RuntimeError(f"{VARIABLE} names no interpreter: run this by `nox -s oracles`")
    return PYTHON


def pointed(home: Path, url: str = "") -> dict[str, str]:
    """Nothing of the user's, and all services at one place."""
    return {
        **surroundings(home),
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_BRAKET": url,
        "no_proxy": "127.0.0.1",
    }


def settings(url: str, **more: Any) -> dict[str, Any]:
    """Ours, for the same place."""
    services = dict.fromkeys(("endpoint_url", "s3_endpoint_url", "sts_endpoint_url"), url)
    return {**services, "region": REGION, "access_key_id": KEY_ID, "secret_access_key": SECRET, **more}


async def jobs(plans: Sequence[dict[str, Any]], *, home: Path) -> list[dict[str, Any]]:
    """Let `vendor_jobs.py` carry out the plans, each at its own "url", in one process."""
    # `-I`: neither this package nor the user's site-packages are there.
    command = (python(), "-I", str(HERE / "vendor_jobs.py"))
    return await carried_out(plans, command, env=pointed(home), home=home, patience=PATIENCE)


class Recorder(BraketEmulator):
    """Notes every request: what it is signed for, method, path as it was sent, query, content type and body."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"seed": SEED, "token": f"{KEY_ID}:{SECRET}", **given})
        self.noted: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        pieces: list[bytes] = []

        # Noted before it is answered, and so in the order in which it came.
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        _, _, region, service, *_ = [*headers.get("authorization", "").split("/"), "", "", "", ""]
        note = {
            "service": service,
            "region": region,
            "method": scope["method"],
            "path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": {name: headers[name] for name in HEADERS if name in headers},
            "body": None,
        }
        self.noted.append(note)
        await super().__call__(scope, overheard(receive, pieces), send)
        note["body"] = _readable(b"".join(pieces))


def _readable(body: bytes) -> Any:
    """Documents as they are, those in them too; else the text."""
    if not body:
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return body.decode()
    inner = {name: json.loads(found[name]) for name in ("action", "deviceParameters") if name in found}
    return {**found, **inner}
