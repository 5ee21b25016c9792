"""`import quantumjobs` is cheap: what is heavy loads on first use. And the public names are there."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import quantumjobs

HEAVY = ("qiskit", "qiskit_aer", "httpx", "numpy", "tenacity", "anyio", "scipy", "rich", "typer", "sqlite3", "ssl")
BUDGET = 0.1  # seconds; design of the package: a command line must feel immediate

# What the loop's process imports by itself. Importing qiskit takes most of a second: only the user may do that there.
IN_THE_LOOP = (
    "quantumjobs.client",
    "quantumjobs.engine",
    "quantumjobs.registry",
    "quantumjobs.adapters.aer",
    "quantumjobs.blocking.client",
)

MODULES = [
    module.name
    for module in pkgutil.walk_packages(quantumjobs.__path__, "quantumjobs.")
    if not any(word.startswith("_") for word in module.name.split("."))
]


def fresh(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter, which must succeed."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    return done


def importers(report: str, name: str) -> list[str]:
    """From the output of `-X importtime`: `name` and those that imported it, outermost last.

    The report lists a module after all it imported, one step less indented than they are.
    """
    rows = [
        (len(indent), module) for indent, module in re.findall(r"^import time:.*\|( +)(\S+)$", report, re.MULTILINE)
    ]
    at = next((row for row, (_, module) in enumerate(rows) if module == name), None)
    if at is None:
        return []
    chain, depth = [name], rows[at][0]
    for indent, module in rows[at + 1 :]:
        if indent < depth:
            chain.append(module)
            depth = indent
    return chain


def heavy_imports(statement: str, names: tuple[str, ...]) -> str:
    report = fresh("-X", "importtime", "-c", statement).stderr
    chains = [importers(report, name) for name in names]
    return "\n".join(" <- ".join(chain) for chain in chains if chain)


def test_importing_the_package_loads_nothing_heavy() -> None:
    found = heavy_imports("import quantumjobs", HEAVY)
    assert not found, f"`import quantumjobs` loads (<- imported by):\n{found}"


@pytest.mark.alone
def test_importing_the_package_stays_within_its_budget() -> None:
    measure = "import time; start = time.perf_counter(); import quantumjobs; print(time.perf_counter() - start)"
    assert min(float(fresh("-c", measure).stdout) for _ in range(5)) < BUDGET


def test_a_blocking_client_loads_no_more_than_asyncio_does() -> None:
    names = tuple(name for name in HEAVY if name != "ssl")
    found = heavy_imports("from quantumjobs.blocking import Client; Client()", names)
    assert not found, f"a blocking client loads (<- imported by):\n{found}"


@pytest.mark.parametrize("module", IN_THE_LOOP)
def test_the_loop_process_does_not_import_qiskit_by_itself(module: str) -> None:
    found = heavy_imports(f"import {module}", ("qiskit", "qiskit_aer"))
    assert not found, f"`import {module}` loads (<- imported by):\n{found}"


def test_a_backend_costs_the_loop_no_import_of_what_it_needs_later() -> None:
    later = ("quantumjobs.adapters.aer", "quantumjobs.engine.engine", "platformdirs")
    found = heavy_imports("import quantumjobs as qj; print(qj.Client().backend('aer'))", later)
    assert not found, f"a backend loads (<- imported by):\n{found}"


def test_a_heavy_import_is_found_and_its_importer_named() -> None:
    found = heavy_imports("import json", ("json.decoder",))
    assert found == "json.decoder <- json"


def test_all_names_everything_that_is_exported() -> None:
    shown = fresh("-c", "import quantumjobs; print(*dir(quantumjobs))").stdout.split()
    public = {name for name in shown if not name.startswith("_")}
    assert public == {name for name in quantumjobs.__all__ if not name.startswith("_")}
    assert len(quantumjobs.__all__) == len(set(quantumjobs.__all__))


@pytest.mark.parametrize("name", quantumjobs.__all__)
def test_every_exported_name_resolves(name: str) -> None:
    assert getattr(quantumjobs, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = quantumjobs.no_such_name


@pytest.mark.parametrize("module", MODULES)
def test_every_public_module_can_be_imported(module: str) -> None:
    importlib.import_module(module)
