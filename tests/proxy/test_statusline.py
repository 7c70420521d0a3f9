"""The status line: what it tells of a session, whom it tells it, and how the command and the server are asked."""

import io
import json
import shlex
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from proxy import log_rows, snapshot, statusline
from proxy.models import ClientKey, HealthState
from proxy.record import AttemptRecord, RequestRecord
from proxy.statusline import Status, told

pytestmark = pytest.mark.django_db(transaction=True)
SESSION = "6f1e2d3c-session"


def served(number, session=SESSION, key="", provider="spare", cost="0.25", failed=()):
    record = RequestRecord(
        f"req_{number}", "anthropic_messages", "messages", session_id=session, client_key=key, outcome="ok",
        provider=provider, actual_model="glm", cost_usd=None if cost is None else Decimal(cost), first_content_ms=5,
    )  # fmt: skip
    calls = [*failed, (provider, "ok")]
    record.attempts = [AttemptRecord(n, name, "m", outcome) for n, (name, outcome) in enumerate(calls, 1)]
    log_rows.write([record])


@pytest.fixture
def history():
    served(1, failed=[("main", "overloaded"), ("other", "timeout")])
    served(2, session="another", key="laptop", provider="main", cost=None)
    now = timezone.now()
    for model, seconds in (("glm", 100), ("old", -5)):
        HealthState.objects.create(provider="main", actual_model=model, kind="overloaded", since=now, failed_at=now,
                                   until=now + timedelta(seconds=seconds), stamp=1)  # fmt: skip


def test_the_line_tells_who_served_what_failed_the_cost_and_who_cools(history):
    """All of it stands in one line, for a session's last request."""
    status = statusline.read(SESSION)
    assert (status.provider, status.failures) == ("spare", (("main", "overloaded"), ("other", "timeout")))
    assert [name for name, _seconds in status.cooling] == ["main/glm"]
    line = told(status)
    assert line.startswith("spare/glm · 2 hops: main overloaded, other timeout · ≥ $0.25 today · cooling: main/glm ")


def test_a_session_without_requests_has_a_line_too(history):
    """The cost of today and who cools are true for it as well."""
    assert told(statusline.read("nobody's")).startswith("ccm: no answer yet · ≥ $0.25 today · cooling: main/glm")
    assert statusline.read("") == statusline.read("nobody's")


def test_who_shows_a_key_sees_that_key_s_requests_only(history):
    """Neither another key's session nor another key's cost is told."""
    assert statusline.read(SESSION, "laptop").provider == ""
    mine = statusline.read("another", "laptop")
    assert (mine.cost_today_usd, mine.cost_unknown) == (0, 1)


def test_a_line_is_one_line_of_printable_signs():
    """Escape sequences and line breaks in names are shown as question marks; long lists are cut."""
    many = tuple((f"p{number}", "timeout") for number in range(5))
    line = told(Status("main", "\x1b[31mred\r\n" + "x" * 100, "interrupted", many, Decimal(1), 0, ()))
    assert line.startswith("main/?[31mred??x")
    assert "x (interrupted) · 5 hops: p0 timeout, p1 timeout, p2 timeout +2 · $1.00 today" in line
    assert line.isprintable()


@pytest.mark.parametrize(
    ("content", "session"),
    [(b'{"session_id": "a\\u0000b", "model": {}}', "a\u2400b"), (b"", ""), (b"[]", ""), (b'{"session_id": 5}', "")],
)
def test_the_session_is_read_from_what_claude_code_sends(content, session):
    """Whatever else is in it does not matter."""
    assert statusline.session_in(content) == session


def test_what_is_no_json_is_told():
    """The words name both ways to ask."""
    with pytest.raises(ValueError, match=r"\?session=ID"):
        statusline.session_in(b"[" * 60_000)


def run(monkeypatch, sent="", *args):
    monkeypatch.setattr("sys.stdin", io.StringIO(sent))
    out = io.StringIO()
    call_command("statusline", *args, stdout=out)
    return out.getvalue()


def test_the_command_reads_standard_input(history, monkeypatch):
    """As Claude Code calls it; --session instead, --json for scripts; nonsense is an error."""
    sent = json.dumps({"session_id": SESSION, "model": {"id": "claude"}})
    assert run(monkeypatch, sent).startswith("spare/glm · 2 hops")
    assert json.loads(run(monkeypatch, "", "--session", SESSION, "--json"))["provider"] == "spare"
    with pytest.raises(CommandError, match="no status"):
        run(monkeypatch, "{")


def test_the_command_prints_settings_that_ask_the_server(monkeypatch):
    """The lines for settings.json name the address and hold no key."""
    lines = json.loads(run(monkeypatch, "", "--settings-for", "http://127.0.0.1:1/"))
    assert lines["env"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:1"
    assert "http://127.0.0.1:1/api/statusline" in lines["statusLine"]["command"]
    assert "13456" in run(monkeypatch, "", "--settings-for")
    odd = json.loads(run(monkeypatch, "", "--settings-for", "http://[::1]:80"))["statusLine"]["command"]
    assert "http://[::1]:80/api/statusline" in shlex.split(odd)
    for wrong in ("here", "127.0.0.1:80", "ftp://here", "http://", "http://[", "file:///etc"):
        with pytest.raises(CommandError, match=r"is no address: write it as http://127\.0\.0\.1:13456"):
            run(monkeypatch, "", "--settings-for", wrong)


def test_the_server_answers_as_the_command_does(history, client):
    """GET with the session, or POST of Claude Code's JSON; a key narrows it; from elsewhere a key is needed."""
    key = ClientKey(name="laptop")
    secret = key.issue()
    key.save()
    snapshot.refresh()
    local = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1"}
    sent = json.dumps({"session_id": SESSION})
    asked = client.get(f"/api/statusline?session={SESSION}", **local)
    assert asked.content.decode().startswith("spare/glm · 2 hops")
    posted = client.post("/api/statusline", sent, content_type="application/x-www-form-urlencoded", **local)
    assert posted.content.decode().startswith("spare/glm · 2 hops")
    mine = client.post("/api/statusline", sent, content_type="text/plain", headers={"x-api-key": secret}, **local)
    assert mine.content.decode().startswith("ccm: no answer yet · cost today not known")
    assert client.get("/api/statusline", REMOTE_ADDR="192.0.2.7", HTTP_HOST="127.0.0.1").status_code == 401
    assert client.post("/api/statusline", "{", content_type="text/plain", **local).status_code == 400
    assert client.put("/api/statusline", **local).status_code == 405


def test_a_database_that_is_away_is_told_in_the_line(client, monkeypatch):
    """The status bar says so; it is no error page."""
    from django.db import OperationalError

    def broken(session, key):
        raise OperationalError("away")

    snapshot.refresh()
    monkeypatch.setattr(statusline, "read_in_thread", broken)
    answer = client.get("/api/statusline", REMOTE_ADDR="127.0.0.1", HTTP_HOST="127.0.0.1")
    assert answer.content == b"ccm: its database does not answer\n"
