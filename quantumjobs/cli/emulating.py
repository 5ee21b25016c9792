"""`quantumjobs emulate`: serve an emulator up to Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from quantumjobs.cli.asked import VENDORS, Emulate
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.interrupts import ignore
from quantumjobs.cli.terminal import Terminal
from quantumjobs.testing import emulators

if TYPE_CHECKING:
    from quantumjobs.testing.emulators import Emulator

_HINTS = {
    "aqt": "AQT_TOKEN={token} AQT_PORTAL_URL={url} AQT_DIRECT_URL={url}",
    "aqt, signed in": "AQT_ARNICA_URL={url}/api AQT_CLIENT_ID={client} AQT_CLIENT_SECRET=..., and the issuer {url}/",
    "braket": "AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={secret} AWS_DEFAULT_REGION=us-east-1",
    "iqm": "IQM_TOKEN={token} IQM_SERVER_URL={url} IQM_QUANTUM_COMPUTER=garnet",
    "originq": "ORIGIN_API_KEY={token} ORIGINQ_URL={url}",
    "generic": "quantumjobs.testing.emulators.GenericProvider(url='{url}', token='{token}')",
}
"""How clients of a vendor find the emulator."""


def emulate(asked: Emulate, terminal: Terminal) -> Exit:
    """Being ended is what it waits for, so that is no interruption. Raises `UsageError` for what cannot be served."""
    make: type[Emulator] = getattr(emulators, VENDORS[asked.vendor])
    emulator = make(**asked.settings, faults=asked.faults)
    with suppress(KeyboardInterrupt):  # where signals cannot be handled in the loop
        asyncio.run(_serve(emulator, asked, terminal))
    ignore()
    return Exit.DONE


async def _serve(emulator: Emulator, asked: Emulate, terminal: Terminal) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            loop.add_signal_handler(number, ended.set)
    async with emulators.serve(emulator, asked.port, warm=True) as url:
        terminal.show([f"listening on {url}"])
        settings = asked.settings
        way = f"{asked.vendor}, signed in" if settings.get("sign_in") else asked.vendor
        token = settings.get("token") or "any"
        key, _, secret = token.partition(":")
        known = {"token": token, "client": settings.get("client_id") or "any", "key": key, "secret": secret or "any"}
        hint = _HINTS[way].format(url=url, **known)
        terminal.say(f"this is an emulator of {asked.vendor}; Ctrl-C ends it. Its clients find it by", hint=hint)
        await ended.wait()
