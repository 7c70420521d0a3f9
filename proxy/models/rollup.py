"""What the history adds up to, hour by hour: kept by the log writer, read by statistics."""

from __future__ import annotations

from django.db import models

from proxy.histogram import BUCKETS

DIMENSIONS = ("provider", "logical_model", "actual_model", "route")
KEY = ("hour", *DIMENSIONS, "outcome")
SUMS = (
    "requests", "failovers", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_nanos",
    "cost_unknown", "first_content_ms", "duration_ms",
)  # fmt: skip
FIRST_CONTENT = tuple(f"first_content_{number:02}" for number in range(BUCKETS))
DURATION = tuple(f"duration_{number:02}" for number in range(BUCKETS))
COLUMNS = (*SUMS, *FIRST_CONTENT, *DURATION)


class ClientKeyHour(models.Model):
    """What one client key was used for in one hour: requests for messages, and what they cost."""

    hour = models.DateTimeField()
    client_key = models.CharField(max_length=100)
    requests = models.BigIntegerField(default=0)
    cost_nanos = models.BigIntegerField("cost (billionths of a dollar)", default=0)
    cost_unknown = models.BigIntegerField("requests of unknown cost", default=0)
    last_at = models.DateTimeField("last request")

    class Meta:
        verbose_name = "hour of a client key"
        verbose_name_plural = "hours of client keys"
        constraints = (models.UniqueConstraint(fields=["client_key", "hour"], name="clientkeyhour_key"),)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.client_key}"


class HourlyRollup(models.Model):
    """The requests of one hour that have all names and the outcome in common. Token counts are not in it.

    The columns of `FIRST_CONTENT` and `DURATION` count requests by time (`proxy/histogram.py`).
    """

    hour = models.DateTimeField()
    provider = models.CharField(max_length=100, blank=True)
    logical_model = models.CharField(max_length=200, blank=True)
    actual_model = models.CharField(max_length=200, blank=True)
    route = models.CharField(max_length=20, blank=True)
    outcome = models.CharField(max_length=12)
    # None of them is "positive": a correction is added as a number below zero.
    requests = models.BigIntegerField(default=0)
    failovers = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    cost_nanos = models.BigIntegerField("cost (billionths of a dollar)", default=0)
    cost_unknown = models.BigIntegerField("requests of unknown cost", default=0)
    first_content_ms = models.BigIntegerField("sum of first content (ms)", default=0)
    duration_ms = models.BigIntegerField("sum of duration (ms)", default=0)

    class Meta:
        verbose_name = "hourly roll-up"
        constraints = (models.UniqueConstraint(fields=list(KEY), name="rollup_key"),)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.provider}/{self.actual_model} {self.outcome}"


for _column in (*FIRST_CONTENT, *DURATION):
    HourlyRollup.add_to_class(_column, models.IntegerField(default=0))
