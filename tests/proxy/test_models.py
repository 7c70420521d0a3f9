"""The tables and what their forms refuse, each with the fix."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from providers.models import Credential, Provider
from providers.vault import VaultError
from proxy.models import ConfigRevision, LogicalModel, ModelMapping, RouterSettings, RoutingRule

pytestmark = pytest.mark.django_db
SECRET = "sk-very-secret-value"


def provider(name="acme", preset="openai", **fields):
    return Provider.objects.create(name=name, preset=preset, **fields)


def logical(name="m"):
    return LogicalModel.objects.create(name=name)


def problems(row: models.Model) -> dict[str, list[str]]:
    """What the form would show, by field; empty when the row is good."""
    try:
        row.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


# --- providers


@pytest.mark.parametrize(
    "url",
    ["http://h:99999", "http://[::1", "ftp://h/", "http://h\x00/", "http://h\ud800/", "http://", "//h/v1", "http://h:abc",
     "http://169.254.169.254/", "http://u:p@h/"],
    ids=ascii,
)  # fmt: skip
def test_bad_base_url_is_refused(url):
    """A base URL that cannot be called is a form error at its field."""
    assert list(problems(Provider(name="acme", preset="openai", base_url=url))) == ["base_url"]


def test_provider_without_an_address():
    """A preset that has no address of its own needs one; the others do not."""
    assert list(problems(Provider(name="acme", preset="openai-compatible"))) == ["base_url"]
    assert problems(Provider(name="acme", preset="openai-compatible", base_url="http://127.0.0.1:1/v1")) == {}
    assert problems(Provider(name="acme", preset="openai")) == {}


def test_unknown_preset_is_refused():
    """A preset that the table does not have is a form error, and the row still answers questions."""
    row = Provider(name="acme", preset="nobody")
    assert list(problems(row)) == ["preset"]
    assert (row.preset_row, row.effective_base_url) == (None, "")


def test_effective_base_url():
    """The row's own address wins over the preset's, without its trailing slash."""
    assert Provider(preset="openai").effective_base_url == "https://api.openai.com/v1"
    assert Provider(preset="openai", base_url="http://127.0.0.1:1/v1/").effective_base_url == "http://127.0.0.1:1/v1"


@pytest.mark.parametrize("name", ["a,b", " a", "a\nb", ""])
def test_bad_names_are_refused_everywhere(name):
    """Names that would break headers or `provider,model` are form errors in every table."""
    assert "name" in problems(Provider(name=name, preset="openai"))
    assert "name" in problems(LogicalModel(name=name))
    assert "name" in problems(RoutingRule(name=name, model_regex="x", logical_model=logical()))


@pytest.mark.parametrize(
    ("field", "value"), [("headers", ["x"]), ("headers", {"X-A": "b\n"}), ("models_offered", "glm")]
)
def test_bad_json_fields_are_refused(field, value):
    """Extra headers and model names of the wrong shape are form errors at their field."""
    assert list(problems(Provider(name="acme", preset="openai", **{field: value}))) == [field]


# --- credentials


def credential(row: Provider, secret=SECRET) -> Credential:
    made = Credential(provider=row)
    made.set_secret(secret)
    made.save()
    return made


def test_a_credential_keeps_its_secret_sealed():
    """The secret opens again, is not in the row as text, and shows its last four characters only."""
    row = Credential.objects.get(pk=credential(provider()).pk)
    assert row.reveal() == SECRET
    assert SECRET not in repr(vars(row))
    assert str(row) == "API key (…alue)"
    assert SECRET not in repr([vars(entry) for entry in row.history.all()])
    assert not hasattr(row.history.first(), "sealed")


def test_a_short_secret_shows_nothing():
    """Of a secret so short that four characters would tell it, none is shown."""
    row = credential(provider(), "short-key")
    assert row.last4 == ""
    assert "…" not in str(row)


def test_swapped_ciphertext_is_refused():
    """A sealed text copied into another credential, of the same provider or another, does not open."""
    first, second = provider("first"), provider("second")
    mine, sibling, other = credential(first), credential(first, "sk-other-secret"), credential(second)
    for victim in (sibling, other):
        Credential.objects.filter(pk=victim.pk).update(sealed=mine.sealed)
        victim.refresh_from_db()
        with pytest.raises(VaultError, match="another row"):
            victim.reveal()


def test_a_credential_does_not_follow_to_another_provider():
    """A credential moved to another provider, whose address could be anywhere, does not open."""
    row = credential(provider("first"))
    row.provider = provider("second")
    with pytest.raises(VaultError, match="another row"):
        row.reveal()


# --- logical models and mappings


def test_names_that_differ_only_in_case_clash():
    """A second model whose name differs only in case is refused, naming the first; renaming the first is fine."""
    first = logical("GLM-4.6")
    assert "“GLM-4.6” exists already" in problems(LogicalModel(name="glm-4.6"))["name"][0]
    assert list(problems(LogicalModel(name="GLM-4.6"))) == ["name"]
    first.name = "glm-4.6"
    assert problems(first) == {}


@pytest.mark.parametrize(
    ("drill", "good"),
    [("", True), ("hang", True), ("status:529", True), ("cut:40", True), ("status:200", False), ("status:", False),
     ("cut", False), ("hang\n", False), ("explode", False), ("cut:1234567", False), ("status:٥٢٩", False)],
)  # fmt: skip
def test_drills(drill, good):
    """A drill is one of the known faults, well written."""
    row = ModelMapping(logical_model=logical(), provider=provider(preset="echo"), actual_model="e", drill=drill)
    assert (problems(row) == {}) is good


def test_drill_of_a_real_provider_is_refused():
    """Only mappings to an echo provider can be told to fail."""
    row = ModelMapping(logical_model=logical(), provider=provider(), actual_model="gpt", drill="hang")
    assert list(problems(row)) == ["drill"]


def test_mapping_limits_are_positive():
    """A window or an output limit of zero tokens is refused."""
    row = ModelMapping(
        logical_model=logical(), provider=provider(), actual_model="g", context_window=0, max_output_tokens=0
    )
    assert set(problems(row)) == {"context_window", "max_output_tokens"}


def test_what_is_used_is_not_deleted():
    """A provider with mappings and a model that a route or rule names cannot be deleted from under them."""
    row, model = provider(), logical()
    mapping = ModelMapping.objects.create(logical_model=model, provider=row, actual_model="g")
    with pytest.raises(models.ProtectedError):
        row.delete()
    mapping.delete()
    row.delete()
    settings = RouterSettings.load()
    settings.default = model
    settings.save()
    with pytest.raises(models.ProtectedError):
        model.delete()


# --- router and rules


@pytest.mark.parametrize("field", ["auto_map_regex", "background_regex"])
@pytest.mark.parametrize("bad", ["(", "(?=x)", "a" * 600])
def test_bad_router_pattern_is_refused(field, bad):
    """A pattern that RE2 does not take is a form error at its field, never a silent default."""
    row = RouterSettings.load()
    setattr(row, field, bad)
    assert list(problems(row)) == [field]


def test_router_settings_are_one_row():
    """However often it is saved, there is one row of router settings, with the documented defaults."""
    assert RouterSettings.load() == RouterSettings.load()
    RouterSettings(think_min_effort="max").save()
    row = RouterSettings.objects.get()
    assert (row.pk, row.think_min_effort, row.auto_map_regex) == (1, "max", "^claude-")
    assert row.background_regex == "(?i)claude.*haiku"
    assert RouterSettings().think_min_effort == "xhigh"


@pytest.mark.parametrize("field", ["connect_timeout_s", "first_content_timeout_s", "idle_timeout_s", "total_timeout_s"])
@pytest.mark.parametrize("value", [0, -1, 1e9, float("nan"), float("inf")])
def test_waits_that_would_never_or_always_end_are_refused(field, value):
    """A wait must be a positive number of seconds, at most a day."""
    row = RouterSettings.load()
    setattr(row, field, value)
    assert field in problems(row)


@pytest.mark.parametrize(("preset", "name", "good"), [
    ("openai", "a/b c", True), ("openai", "   ", False), ("openai", "a\nb", False), ("openai", "x" * 201, False),
    ("gemini", "models/gemini-3-pro", True), ("gemini", "google/gemini-3-pro", False), ("gemini", "", False),
])  # fmt: skip
def test_a_model_that_the_provider_cannot_address_is_refused(preset, name, good):
    """The name is held to what the provider's wire format can ask for; the error is at its field, and one."""
    found = problems(ModelMapping(logical_model=logical(), provider=provider(preset=preset), actual_model=name))
    assert {field: len(messages) for field, messages in found.items()} == ({} if good else {"actual_model": 1})


