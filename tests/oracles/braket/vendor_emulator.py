"""Runs in the vendor's environment: its simulators, its schemas, and its client against an emulator.

Plans, by "kind": "program" {"source", "shots", "inputs", "noisy"}, "capabilities" {"provider", "text"}, "client" {}.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from typing import Any

warnings.simplefilter("ignore")
from braket.aws import AwsDevice, AwsQuantumTask  # noqa: E402 - they warn when they are imported
from braket.circuits import Circuit, FreeParameter, Observable  # noqa: E402 - as above
from braket.default_simulator import DensityMatrixSimulator, StateVectorSimulator  # noqa: E402 - as above
from braket.device_schema.ionq import IonqDeviceCapabilities  # noqa: E402 - as above
from braket.device_schema.iqm import IqmDeviceCapabilities  # noqa: E402 - as above
from braket.device_schema.simulators import GateModelSimulatorDeviceCapabilities  # noqa: E402 - as above
from braket.ir.openqasm import Program  # noqa: E402 - as above
from braket.program_sets import CircuitBinding, ProgramSet  # noqa: E402 - as above

SCHEMAS = {
    "Amazon Braket": GateModelSimulatorDeviceCapabilities,
    "IQM": IqmDeviceCapabilities,
    "IonQ": IonqDeviceCapabilities,
}
SIMULATORS = {False: StateVectorSimulator(), True: DensityMatrixSimulator()}


def plain(value: Any) -> Any:
    """In JSON's terms: complex numbers are pairs."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return [value.real, value.imag] if isinstance(value, complex) else value


def run(plan: dict[str, Any]) -> dict[str, Any]:
    program = Program(source=plan["source"], inputs=plan["inputs"])
    try:
        found = SIMULATORS[plan["noisy"]].run(program, shots=plan["shots"])
    except Exception as error:  # whatever it raises, it refuses
        return {"refused": f"{type(error).__name__}: {error}"}
    if plan["shots"]:
        return {"measurements": [[int(bit) for bit in row] for row in found.measurements]}
    return {"values": [plain(one.value) for one in found.resultTypes]}


def schema(plan: dict[str, Any]) -> dict[str, Any]:
    return {"actions": [one.value for one in SCHEMAS[plan["provider"]].parse_raw(plan["text"]).action]}


def client(plan: dict[str, Any]) -> dict[str, Any]:
    sv1 = AwsDevice("arn:aws:braket:::device/quantum-simulator/amazon/sv1")
    bell = Circuit().h(0).cnot(0, 1)
    task = sv1.run(bell, shots=100)
    found: dict[str, Any] = {"counts": dict(task.result().measurement_counts), "state": task.state()}
    exact = bell.copy().state_vector().expectation(Observable.X() @ Observable.X(), [0, 1])
    found["values"] = plain(sv1.run(exact, shots=0).result().values)
    sampled = bell.copy().expectation(Observable.X() @ Observable.X(), [0, 1]).sample(Observable.X(), [0])
    found["sampled"] = plain(sv1.run(sampled, shots=10).result().values[0])
    angles = {"theta": [0.0, 3.141592653589793]}
    both = ProgramSet([bell, CircuitBinding(Circuit().rx(0, FreeParameter("theta")), input_sets=angles)])
    result = sv1.run(both, shots=30).result()
    found["set"] = [[dict(one.counts) for one in program] for program in result]
    batch = sv1.run_batch([bell] * 3, shots=5)
    found["batch"] = [sum(one.measurement_counts.values()) for one in batch.results()]
    failed = sv1.run(Program(source="qubit[1] q; nonsense q[0];"), shots=5)
    while failed.state() not in AwsQuantumTask.TERMINAL_STATES:
        time.sleep(0.05)
    found["failed"] = [failed.state(), failed.metadata()["failureReason"]]
    found["again"] = dict(AwsQuantumTask(task.id).result().measurement_counts)
    try:
        failed.cancel()
    except Exception as error:  # its kind is told
        found["cancel"] = type(error).__name__
    garnet = AwsDevice("arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet")
    boxed = Circuit().add_verbatim_box(Circuit().prx(1, 3.141592653589793, 0).cz(1, 2)).measure([1, 2])
    found["garnet"] = dict(garnet.run(boxed, shots=5, disable_qubit_rewiring=True).result().measurement_counts)
    found["graph"] = sorted(garnet.topology_graph.edges)[:1]
    forte = AwsDevice("arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1")
    found["forte"] = dict(forte.run(Circuit().x(0).i(1), shots=5).result().measurement_counts)
    found["devices"] = sorted(one.name for one in AwsDevice.get_devices(statuses=["ONLINE"]))
    return found


def main() -> None:
    known = {"program": run, "capabilities": schema, "client": client}
    out = os.dup(1)
    os.dup2(2, 1)  # the vendor's prints are no answers
    answers = [known[plan["kind"]](plan) for plan in json.load(sys.stdin)]
    os.write(out, json.dumps(answers).encode())


if __name__ == "__main__":
    main()
