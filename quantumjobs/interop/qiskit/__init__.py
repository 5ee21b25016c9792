"""Any backend of ours as one of Qiskit's: for the transpiler, the primitives, and programs written for Aer.

    from qiskit.primitives import BackendSamplerV2
    from quantumjobs.interop.qiskit import backend

    sampler = BackendSamplerV2(backend=backend("aer/statevector"))

Errors are ours and Qiskit's at once: `except quantumjobs.JobFailed` and `except qiskit.providers.JobError` both work.
"""

from quantumjobs.interop.qiskit.backends import QiskitBackend, backend
from quantumjobs.interop.qiskit.jobs import QiskitJob

__all__ = ["QiskitBackend", "QiskitJob", "backend"]
