"""The page of one request: the axis of its attempts, the why line in parts, the captured text."""

import zlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from ccmsite.roles import OPERATOR, VIEWER
from proxy.admin.request_view import SHOWN_CHARACTERS, ending, facts, pretty, timeline, why_parts
from proxy.models import AttemptLog, RequestLog

WHY = (
    "no rule matched: the default model; a/m drawn by weight 3 from 2 of priority 1; cooling: c/m; "
    "a/m: overloaded 529; b/m: interrupted; goes on at c/m after 1234 characters; c/m: thinking left out"
)


def row_of(**fields):
    return RequestLog(
        time=datetime(2026, 5, 1, tzinfo=UTC), request_id="req_1", inbound_format="anthropic_messages",
        **{"outcome": "ok", "duration_ms": 10_000, **fields},
    )  # fmt: skip


def entry(number, outcome, started, took, first=None, provider="a"):
    return AttemptLog(
        number=number, provider=provider, actual_model="m", outcome=outcome, started_ms=started, duration_ms=took,
        first_content_ms=first,
    )  # fmt: skip


def test_attempts_lie_on_one_axis():
    """Begin, length, first content and the pause between, each in percent of the request's whole time."""
    told = timeline(
        row_of(first_content_ms=4000, why=WHY),
        [
            entry(1, "overloaded", 0, 1000),
            entry(2, "interrupted", 2000, 4000, 4000, "b"),
            entry(3, "ok", 6000, 4000, 7500, "c"),
        ],
    )
    assert told.commit == 40.0
    assert [(bar.start, bar.width, bar.content) for bar in told.bars] == [
        (0.0, 10.0, None), (20.0, 40.0, 40.0), (60.0, 40.0, 75.0),
    ]  # fmt: skip
    assert [bar.waited_ms for bar in told.bars] == [0, 1000, 0]
    assert [bar.tone for bar in told.bars] == ["bad", "warn", "ok"]
    assert [bar.seam for bar in told.bars] == ["", "", "goes on after 1,234 characters"]


def test_a_call_that_took_no_time_is_still_seen():
    """A short bar at the very end stays inside; a request of no time divides by nothing."""
    (bar,) = timeline(row_of(duration_ms=0), [entry(1, "incapable", 0, 0)]).bars
    assert bar.width > 0 and bar.start + bar.width <= 100
    last = timeline(row_of(), [entry(1, "ok", 9999, 1)]).bars[0]
    assert last.start + last.width <= 100


def test_a_call_that_runs_reaches_to_what_is_known():
    """Of a request without an end the bar goes to the end of the axis."""
    told = timeline(row_of(outcome="open", duration_ms=0), [entry(1, "timed_out", 0, 5000), entry(2, "open", 5000, 0)])
    assert told.commit is None
    assert [(bar.start, bar.width) for bar in told.bars] == [(0.0, 100.0), (99.4, 0.6)]


def test_the_why_line_is_told_in_parts():
    """Each part has a word for what it is."""
    assert [kind for kind, _ in why_parts(WHY)] == ["Route", "Choice", "Put back", "Try", "Try", "Seam", "Note"]
    assert "; ".join(part for _, part in why_parts(WHY)) == WHY
    assert why_parts("") == []


def test_json_is_indented_and_other_text_stays():
    """What was cut at the limit of capture is no JSON any more, and is shown as it is; long text is shown in part."""
    assert pretty('{"a":["ü"]}') == ('{\n  "a": [\n    "ü"\n  ]\n}', True)
    assert pretty('{"a":["ü"') == ('{"a":["ü"', True)
    assert pretty("[" * 100_000)[1] is True
    shown, whole = pretty("x" * (SHOWN_CHARACTERS + 1))
    assert (len(shown), whole) == (SHOWN_CHARACTERS, False)


@pytest.fixture
def stored(db):
    row = row_of(
        session_id="s 1&", why=WHY, error="<b>oh</b>", cost_usd=Decimal("0.5"), status=200,
        body=zlib.compress(b'{"model":"<script>alert(1)</script>"}'),
    )  # fmt: skip
    row.save()
    AttemptLog.objects.create(
        request=row, number=1, provider="a", actual_model="m", outcome="overloaded", status=529, message="<i>busy</i>",
        upstream_request_id="up-1", drill=7,
    )  # fmt: skip
    return row


def seen_by(client, role, row):
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    page = client.get(reverse("admin:proxy_requestlog_change", args=(row.pk,)))
    assert page.status_code == 200
    return page.content.decode()


