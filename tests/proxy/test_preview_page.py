"""The preview's page, through Django's test client."""

import json
import zlib

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse
from django.utils import timezone

from ccmsite.roles import VIEWER
from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping, RequestLog
from proxy.pages.preview import read_headers
from proxy.preview_source import STAND_IN, recalled

pytestmark = pytest.mark.django_db
PATH = "/admin/preview/"
BODY = {"model": "smart", "max_tokens": 5, "messages": [{"role": "user", "content": "a private <b>prompt</b>"}]}


@pytest.fixture(autouse=True)
def chain(db):
    model = LogicalModel.objects.create(name="smart")
    for number, name in enumerate(("first", "second"), start=1):
        provider = Provider.objects.create(name=name, preset="echo")
        ModelMapping.objects.create(logical_model=model, priority=number, provider=provider, actual_model="m")
    return model


@pytest.fixture
def viewer(client):
    user = User.objects.create_user("viewer", is_staff=True)
    user.groups.add(Group.objects.get(name=VIEWER))
    client.force_login(user)
    return client


def logged(body=None, **fields):
    packed = None if body is None else zlib.compress(body)
    values = {"inbound_format": "anthropic_messages", "outcome": "ok", "requested_model": "smart", **fields}
    return RequestLog.objects.create(time=timezone.now(), request_id="req_1", body=packed, **values)


def text_of(page, status=200):
    assert page.status_code == status
    return page.content.decode()


def test_the_page_opens_with_an_example(viewer):
    """Who only looks may ask; the empty page says what to do, and takes a model from its address."""
    assert reverse("pages:preview") == PATH
    assert "Nothing asked yet" in text_of(viewer.get(PATH))
    assert "&quot;model&quot;: &quot;a\\&quot;b&quot;" in text_of(viewer.get(PATH, {"model": 'a"b'}))


def test_a_pasted_body_is_answered(viewer):
    """The decision and the targets in order appear, and the form keeps what was typed."""
    form = {"body": json.dumps(BODY), "dialect": "", "session": "s-<1>", "headers": "X-One: 1\n\nx-two:2"}
    page = viewer.post(PATH, form)
    text = text_of(page)
    assert "asked for by name" in text
    assert text.index(">first</a>/m") < text.index(">second</a>/m")
    assert "session s-&lt;1&gt;" in text
    assert "<b>prompt" not in text
    assert "X-One: 1" in text


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"body": "{"}, 200, "Refused before any provider is asked"),
        ({}, 200, "the request body is empty"),
        ({"body": json.dumps(BODY), "provider": "nobody"}, 200, "X-Provider asks for"),
        ({"body": json.dumps(BODY), "headers": "no header"}, 400, "“no header” is no header"),
        ({"body": json.dumps(BODY), "dialect": "nonsense"}, 200, "asked for by name"),
    ],
)
def test_what_cannot_be_answered_is_said(viewer, form, status, words):
    """A refusal is shown as the client would see it, a wrong header line is named."""
    assert words in text_of(viewer.post(PATH, form), status)


def test_headers_are_read_from_lines_and_fields():
    """Names in lower case; the fields win over the lines."""
    form = {"headers": "X-Provider: a\nX-Own: b: c", "provider": "z", "agent": "cli/1"}
    assert read_headers(form) == ({"x-provider": "z", "x-own": "b: c", "user-agent": "cli/1"}, "")
    assert read_headers({"headers": "bad name: 1"}) == ({}, "bad name: 1")


def test_a_request_of_the_history_is_asked_again(admin_client):
    """With its captured body, its session and agent; the first answer comes with the page."""
    row = logged(json.dumps(BODY).encode(), session_id="s-1", agent_id="a-1", why="as it was then")
    text = text_of(admin_client.get(PATH, {"request": "req_1"}))
    assert "a private &lt;b&gt;prompt" in text
    assert "x-claude-code-agent-id: a-1" in text
    assert 'value="s-1"' in text
    assert "as it was then" in text
    assert "asked for by name" in text
    assert reverse("admin:proxy_requestlog_change", args=[row.pk]) in text


def test_the_history_offers_its_newest_and_each_of_its_pages_leads_here(admin_client, django_user_model):
    """Who may not see the history is offered nothing of it."""
    row = logged(requested_model="<b>asked")
    text = text_of(admin_client.get(PATH))
    assert 'href="?request=req_1"' in text and "&lt;b&gt;asked" in text
    assert f'href="{PATH}?request=req_1"' in text_of(
        admin_client.get(reverse("admin:proxy_requestlog_change", args=[row.pk]))
    )
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_logicalmodel"))
    admin_client.force_login(clerk)
    assert "req_1" not in text_of(admin_client.get(PATH))


def test_who_may_not_read_bodies_gets_a_stand_in(viewer):
    """The page works with the known fields, says so, and holds nothing of the text."""
    logged(json.dumps(BODY).encode())
    text = text_of(viewer.get(PATH, {"request": "req_1"}))
    assert "you may not read bodies" in text
    assert "private" not in text
    assert "asked for by name" in text


@pytest.mark.parametrize("wanted", ["req_none", "a\0b", "<script>"])
def test_an_unknown_request_is_no_dead_end(viewer, wanted):
    """The page says that it is not there and offers to paste the body."""
    text = text_of(viewer.get(PATH, {"request": wanted}), 404)
    assert "Paste its body below" in text
    assert "<script>&" not in text


@pytest.mark.parametrize(
    ("body", "fields", "words"),
    [
        (None, {}, "was not captured"), (b'{"model": "smart", "mess', {}, "not to its end"),
        (json.dumps(BODY).encode(), {"inbound_format": "openai_chat"}, "is shown as Messages"),
        (json.dumps(BODY).encode(), {"route": "subagent"}, "subagent tag"),
    ],
)  # fmt: skip
def test_what_the_history_lacks_is_said(body, fields, words):
    """Each thing that the kept row cannot tell is told in a sentence."""
    found = recalled(logged(body, stream=True, **fields), True)
    assert any(words in sentence for sentence in found.missing)
    asked = json.loads(found.question.body)
    assert asked["model"] == "smart"
    assert (STAND_IN in str(asked)) == (words in ("was not captured", "not to its end"))


def test_a_damaged_body_is_a_stand_in():
    """A body that does not unpack is treated as one that was not kept; a count stays a count."""
    row = logged(operation="count_tokens")
    row.body = b"not zlib"
    found = recalled(row, True)
    assert STAND_IN in found.question.body.decode()
    assert found.question.dialect == "count"
