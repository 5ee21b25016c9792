"""Answers about tasks to entries of results, and the shares of a circuit to its expectation values. In a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import isfinite
from operator import or_
from typing import Any, NamedTuple

from quantumjobs.adapters.originq import answers, keys
from quantumjobs.adapters.originq.answers import Answer, Unread
from quantumjobs.adapters.originq.plans import AMPLITUDES, COUNTS, PROBABILITIES, TERMS, Plan
from quantumjobs.circuits import pauli
from quantumjobs.core import bits as packed
from quantumjobs.core.entries import Entry, entry, entry_from_counts, failed_entry
from quantumjobs.core.results import CircuitResult, Result

SHARES = "shares"
_WIDEST = 10_000
"""Bits of an outcome that are believed where nobody knows the circuit: a few bytes must not claim gigabytes."""
_MOST = 1e15
"""Shots of one outcome that are believed; whole numbers up to here are whole as floats, too."""


def entries(body: bytes, plans: Sequence[Plan] | None) -> list[Entry]:
    """One entry a program. What cannot be read fails the program it is about, or all where that cannot be told.

    Without `plans` (a job that somebody else sent) as far as the answer tells.
    """
    try:
        answer = answers.read(body)
        count = _programs(answer, plans)
    except Unread as error:
        return [failed_entry(str(error), name=plan.name) for plan in plans or [_unplanned(0)]]
    return [_entry(answer, at, plans[at] if plans is not None else _guessed(answer, at)) for at in range(count)]


def _programs(answer: Answer, plans: Sequence[Plan] | None) -> int:
    found = [len(one) for one in (answer.probabilities, answer.counts) if one is not None]
    if not found:
        raise Unread("the provider says that it is finished, and gave no result")
    count = found[0] if plans is None else len(plans)
    if any(one != count for one in found):
        told = " and ".join(f"{one} result{'s' if one != 1 else ''}" for one in dict.fromkeys(found))
        raise Unread(f"the provider gave {told} for {count} programs")
    return count


def _unplanned(at: int, wants: str = COUNTS) -> Plan:
    return Plan(name=f"circuit {at}", wants=wants, shots=None)


def _guessed(answer: Answer, at: int) -> Plan:
    """What somebody else's program was for: amplitudes show themselves by their names."""
    try:
        names = answers.named_in_lower_case(None if answer.probabilities is None else answer.probabilities[at])
    except Unread:
        return _unplanned(at)
    return _unplanned(at, AMPLITUDES if "valuereal" in names else COUNTS)


def _entry(answer: Answer, at: int, plan: Plan) -> Entry:
    try:
        return _READERS[plan.wants](answer, at, plan)
    except Unread as error:
        return failed_entry(str(error), name=plan.name, shots=plan.shots or 0)


# --- counts ---------------------------------------------------------------------------------
def _counted(answer: Answer, at: int, plan: Plan) -> Entry:
    """As often as each outcome came; with the service's own distribution beside it."""
    facts = _facts(answer, plan)
    counts = _outcomes(answer.counts, answer, at, plan)
    try:
        distribution = _outcomes(answer.probabilities, answer, at, plan)
    except Unread as error:
        if counts is None:
            raise
        distribution = None  # beside counts it is an extra
        facts["metadata"] = {**facts["metadata"], "probabilities_unread": str(error)}
    there = [one for one in (counts, distribution) if one is not None]
    if not there:
        raise Unread("the provider gave no result for it")
    clbits = plan.clbits if plan.measured else max(one.width for one in there)
    if not plan.measured and clbits > _WIDEST:
        raise Unread(f"the result has outcomes of {clbits} bits")
    data = {} if distribution is None else {"probabilities": _texts(distribution.weights, clbits, plan)}
    if counts is not None:
        times = {hex(outcome): _whole(number) for outcome, number in counts.weights.items()}
    elif plan.shots is None:
        return entry(b"", clbits, shots=0, data=data, **facts)
    else:
        times = {hex(outcome): number for outcome, number in derived(there[0].weights, plan.shots).items()}
        facts["metadata"] = {**facts["metadata"], "counts_derived": True}
    times = {key: number for key, number in times.items() if number}
    return entry_from_counts(times, clbits, data=data, **facts)


