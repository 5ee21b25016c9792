"""`quantumjobs emulate braket` as a process: the variables are printed, and a client that has only these is let in."""

from __future__ import annotations

import asyncio
import signal

import pytest

import quantumjobs as qj
from tests.cli.helpers import Command

FLIP = "OPENQASM 3.0;\nbit[2] b;\nqubit[2] q;\nx q[0];\nb[0] = measure q[0];\nb[1] = measure q[1];\n"


async def counts() -> dict[str, int]:
    async with qj.Client(ledger="memory") as client:
        return (await (await client.backend("braket/sv1").run(FLIP, shots=20))).counts


def test_it_tells_the_variables_by_which_clients_find_it(tmp_path, monkeypatch):
    flags = ("--port", "0", "--token", "AKID:s3/cret", "--results", "10")
    with Command("emulate", "braket", *flags, folder=tmp_path) as command:
        url = command.process.stdout.readline().decode().removeprefix("listening on ").strip()
        said = [command.process.stderr.readline().decode().rstrip("\n") for _ in range(2)]
        assert said == [
            "quantumjobs: this is an emulator of braket; Ctrl-C ends it. Its clients find it by",
            f"  AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=s3/cret AWS_DEFAULT_REGION=us-east-1",
        ]
        for pair in said[1].split():
            monkeypatch.setenv(*pair.split("=", 1))
        assert asyncio.run(counts()) == {"01": 20}
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        with pytest.raises(qj.CredentialError, match="AWS_SECRET_ACCESS_KEY"):
            asyncio.run(counts())
        command.process.send_signal(signal.SIGTERM)
        code, out, err = command.end()
    assert (code, out, err) == (0, "", "")
