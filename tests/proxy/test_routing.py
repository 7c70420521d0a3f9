"""Routing: the order of routes, names, rules, and what a request is."""

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.presets import PRESETS
from providers.targets import Target
from providers.wire.messages import MessagesRequest
from providers.wire.spans import scan_object
from proxy.config import ConfigSnapshot, ModelConfig, ProviderConfig, RouterConfig, RuleConfig
from proxy.patterns import compile_pattern
from proxy.routing import RouteReason, RoutingError, decide

DEFAULT, BACKGROUND, THINK, WEB = "D", "B", "T", "W"
USER = {"role": "user", "content": "hi"}


def target(provider: str, model: str) -> Target:
    return Target(provider, PRESETS["openai"], "http://127.0.0.1:9", model)


def request_of(model="claude-opus-4", operation="messages", **members) -> MessagesRequest:
    body = {"model": model, "max_tokens": 10, "messages": [USER], **members}
    text = json.dumps({key: value for key, value in body.items() if value is not ...}).encode()
    return MessagesRequest(text, scan_object(text), model, False, operation)


def model_config(name: str, *providers: str) -> ModelConfig:
    return ModelConfig(name, tuple(target(provider, f"{name}-actual") for provider in providers))


def snapshot(*rules: RuleConfig, models=(), **router) -> ConfigSnapshot:
    rows = [model_config(name, "Primary", "backup") for name in (DEFAULT, BACKGROUND, THINK, WEB, "glm-4.6", *models)]
    settings = {
        "default": DEFAULT,
        "background": BACKGROUND,
        "think": THINK,
        "websearch": WEB,
        "auto_map": compile_pattern("^claude-"),
        "background_pattern": compile_pattern("(?i)claude.*haiku"),
        **router,
    }
    offered = {"Primary": {"glm-5", "Kimi-K2"}, "backup": {"glm-5"}, "third": set()}
    return ConfigSnapshot(
        models={row.name: row for row in rows},
        models_folded={row.name.casefold(): row for row in rows},
        providers={name: ProviderConfig(name, target(name, ""), frozenset(names)) for name, names in offered.items()},
        router=RouterConfig(**settings),
        rules=rules,
    )


def route(config=None, *, headers=None, forced="", estimate=lambda: 0, **request):
    decision = decide(
        request_of(**request), config or snapshot(), headers=headers or {}, forced_provider=forced, estimate=estimate
    )
    assert decision.why.isprintable()
    assert decision.why
    assert decision.targets
    return decision


def picked(config=None, **request) -> tuple[str, str]:
    decision = route(config, **request)
    return decision.model, str(decision.reason)


WEB_TOOL = {"type": "web_search_20250305", "name": "web_search"}
THINKING = {"type": "enabled", "budget_tokens": 1024}
CCM_CASES = [
    ({"model": "claude-opus-4"}, (DEFAULT, "default")),
    ({"model": "claude-3-5-sonnet-20241022"}, (DEFAULT, "default")),
    ({"thinking": THINKING}, (THINK, "think")),
    ({"model": "claude-3-5-haiku-20241022"}, (BACKGROUND, "background")),
    ({"tools": [{"type": "web_search_2025_04", "name": "s"}]}, (WEB, "web_search")),
    ({"tools": [{"type": "web_search", "name": "s"}]}, (WEB, "web_search")),
    ({"tools": [WEB_TOOL], "thinking": THINKING}, (WEB, "web_search")),
    ({"model": "claude-3-5-haiku-20241022", "tools": [WEB_TOOL]}, (WEB, "web_search")),
    ({"model": "claude-3-5-haiku-20241022", "thinking": THINKING}, (THINK, "think")),
    ({"model": "glm-4.6"}, ("glm-4.6", "default")),
]


@pytest.mark.parametrize(("request_", "expected"), CCM_CASES, ids=[json.dumps(case[0])[:60] for case in CCM_CASES])
def test_ccm_acceptance_case(request_, expected):
    """Every case that Claude Code Mux promises is routed the same way."""
    assert picked(**request_) == expected


def test_background_unset_goes_to_default():
    """Without a background route, a small-model name is served by the default route."""
    assert picked(snapshot(background=""), model="claude-3-5-haiku-20241022") == (DEFAULT, "default")


def test_auto_map_pattern_of_ones_own():
    """The auto-map pattern decides which unknown names are mapped."""
    config = snapshot(auto_map=compile_pattern("^(claude-|gpt-)"))
    decision = route(config, model="gpt-4")
    assert (decision.model, decision.reason) == (DEFAULT, RouteReason.DEFAULT)
    assert "auto-mapped" in decision.why


@pytest.mark.parametrize("off", ["websearch", "think", "background"])
def test_empty_route_is_off(off):
    """An empty route never catches a request, instead of leading to a model without a name."""
    request = {
        "websearch": {"tools": [WEB_TOOL]},
        "think": {"thinking": THINKING},
        "background": {"model": "claude-3-5-haiku"},
    }
    assert picked(snapshot(**{off: ""}), **request[off]) == (DEFAULT, "default")