class _Outcomes(NamedTuple):
    weights: dict[int, float]
    width: int
    """Bits of an outcome, as far as it is known."""


def _outcomes(documents: Sequence[Any] | None, answer: Answer, at: int, plan: Plan) -> _Outcomes | None:
    """By the circuit's clbits; None where there is no such document."""
    if documents is None or documents[at] is None:
        return None
    found = answers.histogram(documents[at])
    size = answer.sizes[at] if at < len(answer.sizes) else None
    widths = [len(plan.measured), plan.bits] if plan.measured else [] if size is None else [size]
    values, text = keys.numbers(found.keys, widths)
    seen = reduce(or_, values, 0)
    # Of OriginIR that somebody gave, `clbits` is what it declares, and `bits` only what it uses.
    wholes = (plan.bits, plan.clbits)
    place = keys.placed(plan.measured, wholes, size=size, text=text, seen=seen) if plan.measured else int
    weights: dict[int, float] = {}
    for value, weight in zip(values, found.values, strict=True):
        outcome = place(value)
        weights[outcome] = weights.get(outcome, 0) + _number(weight)
    return _Outcomes(weights, max(seen.bit_length(), size or 0, text or 0, 1))


def derived(distribution: Mapping[int, float], shots: int) -> dict[int, int]:
    """So many shots, spread as the distribution says: rounded down, the rest to those who lost most by that."""
    weights = {outcome: max(0.0, weight) for outcome, weight in distribution.items()}  # an amendment may go below 0
    total = sum(weights.values())
    if total <= 0:
        raise Unread("the result's probabilities are all zero")
    exact = {outcome: shots * weight / total for outcome, weight in weights.items()}
    found = {outcome: int(number) for outcome, number in exact.items()}
    rest = shots - sum(found.values())
    for outcome in sorted(exact, key=lambda one: (found[one] - exact[one], one))[:rest]:
        found[outcome] += 1
    return found


# --- what is computed -------------------------------------------------------------------------
def _probable(answer: Answer, at: int, plan: Plan) -> Entry:
    if answer.probabilities is None:  # relative frequencies are not what was asked for
        raise Unread("the provider gave no probabilities for it")
    distribution = _computed(answer, at, plan)
    width = len(plan.qubits)
    data = {"probabilities": {f"{outcome:0{width}b}": weight for outcome, weight in sorted(distribution.items())}}
    return entry(b"", 0, shots=0, data=data, **_facts(answer, plan))


def _computed(answer: Answer, at: int, plan: Plan) -> dict[int, float]:
    """Of the qubits that were asked for; bit i is that of `plan.qubits[i]`."""
    documents = answer.probabilities if answer.probabilities is not None else answer.counts
    if documents is None:
        raise Unread("the provider gave no result for it")
    found = answers.histogram(documents[at])
    values, _ = keys.numbers(found.keys, [len(plan.qubits)])
    if max(values, default=0) >> len(plan.qubits):
        raise Unread(f"the result has outcomes of more bits than the {len(plan.qubits)} qubits that were asked for")
    weights: dict[int, float] = {}
    for value, weight in zip(values, found.values, strict=True):
        weights[value] = weights.get(value, 0) + _number(weight)
    return weights


def _amplitudes(answer: Answer, at: int, plan: Plan) -> Entry:
    """Provisional: only the older generation's form has been seen."""
    documents = answer.probabilities if answer.probabilities is not None else answer.counts
    named = answers.named_in_lower_case(None if documents is None else documents[at])
    found, real, imaginary = (named.get(name) for name in ("key", "valuereal", "valueimag"))
    if isinstance(real, list) and isinstance(imaginary, list):
        values: list[Any] = [list(pair) for pair in zip(real, imaginary, strict=False)]
    else:
        values = named["value"] if isinstance(named.get("value"), list) else []
    if not isinstance(found, list) or len(found) != len(values) or not found:
        raise Unread("the result is no list of amplitudes in a form that is known")
    data = {"amplitudes": {str(key): _complex(value) for key, value in zip(found, values, strict=True)}}
    return entry(b"", 0, shots=0, data=data, **_facts(answer, plan))


