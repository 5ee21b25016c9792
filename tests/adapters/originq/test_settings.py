"""Where the key and the URL come from, and where no key goes."""

from __future__ import annotations

import os

import pytest

import quantumjobs as qj
from quantumjobs import registry
from quantumjobs.adapters.originq import provider
from quantumjobs.adapters.originq import settings as originq
from quantumjobs.errors import CredentialError, UsageError
from quantumjobs.wire import Secret

pytestmark = pytest.mark.real_time  # functions are called in threads
KEY = "302e0201canary5f2b9c/12345"


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("ORIGIN", "QPANDA"))]:
        monkeypatch.delenv(name)


async def secret_of(**given: object) -> Secret:
    found = (await originq.credential(originq.read(given)).get()).secret
    assert found is not None
    return found


async def key_of(**given: object) -> str:
    return (await secret_of(**given)).reveal()


# --- the service ------------------------------------------------------------------------------
def test_the_vendors_host_is_asked_over_tls_unless_something_else_is_said(monkeypatch: pytest.MonkeyPatch):
    assert originq.read({}).url == "https://pyqanda-admin.qpanda.cn"
    monkeypatch.setenv("ORIGINQ_URL", "https://qcloud.example/base/")
    assert originq.read({}).url == "https://qcloud.example/base"
    assert originq.read({"url": "http://127.0.0.1:8000/"}).url == "http://127.0.0.1:8000"


def test_a_key_goes_over_http_only_to_hosts_for_which_that_was_allowed():
    plain = "http://pyqanda-admin.qpanda.cn"
    with pytest.raises(UsageError, match="allow_http") as caught:
        originq.read({"url": plain, "api_key": KEY})
    assert "in clear" in str(caught.value)
    assert KEY not in str(caught.value)
    assert originq.read({"url": plain, "allow_http": ["pyqanda-admin.qpanda.cn"]}).url == plain


def test_a_url_without_a_scheme_is_not_taken_for_http():
    with pytest.raises(UsageError, match="no scheme"):
        originq.read({"url": "pyqanda-admin.qpanda.cn"})


# --- the key ----------------------------------------------------------------------------------
async def test_a_key_is_given_here_or_in_one_of_three_variables(monkeypatch: pytest.MonkeyPatch):
    for variable in ("ORIGINQ_API_KEY", "QPANDA3_API_KEY", "ORIGIN_API_KEY"):  # a later one wins over those before it
        monkeypatch.setenv(variable, f" of-{variable}\n")
        found = await secret_of()
        assert found.reveal() == f"of-{variable}"
        assert found.origin == f"the environment variable {variable}"
    assert await key_of(api_key=f" {KEY} ") == KEY
    assert await key_of(api_key=Secret(KEY)) == KEY
    assert await key_of(api_key=lambda: KEY) == KEY

    async def awaited() -> str:
        return KEY

    assert await key_of(api_key=awaited) == KEY


async def test_another_key_in_the_environment_is_used_when_the_first_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ORIGIN_API_KEY", "first")
    credential = originq.credential(originq.read({}))
    held = await credential.get()
    monkeypatch.setenv("ORIGIN_API_KEY", "second")
    assert (await credential.renew(held)).secret == Secret("second")


async def test_without_a_key_it_is_said_where_it_was_looked_for_before_anything_is_sent():
    with pytest.raises(CredentialError, match="ORIGIN_API_KEY, QPANDA3_API_KEY, ORIGINQ_API_KEY") as caught:
        await key_of()
    assert "[providers.originq]" in str(caught.value)
    with pytest.raises(CredentialError, match='"originq:lab2"'):
        await key_of(account="lab2")


@pytest.mark.parametrize("given", ["", f"{KEY}\r\nx-injected: yes", "schlüssel"])
async def test_what_is_no_key_is_refused_and_not_shown(given: str):
    with pytest.raises(CredentialError, match="is no API key") as caught:
        await key_of(api_key=given)
    assert KEY not in str(caught.value)


def test_settings_are_checked_by_name_and_kind():
    with pytest.raises(UsageError, match="did you mean 'api_key'"):
        originq.read({"api_kye": KEY})
    with pytest.raises(UsageError, match="called 'api_key'"):
        originq.read({"token": KEY})
    with pytest.raises(UsageError, match="setting 'api_key' must be a text or a function"):
        originq.read({"api_key": 7})


def test_the_key_is_in_no_repr():
    made = provider({"api_key": KEY, "account": "lab2"})
    assert KEY not in repr(made) + repr(originq.read({"api_key": KEY}))
    assert made.lane("full_amplitude") == "originq:https://pyqanda-admin.qpanda.cn:lab2"


def test_the_provider_is_known_by_name_and_by_its_variables():
    assert registry.BUILT_IN["originq"] == "quantumjobs.adapters.originq:provider"
    assert "ORIGIN_API_KEY" in registry.CREDENTIALS["originq"]


@pytest.mark.parametrize("address", ["originq", "originq/WK_C180/2"])
async def test_an_address_without_a_backend_or_with_a_part_too_many_is_refused(address: str):
    async with qj.Client(ledger="memory", providers={"originq": {"api_key": KEY}}) as client:
        with pytest.raises(UsageError, match="full_amplitude, partial_amplitude, single_amplitude"):
            await client.backend(address).run("OPENQASM 2.0; qreg q[1];")
