"""The lists of members by which docs/reference/parity-quantumjob.md is checked are those of the SDK itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.hybrid import BY_TIME, LINES, SAVED, left_by_the_vendor
from tests.interop.members import BRAKET, BRAKET_PARAMETERS
from tests.oracles.braket import vendor
from tests.oracles.processes import carried_out

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(180)]


async def test_it_has_these_members_parameters_and_defaults_and_says_what_the_page_tells_of_it(tmp_path: Path):
    folder = left_by_the_vendor(tmp_path / "crashed", code=3)
    command = (vendor.python(), "-I", str(vendor.HERE / "vendor_members.py"))
    plans = [{"folder": str(folder)}]
    (found,) = await carried_out(plans, command, env=vendor.pointed(tmp_path), home=tmp_path, patience=vendor.PATIENCE)
    assert {kind: frozenset(names) for kind, names in found["members"].items()} == BRAKET
    parameters = {
        kind: {
            method: {name: ... if default == "..." else default for name, default in given.items()}
            for method, given in methods.items()
        }
        for kind, methods in found["parameters"].items()
    }
    assert parameters == BRAKET_PARAMETERS
    crashed = found["crashed"]
    assert (crashed["state"], crashed["told"]) == ("COMPLETED", [None, None, None])
    assert crashed["result"] == SAVED
    assert {name: column[::-1] for name, column in crashed["metrics"].items()} == BY_TIME  # in the order of the log
    assert crashed["printed"].rstrip().splitlines() == [*LINES, "Process exited with code: 3"]
