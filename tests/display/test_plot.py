"""`plot()`: Qiskit's histogram, as a figure that is returned and shown once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from quantumjobs.core.entries import entry, entry_from_counts, failed_entry
from quantumjobs.core.results import Result
from quantumjobs.errors import ResultUnavailable, UsageError

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _closed():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def drawn(result: Result, **options):
    figure = result.plot(**options)
    figure.canvas.draw()
    return figure.axes[0]


def test_the_counts_of_one_circuit_are_bars():
    axes = drawn(Result.of([entry_from_counts({"00": 503, "11": 497})]))
    assert [bar.get_height() for bar in axes.patches] == [503, 497]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["00", "11"]
    assert axes.get_legend() is None


def test_one_circuit_of_several_can_be_plotted_alone():
    result = Result.of([entry_from_counts({"0": 1}), failed_entry("no luck")])
    assert result[0].plot(title="first").axes[0].get_title() == "first"


def test_several_circuits_have_a_legend_with_their_names_as_they_are():
    names = ["plain", "$\\frac{1}$ of it", "_hidden", "a\nb\ud800", "x" * 1000]
    axes = drawn(Result.of([entry_from_counts({"0": 5, "1": 5}, name=name) for name in names]))
    shown = [text.get_text().replace(r"\$", "$").strip() for text in axes.get_legend().get_texts()]
    assert shown == ["plain", "$\\frac{1}$ of it", "_hidden", r"a b\ud800", "x" * 39 + "…"]


def test_a_legend_of_ones_own_is_kept():
    result = Result.of([entry_from_counts({"0": 5}), entry_from_counts({"1": 5})])
    legend = drawn(result, legend=["a", "b"]).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]


def test_of_very_many_outcomes_the_most_frequent_are_shown():
    result = Result.of([entry_from_counts({f"{at:09b}": at + 1 for at in range(512)})])
    assert len(result.plot().axes[0].patches) == 65  # and the rest
    assert len(result.plot(number_to_keep=3).axes[0].patches) == 4


def test_a_circuit_that_failed_is_named():
    result = Result.of([entry_from_counts({"0": 1}), failed_entry("out of memory", name="big")])
    with pytest.raises(ResultUnavailable, match="circuit 'big' failed: out of memory"):
        result.plot()
    assert plt.get_fignums() == []


def test_a_circuit_without_measurements_says_so():
    with pytest.raises(UsageError, match="no measured outcomes"):
        Result.of([entry(b"", 0, name="saved", data={"state": 1.0})]).plot()


def test_nothing_cannot_be_plotted():
    with pytest.raises(UsageError, match="no circuits"):
        Result([]).plot()


def test_in_a_notebook_the_figure_is_shown_once():
    """Returned, and not left open for the notebook to show a second time."""
    code = (
        "from quantumjobs.core.results import *; from quantumjobs.core.entries import *; import matplotlib.pyplot as plt;"
        "r = Result.of([entry_from_counts({'0': 1})]); figure = r.plot();"
        "assert figure.axes and not plt.get_fignums()"
    )
    inline = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    pytest.importorskip("matplotlib_inline")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50, env=inline)
