"""The history as a file: what the list shows, every row once, no formulas, and text only for who may read it."""

import asyncio
import csv
import io
import json
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ccmsite.roles import OPERATOR, VIEWER
from proxy.admin import history_export
from proxy.admin.history_export import COLUMNS, as_csv, as_jsonl, safe_cell, streamed
from proxy.models import AttemptLog, RequestLog

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def make(count, **fields):
    """Requests of which each two began at the same moment."""
    rows = [
        RequestLog(
            time=START + timedelta(seconds=n // 2), request_id=f"req_{n}", inbound_format="anthropic_messages",
            **{"outcome": "ok", **fields},
        )
        for n in range(count)
    ]  # fmt: skip
    return RequestLog.objects.bulk_create(rows)


def rows_of(pieces):
    return list(csv.DictReader(io.StringIO(b"".join(pieces).decode())))


@pytest.mark.django_db
@pytest.mark.parametrize("count", [0, 1, 6, 7, 8])
def test_every_row_is_there_once(monkeypatch, count):
    """Newest first over many short queries, each beginning where the last one ended, equal times included."""
    monkeypatch.setattr(history_export, "CHUNK", 3)
    make(count)
    with CaptureQueriesContext(connection) as captured:
        found = rows_of(as_csv(RequestLog.objects.all()))
    assert [row["request_id"] for row in found] == [f"req_{n}" for n in reversed(range(count))]
    assert all("LIMIT" in query["sql"] and "OFFSET" not in query["sql"] for query in captured)


@pytest.mark.django_db
def test_there_is_an_end(monkeypatch):
    """Never more than the cap, whatever is added meanwhile."""
    monkeypatch.setattr(history_export, "CHUNK", 3)
    monkeypatch.setattr(history_export, "MAX_ROWS", 4)
    make(9)
    assert len(rows_of(as_csv(RequestLog.objects.all()))) == 4


@pytest.mark.django_db
def test_a_line_of_json_holds_the_attempts():
    """Times and money as text, the attempts inside, no captured text unless it was asked for."""
    (row,) = make(1, cost_usd=Decimal("0.25"), error="=1+1", body=zlib.compress(b'{"a": 1}'))
    AttemptLog.objects.create(request=row, number=1, provider="p", actual_model="m", outcome="timed_out")
    told = json.loads(b"".join(as_jsonl(RequestLog.objects.all())))
    assert (told["time"], told["cost_usd"], told["error"]) == ("2026-05-01T12:00:00+00:00", "0.25000000", "=1+1")
    assert [entry["outcome"] for entry in told["attempt_rows"]] == ["timed_out"]
    assert "body" not in told
    assert json.loads(b"".join(as_jsonl(RequestLog.objects.all(), bodies=True)))["body"] == '{"a": 1}'
    RequestLog.objects.update(body=b"damaged")
    assert json.loads(b"".join(as_jsonl(RequestLog.objects.all(), bodies=True)))["body"] is None


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r1", "\n1", "\x00x", " =1", "  \t=cmd|' /C calc'!A0", "＝1+1", "＋1",
        "－1", "＠x", "\ufeff=1", "\u200b=1", "\u00a0=1", "\u3000＝1", "﹢1",
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(text):
    """What could begin a formula gets an apostrophe: full-width signs too, and behind blanks and unseen characters."""
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("text", ["", "a=b", "claude-sonnet-5-5", "1-2", "…", "'=1", "   ", "ü@x"])
def test_plain_text_stays_as_it_is(text):
    """Only a beginning can be a formula."""
    assert safe_cell(text) == text


@pytest.mark.django_db
def test_every_column_of_text_is_made_safe():
    """No column is forgotten: a client chooses most of them."""
    evil = {
        field.name: "=1"
        for field in RequestLog._meta.fields
        if field.name in COLUMNS and field.get_internal_type() == "CharField"
    }
    RequestLog.objects.create(time=START, **evil)
    (row,) = rows_of(as_csv(RequestLog.objects.all()))
    assert {row[name] for name in evil} == {"'=1"}


@pytest.mark.django_db
def test_pieces_go_out_one_by_one_and_the_end_is_told():
    """Nothing is made before it is asked for; leaving early is an end like any other."""
    made, told = [], []

    def pieces():
        for piece in (b"ab", b"c", b"d"):
            made.append(piece)
            yield piece

    async def leave_early():
        stream = streamed(pieces(), told.append)
        first = await anext(stream)
        await stream.aclose()
        return first, [piece async for piece in streamed(pieces(), told.append)]

    first, rest = asyncio.run(leave_early())
    assert (first, made[:1], len(made), rest) == (b"ab", [b"ab"], 4, [b"ab", b"c", b"d"])
    assert told == [2, 4]


@pytest.mark.django_db
def test_the_list_s_filters_choose_the_rows(admin_client, caplog):
    """The same address as the list; it is logged who took what; no captured text for who may not read it."""
    make(2)
    RequestLog.objects.filter(request_id="req_0").update(outcome="error")
    caplog.set_level("INFO", "proxy.admin")
    answer = admin_client.get(reverse("admin:proxy_requestlog_export_csv") + "?outcome__exact=error&q=req_0")
    assert answer.headers["content-disposition"].startswith('attachment; filename="requests-')
    assert "admin: the history as csv, filters 'outcome__exact=error&q=req_0'" in caplog.text

    assert answer.streaming and answer.is_async


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "query", "status"), [
    (VIEWER, "", 200), (VIEWER, "?bodies=1", 403), (OPERATOR, "?bodies=1", 200),
])  # fmt: skip
def test_text_is_only_for_who_may_read_it(client, role, query, status):
    """A viewer exports the rows, an operator their text too."""
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    assert client.get(reverse("admin:proxy_requestlog_export_jsonl") + query).status_code == status
