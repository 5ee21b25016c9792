"""The lists of members by which docs/reference/parity-qcloudjob.md is checked are those of the client itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.members import ORIGINQ, ORIGINQ_PARAMETERS
from tests.oracles.originq import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(120)]


async def test_it_has_these_members_parameters_and_defaults_and_says_what_the_page_tells_of_it(tmp_path: Path):
    (found,) = await vendor.carried("vendor_members.py", [{}], home=tmp_path)  # once: it imports for seconds
    assert {kind: frozenset(names) for kind, names in found["members"].items()} == ORIGINQ
    parameters = {
        kind: {name: frozenset(names) for name, names in methods.items()}
        for kind, methods in found["parameters"].items()
    }
    assert parameters == ORIGINQ_PARAMETERS
    assert found["words"] == ["COMPUTING", "FAILED", "FINISHED", "QUEUING", "WAITING"]
    early, made, no_id, no_key, a_list = found["raised"]
    assert early[0] == "RuntimeError"
    assert "must be initialized before" in early[1]
    assert made == ["", "None"]
    assert no_id == ["RuntimeError", "job_id is null."]
    assert no_key == ["ValueError", "QCloud api key is empty"]
    assert a_list == ["RuntimeError", "This function is only for QPU."]
    assert found["angle"] == "RX q[0],(0.12345679)"
    assert found["amend"] == [[0, ""], [1, ""], [1, "ValueError"], [3, ""], [0, "set_amend(False)"]]
    assert found["defaults"] == [1, True, True, True, 1, False, []]
    assert found["kept"] == {"dataFormat": 2}
    assert found["failed"] == ["JobStatus.FAILED", "qcloud task T1 run failed: ok", {}, []]
    assert found["unfit"] == {
        "maintenance": "JobStatus.FAILED",
        "unknown state": "JobStatus.FAILED",
        "no obj": "JobStatus.FAILED",
    }
    assert found["several"] == [{"10": 5}, [{"01": 5}, {"010": 5}], {"10": 1.0}, {"0x2": 5}]  # the last one's
    assert found["too many sizes"] == []
    nothing, older = found["amplitudes"]
    assert nothing == {}
    assert older[0] == "RuntimeError"
    assert found["extras"] == ["[0,1]", {"startTime": "2025-01-01 00:00:00"}, True, "T1"]
