"""The OIDC issuer of the AQT emulator: who is given a token, which one, and who is let in with it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import httpx
import jwt
import pytest

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import AqtEmulator, Fault
from quantumjobs.testing.emulators.grants import Grants, Refused
from quantumjobs.testing.emulators.issuer import DEVICE_CLIENT, DEVICE_GRANT
from tests.testing.emulators.helpers import served

real_time = pytest.mark.real_time


class SignedIn:
    """A client of the issuer."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.http = client
        self.base = f"http://127.0.0.1:{client.base_url.port}"

    async def token(self, **fields) -> httpx.Response:
        return await self.http.post(f"{self.base}/oauth/token", data=fields)

    async def by_credentials(self, **changes) -> httpx.Response:
        given = {
            "client_id": "cid",
            "client_secret": "s3",
            "audience": f"{self.base}/api",
            "grant_type": "client_credentials",
        }
        return await self.http.post(f"{self.base}/oauth/token", json=given | changes)

    async def device(self, scope: str = "openid profile offline_access") -> dict:
        reply = await self.http.post(
            f"{self.base}/oauth/device/code", data={"client_id": DEVICE_CLIENT, "scope": scope}
        )
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def poll(self, device: dict) -> httpx.Response:
        return await self.token(grant_type=DEVICE_GRANT, device_code=device["device_code"], client_id=DEVICE_CLIENT)

    async def refresh(self, token: str) -> httpx.Response:
        return await self.token(grant_type="refresh_token", refresh_token=token, client_id=DEVICE_CLIENT)

    async def answer(self, device: dict, allow: bool) -> httpx.Response:
        given = {"user_code": device["user_code"], "allow": allow}
        return await self.http.post(f"{self.base}/_emulator/device", json=given)

    async def workspaces(self, token: str) -> int:
        reply = await self.http.get("/workspaces", headers={"Authorization": f"Bearer {token}"})
        return reply.status_code

    async def claims(self, token: str, audience: str) -> dict:
        """Of a token whose signature is right by the published keys."""
        keys = jwt.PyJWKSet.from_dict((await self.http.get(f"{self.base}/.well-known/jwks.json")).json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=f"{self.base}/")


def error(reply: httpx.Response) -> tuple[int, str]:
    assert reply.json()["error_description"]
    return reply.status_code, reply.json()["error"]


# --- client credentials -----------------------------------------------------------------
@real_time
async def test_credentials_give_a_signed_token_that_the_cloud_lets_in():
    emulator = AqtEmulator(results="zeros", sign_in=True, client_id="cid", client_secret="s3", token_seconds=60)
    async with served(emulator) as http:
        client = SignedIn(http)
        reply = await client.by_credentials()
        assert reply.status_code == 200
        assert reply.headers["cache-control"] == "no-store"
        found = reply.json()
        token = found.pop("access_token")
        assert found == {"token_type": "Bearer", "expires_in": 60}
        claims = await client.claims(token, f"{client.base}/api")
        assert claims["sub"] == "cid@clients"
        assert abs(claims["iat"] - time.time()) < 30
        assert 60 <= claims["exp"] - claims["iat"] <= 61
        assert await client.workspaces(token) == 200
        assert await client.workspaces("T") == 401
        assert await client.workspaces(token + "x") == 401
        public = (await http.get(f"{client.base}/.well-known/jwks.json")).json()["keys"]
        assert [key.keys() for key in public] == [{"kty", "key_ops", "n", "e", "kid", "use", "alg"}]  # and no `d`
    assert emulator.requests == {"token": 1, "keys": 2, "workspaces": 3}


@real_time
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_secret": "s4"}, (401, "access_denied")),
        ({"client_id": "other"}, (401, "access_denied")),
        ({"audience": "https://elsewhere.invalid/api"}, (403, "access_denied")),
        ({"grant_type": "password"}, (403, "unsupported_grant_type")),
        ({"client_secret": ""}, (400, "invalid_request")),
        ({"client_id": 1}, (400, "invalid_request")),
    ],
)
async def test_what_is_wrong_with_a_request_for_a_token_is_told(changes, told):
    async with served(AqtEmulator(client_id="cid", client_secret="s3")) as http:
        assert error(await SignedIn(http).by_credentials(**changes)) == told


@real_time
async def test_any_credentials_are_taken_where_none_are_set_and_a_form_is_as_good():
    async with served(AqtEmulator(results="zeros", sign_in=True)) as http:
        client = SignedIn(http)
        assert (await client.by_credentials(client_id="x", client_secret="y")).status_code == 200
        reply = await client.token(
            grant_type="client_credentials", client_id="x", client_secret="y", audience=f"{client.base}/api"
        )
        assert await client.workspaces(reply.json()["access_token"]) == 200
        broken = await http.post(f"{client.base}/oauth/token", content=b"\xff")
        assert error(broken) == (400, "invalid_request")
        empty = await http.post(f"{client.base}/oauth/token")
        assert error(empty) == (400, "invalid_request")


