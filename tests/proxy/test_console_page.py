"""The console's page: what it is filled with, who may send, and the answer as it streams."""

import json
import zlib

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from providers.wire.sse import SseDecoder
from proxy import snapshot
from proxy.console.draft import MAX_BODY_BYTES, MAX_PROMPT_BYTES
from proxy.models import LogicalModel, RequestLog
from tests import cast
from tests.live import config_of

URL = reverse("pages:console")
LEAST = {"model": "smart", "prompt": "hi", "stream": "on"}


def person(*rights):
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


def captured(text=None, **fields):
    body = None if text is None else zlib.compress(text.encode())
    fields = {"request_id": "req_1", "requested_model": "claude-x", "outcome": "ok", "stream": True, **fields}
    return RequestLog.objects.create(time=timezone.now(), body=body, **fields)


def opened(client, query=""):
    """The form's first values and the page's text."""
    page = client.get(URL + query)
    assert page.status_code == 200
    return page.context["form"].initial, page.content.decode()


@pytest.mark.django_db
class TestOpening:
    def test_an_empty_form_offers_the_models(self, admin_client):
        """The first logical model is filled in and all enabled ones are offered; with none the form still opens."""
        assert opened(admin_client)[0] == {"model": ""}
        LogicalModel.objects.create(name="smart")
        LogicalModel.objects.create(name="off", enabled=False)
        values, text = opened(admin_client)
        assert values == {"model": "smart"}
        assert '<option value="smart">' in text
        assert '<option value="off">' not in text

    def test_a_logical_model_can_be_tried(self, admin_client):
        """The name in the address is in the form, as text whatever it holds; the model's page leads here."""
        values, text = opened(admin_client, "?model=%22%3E%3Cscript%3Ex")
        assert values["model"] == '"><script>x'
        assert "<script>x" not in text
        model = LogicalModel.objects.create(name="a b&c")
        page = admin_client.get(reverse("admin:proxy_logicalmodel_change", args=[model.pk])).content.decode()
        assert f"{URL}?model=a+b%26c" in page
        assert URL + "?" not in admin_client.get(reverse("admin:proxy_logicalmodel_add")).content.decode()

    def test_a_captured_request_fills_the_form(self, admin_client):
        """What was captured is in the fields, and the history's page leads here."""
        row = captured(json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello </textarea>"}]}))
        values, text = opened(admin_client, "?request=req_1")
        assert (values["model"], values["prompt"], values["stream"]) == ("m", "hello </textarea>", False)
        assert "hello </textarea>" not in text
        page = admin_client.get(reverse("admin:proxy_requestlog_change", args=[row.pk])).content.decode()
        assert f"{URL}?request=req_1" in page

    def test_what_the_fields_cannot_say_is_opened_whole(self, admin_client):
        """A conversation stands in the form as a whole body."""
        captured(json.dumps({"model": "m", "messages": [{"role": "user", "content": "a"}] * 2}))
        values, _ = opened(admin_client, "?request=req_1")
        assert len(json.loads(values["body"])["messages"]) == 2

    def test_what_an_openai_client_said_is_opened_as_messages(self, admin_client):
        """The console sends Messages: a Chat body would be refused, or mean something else."""
        said = {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]}
        captured(json.dumps(said), inbound_format="openai_chat")
        values, shown = opened(admin_client, "?request=req_1")
        body = json.loads(values["body"])
        assert [turn["role"] for turn in body["messages"]] == ["user"] and "s" in json.dumps(body["system"])
        assert "Only the model" not in shown

    @pytest.mark.parametrize(
        ("text", "words"),
        [(None, "was not captured"), ('{"model": "m", "messages": [{"ro', "only a part"), ("", "only a part")],
    )
    def test_without_the_whole_text_the_model_is_filled_in(self, admin_client, text, words):
        """A request that was not captured, or in part, gives its model, and the page says why."""
        captured(text)
        values, shown = opened(admin_client, "?request=req_1")
        assert (values["model"], values["prompt"], values["stream"]) == ("claude-x", "", True)
        assert words in shown

    @pytest.mark.parametrize(
        ("characters", "filled"), [(MAX_PROMPT_BYTES, "prompt"), (MAX_PROMPT_BYTES + 1, "body"), (MAX_BODY_BYTES, "")]
    )
    def test_long_text_goes_where_it_can_be_sent_from(self, admin_client, characters, filled):
        """Too long for the prompt it is a whole body; what the console could not send is not put into the page."""
        captured(json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * characters}]}))
        values, shown = opened(admin_client, "?request=req_1")
        assert {name for name in ("prompt", "body") if "xxx" in values[name]} == ({filled} if filled else set())
        assert ("too much for the console" in shown) is (not filled)
        assert ("“Replay”" in shown) is (not filled)

    def test_damaged_text_is_no_error(self, admin_client):
        """A body that cannot be unpacked is like one that was cut."""
        RequestLog.objects.filter(pk=captured("{}").pk).update(body=b"no zlib")
        assert "only a part" in opened(admin_client, "?request=req_1")[1]

    @pytest.mark.parametrize("asked_for", ["req_2", "%00"])
    def test_a_request_that_is_not_there_is_told(self, admin_client, asked_for):
        """Pruned rows and made-up ids leave an empty form with a word about it."""
        values, text = opened(admin_client, f"?request={asked_for}")
        assert values == {"model": ""}
        assert "no such request" in text

    def test_text_is_for_who_may_read_it(self):
        """Without the right to read bodies only the model comes, without that to see the history nothing."""
        captured(json.dumps({"model": "m", "messages": [{"role": "user", "content": "a secret thing"}]}))
        client = person("use_console", "view_requestlog")
        values, text = opened(client, "?request=req_1")
        assert values["model"] == "claude-x"
        assert "a secret thing" not in text
        assert "may not read" in text
        User.objects.all().delete()
        assert opened(person("use_console", "view_bodies"), "?request=req_1")[0] == {"model": ""}

    def test_who_may_not_send_is_not_led_here(self):
        """The links to the console are only for who may use it."""
        model, row = LogicalModel.objects.create(name="smart"), captured()
        client = person("view_requestlog", "view_logicalmodel")
        for name, pk in (("logicalmodel", model.pk), ("requestlog", row.pk)):
            page = client.get(reverse(f"admin:proxy_{name}_change", args=[pk]))
            assert page.status_code == 200
            assert URL not in page.content.decode()


