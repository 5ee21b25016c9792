"""Generates quantumjobs/blocking/: the blocking twins of the async classes, from their source.

What is read: names, signatures, annotations, docstrings, properties, async iterators and context managers. What is
written are thin methods that call the async one through the bridge. What cannot be read off the source stands in the
tables of `twins`.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from quantumjobs._tools import layout, twins
from quantumjobs._tools.layout import WIDTH

ROOT = Path(__file__).parents[2]
FACE = "quantumjobs/__init__.py"


# --- reading ----------------------------------------------------------------------------
@dataclass
class Reading:
    """One class as its source has it."""

    source: twins.Source
    text: str
    class_: ast.ClassDef
    imports: dict[str, str]
    used: set[str] = field(default_factory=set)
    """Names that the twin's text mentions."""


def read(source: twins.Source) -> Reading:
    text = (ROOT / source.path).read_text(encoding="utf-8")
    tree = ast.parse(text)
    class_ = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == source.name)
    imports = dict(_imports(tree))
    home = f"quantumjobs.{source.module}"
    imports |= {node.name: home for node in tree.body if isinstance(node, ast.ClassDef) and node is not class_}
    return Reading(source, text, class_, imports)


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Name -> module, for every `from module import name`, also for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, node.module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


# --- writing ----------------------------------------------------------------------------
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Writer:
    """Writes the twin of one class; `spent` collects the entries of the tables that it took."""

    def __init__(self, reading: Reading, spent: set[str]) -> None:
        self._reading = reading
        self._spent = spent
        self._name = reading.source.name
        self._alias = reading.source.alias
        known = {one.name for one in twins.SOURCES}
        self._bases = [ast.unparse(base) for base in reading.class_.bases if ast.unparse(base) in known]

    def text(self) -> str:
        members = [self._method(node) for node in self._reading.class_.body if self._is_taken(node)]
        if self._name not in twins.MADE_BY_USERS:
            members.insert(0, self._constructor())
        noqa = "  # noqa: N801 - named and used like asyncio's function" if self._name == "as_completed" else ""
        bases = f"({', '.join(self._bases)})" if self._bases else ""
        doc = self._doc(ast.get_docstring(self._reading.class_), self._name, 4)
        lines = [f"class {self._name}{bases}:{noqa}", *doc]
        for member in filter(None, [self._slots(), *members]):
            lines += ["", *member]
        return "\n".join([*self._head("\n".join(lines)), "", "", *lines]) + "\n"

    # --- members ------------------------------------------------------------------------
    def _is_taken(self, node: ast.stmt) -> TypeGuard[Function]:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name in twins.LEFT_OUT:
            return False
        if node.name == "__init__":
            return self._name in twins.MADE_BY_USERS
        return not node.name.startswith("_") or re.fullmatch(r"__\w+__|_repr_\w+_", node.name) is not None

    def _slots(self) -> list[str]:
        if self._bases:
            return ["    __slots__ = ()"]
        return ['    __slots__ = ("__weakref__", "_bridge", "_twin")'] if self._name == "Job" else []

    def _constructor(self) -> list[str]:
        if self._bases:
            return [f"    _twin: {self._alias}"]
        return [
            f"    def __init__(self, bridge: Bridge, twin: {self._alias}) -> None:",
            "        self._bridge = bridge",
            "        self._twin = twin",
        ]

    def _method(self, node: Function) -> list[str]:
        doc = ast.get_docstring(node)
        return [
            *(f"    @{ast.unparse(one)}" for one in node.decorator_list),
            *self._signature(node, twins.NAMES.get(node.name, node.name)),
            *(self._doc(doc, self._full(node), 8) if doc else []),
            *self._body(node),
        ]

    def _body(self, node: Function) -> list[str]:
        special = self._special(node)
        if special is not None:
            return [f"        {line}" if line else "" for line in special]
        full = self._full(node)
        lines = []
        if full in twins.AT_ONCE:
            self._spent.add(full)
            condition, value = twins.AT_ONCE[full]
            lines.append(f"        if {condition} and self._bridge.portal.lost is None:")
            if value != "self":  # what a twin keeps there is untyped
                lines.append(f"            at_hand: {self._returns(node)} = {value}")
                value = "at_hand"
            lines.append(f"            return {value}")
        call, carried = self._call(node)
        whole = self._statement(node, carried.format(f"{call[0]}{', '.join(call[1])})"))
        if len(whole) + 8 <= WIDTH:
            lines.append(f"        {whole}")
        else:
            lines += layout.wrapped(f"work = {call[0]}", call[1], ")", indent=8)
            lines.append(f"        {self._statement(node, carried.format('work'))}")
        return lines + self._ending(node)

    def _statement(self, node: Function, value: str) -> str:
        """What becomes of the value."""
        if _annotation(node.returns) in ("None", "NoReturn", "Self"):
            return value
        value = self._back(node).format(value)
        return f"job = {value}" if self._full(node) in twins.AFTERWARDS else f"return {value}"

    def _ending(self, node: Function) -> list[str]:
        """What comes after the call."""
        full = self._full(node)
        if full in twins.AFTERWARDS:
            self._spent.add(full)
            condition, lines = twins.AFTERWARDS[full]
            return [f"        if {condition}:", *(f"            {line}" for line in lines), "        return job"]
        if _annotation(node.returns) == "NoReturn":  # which type checkers cannot know
            return ['        raise AssertionError("it has raised already")']
        return ["        return self"] if _annotation(node.returns) == "Self" else []

    def _special(self, node: Function) -> list[str] | None:
        """The bodies that do not simply call their namesake."""
        if self._full(node) in twins.IN_THE_CALLERS_THREAD:
            self._spent.add(self._full(node))
            return list(twins.IN_THE_CALLERS_THREAD[self._full(node)])
        if node.name == "__init__":
            return self._made(node)
        if _decorator(node) == "property":
            return [f"return {self._back(node).format(f'self._twin.{node.name}')}"]
        if _decorator(node) == "setter":
            return [f"self._twin.{node.name} = {node.args.args[1].arg}"]
        if node.name == "__aiter__":
            return ["return self"]
        if node.name == "__anext__":
            return [f"return {self._back(node).format('self._bridge.next(self._twin)')}"]
        if node.name in ("__repr__", "__len__"):
            return [f"return {node.name.strip('_')}(self._twin)"]
        return None

    def _call(self, node: Function) -> tuple[tuple[str, list[str]], str]:
        """How the async method is called, and what carries the call over (a format)."""
        full = self._full(node)
        call = (f"self._twin.{node.name}(", self._arguments(node))
        if full in twins.IN_THE_LOOP:
            self._spent.add(full)
            return ("self._bridge.run(", [f"self._twin.{node.name}", *call[1]]), "{0}"
        if isinstance(node, ast.FunctionDef):
            return call, "{0}"
        if _is_generator(node):
            return call, "self._bridge.stream({0})"
        if full in twins.TIMED:
            self._spent.add(full)
            return call, "self._bridge.timed({0}, self._twin, timeout, on_timeout)"
        if full in twins.LIMITED:
            self._spent.add(full)
            return call, f'self._bridge.limited({{0}}, self._twin, timeout, "{twins.LIMITED[full]}")'
        return call, "self._bridge.call({0})"

    def _made(self, node: Function) -> list[str]:
        """The body of `__init__` where users make the object."""
        arguments = self._arguments(node)
        if self._name == "Client":
            made = layout.wrapped(f"self._twin = {self._alias}(", arguments, ")", indent=8)
            return [*(line[8:] for line in made), "self._bridge = Bridge(self._twin)"]
        self._spent.add(self._full(node))
        return [
            "self._bridge = Group(timeout, on_timeout)",
            f"self._twin = self._bridge.run({self._alias}, {', '.join(arguments)})",
        ]

    def _arguments(self, node: Function) -> list[str]:
        given = node.args
        parts = [self._over(one) for one in [*given.posonlyargs, *given.args][1:]]
        if given.vararg is not None:
            parts.append(f"*{given.vararg.arg}")
        later = twins.AFTERWARDS.get(self._full(node), ("", ()))[0]
        parts += [f"{one.arg}={'False' if one.arg == later else self._over(one)}" for one in given.kwonlyargs]
        if given.kwarg is not None:
            parts.append(f"**{given.kwarg.arg}")
        return parts

    def _over(self, argument: ast.arg) -> str:
        return twins.OVER.get(_annotation(argument.annotation), "{0}").format(argument.arg)

    def _back(self, node: Function) -> str:
        return twins.BACK.get(_annotation(node.returns), "{0}")

    def _full(self, node: Function) -> str:
        return f"{self._name}.{node.name}"

    # --- signatures ---------------------------------------------------------------------
    def _signature(self, node: Function, name: str) -> list[str]:
        parts = self._parameters(node)
        returns = self._returns(node)
        self._reading.used |= set(re.findall(r"[A-Za-z_]\w*", " ".join([*parts, returns])))
        lines = layout.wrapped(f"def {name}(", parts, f") -> {returns}:", indent=4)
        if self._full(node) in twins.OVERRIDES:
            self._spent.add(self._full(node))
            lines[0] += f"  # type: ignore[override]  # {twins.OVERRIDES[self._full(node)]}"
        return lines

    def _parameters(self, node: Function) -> list[str]:
        given = node.args
        plain = [*given.posonlyargs, *given.args]
        defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
        parts = [self._parameter(one, default) for one, default in zip(plain, defaults, strict=True)]
        keywords = [
            self._parameter(one, default) for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        ]
        if self._full(node) in twins.TIMED:
            parts.append("timeout: float | None = None")
            keywords.insert(0, twins.ON_TIMEOUT)
        if self._full(node) in twins.LIMITED:
            keywords.append("timeout: float | None = None")
        if given.vararg is not None:
            parts.append(f"*{self._parameter(given.vararg, None)}")
        elif keywords:
            parts.append("*")
        parts += keywords
        if given.kwarg is not None:
            parts.append(f"**{self._parameter(given.kwarg, None)}")
        return parts

    def _parameter(self, argument: ast.arg, default: ast.expr | None) -> str:
        text = argument.arg
        if argument.annotation is not None:
            text += f": {self._source(argument.annotation)}"
        if default is not None:
            equals = "=" if argument.annotation is None else " = "
            text += f"{equals}{self._source(default)}"
        return text

    def _returns(self, node: Function) -> str:
        if node.returns is None:
            raise ValueError(f"{self._full(node)} has no return annotation")
        return self._source(node.returns).replace("AsyncIterator[", "Stream[")

    def _source(self, node: ast.expr) -> str:
        found = ast.get_source_segment(self._reading.text, node)
        if found is None:
            raise ValueError(f"{self._reading.source.path}: no source for {ast.dump(node)}")
        return " ".join(found.split())

    # --- words --------------------------------------------------------------------------
    def _doc(self, text: str | None, full: str, indent: int) -> list[str]:
        if text is None:
            raise ValueError(f"{full} has no docstring")
        words, spent = twins.reworded(text, WIDTH - indent)
        self._spent.update(spent)
        if full in twins.ABOUT_TIMEOUT:
            self._spent.add(full)
            first, _, rest = words.partition("\n\n")
            about = "\n".join(textwrap.wrap(twins.ABOUT_TIMEOUT[full], WIDTH - indent))
            words = "\n\n".join(filter(None, [first, about, rest]))
        return layout.docstring(words, indent)

    # --- imports ------------------------------------------------------------------------
    def _head(self, body: str) -> list[str]:
        """Everything above the class. What only annotations name is imported for type checkers."""
        source = self._reading.source
        runs = {*self._bases, *re.findall(r"(?<!def )\b(\w+)(?=[(,])", _without_annotations(body))}
        loaded: dict[str, set[str]] = {}
        known: dict[str, set[str]] = {}
        for name, module in self._named(body):
            real = name.rpartition(" ")[2]
            stands = module in ("typing", "collections.abc")
            (loaded if real in runs or stands else known).setdefault(module, set()).add(name)
        if known:
            loaded.setdefault("typing", set()).add("TYPE_CHECKING")
        lines = [
            twins.HEADER.format(source=source.path),
            f'"""The blocking twin of `quantumjobs.{source.module}.{source.name}`."""',
            "",
            "from __future__ import annotations",
            "",
            *layout.imports(loaded),
        ]
        if known:
            names = [f"    {line}" if line else "" for line in layout.imports(known)]
            lines += ["", "if TYPE_CHECKING:", *names]
        return lines

    def _named(self, body: str) -> Iterator[tuple[str, str]]:
        """The names that the text needs, and where they come from."""
        source = self._reading.source
        yield f"{source.name} as {source.alias}", f"quantumjobs.{source.module}"
        for name in ("Bridge", "Group"):
            if re.search(rf"\b{name}\b", body):
                yield name, "quantumjobs.blocking.bridge"
        homes = {
            **self._reading.imports,
            **{one.name: one.twin for one in twins.SOURCES},
            "Stream": "quantumjobs.blocking.stream",
            "Literal": "typing",
        }
        for name in {*self._bases, *self._reading.used} - {self._name}:
            if name in homes:
                yield name, homes[name]