@real_time
async def test_a_token_is_refused_when_its_time_is_over_and_before_it_began():
    emulator = AqtEmulator(results="zeros", sign_in=True, token_seconds=100)
    async with served(emulator) as http:
        client = SignedIn(http)
        clock = [time.time()]
        emulator.issuer.now = lambda: clock[0]
        token = (await client.by_credentials()).json()["access_token"]
        codes = []
        for step in (0, 99, 2, -200):
            clock[0] += step
            codes.append(await client.workspaces(token))
        assert codes == [200, 200, 401, 401]


@real_time
async def test_a_token_of_another_issuer_key_or_audience_is_refused():
    async with served(AqtEmulator(results="zeros", sign_in=True)) as http:
        client = SignedIn(http)
        token = (await client.by_credentials()).json()["access_token"]
        claims = jwt.decode(token, options={"verify_signature": False})
        from quantumjobs.testing.emulators import signing

        changed = [{"iss": "http://127.0.0.1:1/"}, {"aud": "other"}, {"aud": DEVICE_CLIENT}, {}]
        codes = [await client.workspaces(signing.signed(claims | change)) for change in changed]
        assert codes == [401, 401, 200, 200]
        del claims["exp"]
        assert await client.workspaces(signing.signed(claims)) == 401
        by_secret = jwt.encode(claims, "k" * 32, algorithm="HS256")
        unsigned = jwt.encode(claims, None, algorithm="none")
        assert [await client.workspaces(one) for one in (by_secret, unsigned)] == [401, 401]


@real_time
async def test_direct_access_and_a_cloud_without_sign_in_take_any_token():
    async with served(AqtEmulator(results="zeros", sign_in=True)) as http:
        client = SignedIn(http)
        assert (await http.get(f"{client.base}/status/ions")).status_code == 200
        assert await client.workspaces("T") == 401
    async with served(AqtEmulator(results="zeros")) as http:
        client = SignedIn(http)
        token = (await client.by_credentials()).json()["access_token"]
        assert [await client.workspaces(one) for one in (token, "T")] == [200, 200]


@real_time
async def test_a_signed_token_may_be_expired_by_hand():
    emulator = AqtEmulator(results="zeros", sign_in=True)
    async with served(emulator) as http:
        client = SignedIn(http)
        token = (await client.by_credentials()).json()["access_token"]
        assert await client.workspaces(token) == 200
        emulator.expire_token()
        assert await client.workspaces(token) == 401


# --- the device flow --------------------------------------------------------------------
@real_time
async def test_a_device_waits_for_its_user_and_is_given_an_id_token():
    async with served(AqtEmulator(results="zeros", sign_in=True, device_interval=0, device_seconds=900)) as http:
        client = SignedIn(http)
        device = await client.device()
        page = f"{client.base}/activate"
        assert device["verification_uri"] == page
        assert device["verification_uri_complete"] == f"{page}?user_code={device['user_code']}"
        assert (device["interval"], device["expires_in"]) == (0, 900)
        assert error(await client.poll(device)) == (403, "authorization_pending")
        shown = await http.get(device["verification_uri_complete"])
        assert shown.status_code == 200
        assert "is signed in" in shown.text
        found = (await client.poll(device)).json()
        claims = await client.claims(found["id_token"], DEVICE_CLIENT)
        assert claims["sub"] == "user"
        assert await client.workspaces(found["id_token"]) == 200
        assert await client.workspaces(found["access_token"]) == 401  # only the id token is one for the API
        assert error(await client.poll(device)) == (403, "invalid_grant")  # its code is used up
        again = await http.get(device["verification_uri_complete"])
        assert (again.status_code, "Nobody waits" in again.text) == (404, True)


@real_time
async def test_a_script_allows_or_denies_in_the_users_place():
    async with served(AqtEmulator(device_interval=0)) as http:
        client = SignedIn(http)
        allowed, denied = await client.device(), await client.device()
        assert (await client.answer(denied, False)).status_code == 200
        assert (await client.answer(allowed, True)).status_code == 200
        assert error(await client.poll(denied)) == (403, "access_denied")
        assert (await client.poll(allowed)).status_code == 200
        assert (await client.answer(allowed, True)).status_code == 404
        for given in ({}, {"user_code": "X"}, {"user_code": "X", "allow": "yes"}):
            assert (await http.post(f"{client.base}/_emulator/device", json=given)).status_code == 422


@real_time
async def test_without_offline_access_there_is_no_refresh_token():
    async with served(AqtEmulator(device_interval=0)) as http:
        client = SignedIn(http)
        device = await client.device(scope="openid")
        await client.answer(device, True)
        assert (await client.poll(device)).json().keys() == {"access_token", "id_token", "token_type", "expires_in"}


@real_time
async def test_an_unknown_device_client_or_code_is_refused():
    async with served(AqtEmulator()) as http:
        client = SignedIn(http)
        reply = await http.post(f"{client.base}/oauth/device/code", data={"client_id": "other"})
        assert error(reply) == (403, "unauthorized_client")
        assert error(await client.poll({"device_code": "none"})) == (403, "invalid_grant")
        assert error(await client.refresh("none")) == (403, "invalid_grant")


