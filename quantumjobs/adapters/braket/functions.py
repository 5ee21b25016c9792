"""A plain function as a hybrid job's source, without pickle: its file is packed, and the job imports it by its name.

A pickle would fit only the same version of Python and of every library, and reading one runs what is in it. The price
is that the function must have a name and a file that another process can find it by; what has not is refused.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from quantumjobs.adapters.braket.sources import Found, Packed, packed, read, walk
from quantumjobs.errors import UsageError

ENTRY = "quantumjobs_entry"
LAYERS = ("function", "__wrapped__")
"""What a decorator keeps the function as: ours, and `functools.wraps`."""


def pack_function(function: Any, arguments: Mapping[str, Any]) -> Packed:
    """Pack the function's module, or the whole of the package that it is in, and a call with these arguments.

    A `requirements.txt` beside a module that is in no package is packed, too: the container installs what it names.
    What the function returns is saved as the job's result. Raises `UsageError`, with the reason, for a function that
    no other process could find, and for arguments that do not fit it or are not JSON.
    """
    if not isinstance(function, FunctionType):
        function = getattr(function, "function", function)  # what our own decorator makes of one
    name = _name(function)
    module = sys.modules.get(function.__module__)
    if module is None:
        raise _refused(function, f"its module {function.__module__!r} is not loaded")
    layers = _layers(module, name, function)
    call = {"function": name, "layers": layers, "arguments": _arguments(function, arguments)}
    found, module_name = _source(function, module)
    call["module"] = module_name
    added = [
        (f"{ENTRY}.py", read(Path(__file__).with_name(f"{ENTRY}.py"))),
        ("quantumjobs_arguments.json", json.dumps(call, indent=1, ensure_ascii=False).encode()),
    ]
    return Packed(packed(found, added), f"{ENTRY}:run")


def _refused(function: Any, why: str) -> UsageError:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return UsageError(f"{name} cannot be run as a hybrid job: {why}")


def _name(function: Any) -> str:
    """The function's name in its module."""
    if isinstance(function, type) or not isinstance(function, FunctionType):
        kind = "a class" if isinstance(function, type) else f"a {type(function).__name__}"
        raise _refused(function, f"it is {kind}, and no plain function; write one that calls it")
    name = function.__qualname__
    if "<lambda>" in name:
        raise _refused(function, "a lambda has no name that the job could import; write it with def")
    if "<locals>" in name:
        raise _refused(function, "it is within another function, where the job cannot import it; put it outside")
    if "." in name:
        raise _refused(function, "it is a method; write a function of its own")
    inner = inspect.unwrap(function)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise _refused(function, "it is a generator, and returns no result")
    return name


def _layers(module: ModuleType, name: str, function: FunctionType) -> list[str]:
    """The attributes that lead to it from what its module calls by its name; none where that is the function."""
    each, layers = getattr(module, name, None), list[str]()
    while each is not function:
        layer = next((layer for layer in LAYERS if layer in getattr(each, "__dict__", {})), None)
        if layer is None or len(layers) > 100:
            raise _refused(
                function,
                f"{module.__name__}.{name} is something else, perhaps because of a decorator, "
                "and the job would find that; decorators that use functools.wraps are fine",
            )
        layers.append(layer)
        each = getattr(each, layer)
    return layers


# --- its arguments ----------------------------------------------------------------------
def _arguments(function: FunctionType, arguments: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in arguments.items():
        if not isinstance(name, str):
            raise UsageError(f"arguments: {name!r} is no name of an argument")
        if not _is_json(value):
            raise UsageError(
                f"argument {name!r} is not JSON, so it would not arrive as it is: numbers that are finite, texts, "
                "lists and dicts with texts as keys can be sent"
            )
    signature = inspect.signature(function)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise UsageError(f"{function.__qualname__}{signature} does not take these arguments: {error}") from None
    return {name: arguments[name] for name in sorted(arguments)}


def _is_json(value: Any) -> bool:
    """Whether it comes out of JSON as it went in, but for tuples, which become lists."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()  # no halves of characters
        return bool(json.loads(text) == _listed(value))
    except (TypeError, ValueError, RecursionError):
        return False


def _listed(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return value


# --- its source -------------------------------------------------------------------------
def _source(function: FunctionType, module: ModuleType) -> tuple[list[Found], str]:
    """What is packed, and the module's name in it."""
    name = module.__name__
    told = getattr(module, "__file__", None)
    typed_in = inspect.unwrap(function).__code__.co_filename.startswith("<")
    if not told or typed_in:
        raise _refused(function, "it was typed into a notebook or a console, so no file has it; put it into a module")
    file = Path(told).resolve()
    if file.suffix != ".py" or not file.is_file():
        raise _refused(function, f"{file} is no file of Python's source")
    if name == "__main__":
        tree = ast.parse(read(file))
        if not any(_is_guard(node) for node in tree.body):
            raise _refused(
                function,
                f"the job imports {file.name}, and would run all of it again, and submit again; put what is not to be "
                "run there below `if __name__ == '__main__':`",
            )
        spec = getattr(module, "__spec__", None)
        name = spec.name if spec is not None else file.stem  # with a spec, it was started by `python -m`
    if "." in name or file.name == "__init__.py":
        return _package(function, file, name), name
    if not name.isidentifier() or name in sys.stdlib_module_names:
        raise _refused(function, f"{name!r} is no name that the job could import its module by; rename {file.name}")
    _check_imports(function, file)
    beside = file.with_name("requirements.txt")
    files = [file, beside] if beside.is_file() else [file]
    return [Found(f"{name}.py" if each is file else each.name, each, each.stat().st_size) for each in files], name


def _package(function: FunctionType, file: Path, name: str) -> list[Found]:
    parts = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    root = file.parents[len(parts) - 1]
    if list(file.parent.parts[-len(parts) :]) != parts:
        raise _refused(function, f"{file} is not where a module {name} is")
    return walk(root, parts[0])


def _is_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _check_imports(function: FunctionType, file: Path) -> None:
    """A module is packed alone: what it imports from beside it would be missing."""
    for name in _imported(ast.parse(read(file))):
        beside = file.parent / name
        if name not in sys.stdlib_module_names and (beside.with_suffix(".py").is_file() or _is_package(beside)):
            raise _refused(
                function,
                f"{file.name} imports {name!r} from beside it, and only {file.name} is packed; put both into a "
                "package, or give the folder and an entry_point instead of a function",
            )


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


def _imported(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module.partition(".")[0]
        elif not _is_guard(child):
            yield from _imported(child)
