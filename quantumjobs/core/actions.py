"""What the engine must do after a step: imperative, without behaviour."""

from __future__ import annotations

from enum import Enum


class Action(Enum):
    """One thing to do for one job, outside the pure core."""

    ENQUEUE = "enqueue"
    """Give the job to its lane, which sends it when it may."""
    SEND = "send"
    """Send the one request that `submitting(n)` stands for."""
    RESOLVE = "resolve"
    """In doubt: find it, send the same bytes again where that is safe, or tell the user."""
    WATCH = "watch"
    """Look at the job from now on."""
    UNWATCH = "unwatch"
    """Stop looking."""
    CANCEL = "cancel"
    """Ask the provider to cancel."""
    FETCH = "fetch"
    """Get the result and keep it."""
