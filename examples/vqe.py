"""A variational quantum eigensolver: Qiskit's estimator and scipy's optimiser, on any backend of ours.

The ground state of a hydrogen molecule at its bond length, from a two-qubit Hamiltonian; its exact energy is -1.857.
"""

import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import BackendEstimatorV2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from scipy.optimize import minimize

from quantumjobs.interop.qiskit import backend

HYDROGEN = SparsePauliOp(
    ["II", "IZ", "ZI", "ZZ", "XX"],
    [-1.052373245772859, 0.39793742484318045, -0.39793742484318045, -0.01128010425623538, 0.18093119978423156],
)


def main() -> None:
    aer = backend("aer/statevector")  # another address, another machine
    ansatz = generate_preset_pass_manager(optimization_level=1, backend=aer).run(efficient_su2(2, reps=1))
    observable = HYDROGEN.apply_layout(ansatz.layout)
    estimator = BackendEstimatorV2(backend=aer, options={"seed_simulator": 7, "default_precision": 0.01})

    def energy(parameters: np.ndarray) -> float:
        return float(estimator.run([(ansatz, observable, parameters)]).result()[0].data.evs)

    start = np.random.default_rng(7).uniform(-1, 1, ansatz.num_parameters)
    found = minimize(energy, start, method="COBYLA", options={"maxiter": 60})
    exact = np.linalg.eigvalsh(HYDROGEN.to_matrix())[0]
    print(f"energy after {found.nfev} evaluations: {found.fun:.3f} (exact: {exact:.3f})")


if __name__ == "__main__":
    main()