def test_a_mapping_tells_all_that_is_wrong_with_it():
    """A drill elsewhere than at echo and a bad name are told together; a name is looked at without a provider too."""
    row = ModelMapping(logical_model=logical(), provider=provider(preset="gemini"), actual_model="a b", drill="hang")
    assert set(problems(row)) == {"actual_model", "drill"}
    assert set(problems(ModelMapping(logical_model=row.logical_model, actual_model="a\tb"))) == {
        "provider",
        "actual_model",
    }


def test_a_preset_that_cannot_address_what_is_mapped_is_refused():
    """Whoever changes the vendor is told which mapping's model that vendor cannot be asked for."""
    row = provider()
    ModelMapping.objects.create(logical_model=logical(), provider=row, actual_model="vendor/model")
    assert problems(row) == {}
    row.preset = "gemini"
    assert "“vendor/model” is mapped" in problems(row)["preset"][0]


@pytest.mark.parametrize("value", [0, 1e9, float("nan")])
def test_waits_of_providers_and_mappings_have_the_same_bounds(value):
    """An override of a wait is held to what the router settings' own waits are; none at all is fine."""
    row = provider()
    for name in ("connect_timeout_s", "first_content_timeout_s", "idle_timeout_s"):
        assert list(problems(Provider(name="b", preset="openai", **{name: value}))) == [name]
    for name in ("connect_timeout_s", "first_content_timeout_s", "idle_timeout_s", "total_timeout_s"):
        mapping = ModelMapping(logical_model=logical(name), provider=row, actual_model="a")
        assert problems(mapping) == {}
        setattr(mapping, name, value)
        assert list(problems(mapping)) == [name]


