"""Laws of the configuration file over generated contents, and the page that documents it."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import tomlkit
from django.contrib import admin
from hypothesis import given, settings
from hypothesis import strategies as st

from ccmsite.environment import FILE_NAMES
from providers.models import Provider
from providers.oauth.flows import flows_for
from providers.presets import PRESETS
from proxy.configfile.export import export
from proxy.configfile.parse import parse
from proxy.configfile.plan import check_references, diff, merge
from proxy.configfile.values import (
    ROUTER,
    CredentialValues,
    MappingValues,
    ModelValues,
    ProviderValues,
    RouterValues,
    RuleValues,
    credential_keys,
    model_key,
    provider_key,
    rule_key,
)
from proxy.models import LogicalModel, ModelMapping, RouterSettings, RoutingRule

TABLES = [
    (RouterSettings, RouterValues, set()),
    (RoutingRule, RuleValues, {"logical_model"}),
    (ModelMapping, MappingValues, {"logical_model"}),
    (LogicalModel, ModelValues, {"created_at", "updated_at"}),
    (Provider, ProviderValues, {"created_at", "updated_at", "models_listed"}),
]
"""What is configured, what the file says of it, and the columns that the file tells otherwise or not at all."""

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12)
names = texts.filter(bool)
secrets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
whole = st.integers(0, 10**9)
maybe = st.none() | st.integers(1, 10**9)
waits = st.none() | st.floats(0.1, 86_400)


@st.composite
def states(draw):
    """A state that refers only to what it holds."""
    state = {}
    for name in draw(st.lists(names, max_size=3, unique=True)):
        state[provider_key(name)] = ProviderValues(
            name, draw(st.sampled_from(list(PRESETS))), draw(st.sampled_from(["", "https://x.example/$v1"])),
            draw(st.booleans()), tuple(sorted(draw(st.dictionaries(names, texts, max_size=2)).items())),
            draw(texts), draw(texts), tuple(draw(st.lists(texts, max_size=2))),
            draw(waits), draw(waits), draw(waits), draw(maybe),
        )  # fmt: skip
        rows = draw(st.lists(st.tuples(st.sampled_from(["API key", "b"]), secrets, st.booleans()), max_size=3))
        own = [CredentialValues(name, label, secret, on) for label, secret, on in rows]
        if flows := [flow.name for flow in flows_for(state[provider_key(name)].preset)]:
            labels = st.sampled_from([*flows, "API key", ""])
            accounts = st.lists(st.tuples(labels, st.sampled_from(flows), st.booleans()), max_size=3)
            own += [CredentialValues(name, label, None, on, flow) for label, flow, on in draw(accounts)]
        state.update(credential_keys(draw(st.permutations(own))))
    providers = [key[1] for key in state if key[0] == "provider"]
    for name in draw(st.lists(names, max_size=3, unique_by=str.casefold)):
        mappings = st.builds(
            MappingValues, whole, st.sampled_from(providers), texts, st.booleans(), maybe, maybe, texts, waits, waits,
            st.integers(1, 10**9), st.sampled_from(["", "3 / 15 / 0.3"]), waits, waits,
        )  # fmt: skip
        rows = draw(st.lists(mappings, max_size=3)) if providers else []
        rows.sort(key=lambda mapping: mapping.priority)
        state[model_key(name)] = ModelValues(name, draw(texts), draw(st.booleans()), tuple(rows))
    models = [key[1] for key in state if key[0] == "model"]
    routes = st.sampled_from(["", *models])
    flags, seconds = st.booleans(), st.floats(0.1, 86_400)
    state[ROUTER] = draw(
        st.builds(
            RouterValues, routes, routes, routes, routes, texts, flags, texts, st.sampled_from(["off", "max"]),
            seconds, seconds, seconds, seconds, st.sampled_from(["off", "all"]), whole, whole, whole, flags,
        )
    )  # fmt: skip
    if models:
        for name in draw(st.lists(names, max_size=2, unique=True)):
            state[rule_key(name)] = draw(
                st.builds(
                    RuleValues, st.just(name), whole, st.sampled_from(models), flags, texts, texts,
                    st.none() | flags, maybe, texts, texts, texts, st.sampled_from(["", "title"]),
                )
            )  # fmt: skip
    return state


@settings(max_examples=150, deadline=None)
@given(states())
def test_whatever_is_exported_parses_to_the_same_values(state):
    """No text, however odd, is lost or changed on the way out and in."""
    parsed = parse(export(state, with_secrets=True).text, {})
    assert [str(finding) for finding in parsed.findings.errors] == []
    assert dict(parsed.values) == state
    final = merge(state, parsed, prune=True)
    check_references(final, parsed, parsed.findings)
    assert parsed.findings.errors == ()
    assert diff(state, final) == ()


@settings(max_examples=100, deadline=None)
@given(states())
def test_an_export_with_its_variables_set_parses_to_the_same_values(state):
    """Placeholders stand for the secrets one for one."""
    exported = export(state)
    shown = export(state, with_secrets=True).text
    pairs = re.findall(r"\$\{(CCM_\w*)\}", exported.text)
    assert tuple(pairs) == exported.variables
    assert len(set(pairs)) == len(pairs)
    parsed = parse(exported.text, {name: f"value-{name}" for name in pairs})
    assert [str(finding) for finding in parsed.findings.errors] == []
    assert parsed.values.keys() == parse(shown, {}).values.keys()


junk = st.recursive(
    st.booleans() | st.integers(-5, 10**20) | st.floats() | texts | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "router", "providers", "models", "server", "rules", "mappings", "credentials", "headers", "name", "api_key",
        "provider_type", "timeouts", "default", "auto_map_regex", "priority", "enabled", "label", "base_url",
    ]), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["router", "providers", "models", "server", "x"]), junk, max_size=4))
def test_no_content_makes_the_reader_raise(content):
    """Whatever the types, the answer is findings."""
    parse(tomlkit.dumps(content), {})


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_no_text_makes_the_reader_raise(text):
    """What is not TOML at all is one finding."""
    parse(text, {})


def test_the_page_names_every_key_type_and_variable():
    """docs/configuration.md keeps up with the code."""
    kinds = (RouterValues, RuleValues, MappingValues, ModelValues, ProviderValues)
    keys = {item.name for kind in kinds for item in fields(kind)} - {"preset", "models_offered"}
    source = (ROOT / "ccmsite" / "settings.py").read_text(encoding="utf-8")
    variables = set(re.findall(r'(?:environ\.get|env\.\w+|environment\.\w+)\("([A-Z_]+)"', source))
    assert {"CCM_FIELD_KEYS", "CCM_HTTPS", "CCM_SPILL_MB", "DATABASE_URL"} <= variables
    wanted = keys | set(PRESETS) | variables
    missing = {name for name in wanted if f"`{name}`" not in DOCS and f"`mappings.{name}`" not in DOCS} - {"mappings"}
    assert missing == set()
    marked = set(re.findall(r"`([A-Z_]+)` †", DOCS))
    assert marked - {"_PASSWORD"} == set(FILE_NAMES) - {"DJANGO_SUPERUSER_PASSWORD"}


@pytest.mark.parametrize(("table", "values", "apart"), TABLES)
def test_the_file_can_say_whatever_is_configured(table, values, apart):
    """A column that the file forgets would be lost with every export."""
    columns = {item.name for item in table._meta.fields if not item.primary_key}
    assert columns - apart == {item.name for item in fields(values)} - {"model", "mappings"}


def test_every_router_setting_stands_on_its_page():
    """A setting without a place in a fieldset could be changed by nobody."""
    fieldsets = admin.site.get_model_admin(RouterSettings).fieldsets
    shown = [name for _, content in fieldsets for name in content["fields"]]
    assert sorted(shown) == sorted(item.name for item in fields(RouterValues))


def test_the_example_on_the_page_imports():
    """What people copy works."""
    example = re.search(r"```toml\n(.*?)```", DOCS, re.S)[1]
    parsed = parse(example, {"ZAI_API_KEY": "zai-secret"})
    check_references(merge({}, parsed, prune=False), parsed, parsed.findings)
    assert parsed.findings.errors == parsed.findings.notes == ()
    assert len(parsed.values) == 5
