"""`quantumjobs emulate originq` as a process: the variables are printed, and a client that has them is let in."""

from __future__ import annotations

import signal

import httpx

from tests.cli.helpers import Command
from tests.testing.emulators.originq_helpers import simulated


def test_it_tells_the_variables_by_which_clients_find_it(tmp_path):
    with Command("emulate", "originq", "--port", "0", "--token", "K/1", "--results", "01", folder=tmp_path) as command:
        url = command.process.stdout.readline().decode().removeprefix("listening on ").strip()
        headers = {"authorization": "oqcs_auth=K/1", "task_mode": "0"}
        with httpx.Client(base_url=f"{url}/oqcs/task", headers=headers, trust_env=False) as client:
            taken = client.post("/origin/submit.json", json=simulated(), headers={"task_mode": "1"}).json()
            told = client.post("/origin/taskDetail.json", json={"taskId": taken["obj"]["taskId"]}).json()
            refused = client.get("/getResourceList.json", headers={"authorization": "oqcs_auth=other"}).json()
        command.process.send_signal(signal.SIGTERM)
        code, out, err = command.end()
    assert told["obj"]["probCount"] == ['{"key":["0x2"],"value":[20]}']
    assert refused["code"] == 401
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        "quantumjobs: this is an emulator of originq; Ctrl-C ends it. Its clients find it by",
        f"  ORIGIN_API_KEY=K/1 ORIGINQ_URL={url}",
    ]
