"""Imports go down. The table below is the architecture; this file reads every import of the package and holds it to that.

Imports under `TYPE_CHECKING` and inside functions count for the layers (knowing a name is knowing it); for cycles only
those count that run when a module is loaded.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "quantumjobs"


class Layer(NamedTuple):
    parts: frozenset[str]
    why: str  # read as: "…, because <why>"


def layer(*parts: str, why: str) -> Layer:
    return Layer(frozenset(parts), why)


# Lowest first. A part may import itself and every part of a lower layer; parts of one layer do not know each other.
LAYERS = (
    layer("errors", "core", why="errors and core are pure and know nobody above"),
    layer(
        "hybrid", why="what a program uses inside a job knows neither client nor provider: it is started without them"
    ),
    layer("abc", why="the contract is made of errors and core only, so that a plug-in needs nothing else"),
    layer("wire", "ledgers", "workers", "circuits", "display", why="the services know the contract and not each other"),
    layer("adapters", "engine", why="the engine never knows an adapter, nor an adapter the engine"),
    layer("registry", why="the registry finds plug-ins, and does not run them"),
    layer("client", why="the client is put together from what is below it"),
    layer("blocking", why="the blocking twin stands on the client"),
    layer("interop", why="other libraries' faces are put on the blocking twin"),
    layer("testing", why="testing may use everything but the command line"),
    layer("cli", why="the command line is on top"),
    layer("_tools", why="nothing imports the generators"),
)
LEVEL = {part: level for level, row in enumerate(LAYERS) for part in row.parts}

KNOW_EACH_OTHER = {frozenset({"errors", "core"})}  # errors carry records, core raises errors
EACH_FOR_ITSELF = "adapters"  # the folders in it are parts of their own; its plain modules are shared by them
MAY_USE_THE_FACE = {"cli", "testing", "_tools"}  # the only ones to import from `quantumjobs` itself, which is on top

# What the pure parts may import from outside; in functions also what stands in `LAZY`.
PURE = {"errors": frozenset[str](), "core": frozenset({"msgspec"}), "abc": frozenset({"msgspec"})}
LAZY = frozenset({"numpy"})
IMPURE = frozenset(  # of the standard library: whatever waits, asks the clock, draws lots, logs or touches the system
    {"asyncio", "concurrent", "logging", "multiprocessing", "os", "random", "secrets", "shutil", "signal", "socket"}
    | {"sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid"}
)


class Import(NamedTuple):
    file: Path
    line: int
    importer: str  # dotted module
    imported: str  # dotted module
    loads: bool  # runs when the importer is loaded
    typing: bool  # under TYPE_CHECKING


# --- reading ----------------------------------------------------------------------------
def modules(package: Path) -> dict[str, Path]:
    names = {}
    for file in sorted(package.rglob("*.py")):
        parts = (package.name, *file.relative_to(package).with_suffix("").parts)
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


def imports(package: Path) -> Iterator[Import]:
    known = modules(package)
    for name, file in known.items():
        home = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for node, loads, typing in _statements(ast.parse(file.read_text(encoding="utf-8"))):
            for target in _targets(node, home, known):
                yield Import(file.relative_to(package.parent), node.lineno, name, target, loads, typing)


def _statements(
    node: ast.AST, *, loads: bool = True, typing: bool = False
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, loads, typing
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _statements(child, loads=False, typing=typing)
        elif isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for statement in child.body:
                yield from _statements(ast.Module([statement], []), loads=False, typing=True)
            for statement in child.orelse:
                yield from _statements(ast.Module([statement], []), loads=loads, typing=typing)
        else:
            yield from _statements(child, loads=loads, typing=typing)


def _targets(node: ast.Import | ast.ImportFrom, home: str, known: Mapping[str, Path]) -> list[str]:
    """The modules a statement names: `from a import b` names `a.b` where that is a module, else `a`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        above = home.split(".")[: len(home.split(".")) - node.level + 1]
        base = ".".join([*above, base] if base else above)
    return sorted({full if (full := f"{base}.{alias.name}") in known else base for alias in node.names})


# --- judging ----------------------------------------------------------------------------
def layer_faults(package: Path) -> list[str]:
    faults = []
    for found in imports(package):
        if found.imported.split(".")[0] != package.name or found.importer == package.name:
            continue
        if why := _objection(found):
            where = f"{found.file}:{found.line}"
            faults.append(f"{where} imports {found.imported}: {why}")
    return faults


def _objection(found: Import) -> str:
    importer, imported = found.importer.split(".")[1:], found.imported.split(".")[1:]
    part = importer[0]
    if part == "__main__":
        return ""
    if part not in LEVEL:
        return f"{part!r} has no layer yet; give it one in the table of {Path(__file__).name}"
    if not imported:
        return "" if part in MAY_USE_THE_FACE else "import a name from where it lives, not from the package's face"
    other = imported[0]
    if other not in LEVEL:
        return f"{other!r} has no layer yet; give it one in the table of {Path(__file__).name}"
    if part == other:
        if part == EACH_FOR_ITSELF and _folder(importer) != _folder(imported) and _folder(imported):
            return "adapters never import each other"
        return ""
    if LEVEL[other] < LEVEL[part] or {part, other} in KNOW_EACH_OTHER:
        return ""
    return LAYERS[LEVEL[part]].why


