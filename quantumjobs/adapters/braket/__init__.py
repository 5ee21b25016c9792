"""Amazon Braket (`braket/<device>`): quantum tasks on its simulators and QPUs, over requests signed here.

Nothing here imports qiskit in the loop's process; circuits are converted, and results decoded, in workers.
"""

from quantumjobs.adapters.braket.provider import BraketProvider, provider

__all__ = ["BraketProvider", "provider"]
