"""Drills in the admin: the form, the warning, the list with its buttons, the page with its report. No JavaScript."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from providers.models import Provider
from proxy.models import AttemptLog, ClientKey, Drill, LogicalModel, ModelMapping, RequestLog

pytestmark = pytest.mark.django_db
LIST, ADD = "admin:proxy_drill_changelist", "admin:proxy_drill_add"


@pytest.fixture
def provider():
    main = Provider.objects.create(name="main", preset="openai")
    other = Provider.objects.create(name="other", preset="openai")
    model = LogicalModel.objects.create(name="smart")
    for row in (main, other):
        ModelMapping.objects.create(logical_model=model, provider=row, actual_model="m")
    return main


@pytest.fixture
def key():
    row = ClientKey(name="laptop")
    row.issue()
    row.save()
    return row


def started(provider, key=None, minutes=10, **fields):
    row = Drill(provider=provider, client_key=key, **fields)
    row.run_for(timedelta(minutes=minutes))
    row.save()
    return row


def form(provider, key=None, **fields):
    whose = {"client_key": key.pk} if key else {}
    return {"provider": provider.pk, "fault": "529", "cut_after": 200, "minutes": 5, **whose, **fields}


def may(user, *names):
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))
    user.is_staff = True
    user.save()


def test_a_drill_is_started_from_the_form(admin_client, admin_user, provider, key):
    """The form makes a drill of so many minutes; it is known who began it, and its page is what comes next."""
    page = admin_client.post(reverse(ADD), form(provider, key, fault="cut", cut_after=40), follow=True)
    row = Drill.objects.get()
    assert (row.client_key, row.fault, row.cut_after, row.started_by) == (key, "cut", 40, admin_user.username)
    assert row.ends_at - row.started_at == timedelta(minutes=5)
    assert page.redirect_chain[-1][0] == reverse("admin:proxy_drill_change", args=(row.pk,))
    text = page.content.decode()
    assert "cut after 40 characters at main for laptop" in text
    assert "none yet" in text and "Stop this drill" in text
    itself = admin_client.get(reverse("admin:providers_provider_change", args=(provider.pk,))).content.decode()
    assert f">Drill {row.pk} makes it fail on purpose for the key laptop until " in itself
    assert "nobody takes over" not in text


@pytest.mark.parametrize(("field", "value"), [("minutes", 61), ("minutes", 0), ("cut_after", 100_001), ("fault", "x")])
def test_bad_values_are_refused(admin_client, provider, field, value):
    """Nothing starts, and the field says why."""
    page = admin_client.post(reverse(ADD), form(provider, **{field: value}))
    assert page.context["adminform"].form.errors.keys() == {field}
    assert not Drill.objects.exists()


def test_a_second_drill_at_once_is_refused(admin_client, provider, key):
    """The form names the one that runs."""
    row = started(provider, key)
    page = admin_client.post(reverse(ADD), form(provider, key))
    assert f"Drill {row.pk} of this provider and key still runs" in page.content.decode()
    assert Drill.objects.count() == 1


def test_who_alone_serves_a_model_is_warned_of_before_and_after(admin_client, provider):
    """The form that the provider's page leads to warns, and so does the start."""
    address = f"{reverse(ADD)}?provider={provider.pk}"
    assert "nobody takes over" not in admin_client.get(address).content.decode()
    ModelMapping.objects.exclude(provider=provider).delete()
    words = "main alone serves smart: requests will fail, nobody takes over."
    page = admin_client.get(address).content.decode()
    assert words in page
    assert re.search(rf'<option value="{provider.pk}" selected[^>]*>main', page)
    assert "requests without a key" in page
    assert words in admin_client.post(reverse(ADD), form(provider), follow=True).content.decode()
    assert admin_client.get(f"{reverse(ADD)}?provider=9999999999999999999").status_code == 200


