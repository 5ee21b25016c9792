"""A script of faults is data: which requests go wrong follows from it alone."""

from __future__ import annotations

import msgspec
import pytest

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.faults import Fault, Script, read_faults
from quantumjobs.testing.emulators.tokens import Tokens

OPERATIONS = ("submit", "result")


def kinds(script: Script, *operations: str) -> list[str | None]:
    return [fault.kind if (fault := script.next(operation)) else None for operation in operations]


def test_a_fault_strikes_from_the_nth_request_of_its_operation_on():
    script = Script([Fault("reset", operation="result", at=2, times=2)], operations=OPERATIONS)
    assert kinds(script, "result", "submit", "result", "result", "result") == [None, None, "reset", "reset", None]


def test_a_fault_of_all_operations_may_last_for_ever():
    script = Script([Fault("status", times=None)], operations=OPERATIONS)
    assert kinds(script, *["submit", "result"] * 10) == ["status"] * 20


def test_where_two_meet_the_first_wins_and_both_count():
    script = Script([Fault("cut", operation="submit"), Fault("drip", at=1, times=2)], operations=OPERATIONS)
    assert kinds(script, "submit", "submit", "submit") == ["cut", "drip", None]


def test_another_script_counts_anew():
    script = Script([Fault("cut")], operations=OPERATIONS)
    assert kinds(script, "submit", "submit") == ["cut", None]
    script.replace([Fault("drip")])
    assert kinds(script, "submit", "submit") == ["drip", None]


def test_an_operation_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="unknown operation 'submti'; did you mean 'submit'"):
        Script([Fault("cut", operation="submti")], operations=OPERATIONS)


def test_a_script_is_read_from_json_and_comes_back():
    faults = [
        Fault("status", operation="submit", status=429, retry_after="soon", times=None),
        Fault("hang", after=True),
    ]
    assert read_faults(msgspec.json.encode(faults)) == faults
    assert read_faults('[{"kind": "cut"}]') == [Fault("cut")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[{}]",
        '[{"kind": "quake"}]',
        '[{"kind": "cut", "at": 0}]',
        '[{"kind": "cut", "times": 0}]',
        '[{"kind": "cut", "form": 1}]',
        '[{"kind": "status", "status": 99}]',
        b"\xff",
    ],
)
def test_what_is_no_script_is_refused(text):
    with pytest.raises(UsageError, match="no script of faults"):
        read_faults(text)


def test_the_status_of_a_fault_depends_on_its_kind():
    assert [Fault(kind).code for kind in ("status", "redirect", "vanish", "garbage")] == [503, 307, 404, 200]
    assert Fault("vanish", status=200).code == 200


# --- tokens -----------------------------------------------------------------------------
def test_any_token_is_taken_unless_one_is_named():
    assert [Tokens().takes(token) for token in ("a", "b", "", None)] == [True, True, False, False]
    assert [Tokens("a").takes(token) for token in ("a", "b", None)] == [True, False, False]


def test_an_expired_token_is_refused_until_another_comes():
    tokens = Tokens()
    assert tokens.takes("a")
    tokens.expire()
    assert [tokens.takes("a"), tokens.takes("b"), tokens.takes("a")] == [False, True, False]


def test_a_named_token_may_be_accepted_anew():
    tokens = Tokens("a")
    tokens.expire()
    assert not tokens.takes("a")
    tokens.accept("b")
    assert [tokens.takes("a"), tokens.takes("b")] == [False, True]
    tokens.accept("a")
    assert tokens.takes("a")


def test_a_lifetime_counts_the_requests_of_each_token():
    tokens = Tokens(lifetime=2)
    assert [tokens.takes(token) for token in "aaaba"] == [True, True, False, True, False]
