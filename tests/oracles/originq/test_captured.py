"""What was recorded of the vendor's client: our emulator takes it, and our adapter sends the same."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from quantumjobs.abc import Circuit, Part, Request
from quantumjobs.adapters.originq import NoiseModel, provider
from quantumjobs.adapters.originq.messages import About
from quantumjobs.adapters.originq.messages import json as encoded
from quantumjobs.testing.emulators import OriginqEmulator, serve
from tests.oracles.originq.recorded import SEQUENCES
from tests.oracles.originq.test_client import BELL, CHIP, FLIP, FULL, NOISE, SHOTS, STATE

KEY = "302e0201FAKEKEY0123456789ABCDEF/12345"


@pytest.mark.real_time
@pytest.mark.parametrize("name", SEQUENCES)
async def test_the_emulator_takes_what_was_recorded(name: str):
    service = OriginqEmulator(seed=7, token=KEY, queue=30 if name == "cancel" else 0.0)
    task = "-none-"
    async with serve(service) as url, httpx.AsyncClient(trust_env=False) as http:
        for exchange in SEQUENCES[name]:
            text = json.dumps(exchange).replace("{task}", task).replace("{key}", KEY)
            sent = json.loads(text)
            reply = await http.request(
                sent["method"], url + sent["path"], headers=sent["headers"], content=json.dumps(sent["body"])
            )
            told = reply.json()
            again = exchange["path"].endswith("cancelTask.json") and "cancelled" in service.stats["states"]
            if isinstance(told, dict) and not again:
                assert told["success"] is True, told
                if isinstance(told["obj"], dict):
                    task = told["obj"].get("taskId", task)


def ours(backend: str, *texts: str, shots: int | None = SHOTS, **options: Any) -> Part:
    made = provider({"api_key": KEY})
    plain, _ = made.admit(backend, options)
    circuits = tuple(Circuit("qasm", text.encode()) for text in texts)
    request = Request(backend=backend, circuits=circuits, shots=shots, options=plain)
    (part,) = made.codec.prepare(request, encoded(About(backend)), seed=0).parts
    return part


@pytest.mark.parametrize(
    ("name", "at", "part"),
    [
        ("single", 0, lambda: ours(FULL, BELL)),
        ("list", 0, lambda: ours(CHIP, BELL, FLIP)),
        ("chip", 0, lambda: ours(CHIP, BELL)),
        ("noise", 0, lambda: ours(FULL, BELL, noise_model=NoiseModel(NOISE[0], tuple(NOISE[1]), tuple(NOISE[2])))),
        ("probabilities", 0, lambda: ours(FULL, STATE, shots=None, qubits=[0, 1])),
        ("amplitudes", 0, lambda: ours("partial_amplitude", STATE, shots=None, amplitudes=["0", "3"])),
        ("amplitudes", 1, lambda: ours("single_amplitude", STATE, shots=None, amplitudes=["3"])),
    ],
)
def test_the_adapter_sends_what_was_recorded(name: str, at: int, part: Any):
    made = part()
    theirs = SEQUENCES[name][at]
    sent = json.loads(made.payload)
    # The angles of pyqpanda3 have eight digits, and ours all that they have.
    assert _rounded(sent) == _rounded(theirs["body"])
    assert made.details["mode"] == theirs["headers"]["task_mode"]


def _rounded(body: dict[str, Any]) -> dict[str, Any]:
    return body | {
        "QProg": [text.replace("(0.25000000)", "(0.25)").replace("(0.75000000)", "(0.75)") for text in body["QProg"]]
    }
