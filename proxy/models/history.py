"""The request history: one row per proxied request, one per upstream call. Written by the logbook only."""

from __future__ import annotations

from django.db import models

from proxy.record import LOST, OPEN

STATUS_CHOICES = (
    ("ok", "ok"),
    ("error", "error"),
    ("client_gone", "client gone"),
    ("interrupted", "interrupted"),
    (OPEN, "still running"),
    (LOST, "lost: its process died"),
)


class Instance(models.Model):
    """A process that writes the log. Its rows of running requests are lost when it is not seen any more."""

    id = models.UUIDField(primary_key=True, editable=False)
    seen = models.DateTimeField(db_index=True)
    rows_dropped = models.PositiveBigIntegerField(default=0)
    bodies_dropped = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = "instance"

    def __str__(self) -> str:
        return str(self.id)


class RequestLog(models.Model):
    """What became of one request. Names are copied, not linked: history outlives configuration."""

    time = models.DateTimeField()
    request_id = models.CharField("request ID", max_length=40, unique=True)
    session_id = models.CharField("session", max_length=100, blank=True, db_index=True)
    agent_id = models.CharField("agent", max_length=100, blank=True)
    client_key = models.CharField(max_length=100, blank=True)
    inbound_format = models.CharField(max_length=30)
    operation = models.CharField(max_length=20, default="messages")
    requested_model = models.CharField(max_length=200, blank=True)
    logical_model = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=100, blank=True)
    actual_model = models.CharField(max_length=200, blank=True)
    route = models.CharField(max_length=20, blank=True)
    why = models.CharField(max_length=1000, blank=True)
    stream = models.BooleanField(default=False)
    status = models.PositiveSmallIntegerField("HTTP status", default=0)
    outcome = models.CharField(max_length=20, choices=STATUS_CHOICES)
    attempts = models.PositiveSmallIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField("tokens in", default=0)
    output_tokens = models.PositiveBigIntegerField("tokens out", default=0)
    cache_read_tokens = models.PositiveBigIntegerField("cache read", default=0)
    cache_write_tokens = models.PositiveBigIntegerField("cache write", default=0)
    cost_usd = models.DecimalField("cost (USD)", max_digits=14, decimal_places=8, null=True, blank=True)
    first_content_ms = models.PositiveIntegerField("first content (ms)", null=True, blank=True)
    duration_ms = models.PositiveIntegerField("duration (ms)", default=0)
    stop_reason = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=1000, blank=True)
    body = models.BinaryField("request body (zlib)", null=True, blank=True, editable=False)
    # No link and no default: the column is added at once to a long history, and older code may leave it out.
    instance = models.UUIDField(null=True, blank=True, editable=False)

    class Meta:
        permissions = (
            ("view_bodies", "Can read the captured text of requests"),
            ("use_console", "Can send requests from the console"),
        )
        ordering = ("-id",)
        verbose_name = "request"
        verbose_name_plural = "request history"
        indexes = (
            # Newest first with one filter, with or without a range of time: read backwards, each is the answer's order.
            models.Index(fields=["outcome", "time"], name="requestlog_outcome"),
            models.Index(fields=["status", "time"], name="requestlog_status"),
            models.Index(fields=["provider", "time"], name="requestlog_provider"),
            models.Index(fields=["logical_model", "time"], name="requestlog_model"),
            models.Index(fields=["route", "time"], name="requestlog_route"),
            models.Index(fields=["client_key", "time"], name="requestlog_key"),
            models.Index(
                fields=["time", "attempts"], name="requestlog_failed_over", condition=models.Q(attempts__gt=1)
            ),
            # A threshold is looked for among the index's own entries: no row is read that is not in the answer.
            models.Index(fields=["time", "duration_ms", "cost_usd"], name="requestlog_time"),
        )

    def __str__(self) -> str:
        return self.request_id


class AttemptLog(models.Model):
    """One upstream call: whom, how it ended, how long it took."""

    request = models.ForeignKey(RequestLog, on_delete=models.CASCADE, related_name="attempt_rows")
    number = models.PositiveSmallIntegerField()
    provider = models.CharField(max_length=100)
    actual_model = models.CharField(max_length=200)
    outcome = models.CharField(max_length=20, help_text="ok, or the kind of failure")
    status = models.PositiveSmallIntegerField("HTTP status", default=0)
    upstream_request_id = models.CharField("upstream request ID", max_length=100, blank=True)
    message = models.CharField(max_length=600, blank=True)
    started_ms = models.PositiveIntegerField("started after (ms)", default=0)
    first_content_ms = models.PositiveIntegerField("first content (ms)", null=True, blank=True)
    duration_ms = models.PositiveIntegerField("duration (ms)", default=0)
    # As above: no link, no default. A long history gets such columns at once.
    drill = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    tokens_in = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    tokens_out = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    cost_usd = models.DecimalField("cost (USD)", max_digits=14, decimal_places=8, null=True, blank=True)
    key = models.CharField(
        max_length=40, null=True, blank=True, help_text="Which of the provider's keys, where it has several."
    )

    class Meta:
        ordering = ("request", "number")
        verbose_name = "attempt"

    def __str__(self) -> str:
        return f"{self.number}. {self.provider}/{self.actual_model}: {self.outcome}"
