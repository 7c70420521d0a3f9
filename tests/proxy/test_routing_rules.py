"""Routing: rules, what a request is told by, and hostile requests."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.config import RuleConfig
from proxy.patterns import compile_pattern
from proxy.routing import RouteReason, RoutingError, decide
from tests.proxy.routing_requests import (
    ADAPTIVE,
    BACKGROUND,
    DEFAULT,
    THINKING,
    WEB,
    picked,
    request_of,
    route,
    snapshot,
)


def rule(**conditions) -> RuleConfig:
    return RuleConfig("mine", "glm-4.6", **conditions)


def hit(condition: RuleConfig, **request) -> bool:
    return route(snapshot(condition), **request).reason is RouteReason.RULE


def test_first_rule_wins_before_think_and_background():
    """Rules are asked in order, before think and background, and the reason names the rule."""
    rules = (
        RuleConfig("no", BACKGROUND, model_pattern=compile_pattern("gpt")),
        RuleConfig("yes", "glm-4.6", model_pattern=compile_pattern("haiku")),
        RuleConfig("late", WEB, model_pattern=compile_pattern("claude")),
    )
    decision = route(snapshot(*rules), model="claude-haiku", thinking=THINKING)
    assert (decision.model, decision.reason) == ("glm-4.6", RouteReason.RULE)
    assert "yes" in decision.why


def test_rule_needs_all_its_conditions():
    """A rule with several conditions holds only when every one does."""
    both = rule(model_pattern=compile_pattern("opus"), has_image=True)
    image = [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "http://x/"}}]}]
    assert not hit(both)
    assert not hit(both, model="claude-haiku", messages=image)
    assert hit(both, messages=image)
    assert hit(rule(has_image=False))
    assert not hit(rule(has_image=False), messages=image)


def test_size_is_estimated_only_when_asked():
    """The size is estimated once, and only when a rule's other conditions hold."""
    calls = []

    def estimate():
        calls.append(1)
        return 500

    assert not hit(rule(model_pattern=compile_pattern("gpt"), min_input_tokens=1), estimate=estimate)
    assert calls == []
    config = snapshot(rule(min_input_tokens=501), rule(min_input_tokens=500))
    assert route(config, estimate=estimate).reason is RouteReason.RULE
    assert calls == [1]


@pytest.mark.parametrize(
    ("conditions", "headers", "holds"),
    [
        ({}, {"x-agent": ""}, True),
        ({}, {}, False),
        ({"header_equals": "a"}, {"x-agent": "a"}, True),
        ({"header_equals": "a"}, {"x-agent": "A"}, False),
        ({"header_equals": "a"}, {}, False),
        ({"header_pattern": compile_pattern("^sub")}, {"x-agent": "sub-1"}, True),
        ({"header_pattern": compile_pattern("^sub")}, {"x-agent": "my-sub"}, False),
        ({"header_pattern": compile_pattern("")}, {}, False),
    ],
)
def test_header_conditions(conditions, headers, holds):
    """A header condition compares the value, searches it, or asks for presence."""
    assert hit(rule(header_name="X-Agent", **conditions), headers=headers) is holds


REMINDER = "<system-reminder>\nsecret word\n</system-reminder>"
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "magic"}


def user(*blocks):
    return {"role": "user", "content": [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]}


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([{"role": "user", "content": "do magic"}], True),
        ([user("please", "do magic")], True),
        ([user("do magic"), {"role": "assistant", "content": "ok"}, user(RESULT)], True),
        ([user("do magic"), {"role": "assistant", "content": "ok"}, user(RESULT, REMINDER)], True),
        ([user("do magic"), {"role": "assistant", "content": "ok"}, user("now else")], False),
        ([user("else"), {"role": "assistant", "content": "magic"}, user(RESULT)], False),
        ([user("else"), {"role": "assistant", "content": "ok"}, user(RESULT, "magic now")], True),
        ([user(REMINDER.replace("secret", "magic"), "else")], False),
        ([user(REMINDER + "magic" + REMINDER)], True),
        ([user("<system-reminder>magic, never closed")], True),
        ([user("magic"), {"role": "system", "content": "note"}], True),
        ([user("magic"), user({"type": "image", "source": {}})], False),
        ([user("\ud800 magic")], True),
    ],
)
def test_prompt_is_the_text_that_started_the_turn(messages, found):
    """The prompt pattern sees the last user message that is not only tool results, without system reminders."""
    assert hit(rule(prompt_pattern=compile_pattern("magic")), messages=messages) is found