def test_everything_is_on_the_page_as_text(client, stored):
    """Attempts, reasons, session and captured text; no markup of an upstream or a client comes through."""
    text = seen_by(client, OPERATOR, stored)
    for words in ("overloaded 529", "&lt;i&gt;busy&lt;/i&gt;", "up-1", "drill 7", "$0.5000", "&lt;b&gt;oh&lt;/b&gt;"):
        assert words in text, words
    assert "?q=s%201%26" in text
    assert "&quot;model&quot;: &quot;&lt;script&gt;alert(1)" in text and "<script>alert(1)" not in text
    assert reverse("pages:replay", args=(stored.pk,)) in text


def test_a_viewer_sees_no_captured_text_and_sends_nothing(client, stored):
    """Neither the text nor the links to what takes other rights."""
    text = seen_by(client, VIEWER, stored)
    assert "alert(1)" not in text and "Request body" not in text
    assert "Your role may not read what people wrote" in text
    assert "replay" not in text and "console/?request" not in text
    assert client.get(reverse("admin:proxy_requestlog_body", args=(stored.pk,))).status_code == 403


def test_the_whole_text_is_a_download(admin_client, stored):
    """As plain text that no browser takes for anything else; a request without text has none."""
    path = reverse("admin:proxy_requestlog_body", args=(stored.pk,))
    answer = admin_client.get(path)
    assert answer.content == b'{"model":"<script>alert(1)</script>"}'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == 'attachment; filename="req_1.txt"'
    for body in (None, b"damaged"):
        RequestLog.objects.update(body=body)
        assert admin_client.get(path).status_code == 404


def test_a_request_that_called_nobody_says_so(admin_client, stored):
    """A refusal has no attempts, and the page has no empty axis."""
    AttemptLog.objects.all().delete()
    text = admin_client.get(reverse("admin:proxy_requestlog_change", args=(stored.pk,))).content.decode()
    assert "No provider was called" in text and "ccm-axis" not in text


@pytest.mark.parametrize(
    ("outcome", "attempts", "told"),
    [
        ("error", 4, "None of 4 tries brought an answer. The client was told:"),
        ("error", 1, "The client was told:"), ("error", 0, "The client was told:"),
        ("interrupted", 2, "The answer had begun and could not be brought to its end. The client was told:"),
        ("client_gone", 1, "Nobody was there any more to hear the end:"), ("lost", 1, ""),
    ],
)  # fmt: skip
def test_the_words_of_an_error_say_whose_they_are(outcome, attempts, told):
    """The last upstream's words alone would look like the whole reason."""
    assert ending(row_of(outcome=outcome, attempts=attempts, error="busy")) == told
    assert ending(row_of(outcome=outcome, attempts=attempts)) == ""


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"attempts": 1, "input_tokens": 12}, "not known: a price is missing"),
        ({"attempts": 1, "outcome": "error"}, "not known: no provider told any tokens"),
        ({"attempts": 0, "outcome": "error"}, None), ({"attempts": 1, "cost_usd": Decimal(0)}, "$0.0000"),
    ],
)  # fmt: skip
def test_a_cost_that_is_not_known_says_why(fields, told):
    """Never zero, and no word of a cost where nobody was called."""
    (measured,) = [pairs for title, pairs in facts(row_of(**fields)) if title == "Measured"]
    assert dict(measured).get("Cost") == told


@pytest.mark.parametrize(
    ("outcome", "name"), [("ok", "Served by"), ("interrupted", "Served by"), ("error", "Last tried")]
)
def test_a_failed_request_was_served_by_nobody(outcome, name):
    """The last target is told as what it was."""
    (route,) = [
        dict(pairs)
        for title, pairs in facts(row_of(outcome=outcome, provider="a", actual_model="m"))
        if title == "Route"
    ]
    assert route == {name: "a/m"}


def test_who_left_is_no_alarm(admin_client, stored):
    """The end of a client that left stands in no red frame, and the page leads to no history of changes."""
    RequestLog.objects.update(outcome="client_gone")
    text = admin_client.get(reverse("admin:proxy_requestlog_change", args=(stored.pk,))).content.decode()
    assert "ccm-card bad" not in text
    assert "/history/" not in text.replace(reverse("pages:replay", args=(stored.pk,)), "")
    RequestLog.objects.update(outcome="error")
    text = admin_client.get(reverse("admin:proxy_requestlog_change", args=(stored.pk,))).content.decode()
    assert "ccm-card bad" in text and "UTC" in text
