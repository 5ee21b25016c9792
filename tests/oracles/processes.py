"""Programs in vendors' environments: given plans on standard input, they answer in JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


async def carried_out(
    plans: Sequence[dict[str, Any]], command: Sequence[str], *, env: Mapping[str, str], home: Path, patience: float
) -> list[dict[str, Any]]:
    """What comes of the plans, all in one process, which may take `patience` seconds."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        cwd=home,
    )
    try:
        async with asyncio.timeout(patience):
            out, err = await process.communicate(json.dumps(list(plans)).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return json.loads(out)
