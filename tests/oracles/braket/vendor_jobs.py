"""Runs in the vendor's environment: tasks through amazon-braket-sdk, from a list of plans on stdin to reports on stdout.

A plan: {"do": the name of one of the functions below, "url": the services' place, "device": ARN, "programs": [...], ...}.
A program is OpenQASM text, or steps such as ["cnot", 0, 1] that become the SDK's own circuit.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import operator
import os
import sys
import time
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

warnings.simplefilter("ignore")
import boto3  # noqa: E402 - they warn when they are imported
from braket.aws import AwsDevice, AwsQuantumTask, AwsSession  # noqa: E402 - as above
from braket.circuits import Circuit, Observable  # noqa: E402 - as above
from braket.error_mitigation import Debias  # noqa: E402 - as above
from braket.ir.openqasm import Program  # noqa: E402 - as above
from braket.program_sets import ProgramSet  # noqa: E402 - as above

logging.disable(logging.CRITICAL)  # it warns of every task that fails
OFTEN = {"poll_interval_seconds": 0.1}


def program(plan: dict[str, Any], given: Any) -> Any:
    if isinstance(given, str):
        return Program(source=given, inputs=plan.get("inputs", {}))
    circuit = Circuit()
    for name, *arguments in given:
        if name == "verbatim":
            circuit.add_verbatim_box(program(plan, arguments[0]))
        elif name == "expectation":  # ["expectation", "xz", [0, 1]]: of the product
            factors = [getattr(Observable, letter.upper())() for letter in arguments[0]]
            circuit.expectation(functools.reduce(operator.matmul, factors), arguments[1])
        else:
            getattr(circuit, name)(*arguments)
    return circuit


def device(plan: dict[str, Any]) -> Any:
    return AwsDevice(plan["device"])


def started(plan: dict[str, Any], **more: Any) -> Any:
    """A task of the plan's programs: more than one are a program set."""
    programs = [program(plan, one) for one in plan["programs"]]
    what = programs[0] if len(programs) == 1 else ProgramSet(programs)
    options = {**OFTEN, **plan.get("options", {}), **more}
    if options.pop("debias", False):
        options["device_parameters"] = {"errorMitigation": Debias()}
    return device(plan).run(what, shots=plan["shots"], **options)


def ended(task: Any) -> None:
    """Once it is."""
    while task.state() not in AwsQuantumTask.TERMINAL_STATES:
        time.sleep(0.05)


def plain(value: Any) -> Any:
    """In JSON's terms: complex numbers are pairs."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return [value.real, value.imag] if isinstance(value, complex) else value


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Follow a task to its end, and find it again by its id."""
    task = started(plan)
    result = task.result()
    found: dict[str, Any] = {"id": task.id, "state": task.state(), "metadata": sorted(task.metadata())}
    if result is None:
        again = AwsQuantumTask(task.id).metadata()
        return found | {"result": None, "reason": again["failureReason"]}
    if len(plan["programs"]) > 1:
        return found | {"counts": [dict(one.counts) for executed in result for one in executed]}
    again = AwsQuantumTask(task.id).result()
    counts = dict(result.measurement_counts or {})
    assert dict(again.measurement_counts or {}) == counts
    return found | {"counts": [counts], "values": [plain(one.value) for one in result.result_types or ()]}


def batch(plan: dict[str, Any]) -> dict[str, Any]:
    """Each program is a task; `options` may say how long the vendor waits for one."""
    programs = [program(plan, one) for one in plan["programs"]]
    made = device(plan).run_batch(programs, shots=plan["shots"], **{**OFTEN, **plan.get("options", {})})
    first = [task.id for task in made.tasks]
    results = made.results()
    return {
        "first": first,
        "last": [task.id for task in made.tasks],
        "counts": [None if one is None else dict(one.measurement_counts) for one in results],
    }


def cancel(plan: dict[str, Any]) -> dict[str, Any]:
    """Cancel what waits, look at it, and cancel it when it is over."""
    task = started(plan)
    first = task.queue_position()
    task.cancel()
    ended(task)
    refused = ""
    try:
        task.cancel()
    except Exception as error:  # what the SDK raises is the question
        refused = type(error).__name__
    last = task.queue_position()
    return {
        "queued": [first.queue_type.value, first.queue_position],
        "over": [last.queue_position, last.message],
        "state": task.state(),
        "refused": refused,
        "result": task.result(),
    }


def bucket(plan: dict[str, Any]) -> dict[str, Any]:
    """The default bucket, which is made when it is asked for; and that nothing of ours is here."""
    session = AwsSession(boto_session=boto3.Session(region_name=plan.get("region")))
    return {
        "version": version("amazon-braket-sdk"),
        "ours is here": find_spec("quantumjobs") is not None,
        "bucket": session.default_bucket(),
    }


def wait_again(plan: dict[str, Any]) -> dict[str, Any]:
    """A wait that was given too little time, and another one when the task is done."""

    async def waits() -> list[str]:
        task = started(plan)
        told = []
        for seconds in (plan["patience"], 20.0):
            try:
                told.append(str(await asyncio.wait_for(task.async_result(), seconds)))
            except (TimeoutError, asyncio.CancelledError) as error:
                told.append(type(error).__name__)
            ended(task)
        told.append(str(task.result() is not None))  # the state was asked for since, so that it is fetched at once
        return told

    return {"told": asyncio.run(waits())}


def given_up(plan: dict[str, Any]) -> dict[str, Any]:
    """The vendor's own deadline."""
    task = started(plan, poll_timeout_seconds=plan["patience"])
    return {"result": task.result(), "state": task.state()}


def point(plan: dict[str, Any]) -> None:
    """All clients that are made from here on are of these services.

    The parts of a program set's results are fetched by a client of the default region, whatever the task's is.
    """
    os.environ["AWS_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL_BRAKET"] = plan["url"]
    region = plan.get("device", "").split(":")[3:4]
    boto3.setup_default_session(region_name="".join(region) or os.environ["AWS_REGION"])


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever it prints
    answers = []
    for plan in json.load(sys.stdin):
        point(plan)
        answers.append(globals()[plan["do"]](plan))
    json.dump(answers, out)


if __name__ == "__main__":
    main()
