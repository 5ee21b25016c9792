"""What a user may give as circuits, and what is said when it is none."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import quantumjobs as qj
from tests.endtoend.helpers import BELL, counts_of, fixed


def write_qpy(path: Path, *values: int) -> Path:
    from qiskit import qasm3, qpy

    with path.open("wb") as file:
        qpy.dump([qasm3.loads(fixed(value)) for value in values], file)
    return path


@pytest.mark.real_time
async def test_files_by_any_kind_of_path(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.qasm").write_text(fixed(1))
    (tmp_path / "two.qasm").write_text(fixed(2, version=2))
    (tmp_path / "näme with blanks.QASM").write_text("\ufeff" + fixed(3), encoding="utf-8")
    write_qpy(tmp_path / "four.qpy", 4)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    given = [
        (tmp_path / "sub" / "one.qasm", 1),
        (str(tmp_path / "two.qasm"), 2),
        ("sub/one.qasm", 1),
        (Path("two.qasm"), 2),
        ("./sub/../two.qasm", 2),
        ("~/two.qasm", 2),
        ("näme with blanks.QASM", 3),
        ("four.qpy", 4),
    ]
    async with qj.Client() as client:
        aer = client.backend("aer")
        jobs = [await aer.run(path, shots=2, until="recorded") for path, _ in given]
        monkeypatch.chdir("/")
        assert [(await job).counts for job in jobs] == [counts_of(value, 2) for _, value in given]
        whole = await (await aer.run([tmp_path / "two.qasm", tmp_path / "four.qpy", fixed(5)], shots=2))
        assert [one.counts for one in whole] == [counts_of(value, 2) for value in (2, 4, 5)]


@pytest.mark.real_time
async def test_a_qpy_file_with_several_circuits_gives_one_entry_each(tmp_path):
    path = write_qpy(tmp_path / "many.qpy", *range(7))
    async with qj.Client() as client:
        aer = client.backend("aer")
        for given in (path, path.read_bytes()):
            job = await aer.run(given, shots=3)
            result = await job
            assert [one.counts for one in result] == [counts_of(value, 3) for value in range(7)]
            assert len(result) == job.progress.total == job.progress.done == 7
        mixed = await (await aer.run([fixed(9), path, fixed(8)], shots=3))
        assert [one.counts for one in mixed] == [counts_of(value, 3) for value in (9, *range(7), 8)]


def hostile(folder: Path) -> dict[str, str]:
    """Files that are no circuits, and what has to be said of each, besides its name."""
    good = write_qpy(folder / "good.qpy", 1).read_bytes()
    bodies: dict[str, tuple[bytes, str]] = {
        "empty.qasm": (b"", ""),
        "blank.qasm": (b"\n\n   \n", ""),
        "garbage.qasm": (bytes(range(256)) * 40, ""),
        "binary.qasm": (b"\x7fELF" + os.urandom(4096), ""),
        "letter.qasm": (b"Sehr geehrte Damen und Herren,\n", "line 1"),
        "gate.qasm": (BELL.replace("h q[0];", "\nhadamard q[0];").encode(), "line 5"),
        "index.qasm": (BELL.replace("cx q[0], q[1]", "cx q[0], q[7]").encode(), "line 4"),
        "two.qasm": (fixed(1, version=2).replace("measure q", "measur q").encode(), "line"),
        "cut.qasm": (BELL[:-12].encode(), "line"),
        "latin.qasm": (b"// caf\xe9\n" + BELL.encode(), "UTF-8"),
        "deep.qasm": (b"OPENQASM 3.0;\nbit[1] c;\nint x = " + b"(" * 20_000 + b"1" + b")" * 20_000 + b";\n", ""),
        "include.qasm": (b'OPENQASM 3.0;\ninclude "/etc/passwd";\nqubit q;\n', "line 2"),
        "huge.qasm": (b'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1000000000] q;\nh q[0];\n', ""),
        "loop.qasm": (b"OPENQASM 3.0;\ngate a q { b q; }\ngate b q { a q; }\nqubit q;\na q;\n", ""),
        "empty.qpy": (b"", ""),
        "text.qpy": (BELL.encode(), ""),
        "cut.qpy": (good[: len(good) // 2], ""),
        "damaged.qpy": (good[:40] + bytes(200) + good[240:], ""),
        "old.qpy": (b"QISKIT\x05" + good[7:], "5"),
        "future.qpy": (b"QISKIT\xf0" + good[7:], "240"),
        "counts.qpy": (good[:10] + b"\xff" * 8 + good[18:], ""),
    }  # fmt: skip
    for name, (body, _) in bodies.items():
        (folder / name).write_bytes(body)
    (folder / "folder.qasm").mkdir()
    os.mkfifo(folder / "pipe.qasm")
    told = {name: words for name, (_, words) in bodies.items()}
    return told | {"folder.qasm": "", "pipe.qasm": "", "nowhere.qasm": "No such file"}


@pytest.mark.real_time
async def test_what_is_no_circuit_is_refused_by_name_and_line_and_nothing_is_recorded(tmp_path):
    wrong: dict[str, str] = {}
    async with qj.Client() as client:
        aer = client.backend("aer")
        for name, words in hostile(tmp_path).items():
            path = tmp_path / name
            try:
                async with asyncio.timeout(15):
                    await aer.run(path, shots=2)
            except qj.UsageError as error:
                text = str(error)
                if str(path) not in text or words not in text or len(text) > 600 or "Traceback" in text:
                    wrong[name] = text[:700]
            except Exception as error:
                wrong[name] = f"{type(error).__name__}: {error}"[:700]
            else:
                wrong[name] = "accepted"
        assert await client.jobs() == []
        assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())
        # Among good ones, the place is named too.
        with pytest.raises(qj.UsageError, match=r"circuits\[1\].*gate\.qasm.*line 5"):
            await aer.run([fixed(1), tmp_path / "gate.qasm", fixed(2)])
        assert await client.jobs() == []
        assert (await (await aer.run(fixed(6), shots=2))).counts == counts_of(6, 2)  # and the workers go on


@pytest.mark.real_time
async def test_objects_that_are_no_circuits():
    from qiskit import QuantumCircuit

    empty = QuantumCircuit(2, name="silent")
    open_ended = QuantumCircuit(1, name="unbound")
    from qiskit.circuit import Parameter

    open_ended.rx(Parameter("angle"), 0)
    open_ended.measure_all()
    async with qj.Client() as client:
        aer = client.backend("aer")
        for given, words in [
            (None, "NoneType"),
            (7, "int"),
            ({"a": 1}, "dict"),
            (b"bytes", "QPY"),
            ("bell", "bell"),
            ("", "OpenQASM"),
            ([], "no circuit"),
            ([fixed(1), 3.5], r"circuits\[1\].*float"),
            ([[fixed(1)]], "flat list"),
            (empty, "silent.*measures nothing"),
            (open_ended, "unbound.*angle"),
            ([fixed(1), open_ended], r"circuits\[1\].*angle"),
        ]:
            with pytest.raises(qj.UsageError, match=words):
                await aer.run(given)
        for shots in (0, -1, 1.5, True, 1 << 40):
            with pytest.raises(qj.UsageError, match="shots"):
                await aer.run(fixed(1), shots=shots)
        assert await client.jobs() == []


@pytest.mark.real_time
async def test_a_job_gives_its_circuits_back(tmp_path):
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import efficient_su2
    from qiskit_aer.library import SaveStatevector

    first = efficient_su2(3, reps=1)
    first = first.assign_parameters([0.1 * place for place in range(first.num_parameters)])
    first.measure_all()
    first.name, first.metadata = "first", {"run": 3, "notes": ["a", "b"]}
    second = QuantumCircuit(2, name="second", global_phase=0.5)
    second.h(0)
    second.append(SaveStatevector(2), [0, 1])
    path = tmp_path / "file.qasm"
    path.write_text(fixed(4))
    async with qj.Client() as client:
        job = await client.backend("aer").run([first, second, BELL, path], shots=5)
        await job
        for each in (job, await client.job(job.id)):
            given = await each.circuits()
            assert given[0] == first
            assert (given[0].name, given[0].metadata) == ("first", {"run": 3, "notes": ["a", "b"]})
            assert given[1] == second
            assert (given[2], given[3]) == (BELL, path)
        single = await client.backend("aer").run(first, shots=5)
        assert list(await single.circuits()) == [first]
        await single
