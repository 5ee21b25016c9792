"""AQT: its cloud (`aqt/<workspace>/<resource>`), devices with direct access (`aqt/direct/<host>`), offline simulators.

Nothing here imports qiskit in the loop's process; circuits are converted, and results decoded, in workers.
"""

from quantumjobs.adapters.aqt.provider import AqtProvider, provider

__all__ = ["AqtProvider", "provider"]
