"""IQM: quantum computers of an IQM Server (`iqm/<alias>`), in IQM Resonance or on your premises.

Nothing here imports qiskit in the loop's process; circuits are converted, and results decoded, in workers.
"""

from quantumjobs.adapters.iqm.provider import IqmProvider, provider

__all__ = ["IqmProvider", "provider"]
