"""Jobs that the vendor's clients kept in files."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy

from quantumjobs.adapters.aqt import persisted
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.adapters.aqt.persisted import is_persisted, planned, read
from quantumjobs.circuits.back import give_back
from quantumjobs.errors import UsageError
from tests.adapters.aqt.helpers import answer, decode

ID = "571accdf-bc76-41b3-9f49-16bd43faafe6"


def circuit() -> QuantumCircuit:
    """Two registers, of which some bits are never written; its last qubit is idle, and was sent as it is."""
    made = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "a"), ClassicalRegister(2, "b"), name="mine")
    made.r(0.5, 0.25, 0)
    made.measure(0, 1)
    made.measure(1, 2)
    made.metadata = {"angle": 0.5}
    return made


def qpy_of(*circuits: QuantumCircuit) -> bytes:
    file = io.BytesIO()
    qpy.dump(list(circuits), file)
    return file.getvalue()


def first(*circuits: QuantumCircuit, **changes: Any) -> bytes:
    """As version 1 writes it."""
    resource = {
        "workspace_id": "ws",
        "resource_id": "ibex",
        "resource_name": "IBEX",
        "resource_type": "device",
        "available_qubits": 12,
    }
    options = {"shots": 2, "memory": True, "query_period_seconds": 0.1, "query_timeout_seconds": None}
    body = base64.b64encode(qpy_of(*circuits)).decode()
    document = {"resource": resource, "circuits": body, "options": {**options, "with_progress_bar": False}}
    for place, value in changes.items():
        inner, _, name = place.partition("__")
        if name:
            document[inner][name] = value
        else:
            document[inner] = value
    return json.dumps(document).encode()


def second(*circuits: QuantumCircuit, **changes: Any) -> bytes:
    """As version 2 writes it."""
    line = {"format_version": 1, "job_id": ID, "backend_kind": "cloud", "backend_name": "ibex", "shots": 2}
    line |= {"memory": True, "circuit_count": len(circuits), **changes}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n" + qpy_of(*circuits)


def test_version_1_keeps_everything_but_the_id_which_is_its_name():
    for name in (ID, f"/home/me/.cache/qiskit_aqt_provider/1.15.0/{ID}", f"C:\\cache\\{ID}"):
        found = read(first(circuit()), name)
        assert (found.remote_id, found.backend, found.shots, found.memory) == (ID, "ws/ibex", 2, True)


def test_version_2_keeps_no_workspace():
    found = read(second(circuit(), circuit()), "renamed")
    assert (found.remote_id, found.workspace, found.backend) == (ID, "", "ibex")
    assert (found.shots, found.memory, found.count) == (2, True, 2)


@pytest.mark.parametrize("form", [first, second])
def test_results_are_read_as_by_the_client_that_sent_the_job(form):
    plan = planned(read(form(circuit(), circuit()), ID))
    one, two = decode(answer([[[1, 0, 0], [1, 1, 0]], [[0, 0, 1], [0, 0, 0]]]), plan.layout)
    assert one.memory == ["00 10", "01 10"]
    assert two.counts == {"00 00": 2}
    assert one.name == "mine"
    assert AqtCodec().is_plain("layout", plan.layout)


@pytest.mark.parametrize("form", [first, second])
def test_circuits_come_back_one_by_one(form):
    other = QuantumCircuit(1, 1)
    other.measure(0, 0)
    assert [give_back(given) for given in planned(read(form(circuit(), other), ID)).circuits] == [circuit(), other]


def test_without_memory_only_counts_are_kept():
    plan = planned(read(first(circuit(), options__memory=False), ID))
    (one,) = decode(answer([[[1, 0, 0], [1, 0, 0]]]), plan.layout)
    assert one.counts == {"00 10": 2}
    with pytest.raises(UsageError):
        _ = one.memory


def test_a_file_of_direct_access_names_no_backend_since_it_knows_no_host():
    found = read(second(circuit(), backend_kind="direct", backend_name="pine"), f"{ID}.aqt-job")
    assert (found.kind, found.backend, found.resource) == ("direct", "", "pine")


def test_a_file_of_an_offline_simulator_says_that_nothing_of_it_is_left():
    body = first(circuit(), resource__resource_type="offline_simulator")
    assert read(body, ID).kind == "offline"
    assert AqtCodec().kept(body, ID).is_local


# --- what is refused --------------------------------------------------------------------
REFUSED = {
    "another kind": (second(circuit(), backend_kind="carrier pigeon"), ID, "of kind 'carrier pigeon'"),
    "newer": (second(circuit(), format_version=2), ID, "newer qiskit-aqt-provider"),
    "no id": (first(circuit()), "job of yesterday", "is no job id"),
    "an id that is a path": (second(circuit(), job_id="../../x"), ID, "is no job id"),
    "no shots": (first(circuit(), options__shots=0), ID, "0 shots"),
    "shots of another type": (first(circuit(), options__shots="2"), ID, "damaged"),
    "no base64": (first(circuit(), circuits="?"), ID, "damaged"),
    "no QPY": (first(circuit(), circuits=base64.b64encode(b"cos\nsystem").decode()), ID, "no QPY"),
    "no circuits": (second(circuit()).partition(b"\n")[0], f"{ID}.aqt-job", "no QPY"),
    "another document": (b'{"a": 1}', ID, "not a job persisted"),
    "no document": (b"\xff\x00", ID, "not a job persisted"),
    "nothing": (b"", ID, "not a job persisted"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_such_job_is_refused_by_its_name(name):
    body, file, message = REFUSED[name]
    with pytest.raises(UsageError, match=message) as caught:
        read(body, file)
    assert str(caught.value).startswith(file)


def test_a_file_that_is_too_big_is_refused(monkeypatch):
    monkeypatch.setattr(persisted, "MOST_BYTES", 100)
    with pytest.raises(UsageError, match="larger than the limit"):
        read(first(circuit()), ID)


def test_damaged_circuits_are_refused_where_they_are_read():
    with pytest.raises(UsageError, match="cannot be read"):
        planned(read(second(circuit())[:-20], ID))
    with pytest.raises(UsageError, match="1 circuits in it, and 3 expected"):
        planned(read(second(circuit(), circuit_count=3), ID))
    with pytest.raises(UsageError, match="measures nothing"):
        planned(read(second(QuantumCircuit(1)), ID))


def test_circuits_of_formats_that_can_run_code_are_refused():
    old = bytearray(qpy_of(circuit()))
    old[6] = 10
    found = read(first(circuit(), circuits=base64.b64encode(old).decode()), ID)
    with pytest.raises(UsageError, match="refused for safety"):
        planned(found)


def test_such_files_are_told_from_others_by_their_beginning():
    assert is_persisted(first(circuit()))
    assert is_persisted(second(circuit()))
    for other in (b'{"quantumjobs-export":1,"version":"1"}\n', b"QISKIT", b"", b"[]"):
        assert not is_persisted(other)


BODIES = (first(circuit()), second(circuit()))


@settings(max_examples=100)
@given(st.sampled_from(BODIES), st.integers(0, 600), st.binary(max_size=3))
def test_damage_is_a_usage_error_or_harmless(body, place, piece):
    damaged = body[:place] + piece + body[place + 1 :]
    try:
        found = read(damaged, ID)
    except UsageError:
        return
    assert 0 < found.shots <= persisted.MOST_SHOTS
