"""Links between the pages of a checkout lead somewhere, and change notes are named as docs/changes/README.md says.

    python quantumjobs/_tools/pages.py

Needs the standard library only. Links to other sites are not looked at: a test must not depend on somebody's server.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parents[2]
PAGES = ("*.md", ".github/*.md", "docs/**/*.md", "examples/**/*.md", "benchmarks/**/*.md")
KINDS = ("feature", "fix", "performance", "deprecation", "removal", "docs")

FENCE = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)
ANCHOR = re.compile(r"<a +(?:id|name)=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def link_faults(root: Path) -> Iterator[str]:
    """A sentence for each link that leads nowhere."""
    pages = sorted({page for pattern in PAGES for page in root.glob(pattern)})
    for page in pages:
        where = page.relative_to(root)
        for link in _links(page.read_text(encoding="utf-8")):
            path, _, anchor = unquote(link).partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.is_relative_to(root.resolve()):
                yield f"{where}: {link} leads out of the checkout"
            elif not target.exists():
                yield f"{where}: {link} does not exist"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
                yield f"{where}: {link}: no such heading there"


def _links(text: str) -> Iterator[str]:
    for found in LINK.finditer(CODE.sub("", FENCE.sub("", COMMENT.sub("", text)))):
        link = found[1] or found[2]
        if not ELSEWHERE.match(link):
            yield link


def anchors(text: str) -> set[str]:
    """The anchors of a page, made from headings as code hosts make them."""
    names = set(ANCHOR.findall(text))
    seen: dict[str, int] = {}
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        names.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return names


def note_faults(root: Path) -> Iterator[str]:
    """A sentence for each change note with a name that is not `<what>.<kind>.md`, or with nothing in it."""
    for note in sorted((root / "docs" / "changes").iterdir()):
        if note.name == "README.md":
            continue
        kind = note.name.split(".")
        if len(kind) != 3 or kind[1] not in KINDS or kind[2] != "md" or not re.fullmatch(r"[a-z0-9-]+", kind[0]):
            yield f"{note.relative_to(root)}: a change note is named <what>.<kind>.md, kind one of {', '.join(KINDS)}"
        elif not note.read_text(encoding="utf-8").strip():
            yield f"{note.relative_to(root)}: is empty"


def main(root: Path = ROOT) -> int:
    """0 if nothing is wrong."""
    faults = [*link_faults(root), *note_faults(root)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
