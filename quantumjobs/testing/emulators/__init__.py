"""Clouds on your own machine: each speaks its vendor's protocol on loopback, runs the circuits, and breaks as told.

    async with serve(AqtEmulator(seed=7)) as url:
        ...

Needs the extra `emulators`. Names are imported when they are first used: workers come here for a run function, and have
no use for a web server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantumjobs.testing.emulators.aqt import AqtEmulator as AqtEmulator
    from quantumjobs.testing.emulators.braket import BraketEmulator as BraketEmulator
    from quantumjobs.testing.emulators.faults import Fault as Fault
    from quantumjobs.testing.emulators.faults import read_faults as read_faults
    from quantumjobs.testing.emulators.frame import Emulator as Emulator
    from quantumjobs.testing.emulators.generic import GenericEmulator as GenericEmulator
    from quantumjobs.testing.emulators.generic_adapter import GenericProvider as GenericProvider
    from quantumjobs.testing.emulators.iqm import IqmEmulator as IqmEmulator
    from quantumjobs.testing.emulators.originq import OriginqEmulator as OriginqEmulator
    from quantumjobs.testing.emulators.serving import serve as serve

_HOMES = {
    "AqtEmulator": "aqt",
    "BraketEmulator": "braket",
    "Emulator": "frame",
    "Fault": "faults",
    "GenericEmulator": "generic",
    "GenericProvider": "generic_adapter",
    "IqmEmulator": "iqm",
    "OriginqEmulator": "originq",
    "read_faults": "faults",
    "serve": "serving",
}
_SERVED = {"AqtEmulator", "BraketEmulator", "Emulator", "GenericEmulator", "IqmEmulator", "OriginqEmulator", "serve"}

__all__ = [
    "AqtEmulator",
    "BraketEmulator",
    "Emulator",
    "Fault",
    "GenericEmulator",
    "GenericProvider",
    "IqmEmulator",
    "OriginqEmulator",
    "read_faults",
    "serve",
]


def __getattr__(name: str) -> Any:
    """Raises `UsageError` for what needs the extra where it is missing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _SERVED:
        importlib.import_module(f"{__name__}.needs").check()
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
