"""States are moved into resonators as seldom as can be, and moves that users bring must make sense."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import QFTGate
from qiskit.quantum_info import Operator

from quantumjobs.adapters.iqm import native, route, star
from quantumjobs.adapters.iqm.messages import Architecture
from quantumjobs.adapters.iqm.route import routed
from quantumjobs.errors import UsageError
from tests.adapters.iqm.architectures import FEW_MOVERS, LINE, MIXED, STAR, TWO_STARS, WIDE_STAR, device
from tests.adapters.iqm.exact import distance, unitary


def circuit_of(width: int, *steps: tuple[int, ...]) -> QuantumCircuit:
    """An r for one qubit, a cz for two."""
    circuit = QuantumCircuit(width)
    for step in steps:
        if len(step) == 1:
            circuit.r(0.3, 0.2, *step)
        else:
            circuit.cz(*step)
    return circuit


def moves(circuit: QuantumCircuit, architecture: Architecture = STAR) -> int:
    """How many there are in the routed circuit, which is checked."""
    here = device(architecture)
    done = routed(circuit, here)
    star.check(done, here)
    everywhere = range(circuit.num_qubits)
    assert distance(unitary(done, everywhere, everywhere), Operator(circuit).data) < 1e-12
    for step in done.data:
        places = tuple(done.find_bit(qubit).index for qubit in step.qubits)
        assert step.name == "r" or places in (here.cz if step.name == "cz" else here.move)
    return done.count_ops().get("move", 0)


# --- routing ----------------------------------------------------------------------------
def test_a_state_stays_while_its_qubit_has_cz_after_cz():
    assert moves(circuit_of(4, (0, 1))) == 2
    assert moves(circuit_of(4, (0, 1), (2, 0), (0, 3))) == 2
    assert moves(circuit_of(4, (0, 1), (1,), (0, 2), (2,), (0, 1))) == 2  # what happens elsewhere is no matter


def test_a_gate_on_the_qubit_ends_it_and_the_other_qubit_is_moved_where_that_is_better():
    assert moves(circuit_of(3, (0, 1), (0,), (0, 1))) == 2
    assert moves(circuit_of(3, (0, 1), (0,), (1,), (0, 1))) == 4
    assert moves(circuit_of(4, (0, 1), (0,), (0, 2), (2, 3))) == 4


def test_gates_that_do_not_depend_on_each_other_change_places():
    assert moves(circuit_of(6, (0, 1), (2, 3), (0, 4), (2, 5), (0, 1))) == 4
    assert moves(circuit_of(6, (0, 1), (2, 3), (0, 2))) == 4  # all of them commute


def test_a_barrier_and_a_delay_bring_a_state_back():
    for waiting in ("barrier", "delay"):
        circuit = circuit_of(3, (0, 1))
        for qubit in (0, 1):
            circuit.barrier(qubit) if waiting == "barrier" else circuit.delay(100, qubit)
        circuit.cz(0, 2)
        done = routed(circuit, device(STAR))
        star.check(done, device(STAR))
        assert done.count_ops()["move"] == 4
    circuit = circuit_of(3, (0, 1))
    circuit.barrier()
    circuit.cz(0, 1)
    names = [step.name for step in routed(circuit, device(STAR)).data]
    assert names == ["move", "cz", "move", "barrier", "move", "cz", "move"]


def test_a_measured_qubit_is_at_home():
    circuit = QuantumCircuit(3, 3)
    circuit.cz(0, 1)
    circuit.measure([0, 1], [0, 1])
    circuit.cz(0, 2)
    done = routed(circuit, device(STAR))
    star.check(done, device(STAR))
    assert done.count_ops() == {"move": 4, "cz": 2, "measure": 2}


def test_nothing_is_done_before_the_barrier_that_it_is_behind():
    circuit = circuit_of(4, (1, 3), (1,))
    circuit.barrier(0, 1)
    circuit.cz(0, 2)
    names = [step.name for step in routed(circuit, device(STAR)).data]
    assert names == ["move", "cz", "move", "r", "barrier", "move", "cz", "move"]


def test_a_condition_waits_for_its_measurement():
    circuit = QuantumCircuit(6, 1)
    circuit.cz(0, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(5)
    names = [step.name for step in routed(circuit, device(STAR)).data]
    assert names == ["move", "cz", "move", "measure", "if_else"]


@pytest.mark.parametrize("architecture", [TWO_STARS, MIXED, FEW_MOVERS])
def test_random_circuits_are_routed_on_every_kind_of_star(architecture: Architecture):
    chance = random.Random(7)
    here = device(architecture)
    pairs = [*star.ways(here)]
    for _ in range(8):
        steps = [chance.choice(pairs) if chance.random() < 0.7 else (chance.randrange(here.qubits),) for _ in range(25)]
        assert moves(circuit_of(here.qubits, *steps), architecture) <= 50


def test_where_few_qubits_can_move_these_do():
    assert moves(circuit_of(6, (4, 0), (0, 5), (1, 5), (0, 1)), FEW_MOVERS) == 4
    done = routed(circuit_of(6, (4, 0), (5, 0)), device(FEW_MOVERS))
    movers = {done.find_bit(step.qubits[0]).index for step in done.data if step.name == "move"}
    assert movers == {0}


def test_two_resonators_hold_two_states():
    # In turns, with rotations of the other qubits: one resonator alone would have to be cleared every time.
    steps: list[tuple[int, ...]] = []
    for _ in range(3):
        steps += [(0, 1), (1,), (5, 6), (6,), (1, 0), (0, 3), (3,), (3, 5), (3,)]
    assert moves(circuit_of(7, *steps), TWO_STARS) == 4


def test_a_cz_of_two_qubits_own_needs_no_move():
    assert moves(circuit_of(4, (2, 3)), MIXED) == 0
    assert moves(circuit_of(4, (2, 3), (2,), (0, 2), (2, 3)), MIXED) == 2


def test_qft_takes_fewer_moves_than_two_for_each_cz():
    circuit = QuantumCircuit(5)
    circuit.append(QFTGate(5), range(5))
    done = native.ready(circuit, device(WIDE_STAR), transpile=True, level=3)
    assert done.count_ops()["move"] < done.count_ops()["cz"]


def test_on_random_circuits_few_alternatives_do_as_well_as_all(monkeypatch: pytest.MonkeyPatch):
    chance = random.Random(5)
    circuits = [
        circuit_of(5, *(tuple(chance.sample(range(5), 1 + (chance.random() < 0.5))) for _ in range(30)))
        for _ in range(12)
    ]
    few = [moves(circuit) for circuit in circuits]
    monkeypatch.setattr(route, "MOST", 10_000)
    monkeypatch.setattr(route, "EFFORT", 10**9)
    assert few == [moves(circuit) for circuit in circuits]
    monkeypatch.setattr(route, "MOST", 1)
    assert sum(few) < sum(moves(circuit) for circuit in circuits)


def test_without_resonators_nothing_changes():
    circuit = circuit_of(3, (0, 1), (1,))
    assert routed(circuit, device(LINE)) is circuit


def test_long_circuits_are_routed_with_fewer_alternatives():
    chance = random.Random(6)
    long = circuit_of(16, *(tuple(chance.sample(range(16), 1 + (chance.random() < 0.7))) for _ in range(6000)))
    done = routed(long, device(WIDE_STAR))
    star.check(done, device(WIDE_STAR))
    gates = done.count_ops()
    assert gates["cz"] == long.count_ops()["cz"]
    assert gates["move"] < 2 * gates["cz"]


# --- moves that users bring ---------------------------------------------------------------
def with_moves(*steps: Iterable[int] | str, width: int = 7) -> QuantumCircuit:
    """A move where the resonator (6) is second, else a cz; r, barrier or measurement by name and qubit."""
    circuit = QuantumCircuit(width, 7)
    for step in steps:
        if isinstance(step, str):
            name, place = step.split()
            match name:
                case "r":
                    circuit.r(0.1, 0.2, int(place))
                case "barrier":
                    circuit.barrier(int(place))
                case _:
                    circuit.measure(int(place), int(place))
        else:
            one, other = step
            circuit.append(Gate("move", 2, []), [one, other]) if other == 6 else circuit.cz(other, 6)
    return circuit


def test_a_circuit_with_moves_of_its_own_stays_as_it_is():
    given = with_moves("r 0", (0, 6), (0, 1), "barrier 0", "r 1", (0, 2), (0, 6), "measure 0")
    for transpile in (True, False):
        assert native.ready(given, device(STAR), transpile=transpile, level=3).data == given.data


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (with_moves((0, 6), "r 0", (0, 6)), "has r on QB1, whose state a move has put into a resonator"),
        (with_moves((0, 6), "measure 0", (0, 6)), "has measure on QB1, whose state"),
        (with_moves((0, 6), (0, 1)), "leaves the state of QB1 in CR1"),
        (with_moves((0, 6), (1, 6), (1, 6), (0, 6)), "moves QB2 into CR1, which holds the state of QB1"),
        (with_moves((0, 6), (0, 1), (0, 6), "r 6"), "has r on CR1, where it is not calibrated"),
        (with_moves((0, 6), (0, 6), width=8), "has 8 qubits; the backend has 6"),
    ],
)
def test_moves_that_make_no_sense_are_refused(given: QuantumCircuit, words: str):
    with pytest.raises(UsageError, match=words):
        native.ready(given, device(STAR), transpile=False, level=1)


def test_a_move_where_none_is_calibrated_is_refused():
    with pytest.raises(UsageError, match="has move on QB3-CR1, where it is not calibrated"):
        native.ready(with_moves((2, 6), (2, 6)), device(FEW_MOVERS), transpile=True, level=1)
    given = with_moves((0, 6), (0, 6))
    with pytest.raises(UsageError, match="has move on QB1-QB7, where it is not calibrated"):
        native.ready(given, device(LINE), transpile=True, level=1)


def test_a_state_is_in_one_resonator_at_a_time():
    given = QuantumCircuit(9)
    for place in (7, 8, 8, 7):
        given.append(Gate("move", 2, []), [3, place])
    with pytest.raises(UsageError, match="moves QB4, whose state is in another resonator"):
        native.ready(given, device(TWO_STARS), transpile=True, level=1)


def test_a_circuit_with_moves_has_a_cz_only_where_it_is_calibrated():
    given = with_moves((0, 6), (0, 6))
    given.cz(0, 1)
    with pytest.raises(UsageError, match="has cz on QB1-QB2, where it is not calibrated"):
        native.ready(given, device(STAR), transpile=True, level=1)


def test_a_circuit_with_moves_is_placed_already():
    with pytest.raises(UsageError, match="leave out qubit_mapping"):
        native.ready(with_moves((0, 6), (0, 6)), device(STAR), transpile=True, level=1, layout=list(range(7)))
