"""A believable past for the dashboard: weeks of traffic over three providers, with an outage and a spent key."""

import math
import random
from datetime import timedelta
from decimal import Decimal

from providers.models import Credential, Provider
from proxy.models import AttemptLog, HealthState, LogicalModel, ModelMapping, RequestLog
from proxy.rollup import Tally

CHAIN = (
    ("anthropic", "anthropic", "claude-sonnet-5-5", (3, 15, 0.3)),
    ("openrouter", "openrouter", "z-ai/glm-4.6", (0.5, 1.75, 0.1)),
    ("workshop", "ollama", "qwen3-coder:30b", (0, 0, 0)),
)
"""Provider, preset, model, dollars per million tokens: in, out, read from the cache."""
OUTAGE_H = (2, 5)
"""So many hours ago the first provider was away, from and to."""
WORDS = {
    "overloaded": ("Overloaded", 529), "rate_limited": ("This request would exceed your rate limit", 429),
    "timed_out": ("no content within 60 s", 0), "rejected": ("messages.3: tool_use ids must be unique", 400),
}  # fmt: skip


def configure():
    """Three providers with their keys, and a logical model mapped to each in turn."""
    model = LogicalModel.objects.create(name="smart")
    for priority, (name, preset, actual, _) in enumerate(CHAIN, start=1):
        provider = Provider.objects.create(name=name, preset=preset, base_url="")
        if provider.preset_row.needs_key:
            credential = Credential(provider=provider)
            credential.set_secret(f"sk-demo-{name}-0123456789")
            credential.save()
        ModelMapping.objects.create(logical_model=model, priority=priority, provider=provider, actual_model=actual)


def live_through(now, days=14, per_hour=60):
    """Rows, attempts and hourly sums of the days up to `now`; busy by day, quiet at night."""
    dice = random.Random(7)
    rows, failures = [], []
    for hours_ago in range(days * 24, -1, -1):
        hour = now - timedelta(hours=hours_ago)
        busy = 0.08 + max(0, math.sin((hour.hour - 6) * math.pi / 14)) * (0.35 if hour.weekday() > 4 else 1)
        for _ in range(round(per_hour * busy * dice.uniform(0.8, 1.2))):
            time = hour - timedelta(seconds=dice.uniform(0, 3600))
            row, failed = _request(len(rows), time, (now - time).total_seconds() / 3600, dice)
            rows.append(row)
            failures.append(failed)
    order = sorted(range(len(rows)), key=lambda number: rows[number].time)
    rows, failures = [rows[number] for number in order], [failures[number] for number in order]
    RequestLog.objects.bulk_create(rows, batch_size=500)
    AttemptLog.objects.bulk_create(
        (attempt for row, failed in zip(rows, failures, strict=True) for attempt in _attempts(row, failed)),
        batch_size=500,
    )
    tally = Tally()
    tally.count(rows)
    tally.save()


def fall_ill(now):
    """The second provider cools, and the account of the first has nothing left."""
    times = {"since": now - timedelta(minutes=6), "failed_at": now - timedelta(minutes=1)}
    key = Credential.objects.get(provider__name=CHAIN[0][0])
    HealthState.objects.create(
        provider=CHAIN[1][0], actual_model=CHAIN[1][2], kind="overloaded", words="503: no capacity left",
        until=now + timedelta(minutes=4), stamp=1, **times,
    )  # fmt: skip
    HealthState.objects.create(
        provider=CHAIN[0][0], credential_id=key.pk, kind="quota", words="Your credit balance is too low",
        until=now + timedelta(minutes=9), stamp=2, **times,
    )  # fmt: skip


