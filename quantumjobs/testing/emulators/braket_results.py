"""Values of what a program asks for: from a state, exactly, or from what was drawn."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.braket_pragmas import Factor, Result, document
from quantumjobs.testing.emulators.braket_qasm import Program


# --- exactly ------------------------------------------------------------------------------
def exact(program: Program, used: Sequence[int], state: Any) -> bytes:
    """Values as JSON, from a vector or a density matrix whose first qubit is the most significant one."""
    here = State(state, used)
    return msgspec.json.encode([{"type": document(one), "value": _exactly(one, here)} for one in program.results])


class State:
    """A vector or a density matrix, by qubits."""

    def __init__(self, data: Any, used: Sequence[int]) -> None:
        import numpy as np

        self.data = np.asarray(data)
        self.used = list(used)
        self.mixed = self.data.ndim == 2
        self.tensor = self.data.reshape([2] * (len(used) * self.data.ndim))

    def axes(self, qubits: Sequence[int]) -> list[int]:
        """Of these qubits."""
        return [self.used.index(qubit) for qubit in qubits]

    def probabilities(self, qubits: Sequence[int]) -> Any:
        """In the order of the qubits."""
        import numpy as np

        whole = np.real(np.diagonal(self.data)) if self.mixed else np.abs(self.data) ** 2
        axes = self.axes(qubits)
        others = [axis for axis in range(len(self.used)) if axis not in axes]
        return whole.reshape([2] * len(self.used)).transpose(axes + others).reshape(1 << len(axes), -1).sum(axis=1)

    def reduced(self, qubits: Sequence[int]) -> Any:
        """The density matrix of these qubits."""
        import numpy as np

        axes, size = self.axes(qubits), len(self.used)
        others = [axis for axis in range(size) if axis not in axes]
        order, wide = axes + others, 1 << len(axes)
        if self.mixed:
            pairs = self.tensor.transpose(order + [size + axis for axis in order])
            return np.einsum("ajbj->ab", pairs.reshape(wide, -1, wide, 1 << len(others)))
        whole = self.tensor.transpose(order).reshape(wide, -1)
        return whole @ whole.conj().T


def _exactly(one: Result, state: State) -> Any:
    qubits = one.qubits or tuple(state.used)
    match one.kind:
        case "state_vector":
            return _complex(state.data)
        case "amplitude":
            return {bits: _complex(state.data[int(bits, 2)]) for bits in one.states}
        case "density_matrix":
            return _complex(state.reduced(qubits))
        case "probability":
            return state.probabilities(qubits).tolist()
    if not one.qubits:
        return [_moment(one, (Factor(one.factors[0].name, (qubit,)),), state) for qubit in qubits]
    return _moment(one, one.factors, state)


def _moment(one: Result, factors: Sequence[Factor], state: State) -> float:
    import numpy as np

    whole = functools.reduce(np.kron, map(operator, factors))
    reduced = state.reduced([qubit for factor in factors for qubit in factor.qubits])
    mean = np.trace(reduced @ whole).real
    return float(mean if one.kind == "expectation" else np.trace(reduced @ whole @ whole).real - mean**2)


def _complex(found: Any) -> Any:
    import numpy as np

    return np.stack([found.real, found.imag], axis=-1).tolist()


def operator(factor: Factor) -> Any:
    """As a numpy array."""
    import numpy as np

    root = np.sqrt(0.5)
    known = {
        "x": [[0, 1], [1, 0]],
        "y": [[0, -1j], [1j, 0]],
        "z": [[1, 0], [0, -1]],
        "h": [[root, root], [root, -root]],
        "i": [[1, 0], [0, 1]],
        "hermitian": factor.matrix,
    }
    return np.array(known[factor.name], dtype=complex)


# --- from what was drawn ------------------------------------------------------------------
def rotations(program: Program, used: Sequence[int]) -> Iterator[tuple[tuple[int, ...], Any]]:
    """What makes observables measurable, each once: qubits and a matrix. Raises `UsageError` where two do not agree."""
    done: dict[int, Factor] = {}
    for factor in _factors(program, used):
        known = {done.get(qubit) for qubit in factor.qubits}
        if known == {factor}:
            continue
        if known != {None}:
            raise UsageError("Conflicting result types applied to a single qubit")
        done |= dict.fromkeys(factor.qubits, factor)
        if factor.name not in ("z", "i"):
            yield factor.qubits, _basis(factor)[1].conj().T


def _factors(program: Program, used: Sequence[int]) -> Iterator[Factor]:
    for one in program.results:
        for factor in one.factors:
            if factor.name != "i":
                yield from [factor] if factor.qubits else [Factor(factor.name, (qubit,)) for qubit in used]


def _basis(factor: Factor) -> tuple[Any, Any]:
    """Values and vectors; bit 0 is the value +1 of x, y, z and h."""
    import numpy as np

    if factor.name in ("z", "i"):
        return np.array([1.0, -1.0 if factor.name == "z" else 1.0]), np.eye(2)
    values, vectors = np.linalg.eigh(operator(factor))
    return (values, vectors) if factor.matrix else (values[::-1], vectors[:, ::-1])


def sampled(program: Program, order: Sequence[int], texts: Sequence[str]) -> bytes:
    """Values as JSON, from outcomes whose column i, from the right, is the qubit `order[i]`."""
    return msgspec.json.encode(
        [{"type": document(one), "value": _from_samples(one, order, texts)} for one in program.results]
    )


def _from_samples(one: Result, order: Sequence[int], texts: Sequence[str]) -> Any:
    if one.kind == "probability":
        qubits = one.qubits or tuple(order)
        found = Counter(_bits(text, qubits, order) for text in texts)
        return [found[at] / len(texts) for at in range(1 << len(qubits))]
    if one.qubits:
        return _observed(one.kind, one.factors, order, texts)
    return [_observed(one.kind, (Factor(one.factors[0].name, (qubit,)),), order, texts) for qubit in order]


def _observed(kind: str, factors: Sequence[Factor], order: Sequence[int], texts: Sequence[str]) -> Any:
    import numpy as np

    samples = np.ones(len(texts))
    for factor in factors:
        values = _basis(factor)[0]
        samples *= np.array([values[_bits(text, factor.qubits, order)] for text in texts])
    if kind == "sample":
        return samples.tolist()
    return float(samples.mean() if kind == "expectation" else samples.var())


def _bits(text: str, qubits: Sequence[int], order: Sequence[int]) -> int:
    """The outcome of these qubits as a number, the first one being the most significant."""
    return int("".join(text[-1 - order.index(qubit)] for qubit in qubits), 2)
