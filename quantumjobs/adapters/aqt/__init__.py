"""AQT's cloud: address `aqt/<workspace>/<resource>`. Needs an account and its token.

Nothing here imports qiskit in the loop's process; circuits are converted, and results decoded, in workers.
"""

from quantumjobs.adapters.aqt.provider import AqtProvider, provider

__all__ = ["AqtProvider", "provider"]
