"""What people look at: counts and progress, for the command line, for terminals and for notebooks.

What is exported here is pure: nothing prints, asks a clock or knows a terminal; sizes and times are arguments. `bars`
draws, on the `places` there are.
"""

from quantumjobs.core.text import cells, neutral, one_line, shorten
from quantumjobs.display.counts import Bar, Chart, counts_bars, counts_chart
from quantumjobs.display.progress import Following, progress_lines

__all__ = [
    "Bar",
    "Chart",
    "Following",
    "cells",
    "counts_bars",
    "counts_chart",
    "neutral",
    "one_line",
    "progress_lines",
    "shorten",
]
