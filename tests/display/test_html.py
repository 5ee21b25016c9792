"""HTML for notebooks: whatever the texts are, they are text, and the page is small."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.core import bits, html
from quantumjobs.core.entries import entry, entry_from_counts, entry_from_memory, failed_entry
from quantumjobs.core.records import Progress
from quantumjobs.core.results import Result
from quantumjobs.core.states import JobState
from quantumjobs.core.text import one_line
from tests.display.helpers import snapshot

TAGS = {"div", "table", "tr", "th", "td", "b", "code", "span"}
ATTRIBUTES = {
    "style",
    "scope",
    "role",
    "aria-label",
    "aria-valuemin",
    "aria-valuemax",
    "aria-valuenow",
    "aria-valuetext",
}
STYLE = re.compile(r"[a-z0-9 .:;%-]*", re.IGNORECASE)
HOSTILE = [
    "<script>alert(1)</script>",
    "</td></tr></table></div><h1>mine",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    '" style="position:fixed;inset:0" x="',
    "</code></style></script><style>*{display:none}</style>",
    "<!-- nothing is after this",
    "]]><![CDATA[<b>",
    "<?php echo 1 ?>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;b&gt; &amp;amp; &#x3c;i&#x3e; &NewLine;",
    "$\\href{javascript:alert(1)}{x}$ \\(x\\) \\begin{align}",
    "`${alert(1)}`",
    "{{constructor.constructor('alert(1)')()}}",
    "null\0byte",
    "\x1b[2J\x1b]0;title\x07",
    "\u202eevil\u2066",
    "\u2028line\u2029ends",
    "a\r\nb\x85c\x0bd",
    "\ud800 lone \udfff",
    "\ufeff\ufffe\uffff",
    "<" * 100_000,
    "e" + "\u0301" * 100_000,
    "&" * 1_000_000,
    "量" * 1_000_000,
]  # fmt: skip
SMALL = 100_000  # characters


class Page(HTMLParser):
    """Reads HTML and holds it to what we write."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.in_code = ""
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []
        page.encode()
        assert len(page) < SMALL
        assert all(char.isprintable() for char in page)

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS
        for name, value in attrs:
            assert name in ATTRIBUTES
            if name == "style":
                assert STYLE.fullmatch(value)
                assert "url" not in value
        self.attributes += attrs
        self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag in {"td", "th"}:
            self.text += " "

    def handle_data(self, data):
        self.text += data
        if self._open[-1] == "code":
            self.in_code += f"{data}\n"

    def _never(self, data):
        raise AssertionError(f"markup of somebody else's: {data[:100]!r}")

    handle_comment = handle_decl = handle_pi = unknown_decl = _never

    def attribute(self, name):
        return [value for found, value in self.attributes if found == name]


def everywhere(text: str) -> dict[str, str]:
    """Pages with the text wherever one can come in."""
    outcomes = html.Outcomes([(text, 3), ("0", 1)], 7, 9)
    what = html.Circuit(text, 3, 2, [(text, 2)] * 9, 1, None, outcomes, {text: text}, text)
    failed = html.Circuit(text, 3, error=text)
    saved = html.Circuit(text, 3, saved={text: 1.0})
    return {
        "job": html.job(
            snapshot(id=text, raw_status=text, reason=text, progress=Progress(1, 3)), backend=text, name=text, error=""
        ),
        "failed job": html.job(snapshot(), backend="b", error=text),
        "bars": html.bars([html.Row(text, text, 1, 2)], text),
        "circuit": html.circuit(what),
        "failed circuit": html.circuit(failed),
        "circuits": html.circuits([(0, what), (1, failed), (2, saved)], count=3, failed=1),
    }


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_a_hostile_text_is_text_wherever_it_comes_in(text):
    expected = one_line(text, limit=60).removesuffix("…")
    for place, page in everywhere(text).items():
        assert expected in Page(page).in_code, place


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_text_wherever_it_comes_in(text):
    expected = one_line(text, limit=60).removesuffix("…")
    for place, page in everywhere(text).items():
        assert expected in Page(page).in_code, place


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_a_hostile_text_in_a_result_is_text(text):
    good = entry_from_counts({"01": 1}, name=text, registers=[(text, 1), ("b", 1)])
    expected = one_line(text, limit=60).removesuffix("…")
    for result in (Result.of([good]), Result.of([failed_entry(text)]), Result.of([good, failed_entry(text)])):
        assert expected in Page(result._repr_html_()).in_code
        assert expected in Page(result[0]._repr_html_()).in_code


def test_labels_of_saved_data_are_text():
    result = Result.of([entry(b"", 0, data={'<b title="x">': "<i>"})])
    assert '<b title="x">' in Page(result._repr_html_()).in_code
    assert "<i>" in Page(result._repr_html_()).in_code


def test_a_name_in_an_attribute_stays_there():
    page = Page(html.bars([html.Row('" onclick="alert(1)', "<&>", 1, 2)]))
    assert page.attribute("aria-label") == ['" onclick="alert(1)']
    assert page.attribute("aria-valuetext") == ["<&>"]


# --- jobs and bars ----------------------------------------------------------------------
def test_a_job_shows_what_is_known_of_it():
    page = Page(
        html.job(
            snapshot(JobState.QUEUED, raw_status="ARRIVED", queue_position=4, eta=86_400.0, at=0.0),
            backend="aqt/simulator",
            name="bell",
            created_at=0.0,
        )
    )
    for text in ("7391e8f0", "bell", "aqt/simulator", "queued since 1970-01-01 00:00:00 UTC", "ARRIVED", "4"):
        assert text in page.text
    assert "expected 1970-01-02 00:00:00 UTC" in page.text
    assert "error" not in page.text
    assert page.attribute("role") == []


