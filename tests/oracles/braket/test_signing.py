"""botocore signs the same requests with the same signatures, and finds the same keys, regions and endpoints."""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from quantumjobs.adapters.braket import credentials, endpoints, settings
from quantumjobs.errors import CredentialError, UsageError
from quantumjobs.wire import Secret, Unsigned, step
from quantumjobs.wire.sigv4 import AwsKeys, Signer
from tests.oracles.aqt.vendor import surroundings
from tests.oracles.processes import carried_out

VARIABLE = "QUANTUMJOBS_ORACLE_BRAKET"
PYTHON = os.environ.get(VARIABLE, "")  # when this module is loaded: no test sees such variables
SCRIPT = Path(__file__).parent / "vendor_signing.py"
NUMBER = 400
SIGNED = ("authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256")

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(180)]


async def carried(plans: list[dict[str, Any]], home: Path) -> list[dict[str, Any]]:
    if not PYTHON:
        raise RuntimeError(f"{VARIABLE} names no interpreter: run this by `nox -s oracles`")
    env = {**surroundings(home), "AWS_EC2_METADATA_DISABLED": "true"}
    return await carried_out(plans, (PYTHON, "-I", str(SCRIPT)), env=env, home=home, patience=150)


# --- signatures -------------------------------------------------------------------------------
def _text(random_: random.Random, longest: int = 8) -> str:
    """Of everything that is awkward in a URL."""
    return "".join(random_.choices("aZ09-_.~ /+&=%?#:;,@!*'()é漢🙂\\\"<>", k=random_.randint(0, longest)))


def _request(random_: random.Random) -> dict[str, Any]:
    service = random_.choice(["braket", "s3", "sts", "logs"])
    hosts = ["braket.us-east-1.amazonaws.com", "BUCKET.s3.eu-north-1.amazonaws.com", "127.0.0.1", "[::1]", "localhost"]
    root = (
        random_.choice(["https", "http"]) + "://" + random_.choice(hosts) + random_.choice(["", ":443", ":80", ":9000"])
    )
    arn = f"arn:aws:braket:us-east-1:123456789012:quantum-task/{random_.randrange(1 << 40)}"
    paths = [
        "/" if service == "s3" else "",  # of which botocore never asks S3, nor signs what would be sent then
        "/",
        f"/quantum-task/{step(arn)}",
        f"/quantum-task/{step(arn)}/cancel",
        f"/base//x/{step(_text(random_) or 'x')}",
        f"/bucket/{endpoints.key(_text(random_, 20))}",
    ]
    pairs = [
        quote(_text(random_), safe="-_.~") + random_.choice(["", "=", "=" + quote(_text(random_), safe="-_.~")])
        for _ in range(random_.randint(0, 4))
    ]
    query = "&".join(pair for pair in pairs if pair)
    headers = {f"x-amz-{name}": _value(random_) for name in random_.sample(["a", "target", "meta-x", "zz"], 2)}
    if random_.random() < 0.5:
        headers["content-type"] = random_.choice(["application/json", "application/x-amz-json-1.1", "a/b;  charset=x"])
    body = random_.choice([None, b"", b"{}", random_.randbytes(random_.randint(1, 300))])
    return {
        "do": "sign",
        "service": service,
        "region": random_.choice(endpoints.REGIONS),
        "method": random_.choice(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]),
        "url": root + random_.choice(paths) + (f"?{query}" if query else ""),
        "headers": headers,
        "body": None if body is None else base64.b64encode(body).decode(),
        "keys": [f"AK{random_.randrange(3)}", f"secret/{random_.randrange(3)}+", random_.choice([None, "token//=="])],
        "at": 1_700_000_000 + random_.randrange(10**8),
    }


def _value(random_: random.Random) -> str:
    return "".join(random_.choices("aZ0  \t,;=\"'/", k=random_.randint(0, 12)))


