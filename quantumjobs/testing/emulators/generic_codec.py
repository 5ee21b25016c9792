"""The generic service's pure half: circuits as text, counts as they come."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from quantumjobs.abc import Part, Prepared, Raw, Request
from quantumjobs.core.entries import Entry, entry_from_counts
from quantumjobs.core.results import Result
from quantumjobs.errors import ProviderProtocolError, UsageError
from quantumjobs.testing.emulators import generic_messages as messages
from quantumjobs.wire import decode, shown

NAME = "generic"
SCHEMA = "generic/1"
SHOTS = 100


class GenericCodec:
    """Implements `quantumjobs.abc.Codec`; runs in the loop."""

    inline = frozenset({"prepare", "decode"})

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:  # noqa: ARG002 - nothing is drawn
        """One part. OpenQASM goes as text and QPY in base64; nothing is transpiled."""
        known = msgspec.json.decode(about, type=messages.About)
        if request.memory:
            raise UsageError("the generic service gives counts; it keeps no memory of single shots")
        if not 1 <= len(request.circuits) <= known.max_circuits:
            raise UsageError(f"{len(request.circuits)} circuits: {NAME}/{known.name} takes 1 to {known.max_circuits}")
        shots = SHOTS if request.shots is None else request.shots
        if not 1 <= shots <= known.max_shots:
            raise UsageError(f"shots={shots}: {NAME}/{known.name} takes 1 to {known.max_shots}")
        circuits = tuple(_circuit(one.form, one.body, one.label) for one in request.circuits)
        payload = messages.Payload(backend=request.backend, shots=shots, circuits=circuits)
        return Prepared(
            parts=(Part(payload=msgspec.json.encode(payload), layout=b"%d" % len(circuits), count=len(circuits)),)
        )

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        """One entry per circuit."""
        if raw.schema != SCHEMA:
            raise ProviderProtocolError(f"no result of the generic service: schema {raw.schema!r}", provider=NAME)
        outcome = decode(raw.blobs["body"], messages.Outcome, provider=NAME, what="the result")
        if layout is not None and len(outcome.counts) != int(layout):
            raise ProviderProtocolError(
                f"{NAME}: results of {len(outcome.counts)} circuits, and {int(layout)} were sent", provider=NAME
            )
        return Result.of([_entry(counts, place) for place, counts in enumerate(outcome.counts)])


def _circuit(form: str, body: bytes, label: str) -> messages.Circuit:
    if form == "qasm":
        return messages.Circuit(form, body.decode())
    if form == "qpy":
        return messages.Circuit(form, msgspec.to_builtins(body))
    where = f"{label}: " if label else ""
    raise UsageError(f"{where}the generic service takes OpenQASM text and QPY, not a circuit as {form}")


def _entry(counts: Mapping[str, int], place: int) -> Entry:
    try:
        return entry_from_counts(counts, name=f"circuit-{place}")
    except (ValueError, OverflowError) as error:
        raise ProviderProtocolError(f"{NAME}: counts that are none: {shown(str(error))}", provider=NAME) from error
