"""Write every generated file, or with `--check` compare it, whole, with what would be written.

    python -m quantumjobs._tools.generate [--check]

A generator is a module of this folder, named in `GENERATORS`, with `outputs() -> Mapping[str, str]`: path in the
checkout -> text. Its text depends on the code alone, so that the same commit gives the same bytes everywhere.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

GENERATORS = ("blocking", "faults", "states")
ROOT = Path(__file__).parents[2]
COMMAND = "nox -s generate"


def outputs() -> dict[str, str]:
    """What all generators write."""
    texts: dict[str, str] = {}
    for name in GENERATORS:
        made: Mapping[str, str] = importlib.import_module(f"quantumjobs._tools.{name}").outputs()
        if twice := texts.keys() & made.keys():
            raise ValueError(f"two generators write {', '.join(sorted(twice))}")
        texts.update(made)
    return texts


def write(texts: Mapping[str, str], root: Path) -> list[str]:
    """Write what differs; the paths that did."""
    changed = [path for path, text in texts.items() if _bytes(root / path) != text.encode()]
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(texts[path].encode())
    return changed


def differences(texts: Mapping[str, str], root: Path) -> list[str]:
    """A unified diff for each file that is not, byte for byte, what would be written."""
    found = []
    for path, text in texts.items():
        there = _bytes(root / path)
        if there != text.encode():
            old = [] if there is None else there.decode(errors="replace").splitlines(keepends=True)
            diff = "".join(difflib.unified_diff(old, text.splitlines(keepends=True), path, f"{path} (generated)"))
            found.append(diff or f"{path}: missing, or different in what a diff does not show (line ends)\n")
    return found


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """0 if all is written, or with `--check` if nothing would be."""
    parser = argparse.ArgumentParser(prog="python -m quantumjobs._tools.generate", description="Generated files.")
    parser.add_argument("--check", action="store_true", help="compare and fail, write nothing")
    texts = outputs()
    if not parser.parse_args(arguments).check:
        for path in write(texts, root):
            print(f"written: {path}")
        return 0
    found = differences(texts, root)
    for diff in found:
        print(diff)
    if found:
        print(f"{len(found)} generated file(s) differ. Run `{COMMAND}` and commit what it writes.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
