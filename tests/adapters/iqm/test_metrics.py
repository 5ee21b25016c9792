"""Error rates and durations out of a quantum computer's observations."""

from __future__ import annotations

import math

import msgspec

from quantumjobs.adapters.iqm.metrics import Observations, read


def observed(*values: tuple[str, object] | tuple[str, object, bool]) -> Observations:
    document = {
        "observation_set_id": "1",
        "observations": [
            {"observation_id": 1, "dut_field": field, "value": value, "unit": "", "invalid": bool(invalid)}
            for field, value, *invalid in values
        ],
    }
    return msgspec.convert(document, Observations)


def test_fidelities_become_error_rates_and_durations_stay_seconds() -> None:
    errors, durations = read(
        observed(
            ("metrics.rb.prx.drag_crf.QB4.fidelity", 0.999),
            ("metrics.ssro.measure.constant.QB4.fidelity", 0.98),
            ("metrics.irb.cz.crf.QB1__QB2.fidelity", 0.99),
            ("gates.cz.crf.QB1__QB2.duration", 4e-8),
            ("metrics.irb.move.tgss.QB1__CR1.fidelity:par=d2", 0.995),
        )
    )
    assert errors == {
        "prx": {"QB4": 0.001},
        "measure": {"QB4": 0.02},
        "cz": {"QB1,QB2": 0.01},
        "move": {"QB1,CR1": 0.005},
    }
    assert durations == {"cz": {"QB1,QB2": 4e-8}}


def test_the_first_of_several_values_counts() -> None:
    errors, _ = read(observed(("metrics.rb.prx.a.QB1.fidelity", 0.9), ("metrics.rb.prx.a.QB1.fidelity:par=d2", 0.5)))
    assert errors == {"prx": {"QB1": 0.1}}


def test_what_is_odd_is_left_out() -> None:
    assert read(
        observed(
            ("metrics.rb.prx.a.QB1.fidelity", math.nan),
            ("metrics.rb.prx.a.QB2.fidelity", 1.2),
            ("metrics.rb.prx.a.QB3.fidelity", "high"),
            ("metrics.rb.prx.a.QB4.fidelity", True),
            ("metrics.rb.prx.a.QB5.fidelity", 0.9, True),
            ("metrics.irb.prx.a.QB6.fidelity", 0.9),
            ("metrics.rb.prx.QB7.fidelity", 0.9),
            ("gates.cz.a.QB1__QB2.duration", -1.0),
            ("characterization.model.QB1.t1_time", 3e-5),
        )
    ) == ({}, {})
