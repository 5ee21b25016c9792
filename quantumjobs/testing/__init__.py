"""Tools for testing code that uses this library, and for plug-in authors: a clock that jumps, fakes, rule suites."""

from quantumjobs.testing.clock import Deadlock, Livelock, VirtualLoop, run
from quantumjobs.testing.fake import FakeProvider, Fault
from quantumjobs.testing.rules import AdapterRules, LedgerRules

__all__ = ["AdapterRules", "Deadlock", "FakeProvider", "Fault", "LedgerRules", "Livelock", "VirtualLoop", "run"]
