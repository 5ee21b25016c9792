"""`quantumjobs download`: the files of a hybrid job."""

from __future__ import annotations

from pathlib import Path

from quantumjobs.cli import programs
from quantumjobs.cli.asked_programs import Download
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.terminal import Terminal
from quantumjobs.display import neutral
from quantumjobs.engine.hybrid import HybridJob


def download(asked: Download, terminal: Terminal) -> Exit:
    """Unpack them, and print where. Raises `UsageError` for an id or a folder, and what `download_result` raises."""
    folder: Path | None = None

    async def get(job: HybridJob) -> None:
        nonlocal folder
        folder = await job.download_result(asked.folder)

    job, cut = programs.use(asked.id, get, follows=True, timeout=asked.timeout)
    code = Exit.DONE if cut is None else cut.code
    if asked.json:
        terminal.show([document("download", code, cut, job=job.id, folder=None if folder is None else str(folder))])
    elif folder is not None:
        terminal.show([f"unpacked into {neutral(str(folder), unicode=terminal.unicode)}"])
    if cut is not None:
        terminal.complain(cut)
    return code
