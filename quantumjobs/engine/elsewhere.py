"""Jobs of a provider, account or origin that this client has no settings for: kept and shown, never asked about."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

from quantumjobs.abc import Adapter, Codec, Report
from quantumjobs.core.records import JobRecord
from quantumjobs.core.traits import Traits
from quantumjobs.errors import UsageError


class Elsewhere:
    """Stands in for a provider that is not set up here. Whatever needs the provider itself raises `why`."""

    def __init__(self, name: str, why: UsageError) -> None:
        self.name = name
        self._why = why

    @property
    def codec(self) -> Codec:
        """Raises: its results cannot be read without it."""
        self._refuse()

    def lane(self, backend: str) -> str:  # noqa: ARG002 - none is ours
        """No lane that a record could have."""
        return ""

    def family(self, backend: str) -> str:  # noqa: ARG002 - as above
        """Raises."""
        self._refuse()

    def traits(self, family: str) -> Traits:  # noqa: ARG002 - nothing is known of it
        """The most careful ones."""
        return Traits()

    def admit(self, backend: str, options: Mapping[str, Any]) -> NoReturn:  # noqa: ARG002 - as above
        """Raises."""
        self._refuse()

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:  # noqa: ARG002 - as above
        """Raises."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise UsageError(str(self._why))


def not_set_up(record: JobRecord, error: Exception) -> UsageError:
    """Its provider cannot be made here."""
    return UsageError(
        f"job {record.id} belongs to {record.lane}, which is not set up here ({error}); it is kept and not asked about"
    )


def other_settings(record: JobRecord, here: str) -> UsageError:
    """Its provider is set up with another origin or account."""
    return UsageError(
        f"job {record.id} belongs to {record.lane}, and {record.provider!r} is set up as {here} here; "
        "it is kept and not asked about"
    )
