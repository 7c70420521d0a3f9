"""Routing: the order of the routes, and what names lead to."""

import json
from dataclasses import replace

import pytest

from proxy.config import ModelConfig
from proxy.patterns import compile_pattern
from proxy.routing import RouteReason, RoutingError
from tests.proxy.routing_requests import (
    ADAPTIVE,
    BACKGROUND,
    DEFAULT,
    THINK,
    THINKING,
    USER,
    WEB,
    WEB_TOOL,
    effort,
    picked,
    route,
    snapshot,
)

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


def test_exactly_offered_name_wins_over_case():
    """A provider that offers the very name is preferred to one whose spelling differs in case."""
    config = snapshot()
    shouting = replace(config.providers["third"], models_offered=frozenset({"GLM-5"}))
    config = replace(config, providers={**config.providers, "third": shouting})
    assert [t.provider for t in route(config, model="glm-5").targets] == ["Primary", "backup"]
    assert [str(t) for t in route(config, model="GLM-5").targets] == ["third/GLM-5"]
    assert [t.provider for t in route(config, model="Glm-5").targets] == ["Primary", "backup", "third"]


def test_direct_name():
    """`provider,model` goes straight to that provider, its name matched exactly and then without case."""
    decision = route(model="PRIMARY,some/model:free", tools=[WEB_TOOL], thinking=THINKING)
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
