"""Laws of `step`, over every record that can come to be (and some that cannot), every event, and seven traits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from msgspec.structs import asdict, replace

from quantumjobs.core import events as e
from quantumjobs.core.actions import Action
from quantumjobs.core.machine import OURS, catch_up, is_news, resume, step
from quantumjobs.core.records import STORY_LIMIT
from quantumjobs.core.states import TERMINAL, WATCHED, Fetch, JobState
from quantumjobs.core.traits import Rerunnable, Unknown
from quantumjobs.errors import InvalidTransition
from tests.core.reach import EVENTS, NEW, OUR_EVENTS, TRAITS, Step, imagined, kind, reachable, steps

S = JobState
PROVIDERS_MAY_SAY = {S.QUEUED, S.RUNNING, S.CANCELLING, S.COMPLETED, S.FAILED, S.CANCELLED}
LIVE = set(S) - TERMINAL


def changes() -> Iterator[Step]:
    return (one for one in steps() if one.after is not one.record)


def moves() -> Iterator[Step]:
    return (one for one in steps() if one.after.state is not one.record.state)


def holds(law: Callable[[Step], bool], over: Iterator[Step]) -> None:
    checked = 0
    for one in over:
        assert law(one), str(one)
        checked += 1
    assert checked, "the law was checked on nothing"


# --- what never happens -----------------------------------------------------------------
def test_terminal_never_moves() -> None:
    holds(lambda one: one.record.state not in TERMINAL, moves())


def test_what_identifies_a_job_never_changes() -> None:
    fixed = ("id", "provider", "lane", "backend", "family", "payload", "layout", "created_at", "circuits")
    holds(lambda one: all(getattr(one.record, name) == getattr(one.after, name) for name in fixed), changes())


def test_only_a_take_over_raises_the_fence_and_it_changes_nothing_else() -> None:
    def law(one: Step) -> bool:
        if isinstance(one.event, e.TakenOver):
            return one.after == replace(one.record, fence=one.event.fence, version=one.record.version + 1)
        return one.after.fence == one.record.fence

    holds(law, changes())


def test_an_owner_that_catches_up_does_what_it_would_have_done_itself() -> None:
    """Of every event that another client may put into the record of an owner."""
    others = (e.CancelRequested, e.Adopted, e.Resubmitted, e.Abandoned, e.SubmitAccepted, e.Reported, e.ResultKept)

    def law(one: Step) -> bool:
        own = set(one.actions)
        return set(catch_up(one.record, one.after, one.traits)) == own or (
            one.record.cancel_wanted and one.record.state is S.CANCELLING
        )

    holds(law, (one for one in changes() if isinstance(one.event, others)))


def test_a_remote_id_is_kept_until_a_fresh_run_and_a_second_one_is_kept_beside_it() -> None:
    def law(one: Step) -> bool:
        rerun = one.after.state is S.CREATED
        kept = one.after.remote_id == one.record.remote_id or one.record.remote_id is None or rerun
        return kept and set(one.record.extra_ids) <= set(one.after.extra_ids)

    holds(law, changes())


def test_no_remote_id_that_arrives_is_dropped() -> None:
    def law(one: Step) -> bool:
        return one.event.remote_id in {one.after.remote_id, *one.after.extra_ids}  # type: ignore[union-attr]

    def arrives(one: Step) -> bool:
        given_up = one.record.state is S.CREATED and isinstance(one.traits.submit, Rerunnable)
        return isinstance(one.event, e.SubmitAccepted | e.Adopted) and not given_up

    holds(law, (one for one in steps() if arrives(one)))


def test_a_local_run_that_was_given_up_is_not_taken_for_the_next_one() -> None:
    late = (
        one
        for one in steps()
        if isinstance(one.event, e.SubmitAccepted | e.SubmitInDoubt | e.SubmitDeferred)
        and one.record.state is S.CREATED
        and isinstance(one.traits.submit, Rerunnable)
    )
    holds(lambda one: one.after is one.record and not one.actions, late)


def test_a_kept_result_is_taken_away_only_by_a_fresh_run() -> None:
    def law(one: Step) -> bool:
        return one.record.result is None or one.after.result is not None or one.after.state is S.CREATED

    holds(law, changes())


def test_a_fresh_run_begins_without_news_of_the_old_one() -> None:
    reruns = (one for one in moves() if one.after.state is S.CREATED and one.record.state in WATCHED)
    said = ("remote_id", "accepted_at", "raw_status", "queue_position", "progress", "eta", "has_result", "result")
    holds(lambda one: all(getattr(one.after, name) == getattr(NEW, name) for name in said), reruns)


def test_settled_stays_settled() -> None:
    holds(lambda one: not one.record.settled or one.after.settled, changes())


def test_a_result_is_kept_or_gone_and_not_both() -> None:
    for records in reachable().values():
        for record in records:
            assert record.result is None or not record.result_gone, record


def test_no_ended_job_waits_for_a_result_that_nobody_fetches() -> None:
    for traits, records in reachable().items():
        for record in records:
            if record.terminal and not record.settled:
                assert resume(record, traits) == (Action.FETCH,), (record, traits)


# --- the form of an answer --------------------------------------------------------------
def test_an_event_that_changes_nothing_gives_the_same_object_and_no_actions() -> None:
    same = (one for one in steps() if one.after is one.record)
    holds(lambda one: one.actions == (), same)
    holds(lambda one: replace(one.after, version=one.record.version) != one.record, changes())


def test_the_version_grows_by_one_exactly_when_something_changed() -> None:
    holds(lambda one: one.after.version == one.record.version + (one.after is not one.record), iter(steps()))


def test_step_is_deterministic_and_leaves_its_arguments_alone() -> None:
    for one in steps()[::5]:
        before = asdict(one.record)
        assert step(one.record, one.event, one.traits) == (one.after, one.actions), str(one)
        assert asdict(one.record) == before


def test_the_same_event_twice_in_a_state_that_it_did_not_leave_moves_no_further() -> None:
    again = (
        (one, step(one.after, one.event, one.traits)[0])
        for one in steps()
        if one.after.state is one.record.state and not isinstance(one.event, e.Vanished)
    )
    for one, twice in again:
        assert twice.state is one.after.state, str(one)


# --- the ways that are ours ---------------------------------------------------------------
OUR_WAYS = """
    created -> submitting: SubmitStarted
    created -> rejected: SubmitRejected
    created -> cancelled: CancelRequested
    created -> queued: SubmitAccepted
    submitting -> queued: SubmitAccepted
    submitting -> created: SubmitDeferred
    submitting -> rejected: SubmitRejected
    submitting -> in_doubt: SubmitInDoubt SubmitDeferred SubmitRejected
    submitting -> cancelled: SubmitDeferred
    in_doubt -> queued: SubmitAccepted Adopted
    in_doubt -> submitting: SubmitStarted
    in_doubt -> created: SubmitDeferred Resubmitted
    in_doubt -> cancelled: SubmitDeferred Resubmitted
    in_doubt -> lost: Abandoned
    queued -> cancelling: CancelAccepted
    running -> cancelling: CancelAccepted
    queued -> lost: Vanished
    running -> lost: Vanished
    cancelling -> lost: Vanished
    queued -> created: Vanished
    running -> created: Vanished
    cancelling -> created: Vanished
    queued -> failed: Vanished
    running -> failed: Vanished
    cancelling -> failed: Vanished
    queued -> cancelled: Vanished
    running -> cancelled: Vanished
    cancelling -> cancelled: Vanished
