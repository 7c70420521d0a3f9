"""The list and the pages of providers, with what the proxy knows of them."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from providers.models import Credential, Provider
from proxy.models import HealthState, LogicalModel, ModelMapping, RequestLog

pytestmark = pytest.mark.django_db
LIST = reverse("admin:providers_provider_changelist")
SECRET = "sk-canary-0123456789"


@pytest.fixture
def row():
    row = Provider.objects.create(name="main", preset="openai")
    credential = Credential(provider=row)
    credential.set_secret(SECRET)
    credential.save()
    for name in ("smart", "fast"):
        model = LogicalModel.objects.create(name=name)
        for priority in (1, 2):
            ModelMapping.objects.create(
                logical_model=model, priority=priority, provider=row, actual_model=f"gpt-{priority}"
            )
    now = timezone.now()
    HealthState.objects.create(
        provider="main", actual_model="gpt-1", kind="overloaded", words="<b>busy</b>", since=now, failed_at=now,
        until=now + timedelta(minutes=5), stamp=1,
    )  # fmt: skip
    return row


def change_url(row):
    return reverse("admin:providers_provider_change", args=(row.pk,))


def act(client, action, *rows):
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(LIST, chosen, follow=True).content.decode()


def test_the_list_shows_health_use_and_the_last_error(admin_client, row):
    """A badge, the number of logical models with the way to them, and the upstream's words as text."""
    LogicalModel.objects.create(name="elsewhere")
    Provider.objects.create(name="other", preset="echo")
    page = admin_client.get(LIST).content.decode()
    assert "cooling until" in page
    assert "overloaded: &lt;b&gt;busy" in page and "<b>busy" not in page
    assert "2 logical models" in page
    link = f"{reverse('admin:proxy_logicalmodel_changelist')}?mappings__provider__id__exact={row.pk}"
    assert link in page
    models = admin_client.get(link).content.decode()
    assert "smart" in models and "fast" in models and "elsewhere</a>" not in models
    assert models.count(">smart</a>") == 1


def test_the_list_asks_as_much_for_many_as_for_few(admin_client, row, django_assert_max_num_queries):
    """No query for each row."""
    for number in range(20):
        Provider.objects.create(name=f"p{number}", preset="groq")
    with django_assert_max_num_queries(16):
        page = admin_client.get(LIST).content.decode()
    assert page.count("needs a key") == 20 and "nothing yet" in page


def test_the_empty_list_leads_to_the_set_up(admin_client, client, django_user_model):
    """Who may add one is led there; who may not sees no button."""
    assert reverse("pages:setup") in admin_client.get(LIST).content.decode()
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_provider"))
    client.force_login(viewer)
    page = client.get(LIST).content.decode()
    assert "No providers yet" in page and reverse("pages:setup") not in page


def test_providers_are_switched_from_the_list(admin_client, row):
    """Each change is in the provider's history; what is so already is left alone."""
    other = Provider.objects.create(name="other", preset="echo", enabled=False)
    assert "Switched off: main." in act(admin_client, "disable", row, other)
    row.refresh_from_db()
    assert (row.enabled, row.history.count(), other.history.count()) == (False, 2, 1)
    assert "Switched on: main, other." in act(admin_client, "enable", row, other)
    assert "Switched on: nothing, all were already." in act(admin_client, "enable", row)


def test_a_clone_has_no_key_and_says_so(admin_client, row):
    """Row and waits are copied, what opens it is not."""
    assert 'id="provider-clone"' in admin_client.get(change_url(row)).content.decode()
    page = act(admin_client, "clone", row)
    made = Provider.objects.get(name="main copy")
    assert f'href="{change_url(made)}">main copy</a> has everything of main but its keys' in page
    assert (made.preset, made.enabled, made.credentials.count()) == ("openai", False, 0)


def test_actions_take_their_right(row, django_user_model):
    """Who may only look switches and copies nothing, and gets no reset."""
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=("view_provider", "change_provider")))
    client = Client()
    client.force_login(viewer)
    act(client, "clone", row)
    assert Provider.objects.count() == 1
    assert client.post(reverse("admin:provider_reset", args=(row.pk,))).status_code == 403
    assert "provider-reset" not in client.get(change_url(row)).content.decode()
    viewer.user_permissions.set(Permission.objects.filter(codename="view_provider"))
    act(client, "disable", row)
    row.refresh_from_db()
    assert row.enabled and HealthState.objects.count() == 1


def test_the_page_shows_health_use_and_requests(admin_client, row):
    """What is held against it, where it is used, what it did in a day; with the ways on."""
    RequestLog.objects.create(time=timezone.now(), request_id="req_1", provider="main", outcome="ok", duration_ms=12345)
    page = admin_client.get(change_url(row)).content.decode()
    assert "&lt;b&gt;busy" in page and 'id="provider-reset"' in page
    assert ">smart</a>" in page and "gpt-2" in page
    assert "12.3 s" in page and "?provider=main" in page
    assert f"{reverse('pages:setup-models')}?provider={row.pk}" in page
    assert SECRET not in page


def test_the_page_of_an_idle_provider_says_so(admin_client):
    """Each part has words for nothing."""
    row = Provider.objects.create(name="idle", preset="echo")
    page = admin_client.get(change_url(row)).content.decode()
    for words in ("Healthy: nothing of it is cooling.", "No logical model has it", "No request was served by it."):
        assert words in page
    assert "provider-reset" not in page
    assert 'id="status"' not in admin_client.get(reverse("admin:providers_provider_add")).content.decode()


def test_a_reset_forgives_one_provider(admin_client, row):
    """All rows of this one go, those of others stay; only a POST does it; who is gone is told."""
    now = timezone.now()
    HealthState.objects.create(provider="other", kind="quota", since=now, failed_at=now, until=now, stamp=1)
    reset = reverse("admin:provider_reset", args=(row.pk,))
    assert admin_client.get(reset).status_code == 405
    answer = admin_client.post(reset, follow=True)
    assert answer.redirect_chain[0][0] == change_url(row)
    assert "main is tried again: 1 cooldown forgotten. All processes know" in answer.content.decode()
    assert [state.provider for state in HealthState.objects.all()] == ["other"]
    assert admin_client.post(reverse("admin:provider_reset", args=(999,))).status_code == 302
