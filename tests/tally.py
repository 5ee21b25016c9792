"""What a reader should know of a whole run, whichever process of it saw it: told at its end."""

from __future__ import annotations

from collections import Counter

import pytest

_TALLY = pytest.StashKey[Counter[str]]()


def tally(config: pytest.Config) -> Counter[str]:
    """Counts by their name; one that begins with NO is told in red."""
    return config.stash.setdefault(_TALLY, Counter())