def _share(answer: Answer, at: int, plan: Plan) -> Entry:
    """What one basis says of the observables, for `gathered`."""
    assert plan.group is not None
    if plan.shots is None:
        distribution = _computed(answer, at, plan)
    else:
        # After the amendment of readout errors where there was one.
        found = _outcomes(answer.probabilities, answer, at, plan) or _outcomes(answer.counts, answer, at, plan)
        if found is None:
            raise Unread("the provider gave no result for it")
        distribution = found.weights
    if sum(distribution.values()) <= 0:
        raise Unread("the result's probabilities are all zero")
    shares = [list(one) for one in pauli.estimate(plan.group, distribution)]
    return entry(b"", 0, shots=plan.shots or 0, data={SHARES: shares}, **_facts(answer, plan))


def gathered(result: Result, shares: int) -> Result:
    """Of every `shares` entries in a row the expectation values: `data["expectation_values"]`, one an observable.

    Beside them `data["standard_errors"]`, 0 where nothing was drawn. A circuit of which one share failed has failed.
    """
    return Result([_gathered(result[at : at + shares]) for at in range(0, len(result), shares)])


def _gathered(programs: Result) -> CircuitResult:
    first = programs[0]
    failed = next((one for one in programs if one.error is not None or SHARES not in one.data), None)
    if failed is not None:
        reason = failed.error or "a result has no share in observables"
        return first.with_entry(failed_entry(reason, name=failed.name, shots=failed.shots))
    estimates = [([(int(at), v, w) for at, v, w in one.data[SHARES]], one.shots or None) for one in programs]
    values, errors = pauli.total(estimates)
    metadata = dict(first.metadata)
    circuit_metadata = metadata.pop("circuit_metadata")
    made = entry(
        b"",
        0,
        name=first.name,
        shots=first.shots,
        data={"expectation_values": values, "standard_errors": errors},
        metadata=metadata,
        circuit_metadata=circuit_metadata,
    )
    return first.with_entry(made)


# --- values -----------------------------------------------------------------------------------
def _facts(answer: Answer, plan: Plan) -> dict[str, Any]:
    registers = {"registers": plan.registers} if plan.wants == COUNTS else {}
    return {"name": plan.name, **registers, "metadata": answer.facts, "circuit_metadata": plan.metadata}


def _texts(weights: Mapping[int, float], clbits: int, plan: Plan) -> dict[str, float]:
    ordered = sorted(weights.items())
    rows = packed.parse([hex(outcome) for outcome, _ in ordered], clbits)
    return dict(zip(packed.texts(rows, clbits, plan.registers), (weight for _, weight in ordered), strict=True))


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not abs(given) <= _MOST:  # also not of a NaN
        raise Unread("the result has a value that is no number")
    return given


def _whole(given: float) -> int:
    if given < 0 or given != int(given):
        raise Unread("the result has a number of shots that is no whole number")
    return int(given)


def _complex(given: Any) -> complex:
    """A pair, a text such as "0.5+0.5j", an object of "r" and "i", or a real number."""
    if isinstance(given, dict):
        given = [given.get("r"), given.get("i")]
    try:
        found = complex(*given) if isinstance(given, list) else complex(given)
    except (OverflowError, TypeError, ValueError):
        raise Unread("the result has an amplitude that is no number") from None
    if not (isfinite(found.real) and isfinite(found.imag)):
        raise Unread("the result has an amplitude that is no number")
    return found


_READERS: Mapping[str, Callable[[Answer, int, Plan], Entry]] = {
    COUNTS: _counted,
    PROBABILITIES: _probable,
    AMPLITUDES: _amplitudes,
    TERMS: _share,
}
