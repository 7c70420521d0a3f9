"""Which logical model serves a request, and why: one decision, made from values alone.

The order is auto-map, web search, subagent tag, rules, think, background, default; the
first that matches wins. Nothing here parses more of a body than a configured route asks about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from providers.errors import plain_words
from providers.model_facts import for_model
from providers.targets import Target
from providers.wire.messages import MessagesRequest
from providers.wire.spans import MalformedJson, Span, item_spans, loads, scan_object
from proxy.config import EFFORT_ORDER, ConfigSnapshot, ProviderConfig, RequestKind, RuleConfig
from proxy.patterns import matches

ErrorType = Literal["not_found_error", "invalid_request_error"]

_REQUEST_CLASS = "x-claude-code-request-class"
_COMPACTION = re.compile(
    r"create a detailed summary of (?:the|this|our)(?: recent portion of the)? conversation", re.IGNORECASE
)
_DEFAULT_EFFORT = "high"  # what the Messages API assumes when a request names none
_NAMES_SHOWN = 20
_NAME_CHARS = 100


class RouteReason(StrEnum):
    """What decided a route; shown to clients as `x-ccm-route` and kept in the history."""

    WEB_SEARCH = "web_search"
    SUBAGENT = "subagent"
    RULE = "rule"
    THINK = "think"
    BACKGROUND = "background"
    DEFAULT = "default"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """Where a request goes. `model` is the logical model, "" when a provider was named directly."""

    reason: RouteReason
    model: str
    why: str
    """One printable line."""
    targets: tuple[Target, ...]


class RoutingError(ValueError):
    """No target can serve the request; the message names the fix, `status` and `error_type` are for the client."""

    def __init__(self, message: str, status: int = 404) -> None:
        super().__init__(message)
        self.status = status
        self.error_type: ErrorType = "not_found_error" if status == 404 else "invalid_request_error"


def decide(
    request: MessagesRequest,
    config: ConfigSnapshot,
    *,
    headers: Mapping[str, str],
    forced_provider: str = "",
    estimate: Callable[[], int] = lambda: 0,
) -> RouteDecision:
    """Route one request. `headers` has lower-case names; `estimate` is called only when a rule asks for the size.

    `forced_provider` keeps only that provider's targets. Raises RoutingError.
    """
    decision = _Router(config, _Traits(request, headers, estimate)).decide()
    return _forced(decision, forced_provider) if forced_provider else decision


class _Traits:
    """What routing may ask about a request, each answer found when first asked for."""

    def __init__(self, request: MessagesRequest, headers: Mapping[str, str], estimate: Callable[[], int]) -> None:
        self.request = request
        self.headers = headers
        self._estimate = estimate

    @cached_property
    def tokens(self) -> int:
        return self._estimate()

    @cached_property
    def has_web_search(self) -> bool:
        if b"web_search" not in self.request.members.get("tools", b""):
            return False
        tools = self._member("tools")
        return isinstance(tools, list) and any(
            isinstance(tool, dict) and str(tool.get("type") or "").startswith("web_search") for tool in tools
        )

    def thinks(self, least: str) -> bool:
        """True when thinking is on, or adaptive with an effort of at least `least` ("off": adaptive never counts)."""
        kind = _get(self._member("thinking"), "type")
        if kind != "adaptive" or least not in EFFORT_ORDER:
            return bool(kind == "enabled")
        return EFFORT_ORDER.get(self._effort, 0) >= EFFORT_ORDER[least]

    @cached_property
    def _effort(self) -> str:
        if b'"output_config"' in self.request.members.get("messages", b""):
            for message in self._messages_backwards():
                effort = _get(_loads(message.get("output_config")), "effort")
                if isinstance(effort, str):
                    return effort
        effort = _get(self._member("output_config"), "effort")
        return effort if isinstance(effort, str) else _DEFAULT_EFFORT

    def is_kind(self, kind: RequestKind) -> bool:
        """True when the request is of that kind."""
        if kind == "count" or self.request.operation == "count_tokens":
            return kind == "count" and self.request.operation == "count_tokens"
        if kind == "compaction":
            return self.headers.get(_REQUEST_CLASS) == "compaction" or bool(_COMPACTION.search(self.turn_text))
        return kind == "title" and self._is_title

    @cached_property
    def _is_title(self) -> bool:
        if b"json_schema" not in self.request.members.get("output_config", b"") or self._member("tools"):
            return False
        return bool(_get(_get(self._member("output_config"), "format"), "type") == "json_schema")

    @cached_property
    def turn_text(self) -> str:
        """The text of the user message that started the turn, system reminders left out."""
        for message in self._messages_backwards():
            if _loads(message.get("role")) != "user":
                continue
            content = _loads(message.get("content"))
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            if not isinstance(blocks, list):
                continue
            texts = [_without_reminders(text) for text in map(_text_of, blocks) if text]
            said = "\n".join(text for text in texts if text.strip())
            if said or any(_get(block, "type") not in ("text", "tool_result") for block in blocks):
                return said
        return ""

    def _messages_backwards(self) -> Iterator[dict[str, bytes]]:
        raw = self.request.members.get("messages", b"")
        for span in reversed(item_spans(raw, Span(0, len(raw))) or ()):
            try:
                yield scan_object(span.of(raw))
            except MalformedJson:
                continue

    def _member(self, key: str) -> Any:
        return _loads(self.request.members.get(key))


class _Router:
    """One request against one configuration."""

    def __init__(self, config: ConfigSnapshot, traits: _Traits) -> None:
        self._config = config
        self._traits = traits
        self._asked = traits.request.model

    def decide(self) -> RouteDecision:
        router, traits = self._config.router, self._traits
        if "," in self._asked and self._config.model(self._asked) is None:
            return self._direct(self._asked)
        if router.websearch and traits.has_web_search:
            return self._route(RouteReason.WEB_SEARCH, router.websearch, "the request brings a web search tool")
        note = ""
        if tag := traits.request.subagent_model:
            tagged = self._tagged(tag)
            if tagged is not None:
                return tagged
            note = f"the subagent tag names {_shown(tag)}, which is not known"
            if router.default:
                return self._route(RouteReason.DEFAULT, router.default, note)
        return self._special() or self._default(note)

    def _special(self) -> RouteDecision | None:
        router, traits = self._config.router, self._traits
        for rule in self._config.rules:
            if _holds(rule, traits):
                return self._route(RouteReason.RULE, rule.model, f"rule {_shown(rule.name)}")
        if router.think and traits.thinks(router.think_min_effort):
            return self._route(RouteReason.THINK, router.think, "the request thinks")
        if router.background and matches(router.background_pattern, self._asked):
            why = f"{_shown(self._asked)} matches the background pattern"
            return self._route(RouteReason.BACKGROUND, router.background, why)
        return None

    def _default(self, note: str) -> RouteDecision:
        config, router, asked = self._config, self._config.router, self._asked
        known = config.model(asked)
        prefix = f"{note}; " if note else ""
        if router.default and matches(router.auto_map, asked) and (known is None or router.auto_map_known):
            why = f"{prefix}{_shown(asked)} is auto-mapped to the default route"
            return self._route(RouteReason.DEFAULT, router.default, why)
        if known is not None:
            return self._route(RouteReason.DEFAULT, known.name, f"{prefix}asked for by name")
        if offered := self._offered(asked):
            return RouteDecision(RouteReason.DIRECT, "", f"{prefix}{_shown(asked)} is offered by a provider", offered)
        if router.default:
            return self._route(RouteReason.DEFAULT, router.default, f"{prefix}{_shown(asked)} is not a known model")
        raise RoutingError(
            f"model {_shown(asked)} is not known here and there is no default route; "
            f"known models: {_listed(self._config.models)}"
        )

    def _tagged(self, tag: str) -> RouteDecision | None:
        why = f"the subagent tag names {_shown(tag)}"
        if model := self._config.model(tag):
            return self._route(RouteReason.SUBAGENT, model.name, why)
        if "," in tag:
            target = self._named_target(tag)
            return RouteDecision(RouteReason.SUBAGENT, "", why, (target,)) if target else None
        offered = self._offered(tag)
        return RouteDecision(RouteReason.SUBAGENT, "", why, offered) if offered else None

    def _direct(self, name: str) -> RouteDecision:
        target = self._named_target(name)
        if target is None:
            provider, _, model = name.partition(",")
            if not model.strip():
                raise RoutingError(f"{_shown(name)} names no model after the comma; write provider,model", 400)
            raise RoutingError(
                f"there is no enabled provider {_shown(provider.strip())}; "
                f"known providers: {_listed(self._config.providers)}"
            )
        return RouteDecision(RouteReason.DIRECT, "", f"{_shown(name)} names its provider", (target,))

    def _named_target(self, name: str) -> Target | None:
        wanted, _, actual = (part.strip() for part in name.partition(","))
        provider = self._provider(wanted)
        return for_model(provider.template, actual) if provider and actual else None

    def _provider(self, name: str) -> ProviderConfig | None:
        exact = self._config.providers.get(name)
        if exact is not None:
            return exact
        folded = name.casefold()
        return next((row for row in self._config.providers.values() if row.name.casefold() == folded), None)

    def _offered(self, name: str) -> tuple[Target, ...]:
        return tuple(replace(target, priority=place) for place, target in enumerate(self._offering(name)))

    def _offering(self, name: str) -> tuple[Target, ...]:
        rows = self._config.providers.values()
        exact = tuple(for_model(row.template, name) for row in rows if name in row.models_offered)
        if exact:
            return exact
        folded = name.casefold()
        return tuple(
            for_model(row.template, offered)
            for row in rows
            for offered in sorted(row.models_offered)
            if offered.casefold() == folded
        )

    def _route(self, reason: RouteReason, name: str, why: str) -> RouteDecision:
        model = self._config.model(name)
        if model is None:
            raise RoutingError(
                f"{why}, which leads to the logical model {_shown(name)}, but there is no enabled one of that name; "
                f"create or enable it, or change the route; known models: {_listed(self._config.models)}"
            )
        if not model.targets:
            raise RoutingError(
                f"the logical model {_shown(model.name)} has no enabled mapping to an enabled provider; "
                "add or enable one in the admin"
            )
        return RouteDecision(reason, model.name, why, model.targets)


def _holds(rule: RuleConfig, traits: _Traits) -> bool:
    """True when every condition of the rule holds; the cheap ones are asked first."""
    if rule.model_pattern is not None and not matches(rule.model_pattern, traits.request.model):
        return False
    if rule.header_name and not _header_holds(rule, traits.headers.get(rule.header_name.lower())):
        return False
    if rule.request_kind and not traits.is_kind(rule.request_kind):
        return False
    if rule.has_image is not None and traits.request.has_image != rule.has_image:
        return False
    if rule.prompt_pattern is not None and not matches(rule.prompt_pattern, traits.turn_text):
        return False
    return rule.min_input_tokens is None or traits.tokens >= rule.min_input_tokens


def _header_holds(rule: RuleConfig, value: str | None) -> bool:
    if value is None or (rule.header_equals and value != rule.header_equals):
        return False
    return rule.header_pattern is None or matches(rule.header_pattern, value)


def _forced(decision: RouteDecision, provider: str) -> RouteDecision:
    """The decision with the targets of one provider only."""
    targets = tuple(target for target in decision.targets if target.provider == provider)
    if not targets:
        folded = provider.casefold()
        targets = tuple(target for target in decision.targets if target.provider.casefold() == folded)
    if not targets:
        named = _shown(decision.model) if decision.model else "what was asked for"
        has = _listed(dict.fromkeys(target.provider for target in decision.targets))
        raise RoutingError(f"X-Provider asks for {_shown(provider)}, but {named} is served by: {has}", 400)
    return replace(decision, targets=targets, why=f"{decision.why}; X-Provider asks for {_shown(provider)}")


def _without_reminders(text: str) -> str:
    """The text without its `<system-reminder>` parts; one that is never closed stays."""
    opening, closing = "<system-reminder>", "</system-reminder>"
    parts, at = [], 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start)) >= 0:
        parts.append(text[at:start])
        at = end + len(closing)
    return "".join((*parts, text[at:]))


def _text_of(block: Any) -> str:
    text = _get(block, "text") if _get(block, "type") == "text" else None
    return text if isinstance(text, str) else ""


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _loads(raw: bytes | None) -> Any:
    """A member's value; None when it is absent or not readable, which is the upstream's to complain about."""
    if raw is None:
        return None
    try:
        return loads(raw)
    except MalformedJson:
        return None


def _shown(name: str) -> str:
    return f"“{plain_words(name, _NAME_CHARS)}”"


def _listed(names: Mapping[str, Any]) -> str:
    shown = [plain_words(name, _NAME_CHARS) for name in list(names)[:_NAMES_SHOWN]]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return (", ".join(shown) + more) or "none"
