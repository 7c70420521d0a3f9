"""How requests find their logical model: the router's settings (one row) and ordered rules."""

from __future__ import annotations

import math
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from providers.validators import MAX_WAIT_S, MIN_WAIT_S, validate_name
from proxy.models.logical_model import LogicalModel
from proxy.models.validators import validate_pattern

DEFAULT_AUTO_MAP = "^claude-"
DEFAULT_BACKGROUND = "(?i)claude.*haiku"

_EFFORTS = (("low", "low"), ("medium", "medium"), ("high", "high"), ("xhigh", "xhigh"), ("max", "max"), ("off", "off"))


def _route(help_text: str) -> Any:
    return models.ForeignKey(
        LogicalModel, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text=help_text
    )


def _seconds(name: str, default: float, help_text: str) -> Any:
    return models.FloatField(
        name,
        default=default,
        validators=[MinValueValidator(MIN_WAIT_S), MaxValueValidator(MAX_WAIT_S)],
        help_text=help_text,
    )


class RouterSettings(models.Model):
    """The one row that says which logical model serves which kind of request, and how long to wait."""

    default = _route("Serves what nothing else claims. Empty: unknown names are refused.")
    background = _route("For small helper calls, told by the model name. Empty: off.")
    think = _route("For requests with thinking. Empty: off.")
    websearch = _route("For requests that bring a web search tool. Empty: off.")
    auto_map_regex = models.CharField(
        "auto-map pattern", max_length=512, blank=True, default=DEFAULT_AUTO_MAP, validators=[validate_pattern],
        help_text="Model names that match and are no logical model are served by the default route. Empty: off.",
    )  # fmt: skip
    auto_map_known = models.BooleanField(
        "auto-map known names",
        default=False,
        help_text="Map matching names even when a logical model has that very name, as Claude Code Mux does.",
    )
    background_regex = models.CharField(
        "background pattern", max_length=512, blank=True, default=DEFAULT_BACKGROUND, validators=[validate_pattern],
        help_text="Searched in the name the client asked for. Empty: off.",
    )  # fmt: skip
    think_min_effort = models.CharField(
        "least effort that thinks", max_length=10, choices=_EFFORTS, default="xhigh",
        help_text="With adaptive thinking, the least effort that counts as thinking. “off”: adaptive never counts.",
    )  # fmt: skip
    connect_timeout_s = _seconds(
        "connect timeout (s)", 10, "Seconds to reach a provider, name lookup and TLS included."
    )
    first_content_timeout_s = _seconds(
        "first content timeout (s)", 120, "Seconds until a provider's first content; then the next one is tried."
    )
    idle_timeout_s = _seconds(
        "idle timeout (s)", 180, "Seconds of silence between events of a running answer. Pings do not count."
    )
    total_timeout_s = _seconds("total timeout (s)", 3600, "Seconds for a whole request, all attempts included.")
    adaptive_first_content = models.BooleanField(
        "adaptive first content", default=False,
        help_text="A stream moves on sooner when its first content is late by the target's own times of the last half "
        "hour, for prompts of that size: at three times what nearly all took, 5 seconds at least. Known from ten "
        "streams on, by each server process; the last target always gets the whole time above.",
    )  # fmt: skip
    capture_bodies = models.CharField(
        "capture request bodies", max_length=10,
        choices=(("off", "never"), ("errors", "of failed requests"), ("all", "of every request")),
        default="off", help_text="Keep request bodies in the history. They hold prompts: source code, mostly.",
    )  # fmt: skip
    capture_max_kb = models.PositiveIntegerField(
        "captured body limit (kB)", default=256, validators=[MinValueValidator(1), MaxValueValidator(16_384)]
    )
    retention_days = models.PositiveIntegerField(
        "keep the history (days)", default=30, validators=[MinValueValidator(1)],
        help_text="How long <code>manage.py prunelogs</code> keeps the history.",
    )  # fmt: skip
    rollup_days = models.PositiveIntegerField(
        "keep statistics (days)", default=400, validators=[MinValueValidator(1)],
        help_text="How long <code>manage.py prunelogs</code> keeps the hourly sums that statistics are made of.",
    )  # fmt: skip
    continue_streams = models.BooleanField(
        "continue broken streams", default=True,
        help_text="A stream that breaks after text goes on at the next mapping, where the client does not notice. "
        "That mapping reads the prompt again.",
    )  # fmt: skip
    mid_stream_failure = models.CharField(
        "end of a broken stream", max_length=20,
        choices=(("error_event", "with an error event"), ("cut", "without a word")),
        default="error_event",
        help_text="How a broken stream ends that cannot go on. After an error event Claude Code asks again without "
        "streaming; after a stream that just ends it asks again as before.",
    )  # fmt: skip
    hold_thinking_s = models.PositiveIntegerField(
        "hold thinking back (s)", default=0, validators=[MaxValueValidator(600)],
        help_text="Keeps thinking back until the next block begins, so many seconds at most (and 128 kB): a provider "
        "that fails meanwhile is replaced unseen. The client sees its first words that much later; pings keep it "
        "alive. 0: thinking is passed on as it comes; when it breaks off, Claude Code asks again by itself.",
    )  # fmt: skip
    scale_counts = models.BooleanField(
        "scale token counts",
        default=False,
        help_text="Tell larger token counts when the target's context window is known and smaller than the one the "
        "client believes in (200,000 tokens; 1,000,000 with [1m] or the context-1m beta), so that it compacts in time. "
        "Affects what /v1/messages/count_tokens says, not the usage of answers.",
    )
    history = HistoricalRecords()

    class Meta:
        verbose_name = "router settings"
        verbose_name_plural = "router settings"

    def __str__(self) -> str:
        return "Router settings"

    def clean(self) -> None:
        """Not a number passes every comparison, so the validators of the waits let it through."""
        waits = ("connect_timeout_s", "first_content_timeout_s", "idle_timeout_s", "total_timeout_s")
        if wrong := [name for name in waits if math.isnan(getattr(self, name) or 0)]:
            raise ValidationError(dict.fromkeys(wrong, "Enter a number of seconds."))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """There is one row, and this is it."""
        self.pk = 1
        super().save(*args, **kwargs)

    @classmethod
    def load(cls) -> RouterSettings:
        """The row, made with its defaults when it is not there yet."""
        return cls.objects.get_or_create(pk=1)[0]