@real_time
async def test_a_page_shows_no_code_as_markup():
    async with served(AqtEmulator()) as http:
        reply = await http.get(f"{SignedIn(http).base}/activate", params={"user_code": "<script>"})
        assert reply.status_code == 404
        assert "<script>" not in reply.text
        assert "&lt;script&gt;" in reply.text


def test_a_device_that_polls_too_fast_is_told_to_slow_down():
    grants = Grants(interval=5, lasts=900)
    device = grants.device("c", [], now=100)
    told = []
    for now in (100, 104, 109, 112, 117):
        with pytest.raises(Refused) as caught:
            grants.poll(device.code, "c", now)
        told.append((caught.value.error, caught.value.status))
    pending, fast = ("authorization_pending", 403), ("slow_down", 429)
    assert told == [pending, fast, pending, fast, pending]
    with pytest.raises(Refused, match="Invalid"):
        grants.poll(device.code, "another client", 130)


def test_a_code_is_of_no_use_when_its_time_is_over():
    grants = Grants(interval=5, lasts=900)
    device = grants.device("c", [], now=100)
    assert grants.waiting(999) == [device]
    assert not grants.answer(device.user_code, True, 1000)
    with pytest.raises(Refused) as caught:
        grants.poll(device.code, "c", 1000)
    assert (caught.value.error, caught.value.status) == ("expired_token", 403)
    assert device.code not in repr(device)
    assert device.user_code not in repr(device)


def test_users_type_their_code_as_they_like():
    grants = Grants(interval=5, lasts=900)
    device = grants.device("c", [], now=0)
    assert grants.answer(f" {device.user_code.lower()} ", True, 1)
    assert grants.poll(device.code, "c", 2) is device


# --- refreshing -------------------------------------------------------------------------
@real_time
async def test_a_refresh_token_is_good_once_and_gives_the_next_one():
    async with served(AqtEmulator(results="zeros", sign_in=True, device_interval=0)) as http:
        client = SignedIn(http)
        device = await client.device()
        await client.answer(device, True)
        first = (await client.poll(device)).json()["refresh_token"]
        found = (await client.refresh(first)).json()
        assert [await client.workspaces(found[name]) for name in ("access_token", "id_token")] == [200, 200]
        assert found["refresh_token"] != first
        assert error(await client.refresh(first)) == (403, "invalid_grant")
        assert (await client.refresh(found["refresh_token"])).status_code == 200


# --- what is counted, and goes wrong ----------------------------------------------------
@real_time
async def test_faults_strike_the_issuer_too():
    faults = [
        Fault("status", operation="token", status=500),
        Fault("reset", operation="device"),
        Fault("garbage", operation="keys"),
        Fault("status", operation="token", at=3, after=True),
    ]
    emulator = AqtEmulator(faults=faults, device_interval=0)
    async with served(emulator) as http:
        client = SignedIn(http)
        assert (await client.by_credentials()).status_code == 500
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.device()
        assert "no JSON" in (await http.get(f"{client.base}/.well-known/jwks.json")).text
        device = await client.device()
        await client.answer(device, True)
        refresh = (await client.poll(device)).json()["refresh_token"]
        assert (await client.refresh(refresh)).status_code == 503  # its reply is lost, and it is used up
        assert error(await client.refresh(refresh)) == (403, "invalid_grant")
    assert emulator.requests == {"token": 4, "device": 2, "keys": 1}


@real_time
async def test_the_issuer_says_where_its_doors_are():
    async with served(AqtEmulator()) as http:
        base = SignedIn(http).base
        found = (await http.get(f"{base}/.well-known/openid-configuration", headers={"Authorization": ""})).json()
        assert found["issuer"] == f"{base}/"
        assert found["token_endpoint"] == f"{base}/oauth/token"
        assert found["device_authorization_endpoint"] == f"{base}/oauth/device/code"
        assert (await http.get(found["jwks_uri"])).json()["keys"]


@real_time
async def test_several_devices_are_signed_in_at_once():
    async with served(AqtEmulator(device_interval=0)) as http:
        client = SignedIn(http)
        devices = await asyncio.gather(*[client.device() for _ in range(8)])
        assert len({device["user_code"] for device in devices}) == 8
        await asyncio.gather(*[client.answer(device, True) for device in devices])
        replies = await asyncio.gather(*[client.poll(device) for device in devices])
        assert len({reply.json()["refresh_token"] for reply in replies}) == 8


# --- settings ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    "settings",
    [{"token_seconds": 0}, {"device_interval": -1}, {"device_seconds": 0}, {"sign_in": True, "token": "T"}],
)
def test_settings_of_the_issuer_that_mean_nothing_are_refused(settings):
    with pytest.raises(UsageError):
        AqtEmulator(**settings)


def test_a_secret_is_in_no_repr():
    assert "s3cret" not in repr(AqtEmulator(client_id="cid", client_secret="s3cret").issuer)


def test_cryptography_is_loaded_only_by_who_signs_something():
    program = (
        "import sys; from quantumjobs.testing.emulators import AqtEmulator, serve; AqtEmulator(sign_in=True);"
        "print(sorted({'jwt', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.strip() == "[]"
