"""The SQLite ledger: every rule of the contract, in both journal modes, with its thread and without."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal

from quantumjobs.abc import Ledger
from quantumjobs.ledgers.sqlite import InlineLedger, SqliteLedger
from quantumjobs.ledgers.sqlite.face import StoreLedger
from quantumjobs.testing.ledger_rules import LedgerRules


class SqliteRules(LedgerRules):
    journal_mode: Literal["wal", "delete"]
    kind: type[StoreLedger] = SqliteLedger

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            self.path = Path(directory) / "ledger.sqlite3"
            if self.kind is SqliteLedger:
                asyncio.run(main)
            else:
                super().run(main)

    async def make_ledger(self) -> Ledger:
        return self.kind(self.path, journal_mode=self.journal_mode)

    async def reopen(self, ledger: Ledger) -> Ledger:
        await ledger.aclose()
        return await self.make_ledger()

    async def beside(self, ledger: Ledger) -> Ledger:
        return await self.make_ledger()


class TestWithARollbackJournal(SqliteRules):
    journal_mode = "delete"


class TestWithAWriteAheadLog(SqliteRules):
    journal_mode = "wal"


class TestInline(SqliteRules):
    journal_mode = "delete"
    kind = InlineLedger
