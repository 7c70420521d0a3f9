import pytest

from proxy import attempts
from tests import cast

A, B, C = (cast.target(name) for name in "abc")


def play(targets, kinds, **asked):
    """Drive a plan with one failure after another; returns who was called and the verdict."""
    plan = attempts.plan(targets, lambda: 0.5, **asked)
    current, called = next(plan), []
    for kind in kinds:
        called.append((current.target.provider, current.pause_s))
        try:
            current = plan.send(cast.failure(kind) if isinstance(kind, str) else kind)
        except StopIteration as ended:
            return called, ended.value
    return called, None


@pytest.mark.parametrize(
    ("kinds", "called"),
    [
        (["rate_limited"] * 3, ["a", "b", "c"]),
        (["unreachable", "rate_limited", "rate_limited", "timed_out"], ["a", "a", "b", "c"]),
        (["overloaded"] * 4, ["a", "a", "b", "c"]),
        (["rejected"], ["a"]),
        (["rate_limited", "rejected"], ["a", "b"]),
        (["incapable", "rejected"], ["a", "b"]),
        (["interrupted"], ["a"]),
        (["quota", "refused_key", "no_such_model"], ["a", "b", "c"]),
        (["garbled"] * 3, ["a", "b", "c"]),
    ],
)
def test_each_kind_moves_on_as_the_table_says(kinds, called):
    """A failure is answered by the same target again, the next one, or nobody, as its row says."""
    got, _ = play([A, B, C], kinds)
    assert [name for name, _ in got] == called


def test_a_retry_waits_a_jittered_pause():
    """An overloaded target is called again after a pause of at most a second."""
    got, _ = play([A], ["overloaded", "overloaded"])
    assert got == [("a", 0.0), ("a", 0.5)]


def test_too_long_goes_only_to_a_larger_window():
    """A prompt too long for one target is not shown to targets that are no larger."""
    small, same, large = (cast.target(n, context_window=w) for n, w in (("s", 8000), ("t", 8000), ("l", 99000)))
    got, verdict = play([small, same, large], ["too_long", "unreachable"])
    assert [name for name, _ in got] == ["s", "l", "l"][: len(got)]
    assert verdict is None or verdict.failure.kind == "too_long"


def test_the_most_useful_failure_is_told():
    """A too_long early on beats an unreachable later."""
    small, large = cast.target("s", context_window=10), cast.target("l", context_window=20)
    plan = attempts.plan([small, large], lambda: 0)
    next(plan)
    plan.send(cast.failure("too_long", "prompt is too long"))
    plan.send(cast.failure("unreachable"))
    with pytest.raises(StopIteration) as ended:
        plan.send(cast.failure("unreachable"))
    assert ended.value.value.failure.message == "prompt is too long"
    assert ended.value.value.target is small


def test_attempts_are_bounded():
    """However they fail, there are at most targets + 1 attempts."""
    plan = attempts.plan([A, B, C], lambda: 0)
    next(plan)
    sent = 0
    with pytest.raises(StopIteration):
        while True:
            sent += 1
            plan.send(cast.failure("overloaded"))
    assert sent == 4


def test_the_last_attempt_is_marked():
    """Only the attempt after which nobody comes is marked last."""
    plan = attempts.plan([A, B], lambda: 0)
    assert next(plan).last is False
    assert plan.send(cast.failure("rate_limited")).last is True


def test_without_budget_nobody_is_called_twice():
    """When no repeat is allowed the next target comes at once, and all get their turn."""
    got, _ = play([A, B, C], ["overloaded", "unreachable", "overloaded"], may_repeat=lambda: False)
    assert [name for name, _ in got] == ["a", "b", "c"]


def test_only_repeats_ask_for_budget():
    """A failover, and a failure that is not worth a repeat, use none of it."""
    asked = []
    play([A, B, C], ["rate_limited", "quota", "timed_out"], may_repeat=lambda: asked.append(1) or True)
    assert asked == []


@pytest.mark.parametrize(
    ("held", "called"),
    [("", "abc"), ("a", "bca"), ("b", "acb"), ("c", "abc"), ("ab", "cab"), ("abc", "abc")],
)
def test_who_may_not_begin_comes_last(held, called):
    """A target that is not to begin now is put behind the others, and called all the same."""
    got, verdict = play([A, B, C], ["rate_limited"] * 3, begin=lambda target: target.provider not in held)
    assert "".join(name for name, _ in got) == called
    assert verdict.failure.kind == "rate_limited"


@pytest.mark.parametrize(
    ("kind", "called"),
    [
        ("rate_limited", [1, 2, None]),
        ("refused_key", [1, 2, None]),
        ("quota", [1, 2, None]),
        ("timed_out", [1, None]),
        ("no_such_model", [1, None]),
        ("busy", [1, None]),
    ],
)
def test_another_key_is_tried_only_where_it_can_help(kind, called):
    """The same model with another key comes next after a refusal of the key, and is skipped after anything else."""
    keys = [cast.target("a", credential_id=number) for number in (1, 2)]
    plan = attempts.plan([*keys, B], lambda: 0.0)
    current, got = next(plan), []
    with pytest.raises(StopIteration):
        while True:
            got.append(current.target.credential_id)
            current = plan.send(cast.failure(kind))
    assert got == called


def test_a_busy_provider_is_left_whatever_its_models():
    """Its other models share the limit; a failure of another kind leaves them in the chain."""
    other = cast.target("a", "other")
    assert [name for name, _ in play([A, other, B], ["busy", "busy"])[0]] == ["a", "b"]
    assert [name for name, _ in play([A, other, B], ["timed_out"] * 3)[0]] == ["a", "a", "b"]


def test_whose_failure_it_is():
    """A refused key is that key's alone; a provider that is away is away for each of its keys."""
    one, two = (cast.target("a", credential_id=number) for number in (1, 2))
    assert attempts.concerned(one, cast.failure("rate_limited"), [one, two, B]) == (one,)
    assert attempts.concerned(one, cast.failure("unreachable"), [one, two, B]) == (one, two)


def test_a_call_that_was_none_is_asked_for_once_more():
    """The model that wrote it gets a second try, then the next target its turn; alone it is tried twice."""
    assert [name for name, _ in play([A, B], ["miscalled"] * 3)[0]] == ["a", "a", "b"]
    made, verdict = play([A], ["miscalled"] * 2)
    assert [name for name, _ in made] == ["a", "a"]
    assert verdict.failure.kind == "miscalled"
