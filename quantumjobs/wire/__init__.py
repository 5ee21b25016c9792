"""The wire: one face of HTTP for all adapters over the network.

An adapter holds one `Wire` per lane. It gets whole replies or this library's errors, never an exception of httpx.
"""

from quantumjobs.wire.bodies import Limits
from quantumjobs.wire.credentials import Credential
from quantumjobs.wire.documents import decode
from quantumjobs.wire.origins import Origin
from quantumjobs.wire.paths import step
from quantumjobs.wire.replies import Reply, Told, check, shown
from quantumjobs.wire.secrets import Secret, masked
from quantumjobs.wire.wire import Deadlines, Unsigned, Wire

__all__ = [
    "Credential",
    "Deadlines",
    "Limits",
    "Origin",
    "Reply",
    "Secret",
    "Told",
    "Unsigned",
    "Wire",
    "check",
    "decode",
    "masked",
    "shown",
    "step",
]
