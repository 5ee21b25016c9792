"""The face: addresses, listings, events."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import quantumjobs as qj
from quantumjobs.registry import Registry, load_config, parse
from quantumjobs.testing.fake import FakeProvider
from tests.engine.helpers import BELL, client_on


@pytest.mark.parametrize(
    ("address", "key", "name"),
    [
        ("aer", "aer", ""),
        ("aer/statevector", "aer", "statevector"),
        ("aqt:lab2/default/ibex", "aqt:lab2", "default/ibex"),
        ("braket/arn:aws:braket:::device/quantum-simulator/amazon/sv1", "braket", None),
    ],
)
def test_an_address_is_provider_account_and_name(address: str, key: str, name: str | None) -> None:
    assert parse(address) == (key, address.split("/", 1)[1] if name is None else name)


@pytest.mark.parametrize("address", ["", "/x", ":lab/x", " aer"])
def test_what_is_no_address_says_how_one_looks(address: str) -> None:
    with pytest.raises(qj.UsageError, match="provider"):
        parse(address)


async def test_an_unknown_provider_names_near_ones_at_once() -> None:
    client = qj.Client()
    with pytest.raises(qj.UsageError, match="'aer'"):
        client.backend("aerr")


def test_settings_for_an_unknown_provider_are_refused_with_its_first_backend() -> None:
    client = qj.Client(providers={"aerr": {"workers": 1}})
    with pytest.raises(qj.UsageError, match="'aer'"):
        client.backend("aerr")


@pytest.mark.parametrize("settings", [{"workers": 0}, {"wrokers": 1}])
async def test_bad_settings_of_a_provider_are_told_at_its_first_use(settings: dict[str, int]) -> None:
    async with qj.Client(ledger="memory", providers={"aer": settings}) as client:
        backend = client.backend("aer")
        for _ in range(2):
            with pytest.raises(qj.UsageError, match="workers"):
                await backend.run("OPENQASM 3.0;", shots=1)
        assert await client.jobs() == []


def test_a_configuration_that_was_asked_for_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "none.toml"
    with pytest.raises(qj.UsageError, match="cannot be read"):
        qj.Client(config=file)
    monkeypatch.setenv("QUANTUMJOBS_CONFIG", str(file))
    with pytest.raises(qj.UsageError, match="cannot be read"):
        qj.Client()


def test_a_provider_without_settings_for_its_account_says_what_to_do() -> None:
    with pytest.raises(qj.UsageError, match=r"\[providers\.'aer:lab2'\]"):
        Registry().provider("aer:lab2")


def test_the_config_is_toml_and_its_faults_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[providers.aer]\nworkers = 1\n[providers."aqt:lab2"]\nurl = "x"\n')
    assert load_config(file) == {"aer": {"workers": 1}, "aqt:lab2": {"url": "x"}}
    monkeypatch.setenv("QUANTUMJOBS_CONFIG", str(file))
    assert load_config()["aer"] == {"workers": 1}
    for text, message in [("[providers", "not TOML"), ("providers = 3", "table"), ("[providers]\naer = 1", "table")]:
        file.write_text(text)
        with pytest.raises(qj.UsageError, match=message) as caught:
            load_config()
        assert str(file) in str(caught.value)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(qj.UsageError, match="UTF-8"):
        load_config()
    monkeypatch.setenv("QUANTUMJOBS_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(qj.UsageError, match="cannot be read"):
        load_config()
    monkeypatch.delenv("QUANTUMJOBS_CONFIG")
    assert load_config() == {}


def test_a_ledger_that_is_none_is_refused() -> None:
    with pytest.raises(qj.UsageError, match="memory"):
        qj.Client(ledger="memroy")


async def test_jobs_are_listed_newest_first_and_filtered() -> None:
    fakes = {"fake": FakeProvider(), "other": FakeProvider("other", queued=1000)}
    async with qj.Client(ledger="memory", providers=fakes) as client:
        first = await client.backend("fake/sim").run(BELL, tags=["a"])
        await first
        await asyncio.sleep(10)
        second = await client.backend("other/sim").run(BELL, tags=["a", "b"])
        assert await client.jobs() == [second, first]
        assert await client.jobs(tag="b") == [second]
        assert await client.jobs(provider="fake") == [first]
        assert await client.jobs(state="completed") == [first]
        assert await client.jobs(since=second.created_at) == [second]
        with pytest.raises(ValueError, match="nonsense"):
            await client.jobs(state="nonsense")
        with pytest.raises(qj.LedgerError):
            await client.job("unknown")


async def test_backends_lists_what_the_providers_offer() -> None:
    fake = FakeProvider(backends=("sim", "chip"))
    async with client_on(fake) as client:
        listed = await client.backends()
        assert {"fake/sim", "fake/chip"} <= set(listed)
        assert any(address.startswith("aer") for address in listed)


async def test_events_tell_everything_from_a_cursor_on() -> None:
    async with client_on(FakeProvider(running=50)) as client:
        seen: list[qj.Occurrence] = []

        async def read(since: int, until: str) -> None:
            async for occurrence in client.events(since=since):
                seen.append(occurrence)
                if getattr(occurrence.event, "state", None) == until:
                    return

        reading = asyncio.create_task(read(0, "completed"))
        await (await client.backend("fake/sim").run(BELL))
        await reading
        names = [type(occurrence.event).__name__ for occurrence in seen]
        assert names[:2] == ["SubmitStarted", "SubmitAccepted"]
        whole, middle = list(seen), seen[1].cursor
        seen.clear()
        await read(middle, "completed")
        assert seen == whole[2:]


async def test_describe_gives_what_the_provider_says() -> None:
    async with client_on(FakeProvider()) as client:
        backend = client.backend("fake/sim")
        assert repr(backend) == "<Backend fake/sim>"
        assert isinstance(await backend.describe(), dict)


async def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(qj.UsageError, match="at least one"):
        client_on(FakeProvider()).backend("fake/sim", limit=0)
