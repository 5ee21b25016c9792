"""What people look at: counts and progress as text. Pure functions, for the command line and for notebooks.

Nothing here prints, asks a clock or knows a terminal: sizes and times are arguments.
"""

from quantumjobs.display.counts import Bar, Chart, counts_bars, counts_chart
from quantumjobs.display.progress import Following, progress_lines
from quantumjobs.display.text import cells, neutral, one_line, shorten

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