def _ours(plan: Mapping[str, Any]) -> dict[str, str]:
    headers = {"accept": "application/json", "user-agent": "x", **plan["headers"]}
    body = None if plan["body"] is None else base64.b64decode(plan["body"])
    key_id, secret, token = plan["keys"]
    sign = Signer(plan["service"], plan["region"], clock=lambda: plan["at"])
    sign(
        Unsigned(plan["method"], plan["url"], headers, body), AwsKeys(key_id, secret, Secret(token) if token else None)
    )
    return headers


# --- keys, regions and endpoints --------------------------------------------------------------
CONFIG = """
[default]
region = us-west-1
[profile lab]
region = eu-north-1
services = near
[profile all]
region = us-west-2
endpoint_url = http://127.0.0.1:7/base
[profile keys]
region = eu-west-2
aws_access_key_id = AKCONFIG
aws_secret_access_key = config
[profile program]
region = eu-west-2
credential_process = {program}
[profile ignoring]
region = eu-west-2
services = near
ignore_configured_endpoint_urls = true
[profile lost]
region = eu-west-2
services = far
[profile "with blank"]
region = eu-west-2
use_dualstack_endpoint = true
[services near]
braket =
    endpoint_url = http://127.0.0.1:5
sts =
    endpoint_url = http://127.0.0.1:6
cloudwatch_logs =
    endpoint_url = http://127.0.0.1:8
"""
CREDENTIALS = """
[default]
aws_access_key_id = AKDEFAULT
aws_secret_access_key = default
[lab]
aws_access_key_id = AKLAB
aws_secret_access_key = lab
aws_session_token = token
[there]
aws_access_key_id = AKTHERE
aws_secret_access_key = there
region = us-west-2
[all]
aws_access_key_id = AKALL
aws_secret_access_key = all
[ignoring]
aws_access_key_id = AKIGNORING
aws_secret_access_key = ignoring
[with blank]
aws_access_key_id = AKBLANK
aws_secret_access_key = blank
[lost]
aws_access_key_id = AKLOST
aws_secret_access_key = lost
[half]
aws_access_key_id = AKHALF
region = us-west-2
"""
KEYS = {"AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "env"}
OWN = "http://127.0.0.1:1"
SURROUNDINGS: list[tuple[dict[str, str], str | None]] = [
    ({}, None),
    (KEYS, None),
    ({**KEYS, "AWS_SESSION_TOKEN": "token"}, None),
    ({**KEYS, "AWS_SECURITY_TOKEN": "old", "AWS_SESSION_TOKEN": "token"}, None),
    ({**KEYS, "AWS_PROFILE": "lab"}, None),
    ({**KEYS, "AWS_PROFILE": "lab"}, "keys"),
    ({"AWS_ACCESS_KEY_ID": "AKENV"}, None),
    ({"AWS_PROFILE": "lab", "AWS_DEFAULT_PROFILE": "keys"}, None),
    ({"AWS_PROFILE": "gone"}, None),
    ({}, "gone"),
    ({}, "there"),
    ({}, "half"),
    ({}, "all"),
    ({}, "program"),
    ({}, "lost"),
    ({}, "with blank"),
    ({**KEYS, "AWS_CONFIG_FILE": "/dev/null"}, None),
    ({**KEYS, "AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "us-west-2"}, None),
    ({**KEYS, "AWS_DEFAULT_REGION": "us-west-2"}, None),
    ({**KEYS, "AWS_ENDPOINT_URL": OWN}, "lab"),
    ({**KEYS, "AWS_ENDPOINT_URL": OWN, "AWS_ENDPOINT_URL_BRAKET": "http://127.0.0.1:2"}, None),
    ({**KEYS, "AWS_ENDPOINT_URL_BRAKET": "http://127.0.0.1:2", "BRAKET_ENDPOINT": "http://127.0.0.1:3"}, None),
    ({**KEYS, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:3"}, None),
    ({**KEYS, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "http://127.0.0.1:2", "AWS_ENDPOINT_URL_IAM": OWN}, None),
    ({**KEYS, "AWS_ENDPOINT_URL": OWN, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None),
    ({**KEYS, "BRAKET_ENDPOINT": OWN, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None),
    ({**KEYS, "AWS_ENDPOINT_URL": OWN, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}, "ignoring"),
    ({}, "ignoring"),
    ({**KEYS, "AWS_USE_FIPS_ENDPOINT": "true"}, None),
    ({**KEYS, "AWS_USE_DUALSTACK_ENDPOINT": "true"}, None),
    ({**KEYS, "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, None),
    ({**KEYS, "AWS_USE_DUALSTACK_ENDPOINT": "false"}, "with blank"),
    ({**KEYS, "AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL": OWN}, None),
]
"""Variables, and a profile that is named in code."""
ROOTS = ("sts", "logs", "iam")
"""Services of which all requests here go to the root."""
BUCKETS = ("results", "my.results")
KEY = "tasks/a b+é~=(1)/results.json"


def _files(home: Path) -> dict[str, str]:
    """As both sides find them: below the home directory."""
    program = home / "program.py"
    said = '{"Version": 1, "AccessKeyId": "AKPROGRAM", "SecretAccessKey": "program"}'
    program.write_text(f"print({said!r})\n")
    aws = home / ".aws"
    aws.mkdir()
    (aws / "config").write_text(CONFIG.replace("{program}", f"{PYTHON} -I {program}"))
    (aws / "credentials").write_text(CREDENTIALS)
    return {"HOME": str(home)}


async def _found(plan: Mapping[str, Any]) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in plan["environment"].items():
            patch.setenv(name, value)
        try:
            read = settings.read({"profile": plan["profile"]} if plan["profile"] else {})
            held = await credentials.credential(read).get()
            if not read.region:
                raise endpoints.no_region()
        except (UsageError, CredentialError) as error:
            return {"error": str(error)}
    assert isinstance(held.secret, AwsKeys)
    session = held.secret.session
    root, path = read.endpoints.bucket(plan["bucket"], read.region)
    return {
        "region": read.region,
        "keys": [held.secret.key_id, held.secret.reveal(), session.reveal() if session else None],
        "urls": {
            "braket": f"{read.endpoints.of('braket', read.region)}/device/{step(endpoints.NAMES['sv1'])}",
            "s3": f"{root}{path}/{endpoints.key(plan['key'])}",
            **{service: read.endpoints.of(service, read.region) for service in ROOTS},
        },
    }


async def test_botocore_signs_and_finds_the_same(tmp_path: Path):
    random_ = random.Random(5)
    requests = [_request(random_) for _ in range(NUMBER)]
    home = _files(tmp_path)
    places = [
        {
            "do": "resolve",
            "environment": {**home, **environment},
            "profile": profile,
            "bucket": BUCKETS[number % 2],
            "key": KEY,
        }
        for number, (environment, profile) in enumerate(SURROUNDINGS)
    ]
    theirs = await carried([*requests, *places], tmp_path)

    for plan, signed in zip(requests, theirs, strict=False):
        ours = _ours(plan)
        wanted = {name: signed.get(name) for name in SIGNED}
        assert {name: ours.get(name) for name in SIGNED} == wanted, plan["method"] + plan["url"]

    differing = []
    for plan, there in zip(places, theirs[NUMBER:], strict=True):
        here = await _found(plan)
        if "urls" in there:
            there["urls"] |= {service: there["urls"][service].rstrip("/") for service in ROOTS}
        if here != there and not ("error" in here and "error" in there):
            differing.append((plan, here, there))
    assert not differing
    refused = [there["error"] for there in theirs[NUMBER:] if "error" in there]
    assert refused == [
        "PartialCredentialsError",
        "ProfileNotFound",
        "ProfileNotFound",
        "PartialCredentialsError",
        "InvalidConfigError",
        "NoRegionError",
    ]
