"""Our reader of answers against pyqpanda3's own: the same counts and probabilities where it reads them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from quantumjobs.adapters.originq import bits
from quantumjobs.adapters.originq.plans import COUNTS, Plan
from quantumjobs.core.results import Result
from tests.oracles.originq import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

STATES = {"1": "WAITING", "2": "COMPUTING", "3": "FINISHED", "4": "FAILED", "5": "QUEUING"}


def body(state: object = "3", **obj: Any) -> str:
    return json.dumps(
        {"success": True, "code": 10000, "message": "ok", "obj": {"taskId": "T1", "taskState": state, **obj}}
    )


def text(values: dict[int, float], width: int, form: str) -> str:
    write = {"hex": hex, "HEX": lambda value: f"0X{value:X}", "binary": lambda value: f"{value:0{width}b}"}[form]
    return json.dumps({"key": [write(value) for value in values], "value": list(values.values())})


def corpus() -> list[tuple[str, list[int], int]]:
    """(body, widths, shots), batches of random outcomes in each form."""
    numbers = random.Random(7)
    found = []
    for form in ("hex", "HEX", "binary"):
        for widths in ([1], [2], [7], [64], [65], [130], [2, 3, 5], [1, 70, 4]):
            counts: list[dict[int, int]] = []
            for width in widths:
                seen: dict[int, int] = {}
                for _ in range(50):
                    value = numbers.getrandbits(min(width, 3)) | numbers.getrandbits(1) << (width - 1)
                    seen[value] = seen.get(value, 0) + 1
                counts.append(seen)
            probabilities = [{value: number / 50 for value, number in one.items()} for one in counts]
            told = {
                "probCount": [text(dict(one), width, form) for one, width in zip(counts, widths, strict=True)],
                "taskResult": [text(one, width, form) for one, width in zip(probabilities, widths, strict=True)],
                "measureQubitSize": widths,
            }
            found.append((body(**told), widths, 50))
    return found


async def test_counts_and_probabilities_are_what_pyqpanda3_reads(tmp_path: Path):
    given = corpus()
    found = await vendor.carried("vendor_results.py", [one for one, _, _ in given], home=tmp_path)  # type: ignore[misc] # texts are plans, too
    for (sent, widths, shots), theirs in zip(given, found, strict=True):
        plans = [
            Plan(str(at), COUNTS, shots, (), width, width, tuple((bit, bit) for bit in range(width)))
            for at, width in enumerate(widths)
        ]
        for known in (plans, None):  # also of a job that is known by its id alone
            ours = Result.of(bits.entries(sent.encode(), known))
            assert [one.counts for one in ours] == theirs["counts"]
            assert [one.data["probabilities"] for one in ours] == theirs["probabilities"]


async def test_where_pyqpanda3_is_at_a_loss_we_are_not_or_say_so(tmp_path: Path):
    bare, short = '{"key": ["0x1"], "value": [5]}', [text({1: 5}, 2, "hex")]
    bodies = [
        body(probCount=bare, measureQubitSize=[2]),  # a text without a list
        body(probCount=[json.loads(bare)], measureQubitSize=[2]),  # an object
        body(probCount=['{"key": ["0x1"], "value": [5.0]}'], measureQubitSize=[2]),  # whole, and written as a fraction
        body(probCount=short),  # no size
        body(probCount=short, measureQubitSize=[2, 2]),  # a size too many
    ]
    found = await vendor.carried("vendor_results.py", bodies, home=tmp_path)  # type: ignore[arg-type] # texts are plans, too
    assert [one.get("counts") for one in found] == [None, None, None, [{"0x1": 5}], found[4].get("counts")]
    plan = Plan("one", COUNTS, 5, (), 2, 2, ((0, 0), (1, 1)))
    for sent in bodies:
        assert Result.of(bits.entries(sent.encode(), [plan])).counts == {"01": 5}


async def test_the_five_states_are_pyqpanda3s(tmp_path: Path):
    bodies = [body(state) for state in STATES] + [body("6"), '{"success": false, "message": "under maintenance"}']
    found = await vendor.carried("vendor_results.py", bodies, home=tmp_path)  # type: ignore[arg-type] # texts are plans, too
    words = [one["status"].removeprefix("JobStatus.") for one in found]
    assert words == [*STATES.values(), "FAILED", "FAILED"]  # the last two are what we do not believe