@pytest.mark.django_db
class TestPosting:
    def test_mistakes_come_back_by_field(self, admin_client):
        """A form that is not valid sends nothing: 400 and the words for each field."""
        answer = admin_client.post(URL, {"model": ""})
        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {"model", "prompt"}

    def test_the_curl_command_names_this_server(self, admin_client):
        """The command calls the address the page was opened at, with no key in it."""
        answer = admin_client.post(URL, LEAST | {"action": "curl"}, headers={"host": "127.0.0.1:4711"})
        command = answer.json()["command"]
        assert command.startswith("curl -sSN http://127.0.0.1:4711/v1/messages ")
        assert '"authorization: Bearer $ANTHROPIC_AUTH_TOKEN"' in command

    @pytest.mark.parametrize("action", ["send", "curl"])
    def test_sending_takes_the_right_to(self, action):
        """Who may look at everything may still send nothing."""
        client = person("view_requestlog", "view_bodies", "view_provider")
        assert client.post(URL, LEAST | {"action": action}).status_code == 403

    def test_sending_takes_the_page_s_own_token(self, admin_user):
        """A page of somebody else cannot send in the name of a visitor."""
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)
        assert client.post(URL, LEAST).status_code == 403


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stream", [True, False])
async def test_the_answer_streams_back(records, upstream, admin_user, stream):
    """A post is answered with the console's events, which nothing in between may keep or buffer."""
    client = AsyncClient()
    await sync_to_async(client.force_login)(admin_user)
    snapshot._current = config_of({"smart": [cast.target(base_url=f"{upstream.url}/ok")]})
    answer = await client.post(URL, LEAST if stream else {"model": "smart", "prompt": "hi"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["x-accel-buffering"] == "no"
    body = b"".join([piece async for piece in answer.streaming_content])
    names = [event.name for event in SseDecoder().feed(body)]
    assert (names[0], names[-1]) == ("decision", "summary")
    assert ("message" in names, "answer" in names) == (stream, not stream)
    assert records[0].outcome == "ok"
