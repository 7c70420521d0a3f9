"""The names offered where a mapping's actual model is typed."""

import re

import pytest
from django.urls import reverse

from providers.models import Provider
from proxy.admin.model_choices import choices_id, model_choices
from proxy.models import LogicalModel, ModelMapping

pytestmark = pytest.mark.django_db


@pytest.fixture
def providers():
    listing = Provider.objects.create(
        name="a", preset="z.ai", models_offered=["own", "glm-x"], models_listed=["glm-x", "glm-y", '"><b>odd']
    )
    bare = Provider.objects.create(name="b", preset="openai-compatible", base_url="http://127.0.0.1:9/v1")
    old = Provider.objects.create(name="c", preset="gone", models_listed=["glm-y"])
    return listing, bare, old


def test_each_provider_has_its_names_once(providers):
    """The preset's suggestion, what is offered and what was fetched, and a list of all with their providers."""
    listing, bare, _ = providers
    suggested = listing.preset_row.suggested_model
    lists = {choices.id: choices.options for choices in model_choices()}
    names = [suggested, "own", "glm-x", "glm-y", '"><b>odd']
    assert lists[choices_id(listing.pk)] == tuple((name, "a") for name in names)
    assert lists[choices_id(bare.pk)] == ()
    assert lists[choices_id(None)] == (*lists[choices_id(listing.pk)], ("glm-y", "c"))
    assert len(lists) == 4


def test_a_mapping_is_offered_its_providers_names(admin_client, providers):
    """On the page each row's input points to its list, a new row's to the list of all; names are escaped."""
    listing = providers[0]
    model = LogicalModel.objects.create(name="smart")
    ModelMapping.objects.create(logical_model=model, priority=1, provider=listing, actual_model="own")
    for path in (
        reverse("admin:proxy_logicalmodel_change", args=(model.pk,)),
        reverse("admin:proxy_logicalmodel_add"),
    ):
        page = admin_client.get(path).content.decode()
        inputs = dict(re.findall(r'<input[^>]* name="(mappings-[^"]+-actual_model)"[^>]* list="([^"]+)"', page))
        assert inputs["mappings-__prefix__-actual_model"] == choices_id(None)
        assert set(inputs.values()) <= set(re.findall(r'<datalist id="([^"]+)"', page))
        assert '<option value="glm-y">a</option>' in page
        assert "<b>odd" not in page
        if "change" in path:
            assert inputs["mappings-0-actual_model"] == choices_id(listing.pk)


def test_who_may_only_look_finds_text(client, django_user_model, providers):
    """The page of a model opens without the permission to change it."""
    from django.contrib.auth.models import Permission

    model = LogicalModel.objects.create(name="smart")
    ModelMapping.objects.create(logical_model=model, priority=1, provider=providers[0], actual_model="own")
    user = django_user_model.objects.create_user("clerk", password="x", is_staff=True)
    wanted = ("view_logicalmodel", "view_modelmapping")
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.force_login(user)
    page = client.get(reverse("admin:proxy_logicalmodel_change", args=(model.pk,)))
    assert page.status_code == 200 and "own" in page.content.decode()
