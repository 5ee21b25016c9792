"""MOVEs for circuits that take resonators for granted: few of them, by looking for qubits that can stay in one."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from quantumjobs.adapters.iqm.conditions import condition
from quantumjobs.adapters.iqm.device import Device
from quantumjobs.adapters.iqm.given import blank
from quantumjobs.adapters.iqm.star import Way, ways

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

EFFORT = 4000
"""Gates times alternatives: how many ways of going on are kept in mind, so that long circuits take no longer."""
MOST = 12
"""Alternatives at any time, in short circuits."""


def routed(circuit: QuantumCircuit, device: Device) -> QuantumCircuit:
    """A circuit on the device's qubits with a move before and after each cz through a resonator, or several of them.

    The state of a qubit stays in the resonator while there is nothing else to do to that qubit. Gates that do not
    depend on each other may change places. Without resonators it is the circuit itself.
    """
    if not device.move:
        return circuit
    problem = _Problem(circuit, device)
    made = blank(circuit, len(device.names))
    for done in problem.solved():
        if isinstance(done, _Move):
            made.append(move(), [done.qubit, done.resonator])
        elif done.way is None or done.way.resonator is None:
            step = circuit.data[done.step]
            made.append(step.operation, [circuit.find_bit(qubit).index for qubit in step.qubits], step.clbits)
        else:
            made.cz(done.way.still, done.way.resonator)
    return made


def move() -> Any:
    """IQM's gate between a qubit and a resonator, which it leaves without a matrix: it is defined in pairs alone."""
    from qiskit.circuit import Gate

    return Gate("move", 2, [])


class _Move(NamedTuple):
    """Into the resonator, or back."""

    qubit: int
    resonator: int


class _Done(NamedTuple):
    """A step of the circuit, and for a cz the way in which it is done."""

    step: int
    way: Way | None = None


_Event = _Move | _Done


