"""Local simulation by Qiskit Aer: address `aer`, or `aer/<method>`. Needs no account and no network.

Nothing here imports qiskit in the loop's process; preparing and simulating happen in workers.
"""

from quantumjobs.adapters.aer.provider import AerProvider, provider

__all__ = ["AerProvider", "provider"]
