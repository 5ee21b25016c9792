"""OriginQ's quantum cloud (`originq/<backend>`): its simulators and chips, as the generation of pyqpanda3 speaks it.

Nothing here imports qiskit in the loop's process; circuits are converted, and results decoded, in workers.
"""

from quantumjobs.adapters.originq.options import NoiseModel
from quantumjobs.adapters.originq.provider import OriginqProvider, provider

__all__ = ["NoiseModel", "OriginqProvider", "provider"]
