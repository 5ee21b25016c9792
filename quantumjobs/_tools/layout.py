"""Python text laid out as the formatter would: what generators write must pass it untouched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

WIDTH = 120
OURS = "quantumjobs"


def wrapped(head: str, parts: Sequence[str], tail: str, *, indent: int = 0) -> list[str]:
    """`head`, parts, `tail` on one line; else the parts on one line of their own; else each on its own."""
    pad = " " * indent
    one = f"{pad}{head}{', '.join(parts)}{tail}"
    if len(one) <= WIDTH:
        return [one]
    inner = f"{pad}    {', '.join(parts)}"
    lines = [inner] if len(inner) <= WIDTH else [f"{pad}    {part}," for part in parts]
    return [f"{pad}{head}", *lines, f"{pad}{tail}"]


def docstring(text: str, indent: int) -> list[str]:
    """As lines, indented."""
    pad = " " * indent
    lines = text.splitlines()
    if len(lines) == 1:
        return [f'{pad}"""{lines[0]}"""']
    return [f'{pad}"""{lines[0]}', *(f"{pad}{line}" if line else "" for line in lines[1:]), f'{pad}"""']


def imports(modules: Mapping[str, Iterable[str]]) -> list[str]:
    """Import lines for module -> names ("name" or "name as other"; of module "" whole modules), sorted, ours last."""
    standard: list[str] = []
    ours: list[str] = []
    for module in sorted(modules):
        names = modules[module]
        if not module:
            standard += [f"import {name}" for name in sorted(names)]
            continue
        where = ours if module.startswith(OURS) else standard
        plain = sorted((name for name in names if " as " not in name), key=by_kind)
        if plain:
            where.append(f"from {module} import {', '.join(plain)}")
        where += [f"from {module} import {name}" for name in sorted(names) if " as " in name]
    return [*standard, *([""] if standard and ours else []), *ours]


def by_kind(name: str) -> tuple[int, str]:
    """Sorts constants before classes before functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
