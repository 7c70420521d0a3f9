"""The presets as cards to choose from: what each needs, in groups, and found by a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from providers.oauth.flows import flows_for
from providers.presets import KEY_PAGES, PRESETS, Group, Preset

FORMATS = {
    "anthropic_messages": "Anthropic Messages",
    "openai_chat": "OpenAI Chat Completions",
    "openai_responses": "OpenAI Responses",
    "gemini": "Gemini",
}
"""The wire formats as people call them."""

TITLES: dict[str, str] = {
    "Vendors": "Vendors",
    "Aggregators": "Aggregators: many vendors' models at one address",
    "Clouds": "Clouds",
    "On your machine": "On your own machine",
    "Bring your own": "Any compatible server",
    "Built in": "To try things out",
}
"""The heading of each group."""


@dataclass(frozen=True, slots=True)
class Card:
    """One preset to choose. `words` is what a search looks in, in lower case."""

    name: str
    label: str
    needs: str
    where: str
    format: str
    more_url: str
    more: str
    words: str


@dataclass(frozen=True, slots=True)
class CardGroup:
    """The cards under one heading."""

    title: str
    cards: tuple[Card, ...]


def by_account_too(preset: Preset) -> bool:
    """True when an account opens it as well as a key."""
    return bool(flows_for(preset.name)) and not preset.by_account_only


def asks_address(preset: Preset) -> bool:
    """True when the set-up asks for a base URL: there is none, or it is one of this machine's ports."""
    return not preset.base_url or preset.base_url.startswith("http://127.0.0.1")


def asks_key(preset: Preset) -> bool:
    """True when a key can be of use."""
    return preset.auth != "none" and not preset.by_account_only


def key_needed(preset: Preset) -> bool:
    """True when nothing but a key opens it."""
    return asks_key(preset) and preset.needs_key and not by_account_too(preset)


def needs(preset: Preset) -> str:
    """What somebody must have at hand, in one sentence."""
    if preset.auth == "none":
        return "Needs nothing."
    if preset.by_account_only:
        return "An account to sign in with; there is no key."
    if by_account_too(preset):
        return "An API key, or an account to sign in with."
    if preset.addressing == "vertex":
        return "A project and a location; a service account's key file, or this machine's own sign-in."
    if not preset.base_url:
        return f"Its base URL, and {'its key' if preset.needs_key else 'a key if it wants one'}."
    if asks_address(preset):
        return "The server running on this machine; no key."
    return "An API key."


def card_groups(search: str = "") -> list[CardGroup]:
    """The presets in their groups; with a search, those that hold each of its words."""
    wanted = search.lower().split()
    cards: dict[str, list[Card]] = {group: [] for group in get_args(Group)}
    for preset in PRESETS.values():
        card = _card(preset)
        if all(word in card.words for word in wanted):
            cards[preset.group].append(card)
    return [CardGroup(TITLES[group], tuple(found)) for group, found in cards.items() if found]


def _card(preset: Preset) -> Card:
    where = preset.base_url.partition("://")[2] if preset.auth != "none" else ""
    told = FORMATS[preset.wire_format]
    more = "Get one" if preset.needs_key else "About it"
    words = " ".join((preset.name, preset.label, where, told, preset.group, needs(preset))).lower()
    return Card(preset.name, preset.label, needs(preset), where, told, KEY_PAGES.get(preset.name, ""), more, words)
