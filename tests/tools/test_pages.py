from __future__ import annotations

from pathlib import Path

import pytest

from quantumjobs._tools import pages


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "changes").mkdir(parents=True)
    (tmp_path / "docs" / "changes" / "README.md").write_text("# Notes\n")
    (tmp_path / "docs" / "page.md").write_text("# One `page`: here\n\n## Twice\n\n## Twice\n")
    return tmp_path


@pytest.mark.parametrize(
    "link",
    [
        "docs/page.md",
        "docs/page.md#one-page-here",
        "docs/page.md#twice-1",
        "docs",
        "https://example.org/nothing",
        "#top",
    ],
)
def test_a_link_that_leads_somewhere_is_fine(checkout: Path, link: str) -> None:
    (checkout / "README.md").write_text(f"# Top\n\n[text]({link})\n")
    assert list(pages.link_faults(checkout)) == []


@pytest.mark.parametrize("link", ["docs/none.md", "docs/page.md#none", "../outside.md", "#none"])
def test_a_link_that_leads_nowhere_is_found(checkout: Path, link: str) -> None:
    (checkout / "README.md").write_text(f"# Top\n\n[text]({link})\n")
    (fault,) = pages.link_faults(checkout)
    assert fault.startswith(f"README.md: {link}")


def test_code_and_comments_hold_no_links(checkout: Path) -> None:
    text = "`[a](none.md)` <!-- [b](none.md) -->\n\n```\n[c](none.md)\n# no heading\n```\n"
    (checkout / "README.md").write_text(text)
    assert list(pages.link_faults(checkout)) == []
    assert pages.anchors(text) == set()


@pytest.mark.parametrize("name", ["faster-looks.performance.md", "1.fix.md"])
def test_a_note_with_a_good_name_is_fine(checkout: Path, name: str) -> None:
    (checkout / "docs" / "changes" / name).write_text("Looks are faster.\n")
    assert list(pages.note_faults(checkout)) == []


@pytest.mark.parametrize("name", ["faster.md", "faster.wonder.md", "Faster Looks.fix.md", "faster.fix.rst"])
def test_a_note_with_another_name_is_found(checkout: Path, name: str) -> None:
    (checkout / "docs" / "changes" / name).write_text("Looks are faster.\n")
    assert len(list(pages.note_faults(checkout))) == 1


def test_the_pages_here_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert pages.main() == 0, capsys.readouterr().out