@pytest.mark.parametrize("field", ["model_regex", "prompt_regex", "header_regex"])
def test_bad_rule_pattern_names_the_pattern(field):
    """A rule's bad pattern is a form error that names it."""
    row = RoutingRule(name="r", logical_model=logical(), header_name="x-a", **{field: "(oops"})
    found = problems(row)
    assert list(found) == [field]
    assert "(oops" in found[field][0]


def test_rule_without_a_condition_is_refused():
    """A rule that would match every request is refused; any one condition makes it good."""
    model = logical()
    assert "at least one condition" in problems(RoutingRule(name="r", logical_model=model))["__all__"][0]
    conditions = (
        {"model_regex": "x"}, {"prompt_regex": "x"}, {"has_image": False}, {"min_input_tokens": 0},
        {"header_name": "x-a"}, {"request_kind": "title"},
    )  # fmt: skip
    for condition in conditions:
        assert problems(RoutingRule(name="r", logical_model=model, **condition)) == {}, condition


@pytest.mark.parametrize("condition", [{"header_equals": "a"}, {"header_regex": "a"}])
def test_header_condition_needs_its_header(condition):
    """A value to compare without a header to compare it with is refused at the header's field."""
    row = RoutingRule(name="r", logical_model=logical(), model_regex="x", **condition)
    assert list(problems(row)) == ["header_name"]


# --- revision


def test_revision_counts_up():
    """Each advance counts one, from nothing, and there is one row."""
    start = ConfigRevision.current()
    ConfigRevision.advance()
    ConfigRevision.advance()
    assert ConfigRevision.current() == start + 2
    assert ConfigRevision.objects.count() == 1


def test_duplicate_names_are_refused_by_the_database():
    """Even without a form, two providers cannot share a name."""
    provider()
    with pytest.raises(IntegrityError), transaction.atomic():
        provider()