def break_off(now):
    """One answer that broke and went on elsewhere, with the times of each attempt; and it is the newest."""
    (first, _, one, _), (second, _, two, _), (third, _, three, _) = CHAIN
    why = (
        f"claude-sonnet-5-5 is no logical model: the default route; {first}/{one}: overloaded 529; "
        f"{second}/{two}: interrupted; goes on at {third}/{three} after 1284 characters"
    )
    row = RequestLog.objects.create(
        time=now, request_id="req_011CVq8sJmXw2TtY4hLzPk7a", session_id="session-story", client_key="laptop",
        inbound_format="anthropic_messages", requested_model="claude-sonnet-5-5", logical_model="smart", provider=third,
        actual_model=three, route="default", why=why, stream=True, status=200, outcome="ok", attempts=3,
        input_tokens=412, cache_read_tokens=48_120, output_tokens=1730, cost_usd=Decimal("0.0312"),
        first_content_ms=3120, duration_ms=17_450, stop_reason="end_turn",
    )  # fmt: skip
    for number, (target, outcome, status, words, started, content, took, cost) in enumerate((
        ((first, one), "overloaded", 529, "Overloaded", 2, None, 640, None),
        ((second, two), "interrupted", 200, "the upstream closed the connection before the end of the answer",
         1400, 3120, 6900, Decimal("0.0312")),
        ((third, three), "ok", 200, "", 8320, 9410, 9130, Decimal(0)),
    ), start=1):  # fmt: skip
        AttemptLog.objects.create(
            request=row, number=number, provider=target[0], actual_model=target[1], outcome=outcome, status=status,
            message=words, started_ms=started, first_content_ms=content, duration_ms=took, cost_usd=cost,
        )  # fmt: skip


def _request(number, time, hours_ago, dice):
    """A request and the failures before its end, as (place in the chain, kind)."""
    away = OUTAGE_H[0] <= hours_ago < OUTAGE_H[1]
    chance, place, failed = dice.random(), dice.choices((0, 1, 2), (78, 16, 6))[0], []
    if place == 0 and (away or chance < 0.02):
        failed.append((0, "overloaded" if away else dice.choice(("overloaded", "rate_limited", "timed_out"))))
        place = 1
    outcome = "client_gone" if 0.02 < chance < 0.03 else "ok"
    if (away and chance > 0.93) or chance > 0.995:
        outcome = "error"
        failed.append((place, dice.choice(("overloaded", "timed_out", "rejected"))))
    provider, _, model, price = CHAIN[place]
    first = round(dice.lognormvariate((7.1, 7.5, 6.4)[place] + 0.4 * away, 0.45)) if outcome != "error" else None
    fresh, written, read = dice.randint(50, 3000), dice.randint(0, 4000), dice.randint(5_000, 90_000)
    out = dice.randint(20, 1800)
    words, status = WORDS[failed[-1][1]] if outcome == "error" else ("", 200)
    cost = (
        Decimal(str(price[0])) * (fresh + written) + Decimal(str(price[1])) * out + Decimal(str(price[2])) * read
    ) / 10**6
    row = RequestLog(
        time=time, request_id=f"req_{number:032}", session_id=f"session-{number // 40}", outcome=outcome,
        inbound_format="anthropic_messages", requested_model="claude-sonnet-5-5", logical_model="smart",
        provider=provider, actual_model=model, route="default", why="it is the default", stream=True,
        status=status or 504, attempts=max(len(failed) + (outcome != "error"), 1), first_content_ms=first,
        duration_ms=(first or 900) + round(dice.lognormvariate(8.6, 0.8)), error=words,
    )  # fmt: skip
    if outcome != "error":
        row.input_tokens, row.cache_write_tokens, row.cache_read_tokens, row.output_tokens = fresh, written, read, out
        row.cost_usd = cost if place or chance < 0.97 else None
    return row, failed


def _attempts(row, failed):
    for number, (place, kind) in enumerate(failed, start=1):
        words, status = WORDS[kind]
        provider, _, model, _ = CHAIN[place]
        yield AttemptLog(
            request=row,
            number=number,
            provider=provider,
            actual_model=model,
            outcome=kind,
            status=status,
            message=words,
        )
    if row.outcome != "error":
        yield AttemptLog(
            request=row, number=len(failed) + 1, provider=row.provider, actual_model=row.actual_model,
            outcome="ok" if row.outcome == "ok" else "client_gone", status=200,
        )  # fmt: skip