def test_everything_empty_serves_known_names():
    """With no route set at all, known names are served and others are refused with the names."""
    config = snapshot(default="", websearch="", think="", background="", auto_map=None, background_pattern=None)
    assert picked(config, model="glm-4.6", tools=[WEB_TOOL], thinking=THINKING) == ("glm-4.6", "default")
    with pytest.raises(RoutingError) as caught:
        route(config, model="claude-opus-4")
    assert (caught.value.status, caught.value.error_type) == (404, "not_found_error")
    assert "claude-opus-4" in str(caught.value)
    assert "glm-4.6" in str(caught.value)


def test_known_name_is_not_auto_mapped():
    """A logical model whose name matches the auto-map pattern is reached by name, unless known names are mapped too."""
    config = snapshot(models=("claude-own",))
    assert picked(config, model="claude-own") == ("claude-own", "default")
    assert picked(config, model="CLAUDE-OWN") == ("claude-own", "default")
    mapped = replace(config, router=replace(config.router, auto_map_known=True))
    assert picked(mapped, model="claude-own") == (DEFAULT, "default")


def test_exact_name_wins_over_case():
    """An exact name is preferred to one that differs in case."""
    config = snapshot(models=("Glm-4.6",))
    assert picked(config, model="Glm-4.6")[0] == "Glm-4.6"
    assert picked(config, model="glm-4.6")[0] == "glm-4.6"


def test_unknown_name_falls_to_default_with_reason():
    """A name nobody knows is served by the default route, and the reason says so."""
    decision = route(model="gpt-oops")
    assert (decision.model, decision.reason) == (DEFAULT, RouteReason.DEFAULT)
    assert "gpt-oops" in decision.why
    assert "not a known model" in decision.why


def test_offered_name_goes_to_every_provider_that_offers_it():
    """A name that providers offer is served by them under that name, without a logical model."""
    decision = route(model="glm-5")
    assert decision.reason is RouteReason.DIRECT
    assert decision.model == ""
    assert [str(t) for t in decision.targets] == ["Primary/glm-5", "backup/glm-5"]
    assert [str(t) for t in route(model="kimi-k2").targets] == ["Primary/Kimi-K2"]


def test_direct_name():
    """`provider,model` goes straight to that provider, its name matched exactly and then without case."""
    decision = route(model="primary,some/model:free", tools=[WEB_TOOL], thinking=THINKING)
    assert (decision.reason, decision.model) == (RouteReason.DIRECT, "")
    assert [t.key for t in decision.targets] == [("Primary", "some/model:free")]
    assert [t.key for t in route(model="third, a,b ").targets] == [("third", "a,b")]


@pytest.mark.parametrize(
    ("name", "status"), [("nobody,gpt", 404), (",gpt", 404), ("Primary,", 400), ("Primary,  ", 400)]
)
def test_direct_name_that_leads_nowhere(name, status):
    """An unknown provider or a missing model in `provider,model` is refused with the fix."""
    with pytest.raises(RoutingError) as caught:
        route(model=name)
    assert caught.value.status == status
    if status == 404:
        assert "Primary, backup, third" in str(caught.value)
    else:
        assert caught.value.error_type == "invalid_request_error"


def test_route_to_a_model_that_is_not_there():
    """A route whose model does not exist or has no mapping is an error that names the fix, never an empty answer."""
    with pytest.raises(RoutingError, match=r"“gone”.*create or enable"):
        route(snapshot(think="gone"), thinking=THINKING)
    config = snapshot()
    empty = replace(config, models={**config.models, THINK: ModelConfig(THINK, ())})
    with pytest.raises(RoutingError, match=r"no enabled mapping.*add or enable"):
        route(empty, thinking=THINKING)


# --- X-Provider


def test_forced_provider_filters_targets():
    """X-Provider keeps one provider's targets: the exact name, else without case."""
    assert [t.provider for t in route(forced="backup").targets] == ["backup"]
    assert [t.provider for t in route(forced="PRIMARY").targets] == ["Primary"]
    assert "X-Provider" in route(forced="backup").why


def test_forced_provider_that_the_model_lacks():
    """X-Provider with a provider the model has no mapping to is a 400 naming those it has."""
    with pytest.raises(RoutingError, match=r"Primary, backup") as caught:
        route(forced="third")
    assert caught.value.status == 400
    with pytest.raises(RoutingError, match="served by: Primary"):
        route(model="Primary,x", forced="backup")


# --- web search


@pytest.mark.parametrize(
    "tools",
    [
        [{"name": "web_search", "input_schema": {}}],
        [{"type": "custom", "name": "x", "description": "web_search"}],
        [{"type": "my_web_search"}],
        "web_search",
        [["web_search"], "web_search", None, {"type": ["web_search"]}, {"type": {"web_search": 1}}],
        {"web_search": 1},
    ],
)
def test_only_the_type_of_a_tool_makes_a_web_search(tools):
    """A tool's name or text that mentions web search is not a web search tool, and odd shapes never raise."""
    assert picked(tools=tools) == (DEFAULT, "default")


