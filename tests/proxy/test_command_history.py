"""history and prunelogs."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from proxy.management.commands import history, prunelogs
from proxy.models import AttemptLog, HourlyRollup, RequestLog, RouterSettings

pytestmark = pytest.mark.django_db


def run(*args):
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def log(name, **fields):
    defaults = {
        "time": timezone.now(), "inbound_format": "anthropic_messages", "outcome": "ok", "status": 200,
        "requested_model": "claude-x", "logical_model": "main", "provider": "zai", "actual_model": "glm",
        "route": "default",
    }  # fmt: skip
    return RequestLog.objects.create(request_id=name, **{**defaults, **fields})


@pytest.fixture
def rows():
    old = timezone.now() - timedelta(hours=5)
    log("old", time=old, route="think")
    log("failed", outcome="error", status=529, error="all \x1b[31mfailed", provider="")
    log("other", logical_model="demo", actual_model="echo", provider="echo")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), ["other", "failed", "old"]),
        (("--limit", "1"), ["other"]),
        (("--since", "1h"), ["other", "failed"]),
        (("--since", "2099-01-01"), []),
        (("--status", "error"), ["failed"]),
        (("--status", "529"), ["failed"]),
        (("--model", "claude-x"), ["other", "failed", "old"]),
        (("--model", "demo"), ["other"]),
        (("--model", "glm"), ["failed", "old"]),
        (("--provider", "zai"), ["old"]),
        (("--route", "think"), ["old"]),
        (("--route", "think", "--since", "1h"), []),
    ],
)
def test_history_filters_newest_first(rows, args, expected):
    """Each filter narrows, all together."""
    assert [row["request_id"] for row in json.loads(run("history", *args, "--json"))] == expected


def test_history_for_scripts_tells_every_call(monkeypatch):
    """Each request has its upstream calls, in order, with the key that was used by its number."""
    monkeypatch.setattr(history, "_AT_ONCE", 1)
    log("none")
    for name in ("first", "second"):
        row = log(name)
        for number, key in ((2, None), (1, "key 2 of 3")):
            AttemptLog.objects.create(request=row, number=number, provider="p", actual_model="m", outcome="ok", key=key)
    found = json.loads(run("history", "--json"))
    calls = [[(call["number"], call["key"]) for call in row["attempt_rows"]] for row in found]
    assert calls == [[(1, "key 2 of 3"), (2, "")]] * 2 + [[]]
    assert "pk" not in found[0] and found[0]["attempt_rows"][0]["provider"] == "p"


def test_history_for_people_is_a_line_per_request_without_terminal_escapes(rows):
    """Text that came from outside cannot drive the terminal."""
    lines = run("history").splitlines()
    assert len(lines) == 4
    assert "claude-x → echo/echo [default]" in lines[0]
    assert lines[2] == "    all �[31mfailed"


def test_history_says_when_there_is_nothing():
    """An empty history is no empty output."""
    assert run("history") == "no requests\n"
    assert json.loads(run("history", "--json")) == []


@pytest.mark.parametrize(
    "args",
    [("--since", "soon"), ("--since", "999999w"), ("--status", "bad"), ("--limit", "0"), ("--limit", "9" * 30)],
)
def test_history_refuses_a_filter_it_does_not_understand(args):
    """A wrong filter is a failure that names it, never an empty answer."""
    with pytest.raises(CommandError, match=args[0]):
        run("history", *args)


def test_prunelogs_deletes_by_the_setting_in_batches(monkeypatch):
    """Older requests go, attempts with them, however many batches it takes."""
    monkeypatch.setattr(prunelogs, "BATCH", 2)
    settings = RouterSettings.load()
    settings.retention_days = 10
    settings.save()
    for number in range(5):
        old = log(f"old{number}", time=timezone.now() - timedelta(days=11))
        AttemptLog.objects.create(request=old, number=1, provider="p", actual_model="m", outcome="ok")
    log("new", time=timezone.now() - timedelta(days=9))
    assert json.loads(run("prunelogs", "--dry-run", "--json")) == {
        "deleted": 5,
        "days": 10,
        "rollup_deleted": 0,
        "dry_run": True,
    }
    assert RequestLog.objects.count() == 6
    assert run("prunelogs") == "5 requests older than 10 days deleted\n"
    assert [row.request_id for row in RequestLog.objects.all()] == ["new"]
    assert not AttemptLog.objects.exists()


def test_prunelogs_days_overrides_the_setting():
    """--days 0 empties the history; a senseless number is refused."""
    log("a", time=timezone.now() - timedelta(days=1))
    run("prunelogs", "--days", "0")
    assert not RequestLog.objects.exists()
    for days in ("-1", "99999999"):
        with pytest.raises(CommandError):
            run("prunelogs", "--days", days)


def test_prunelogs_keeps_the_hourly_sums_longer():
    """What was pruned still counts, until the sums' own time is over; a dry run deletes neither."""
    now = timezone.now()
    for days in (1, 40, 500):
        HourlyRollup.objects.create(hour=now - timedelta(days=days), outcome="ok", requests=1)
    assert json.loads(run("prunelogs", "--dry-run", "--json"))["rollup_deleted"] == 1
    assert HourlyRollup.objects.count() == 3
    assert "1 rows of hourly sums older than 400 days deleted" in run("prunelogs")
    assert HourlyRollup.objects.count() == 2
    RouterSettings.objects.create(rollup_days=30)
    assert json.loads(run("prunelogs", "--days", "45", "--json"))["rollup_deleted"] == 0
    assert json.loads(run("prunelogs", "--days", "20", "--json"))["rollup_deleted"] == 1


def test_rebuildrollup_counts_the_history_anew(rows):
    """It says how many hours, and a dry run writes nothing."""
    assert "hours of the history would be counted anew" in run("rebuildrollup", "--dry-run")
    assert not HourlyRollup.objects.exists()
    assert json.loads(run("rebuildrollup", "--json"))["hours"] == 2
    assert sum(HourlyRollup.objects.values_list("requests", flat=True)) == 3


def test_history_tells_the_cost(rows):
    """For people and for scripts; an unknown one is left out."""
    RequestLog.objects.filter(request_id="other").update(cost_usd="1.25")
    lines = run("history").splitlines()
    assert "$1.2500" in lines[0] and "$" not in lines[1]
    assert [row["cost_usd"] for row in json.loads(run("history", "--json"))] == ["1.25000000", None, None]
