"""What emulators need besides the library."""

from __future__ import annotations

from importlib.util import find_spec

from quantumjobs.errors import UsageError


def check() -> None:
    """Raise `UsageError` where the extra is not installed."""
    needed = {"cryptography": "cryptography", "jwt": "pyjwt", "starlette": "starlette", "uvicorn": "uvicorn"}
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"emulators need {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed: "
            'pip install "quantumjobs[emulators]"'
        )
