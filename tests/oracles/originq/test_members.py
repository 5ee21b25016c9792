"""The lists of members by which docs/reference/parity-qcloudjob.md is checked are those of the client itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.members import ORIGINQ
from tests.oracles.aqt.test_members import told
from tests.oracles.originq import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(120)]

PROGRAM = """
import json
from pyqpanda3 import qcloud
kinds = ("QCloudJob", "QCloudResult", "QCloudOptions", "QCloudNoiseModel")
public = {kind: [name for name in dir(getattr(qcloud, kind)) if not name.startswith("_")] for kind in kinds}
def raised(ask):
    try:
        return [None, repr(ask())]
    except Exception as error:
        return [type(error).__name__, str(error)]
early = raised(lambda: qcloud.QCloudJob("T1"))
qcloud.QCloudService("K/1", "http://127.0.0.1:9")
options = qcloud.QCloudOptions()
options.set_custom_option("dataFormat", 2)
failed = qcloud.QCloudResult("T1", json.dumps({"success": True, "message": "ok", "obj": {
    "taskId": "T1", "taskState": "4", "errorMessage": "the fridge is warm"}}))
print(json.dumps({
    "members": public,
    "nothing": [early, raised(lambda: qcloud.QCloudJob("").job_id()), raised(lambda: qcloud.QCloudService(""))],
    "words": sorted(qcloud.JobStatus.__members__),
    "amend": [raised(lambda: options.set_amend_flag(flag)) for flag in (0, 1, 2, 3)],
    "defaults": [options.is_mapping(), options.is_optimization(), options.is_prob_counts(), options.point_label()],
    "kept": options.get_custom_options(),
    "failed": [str(failed.job_status()), failed.error_message(), failed.get_counts_list()],
}))
"""


def test_it_has_these_members_and_says_what_the_page_tells_of_it(tmp_path: Path):
    found = told(vendor.PYTHON, PROGRAM, tmp_path)
    assert {kind: frozenset(names) for kind, names in found["members"].items()} == ORIGINQ
    assert [kind for kind, _ in found["nothing"]] == ["RuntimeError", "RuntimeError", "ValueError"]
    assert found["words"] == ["COMPUTING", "FAILED", "FINISHED", "QUEUING", "WAITING"]
    assert [kind for kind, _ in found["amend"]] == [None, None, "ValueError", None]
    assert found["defaults"] == [True, True, True, 1]
    assert found["kept"] == {"dataFormat": 2}
    assert found["failed"] == ["JobStatus.FAILED", "qcloud task T1 run failed: ok", []]
