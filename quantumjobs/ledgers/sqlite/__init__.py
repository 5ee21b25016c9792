"""The ledger as one SQLite file, for any number of processes on one host. See docs/explanation/ledger.md."""

from quantumjobs.ledgers.sqlite.health import Health
from quantumjobs.ledgers.sqlite.inline import InlineLedger
from quantumjobs.ledgers.sqlite.ledger import SqliteLedger

__all__ = ["Health", "InlineLedger", "SqliteLedger"]
