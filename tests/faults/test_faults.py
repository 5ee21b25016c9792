"""Each of these mistakes is found by a test, or the tests are not good enough. Slow: one run of some tests per mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.seeded import FAULTS, ROOT, Seeded, run, seed


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_place_of_a_fault_is_there_once_and_its_tests_are_there(fault: Seeded) -> None:
    assert (ROOT / "quantumjobs" / fault.file).read_text().count(fault.text) == 1
    assert all((ROOT / name).is_file() for name in fault.tests)
    assert fault.becomes != fault.text


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_without_a_mistake_the_same_tests_pass(tmp_path: Path) -> None:
    found = run(seed(None, tmp_path), tuple(dict.fromkeys(name for fault in FAULTS for name in fault.tests)))
    assert found.passed, found.output


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_it_is_found(fault: Seeded, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(seed(fault, tmp_path), fault.tests)
    with capsys.disabled():
        print(f"\n  {'found' if found.failed else 'SURVIVED':9} {fault.name:60} {found.first}", end=" ", flush=True)
    assert found.failed, f"nobody noticed that {fault.name}:\n{found.output}"
