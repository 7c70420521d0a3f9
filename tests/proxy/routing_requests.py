"""Requests and configurations for the tests of routing."""

import json

from providers.presets import PRESETS
from providers.targets import Target
from providers.wire.messages import MessagesRequest
from providers.wire.spans import scan_object
from proxy.config import ConfigSnapshot, ModelConfig, ProviderConfig, RouterConfig, RuleConfig
from proxy.patterns import compile_pattern
from proxy.routing import decide

WEB_TOOL = {"type": "web_search_20250305", "name": "web_search"}
THINKING = {"type": "enabled", "budget_tokens": 1024}
ADAPTIVE = {"type": "adaptive"}
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


def effort(level):
    return {"role": "system", "content": "note", "output_config": {"effort": level}}
