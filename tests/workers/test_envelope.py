import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.errors import UsageError
from quantumjobs.workers.envelope import WorkerError, pack, run_blob, unpack
from quantumjobs.workers.frames import Done, FrameReader, Hello, Progress, from_worker, head
from tests.workers.helpers import FUNCTIONS, ROOT


def call(function, body=b""):
    return unpack(run_blob(pack(FUNCTIONS + function, body)))


def test_bytes_go_in_and_come_out():
    assert call("echo", b"\x00\xff") == b"\x00\xff"


def test_an_error_is_data_with_its_class_as_text():
    with pytest.raises(WorkerError) as caught:
        call("fail", b"too many qubits")
    assert caught.value.kind == "ValueError"
    assert caught.value.message == "too many qubits"
    assert "raise ValueError" in caught.value.traceback
    assert str(caught.value) == "ValueError: too many qubits"


@pytest.mark.parametrize("function", ["misuse", "misuse_below"])
def test_a_usage_error_stays_one(function):
    with pytest.raises(UsageError, match="^no such option$"):
        call(function, b"no such option")


@pytest.mark.parametrize(
    ("function", "kind"),
    [("exhaust", "MemoryError"), ("leave", "SystemExit"), ("panic", "Panic"), ("text", "TypeError")],
)
def test_nothing_a_function_does_escapes(function, kind):
    with pytest.raises(WorkerError) as caught:
        call(function)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("name", "kind"), [("nowhere.to.be:found", "ModuleNotFoundError"), (FUNCTIONS + "absent", "AttributeError")]
)
def test_a_function_that_is_not_there_is_an_error_of_the_call(name, kind):
    with pytest.raises(WorkerError) as caught:
        unpack(run_blob(pack(name, b"")))
    assert caught.value.kind == kind


def test_a_name_without_a_colon_is_misuse():
    with pytest.raises(UsageError, match="package.module:name"):
        unpack(run_blob(pack("os.getcwd", b"")))


def test_an_envelope_that_is_none_is_answered():
    with pytest.raises(WorkerError):
        unpack(run_blob(b"not an envelope"))


def test_reports_are_dropped_where_nobody_listens():
    assert call("steps", b"3") == b"end"


@pytest.mark.parametrize("kind", ["threads", "processes", "loky"])
def test_any_executor_runs_a_blob(kind):
    if kind == "threads":
        executor = ThreadPoolExecutor(1)
    elif kind == "processes":
        executor = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    else:
        loky = pytest.importorskip("loky")
        executor = loky.ProcessPoolExecutor(1)
    with executor:
        assert unpack(executor.submit(run_blob, pack(FUNCTIONS + "echo", b"here")).result(30)) == b"here"
        with pytest.raises(WorkerError, match="ValueError: there"):
            unpack(executor.submit(run_blob, pack(FUNCTIONS + "fail", b"there")).result(30))


def test_the_pool_imports_nothing_heavy():
    heavy = {"qiskit", "qiskit_aer", "numpy", "httpx", "tenacity", "multiprocessing", "concurrent.futures.process"}
    source = "import sys, quantumjobs.workers.pool; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())


@given(
    bodies=st.lists(st.binary(max_size=300), max_size=12),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=40),
)
def test_frames_survive_any_cutting_of_the_stream(bodies, cuts):
    messages = [(Done, Progress)[i % 2](i, *([7] if i % 2 == 0 else [])) for i in range(len(bodies))]
    stream = b"".join(head(message, len(body)) + body for message, body in zip(messages, bodies, strict=True))
    reader, frames, at, turn = FrameReader(from_worker), [], 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        frames += reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert frames == list(zip(messages, bodies, strict=True))
    assert reader.is_clean


def test_half_a_frame_is_not_clean():
    reader = FrameReader(from_worker)
    data = head(Hello(1), 0)
    assert reader.feed(data[:-1]) == []
    assert not reader.is_clean
    assert reader.feed(data[-1:]) == [(Hello(1), b"")]
