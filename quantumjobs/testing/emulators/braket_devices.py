"""Devices of the Braket emulator: two simulators, two QPUs, one that is offline and one of the past."""

from __future__ import annotations

from msgspec import Struct

from quantumjobs.testing.emulators.braket_check import Rules

OPENQASM, PROGRAM_SET = "braket.ir.openqasm.program", "braket.ir.openqasm.program_set"
_ONE = ("i", "h", "x", "y", "z", "s", "si", "t", "ti", "v", "vi", "rx", "ry", "rz", "phaseshift")
_TWO = ("cnot", "cz", "cy", "cv", "swap", "iswap", "ecr", "xx", "yy", "zz", "xy", "pswap")
_PHASES = ("cphaseshift", "cphaseshift00", "cphaseshift01", "cphaseshift10")
_THREE = ("ccnot", "cswap")
_IONS = ("gpi", "gpi2", "ms")
_ALL = (*_ONE, *_TWO, *_PHASES, *_THREE, *_IONS, "prx", "U", "gphase", "unitary")
_DRAWN = ("sample", "expectation", "variance", "probability")


class Device(Struct, frozen=True, kw_only=True):
    """What is told of it, and what it takes."""

    arn: str
    name: str
    provider: str
    rules: Rules
    status: str = "ONLINE"
    shots: tuple[int, int]
    price: tuple[float, str]
    """In US dollars, for a "shot" or a "minute"."""
    sets: tuple[int, int] | None = None
    """Executables and shots that a program set may have; None for a device that takes none."""
    probabilities: bool = False
    """Results are probabilities of outcomes, and no shots."""

    @property
    def type(self) -> str:
        """QPU or SIMULATOR."""
        return "SIMULATOR" if "quantum-simulator" in self.arn else "QPU"

    @property
    def region(self) -> str:
        """Where it is; empty for one that is everywhere."""
        return self.arn.split(":")[3]


def lattice(rows: tuple[int, ...], *, first: int = 1) -> tuple[tuple[int, int], ...]:
    """Pairs of neighbours in rows of qubits, each row (start, end) centred on the one before."""
    places: dict[tuple[int, int], int] = {}
    widest = max(rows)
    for row, length in enumerate(rows):
        for at in range(length):
            places[row, (widest - length) // 2 + at] = first + len(places)
    pairs = []
    for (row, column), qubit in places.items():
        pairs += [(qubit, places[other]) for other in ((row, column + 1), (row + 1, column)) if other in places]
    return tuple(sorted((min(pair), max(pair)) for pair in pairs))


def _simulator(name: str, *, qubits: int, results: tuple[str, ...], noise: bool, price: float) -> Device:
    rules = Rules(gates=_ALL, count=qubits, modifiers=True, noise=noise, results=results)
    arn = f"arn:aws:braket:::device/quantum-simulator/amazon/{name.lower()}"
    return Device(
        arn=arn, name=name, provider="Amazon Braket", rules=rules, shots=(0, 100_000), price=(price, "minute"),
        sets=(100, 100_000) if name == "SV1" else None,
    )  # fmt: skip


_GARNET = Rules(
    gates=(*_ONE, *_TWO, *_PHASES, *_THREE, "prx"),
    native=("prx", "cz"),
    count=20,
    first=1,
    edges=lattice((2, 5, 6, 5, 2)),
    physical=True,
    results=_DRAWN,
)
_FORTE = Rules(
    gates=(*_ONE[:-1], "cnot", "swap", "xx", "yy", "zz", *_IONS),
    native=_IONS,
    count=36,
    physical=True,
    results=_DRAWN,
)
_IQM, _IONQ = "arn:aws:braket:eu-north-1::device/qpu/iqm/", "arn:aws:braket:us-east-1::device/qpu/ionq/"
DEVICES = (
    _simulator("SV1", qubits=34, results=("state_vector", "density_matrix", "amplitude", *_DRAWN), noise=False, price=0.075),
    _simulator("DM1", qubits=17, results=("density_matrix", *_DRAWN), noise=True, price=0.075),
    Device(
        arn=f"{_IQM}Garnet", name="Garnet", provider="IQM", rules=_GARNET, shots=(1, 20_000), price=(0.00145, "shot"),
        sets=(100, 100_000),
    ),
    Device(
        arn=f"{_IONQ}Forte-1", name="Forte-1", provider="IonQ", rules=_FORTE, shots=(1, 5_000), price=(0.08, "shot"),
        probabilities=True,
    ),
    Device(
        arn=f"{_IQM}Emerald", name="Emerald", provider="IQM", rules=_GARNET, shots=(1, 20_000), price=(0.0016, "shot"),
        status="OFFLINE",
    ),
    Device(
        arn=f"{_IONQ}Harmony", name="Harmony", provider="IonQ", rules=_FORTE, shots=(1, 10_000), price=(0.01, "shot"),
        status="RETIRED", probabilities=True,
    ),
)  # fmt: skip
"""The chips' shapes are made up; they are like the real ones."""
