"""What an import refuses because a form would, each finding at its key."""
# ruff: noqa: E501 (tables of cases read best one to a line)

import pytest

from providers.models import Provider
from proxy.models import ModelMapping
from tests.proxy.configfile_cast import errors_of, imported

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[router]\ndefault='nope'", "line 2, [router]: default: there is no logical model 'nope'"),
        ("[[models]]\nname='m'\n[[models.mappings]]\nprovider='p'\nactual_model='x'", "line 4, [[models]] #1 'm', [[models.mappings]] #1: provider: there is no provider 'p'"),
        ("[[router.rules]]\nname='r'\nmodel='nope'\nhas_image=true", "line 3, [[router.rules]] #1 'r': model: there is no logical model"),
        ("[router]\nbackground_regex='('", "line 2, [router]: background_regex: '(' is not a valid pattern"),
        ("[router]\nconnect_timeout_s=0", "line 2, [router]: connect_timeout_s: Ensure this value is greater"),
        ("[[providers]]\nname='a'\nprovider_type='echo'\nconnect_timeout_s=0", "line 4, [[providers]] #1 'a': connect_timeout_s: Enter seconds, from 0.1 to 86400"),
        ("[[providers]]\nname='e'\nprovider_type='echo'\n[[models]]\nname='m'\n[[models.mappings]]\nprovider='e'\nactual_model='x'\nidle_timeout_s=1e9", "line 9, [[models]] #1 'm', [[models.mappings]] #1: idle_timeout_s: Enter seconds"),
        ("[router]\nthink_min_effort='huge'", "line 2, [router]: think_min_effort: Value 'huge' is not a valid choice"),
        ("[router]\nretention_days=99999999999999999999", "line 2, [router]: retention_days: Ensure this value is less"),
        ("[[providers]]\nname='a,b'\nprovider_type='echo'", "line 2, [[providers]] #1 'a,b': name: Use printable"),
        ("[[providers]]\nname='a'\nprovider_type='openai'\nbase_url='ftp://x'", "line 4, [[providers]] #1 'a': base_url: The base URL must start"),
        ("[[providers]]\nname='a'\nprovider_type='openai-compatible'", "base_url: Any OpenAI-compatible server has no address"),
        ("[[providers]]\nname='a'\nprovider_type='openai'\nheaders={Host='x'}", "line 4, [[providers]] #1 'a': headers: 'Host' is not a header"),
        ("[[providers]]\nname='a'\nprovider_type='vertex'", "provider_type: 'vertex' is not supported; supported: anthropic"),
        ("[[providers]]\nname='e'\nprovider_type='openai'\n[[models]]\nname='m'\n[[models.mappings]]\nprovider='e'\nactual_model='x'\ndrill='hang'", "line 9, [[models]] #1 'm', [[models.mappings]] #1: drill: only mappings"),
        ("[[models]]\nname='m'\n[[models.mappings]]\nprovider='fine'\nactual_model='x'\nweight=0", "weight: Ensure this value is greater"),
        ("[[providers]]\nname='a'\nprovider_type='echo'\nmax_concurrency=0", "line 4, [[providers]] #1 'a': max_concurrency: Ensure this value is greater"),
        ("[[models]]\nname='m'\n[[models.mappings]]\nprovider='p'\nactual_model=''", "actual_model: This field cannot be blank"),
        ("[[providers]]\nname='v'\nprovider_type='vertex-ai'\nlocation='global'", "line 1, [[providers]] #1 'v': project_id: Google Vertex AI (Gemini) needs the ID"),
        ("[[providers]]\nname='v'\nprovider_type='vertex-ai'\nproject_id='p'\nlocation='EU'", "line 5, [[providers]] #1 'v': location: Google Vertex AI (Gemini) needs a location"),
        ("[[providers]]\nname='g'\nprovider_type='gemini'\nmodels=['a b']", "line 4, [[providers]] #1 'g': models: “a b” cannot be asked for"),
        ("[[providers]]\nname='g'\nprovider_type='gemini'\n[[models]]\nname='m'\n[[models.mappings]]\nprovider='g'\nactual_model='google/x'", "line 8, [[models]] #1 'm', [[models.mappings]] #1: actual_model: Google Gemini (AI Studio) has the model in its address"),
        ("[router]\ndefault='a/b'\n[[providers]]\nname='g'\nprovider_type='gemini'\nmodels=['a/b']", "line 1, [router]: actual_model: Google Gemini"),
        ("[[models]]\nname='m'\n[[models.mappings]]\nprovider='fine'\nactual_model='  '", "line 5, [[models]] #1 'm', [[models.mappings]] #1: actual_model: Enter the model's name"),
        ("[[models]]\nname='m'\n[[models.mappings]]\nprovider='fine'\nactual_model=\"a\\u007f\"", "actual_model: A model's name must not hold"),
        (f"[[models]]\nname='m'\n[[models.mappings]]\nprovider='fine'\nactual_model='{'x' * 201}'", "actual_model: Ensure this value has at most 200"),
        ("[[router.rules]]\nname='r'\nmodel='m'", "[[router.rules]] #1 'r': Set at least one condition"),
    ],
)  # fmt: skip
def test_what_a_form_refuses_an_import_refuses_and_nothing_is_written(text, expected):
    """The tables' own validators judge, and one error keeps everything out."""
    good = "\n[[providers]]\nname='fine'\nprovider_type='echo'\n"
    found = errors_of(text + good)
    assert any(expected in line for line in found), found


def test_a_new_type_is_held_against_the_stored_mappings():
    """A file that makes a provider another vendor's must not break what is mapped to it; what was so before may stay."""
    imported()
    ModelMapping.objects.filter(provider__name="echo").update(actual_model="e/cho", drill="")
    gemini = "[[providers]]\nname = 'echo'\nprovider_type = 'gemini'\napi_key = 'a-key'\n"
    (found,) = errors_of(gemini)
    assert found.startswith("model main (stored), echo/e/cho: actual_model: Google Gemini (AI Studio)")
    Provider.objects.filter(name="echo").update(preset="gemini")
    assert imported(gemini).changes
