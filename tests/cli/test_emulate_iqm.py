"""`quantumjobs emulate iqm` as a process: the vendor's variables are printed, and a client that has them is let in."""

from __future__ import annotations

import signal

import httpx

from tests.cli.helpers import Command
from tests.testing.emulators.iqm_helpers import FLIP, submission


def test_it_tells_the_variables_that_iqms_clients_read(tmp_path):
    with Command("emulate", "iqm", "--port", "0", "--token", "T", "--results", "01", folder=tmp_path) as command:
        url = command.process.stdout.readline().decode().removeprefix("listening on ").strip()
        with httpx.Client(base_url=url, headers={"Authorization": "Bearer T"}, trust_env=False) as client:
            listed = client.get("/api/v1/quantum-computers").json()["quantum_computers"]
            job = client.post("/api/v1/jobs/garnet/circuit", json=submission(FLIP, shots=2)).json()["id"]
            shots = client.get(f"/api/v1/jobs/{job}/artifacts/measurements").json()
        command.process.send_signal(signal.SIGTERM)
        code, out, err = command.end()
    assert "garnet" in [one["alias"] for one in listed]
    assert shots == [{"m_3": [[0, 1, 0], [0, 1, 0]]}]
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        "quantumjobs: this is an emulator of iqm; Ctrl-C ends it. Its clients find it by",
        f"  IQM_TOKEN=T IQM_SERVER_URL={url} IQM_QUANTUM_COMPUTER=garnet",
    ]


def test_what_only_another_emulator_has_is_refused(quantumjobs):
    message = "quantumjobs: --sign-in: only AQT's emulator has this, not iqm\n"
    assert quantumjobs("emulate", "iqm", "--sign-in") == (2, "", message)