"""


def test_these_are_the_ways_that_our_events_lead() -> None:
    expected = {
        (S(before), S(after), event)
        for line in OUR_WAYS.strip().splitlines()
        for way, _, events in [line.partition(":")]
        for before, after in [way.strip().split(" -> ")]
        for event in events.split()
    }
    found = {
        (one.record.state, one.after.state, type(one.event).__name__)
        for one in moves()
        if not isinstance(one.event, e.Reported)
    }
    assert found == expected


# --- two speakers -----------------------------------------------------------------------
IMPOSSIBLE = {
    e.SubmitStarted: {S.SUBMITTING} | WATCHED | TERMINAL,
    e.SubmitAccepted: set(),
    e.SubmitDeferred: set(),
    e.SubmitRejected: set(),
    e.SubmitInDoubt: set(),
    e.Adopted: {S.CREATED, S.SUBMITTING},
    e.Abandoned: {S.CREATED, S.SUBMITTING},
    e.Resubmitted: set(),
    e.TakenOver: set(),
    e.ResultKept: {S.CREATED, S.SUBMITTING, S.IN_DOUBT},
    e.ResultGone: set(),
    e.Vanished: set(),
    e.Puzzled: set(),
    e.CancelRequested: set(),
    e.CancelSent: set(),
    e.CancelAccepted: set(),
    e.CancelRefused: set(),
}
"""What would be a bug of ours. Everything else may happen, late answers and races included."""


def test_an_event_of_ours_is_refused_exactly_where_it_is_impossible() -> None:
    for traits in TRAITS:
        for record in (*reachable()[traits], *imagined()):
            for event in OUR_EVENTS:
                try:
                    step(record, event, traits)
                    refused = False
                except InvalidTransition:
                    refused = True
                assert refused == (record.state in IMPOSSIBLE[type(event)]), (record, event)


def test_the_table_has_a_row_for_each_state_and_only_events_of_ours() -> None:
    assert set(OURS) == set(S)
    assert {type(event) for event in OUR_EVENTS} == set(IMPOSSIBLE) == {kind for row in OURS.values() for kind in row}
    assert {type(event) for event in EVENTS} == set(e.AnyEvent.__args__)


def test_a_refused_event_tells_the_story() -> None:
    record, _ = step(NEW, e.SubmitStarted(at=2.0), TRAITS[0])
    with pytest.raises(InvalidTransition, match=r"job job is submitting: Abandoned .*\n.*created -> submitting"):
        step(record, e.Abandoned(at=3.0), TRAITS[0])


def test_a_report_is_never_refused_and_moves_only_followed_jobs_to_states_a_provider_knows() -> None:
    for traits in TRAITS:
        for record in (*reachable()[traits], *imagined()):
            for event in EVENTS:
                if isinstance(event, e.Reported):
                    after, _ = step(record, event, traits)
                    if after is not record:
                        assert record.state in WATCHED, (record, event)
                    if after.state is not record.state:
                        assert after.state in PROVIDERS_MAY_SAY, (record, event)
                        assert after.state is event.state or (event.state, after.state) == (S.FAILED, S.CANCELLED)


def test_a_provider_that_reports_an_end_is_believed() -> None:
    ends = {S.COMPLETED, S.FAILED, S.CANCELLED}
    told = (
        one
        for one in steps()
        if isinstance(one.event, e.Reported) and one.event.state in ends and one.record.state in WATCHED
    )
    holds(lambda one: one.after.state in TERMINAL, told)


def test_a_lagging_report_only_moves_a_job_forward() -> None:
    rank = {S.QUEUED: 0, S.RUNNING: 1, S.CANCELLING: 2, **dict.fromkeys(TERMINAL, 3)}
    hints = (one for one in moves() if isinstance(one.event, e.Reported) and one.event.hint)
    holds(lambda one: rank[one.after.state] > rank[one.record.state], hints)
    running = replace(NEW, state=S.RUNNING, remote_id="r1")
    late = e.Reported(at=5.0, state=S.QUEUED, raw_status="old news", hint=True)
    assert step(running, late, TRAITS[0]) == (running, ())
    for state in (S.RUNNING, S.CANCELLING, S.COMPLETED):
        news = e.Reported(at=5.0, state=state, raw_status="news", hint=True)
        after, _ = step(running, news, TRAITS[0])
        assert (after.state, after.raw_status) == (state, "news")


def test_a_lagging_report_leaves_the_place_in_the_queue_that_a_look_told() -> None:
    waiting = replace(NEW, state=S.QUEUED, remote_id="r1", raw_status="QUEUED", queue_position=7)
    silent = e.Reported(at=5.0, state=S.QUEUED, raw_status="QUEUED", hint=True)
    assert not is_news(waiting, silent)
    assert step(waiting, replace(silent, details={"a": "b"}), TRAITS[0])[0].queue_position == 7
    assert step(waiting, replace(silent, queue_position=5), TRAITS[0])[0].queue_position == 5
    assert step(waiting, replace(silent, hint=False), TRAITS[0])[0].queue_position is None
    assert step(waiting, replace(silent, state=S.RUNNING), TRAITS[0])[0].queue_position is None


def test_a_running_job_may_be_put_back_in_the_queue_but_a_cancelling_one_stays_so() -> None:
    queued = e.Reported(at=5.0, state=S.QUEUED)
    running = replace(NEW, state=S.RUNNING, remote_id="r1")
    assert step(running, queued, TRAITS[0])[0].state is S.QUEUED
    assert step(replace(running, state=S.CANCELLING), queued, TRAITS[0])[0].state is S.CANCELLING


def test_failed_means_cancelled_only_where_there_is_no_word_for_it_and_we_asked() -> None:
    for one in moves():
        if isinstance(one.event, e.Reported) and one.event.state is S.FAILED:
            renamed = one.traits.failed_after_cancel_is_cancelled and one.record.cancels_sent > 0
            assert one.after.state is (S.CANCELLED if renamed else S.FAILED), str(one)


# --- doubt ------------------------------------------------------------------------------
def test_doubt_is_left_only_by_a_decision_or_a_proof() -> None:
    leaving = {e.SubmitAccepted, e.Adopted, e.SubmitStarted, e.SubmitDeferred, e.Resubmitted, e.Abandoned}
    out = (one for one in moves() if one.record.state is S.IN_DOUBT)
    holds(lambda one: type(one.event) in leaving, out)


def test_an_answer_to_a_resend_says_nothing_about_the_first_request() -> None:
    answers = (
        one
        for one in steps()
        if isinstance(one.event, e.SubmitDeferred | e.SubmitRejected)
        and one.record.state is S.SUBMITTING
        and one.record.doubtful
        and not (isinstance(one.event, e.SubmitRejected) and one.event.certain)
    )
    holds(lambda one: one.after.state is S.IN_DOUBT and one.after.doubtful, answers)


def test_a_refusal_that_is_certain_of_earlier_requests_ends_the_doubt() -> None:
    answers = (
        one
        for one in steps()
        if isinstance(one.event, e.SubmitRejected) and one.event.certain and one.record.state is S.SUBMITTING
    )
    holds(lambda one: one.after.state is S.REJECTED and not one.after.doubtful, answers)


def test_a_job_is_doubtful_from_the_doubt_to_its_proof() -> None:
    def law(one: Step) -> bool:
        started = isinstance(one.event, e.SubmitInDoubt) and one.record.state not in TERMINAL
        started = started and one.record.remote_id is None
        proven = isinstance(one.event, e.SubmitAccepted | e.Adopted) and one.record.remote_id is None
        proven = proven or (isinstance(one.event, e.SubmitDeferred | e.Resubmitted) and one.after.state is S.CREATED)
        proven = proven or (isinstance(one.event, e.SubmitRejected) and one.after.state is S.REJECTED)
        if one.record.state in TERMINAL:
            return one.after.doubtful == one.record.doubtful
        return one.after.doubtful == (started or (one.record.doubtful and not proven))

    holds(law, changes())


def test_the_time_of_the_first_request_stays_while_that_request_is_in_doubt() -> None:
    starts = [one for one in changes() if isinstance(one.event, e.SubmitStarted)]
    holds(lambda one: one.after.attempts == one.record.attempts + 1, iter(starts))
    holds(lambda one: one.after.sent_at == (one.record.sent_at if one.record.doubtful else one.event.at), iter(starts))


def test_only_a_rerunnable_job_comes_back_after_it_vanished_and_not_for_ever() -> None:
    for one in moves():
        if isinstance(one.event, e.Vanished):
            submit = one.traits.submit
            assert one.record.state in WATCHED
            if not isinstance(submit, Rerunnable):
                assert one.after.state is S.LOST, str(one)
            elif one.record.cancel_wanted:
                assert one.after.state is S.CANCELLED, str(one)
            else:
                again = one.record.attempts < submit.attempts
                assert one.after.state is (S.CREATED if again else S.FAILED), str(one)
            if one.after.state is S.CREATED:
                assert one.after.remote_id is None
                assert one.after.gone_count == 0


def test_one_absence_is_not_yet_a_loss() -> None:
    traits = TRAITS[0]
    running = replace(NEW, state=S.RUNNING, remote_id="r1")
    once, _ = step(running, e.Vanished(at=10.0, reason="404"), traits)
    soon, _ = step(once, e.Vanished(at=10.0 + traits.gone_for - 1, reason="404"), traits)
    assert (once.state, soon.state) == (S.RUNNING, S.RUNNING)
    seen, _ = step(soon, e.Reported(at=500.0, state=S.RUNNING), traits)
    assert seen.gone_count == 0
    assert step(seen, e.Vanished(at=1_000.0, reason="404"), traits)[0].state is S.RUNNING
    assert step(soon, e.Vanished(at=10.0 + traits.gone_for, reason="404"), traits)[0].state is S.LOST


def test_an_absence_at_time_zero_counts_from_there() -> None:
    traits = TRAITS[0]
    record = replace(NEW, state=S.QUEUED, remote_id="r1")
    for at in (0.0, 60.0):
        record, _ = step(record, e.Vanished(at=at, reason="404"), traits)
    assert record.gone_since == 0.0
    assert step(record, e.Vanished(at=traits.gone_for, reason="404"), traits)[0].state is S.LOST


# --- actions ----------------------------------------------------------------------------
def entering(states: frozenset[JobState] | set[JobState], one: Step) -> bool:
    return one.after.state in states and one.record.state not in states


@pytest.mark.parametrize(
    ("action", "states"),
    [
        (Action.WATCH, WATCHED),
        (Action.SEND, {S.SUBMITTING}),
        (Action.ENQUEUE, {S.CREATED}),
        (Action.RESOLVE, {S.IN_DOUBT}),
    ],
)
def test_an_action_comes_exactly_on_entering(action: Action, states: set[JobState]) -> None:
    holds(lambda one: (action in one.actions) == entering(states, one), iter(steps()))
    assert any(action in one.actions for one in steps())


def test_looking_stops_exactly_when_a_followed_job_is_followed_no_more() -> None:
    def law(one: Step) -> bool:
        return (Action.UNWATCH in one.actions) == (one.record.state in WATCHED and one.after.state not in WATCHED)

    holds(law, changes())


def test_only_a_job_with_a_remote_id_comes_to_be_watched_or_cancelled() -> None:
    for traits, records in reachable().items():
        for record in records:
            assert (record.state in WATCHED) <= (record.remote_id is not None), (record, traits)
    real = {id(record) for records in reachable().values() for record in records}
    asking = (one for one in steps() if Action.CANCEL in one.actions and id(one.record) in real)
    holds(lambda one: one.after.remote_id is not None and one.after.state in WATCHED, asking)


def test_the_provider_is_asked_to_cancel_once_a_wish() -> None:
    def law(one: Step) -> bool:
        new_wish = isinstance(one.event, e.CancelRequested) and not one.record.cancel_wanted
        found = one.record.state not in WATCHED and one.after.cancel_wanted
        return (Action.CANCEL in one.actions) == (one.after.state in WATCHED and (new_wish or found))

    holds(law, iter(steps()))


def test_a_result_is_fetched_exactly_when_an_end_left_one_at_the_provider() -> None:
    def law(one: Step) -> bool:
        ended = entering(TERMINAL, one)
        wanted = ended and one.after.has_result and one.after.result is None and one.traits.fetch is not Fetch.LAZY
        return (Action.FETCH in one.actions) == wanted

    real = {id(record) for records in reachable().values() for record in records}
    holds(law, (one for one in steps() if id(one.record) in real))


def test_a_lazy_result_settles_the_job_where_it_is() -> None:
    ends = (
        one
        for one in moves()
        if one.traits.fetch is Fetch.LAZY and isinstance(one.event, e.Reported) and one.after.state in TERMINAL
    )
    holds(lambda one: one.after.settled, ends)


# --- the wish to cancel -----------------------------------------------------------------
def test_a_wish_is_kept_in_every_live_state_and_ends_a_job_that_was_not_sent() -> None:
    for one in steps():
        if isinstance(one.event, e.CancelRequested) and one.record.state in LIVE:
            assert one.after.cancel_wanted, str(one)
            expected = S.CANCELLED if one.record.state is S.CREATED else one.record.state
            assert one.after.state is expected, str(one)


def test_a_proof_of_not_taken_ends_a_job_that_nobody_wants() -> None:
    proofs = (
        one
        for one in steps()
        if isinstance(one.event, e.SubmitDeferred)
        and one.record.cancel_wanted
        and (one.record.state is S.IN_DOUBT or (one.record.state is S.SUBMITTING and not one.record.doubtful))
    )
    holds(lambda one: one.after.state is S.CANCELLED and one.actions == (), proofs)


def test_only_an_acceptance_or_the_provider_makes_a_job_cancelling() -> None:
    holds(
        lambda one: isinstance(one.event, e.CancelAccepted | e.Reported),
        (one for one in moves() if one.after.state is S.CANCELLING),
    )


def test_a_refusal_clears_the_wish_so_that_a_new_one_is_asked() -> None:
    traits = TRAITS[0]
    for state in (S.QUEUED, S.RUNNING):
        record = replace(NEW, state=state, remote_id="r1")
        for at in (1.0, 2.0, 3.0):
            record, actions = step(record, e.CancelRequested(at=at), traits)
            assert actions == (Action.CANCEL,)
            assert step(record, e.CancelRequested(at=at), traits)[1] == ()
            record, _ = step(record, e.CancelSent(at=at), traits)
            record, _ = step(record, e.CancelRefused(at=at, reason="too busy"), traits)
            assert (record.cancel_wanted, record.cancels_sent, record.state) == (False, 0, state)


def test_a_refused_repeat_is_not_taken_for_a_refusal_of_the_first() -> None:
    record = replace(NEW, state=S.RUNNING, remote_id="r1", cancel_wanted=True, cancels_sent=2)
    assert step(record, e.CancelRefused(at=1.0, reason="already"), TRAITS[0])[0] is record


def test_a_wish_from_before_the_id_was_known_is_asked_once_it_is() -> None:
    record, _ = step(NEW, e.SubmitStarted(at=1.0), TRAITS[0])
    record, nothing = step(record, e.CancelRequested(at=2.0), TRAITS[0])
    assert nothing == ()
    record, actions = step(record, e.SubmitAccepted(at=3.0, remote_id="r1"), TRAITS[0])
    assert actions == (Action.WATCH, Action.CANCEL)


# --- getting on -------------------------------------------------------------------------
@pytest.mark.parametrize("traits", TRAITS, ids=lambda traits: f"{type(traits.submit).__name__}-{traits.fetch.value}")
def test_every_live_state_can_reach_an_end(traits: object) -> None:
    into: dict[object, set[object]] = defaultdict(set)
    for one in steps():
        if one.traits == traits:
            into[kind(one.after)].add(kind(one.record))
    good = {found for found in into if found[0] in TERMINAL}  # type: ignore[index]
    todo = list(good)
    while todo:
        for source in into[todo.pop()] - good:
            good.add(source)
            todo.append(source)
    for record in reachable()[traits]:  # type: ignore[index]
        assert kind(record) in good, record


def test_every_state_can_come_to_be() -> None:
    for traits in TRAITS:
        states = {record.state for record in reachable()[traits]}
        assert states == set(S) if not isinstance(traits.submit, Rerunnable) else states >= set(S) - {S.LOST}


def test_resume_takes_up_what_a_step_would_have_begun() -> None:
    for traits, records in reachable().items():
        for record in records:
            actions = resume(record, traits)
            match record.state:
                case S.CREATED:
                    assert actions == (Action.ENQUEUE,)
                case S.SUBMITTING:
                    assert actions == ()  # its owner hears SubmitInDoubt first
                case S.IN_DOUBT:
                    assert actions == (Action.RESOLVE,)
                case S.QUEUED | S.RUNNING | S.CANCELLING:
                    assert actions == ((Action.WATCH, Action.CANCEL) if record.cancel_wanted else (Action.WATCH,))
                case _:
                    wanted = not record.settled and traits.fetch is not Fetch.LAZY
                    assert actions == ((Action.FETCH,) if wanted else ())


def test_resume_asks_for_nothing_where_all_is_done() -> None:
    for record in imagined():
        if record.settled:
            assert resume(record, TRAITS[0]) == ()


# --- the story --------------------------------------------------------------------------
def test_the_story_has_one_line_for_each_change_of_state() -> None:
    for one in changes():
        if one.after.state is one.record.state:
            assert one.after.story == one.record.story, str(one)
        else:
            assert one.after.story[:-1] == one.record.story[-STORY_LIMIT + 1 :], str(one)
            line = one.after.story[-1]
            assert (line.at, line.before, line.after) == (one.event.at, one.record.state, one.after.state)
            assert line.event == type(one.event).__name__


def test_the_story_is_a_path_from_the_beginning() -> None:
    for records in reachable().values():
        for record in records:
            states = [S.CREATED, *(line.after for line in record.story)]
            assert [line.before for line in record.story] == states[:-1]
            assert record.state is states[-1]


def test_a_job_put_back_for_ever_does_not_grow() -> None:
    record = replace(NEW, state=S.QUEUED, remote_id="r1")
    for n in range(10 * STORY_LIMIT):
        state = S.RUNNING if n % 2 == 0 else S.QUEUED
        record, _ = step(record, e.Reported(at=float(n), state=state), TRAITS[0])
    assert len(record.story) == STORY_LIMIT
    assert record.version == 10 * STORY_LIMIT
    assert record.story[-1].at == 10 * STORY_LIMIT - 1


def test_a_second_request_of_the_unknown_class_needs_a_word_from_outside() -> None:
    """Along every path: two `submitting` in a row have a proof, or our decision in doubt, between them."""
    for record in (record for traits in TRAITS if isinstance(traits.submit, Unknown) for record in reachable()[traits]):
        sent = [n for n, line in enumerate(record.story) if line.after is S.SUBMITTING]
        for first, second in pairwise(sent):
            between = record.story[first + 1 : second + 1]
            proof = any(line.event in {"SubmitDeferred", "Resubmitted"} and line.after is S.CREATED for line in between)
            decision = between[-1].before is S.IN_DOUBT and between[-1].event == "SubmitStarted"
            assert proof or decision, record.story