def _without_annotations(body: str) -> str:
    """The lines that run: no signatures, no docstrings."""
    tree = ast.parse(body)
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            lines += [ast.unparse(one) for one in node.body if not _is_text(one)]
    return "\n".join(lines)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _annotation(node: ast.expr | None) -> str:
    return "" if node is None else ast.unparse(node)


def _decorator(node: Function) -> str:
    """The last word of its decorator: property, setter, or nothing."""
    return next((ast.unparse(one).rpartition(".")[2] for one in node.decorator_list), "")


def _is_generator(node: Function) -> bool:
    return any(isinstance(one, ast.Yield | ast.YieldFrom) for one in ast.walk(node))


# --- the package's face -----------------------------------------------------------------
def face(text: str) -> str:
    """`quantumjobs.blocking` has every public name of `quantumjobs`, with the twins in place of the async classes."""
    own = {one.name: one.twin for one in twins.SOURCES}
    homes = {**public_names(text), **own, "Stream": "quantumjobs.blocking.stream"}
    typed = sorted(homes.items(), key=lambda item: (item[1], layout.by_kind(item[0])))
    names = sorted(homes)
    lines = [
        twins.HEADER.format(source=FACE),
        '"""The blocking twin of `quantumjobs`, with the same names: for notebooks, scripts and threads.',
        "",
        "    import quantumjobs.blocking as qj",
        "",
        "    client = qj.Client()",
        '    job = client.backend("aer").run(bell, shots=1000)',
        "    print(job.result(timeout=60).counts)",
        "",
        "Every call goes to one event loop in a background thread, which all clients of the process share.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "import importlib",
        "from typing import TYPE_CHECKING, Any",
        "",
        "if TYPE_CHECKING:",
        *(f"    from {module} import {name} as {name}" for name, module in typed),
        "",
        "_HOMES = {",
        *(f'    "{name}": "{homes[name]}",' for name in names),
        "}",
        "__all__ = [",
        *(f'    "{name}",' for name in names),
        "]",
        "",
        "",
        "def __getattr__(name: str) -> Any:",
        "    home = _HOMES.get(name)",
        "    if home is None:",
        '        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")',
        "    value = getattr(importlib.import_module(home), name)",
        "    globals()[name] = value",
        "    return value",
        "",
        "",
        "def __dir__() -> list[str]:",
        "    return __all__",
    ]
    return "\n".join(lines) + "\n"


def public_names(text: str) -> dict[str, str]:
    """Public name -> module, as the async face imports them for type checkers."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return dict(_imports(ast.Module(node.body, [])))
    raise ValueError(f"{FACE} has no names for type checkers")


# --- all of it --------------------------------------------------------------------------
def outputs() -> dict[str, str]:
    """A module per class, and the face."""
    spent: set[str] = set()
    texts = {}
    for source in twins.SOURCES:
        path = f"{source.twin.replace('.', '/')}.py"
        texts[path] = Writer(read(source), spent).text()
    entries = {*twins.IN_THE_LOOP, *twins.AT_ONCE, *twins.TIMED, *twins.LIMITED, *twins.ABOUT_TIMEOUT, *twins.OVERRIDES}
    entries |= {*twins.IN_THE_CALLERS_THREAD, *twins.AFTERWARDS, *(said for said, _ in twins.REWORDED)}
    unspent = entries - spent
    if unspent:
        raise ValueError(f"entries of _tools/twins.py that nothing uses: {', '.join(sorted(unspent))}")
    texts["quantumjobs/blocking/__init__.py"] = face((ROOT / FACE).read_text(encoding="utf-8"))
    return texts
