"""The rule suites: subclass one in a test module, say what is to be tested, and every rule runs as a test.

    class TestMyLedger(LedgerRules):
        async def make_ledger(self) -> Ledger:
            return MyLedger()

Any runner that collects `test_*` methods will do. With pytest, `pytest.register_assert_rewrite` for the modules
`quantumjobs.testing.ledger_rules` and `quantumjobs.testing.adapter_rules` shows the values behind a broken rule.
"""

from quantumjobs.testing.adapter_rules import AdapterRules
from quantumjobs.testing.ledger_rules import LedgerRules

__all__ = ["AdapterRules", "LedgerRules"]
