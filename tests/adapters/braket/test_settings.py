"""Settings are checked by name and kind, and fall back on what AWS's tools and hybrid jobs set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quantumjobs.adapters.braket import settings as braket
from quantumjobs.adapters.braket.provider import BraketProvider
from quantumjobs.adapters.braket.settings import Settings
from quantumjobs.core.traffic import Rate
from quantumjobs.errors import CredentialError, UsageError
from quantumjobs.ledgers.places import state_directory
from quantumjobs.wire import Deadlines, Secret

SECRET = "canary-5f2b9c"
GARNET = "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"


def read(**given: Any) -> Settings:
    return braket.read({"region": "us-east-1", **given})


# --- what there is without any ------------------------------------------------------------------
def test_a_region_is_enough():
    found = read()
    assert found == Settings(region="us-east-1", regions=found.regions, local_jobs=found.local_jobs)
    assert found.regions == ("us-east-1", "us-west-1", "us-west-2", "eu-west-2", "eu-north-1")
    assert (found.account, found.window, found.quota_share, found.in_flight) == ("default", 600.0, 0.5, 35)
    assert (found.s3_bucket, found.s3_prefix, found.task_fee) == ("", "tasks", 0.30)
    assert found.endpoint_url is None
    assert found.local_jobs == state_directory() / "hybrid-jobs"


def test_without_a_region_there_are_hybrid_jobs_of_this_machine_and_nothing_else():
    found = BraketProvider(braket.read({}))
    assert found.lane("local/sv1") == "braket-local:default"
    for asked in (lambda: found.lane("sv1"), lambda: found.lane("hybrid/sv1"), found.lanes):
        with pytest.raises(UsageError, match="there is no region"):
            asked()
    assert found.lane("hybrid/Garnet").startswith("braket-jobs:eu-north-1:")


def test_devices_are_listed_where_requests_go():
    assert read(region="us-east-2").regions[0] == "us-east-2"
    assert read(endpoint_url="http://127.0.0.1:9").regions == ("us-east-1",)
    assert read(s3_endpoint_url="http://127.0.0.1:9").regions[1:]
    assert read(regions=["eu-north-1", "us-east-1", "eu-north-1"]).regions == ("eu-north-1", "us-east-1")
    for bad in ("us-east-1", [1], ["evil.example/"]):
        with pytest.raises(UsageError, match="region"):
            read(regions=bad)


# --- the account ----------------------------------------------------------------------------------
def test_an_account_is_called_by_its_profile_unless_it_has_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    config = tmp_path / "config"
    config.write_text("[profile lab]\nregion = us-west-2\n[profile other]\nregion = eu-west-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    found = braket.read({})
    assert (found.account, found.region, found.profile) == ("lab", "us-west-2", None)
    found = braket.read({"profile": "other"})
    assert (found.account, found.region, found.profile) == ("other", "eu-west-2", "other")
    assert braket.read({"profile": "other", "account": "team"}).account == "team"
    with pytest.raises(UsageError, match="no profile 'gone'.*known: lab, other"):
        braket.read({"profile": "gone"})


def test_keys_are_kept_as_secrets():
    found = read(access_key_id="AKIDCANARY", secret_access_key=SECRET, session_token=Secret("canary-token"))
    assert found.keys is not None
    assert (found.keys.key_id, found.keys.reveal()) == ("AKIDCANARY", SECRET)
    assert found.keys.session == Secret("canary-token")
    assert "canary" not in repr(found).lower()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"access_key_id": "A"}, "'access_key_id' needs 'secret_access_key'"),
        ({"secret_access_key": SECRET}, "'secret_access_key' needs 'access_key_id'"),
        ({"session_token": SECRET}, "'session_token' needs 'access_key_id'"),
        ({"access_key_id": "A", "secret_access_key": SECRET, "credentials": print}, "either the setting 'credentials'"),
        ({"access_key_id": "A", "secret_access_key": [SECRET]}, "'secret_access_key' must be a text, not a list"),
        ({"access_key_id": 7, "secret_access_key": SECRET}, "'access_key_id' must be a text, not a int"),
        ({"access_key_id": "A", "secret_access_key": lambda: SECRET}, "the setting 'credentials'"),
        ({"credentials": SECRET}, "'credentials' must be a function that gives them, not a str"),
    ],
)
def test_credentials_come_from_one_place_and_whole(given: dict[str, Any], message: str):
    with pytest.raises(UsageError, match=message) as caught:
        read(**given)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("bad", ["canary\r\nx-injected: yes", "canary ü", "canary key"])
def test_what_cannot_be_sent_as_a_key_is_refused_and_not_shown(bad: str):
    with pytest.raises(CredentialError, match="no keys") as caught:
        read(access_key_id="A", secret_access_key=bad)
    assert "canary" not in str(caught.value)


# --- endpoints ------------------------------------------------------------------------------------
def test_endpoints_are_given_here_or_where_awss_tools_look(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")
    found = read(endpoint_url="http://127.0.0.1:2", sts_endpoint_url="https://sts.example/")
    assert found.endpoints.custom == {
        "braket": "http://127.0.0.1:2",
        "s3": "http://127.0.0.1:1",
        "sts": "https://sts.example",
        "logs": "http://127.0.0.1:1",
        "iam": "http://127.0.0.1:1",
    }
    assert found.endpoint_url == "http://127.0.0.1:2"


def test_no_signature_goes_over_http_to_where_that_was_not_allowed(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="s3_endpoint_url.*in clear"):
        read(s3_endpoint_url="http://minio.lab")
    assert read(s3_endpoint_url="http://minio.lab", allow_http=["minio.lab"]).endpoints.custom
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio.lab")
    with pytest.raises(UsageError, match="allow_http"):
        read()
    with pytest.raises(UsageError, match="list of hosts"):
        braket.read({"region": "us-east-1", "allow_http": "minio.lab"})


def test_fips_and_dual_stack_are_for_awss_own_endpoints(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    assert read().endpoints.of("braket", "us-east-1") == "https://braket-fips.us-east-1.amazonaws.com"
    assert read(endpoint_url="http://127.0.0.1:2").endpoints.of("braket", "us-east-1") == "http://127.0.0.1:2"


# --- results and hybrid jobs ----------------------------------------------------------------------
def test_results_of_tasks_of_a_hybrid_job_go_where_the_service_wants_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AMZN_BRAKET_OUT_S3_BUCKET", "job-bucket")
    monkeypatch.setenv("AMZN_BRAKET_JOB_TOKEN", SECRET)
    found = read()
    assert (found.s3_bucket, found.s3_prefix, found.job_token) == ("job-bucket", "tasks", Secret(SECRET))
    assert SECRET not in repr(found)
    monkeypatch.setenv("AMZN_BRAKET_TASK_RESULTS_S3_URI", "s3://other-bucket/jobs/one/tasks")
    found = read()
    assert (found.s3_bucket, found.s3_prefix) == ("other-bucket", "jobs/one/tasks")
    assert read(s3_prefix="mine").s3_prefix == "mine"
    found = read(s3_bucket="mine")
    assert (found.s3_bucket, found.s3_prefix) == ("mine", "tasks")


@pytest.mark.parametrize("prefix", ["a/../b", "a//b", "./a", "a\nb", "a" * 901])
def test_a_prefix_is_a_folder(prefix: str):
    with pytest.raises(UsageError, match="no folder"):
        read(s3_prefix=prefix)


def test_a_prefix_has_no_slashes_at_its_ends():
    assert read(s3_prefix="/a/b/").s3_prefix == "a/b"
    with pytest.raises(UsageError, match="bucket"):
        read(s3_bucket="No_Bucket")


# --- numbers and tables ---------------------------------------------------------------------------
def test_numbers_and_tables_as_a_configuration_file_has_them():
    found = read(
        window=30,
        quota_share=1,
        in_flight=0,
        task_fee=0,
        quotas={"GetQuantumTask": [200, 600.0]},
        devices={"lab": GARNET},
        deadlines={"total": 5},
    )
    assert (found.window, found.quota_share, found.in_flight, found.task_fee) == (30.0, 1.0, None, 0.0)
    assert found.quotas == {"GetQuantumTask": Rate(200.0, 600)}
    assert found.devices == {"lab": GARNET}
    assert found.deadlines == Deadlines(total=5)
    assert read(in_flight=None).in_flight is None


@pytest.mark.parametrize(
    "given",
    [
        {"window": 0},
        {"window": float("inf")},
        {"window": "600"},
        {"window": True},
        {"quota_share": 1.5},
        {"quota_share": 0},
        {"in_flight": -1},
        {"in_flight": 1.5},
        {"task_fee": -0.1},
        {"quotas": {"GetQuantumTask": 5}},
        {"quotas": {"GetQuantumTask": (0, 5)}},
        {"quotas": {"GetQuantumTask": ("a", 5)}},
        {"quotas": {"GetQuantumTask": (5, 0)}},
        {"quotas": [("GetQuantumTask", (1, 1))]},
        {"devices": {"lab": "Garnet"}},
        {"devices": {"lab": 7}},
        {"region": ["us-east-1"]},
    ],
)
def test_what_is_no_such_number_or_table_is_told_by_its_name(given: dict[str, Any]):
    with pytest.raises(UsageError, match=f"braket: setting '{next(iter(given))}'"):
        read(**given)


def test_names_are_checked():
    with pytest.raises(UsageError, match="did you mean 'access_key_id'"):
        read(acces_key_id="A")
    with pytest.raises(UsageError, match="did you mean 'GetQuantumTask'"):
        read(quotas={"GetQuantumTasks": (1, 1)})
