"""What can be addressed: the settings a preset's address needs, and the names of models."""

from dataclasses import replace

import pytest

from providers.addresses import model_problem, provider_problems
from providers.presets import PRESETS

VERTEX, GEMINI, OPENAI = PRESETS["vertex-ai"], PRESETS["gemini"], PRESETS["openai"]


@pytest.mark.parametrize("location", ["global", "eu", "us", "europe-west4", "us-central1"])
def test_a_vertex_provider_with_project_and_location_is_complete(location):
    """Both settings and no address of its own is all it takes, for each of the formats spoken there."""
    for name in ("vertex-ai", "vertex-claude"):
        assert provider_problems(PRESETS[name], "", "my-project-1", location) == {}


@pytest.mark.parametrize(
    ("project", "location", "fields"),
    [
        ("", "", ["project_id", "location"]),
        ("  ", "global", ["project_id"]),
        ("p", "", ["location"]),
        ("p", "Global", ["location"]),
        ("p", "eu\n", ["location"]),
        ("p", "1eu", ["location"]),
        ("p", "evil.example/", ["location"]),
    ],
)
def test_what_a_vertex_provider_lacks_is_named(project, location, fields):
    """Each missing or impossible setting is told at its own field."""
    assert list(provider_problems(VERTEX, "https://x.example", project, location)) == fields


def test_only_presets_that_need_them_ask_for_settings():
    """Project and location are nobody else's business; an address is needed where the preset has none."""
    assert provider_problems(OPENAI, "", "", "No Such Place") == {}
    assert "enter the base URL" in provider_problems(PRESETS["azure-openai"], "", "", "")["base_url"]
    assert provider_problems(PRESETS["azure-openai"], "https://x.example/openai/v1", "", "") == {}


@pytest.mark.parametrize("preset", [*PRESETS.values(), None], ids=lambda preset: preset and preset.name)
@pytest.mark.parametrize("model", ["", "  ", "\t", "a\nb", "a\x7f", "a\x00", "\u202ea", "\ud800"], ids=ascii)
def test_no_format_takes_a_name_that_is_empty_or_unprintable(preset, model):
    """Whatever the vendor, and before it is known: a model has a printable name."""
    assert model_problem(preset, model)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_the_suggested_model_can_be_addressed(preset):
    """What a form shows as an example can be entered."""
    assert model_problem(preset, preset.suggested_model or "some-model:free@1.5") == ""


ODD = ["vendor/model", "a b", "accounts/x/models/y", "../x", "a..b"]
FULL = "publishers/google/models/gemini-3-pro"


@pytest.mark.parametrize("model", [*ODD, FULL, "models/x", "é漢[1m]"])
def test_a_name_that_goes_into_the_body_may_be_any_text(model):
    """Slashes and blanks are part of names at vendors that read them from the body."""
    for name in ("openai", "openrouter", "anthropic", "echo", "openai-compatible"):
        assert model_problem(PRESETS[name], model) == ""
    assert model_problem(None, model) == ""


@pytest.mark.parametrize(
    "model", [*ODD, "models/", "models/a/b", "a/", "/a", "tunedModels/x", "models/models/x", "a\u3000b"]
)
def test_a_name_that_goes_into_the_address_is_one_segment(model):
    """Blanks, slashes and dots that climb are refused for what stands in the address, with an example."""
    for preset in (GEMINI, VERTEX, PRESETS["vertex-claude"]):
        assert model_problem(preset, model)
    if model.isprintable():
        assert "such as gemini-3-pro-preview" in model_problem(GEMINI, model)
        assert "such as" not in model_problem(replace(GEMINI, suggested_model=""), model)


def test_prefixes_that_the_vendor_itself_writes_are_taken():
    """`models/` is left off everywhere, a publisher only where publishers are addressed."""
    for model in ("gemini-3-pro", "models/gemini-3-pro", "claude-x@20260101"):
        assert model_problem(GEMINI, model) == model_problem(VERTEX, model) == ""
    assert model_problem(VERTEX, FULL) == ""
    assert model_problem(GEMINI, FULL)
    assert model_problem(VERTEX, "publishers/google/models/a/b")
    assert model_problem(VERTEX, "publishers/../models/x")