def test_the_progress_of_a_job_can_be_heard():
    page = Page(html.job(snapshot(progress=Progress(3, 10)), backend="b"))
    assert page.attribute("role") == ["progressbar"]
    assert page.attribute("aria-valuenow") == ["3"]
    assert page.attribute("aria-valuemax") == ["10"]
    assert "3/10" in page.text


def test_a_reason_that_the_error_has_is_not_repeated():
    page = Page(html.job(snapshot(JobState.FAILED, reason="no qubits"), backend="b", error="it failed: no qubits"))
    assert page.text.count("no qubits") == 1


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), -1e300, 1e300, 1e18])
def test_a_time_that_is_none_is_not_shown(moment):
    assert "expected" not in Page(html.job(snapshot(eta=moment, at=moment), backend="b", created_at=moment)).text


def test_a_bar_of_unknown_length_says_so_by_having_no_value():
    page = Page(html.bars([html.Row("job", "queued", 0, 0)]))
    assert page.attribute("role") == ["progressbar"]
    assert page.attribute("aria-valuenow") == []


@given(st.integers(), st.integers())
def test_no_bar_is_longer_than_its_place(done, total):
    page = Page(html.bars([html.Row("x", "", done, total)]))
    widths = re.findall(r";width:([\d.]+)%", ";".join(page.attribute("style")))
    assert all(0 <= float(width) <= 100 for width in widths)


# --- results ----------------------------------------------------------------------------
def test_outcomes_stand_in_the_order_of_their_number():
    counts = {f"{at:05b}": at + 1 for at in range(32)}
    page = Page(Result.of([entry_from_counts(counts, name="x")])._repr_html_())
    shown = re.findall(r"[01]{5}", page.text)
    assert shown == [f"{at:05b}" for at in range(31, 15, -1)]
    assert "and 16 more outcomes, together 136 (25.8 %)" in page.text


@given(st.lists(st.integers(0, 2**12 - 1), min_size=1, max_size=200))
def test_the_outcomes_shown_are_the_first_by_number_then_in_ascending_order(shots):
    result = Result.of([entry_from_memory([f"{shot:012b}" for shot in shots])])
    expected = sorted(result.counts.items(), key=lambda item: (-item[1], item[0]))
    found = result[0]._most_frequent(4)
    assert found.top == expected[:4]
    assert (found.kinds, found.shots) == (len(expected), len(shots))


def test_several_circuits_are_a_row_each_and_failed_ones_are_shown_wherever_they_stand():
    entries = [entry_from_counts({"0": 2, "1": 1}, name=f"c{at}") for at in range(100)]
    entries[70] = failed_entry("out of memory", name="big")
    page = Page(Result.of(entries)._repr_html_())
    assert "Result of 100 circuits, 1 failed" in page.text
    assert "70 big 0 failed: out of memory" in page.text
    assert "c18" in page.text
    assert "c19" not in page.text
    assert "and 80 more circuits" in page.text


def test_failures_that_are_not_shown_are_counted():
    page = Page(Result.failed(1000, "no luck")._repr_html_())
    assert "Result of 1000 circuits, 1000 failed" in page.text
    assert "and 980 more circuits, 980 of them failed" in page.text


def test_saved_data_is_named_and_not_written_out():
    data = {"state": np.zeros((4, 4)), "energy": -1.5, "tree": {"a": 1}, "big": 2**200, "none": None}
    page = Page(Result.of([entry(b"", 0, name="x", data=data)])._repr_html_())
    for text in ("state float64 4 × 4", "energy -1.5", "tree dict of 1", "big int of 201 bits", "none None"):
        assert text in page.text
    assert (
        "and 990 more" in Page(Result.of([entry(b"", 0, data={str(at): 0 for at in range(1000)})])._repr_html_()).text
    )


def test_nothing_is_a_result_too():
    assert "Result of 0 circuits" in Page(Result([])._repr_html_()).text
    assert "0 shots" in Page(Result.of([entry(b"", 0)])._repr_html_()).text


def test_an_outcome_of_a_thousand_bits_keeps_both_ends():
    page = Page(Result.of([entry_from_counts({"1" + "0" * 998 + "1": 1})])._repr_html_())
    (outcome,) = re.findall(r"[01]+…[01]+", page.in_code)
    assert len(outcome) == 64
    assert outcome[0] == outcome[-1] == "1"


def test_what_takes_long_to_look_through_is_not_looked_through():
    draw = np.random.default_rng(1)
    many = entry(draw.integers(0, 256, size=(300_000, 9), dtype=np.uint8).tobytes(), 72, name="x")
    saved = entry(b"", 0, name="y", data={"state": np.zeros(1 << 22)})
    assert "too many outcomes" in Page(Result.of([many])._repr_html_()).text
    assert "too much saved data" in Page(Result.of([saved])._repr_html_()).text
    assert "too many outcomes" in Page(Result.of([many, saved])._repr_html_()).text


def test_millions_of_outcomes_and_thousands_of_circuits_are_looked_at_at_once():
    kinds = 4_000_000
    rows = np.arange(kinds, dtype=">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    often = np.ones(kinds, dtype="<u8").tobytes()
    draw = np.random.default_rng(1)
    wide = entry(bits.pack(draw.integers(0, 2, size=(10_000, 100), dtype=np.uint8)), 100)
    begun = time.perf_counter()
    assert "and 3999984 more outcomes" in Page(Result.of([entry(rows, 24, weights=often)])._repr_html_()).text
    assert "and 9980 more circuits" in Page(Result.of([wide] * 10_000)._repr_html_()).text
    assert time.perf_counter() - begun < 10
