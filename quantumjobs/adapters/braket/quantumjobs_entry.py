"""Runs one function in a hybrid job and saves what it returns: this file is packed beside the function's own.

It runs in the service's container, where this package is not, on whatever Python there is: it imports nothing but the
standard library. What the function returns is saved as its results are in the vendor's schema, in plain JSON: a dict
as it is, any other value as {"result": value}, and nothing for None. Tuples become lists, arrays that have `tolist` do
too, and keys become texts. What has no such form ends the job with an error; it is written into the log, so that a
long run's work is not lost.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SHOWN = 1_000_000
"""Characters of a result that cannot be saved, written into the log."""


def run() -> None:
    """Call the function, which `quantumjobs_arguments.json` names, and save what it returns."""
    call = json.loads((HERE / "quantumjobs_arguments.json").read_text(encoding="utf-8"))
    if sys.path[:1] != [str(HERE)]:
        sys.path.insert(0, str(HERE))  # the container has it last: a module of its own of the same name would win
    function = getattr(importlib.import_module(call["module"]), call["function"])
    for layer in call["layers"]:  # of what decorators made of it
        function = getattr(function, layer)
    value = function(**call["arguments"])
    if inspect.iscoroutine(value):
        value = asyncio.run(value)
    save(value)


def save(value: Any) -> None:
    """Write `results.json`, or add to what the function itself has saved there."""
    file = Path(os.environ.get("AMZN_BRAKET_JOB_RESULTS_DIR", "."), "results.json")
    saved = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if value is None and saved:
        return
    try:
        data = {} if value is None else value if isinstance(value, dict) else {"result": value}
        if saved:
            if saved["dataFormat"] != "plaintext":
                raise ValueError("results.json was pickled, and nothing can be added to it")
            data = {**saved["dataDictionary"], **data}
        text = json.dumps(
            {
                "braketSchemaHeader": {"name": "braket.jobs_data.persisted_job_data", "version": "1"},
                "dataDictionary": data,
                "dataFormat": "plaintext",
            },
            default=_plain,
            allow_nan=False,
        )
    except (TypeError, ValueError, RecursionError):
        print("What the function returned cannot be saved:", repr(value)[:SHOWN], flush=True)  # noqa: T201 - the log
        raise
    beside = file.with_name(".results.json.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def _plain(value: Any) -> Any:
    if callable(getattr(value, "tolist", None)):  # numpy's arrays and scalars, and those of its kin
        return value.tolist()
    raise TypeError(f"a {type(value).__qualname__} is no JSON")


if __name__ == "__main__":
    run()
