"""Deleting what is used: the page says by whom, and deletes nothing."""

import pytest
from django.urls import reverse

from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping, RouterSettings, RoutingRule

pytestmark = pytest.mark.django_db


@pytest.fixture
def row():
    model = LogicalModel.objects.create(name="sm<a>rt")
    provider = Provider.objects.create(name="main", preset="openai")
    return ModelMapping.objects.create(logical_model=model, priority=1, provider=provider, actual_model="gpt")


@pytest.mark.parametrize("way", ["page", "list"])
def test_a_provider_that_is_used_says_by_which_models(admin_client, row, way):
    """With the way to each; from its page as from the list. Unused it goes."""
    change = reverse("admin:proxy_logicalmodel_change", args=[row.logical_model_id])

    def delete():
        if way == "page":
            return admin_client.post(
                reverse("admin:providers_provider_delete", args=[row.provider_id]), {"post": "yes"}
            )
        chosen = {"action": "delete_selected", "_selected_action": [row.provider_id], "post": "yes"}
        return admin_client.post(reverse("admin:providers_provider_changelist"), chosen)

    answer = delete()
    page = answer.content.decode()
    assert f'href="{change}">sm&lt;a&gt;rt</a> tries main/gpt: delete that mapping first.' in page
    row.delete()
    assert delete().status_code == 302
    assert not Provider.objects.exists()


def test_a_model_that_is_routed_to_says_by_what(admin_client, row):
    """Routes and rules are named; nobody is told that he lacks a right."""
    delete = reverse("admin:proxy_logicalmodel_delete", args=[row.logical_model_id])
    settings = RouterSettings.load()
    settings.websearch = row.logical_model
    settings.save()
    rule = RoutingRule.objects.create(name="images", has_image=True, logical_model=row.logical_model)
    page = admin_client.post(delete, {"post": "yes"}).content.decode()
    assert "Router settings</a>: sm&lt;a&gt;rt is the web search route." in page
    assert f'href="{reverse("admin:proxy_routingrule_change", args=[rule.pk])}">images</a> leads to' in page
    assert "permission" not in page
    rule.delete()
    RouterSettings.objects.update(websearch=None)
    assert admin_client.post(delete, {"post": "yes"}).status_code == 302
    assert not LogicalModel.objects.exists()
