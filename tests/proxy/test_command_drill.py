"""manage.py drill: starts, lists, stops and reports, and says how to put right what was wrong."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from providers.models import Provider
from proxy.models import AttemptLog, ClientKey, ConfigRevision, Drill, LogicalModel, ModelMapping, RequestLog

pytestmark = pytest.mark.django_db
START = ("--provider", "main", "--key", "laptop")


@pytest.fixture(autouse=True)
def rows(db):
    main = Provider.objects.create(name="main", preset="openai")
    other = Provider.objects.create(name="other", preset="openai")
    model = LogicalModel.objects.create(name="smart")
    for priority, provider in enumerate((main, other), start=1):
        ModelMapping.objects.create(logical_model=model, priority=priority, provider=provider, actual_model="m")
    key = ClientKey(name="laptop")
    key.issue()
    key.save()


def run(*args):
    out = StringIO()
    call_command("drill", *args, stdout=out)
    return out.getvalue()


def read(*args):
    return json.loads(run(*args, "--json"))


def log(name, *attempts, minutes=0, first=100, **fields):
    """A request and its attempts, each as (outcome, drill, tokens in, tokens out)."""
    row = RequestLog.objects.create(**{
        "time": timezone.now() + timedelta(minutes=minutes), "request_id": name, "client_key": "laptop",
        "inbound_format": "anthropic_messages", "outcome": "ok", "first_content_ms": first, **fields,
    })  # fmt: skip
    for number, (outcome, drill, *tokens) in enumerate(attempts, start=1):
        used = dict(zip(("tokens_in", "tokens_out"), tokens, strict=False))
        AttemptLog.objects.create(request=row, number=number, provider="main", actual_model="m", outcome=outcome,
                                  drill=drill, **used)  # fmt: skip


def test_it_starts_a_drill_for_ten_minutes():
    """The row is there, all processes are told, and the words say how to go on."""
    before = ConfigRevision.current()
    words = run(*START, "--fault", "429")
    row = Drill.objects.get()
    assert (row.provider.name, row.client_key.name, row.fault, row.runs) == ("main", "laptop", "429", True)
    assert row.ends_at - row.started_at == timedelta(minutes=10)
    assert f"drill {row.pk}: main fails for laptop: 429, until" in words
    assert f"--report {row.pk}, --stop {row.pk}" in words
    assert "warning" not in words
    assert ConfigRevision.current() > before


@pytest.mark.parametrize(
    ("args", "fault", "cut_after", "minutes"),
    [
        (("--fault", "hang", "--for", "1h"), "hang", None, 60),
        (("--fault", "refused", "--for", "30s"), "refused", None, 0.5),
        (("--fault", "cut:40"), "cut", 40, 10),
        (("--fault", "cut"), "cut", 200, 10),
        ((), "529", None, 10),
    ],
)
def test_faults_and_times(args, fault, cut_after, minutes):
    """Each fault and each way to write a time; the JSON tells them back."""
    content = read(*START, *args)
    assert (content["fault"], content["cut_after"], content["state"]) == (fault, cut_after, "running")
    row = Drill.objects.get(pk=content["id"])
    assert row.ends_at - row.started_at == timedelta(minutes=minutes)


def test_a_dry_run_starts_nothing():
    """It only says what would be broken."""
    assert "would start: main fails for requests without a key: 529" in run(
        "--provider", "main", "--no-key", "--dry-run"
    )
    content = read(*START, "--dry-run")
    assert (content["id"], content["state"], content["dry_run"]) == (None, "not started", True)
    assert not Drill.objects.exists()


def test_a_provider_that_nobody_replaces_is_warned_of():
    """Where it alone serves a model the drill starts, and says that requests will fail."""
    ModelMapping.objects.filter(provider__name="other").delete()
    assert "warning: main alone serves smart: requests will fail, nobody takes over." in run(*START)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "--provider NAME; there are: main, other"),
        (("--provider", "mine", "--no-key"), "no provider is called mine; there are: main, other"),
        (("--provider", "main"), "--key NAME, or --no-key; there are: laptop"),
        (("--provider", "main", "--key", "desk"), "no client key is called desk; there are: laptop"),
        ((*START, "--fault", "500"), "--fault must be"),
        ((*START, "--fault", "529:3"), "--fault must be"),
        ((*START, "--fault", "cut:100001"), "at most 100000"),
        ((*START, "--for", "61m"), "at most 60m"),
        ((*START, "--for", "0s"), "--for must be"),
        ((*START, "--for", "soon"), "--for must be"),
        (("--stop", "99"), "there is no drill 99: manage.py drill --list"),
        (("--report", "99"), "there is no drill 99"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_starts(args, words):
    """Every mistake ends the command with a line that names the fix (exit code 1)."""
    with pytest.raises(CommandError, match=words) as caught:
        run(*args)
    assert caught.value.returncode == 1
    assert not Drill.objects.exists()


def test_a_second_drill_at_once_is_refused():
    """The one that runs is named."""
    run(*START)
    with pytest.raises(CommandError, match=f"no drill was started: Drill {Drill.objects.get().pk} of this provider"):
        run(*START, "--fault", "hang")


def test_list_and_stop():
    """The list has the newest first; a stopped drill is over at once and cannot be stopped again."""
    assert run("--list") == "no drills\n"
    first, second = read(*START)["id"], read("--provider", "other", "--no-key")["id"]
    assert [row["id"] for row in read("--list")] == [second, first]
    run("--stop", str(first), "--dry-run")
    assert Drill.objects.get(pk=first).runs
    assert read("--stop", str(first))["state"] == "stopped"
    assert "stopped at" in run("--list")
    with pytest.raises(CommandError, match="does not run any more"):
        run("--stop", str(first))


def test_a_report_without_requests_says_so():
    """Where nothing was hit the report does not show a row of zeros."""
    number = str(read(*START)["id"])
    assert "Requests hit: none yet" in run("--report", number)
    assert read("--report", number)["report"]["requests"] == 0


def test_the_report():
    """Outcomes, times against the day before, and the tokens of answers that were cut."""
    number = read(*START, "--fault", "cut:40")["id"]
    log("served", ("unreachable", number, 30, 4), ("ok", None), first=900, cost_usd="0.02")
    log("went-on", ("interrupted", number, 50, 10), ("ok", None), first=200, cost_usd="0.04")
    log("lost", ("interrupted", number, None, 6), outcome="interrupted", first=300)
    log("failed", ("unreachable", number, 30, 4), ("overloaded", None), outcome="error", first=None)
    log("gone", ("client_gone", number), outcome="client_gone", first=None)
    log("open", ("overloaded", number), outcome="open", first=None)
    log("of-another-drill", ("overloaded", number + 1), ("ok", None))
    log("not-hit", ("ok", None))
    for name, first in (("a", 100), ("b", 110), ("c", 120), ("d", 4000)):
        log(name, ("ok", None), minutes=-60, first=first, cost_usd="0.01")
    log("count", ("ok", None), minutes=-60, operation="count_tokens", first=1)
    log("theirs", ("ok", None), minutes=-60, client_key="desk", first=1)
    log("drilled", ("overloaded", 3), ("ok", None), minutes=-60, first=1)
    log("long-ago", ("ok", None), minutes=-60 * 25, first=1)
    report = read("--report", str(number))["report"]
    assert {name: report[name] for name in ("requests", "served", "continued", "lost_turns", "failed")} == {
        "requests": 6, "served": 1, "continued": 1, "lost_turns": 1, "failed": 1,
    }  # fmt: skip
    assert (report["client_gone"], report["unfinished"]) == (1, 1)
    assert report["first_content"] == {"requests": 3, "median_ms": 300, "p95_ms": 900}
    assert report["first_content_before"] == {"requests": 4, "median_ms": 110, "p95_ms": 4000}
    assert (report["cut_attempts"], report["tokens_in"], report["tokens_out"]) == (4, 110, 24)
    words = run("--report", str(number))
    assert "Time to first content: median 300 ms, p95 900 ms (3 requests)" in words
    assert "Paid for and cut: 4 calls: 110 tokens in, 24 tokens out; the prompt's tokens are not known of 1" in words
    assert "Cost of the requests hit: $0.0600, $0.0300 each, $0.0100 each the day before" in words


def test_drills_are_never_exported(tmp_path):
    """The file holds the configuration for good; a drill is none of it."""
    run(*START, "--fault", "hang")
    file = tmp_path / "ccm.toml"
    call_command("exportconfig", str(file), stdout=StringIO())
    assert "hang" not in file.read_text() and "drill" not in file.read_text()
