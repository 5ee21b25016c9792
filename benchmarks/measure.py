"""What every benchmark here needs: options, CPU clocks, alternating rounds, medians, and one line per figure.

The machine is never ours alone, so a figure is CPU time where the question is one of CPU, baseline and candidate take
turns within one run, and what is told is a median over the turns.
"""

from __future__ import annotations

import argparse
import gc
import inspect
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

T = TypeVar("T")

BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""
"""A circuit as text: taken as it is, so that no figure has Qiskit's serialiser in it."""


class Bench:
    """One script's options and figures.

    `--quick` is for trying a script, its figures mean little; `--strict` makes a missed target an error.
    """

    def __init__(self, doc: str | None) -> None:
        question = inspect.cleandoc(doc or "")
        self.parser = argparse.ArgumentParser(
            description=question, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self.parser.add_argument("--quick", action="store_true", help="smaller and fewer rounds")
        self.parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
        self._missed: list[str] = []
        self._title = question.partition("\n")[0]

    def parse(self) -> argparse.Namespace:
        """The options; prints the question."""
        options = self.parser.parse_args()
        self._strict = options.strict
        print(self._title)
        return options

    def figure(
        self, name: str, value: float, unit: str = "", *, most: float | None = None, least: float | None = None
    ) -> None:
        """Print one figure, with its target if it has one."""
        line = f"  {name}: {_number(value)}{unit}"
        if most is not None or least is not None:
            ok = (most is None or value <= most) and (least is None or value >= least)
            bound = f"<= {_number(most)}" if most is not None else f">= {_number(least or 0.0)}"
            line += f" (target {bound}{unit}) {'ok' if ok else 'MISSED'}"
            if not ok:
                self._missed.append(name)
        print(line, flush=True)

    def end(self) -> None:
        """Exit with 1 when a target was missed and that matters."""
        if self._missed and self._strict:
            sys.exit(1)


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def cpu(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of this process's CPU that `work` takes, all its threads together, and what it returns."""
    gc.collect()  # the garbage of the turn before is not this one's
    began = time.process_time()
    value = work()
    return time.process_time() - began, value


def alternate(rounds: int, *turns: Callable[[], T]) -> list[list[T]]:
    """What each of `turns` gives in each round; every other round goes backwards, so that nobody is always second."""
    taken: list[list[T]] = [[] for _ in turns]
    for number in range(rounds):
        order = range(len(turns))
        for turn in order if number % 2 == 0 else reversed(order):
            taken[turn].append(turns[turn]())
    return taken


def ratio(candidate: Sequence[float], baseline: Sequence[float]) -> float:
    """The median over the rounds of candidate / baseline of the same round."""
    return median(one / other for one, other in zip(candidate, baseline, strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


# --- CPU of worker processes (Linux) ------------------------------------------------------
def children_cpu() -> float:
    """Seconds of CPU that all living descendants of this process have used."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        process = int(stat.parent.name)
        parents[process] = int(fields[1])
        used[process] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return sum(seconds for process, seconds in used.items() if _descends(process, parents))


def _descends(process: int, parents: dict[int, int]) -> bool:
    while process in parents:
        process = parents[process]
        if process == os.getpid():
            return True
    return False
