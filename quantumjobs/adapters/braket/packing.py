"""What a user gives to be run beside a device, as the archive and the files that a job starts from.

An archive is what the vendor's SDK makes of the same source: the folder or the file is its one top entry, and an entry
point is a module's name from there. What would fail after minutes in a container is refused here, where that can be
seen from the files.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from quantumjobs.adapters.braket.functions import pack_function
from quantumjobs.adapters.braket.sources import MOST, Found, Packed, largest, packed, read, unreadable, walk
from quantumjobs.errors import UsageError, unknown_name

__all__ = ["Packed", "inputs", "pack", "pack_function"]


def pack(source: str | Path, entry_point: str | None = None) -> Packed:
    """Pack a folder or a .py file; without an entry point, that is the folder's or the file's own name.

    Caches, git's folder and virtual environments are left out. Raises `UsageError` for what cannot be read, for more
    than 64 MiB, and for an entry point that is not there.
    """
    path = _resolved(source)
    if path.is_dir():
        if not path.name:
            raise UsageError(f"{path} has no name to be imported by; give a folder in it")
        found = walk(path, path.name)
    elif path.suffix == ".py":
        found = [_one(path, path.name)]
    else:
        raise UsageError(f"{source}: a folder, a .py file or s3://... is needed")
    entry_point = entry_point or path.stem
    _check(entry_point, found)
    return Packed(packed(found), entry_point)


def inputs(input_data: str | Path | Mapping[str, str | Path] | None) -> tuple[dict[str, bytes], dict[str, str]]:
    """Input files as "channel/name" with their content, and the S3 address of each channel that has one.

    A path or address by itself is the channel "input". A file goes by its own name into its channel, and so does what
    is in a folder, which may have folders. Raises `UsageError` for what cannot be read, for a channel without files,
    and for more than 64 MiB in all.
    """
    given = {"input": input_data} if isinstance(input_data, str | Path) else input_data or {}
    found: list[Found] = []
    addresses: dict[str, str] = {}
    for channel, place in given.items():
        if isinstance(place, str) and place.lower().startswith("s3://"):
            addresses[channel] = place
            continue
        if channel in {"", ".", ".."} or "/" in channel:
            raise UsageError(f"input_data: {channel!r} is no channel: letters, digits and ._- are, up to 64")
        path = _resolved(place)
        files = walk(path, channel, everything=True) if path.is_dir() else [_one(path, f"{channel}/{Path(place).name}")]
        files = [each for each in files if each.size >= 0]
        if not files:
            raise UsageError(f"input_data: {place} has no files in it")
        found += files
    total = sum(each.size for each in found)
    if total > MOST:
        raise UsageError(
            f"input_data: {total / (1 << 20):,.0f} MiB are more than the {MOST >> 20} that can be sent with a job; "
            f"the largest are {largest(found)}. Upload them once, and give s3://... instead"
        )
    return {each.name: read(each.path) for each in found}, addresses


def _one(path: Path, name: str) -> Found:
    if not path.is_file():
        raise UsageError(f"{path} is neither a file nor a folder")
    return Found(name, path, path.stat().st_size)


def _resolved(source: str | Path) -> Path:
    path = Path(source)
    try:
        return path.resolve(strict=True)
    except FileNotFoundError as error:
        with contextlib.suppress(OSError):
            beside = [each.name for each in path.parent.iterdir()]
            raise unknown_name("file", path.name, beside, where=str(path.parent)) from None
        raise unreadable(path, error) from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
        raise unreadable(path, error) from error


# --- entry points -----------------------------------------------------------------------
def _check(entry_point: str, found: Sequence[Found]) -> None:
    """Raise `UsageError` unless the container finds what it shall run: a module to run or a function to call."""
    module, colon, function = entry_point.partition(":")
    if module.split(".")[0] in sys.stdlib_module_names:
        raise UsageError(
            f"entry_point {entry_point!r}: the container would run Python's own module of that name; rename yours"
        )
    importable, runnable = _modules(found)
    if colon:
        if module not in importable:
            raise unknown_name("module", module, importable, where=f"entry_point {entry_point!r}")
        functions = _bound(read(importable[module]))
        if not function.isidentifier() or (functions is not None and function not in functions):
            raise unknown_name("function", function, functions or (), where=f"entry_point {entry_point!r}")
    elif module not in runnable:
        if any(each.name == module.replace(".", "/") and each.size < 0 for each in found):
            raise UsageError(
                f"entry_point {entry_point!r} is a package without a __main__.py, which cannot be run; give one of "
                f"its modules, as in entry_point='{module}.module' or '{module}.module:function'"
            )
        raise unknown_name("module", module, runnable, where=f"entry_point {entry_point!r}")


def _modules(found: Iterable[Found]) -> tuple[dict[str, Path], set[str]]:
    """The modules that can be imported, with their files, and those that can be run."""
    importable: dict[str, Path] = {}
    runnable: set[str] = set()
    for each in found:
        parts = each.name.removesuffix(".py").split("/")
        if each.size < 0 or not each.name.endswith(".py") or any("." in part for part in parts):
            continue
        if parts in (["__init__"], ["__main__"]):  # no module by itself can have such a name
            continue
        if parts[-1] == "__init__":
            importable[".".join(parts[:-1])] = each.path
            continue
        importable.setdefault(".".join(parts), each.path)  # a package goes before a module of the same name
        runnable.add(".".join(parts))
        if parts[-1] == "__main__":
            runnable.add(".".join(parts[:-1]))
    return importable, runnable


def _bound(source: bytes) -> set[str] | None:
    """The names that a module gives to something when it is imported; None where the text alone does not tell."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # the container's Python may be another one, which understands it
        return None
    names: set[str] = set()
    for node in _at_import(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return None if names & {"*", "__getattr__"} else names


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """All that is not within a function or a class."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _at_import(child)