def _folder(path: list[str]) -> str:
    """The adapter a module belongs to; none for the modules that adapters share."""
    shared = len(path) < 2 or (PACKAGE.joinpath(*path[:2]).with_suffix(".py")).exists()
    return "" if shared else path[1]


def purity_faults(package: Path) -> list[str]:
    faults = []
    for found in imports(package):
        part = found.importer.partition(".")[2].split(".")[0]
        top = found.imported.split(".")[0]
        if part not in PURE or top == package.name or found.typing:
            continue
        allowed = PURE[part] | (frozenset() if found.loads else LAZY)
        if top in sys.stdlib_module_names:
            if top in IMPURE:
                faults.append(f"{found.file}:{found.line} imports {found.imported}: {part} is pure")
        elif top not in allowed:
            lazily = " (numpy only inside functions)" if top in LAZY else ""
            names = ", ".join(sorted(PURE[part])) or "nothing else"
            faults.append(
                f"{found.file}:{found.line} imports {found.imported}: "
                f"{part} imports the standard library and {names}{lazily}"
            )
    return faults


def cycles(package: Path) -> list[str]:
    """Each cycle of imports that run at load time, as `a -> b -> a`."""
    known = modules(package)
    graph: dict[str, set[str]] = {name: set() for name in known}
    for found in imports(package):
        if found.loads and found.imported in known and found.imported != found.importer:
            graph[found.importer].add(found.imported)
    circles, done = [], set[str]()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            circles.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for other in sorted(graph[name]):
                visit(other, [*path, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return circles


# --- the package ------------------------------------------------------------------------
def test_imports_go_down() -> None:
    faults = layer_faults(PACKAGE)
    assert not faults, "\n" + "\n".join(faults)


def test_the_pure_parts_import_nothing_impure() -> None:
    faults = purity_faults(PACKAGE)
    assert not faults, "\n" + "\n".join(faults)


def test_no_module_is_loaded_in_a_circle() -> None:
    circles = cycles(PACKAGE)
    assert not circles, "\n" + "\n".join(circles)


def test_the_face_loads_nothing_of_the_package() -> None:
    loaded = [
        f"{found.file}:{found.line} imports {found.imported}"
        for found in imports(PACKAGE)
        if found.importer == PACKAGE.name
        and found.loads
        and found.imported.split(".")[0] not in sys.stdlib_module_names
    ]
    assert not loaded, "quantumjobs/__init__.py re-exports lazily:\n" + "\n".join(loaded)


# --- this test --------------------------------------------------------------------------
SEEDED = {
    "engine/engine.py": ("from quantumjobs.adapters.acme import codec", "an adapter"),
    "adapters/acme/adapter.py": ("import quantumjobs.engine.engine", "nor an adapter the engine"),
    "adapters/other/adapter.py": ("from quantumjobs.adapters.acme.adapter import X", "never import each other"),
    "wire/http.py": ("if TYPE_CHECKING:\n    from quantumjobs.client import Client", "services"),
    "ledgers/sqlite.py": ("def f():\n    from ..workers import pool", "not each other"),
    "core/records.py": ("from quantumjobs import abc", "pure"),
    "novelty.py": ("from quantumjobs.core import states", "no layer yet"),
    "client.py": ("from quantumjobs import Job", "not from the package's face"),
}


@pytest.mark.parametrize(("file", "source", "because"), [(f, s, b) for f, (s, b) in SEEDED.items()])
def test_a_seeded_import_that_goes_up_is_found(tmp_path: Path, file: str, source: str, because: str) -> None:
    package = _package(tmp_path, {"adapters/acme/codec.py": "", "abc.py": "", "workers/pool.py": "", file: source})
    (fault,) = layer_faults(package)
    assert f"quantumjobs/{file}:" in fault
    assert because in fault


def test_imports_that_go_down_are_fine(tmp_path: Path) -> None:
    package = _package(
        tmp_path,
        {
            "adapters/acme/adapter.py": "from quantumjobs.adapters.acme import codec\nfrom quantumjobs.wire import http",
            "adapters/acme/codec.py": "from ...core.states import S\nimport quantumjobs.errors",
            "core/states.py": "from quantumjobs.errors import UsageError",
            "cli/main.py": "from quantumjobs import Client",
        },
    )
    assert layer_faults(package) == []
    assert cycles(package) == []


def test_a_seeded_impure_import_is_found(tmp_path: Path) -> None:
    lazy = "def f():\n    import numpy"
    package = _package(tmp_path, {"core/a.py": "import time", "core/b.py": "import numpy as np", "core/c.py": lazy})
    first, second = purity_faults(package)
    assert "core/a.py:1 imports time: core is pure" in first
    assert "core/b.py:1 imports numpy" in second


def test_a_seeded_circle_is_found_unless_it_is_for_types_only(tmp_path: Path) -> None:
    sources = {"core/a.py": "from quantumjobs.core import b", "core/b.py": "from .a import X"}
    assert cycles(_package(tmp_path / "one", sources)) == [
        "quantumjobs.core.a -> quantumjobs.core.b -> quantumjobs.core.a"
    ]
    sources["core/b.py"] = "if TYPE_CHECKING:\n    from .a import X"
    assert cycles(_package(tmp_path / "two", sources)) == []


def _package(where: Path, sources: Mapping[str, str]) -> Path:
    package = where / "quantumjobs"
    for name, source in sources.items():
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
        for folder in file.parents:
            if package in {folder, *folder.parents}:
                (folder / "__init__.py").touch()
    return package
