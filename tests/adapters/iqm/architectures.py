"""Dynamic architectures for tests: a line, grids, and stars, also odd ones."""

from __future__ import annotations

from collections.abc import Iterable

from quantumjobs.adapters.iqm.device import Device
from quantumjobs.adapters.iqm.messages import About, Architecture, GateInfo, Implementation
from quantumjobs.testing.emulators import iqm_computers

CALIBRATION = "cd4dd889-b88b-4370-ba01-eb8262ad9c53"


def architecture(
    qubits: Iterable[str],
    pairs: Iterable[tuple[str, str]],
    *,
    resonators: tuple[str, ...] = (),
    moves: Iterable[tuple[str, str]] = (),
    conditional: bool = True,
) -> Architecture:
    """prx and measure on all qubits, cz on the pairs, and where it is so conditional prx on all qubits."""
    names = tuple(qubits)
    singles = tuple((name,) for name in names)
    loci = {"prx": singles, "measure": singles, "cz": tuple(pairs)}
    if conditional:
        loci["cc_prx"] = singles
    if resonators:
        loci["move"] = tuple(moves)
    gates = {gate: GateInfo({"usual": Implementation(places)}) for gate, places in loci.items()}
    return Architecture(calibration_set_id=CALIBRATION, qubits=names, computational_resonators=resonators, gates=gates)


def about(architecture: Architecture, **more: dict[str, dict[str, float]]) -> About:
    return About(alias="here", architecture=architecture, **more)


def device(architecture: Architecture, **more: dict[str, dict[str, float]]) -> Device:
    return Device.of(about(architecture, **more))


names = iqm_computers.names


def spokes(number: int, resonator: str = "CR1", first: int = 1) -> list[tuple[str, str]]:
    """Each qubit with the resonator."""
    return [(f"QB{place}", resonator) for place in range(first, first + number)]


LINE = architecture(names(7), iqm_computers.line(7))
GRID = architecture(names(9), iqm_computers.lattice(((0, 3), (0, 3), (0, 3))))
STAR = architecture(names(6), spokes(6), resonators=("CR1",), moves=spokes(6))
GARNET = architecture(names(20), iqm_computers.lattice(((1, 2), (0, 5), (0, 5), (0, 5), (1, 3))))
WIDE_STAR = architecture(names(16), spokes(16), resonators=("CR1",), moves=spokes(16))
FEW_MOVERS = architecture(names(6), spokes(6), resonators=("CR1",), moves=spokes(2))
"""Only two of the qubits can move, so that not all pairs have a cz."""
TWO_STARS = architecture(
    names(7),
    [*spokes(4), *spokes(4, "CR2", 4)],
    resonators=("CR1", "CR2"),
    moves=[*spokes(4), *spokes(4, "CR2", 4)],
)
"""Two resonators with one qubit in common."""
MIXED = architecture(names(4), [*spokes(3), ("QB3", "QB4")], resonators=("CR1",), moves=spokes(3))
"""A star, and a qubit that is coupled to one of its qubits directly."""
WITHOUT_CONDITIONS = architecture(names(5), iqm_computers.line(5), conditional=False)
