"""Presets: every row can be used as it is."""

from typing import get_args
from urllib.parse import urlsplit

import pytest

from providers.outbound.effort import EFFORTS
from providers.presets import ECHO_URL, PRESETS, AuthStyle, SystemRole, WireFormat
from providers.validators import validate_base_url, validate_headers

ROWS = pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))


@ROWS
def test_row_is_well_formed(preset):
    """A preset names a known wire format and sign-in, and its headers and address would pass the forms."""
    assert preset.wire_format in get_args(WireFormat)
    assert preset.auth in get_args(AuthStyle)
    assert preset.quirks.inline_system in get_args(SystemRole)
    assert preset.label
    validate_headers(dict(preset.headers))
    if preset.base_url:
        validate_base_url(preset.base_url)
        assert not preset.base_url.endswith("/")


@ROWS
def test_address_is_safe_and_ends_before_the_path(preset):
    """Keys travel to vendors over https only, and an address never ends with the format's own path."""
    if preset.base_url and preset.base_url != ECHO_URL:
        where = urlsplit(preset.base_url)
        assert where.scheme == "https" or (where.hostname == "127.0.0.1" and not preset.needs_key)
        assert not preset.base_url.endswith(("/messages", "/chat/completions", "/responses"))
        if preset.wire_format == "anthropic_messages":
            assert not preset.base_url.endswith("/v1")


def test_rows_are_found_by_their_own_name():
    """The table's keys are the rows' names, and no environment variable belongs to two vendors."""
    assert all(name == row.name for name, row in PRESETS.items())
    keys = [row.env_key for row in PRESETS.values() if row.env_key]
    assert len(keys) == len(set(keys))


def test_what_has_no_address_is_bring_your_own():
    """Only the compatible presets and Azure's own hosts lack an address; keys are needed by vendors alone."""
    own = {"anthropic-compatible", "openai-compatible"}
    assert {n for n, row in PRESETS.items() if not row.base_url} == own | {"azure-openai"}
    local = {"ollama", "lm-studio", "vllm", "llama.cpp"}
    by_machine = {"vertex-ai", "vertex-claude"}
    assert {n for n, row in PRESETS.items() if not row.needs_key} == own | local | by_machine | {"echo"}


@ROWS
def test_what_an_account_needs_is_told_where_one_signs_in(preset):
    """A header for the account has a legal name, and the beta is for those who speak Anthropic's dialect."""
    validate_headers({preset.account_header: "x"} if preset.account_header else {})
    assert preset.account_header == preset.account_header.lower()
    assert not preset.sign_in_beta or preset.wire_format == "anthropic_messages"


@ROWS
def test_quirks_are_words_that_exist(preset):
    """Efforts are known ones, and a preset for other addresses is a row without an address of its own."""
    assert set(preset.quirks.efforts) <= {"none", "minimal", *EFFORTS}
    if preset.elsewhere:
        assert PRESETS[preset.elsewhere].base_url == ""


def test_every_provider_type_of_an_imported_file_is_known():
    """All eighteen vendors of Claude Code Mux have a row of the same name, and the address it knew."""
    expected = {
        "anthropic": "https://api.anthropic.com", "z.ai": "https://api.z.ai/api/anthropic",
        "minimax": "https://api.minimax.io/anthropic", "zenmux": "https://zenmux.ai/api/anthropic",
        "kimi-coding": "https://api.kimi.com/coding", "openai": "https://api.openai.com/v1",
        "openrouter": "https://openrouter.ai/api/v1", "deepinfra": "https://api.deepinfra.com/v1/openai",
        "novita": "https://api.novita.ai/v3/openai",
    }  # fmt: skip
    assert {name: PRESETS[name].base_url for name in expected} == expected
    others = {"baseten", "together", "fireworks", "groq", "nebius", "cerebras", "moonshot", "gemini", "vertex-ai"}
    assert others <= set(PRESETS)
    assert len(expected) + len(others) == 18
