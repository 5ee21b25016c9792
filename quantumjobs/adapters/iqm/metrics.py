"""A quantum computer's quality metrics: error rates and durations by gate and place, for who chooses qubits by them."""

from __future__ import annotations

from math import isfinite

from msgspec import Struct


class Observation(Struct, frozen=True):
    """One measured value; what is not understood is left out, so nothing here is required."""

    dut_field: str = ""
    value: object = None
    invalid: bool = False


class Observations(Struct, frozen=True):
    """A set of them."""

    observations: tuple[Observation, ...] = ()


Rates = dict[str, dict[str, float]]
_METHODS = {"prx": "rb", "measure": "ssro"}  # of the value that counts as the gate's fidelity
_OTHERS = "irb"


def read(found: Observations) -> tuple[Rates, Rates]:
    """Error rates and durations (seconds): gate -> locus joined by commas -> value.

    Names are `metrics.<method>.<gate>.<implementation>.<locus>.fidelity` and
    `gates.<gate>.<implementation>.<locus>.duration`, with the components of a locus joined by two underscores, and may
    have suffixes behind a colon. Of several values for the same the first counts.
    """
    errors: Rates = {}
    durations: Rates = {}
    for one in found.observations:
        value = one.value
        if one.invalid or isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
            continue
        match one.dut_field.partition(":")[0].split("."):
            case ["metrics", method, gate, _, locus, "fidelity"]:
                if method == _METHODS.get(gate, _OTHERS) and 0 <= value <= 1:
                    errors.setdefault(gate, {}).setdefault(locus.replace("__", ","), round(1 - value, 12))
            case ["gates", gate, _, locus, "duration"] if value >= 0:
                durations.setdefault(gate, {}).setdefault(locus.replace("__", ","), float(value))
    return errors, durations
