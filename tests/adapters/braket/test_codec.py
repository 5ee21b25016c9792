"""Circuits to the bodies of CreateQuantumTask, result objects to results, without a service."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from qiskit import QuantumCircuit

from quantumjobs.abc import Part, Raw, Request
from quantumjobs.adapters.braket import about
from quantumjobs.adapters.braket.about import (
    OPENQASM,
    PROGRAM_SET,
    About,
    Action,
    Capabilities,
    Paradigm,
    Price,
    Service,
)
from quantumjobs.adapters.braket.codec import BraketCodec
from quantumjobs.adapters.braket.plans import Layout
from quantumjobs.adapters.braket.schemas import RESULTS, TASK
from quantumjobs.circuits import given
from quantumjobs.core import costs
from quantumjobs.errors import ProviderProtocolError, UsageError
from tests.adapters.braket.helpers import TURN, flipped

SHOTS = [0, 100_000]
GATES = Action(
    supported_operations=["h", "x", "cnot", "rx", "rz", "i", "cz", "prx"],
    supported_result_types=[{"name": name} for name in ("StateVector", "Expectation", "Probability")],
)
SETS = Action(maximum_executables=3, maximum_total_shots=1000)
SV1 = About(
    arn="arn:aws:braket:::device/quantum-simulator/amazon/sv1",
    name="SV1",
    status="ONLINE",
    capabilities=Capabilities(
        service=Service(shots_range=SHOTS, device_cost=Price(0.075, "minute")),
        action={OPENQASM: GATES},
        paradigm=Paradigm(qubit_count=34),
    ),
    bucket="amazon-braket-us-west-2-123456789012",
    prefix="tasks",
)
CHIP = replace(
    SV1,
    arn="arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet",
    name="Garnet",
    capabilities=Capabilities(
        service=Service(shots_range=[1, 20_000], device_cost=Price(0.00145, "shot")),
        action={OPENQASM: GATES, PROGRAM_SET: SETS},
        paradigm=Paradigm(qubit_count=20, native_gate_set=["cz", "prx"]),
    ),
    task_fee=0.3,
)


def of(device: About, arn: str = "", **service: Any) -> About:
    """The device with another ARN, and other words of the service on it."""
    said = replace(device.capabilities, service=replace(device.capabilities.service, **service))
    return replace(device, arn=arn or device.arn, capabilities=said)


def taking(device: About, **actions: Action) -> About:
    known = {"programs": OPENQASM, "sets": PROGRAM_SET}
    found = {known[name]: action for name, action in actions.items()}
    return replace(device, capabilities=replace(device.capabilities, action=found))


def parts(circuits: Any, device: About = SV1, *, shots: int | None = 10, memory: bool = False, **options: Any) -> tuple[Part, ...]:  # fmt: skip
    request = Request(backend="here", circuits=tuple(given.each(circuits)), shots=shots, memory=memory, options=options)
    return BraketCodec().prepare(request, about.encode(device), seed=1).parts


def body(circuits: Any, device: About = SV1, **arguments: Any) -> dict[str, Any]:
    """The body of the only part."""
    (part,) = parts(circuits, device, **arguments)
    return read(part)


def read(part: Part) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(part.payload)
    return found | {name: json.loads(found[name]) for name in ("action", "deviceParameters") if name in found}


def head(name: str) -> dict[str, Any]:
    return {"braketSchemaHeader": {"name": name, "version": "1"}}


# --- there --------------------------------------------------------------------------------------
def test_a_circuit_is_a_task_in_the_form_of_the_vendors_sdk():
    assert body(flipped(1, 0), shots=7) == {
        "deviceArn": SV1.arn,
        "shots": 7,
        "outputS3Bucket": SV1.bucket,
        "outputS3KeyPrefix": "tasks",
        "action": {
            **head(OPENQASM),
            "source": "OPENQASM 3.0;\nbit[2] b;\nqubit[2] q;\nx q[0];\nb[0] = measure q[0];\nb[1] = measure q[1];\n",
            "inputs": {},
        },
        "deviceParameters": {
            **head("braket.device_schema.simulators.gate_model_simulator_device_parameters"),
            "paradigmParameters": {
                **head("braket.device_schema.gate_model_parameters"),
                "qubitCount": 2,
                "disableQubitRewiring": False,
            },
        },
    }


@pytest.mark.parametrize(
    ("maker", "schema"),
    [
        ("ionq/Forte-1", "ionq.ionq_device_parameters"),
        ("rigetti/Ankaa-3", "rigetti.rigetti_device_parameters"),
        ("oqc/Lucy", "oqc.oqc_device_parameters"),
        ("iqm/Garnet", "simulators.gate_model_simulator_device_parameters"),
        ("nobody/knows", "simulators.gate_model_simulator_device_parameters"),
    ],
)
def test_parameters_are_in_the_makers_own_document(maker: str, schema: str):
    device = of(CHIP, f"arn:aws:braket:us-east-1::device/qpu/{maker}")
    sent = body(flipped(1), device)["deviceParameters"]
    assert sent["braketSchemaHeader"]["name"] == f"braket.device_schema.{schema}"
    assert sent["paradigmParameters"]["disableQubitRewiring"] is False


def test_mitigation_is_for_ionqs_devices():
    ions = of(CHIP, "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1")
    mitigation = [{"type": "braket.device_schema.error_mitigation.debias.Debias"}]
    assert body(flipped(1), ions, error_mitigation=mitigation)["deviceParameters"]["errorMitigation"] == mitigation
    with pytest.raises(UsageError, match=r"IonQ's have it, and .*Garnet is none"):
        parts(flipped(1), CHIP, error_mitigation=mitigation)


def test_a_document_that_was_given_goes_as_it_is():
    assert body(flipped(1), device_parameters={"mine": 1})["deviceParameters"] == {"mine": 1}


def test_qubits_may_be_told_to_stay_where_they_are():
    sent = body(flipped(0, 1), CHIP, disable_qubit_rewiring=True)
    assert sent["deviceParameters"]["paradigmParameters"]["disableQubitRewiring"] is True
    assert "$1" in sent["action"]["source"]


def test_text_that_was_given_goes_without_parameters_unless_they_are_asked_for():
    sent = body(TURN, inputs={"theta": 0.5})
    assert sent["action"] == {**head(OPENQASM), "source": TURN, "inputs": {"theta": 0.5}}
    assert "deviceParameters" not in sent
    assert "deviceParameters" in body(TURN, CHIP, inputs={"theta": 0.5}, disable_qubit_rewiring=False)


def test_what_else_a_request_may_have_is_in_it():
    reservation = "arn:aws:braket:eu-north-1:123456789012:reservation/a1"
    sent = body(
        flipped(1),
        resource_tags={"project": "x"},
        reservation_arn=reservation,
        experimental_capabilities="ALL",
        s3_bucket="mine",
        s3_prefix="a/b",
    )
    assert sent["tags"] == {"project": "x"}
    assert sent["associations"] == [{"arn": reservation, "type": "RESERVATION_TIME_WINDOW_ARN"}]
    assert sent["experimentalCapabilities"] == {"enabled": "ALL"}
    assert (sent["outputS3Bucket"], sent["outputS3KeyPrefix"]) == ("mine", "a/b")
    assert body(flipped(1), experimental_capabilities={"x": 1})["experimentalCapabilities"] == {"x": 1}
    plain = body(flipped(1))
    assert not plain.keys() & {"tags", "associations", "experimentalCapabilities", "clientToken", "jobToken"}


def test_where_a_task_is_and_where_its_results_go_are_its_details():
    (part,) = parts(flipped(1), s3_bucket="mine")
    assert (part.details["device"], part.details["bucket"]) == (SV1.arn, "mine")


# --- inputs -------------------------------------------------------------------------------------
def test_each_program_gets_the_inputs_that_it_has_a_place_for():
    other = TURN.replace("theta", "phi")
    first, second, third = parts([TURN, other, flipped(1)], inputs={"theta": 0.5, "phi": 1})
    assert [read(one)["action"]["inputs"] for one in (first, second, third)] == [{"theta": 0.5}, {"phi": 1}, {}]


def test_inputs_that_are_missing_or_nobodys_are_told():
    with pytest.raises(UsageError, match=r"inputs without a value: theta; give inputs="):
        parts(TURN)
    with pytest.raises(UsageError, match="no program has an input called phi"):
        parts(TURN, inputs={"theta": 1, "phi": 2})
    with pytest.raises(UsageError, match="no program has an input called theta"):
        parts(flipped(1), inputs={"theta": 1})


# --- shots --------------------------------------------------------------------------------------
def test_shots_are_a_thousand_where_nobody_says():
    assert body(flipped(1), shots=None)["shots"] == 1000
    assert body(flipped(1), CHIP, shots=None)["shots"] == 1000


def test_result_types_are_computed_on_a_simulator_and_drawn_on_a_chip():
    asked = ["expectation z(q[0])"]
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    exact = body(bell, shots=None, result_types=asked)
    assert exact["shots"] == 0
    assert exact["action"]["source"].splitlines()[-1] == "#pragma braket result expectation z(q[0])"
    assert body(bell, shots=None, memory=True, result_types=asked)["shots"] == 1000
    assert body(bell, shots=20, result_types=asked)["shots"] == 20
    assert body(bell, CHIP, shots=None, result_types=asked)["shots"] == 1000


@pytest.mark.parametrize(
    ("device", "shots", "more", "words"),
    [
        (CHIP, 0, {"result_types": ["probability"]}, "Garnet is a QPU, and draws"),
        (SV1, 0, {}, "say which, as in result_types="),
        (SV1, 0, {"result_types": ["state_vector"], "memory": True}, "no shots to remember"),
        (CHIP, 20_001, {}, "Garnet takes from 1 to 20000"),
        (SV1, 100_001, {}, "SV1 takes from 1 to 100000"),
        (of(CHIP, shots_range=[100, 200]), 99, {}, "takes from 100 to 200"),
        (SV1, 10, {"result_types": ["state_vector"]}, "give shots=0"),
        (SV1, None, {"result_types": ["variance x(q[0])"]}, "SV1 has it not"),
    ],
)
def test_shots_that_the_device_does_not_take_are_refused(device: About, shots: int | None, more: Any, words: str):
    with pytest.raises(UsageError) as caught:
        parts(flipped(1), device, shots=shots, **more)
    assert words in str(caught.value)


def test_a_device_that_tells_no_range_is_left_to_judge():
    for said in (None, [], [1]):
        assert body(flipped(1), of(CHIP, shots_range=said), shots=10**6)["shots"] == 10**6
    in_a_reservation = body(flipped(1), CHIP, shots=10**6, reservation_arn="arn:aws:braket:x:1:reservation/y")
    assert in_a_reservation["shots"] == 10**6


# --- program sets -------------------------------------------------------------------------------
def programs(found: Iterable[Part]) -> list[list[str]]:
    return [[one["source"] for one in read(part)["action"]["programs"]] for part in found]


def test_a_list_is_a_program_set_where_the_device_takes_these():
    (part,) = parts([flipped(1), flipped(0)], CHIP, shots=7)
    sent = read(part)
    assert sent["shots"] == 14
    assert sent["action"]["braketSchemaHeader"]["name"] == PROGRAM_SET
    assert [one["braketSchemaHeader"]["name"] for one in sent["action"]["programs"]] == [OPENQASM] * 2
    assert "deviceParameters" not in sent
    layout = msgspec.msgpack.decode(part.layout or b"", type=Layout)
    assert [plan.shots for plan in layout.plans] == [7, 7]
    assert (part.count, layout.device, layout.memory) == (2, CHIP.arn, False)


def test_inputs_of_a_program_set_are_lists_of_one():
    (part,) = parts([TURN, flipped(1)], CHIP, inputs={"theta": 0.5})
    assert [one["inputs"] for one in read(part)["action"]["programs"]] == [{"theta": [0.5]}, {}]


@pytest.mark.parametrize(
    ("device", "shots", "options", "sizes"),
    [
        (CHIP, 10, {}, [3, 3, 1]),
        (CHIP, 500, {}, [2, 2, 2, 1]),
        (CHIP, 501, {}, [1] * 7),
        (CHIP, 5000, {}, [1] * 7),
        (CHIP, 10, {"circuits_per_job": 2}, [2, 2, 2, 1]),
        (CHIP, 10, {"circuits_per_job": 5}, [3, 3, 1]),
        (CHIP, 10, {"program_set": True}, [3, 3, 1]),
        (CHIP, 10, {"program_set": False}, [1] * 7),
        (taking(CHIP, programs=GATES, sets=Action()), 10, {}, [7]),
        (SV1, 10, {}, [1] * 7),
    ],
)
def test_sets_are_as_large_as_the_device_takes_and_no_larger_than_asked(
    device: About, shots: int, options: dict[str, Any], sizes: list[int]
):
    found = parts([flipped(*map(int, f"{at:03b}")) for at in range(7)], device, shots=shots, **options)
    assert [part.count for part in found] == sizes
    assert [read(part)["shots"] for part in found] == [shots * size for size in sizes]
    if max(sizes) == 1:
        assert all(read(part)["action"]["braketSchemaHeader"]["name"] == OPENQASM for part in found)


def test_the_last_of_several_sets_is_a_set_too_and_all_are_in_order():
    found = parts([flipped(*map(int, f"{at:03b}")) for at in range(4)], CHIP)
    sent = programs(found)
    assert [len(one) for one in sent] == [3, 1]
    flips = [source.count("x q") for one in sent for source in one]
    assert flips == [0, 1, 1, 2]


def test_one_circuit_alone_is_no_set():
    assert body([flipped(1)], CHIP)["action"]["braketSchemaHeader"]["name"] == OPENQASM
    assert body([flipped(1)], CHIP, program_set=True)["action"]["braketSchemaHeader"]["name"] == OPENQASM


def test_result_types_are_of_tasks_of_their_own():
    bell = QuantumCircuit(1)
    bell.h(0)
    assert [part.count for part in parts([bell, bell], CHIP, result_types=["probability"])] == [1, 1]
    with pytest.raises(UsageError, match="no result types"):
        parts([bell, bell], CHIP, result_types=["probability"], program_set=True)
    with pytest.raises(UsageError, match="SV1 takes no program sets"):
        parts([flipped(1)] * 2, SV1, program_set=True)


# --- devices ------------------------------------------------------------------------------------
def test_what_a_device_does_not_do_is_told_before_anything_is_sent():
    with pytest.raises(UsageError, match="Garnet is retired"):
        parts(flipped(1), replace(CHIP, status="RETIRED"))
    with pytest.raises(UsageError, match=r"Garnet runs no circuits: it takes braket.ir.ahs.program"):
        parts(flipped(1), replace(CHIP, capabilities=Capabilities(action={"braket.ir.ahs.program": Action()})))
    with pytest.raises(UsageError, match="runs no circuits: it takes nothing that is known here"):
        parts(flipped(1), replace(CHIP, capabilities=Capabilities()))


def test_a_device_that_is_offline_may_be_back_when_the_task_comes():
    assert body(flipped(1), replace(CHIP, status="OFFLINE"))["deviceArn"] == CHIP.arn


# --- prices -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("device", "shots", "options", "cost"),
    [
        (CHIP, 100, {}, "about 0.445 USD"),
        (replace(CHIP, task_fee=None), 100, {}, "about 0.145 USD"),
        (CHIP, 100, {"reservation_arn": "arn:aws:braket:x:1:reservation/y"}, "unknown"),
        (of(CHIP, device_cost=None), 100, {}, "unknown"),
        (of(CHIP, device_cost=Price(None, "shot")), 100, {}, "unknown"),
        (of(CHIP, device_cost=Price(3.0, "hour")), 100, {}, "unknown"),
        (SV1, 100, {}, "unknown"),
    ],
)
def test_a_part_has_the_devices_price(device: About, shots: int, options: dict[str, Any], cost: str):
    (part,) = parts(flipped(1), device, shots=shots, **options)
    assert str(costs.cost(part.details)) == cost


def test_of_a_set_the_fee_is_paid_once_and_the_shots_are_all():
    (part,) = parts([flipped(1), flipped(0)], CHIP, shots=100)
    assert str(costs.cost(part.details)) == "about 0.59 USD"
    apart = parts([flipped(1), flipped(0)], CHIP, shots=100, program_set=False)
    assert str(costs.total(costs.cost(one.details) for one in apart)) == "about 0.89 USD"


def test_simulators_are_paid_by_time_and_for_some_seconds_at_the_least():
    (part,) = parts(flipped(1))
    assert str(costs.cost(part.details, seconds=60.0)) == "about 0.075 USD"
    assert str(costs.cost(part.details, seconds=0.1)) == "about 0.00375 USD"


# --- and back -----------------------------------------------------------------------------------
def test_a_body_is_plain_and_the_same_each_time():
    circuits, codec = [flipped(1, 0), flipped(0)], BraketCodec()
    tags = {"b": "1", "a": "2"}
    (first,) = parts(circuits, CHIP, resource_tags=tags)
    (again,) = parts(circuits, CHIP, resource_tags=dict(reversed(tags.items())))
    assert first == again
    assert codec.is_plain("payload", first.payload)
    assert codec.is_plain("layout", first.layout or b"")
    for wrong in (b"", b"[]", b"\x80\x04", b'"text"', first.layout or b""):
        assert not codec.is_plain("payload", wrong)
    for wrong in (b"", first.payload, b"cos\nsystem\n"):
        assert not codec.is_plain("layout", wrong)


def test_a_result_is_read_by_the_layout_of_its_part():
    (part,) = parts(flipped(1, 0), shots=2)
    found = BraketCodec().decode(Raw(TASK, {RESULTS: outcomes([1, 0], [1, 0])}), part.layout)
    (entry,) = found
    assert (entry.counts, entry.name) == ({"01": 2}, "flipped")
    assert found.to_qiskit().backend_name == SV1.arn
    assert found.raw == {RESULTS: outcomes([1, 0], [1, 0])}


def test_shots_stay_in_their_order_only_where_that_was_asked_for():
    body = outcomes([1, 0], [0, 0], [1, 0])
    (plain,) = parts(flipped(1, 0), shots=3)
    (remembering,) = parts(flipped(1, 0), shots=3, memory=True)
    (entry,) = BraketCodec().decode(Raw(TASK, {RESULTS: body}), remembering.layout)
    assert list(entry.memory) == ["01", "00", "01"]
    (entry,) = BraketCodec().decode(Raw(TASK, {RESULTS: body}), plain.layout)
    with pytest.raises(UsageError, match="memory"):
        list(entry.memory)


def test_without_a_layout_a_result_tells_what_it_can():
    (entry,) = BraketCodec().decode(Raw(TASK, {RESULTS: outcomes([1, 0])}), None)
    assert entry.counts == {"01": 1}


def test_a_result_of_anything_else_is_refused():
    with pytest.raises(UsageError, match="'iqm-job' is not one of braket's"):
        BraketCodec().decode(Raw("iqm-job", {RESULTS: b"{}"}), None)
    (part,) = parts([flipped(1), flipped(0)], CHIP)
    with pytest.raises(ProviderProtocolError, match="1 programs in it, and 2 were sent"):
        BraketCodec().decode(Raw(TASK, {RESULTS: outcomes([1])}), part.layout)


def outcomes(*rows: list[int]) -> bytes:
    return json.dumps({
        **head("braket.task_result.gate_model_task_result"),
        "measurements": rows,
        "measuredQubits": list(range(len(rows[0]))),
    }).encode()  # fmt: skip