# --- subagent


def tag(name: str) -> str:
    return f"You are an agent. <CCM-SUBAGENT-MODEL>{name}</CCM-SUBAGENT-MODEL> Work."


TEXT = {"type": "text", "text": "x"}


@pytest.mark.parametrize(
    "members",
    [
        {"system": [TEXT, TEXT, {"type": "text", "text": tag("glm-4.6")}]},
        {"system": [{"type": "text", "text": tag("glm-4.6")}]},
        {"system": tag("GLM-4.6")},
        {"messages": [USER, {"role": "system", "content": tag(" glm-4.6 ")}]},
        {"messages": [USER, {"role": "system", "content": [{"type": "text", "text": tag("glm-4.6")}]}]},
    ],
)
def test_subagent_tag_anywhere_in_the_system_texts(members):
    """The tag names the model from any system block, a system string or a system message."""
    assert picked(**members, thinking=THINKING) == ("glm-4.6", "subagent")


def test_subagent_tag_of_a_user_is_none():
    """A tag that a user writes does not route."""
    assert picked(messages=[{"role": "user", "content": tag("glm-4.6")}]) == (DEFAULT, "default")


def test_subagent_tag_may_name_a_provider():
    """A tag may name provider,model or a name a provider offers."""
    decision = route(system=tag("backup,gpt-x"))
    assert (decision.reason, decision.model) == (RouteReason.SUBAGENT, "")
    assert [t.key for t in decision.targets] == [("backup", "gpt-x")]
    assert [str(t) for t in route(system=tag("kimi-k2")).targets] == ["Primary/Kimi-K2"]


@pytest.mark.parametrize("name", ["gone", "nobody,gpt", "backup,"])
def test_unknown_subagent_tag_falls_back(name):
    """A tag naming what nobody knows is served by the default route, and the reason names it."""
    decision = route(system=tag(name), thinking=THINKING)
    assert (decision.model, decision.reason) == (DEFAULT, RouteReason.DEFAULT)
    assert name in decision.why
    bare = route(snapshot(default=""), system=tag(name), model="glm-4.6")
    assert bare.model == "glm-4.6"
    assert name in bare.why


def test_web_search_beats_subagent_tag():
    """Web search is asked before the subagent tag."""
    assert picked(system=tag("glm-4.6"), tools=[WEB_TOOL]) == (WEB, "web_search")


# --- think

ADAPTIVE = {"type": "adaptive"}


def effort(level):
    return {"role": "system", "content": "note", "output_config": {"effort": level}}


@pytest.mark.parametrize(
    ("members", "least", "thinks"),
    [
        ({"thinking": {"type": "disabled"}}, "low", False),
        ({"thinking": THINKING}, "off", True),
        ({"thinking": ADAPTIVE, "output_config": {"effort": "max"}}, "off", False),
        ({"thinking": ADAPTIVE, "output_config": {"effort": "xhigh"}}, "xhigh", True),
        ({"thinking": ADAPTIVE, "output_config": {"effort": "max"}}, "xhigh", True),
        ({"thinking": ADAPTIVE, "output_config": {"effort": "high"}}, "xhigh", False),
        ({"thinking": ADAPTIVE}, "xhigh", False),
        ({"thinking": ADAPTIVE}, "high", True),
        ({"thinking": ADAPTIVE, "messages": [USER, effort("max")]}, "xhigh", True),
        ({"thinking": ADAPTIVE, "output_config": {"effort": "max"}, "messages": [effort("low"), USER]}, "xhigh", False),
        ({"thinking": ADAPTIVE, "messages": [effort("max"), USER, effort("low")]}, "xhigh", False),
        ({"thinking": ADAPTIVE, "messages": [effort("max"), USER, effort(None)]}, "xhigh", True),
        ({"output_config": {"effort": "max"}}, "low", False),
        ({"thinking": ADAPTIVE, "output_config": {"effort": "wild"}}, "low", False),
    ],
)
def test_think_by_type_and_effort(members, least, thinks):
    """Thinking counts when enabled, or adaptive with an effective effort of at least the set one."""
    expected = (THINK, "think") if thinks else (DEFAULT, "default")
    assert picked(snapshot(think_min_effort=least), **members) == expected


def test_effort_beside_a_lone_surrogate():
    """A message with half a surrogate pair, which strict parsers refuse, does not hide the effort."""
    messages = [{"role": "user", "content": "\ud800"}, effort("max")]
    assert picked(thinking=ADAPTIVE, messages=messages) == (THINK, "think")


# --- rules


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
        ("compaction", {"messages": [user(RESULT, COMPACT.replace("of the", "of the RECENT portion of the"))]}, {}, True),
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
