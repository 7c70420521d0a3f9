"""A history to measure statistics with: made-up requests of the last days, their attempts and their hourly sums.

Writes into a new SQLite file that it is told; then asks for the statistics of all the days, opens the dashboard,
and prints what each took. With --writer, measures instead what a row costs the log writer, in batches of 500 as under
load. All times are CPU time of this process, which other work on the machine changes little.
"""

import argparse
import functools
import os
import pathlib
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))
BATCH = 5000
TARGETS = (
    ("anthropic", "claude-sonnet-5-5"),
    ("openai", "gpt-5.2"),
    ("openrouter", "z-ai/glm-4.6"),
    ("zai", "glm-4.6"),
)
MODELS = ("default", "fast", "think")
ROUTES = ("default", "background", "think", "direct")
OUTCOMES = ("ok",) * 94 + ("error",) * 3 + ("client_gone",) * 2 + ("interrupted",)


def prepared(path):
    """Django on a migrated file."""
    os.environ.update(
        DATABASE_URL=f"sqlite:///{path}", CCM_ENV_FILE=os.devnull, SECRET_KEY="only-for-this", CCM_LOG_LEVEL="warning",
        DJANGO_SETTINGS_MODULE="ccmsite.settings",
    )  # fmt: skip
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def made(number, moment, dice):
    """One request's row, as like to a real one as statistics need."""
    from proxy.models import RequestLog

    provider, model = TARGETS[min(int(dice.expovariate(1.2)), 3)]
    outcome = dice.choice(OUTCOMES)
    first = int(dice.lognormvariate(7, 0.6)) if outcome != "error" else None
    return RequestLog(
        time=moment, request_id=f"req_{number:032}", session_id=f"session-{number // 50}", outcome=outcome,
        inbound_format="anthropic_messages", requested_model="claude-sonnet-5-5", logical_model=dice.choice(MODELS),
        provider=provider, actual_model=model, route=dice.choice(ROUTES), why="it is the default", stream=True,
        status=200, attempts=1 + (dice.random() < 0.03), input_tokens=dice.randint(10, 4000),
        output_tokens=dice.randint(1, 2000), cache_read_tokens=dice.randint(0, 90_000),
        cost_usd=Decimal(dice.randint(1, 10**7)).scaleb(-8) if dice.random() < 0.98 else None,
        first_content_ms=first, duration_ms=(first or 50) + int(dice.lognormvariate(8, 1)), stop_reason="end_turn",
    )  # fmt: skip


def seed(rows, days):
    """Write the rows, evenly over the days, and what they add up to."""
    from django.db import transaction

    from proxy.models import AttemptLog, RequestLog
    from proxy.rollup import Tally

    dice = random.Random(1)
    now = datetime.now(UTC)
    for start in range(0, rows, BATCH):
        numbers = range(start, min(start + BATCH, rows))
        batch = [made(n, now - timedelta(days=days) * (1 - n / rows), dice) for n in numbers]
        tally = Tally()
        tally.count(batch)
        with transaction.atomic():
            RequestLog.objects.bulk_create(batch)
            AttemptLog.objects.bulk_create(
                AttemptLog(request=row, number=1, provider=row.provider, actual_model=row.actual_model, outcome="ok")
                for row in batch
            )
            tally.save()


def timed(label, function, times=5):
    """Print the best of some runs, in milliseconds."""
    best = float("inf")
    for _ in range(times):
        begun = time.process_time()
        function()
        best = min(best, time.process_time() - begun)
    print(f"| {label} | {best * 1000:,.0f} ms |")


def ask(days):
    """Each function of the statistics over all the days."""
    from proxy import stats
    from proxy.models import HourlyRollup

    since = datetime.now(UTC) - timedelta(days=days)
    print(f"{HourlyRollup.objects.count():,} rows of hourly sums; {days} days of:\n\n| asked for | took |\n|---|---:|")
    timed("totals with percentiles", lambda: stats.totals(since))
    timed("a series of days", lambda: stats.series(since, step="day"))
    timed("a series of hours", lambda: stats.series(since))
    timed("a series of days with percentiles", lambda: stats.series(since, step="day", latency=True))
    timed("by provider with percentiles", lambda: stats.grouped("provider", since))
    timed("a series of days for each provider", lambda: stats.grouped_series("provider", since, step="day"))
    timed("the last 24 hours, totals", lambda: stats.totals(datetime.now(UTC) - timedelta(days=1)))


def open_pages():
    """The admin's first page over each of its ranges, from the request to the last byte of HTML."""
    from django.contrib.auth.models import User
    from django.test import Client

    from providers.models import Provider

    for name, _ in TARGETS:
        Provider.objects.get_or_create(name=name, defaults={"preset": "ollama"})
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)[0])

    def opened(span):
        answer = client.get("/admin/", {"range": span})
        assert b"<canvas" in answer.content

    for span in ("24h", "7d", "30d"):
        timed(f"the dashboard, {span}", functools.partial(opened, span))


def write(rows):
    """The log writer alone: what a row takes, all of this hour, fresh ones and then the same replaced."""
    from providers.wire.messages import Usage
    from proxy import log_rows
    from proxy.record import AttemptRecord, RequestRecord

    def batch(start):
        return [
            RequestRecord(
                f"req_{n}", "anthropic_messages", "messages", provider="p", actual_model="m", logical_model="l",
                route=ROUTES[n % 4], outcome="ok", status=200, usage=Usage(n, 2, 3, 4), first_content_ms=n % 5000,
                duration_ms=n % 50_000, attempts=[AttemptRecord(1, "p", "m", "ok", 200)],
            )
            for n in range(start, start + 500)
        ]  # fmt: skip

    batches = [batch(start) for start in range(0, rows, 500)]
    for label, known in (("new rows", False), ("replaced rows", True)):
        times = []
        for one in batches:
            begun = time.process_time()
            log_rows.write(one, known=known)
            times.append(time.process_time() - begun)
        print(f"{label}: {sorted(times)[len(times) // 2] * 2000:,.0f} µs each (median of {len(times)} batches)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path, help="the SQLite file; one that is there is only asked")
    parser.add_argument("--rows", type=int, default=1_000_000, help="requests (default: %(default)s)")
    parser.add_argument("--days", type=int, default=30, help="over so many days (default: %(default)s)")
    parser.add_argument("--writer", action="store_true", help="measure the log writer instead, with --rows rows")
    options = parser.parse_args()
    there = options.file.exists()
    if there and options.writer:
        parser.error("--writer needs a file that is not there yet")
    prepared(options.file.resolve())
    if options.writer:
        return write(options.rows)
    if not there:
        begun = time.perf_counter()
        seed(options.rows, options.days)
        print(f"{options.rows:,} requests written in {time.perf_counter() - begun:.0f} s")
    ask(options.days)
    return open_pages()


if __name__ == "__main__":
    sys.exit(main())
