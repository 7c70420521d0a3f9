"""The page that sends a request again: what it offers, what it explains, what it shows."""

import json
import zlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from proxy import replay, snapshot
from proxy.models import RequestLog
from proxy.record import RequestRecord
from proxy.replay import Answer
from tests import cast
from tests.live import config_of

pytestmark = pytest.mark.django_db
BODY = json.dumps({"model": "smart", "messages": [{"role": "user", "content": "hi"}]}).encode()


@pytest.fixture
def row(monkeypatch):
    """A captured request that a/m served, and a configuration with a/m and b/m."""
    config = config_of({"smart": [cast.target("a", "m"), cast.target("b", "m")]})
    monkeypatch.setattr(snapshot, "start", lambda: config)
    return RequestLog.objects.create(
        time=datetime(2026, 5, 1, tzinfo=UTC), request_id="req_first", inbound_format="anthropic_messages",
        outcome="ok", status=200, provider="a", actual_model="m", cost_usd=Decimal("0.02"), body=zlib.compress(BODY),
    )  # fmt: skip


@pytest.fixture
def sent(monkeypatch):
    """What was sent, in place of sending it."""
    asked = []

    async def replayed(request, targets, config, of):
        asked.append(([str(target) for target in targets], of))
        record = RequestRecord("req_again", "anthropic_messages", "messages", outcome="ok", duration_ms=1500)
        return [Answer(record, str(target), f"<b>{target} said</b>", "") for target in targets]

    monkeypatch.setattr(replay, "replayed", replayed)
    return asked


def opened(client, row, form=None):
    path = reverse("pages:replay", args=(row.pk,))
    return client.get(path) if form is None else client.post(path, form)


def test_the_form_offers_every_target_and_sends_nothing(admin_client, row, sent):
    """Looking costs nothing; the page says that sending does."""
    text = opened(admin_client, row).content.decode()
    assert '<option value="a/m"' in text and '<option value="b/m"' in text and "paid for" in text
    assert sent == []
    assert 'name="again" value="1" checked' in text  # both answers side by side are what the page is for


def test_one_answer_beside_what_is_known_of_the_first(admin_client, row, sent):
    """The first answer was not kept, and its figures are shown in its place; text is only text."""
    text = opened(admin_client, row, {"target": "b/m"}).content.decode()
    assert sent == [(["b/m"], "req_first")]
    assert "The first time: a/m" in text and "$0.0200" in text and "was not kept" in text
    assert "&lt;b&gt;b/m said&lt;/b&gt;" in text and "<b>b/m" not in text
    assert "?q=req_again" in text and "1.50 s" in text


def test_both_are_asked_when_that_is_wanted(admin_client, row, sent):
    """Both answers then stand side by side, the first target's before the other's."""
    text = opened(admin_client, row, {"target": "b/m", "again": "1"}).content.decode()
    assert sent == [(["a/m", "b/m"], "req_first")]
    assert text.index("a/m said") < text.index("b/m said") and "The first time" not in text
    opened(admin_client, row, {"target": "a/m", "again": "1"})
    assert sent[1:] == [(["a/m"], "req_first")]  # nobody pays twice for the same answer


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"body": None}, "router settings"), ({"body": b"damaged"}, "damaged"),
        ({"body": zlib.compress(BODY[:-9])}, "limit"), ({"operation": "count_tokens"}, "count of tokens"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_explained(admin_client, row, sent, change, words):
    """No form, the reason and what to do instead; posting all the same sends nothing."""
    RequestLog.objects.filter(pk=row.pk).update(**change)
    text = opened(admin_client, row).content.decode()
    assert words in text and "<option" not in text
    assert opened(admin_client, row, {"target": "b/m"}).status_code == 409
    assert sent == []


@pytest.mark.parametrize("form", [{}, {"target": "c/m"}, {"target": "\0"}])
def test_an_unknown_target_is_refused(admin_client, row, sent, form):
    """Only what is configured can be called."""
    assert opened(admin_client, row, form).status_code == 400
    assert sent == []


def test_no_configuration_no_form(admin_client, row, sent, monkeypatch):
    """While the configuration cannot be read nothing is offered or sent."""
    monkeypatch.setattr(snapshot, "start", lambda: None)
    assert "cannot be read" in opened(admin_client, row).content.decode()
    assert opened(admin_client, row, {"target": "b/m"}).status_code == 409
    assert sent == []


@pytest.mark.parametrize("missing", ["use_console", "view_bodies", "view_requestlog"])
def test_each_of_its_rights_is_needed(client, row, sent, missing):
    """Who may send but not read, or read but not send, gets neither the page nor an answer."""
    user = User.objects.create_user("somebody", is_staff=True)
    rights = {"use_console", "view_bodies", "view_requestlog"} - {missing}
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    assert opened(client, row).status_code == 403
    assert opened(client, row, {"target": "b/m"}).status_code == 403
    assert sent == []


def test_a_request_that_is_gone_is_not_found(admin_client, row):
    """Pruned rows have no page."""
    assert admin_client.get(reverse("pages:replay", args=(row.pk + 1,))).status_code == 404
