"""Whatever fails, in whatever order: how many calls a request may cost, and who is asked first when everybody cools."""

from collections import Counter, deque
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import RULES, FailureKind
from proxy import attempts, budget
from proxy.health import CoolingBoard
from tests import cast
from tests.clock import Clock

KINDS = st.sampled_from([kind for kind in FailureKind if kind not in ("client_gone", "internal")])
FAILURES = st.lists(st.builds(cast.failure, KINDS, retry_after_s=st.none() | st.floats(0, 1000)), max_size=14)
TARGETS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["m", "n"]), st.integers(1, 3), st.sampled_from([None, 8, 99])),
    min_size=1, max_size=6, unique_by=lambda row: row[:3],
)  # fmt: skip


def targets_of(rows):
    return [
        cast.target(name, model, credential_id=key, key_told=f"key {key} of 3", context_window=window)
        for name, model, key, window in rows
    ]


def played(targets, failures, board, may_repeat=lambda: True):
    """One request: what was called, how each call failed, and the verdict (None: it was served in the end)."""
    plan = attempts.plan(targets, lambda: 0.0, may_repeat, board.begin)
    current, called, left = next(plan), [], deque(failures)
    while left:
        failure = left.popleft()
        called.append((current, failure))
        for target in attempts.concerned(current.target, failure, targets):
            board.failed(target, failure, board.now(), called=target is current.target)
        try:
            current = plan.send(failure)
        except StopIteration as ended:
            return called, ended.value
    board.succeeded(current.target, board.now())
    return [*called, (current, None)], None


@given(TARGETS, FAILURES, FAILURES)
def test_a_request_costs_at_most_one_call_more_than_it_has_targets(rows, before, failures):
    """Nobody is called more than twice, and nobody after a failure that ends the request."""
    targets, board = targets_of(rows), CoolingBoard(now=Clock(), jitter=lambda: 0.0)
    for target, failure in zip(targets, before, strict=False):
        board.failed(target, failure)
    order, _ = board.order(targets)
    called, verdict = played(order, failures, board)
    assert len(called) <= len(targets) + 1
    assert [attempt.number for attempt, _ in called] == list(range(1, len(called) + 1))
    times = Counter(id(attempt.target) for attempt, _ in called)
    assert max(times.values()) <= 2
    assert all(failure.rule.next_target or failure.rule.again for _, failure in called[:-1])
    if verdict is not None:
        assert verdict.failure.rule.rank == max(failure.rule.rank for _, failure in called)


TROUBLE = st.lists(st.sampled_from([cast.failure("overloaded"), cast.failure("unreachable")]), min_size=1, max_size=8)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 3), TARGETS, TROUBLE | FAILURES), min_size=15, max_size=40))
def test_no_sequence_of_failures_makes_more_repeats_than_the_budget_has(requests):
    """With fewer requests than a hundred a minute, ten calls a minute at most go to the same target again."""
    clock = Clock()
    board, spent = CoolingBoard(now=clock, jitter=lambda: 0.0), budget.RepeatBudget(now=clock)
    repeated = []
    for pause, rows, failures in requests:
        clock.now += pause
        spent.requested()
        called, _ = played(board.order(targets_of(rows))[0], failures, board, spent.may_repeat)
        again = sum(one.target is other.target for (one, _), (other, _) in pairwise(called))
        repeated += [clock.now] * again
        assert sum(when > clock.now - budget.WINDOW_S + 1 for when in repeated) <= budget.AT_LEAST


@given(TARGETS, st.data())
def test_when_all_cool_all_are_tried_the_soonest_ready_first(rows, data):
    """With everybody on the bench nobody is left out, and the order is that in which they come back."""
    targets, board = targets_of(rows), CoolingBoard(now=Clock(), jitter=lambda: 0.0)
    waits = st.floats(2, 3000)
    for target in targets:
        board.failed(target, cast.failure("rate_limited", retry_after_s=data.draw(waits)))
    order, cooling = board.order(targets)
    assert order == cooling
    assert sorted(map(id, order)) == sorted(map(id, targets))
    known = board.snapshot()
    ends = [max(found.until for subject, found in known.items() if subject[:2] == one.key and subject[2] == one.own_key)
            for one in order]  # fmt: skip
    assert ends == sorted(ends)
    called, _ = played(order, [cast.failure("rate_limited")] * len(order), board)
    assert [attempt.target for attempt, _ in called] == list(order)


def test_few_kinds_are_worth_the_same_target_again():
    """What the sweep above leans on: a repeat is for what may be over in a second, or a model's slip."""
    assert {kind for kind, rule in RULES.items() if rule.again} == {"unreachable", "overloaded", "miscalled"}
