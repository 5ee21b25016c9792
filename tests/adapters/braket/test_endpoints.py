"""Where requests go, and that no text of a user's or a server's becomes part of a host's name."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.adapters.braket import endpoints
from quantumjobs.adapters.braket.endpoints import Endpoints
from quantumjobs.adapters.braket.shared import Shared
from quantumjobs.errors import UsageError

NOTHING = Shared({}, {})
NAMED = Shared({"default": {"services": "near"}, "services near": {"braket": {"endpoint_url": "http://near"}}}, {})


# --- defaults ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fips", "dual", "service", "host"),
    [
        (False, False, "braket", "braket.eu-north-1.amazonaws.com"),
        (True, False, "braket", "braket-fips.eu-north-1.amazonaws.com"),
        (False, True, "braket", "braket.eu-north-1.api.aws"),
        (True, True, "braket", "braket-fips.eu-north-1.api.aws"),
        (False, False, "sts", "sts.eu-north-1.amazonaws.com"),
        (False, True, "sts", "sts.eu-north-1.api.aws"),
        (False, False, "s3", "s3.eu-north-1.amazonaws.com"),
        (True, False, "s3", "s3-fips.eu-north-1.amazonaws.com"),
        (False, True, "s3", "s3.dualstack.eu-north-1.amazonaws.com"),
        (True, True, "s3", "s3-fips.dualstack.eu-north-1.amazonaws.com"),
    ],
)
def test_hosts_by_region(fips: bool, dual: bool, service: str, host: str):
    assert Endpoints(fips=fips, dual_stack=dual).of(service, "eu-north-1") == f"https://{host}"


def test_an_endpoint_of_ones_own_is_for_all_regions():
    here = Endpoints(custom={"braket": "http://127.0.0.1:9"})
    assert here.of("braket", "eu-north-1") == here.of("braket", "us-east-1") == "http://127.0.0.1:9"
    assert here.of("sts", "us-east-1") == "https://sts.us-east-1.amazonaws.com"


@pytest.mark.parametrize("region", ["", "evil.example/", "us-east-1.evil", "a@b", "US-EAST-1", "x" * 64, "us-east-1\n"])
def test_what_is_no_region_is_no_part_of_a_host(region: str):
    with pytest.raises(UsageError, match="is no region"):
        Endpoints().of("braket", region)
    if region:
        with pytest.raises(UsageError):
            endpoints.region_of(f"arn:aws:braket:{region}::device/qpu/iqm/Garnet")


# --- S3 -----------------------------------------------------------------------------------------
def test_a_bucket_is_named_by_the_host_or_by_the_path():
    assert Endpoints().bucket("results", "us-east-1") == ("https://results.s3.us-east-1.amazonaws.com", "")
    assert Endpoints().bucket("my.results", "us-east-1") == ("https://s3.us-east-1.amazonaws.com", "/my.results")
    here = Endpoints(custom={"s3": "http://127.0.0.1:9/base"})
    assert here.bucket("results", "us-east-1") == ("http://127.0.0.1:9/base", "/results")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 64,
        "Results",
        "a_b",
        "-ab",
        "ab-",
        ".ab",
        "a..b",
        "127.0.0.1",
        "a/b",
        "a@b",
        "xn--abc",
        "x-s3alias",
    ],
)
def test_what_is_no_bucket_is_no_part_of_a_host(name: str):
    with pytest.raises(UsageError, match="no name of a bucket"):
        Endpoints().bucket(name, "us-east-1")


@given(st.text(min_size=1, max_size=30))
def test_a_key_stays_the_same_text_and_goes_nowhere_else(name: str):
    sent = endpoints.key(name)
    assert unquote(sent) == name
    assert sent.isascii()
    assert not {".", ".."} & set(sent.split("/"))
    assert urlsplit(f"https://example.com/{sent}").path == f"/{sent}"


def test_a_key_as_s3_writes_it():
    assert endpoints.key("tasks/a b/é~-_.json") == "tasks/a%20b/%C3%A9~-_.json"
    assert endpoints.key("a/../b") == "a/%2E%2E/b"


# --- ARNs -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "arn", "region"),
    [
        ("sv1", "arn:aws:braket:::device/quantum-simulator/amazon/sv1", ""),
        ("SV1", "arn:aws:braket:::device/quantum-simulator/amazon/sv1", ""),
        ("garnet", "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet", "eu-north-1"),
        ("FORTE-ENTERPRISE-1", "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-Enterprise-1", "us-east-1"),
        ("Cepheus-1-108q", "arn:aws:braket:us-west-1::device/qpu/rigetti/Cepheus-1-108Q", "us-west-1"),
    ],
)
def test_short_names_are_taken_in_any_case(name: str, arn: str, region: str):
    assert endpoints.arn_of(name) == arn
    assert endpoints.arn_of(arn) == arn
    assert endpoints.region_of(arn) == region


def test_the_users_own_names_come_first():
    own = {"Lab": "arn:aws:braket:us-west-2::device/qpu/acme/One", "sv1": endpoints.NAMES["dm1"]}
    assert endpoints.arn_of("lab", own) == own["Lab"]
    assert endpoints.arn_of("SV1", own) == endpoints.NAMES["dm1"]


def test_a_name_that_nobody_knows_is_told_with_a_near_one_and_what_else_would_do():
    with pytest.raises(UsageError, match="did you mean 'Garnet'.*give the ARN"):
        endpoints.arn_of("Garnett")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:s3:::bucket",
        "arn:aws:braket:us-east-1:123456789012:quantum-task/1",
        "arn:aws:braket:us-east-1::device/qpu/a b",
        "arn:",
    ],
)
def test_what_is_no_devices_arn_is_refused(arn: str):
    with pytest.raises(UsageError, match="ARN"):
        endpoints.arn_of(arn)


def test_the_region_of_a_task_and_of_nothing():
    assert endpoints.region_of("arn:aws:braket:us-west-2:123456789012:quantum-task/0-1") == "us-west-2"
    assert endpoints.region_of("") == ""
    with pytest.raises(UsageError, match="no ARN"):
        endpoints.region_of("task-1")


# --- the environment and a profile --------------------------------------------------------------
def test_the_region_of_a_setting_the_environment_or_a_profile_in_this_order(monkeypatch: pytest.MonkeyPatch):
    profile = {"region": "eu-west-2"}
    assert endpoints.home("", profile) == "eu-west-2"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-1")
    assert endpoints.home("", profile) == "us-west-1"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert endpoints.home("", profile) == "us-west-2"
    assert endpoints.home("us-east-1", profile) == "us-east-1"


def test_without_a_region_it_is_said_where_it_was_looked_for():
    assert endpoints.home("", {}) == ""
    with pytest.raises(UsageError, match="AWS_REGION, AWS_DEFAULT_REGION.*eu-north-1"):
        raise endpoints.no_region()


def test_endpoints_come_from_these_places_and_a_later_one_here_wins(monkeypatch: pytest.MonkeyPatch):
    profile = {**NAMED.profile(None), "endpoint_url": "http://everything"}
    assert endpoints.configured("s3", NAMED, profile) == "http://everything"
    assert endpoints.configured("braket", NAMED, profile) == "http://near"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all")
    assert endpoints.configured("braket", NAMED, profile) == endpoints.configured("s3", NAMED, profile) == "http://all"
    monkeypatch.setenv("AWS_ENDPOINT_URL_BRAKET", "http://one")
    assert endpoints.configured("braket", NAMED, profile) == "http://one"
    assert endpoints.configured("sts", NAMED, profile) == "http://all"
    monkeypatch.setenv("BRAKET_ENDPOINT", "http://vendor")
    assert endpoints.configured("braket", NAMED, profile) == "http://vendor"
    assert endpoints.configured("s3", NAMED, profile) == "http://all"


def test_configured_endpoints_can_be_ignored(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all")
    ignoring = {"ignore_configured_endpoint_urls": "TRUE"}
    assert endpoints.configured("s3", NOTHING, ignoring) == ""
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false")
    assert endpoints.configured("s3", NOTHING, ignoring) == "http://all"
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert endpoints.configured("s3", NOTHING, {}) == ""