class RoutingRule(models.Model):
    """An ordered rule: when every condition that is set holds, its logical model serves the request."""

    order = models.PositiveIntegerField(default=0, db_index=True, help_text="The first rule that matches wins.")
    name = models.CharField(
        max_length=100, unique=True, validators=[validate_name], help_text="Shown as the reason in the history."
    )
    enabled = models.BooleanField(default=True)
    model_regex = models.CharField(
        "model name matches", max_length=512, blank=True, validators=[validate_pattern],
        help_text="A pattern searched in the name the client asked for.",
    )  # fmt: skip
    prompt_regex = models.CharField(
        "prompt matches", max_length=512, blank=True, validators=[validate_pattern],
        help_text="A pattern searched in the text that started the turn, system reminders left out.",
    )  # fmt: skip
    has_image = models.BooleanField(
        null=True, blank=True, help_text="Whether the request holds an image. Unknown: does not matter."
    )
    min_input_tokens = models.PositiveIntegerField(
        null=True, blank=True, help_text="The request's estimated size in tokens is at least this."
    )
    header_name = models.CharField(
        max_length=100, blank=True, help_text="A request header, such as <code>x-claude-code-agent-id</code>."
    )
    header_equals = models.CharField(max_length=200, blank=True, help_text="The header has exactly this value.")
    header_regex = models.CharField(
        "header matches", max_length=512, blank=True, validators=[validate_pattern],
        help_text="A pattern searched in the header's value. Both empty: the header is present.",
    )  # fmt: skip
    request_kind = models.CharField(
        max_length=12, blank=True,
        choices=(("title", "session title"), ("compaction", "compaction"), ("count", "token count")),
        help_text="A kind of request that Claude Code makes beside the conversation.",
    )  # fmt: skip
    logical_model = models.ForeignKey(
        LogicalModel, on_delete=models.PROTECT, related_name="rules", help_text="Serves the request."
    )
    history = HistoricalRecords()

    class Meta:
        ordering = ("order", "pk")
        verbose_name = "routing rule"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A rule without conditions would swallow everything; a header condition needs its header."""
        conditions = (self.model_regex, self.prompt_regex, self.header_name, self.request_kind)
        if not any(conditions) and self.has_image is None and self.min_input_tokens is None:
            raise ValidationError("Set at least one condition; a rule without any would match every request.")
        if (self.header_equals or self.header_regex) and not self.header_name:
            raise ValidationError({"header_name": "Name the header whose value is compared."})
