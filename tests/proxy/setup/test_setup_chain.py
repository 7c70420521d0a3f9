"""From models of a provider to a logical model."""

import pytest

from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping, RouterSettings
from proxy.setup.chain import ChainForm, bare, offered, place, switch_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider():
    listed = ["acme/glm-4.6", "acme/glm-4.6-air"]
    return Provider.objects.create(name="mine", preset="openrouter", enabled=False, models_listed=listed)


@pytest.fixture
def smart(provider):
    model = LogicalModel.objects.create(name="smart")
    other = Provider.objects.create(name="other", preset="echo")
    for priority, name in ((1, "a"), (2, "b"), (2, "c")):
        ModelMapping.objects.create(logical_model=model, priority=priority, provider=other, actual_model=name)
    return model


def chain(model):
    return list(model.mappings.order_by("priority", "pk").values_list("priority", "actual_model"))


def form(provider, **posted):
    return ChainForm(provider, {"where": "new", **posted})


def test_a_new_logical_model_is_named_like_its_first_model(provider):
    """Chain in the order chosen, the typed one last; the provider is switched on and the default route set."""
    made = form(provider, models=["acme/glm-4.6-air", "acme/glm-4.6"], other="acme/next", default="on")
    assert made.is_valid(), made.errors
    model = made.save()
    assert model.name == "glm-4.6-air"
    assert chain(model) == [(1, "acme/glm-4.6-air"), (2, "acme/glm-4.6"), (3, "acme/next")]
    assert Provider.objects.get(name="mine").enabled
    assert RouterSettings.load().default == model


def test_the_default_route_is_suggested_where_no_vendor_has_it(provider, smart):
    """Nobody's route is taken away unasked, but the first run's echo gives way; who may not change routes sees none."""
    assert form(provider).suggests_default
    assert "default" not in ChainForm(provider, may_route=False).fields
    RouterSettings.objects.update_or_create(pk=1, defaults={"default": smart})
    assert form(provider).suggests_default
    ModelMapping.objects.create(logical_model=smart, priority=3, provider=provider, actual_model="d")
    assert not form(provider).suggests_default


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("end", [(1, "a"), (2, "b"), (2, "c"), (3, "x"), (4, "y")]),
        ("front", [(1, "x"), (2, "y"), (3, "a"), (4, "b"), (4, "c")]),
    ],
)
def test_a_chain_is_extended_at_either_end(provider, smart, where, expected):
    """Those that share a place go on sharing it."""
    place(smart, provider, ["x", "y"], where == "front")
    assert chain(smart) == expected


def test_a_chain_that_starts_at_zero_or_late_keeps_its_order(provider, smart):
    """In front means before all others, whatever their numbers are."""
    smart.mappings.filter(actual_model="a").update(priority=0)
    place(smart, provider, ["x"], True)
    assert chain(smart) == [(1, "x"), (2, "a"), (4, "b"), (4, "c")]
    smart.mappings.exclude(actual_model="b").delete()
    place(smart, provider, ["y"], True)
    assert chain(smart) == [(1, "y"), (4, "b")]


def test_an_existing_model_is_extended_by_the_form(provider, smart):
    """In front, and no new logical model."""
    done = form(provider, where="existing", into=smart.pk, place="front", models=["acme/glm-4.6"])
    assert done.is_valid(), done.errors
    assert done.save() == smart
    assert chain(smart)[0] == (1, "acme/glm-4.6")
    assert LogicalModel.objects.count() == 1


@pytest.mark.parametrize(
    ("posted", "field", "words"),
    [
        ({}, "models", "Choose a model, or type its name."),
        ({"models": ["nobody's"]}, "models", "not one of the available choices"),
        ({"models": ["acme/glm-4.6"], "name": "a,b"}, "name", "without a comma"),
        ({"models": ["acme/glm-4.6"], "name": "smart"}, "name", "already exists"),
        ({"models": ["acme/glm-4.6"], "name": "SMART"}, "name", "differ in more than case"),
        ({"models": ["acme/glm-4.6"], "where": "existing"}, "into", "Choose the logical model to extend."),
        ({"models": ["acme/glm-4.6"], "where": "existing", "into": "999"}, "into", "Select a valid choice"),
        ({"models": ["acme/glm-4.6"], "where": "nowhere"}, "where", "Select a valid choice"),
    ],
)
def test_a_mistake_in_the_choice_is_told_at_its_field(provider, smart, posted, field, words):
    """The field and the fix are named; nothing is stored."""
    wrong = form(provider, **posted)
    assert not wrong.is_valid()
    assert words in str(wrong.errors[field])
    assert LogicalModel.objects.count() == 1


def test_a_name_that_cannot_be_addressed_is_refused():
    """A preset that has the model in its address says so here already."""
    google = Provider.objects.create(name="google", preset="gemini")
    wrong = form(google, other="gemini 3")
    assert not wrong.is_valid()
    assert "without blanks" in str(wrong.errors["other"])


def test_the_same_mapping_is_not_made_twice(provider, smart):
    """A chain that has the model already says so."""
    place(smart, provider, ["acme/glm-4.6"], False)
    wrong = form(provider, where="existing", into=smart.pk, models=["acme/glm-4.6"])
    assert not wrong.is_valid()
    assert "“smart” has mine/acme/glm-4.6 already." in str(wrong.errors["models"])


def test_what_is_offered_without_a_list(provider):
    """The names of the provider's own, else the preset's example, else nothing."""
    assert offered(provider) == ["acme/glm-4.6", "acme/glm-4.6-air"]
    assert offered(Provider(preset="openrouter", models_offered=["x", "x"])) == ["x"]
    assert offered(Provider(preset="openrouter")) == ["z-ai/glm-4.6"]
    assert offered(Provider(preset="nobody")) == offered(Provider(preset="vllm")) == []


@pytest.mark.parametrize(
    ("name", "expected"), [("a/b/glm", "glm"), ("glm", "glm"), ("a/", "a"), ("a,b", "a b"), ("/", "/")]
)
def test_the_bare_name(name, expected):
    """What stands before the last slash says who made it."""
    assert bare(name) == expected


def test_switching_on_is_one_change(provider):
    """What is on already is not saved again."""
    before = provider.history.count()
    switch_on(provider)
    switch_on(provider)
    assert (provider.enabled, provider.history.count()) == (True, before + 1)
