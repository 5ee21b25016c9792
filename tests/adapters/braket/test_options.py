"""The options of `run`: what is taken for what, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quantumjobs.adapters.braket import provider
from quantumjobs.errors import UsageError

DEBIAS = "braket.device_schema.error_mitigation.debias.Debias"
RESERVATION = "arn:aws:braket:eu-north-1:123456789012:reservation/a1"


def admitted(**options: Any) -> dict[str, Any]:
    settings = {"region": "us-west-2", "access_key_id": "A", "secret_access_key": "canary-5f2b9c"}
    plain, blobs = provider(settings).admit("sv1", options)
    assert blobs == {}
    return plain


def test_every_option_is_taken_as_plain_values():
    given = {
        "circuits_per_job": 7,
        "disable_qubit_rewiring": True,
        "error_mitigation": [{"type": DEBIAS}],
        "experimental_capabilities": "ALL",
        "inputs": {"theta": 0.5, "bits": "01"},
        "program_set": False,
        "reservation_arn": RESERVATION,
        "resource_tags": {"project": "x", "empty": ""},
        "result_types": ["state_vector"],
        "s3_bucket": "my-bucket.of-mine",
        "s3_prefix": "tasks/mine",
        "verbatim": True,
    }
    assert admitted(**given) == given
    assert admitted(device_parameters={"a": {"b": [1, 2.5, None]}}) == {
        "device_parameters": {"a": {"b": [1, 2.5, None]}}
    }


def test_none_is_as_good_as_not_said():
    assert admitted(inputs=None, verbatim=None, device_parameters=None, error_mitigation="debias") == {
        "error_mitigation": [{"type": DEBIAS}]
    }


def test_what_may_be_written_shortly_is_written_out():
    assert admitted(error_mitigation="Debias")["error_mitigation"] == [{"type": DEBIAS}]
    assert admitted(error_mitigation={"type": "new"})["error_mitigation"] == [{"type": "new"}]
    assert admitted(error_mitigation=["debias", {"type": "new"}])["error_mitigation"] == [
        {"type": DEBIAS},
        {"type": "new"},
    ]
    assert admitted(result_types="expectation  z(q[0])\t@ x(q[1]) ")["result_types"] == [
        "expectation z(q[0]) @ x(q[1])"
    ]
    assert admitted(result_types=("state_vector", "probability"))["result_types"] == ["state_vector", "probability"]
    assert admitted(s3_prefix="/a/b/")["s3_prefix"] == "a/b"
    assert admitted(experimental_capabilities={"enabled": "ALL"})["experimental_capabilities"] == {"enabled": "ALL"}


def test_numpys_numbers_are_numbers():
    found = admitted(inputs={"a": np.float64(0.25), "n": np.int64(3), "flag": True})["inputs"]
    assert found == {"a": 0.25, "n": 3, "flag": True}
    assert [type(one) for one in found.values()] == [float, int, bool]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"circuits_per_job": 0}, "from 1 to 10000"),
        ({"circuits_per_job": 10_001}, "from 1 to 10000"),
        ({"circuits_per_job": True}, "from 1 to 10000"),
        ({"circuits_per_job": 2.0}, "a whole number"),
        ({"device_parameters": "{}"}, "a dict of names"),
        ({"device_parameters": {1: 2}}, "a dict of names"),
        ({"device_parameters": {"a": object()}}, "device_parameters"),
        ({"device_parameters": {}, "error_mitigation": "debias"}, "the whole document"),
        ({"device_parameters": {}, "disable_qubit_rewiring": False}, "the whole document"),
        ({"disable_qubit_rewiring": 1}, "True or False"),
        ({"error_mitigation": "debiased"}, "did you mean 'debias'"),
        ({"error_mitigation": []}, "'debias', or documents"),
        ({"error_mitigation": 7}, "'debias', or documents"),
        ({"error_mitigation": [7]}, "a dict of names"),
        ({"experimental_capabilities": "all"}, "a dict of names"),
        ({"inputs": [0.5]}, "names of input variables"),
        ({"inputs": {"a b": 1}}, "names of input variables"),
        ({"inputs": {"theta": float("nan")}}, "theta=nan is not a finite number"),
        ({"inputs": {"theta": [1]}}, "is not a finite number"),
        ({"inputs": {"theta": 1j}}, "is not a finite number"),
        ({"inputs": {"theta": None}}, "is not a finite number"),
        ({"program_set": "yes"}, "True or False"),
        ({"reservation_arn": "mine"}, "the ARN of a reservation"),
        ({"reservation_arn": f"arn:{'x' * 256}"}, "the ARN of a reservation"),
        ({"resource_tags": ["a"]}, "a dict of texts"),
        ({"resource_tags": {"a": 1}}, "a dict of texts"),
        ({"resource_tags": {"": "x"}}, "1 to 128 characters"),
        ({"resource_tags": {"x" * 129: ""}}, "1 to 128 characters"),
        ({"result_types": []}, "'expectation z(q[0])'"),
        ({"result_types": [" "]}, "'expectation z(q[0])'"),
        ({"result_types": [{"type": "state_vector"}]}, "'expectation z(q[0])'"),
        ({"result_types": ["x" * 2001]}, "one line of text"),
        ({"result_types": ["state\x00vector"]}, "one line of text"),
        ({"s3_bucket": "My_Bucket"}, "no name of a bucket"),
        ({"s3_bucket": "a/../b"}, "no name of a bucket"),
        ({"s3_bucket": "10.0.0.1"}, "no name of a bucket"),
        ({"s3_bucket": "a..b"}, "no name of a bucket"),
        ({"s3_bucket": ("bucket", "key")}, "the name of an S3 bucket is needed"),
        ({"s3_prefix": "/"}, "a key such as"),
        ({"s3_prefix": "a\nb"}, "a key such as"),
        ({"s3_prefix": "a/../b"}, "a key such as"),
        ({"s3_prefix": "a//b"}, "a key such as"),
        ({"s3_prefix": "x" * 901}, "a key such as"),
        ({"verbatim": 0}, "True or False"),
    ],
)
def test_what_is_wrong_is_refused_with_what_to_do(options: dict[str, Any], words: str):
    with pytest.raises(UsageError) as caught:
        admitted(**options)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("s3_destination_folder", "s3_bucket='...' and s3_prefix='...'"),
        ("tags", "resource_tags={...}"),
        ("poll_timeout_seconds", "asyncio.timeout"),
        ("poll_interval_seconds", "Policy(pace=...)"),
        ("max_parallel", "limits={'braket/sv1': ...}"),
        ("max_connections", "fetched as they come"),
        ("seed", "take no seed"),
        ("gate_definitions", "OpenQASM text"),
    ],
)
def test_who_comes_from_the_vendors_sdk_is_told_what_is_there_instead(name: str, instead: str):
    with pytest.raises(UsageError) as caught:
        admitted(**{name: "x"})
    assert f"braket/sv1 has no option {name!r}" in str(caught.value)
    assert instead in str(caught.value)


def test_an_unknown_option_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match="did you mean 'reservation_arn'"):
        admitted(reservation_arm=RESERVATION)
    with pytest.raises(UsageError, match=r"braket/sv1; known: circuits_per_job, device_parameters,"):
        admitted(nonsense=1)


@pytest.mark.parametrize("backend", ["", "no-such-device", "arn:aws:s3:::bucket"])
def test_a_device_that_is_none_is_refused_with_its_options(backend: str):
    with pytest.raises(UsageError, match="braket"):
        provider({"region": "us-west-2"}).admit(backend, {})
