"""The presets as cards."""

import pytest

from providers.oauth.flows import FLOWS
from providers.presets import KEY_PAGES, PRESETS
from proxy.setup.cards import asks_address, asks_key, by_account_too, card_groups, key_needed, needs


def names(search=""):
    return [card.name for group in card_groups(search) for card in group.cards]


def test_every_preset_is_on_one_card():
    """Nothing of the table is missing or shown twice, and no heading is empty."""
    assert sorted(names()) == sorted(PRESETS)
    assert all(group.cards for group in card_groups())
    assert len({group.title for group in card_groups()}) == 6


@pytest.mark.parametrize(
    ("search", "first"),
    [("GLM", "z.ai"), ("  claude  vertex ", "vertex-claude"), ("11434", "ollama"), ("responses azure", "azure-openai")],
)
def test_a_search_finds_by_name_address_and_format(search, first):
    """Each word is looked for, whatever its case and order."""
    assert names(search)[0] == first
    assert len(names(search)) < len(PRESETS)


def test_a_search_that_finds_nothing_leaves_no_group():
    """No empty headings."""
    assert card_groups("no such vendor") == []


@pytest.mark.parametrize(
    ("preset", "words", "address", "key", "must"),
    [
        ("openrouter", "An API key.", False, True, True),
        ("anthropic", "or an account", False, True, False),
        ("codex", "there is no key", False, False, False),
        ("code-assist", "there is no key", False, False, False),
        ("vertex-ai", "A project and a location", False, True, False),
        ("azure-openai", "Its base URL, and its key", True, True, True),
        ("openai-compatible", "a key if it wants one", True, True, False),
        ("ollama", "on this machine", True, True, False),
        ("echo", "Needs nothing", False, False, False),
    ],
)
def test_what_is_needed_is_said_and_asked_for(preset, words, address, key, must):
    """The sentence on the card and the fields of the form agree."""
    row = PRESETS[preset]
    assert words in needs(row)
    assert (asks_address(row), asks_key(row), key_needed(row)) == (address, key, must)


def test_what_the_set_up_calls_an_account_is_a_flow_of_the_table():
    """Each preset that is said to be signed in to has a flow, and no other has one."""
    said = {row.name for row in PRESETS.values() if row.by_account_only or by_account_too(row)}
    assert said == {preset for flow in FLOWS.values() for preset in flow.opens}


def test_the_pages_of_keys_are_of_presets_and_safe_to_link():
    """Each belongs to a preset and is an https address."""
    assert set(KEY_PAGES) <= set(PRESETS)
    assert all(url.startswith("https://") for url in KEY_PAGES.values())
