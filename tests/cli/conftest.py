from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import write_circuits

Answer = tuple[int, str, str]


@pytest.fixture
def left(folder: Path, clouds: dict[str, Any]) -> Callable[..., str]:
    """Submit a file, wait until it runs, and leave: the id of a job that nobody follows."""
    import asyncio

    from quantumjobs.cli import clients

    async def leave(backend: str) -> str:
        async with clients.open_client() as client:
            job = await client.backend(backend).run(folder / "bell.qasm", name="bell.qasm")
            async for snapshot in job.events():
                if snapshot.state == "running":
                    break
        return job.id

    return lambda backend="fake/sim": asyncio.run(leave(backend))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with circuits in it."""
    write_circuits(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Providers of this process's command line, by name; a test may put others in."""
    import functools

    from quantumjobs.cli import clients
    from quantumjobs.client.client import Client
    from quantumjobs.testing import FakeProvider

    providers: dict[str, Any] = {"fake": FakeProvider(pushes=True)}
    monkeypatch.setattr(clients, "Client", functools.partial(Client, providers=providers))
    return providers


@pytest.fixture
def quantumjobs(capsys: pytest.CaptureFixture[str], clouds: dict[str, Any]) -> Callable[..., Answer]:
    """The command in this process, on fake providers: exit code, standard output, standard error."""
    from quantumjobs.cli import main

    def call(*arguments: str) -> Answer:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