def test_many_open_reminders_take_linear_time():
    """Thousands of reminders that are never closed do not make the search quadratic."""
    text = "<system-reminder>" * 60_000
    started = time.perf_counter()
    assert hit(rule(prompt_pattern=compile_pattern("reminder")), messages=[user(text)])
    assert time.perf_counter() - started < 2


COMPACT = "Your task is to create a detailed summary of the conversation so far."
RECENT = COMPACT.replace("the conv", "the RECENT portion of the conv")
SCHEMA = {"format": {"type": "json_schema", "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("kind", "request_", "headers", "holds"),
    [
        ("title", {"output_config": SCHEMA}, {}, True),
        ("title", {"output_config": SCHEMA, "tools": []}, {}, True),
        ("title", {"output_config": SCHEMA, "tools": [{"name": "t"}]}, {}, False),
        ("title", {"output_config": {"effort": "json_schema"}}, {}, False),
        ("title", {"output_config": SCHEMA, "operation": "count_tokens"}, {}, False),
        ("title", {}, {}, False),
        ("compaction", {}, {"x-claude-code-request-class": "compaction"}, True),
        ("compaction", {}, {"x-claude-code-request-class": "main"}, False),
        ("compaction", {"messages": [user(COMPACT)]}, {}, True),
        ("compaction", {"messages": [user(RESULT, RECENT)]}, {}, True),
        ("compaction", {"messages": [user("summarise the file")]}, {}, False),
        ("count", {"operation": "count_tokens"}, {}, True),
        ("count", {}, {}, False),
    ],
)  # fmt: skip
def test_request_kinds(kind, request_, headers, holds):
    """Titles, compactions and token counts are told apart from conversation."""
    assert hit(rule(request_kind=kind), headers=headers, **request_) is holds


# --- hostile input

ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["web_search", "adaptive", "user"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "output_config", "effort", "format"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(members=st.fixed_dictionaries({}, optional=dict.fromkeys(
    ("messages", "tools", "thinking", "output_config", "system"), ODD)))  # fmt: skip
def test_no_shape_raises(members):
    """Whatever type a member has, routing decides: complaining is the upstream's business."""
    config = snapshot(
        rule(prompt_pattern=compile_pattern("never-there"), has_image=False),
        rule(request_kind="title"), rule(request_kind="compaction"), think_min_effort="low",
    )  # fmt: skip
    route(config, **members)


def test_adaptive_object_in_place_of_a_string():
    """Types and efforts that are objects or lists never raise."""
    assert picked(thinking={"type": {"adaptive": 1}}) == (DEFAULT, "default")
    assert picked(thinking=ADAPTIVE, output_config={"effort": ["max"]}) == (DEFAULT, "default")


def test_hostile_names_stay_on_one_line():
    """A model name with line breaks, escapes or half a surrogate pair cannot break out of the reason line."""
    decision = route(model="a\r\nset-cookie: x\x1b[2J\u202e\ud800" + "z" * 5000)
    assert len(decision.why) < 400
    with pytest.raises(RoutingError) as caught:
        route(model="no\r\nbody,x")
    assert str(caught.value).isprintable()


def test_big_body_is_not_parsed():
    """Routing a body of 2 MB without rules on its text costs no parse of it."""
    messages = [user("x" * 1000) for _ in range(2000)]
    request = request_of(messages=messages, thinking=ADAPTIVE)
    config = snapshot()
    decide(request, config, headers={})
    started = time.perf_counter()
    for _ in range(20):
        decide(request, config, headers={})
    assert (time.perf_counter() - started) / 20 < 0.02
