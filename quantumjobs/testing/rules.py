"""The rule suites: subclass one in a test module, say what is to be tested, and every rule runs as a test.

    class TestMyLedger(LedgerRules):
        async def make_ledger(self) -> Ledger:
            return MyLedger()

`LedgerRules` are a ledger's, `AdapterRules` a provider's in good weather, and `FaultRules` a provider's in any other.

Any runner that collects `test_*` methods will do. With pytest, `pytest.register_assert_rewrite` for the modules
`quantumjobs.testing.ledger_rules`, `quantumjobs.testing.adapter_rules` and `quantumjobs.testing.fault_acts` shows the
values behind a broken rule. `FaultRules` needs the extra `emulators`, and is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from quantumjobs.testing.adapter_rules import AdapterRules
from quantumjobs.testing.ledger_rules import LedgerRules

if TYPE_CHECKING:
    from quantumjobs.testing.fault_rules import FaultRules

__all__ = ["AdapterRules", "FaultRules", "LedgerRules"]


def __getattr__(name: str) -> Any:
    """Raises `UsageError` for what needs the extra where it is missing."""
    if name != "FaultRules":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    importlib.import_module("quantumjobs.testing.emulators.needs").check()
    return importlib.import_module("quantumjobs.testing.fault_rules").FaultRules