def test_the_providers_pages_lead_to_the_form(admin_client, provider):
    """A link on the page of a provider, and an action in the list for one provider at a time."""
    address = f"{reverse(ADD)}?provider={provider.pk}"
    assert address in admin_client.get(reverse("admin:providers_provider_change", args=(provider.pk,))).content.decode()
    chosen = {"action": "start_drill", "_selected_action": [provider.pk]}
    assert admin_client.post(reverse("admin:providers_provider_changelist"), chosen)["location"] == address
    chosen["_selected_action"] = list(Provider.objects.values_list("pk", flat=True))
    page = admin_client.post(reverse("admin:providers_provider_changelist"), chosen, follow=True)
    assert "choose one" in page.content.decode()


def test_the_list_shows_states_and_stops(admin_client, provider, key):
    """A running drill has a button that posts the list's form elsewhere; the action stops several."""
    row, other = started(provider, key, fault="hang"), started(provider)
    text = admin_client.get(reverse(LIST)).content.decode()
    stop = reverse("admin:proxy_drill_stop", args=(row.pk,))
    assert f'formaction="{stop}"' in text and "laptop" in text and "hang" in text and "running" in text
    assert admin_client.get(stop).status_code == 405
    page = admin_client.post(stop, {"action": "", "index": 0}, follow=True).content.decode()
    assert "Stopped: drill" in page and "Stop this drill" not in page
    assert "ended before" in admin_client.post(stop, follow=True).content.decode()
    chosen = {"action": "stop", "_selected_action": [row.pk, other.pk]}
    assert "Stopped: 1 drill." in admin_client.post(reverse(LIST), chosen, follow=True).content.decode()
    text = admin_client.get(reverse(LIST)).content.decode()
    assert "formaction" not in text and "stopped" in text
    assert admin_client.post(reverse("admin:proxy_drill_stop", args=(99,)), follow=True).status_code == 200


def test_the_page_has_the_report(admin_client, provider, key):
    """What clients saw stands on the drill's page, also when it is over."""
    row = started(provider, key)
    log = RequestLog.objects.create(time=timezone.now(), request_id="r", client_key="laptop", outcome="ok",
                                    first_content_ms=1500, inbound_format="anthropic_messages")  # fmt: skip
    AttemptLog.objects.create(request=log, number=1, provider="main", actual_model="m", outcome="overloaded",
                              drill=row.pk)  # fmt: skip
    address = reverse("admin:proxy_drill_change", args=(row.pk,))
    for state in ("It still runs", "over"):
        text = admin_client.get(address).content.decode()
        assert "Served by another target" in text and "median 1.50 s, p95 1.50 s (1 request)" in text
        assert state in text
        Drill.objects.update(ends_at=timezone.now())
    assert "Stop this drill" not in text


def test_nobody_changes_a_drill(admin_client, provider):
    """A post to its page leaves it as it is."""
    row = started(provider)
    address = reverse("admin:proxy_drill_change", args=(row.pk,))
    assert admin_client.post(address, form(provider, fault="hang")).status_code == 403
    row.refresh_from_db()
    assert row.fault == "529"


def test_who_may_only_look_sees_no_buttons(client, django_user_model, provider):
    """Without the rights there is no link, no action, no button, and no way round them."""
    row = started(provider)
    user = django_user_model.objects.create_user("viewer", password="p")
    may(user, "view_drill", "view_provider")
    client.force_login(user)
    assert "formaction" not in client.get(reverse(LIST)).content.decode()
    assert "Stop this drill" not in client.get(reverse("admin:proxy_drill_change", args=(row.pk,))).content.decode()
    assert client.post(reverse("admin:proxy_drill_stop", args=(row.pk,))).status_code == 403
    assert client.get(reverse(ADD)).status_code == 403
    text = client.get(reverse("admin:providers_provider_changelist")).content.decode()
    assert "start_drill" not in text
    may(user, "change_drill")
    assert client.post(reverse("admin:proxy_drill_stop", args=(row.pk,))).status_code == 302
    row.refresh_from_db()
    assert row.state == "stopped"


def test_a_provider_with_drills_can_be_deleted(admin_client, provider):
    """Its drills go with it: they do not keep it."""
    started(provider)
    ModelMapping.objects.all().delete()
    address = reverse("admin:providers_provider_delete", args=(provider.pk,))
    admin_client.post(address, {"post": "yes"})
    assert not Provider.objects.filter(name="main").exists() and not Drill.objects.exists()
