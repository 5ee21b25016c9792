"""Rewriting a circuit of rz, r and rxx so that all is in range, with as few pulses as the laws of commutation allow.

Between two rxx a qubit has a *run*: one rotation, whatever gates it came from. A part of it about x commutes with rxx and
may be pushed behind it; one about z may be pushed behind a barrier, or dropped before the measurement. What is left of
a run is at most one r and one rz, and often an rz alone, which costs no pulse: `_planned` finds where. A negative rxx
is turned by a half turn about z on either side, which costs nothing where the runs beside it have an rz or r anyway.

The result equals the circuit up to global phase and a last rotation about z on each qubit. Nothing is moved across a
barrier but rotations about z.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import pi, remainder
from typing import NamedTuple

from quantumjobs.adapters.aqt import native
from quantumjobs.adapters.aqt.messages import Gate, R
from quantumjobs.adapters.aqt.native import Step
from quantumjobs.circuits import turns
from quantumjobs.circuits.turns import NONE, TINY, Turn, X, Z, times


class _Run(NamedTuple):
    qubit: int
    turn: Turn


class _Couple(NamedTuple):
    a: int
    b: int
    angle: float


class _Fence(NamedTuple):
    qubit: int


_Item = _Run | _Couple | _Fence


def folded(steps: Iterable[Step], qubits: int, *, keep_last: bool = False) -> list[Gate]:
    """The gates to be sent. With `keep_last` also the last rotations about z, which no measurement sees."""
    items = _items(steps)
    items.extend(_Fence(qubit) for qubit in range(qubits))
    while True:
        gathered = _gathered(items)
        items = _without_halves(gathered)
        if items == gathered:
            writer = _Writer(items)
            return [*writer.gates, *writer.last()] if keep_last else writer.gates


def _items(steps: Iterable[Step]) -> list[_Item]:
    items: list[_Item] = []
    for step in steps:
        if step.name == "rz":
            items.append(_Run(step.qubits[0], turns.rz(*step.angles)))
        elif step.name == "r":
            items.append(_Run(step.qubits[0], turns.r(*step.angles)))
        elif step.name == "rxx":
            items.append(_Couple(step.qubits[0], step.qubits[1], *step.angles))
        else:
            items.extend(_Fence(qubit) for qubit in step.qubits)
    return items


def _gathered(items: Iterable[_Item]) -> list[_Item]:
    """One run before each rxx that needs one, and before each fence; rxx of one pair with none between become one."""
    out: list[_Item] = []
    pending: dict[int, Turn] = defaultdict(lambda: NONE)
    near: dict[tuple[int, int], int] = {}  # where in `out` the pair has an rxx that no run separates from here

    def flush(qubit: int) -> None:
        out.append(_Run(qubit, pending.pop(qubit, NONE)))
        for pair in [pair for pair in near if qubit in pair]:
            del near[pair]

    for item in items:
        if isinstance(item, _Run):
            pending[item.qubit] = times(item.turn, pending[item.qubit])
        elif isinstance(item, _Fence):
            flush(item.qubit)
            out.append(item)
        else:
            a, b, angle = item
            for qubit in (a, b):
                middle = turns.as_x_z_x(pending[qubit]).middle
                if not turns.is_half(middle):
                    flush(qubit)
                elif middle > 1:  # half a turn about z goes through rxx, and reverses it
                    angle = -angle
            pair = (min(a, b), max(a, b))
            place = near.setdefault(pair, len(out))
            if place < len(out):
                earlier = out[place]
                assert isinstance(earlier, _Couple)
                out[place] = earlier._replace(angle=earlier.angle + angle)
            else:
                out.append(_Couple(a, b, angle))
    return out


def _without_halves(items: Iterable[_Item]) -> list[_Item]:
    """Every rxx within a quarter turn to either side; the half turns taken from it are runs. One of nothing is gone."""
    out: list[_Item] = []
    for item in items:
        if not isinstance(item, _Couple):
            out.append(item)
            continue
        angle = remainder(item.angle, 2 * pi)
        half = abs(angle) > pi / 2 + TINY
        if half:
            angle -= pi if angle > 0 else -pi
        if abs(angle) >= TINY:
            out.append(item._replace(angle=angle))
        if half:
            out += _Run(item.a, X), _Run(item.b, X)
    return out


# --- where an r is needed ---------------------------------------------------------------
class _Way(NamedTuple):
    """A choice for all runs so far. `pushed`: about x behind the last; None: whatever one likes, its r can be any."""

    cost: tuple[int, int]
    pushed: float | None
    needed: tuple[bool, ...]
    either: bool = False
    """Half a turn more would do as well: the last r would begin with it."""


class _Chosen(NamedTuple):
    needed: tuple[bool, ...]
    half: bool = False
    """The last r must push half a turn more."""


def _planned(runs: Sequence[Turn]) -> _Chosen:
    """For each run of a qubit up to a fence, whether it gets an r: as few as possible, then as few rz as possible.

    A run with an r can be followed by one without, since what the r does beyond its own run is free to choose. Only the
    cheapest way into each of the two cases matters.
    """
    ways = [_Way((0, 0), 0.0, ())]
    for turn in runs[:-1]:
        split = turns.as_x_z_x(turn)
        without = []
        for way in ways:
            if way.pushed is None:
                without.append(_further(way, 0, 2, split.last, needed=False)._replace(either=True))
            elif turns.is_half(split.first + way.pushed):
                pushed = split.last + pi * (round((split.first + way.pushed) / pi) % 2)
                without.append(_further(way, 0, 1, pushed, needed=False))
        r = _further(min(ways, key=_cost), 1, 0, None, needed=True)
        ways = [r._replace(either=False), *sorted(without, key=_cost)[:1]]
    last = runs[-1]
    ends: list[tuple[tuple[int, int], _Chosen]] = []
    for way in ways:
        half = False
        if way.pushed is None:
            free = turns.towards_rz(last) is not None
        else:
            free = _is_rz(times(last, turns.rx(way.pushed)))
            half = not free and way.either and _is_rz(times(last, turns.rx(way.pushed + pi)))
        needed = not (free or half)
        rz = 1 if way.pushed is None and free else 0
        ends.append(((way.cost[0] + needed, way.cost[1] + rz), _Chosen((*way.needed, needed), half)))
    return min(ends)[1]


def _cost(way: _Way) -> tuple[int, int]:
    return way.cost


def _further(way: _Way, r: int, rz: int, pushed: float | None, *, needed: bool) -> _Way:
    return _Way((way.cost[0] + r, way.cost[1] + rz), pushed, (*way.needed, needed), way.either)


def _is_rz(turn: Turn) -> bool:
    return abs(turn[1]) < TINY and abs(turn[2]) < TINY


# --- writing it down --------------------------------------------------------------------
class _Plan(NamedTuple):
    """What a run must know of itself and of the next one."""

    needs_r: bool
    next: Turn | None = None
    """The next run, if that one shall do without an r."""
    next_is_last: bool = False
    half: bool = False
    """Push half a turn more than the next run asks for: one further on asks for that."""


_PASSING = _Plan(needs_r=False)


class _Settled(NamedTuple):
    gates: list[Gate]
    pushed: Turn


class _Writer:
    """Goes through the items once; `pending` is what each qubit still owes."""

    def __init__(self, items: Sequence[_Item]) -> None:
        self.gates: list[Gate] = []
        self._pending: dict[int, Turn] = defaultdict(lambda: NONE)
        self._plans = _plans(items)
        self._now: dict[int, _Plan] = {}
        for item in items:
            if isinstance(item, _Run):
                self._pending[item.qubit] = times(item.turn, self._pending[item.qubit])
                self._now[item.qubit] = self._plans[item.qubit].pop()
            elif isinstance(item, _Couple):
                self._couple(*item)
            else:
                self._fence(item.qubit)

    def last(self) -> list[Gate]:
        """What the qubits still owe at the end: rotations about z."""
        return [gate for qubit, turn in self._pending.items() for gate in _rz(qubit, turns.as_rz_r(turn)[0])]

    def _fence(self, qubit: int) -> None:
        last, middle, first = turns.as_rz_r(self._pending[qubit])
        self._now.pop(qubit, None)
        self._pending[qubit] = turns.rz(last)
        if middle >= TINY:
            self.gates += native.r(qubit, middle, first)

    def _couple(self, a: int, b: int, angle: float) -> None:
        back = angle < 0
        choices = [(self._settled(a, turned=one), self._settled(b, turned=one != back)) for one in (back, not back)]
        mine, yours = min(choices, key=_price)
        self.gates += mine.gates
        self.gates += yours.gates
        self.gates += native.rxx(a, b, abs(angle))
        for qubit, settled in ((a, mine), (b, yours)):
            self._pending[qubit] = settled.pushed
            self._now.pop(qubit, None)

    def _settled(self, qubit: int, *, turned: bool) -> _Settled:
        """What to send before an rxx, and what remains behind it, with or without half a turn about z around it."""
        plan = self._now.get(qubit, _PASSING)
        around = Z if turned else NONE
        turn = times(around, self._pending[qubit])
        if not plan.needs_r and turns.is_half(turns.as_x_z_x(turn).first):
            pushed, angle, _ = turns.as_rx_rz(turn)
            return _Settled(_rz(qubit, angle), times(around, turns.rx(pushed)))
        wanted = None
        if plan.next is not None:
            first = turns.as_x_z_x(plan.next).first
            wanted = turns.towards_rz(plan.next) if plan.next_is_last else plan.half * pi - first
        if wanted is None:
            wanted, turn = turns.as_rx_r(turn)
        else:
            wanted = -wanted if turned else wanted  # rz(pi) rx(-x) = rx(x) rz(pi)
            turn = times(turns.rx(-wanted), turn)
        last, middle, first = turns.as_rz_r(turn)
        gates = native.r(qubit, middle, first) if middle >= TINY else []
        return _Settled(gates + _rz(qubit, last), times(around, turns.rx(wanted)))


def _plans(items: Iterable[_Item]) -> dict[int, list[_Plan]]:
    """For each qubit the plans of its runs, the first one at the end of the list."""
    plans: dict[int, list[_Plan]] = defaultdict(list)
    runs: dict[int, list[Turn]] = defaultdict(list)
    for item in items:
        if isinstance(item, _Run):
            runs[item.qubit].append(item.turn)
        elif isinstance(item, _Fence):
            segment = runs.pop(item.qubit)
            needed, half = _planned(segment)
            end = len(segment) - 1
            origin = max((place for place in range(end + 1) if needed[place]), default=-1)
            for place, needs in enumerate(needed):
                leads = needs and place < end and not needed[place + 1]
                plans[item.qubit].append(
                    _Plan(needs, segment[place + 1] if leads else None, place + 1 == end, half and place == origin)
                )
    for each in plans.values():
        each.reverse()
    return plans


def _rz(qubit: int, angle: float) -> list[Gate]:
    return [] if turns.is_none(angle) else native.rz(qubit, remainder(angle, 2 * pi))


def _price(choice: tuple[_Settled, _Settled]) -> tuple[int, int]:
    """Pulses, then everything."""
    gates = [gate for settled in choice for gate in settled.gates]
    return sum(isinstance(gate, R) for gate in gates), len(gates)