class _Problem:
    """What has to be done, in which order.

    On each wire (a qubit or a bit) steps come in groups one after the other; neighbouring cz's, which commute, are one
    group. A step can be done when its group has come on all of its wires.
    """

    def __init__(self, circuit: QuantumCircuit, device: Device) -> None:
        self.ways = ways(device)
        self.resonators = range(device.qubits, len(device.names))
        self.qubits = device.qubits
        self.wires: list[tuple[int, ...]] = []
        """Of each step."""
        self.is_cz: list[bool] = []
        self.groups: list[list[list[int]]] = [[] for _ in range(device.qubits + circuit.num_clbits)]
        for number, step in enumerate(circuit.data):
            clbits = {*step.clbits, *([condition(step.operation)] if step.name == "if_else" else [])}
            wires = [circuit.find_bit(qubit).index for qubit in step.qubits]
            wires += [device.qubits + circuit.find_bit(clbit).index for clbit in clbits]
            self._add(number, tuple(wires), is_cz=step.name == "cz")
        self.last = len(self.wires)
        self.czs = sum(self.is_cz)

    def _add(self, number: int, wires: tuple[int, ...], *, is_cz: bool) -> None:
        self.wires.append(wires)
        self.is_cz.append(is_cz)
        for wire in wires:
            groups = self.groups[wire]
            if is_cz and groups and self.is_cz[groups[-1][0]]:
                groups[-1].append(number)
            else:
                groups.append([number])

    def possible(self, step: int) -> Sequence[Way]:
        one, other = self.wires[step]
        return self.ways[(one, other) if one < other else (other, one)]

    def solved(self) -> Iterator[_Event]:
        """All steps, with moves between them: of the solutions looked at the one with the fewest.

        A look at all choices, one begun sandwich after the other, of which those are kept that have done the most.
        """
        width = max(1, min(MOST, EFFORT // max(1, self.czs)))
        start = _State(self)
        start.go_on(range(self.last))
        kept = [start]
        while True:
            following: dict[int, _State] = {}
            for state in kept:
                if state.left == 0:
                    return state.story()
                for way in state.choices():
                    after = state.after(way)
                    following.setdefault(after.done, after)
            assert following, "a cz that nothing can bring about was let through"
            kept = heapq.nsmallest(width, following.values(), key=_State.merit)


class _State:
    """How far one solution is."""

    def __init__(self, problem: _Problem, before: _State | None = None) -> None:
        self.problem = problem
        self.before = before
        self.events: list[_Event] = []
        """Since the state before."""
        if before is None:
            self.at = [0] * len(problem.groups)
            self.remaining = [len(groups[0]) if groups else 0 for groups in problem.groups]
            self.held: dict[int, int] = {}
            """Qubit to resonator."""
            self.done = 0
            """A bit for each step."""
            self.left = problem.last
            self.czs = 0
        else:
            self.at, self.remaining, self.held = before.at.copy(), before.remaining.copy(), before.held.copy()
            self.done, self.left, self.czs = before.done, before.left, before.czs

    def merit(self) -> tuple[int, int]:
        """Smaller is better: gates that are done count, and then states that can be used on."""
        return -self.czs, -len(self.held)

    def story(self) -> Iterator[_Event]:
        states: list[_State] = [self]
        while (before := states[-1].before) is not None:
            states.append(before)
        for state in reversed(states):
            yield from state.events

    def choices(self) -> Iterable[Way]:
        """What can be begun now, so that at least one cz can be done."""
        found: dict[Way | tuple[int, int | None], Way] = {}
        for step in self._front():
            for way in self.problem.possible(step):
                # which of several gates it is begun for makes no difference, except for whose state must come back
                free = way.still not in self.held and way.resonator is not None
                found.setdefault((way.mover, way.resonator) if free else way, way)
        return found.values()

    def _front(self) -> Iterator[int]:
        problem = self.problem
        for wire in range(problem.qubits):
            for step in self._group(wire):
                if problem.is_cz[step] and problem.wires[step][0] == wire and self._is_next(step):
                    yield step

    def _group(self, wire: int) -> list[int]:
        groups = self.problem.groups[wire]
        return groups[self.at[wire]] if self.at[wire] < len(groups) else []

    def _is_next(self, step: int) -> bool:
        if self.done >> step & 1:
            return False
        return all(step in self._group(wire) for wire in self.problem.wires[step])

    def after(self, way: Way) -> _State:
        """Make room, begin, and go on as far as that goes."""
        state = _State(self.problem, self)
        changed: set[int] = set()
        for qubit, resonator in list(state.held.items()):
            if resonator == way.resonator or qubit in {way.still, way.mover}:
                state._back(qubit)
                changed.add(qubit)
        if way.resonator is not None:
            state.held[way.mover] = way.resonator
            state.events.append(_Move(way.mover, way.resonator))
        steps = {step for qubit in (*changed, way.still, way.mover) for step in state._group(qubit)}
        state.go_on(steps)
        return state

    def _back(self, qubit: int) -> None:
        self.events.append(_Move(qubit, self.held.pop(qubit)))

    def go_on(self, steps: Iterable[int]) -> None:
        """Do everything that needs no move into a resonator, beginning at these steps.

        That is never wrong: what has been done already cannot make the rest harder.
        """
        queue = sorted(steps)
        problem = self.problem
        while queue:
            step = heapq.heappop(queue)
            if not self._is_next(step):
                continue
            wires = problem.wires[step]
            way = None
            if problem.is_cz[step]:
                way = self._way(step)
                if way is None:
                    continue
            else:
                for wire in wires:
                    if wire in self.held:
                        self._back(wire)
            self.events.append(_Done(step, way))
            self.done |= 1 << step
            self.left -= 1
            self.czs += problem.is_cz[step]
            for wire in wires:
                self.remaining[wire] -= 1
                if not self.remaining[wire]:
                    for following in self._next_group(wire):
                        heapq.heappush(queue, following)

    def _next_group(self, wire: int) -> list[int]:
        self.at[wire] += 1
        group = self._group(wire)
        self.remaining[wire] = len(group)
        if wire in self.held:  # groups of cz's are as large as can be, so there is something else to do to the qubit
            self._back(wire)
        return group

    def _way(self, step: int) -> Way | None:
        """How a cz can be done as things are."""
        held = self.held
        for way in self.problem.possible(step):
            if way.still in held:
                continue
            if held.get(way.mover) == way.resonator:
                return way
        return None
