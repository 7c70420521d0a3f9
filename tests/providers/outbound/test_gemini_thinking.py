"""How hard Gemini is asked to think: a level or a budget, as its generation takes, and never one it refuses."""

import pytest

from providers.outbound.gemini.thinking import generation, is_third, thinking_config


def effort(level):
    return {"output_config": {"effort": level}}


def enabled(budget):
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


OFF, BETWEEN = {"thinking": {"type": "disabled"}}, {"thinking": {"type": "between_tools"}}
ADAPTIVE = {"thinking": {"type": "adaptive", "display": "omitted"}}
NEW = "gemini-3.8-flash"
LAST = {**effort("high"), "messages": [{"role": "system", "output_config": {"effort": "low"}}]}


@pytest.mark.parametrize(
    ("source", "level", "budget"),
    [
        ({}, None, None), (effort("low"), "LOW", 1024), (effort("medium"), "MEDIUM", 8192),
        (effort("high"), "HIGH", 24576), (effort("xhigh"), "HIGH", 32768), (effort("max"), "HIGH", 32768),
        (effort("odd"), None, None), (LAST, "LOW", 1024), ({**OFF, **effort("high")}, "HIGH", 24576),
        (OFF, "LOW", 128), (BETWEEN, "LOW", 128), (ADAPTIVE, None, -1),
        (enabled(1024), "LOW", 1024), (enabled(4000), "MEDIUM", 4000), (enabled(10000), "HIGH", 10000),
        (enabled(99999), "HIGH", 32768), (enabled(5), "LOW", 128), (enabled("x"), "LOW", -1),
        ({**enabled(9000), **effort("low")}, "LOW", 1024), ({"thinking": 7}, None, None),
    ],
)  # fmt: skip
def test_each_generation_has_its_own_setting(source, level, budget):
    """The effort, else the thinking asked for, is a level from Gemini 3 on and a budget for 2.5, never both."""
    wanted = {"thinkingLevel": level, "thinkingBudget": budget}
    for model, key in ((NEW, "thinkingLevel"), ("gemini-2.5-pro", "thinkingBudget")):
        config = {k: v for k, v in thinking_config(source, model).items() if k != "includeThoughts"}
        assert config == ({key: wanted[key]} if wanted[key] is not None else {})


@pytest.mark.parametrize(
    ("model", "source", "expected"),
    [
        ("gemini-2.5-flash", OFF, {"thinkingBudget": 0}), ("gemini-2.5-flash-lite", OFF, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", effort("max"), {"thinkingBudget": 24576}),
        ("gemini-2.5-flash", enabled(1), {"thinkingBudget": 1, "includeThoughts": True}),
        ("gemini-2.5-flash-lite", enabled(1), {"thinkingBudget": 512, "includeThoughts": True}),
        ("gemini-3-flash-preview", OFF, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-flash-lite", OFF, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.7-flash", OFF, {"thinkingLevel": "LOW"}), ("gemini-3.1-pro", OFF, {"thinkingLevel": "LOW"}),
        ("gemini-4-argon", OFF, {"thinkingLevel": "LOW"}),
        ("gemini-3-pro-preview", effort("medium"), {"thinkingLevel": "HIGH"}),
        ("gemini-3.1-pro", effort("medium"), {"thinkingLevel": "MEDIUM"}),
    ],
)  # fmt: skip
def test_no_model_is_asked_for_what_it_refuses(model, source, expected):
    """The least and the most differ by model: what is out of a model's range is what comes nearest."""
    assert thinking_config(source, model) == expected


@pytest.mark.parametrize("model", ["gemma-4", "gemini-2.0-flash", "gemini-3-pro-image", "gemini-2.5-flash-image", "x"])
def test_models_without_thinking_get_no_setting(model):
    """A model that does not think, or makes images or speech, is told nothing about it."""
    assert thinking_config({**enabled(9000), **effort("high")}, model) == {}


def test_thoughts_are_asked_for_when_the_client_reads_them():
    """Thoughts come along when the client asked for thinking and did not ask to omit it."""
    assert thinking_config({"thinking": {"type": "adaptive"}}, NEW) == {"includeThoughts": True}
    assert thinking_config(ADAPTIVE, NEW) == {}
    assert thinking_config(effort("high"), NEW) == {"thinkingLevel": "HIGH"}


@pytest.mark.parametrize(
    ("model", "version", "third"),
    [
        ("gemini-3-pro-preview", (3, 0), True), ("models/gemini-2.5-flash", (2, 5), False),
        ("google/gemini-3.8-flash", (3, 8), True), ("gemini-10", (10, 0), True),
        ("gemini-flash-latest", (3, 8), True), ("gemini-flash-lite-latest", (3, 8), True),
        ("gemini-exp-1206", (0, 0), False),
        ("gemma-4", (0, 0), False), ("my-gemini-3", (0, 0), False), ("", (0, 0), False),
    ],
)  # fmt: skip
def test_the_generation_is_in_the_name(model, version, third):
    """The version stands after `gemini-`; the `-latest` names are of the current generation; others have none."""
    assert generation(model) == version
    assert is_third(model) is third
