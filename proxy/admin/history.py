"""The request history: read-only, and never counted."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html

from providers.models import Provider
from providers.unfolded import PageAdmin, TabularInline, display
from proxy.logbook import LOGBOOK
from proxy.models import AttemptLog, Instance, LogicalModel, RequestLog
from proxy.record import LOST, OPEN
from proxy.routing import RouteReason

MAX_PAGE = 10**9
"""Numbers in an address that are larger would be more than databases take as an offset."""

_SPANS = {
    "15m": ("last 15 minutes", timedelta(minutes=15)),
    "1h": ("last hour", timedelta(hours=1)),
    "24h": ("last 24 hours", timedelta(days=1)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
_COLOURS = {
    "ok": "success", "error": "danger", "interrupted": "warning", "client_gone": "info", OPEN: "info", LOST: "danger",
}  # fmt: skip


class InfinitePaginator(Paginator):  # type: ignore[type-arg]
    """Knows whether there is more after the page that is asked for, and nothing else: counting takes seconds.

    The theme shows no number of results for a paginator of this name.
    """

    template_name = "admin/history_pages.html"

    def __init__(self, rows: Any, per_page: int, asked_for: str) -> None:
        super().__init__(rows, per_page)
        try:
            number = int(asked_for)
        except ValueError:
            number = 1
        self._page = number if 1 <= number <= MAX_PAGE else 1

    @cached_property
    def count(self) -> int:
        """Rows up to the end of the page, and one when there is more; what is beyond the end has no page."""
        rows = cast(QuerySet[RequestLog], self.object_list)
        before = (self._page - 1) * self.per_page
        found = len(rows.values_list("pk")[before : before + self.per_page + 1])
        return before + found


class ConfiguredNames(admin.SimpleListFilter):
    """A filter over names from the configuration: the history itself is never scanned for them."""

    field = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The names to choose from."""
        return [(name, name) for name in self.names()]

    def names(self) -> Sequence[str]:
        """Names of the configuration."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[RequestLog]) -> QuerySet[RequestLog]:
        """Rows with the chosen name."""
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class ByProvider(ConfiguredNames):
    """Requests that a provider served."""

    title = "provider"
    parameter_name = field = "provider"

    def names(self) -> Sequence[str]:
        """All providers."""
        return list(Provider.objects.values_list("name", flat=True))


class ByModel(ConfiguredNames):
    """Requests that a logical model served."""

    title = "logical model"
    parameter_name = field = "logical_model"

    def names(self) -> Sequence[str]:
        """All logical models."""
        return list(LogicalModel.objects.values_list("name", flat=True))


class ByRoute(ConfiguredNames):
    """Requests that came by one route."""

    title = "route"
    parameter_name = field = "route"

    def names(self) -> Sequence[str]:
        """All reasons there are."""
        return [reason.value for reason in RouteReason]


class ByTime(admin.SimpleListFilter):
    """Requests of the last while."""

    title = "time"
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The spans to choose from."""
        return [(name, label) for name, (label, _) in _SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RequestLog]) -> QuerySet[RequestLog]:
        """Rows no older than the chosen span."""
        _, span = _SPANS.get(self.value() or "", ("", None))
        return queryset.filter(time__gte=timezone.now() - span) if span else queryset


def shown_cost(cost: Decimal | None, outcome: str) -> str:
    """A cost in dollars; of an answer that has no end, the least it can have been."""
    if cost is None:
        return "-"
    if 0 < cost < Decimal("0.00005"):
        return "< $0.0001"
    return f"${cost:.4f}" if outcome == "ok" or not cost else f"≥ ${cost:.4f}"


class ReadOnly:
    """Rows that nobody changes by hand."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody adds history."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody changes history."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """History is pruned by `manage.py prunelogs`."""
        return False


class AttemptInline(ReadOnly, TabularInline):
    """The upstream calls of one request, in order."""

    model = AttemptLog
    extra = 0
    fields = (
        "number", "provider", "actual_model", "key", "outcome", "status", "started_ms", "first_content_ms",
        "duration_ms", "cost", "message", "upstream_request_id",
    )  # fmt: skip
    readonly_fields = fields
    verbose_name_plural = "Attempts"

    @display(description="Cost")
    def cost(self, row: AttemptLog) -> str:
        """What this call cost."""
        return shown_cost(row.cost_usd, row.outcome)


@admin.register(RequestLog)
class RequestLogAdmin(ReadOnly, PageAdmin):
    """What became of each request."""

    list_display = (
        "when", "short_id", "shown_outcome", "shown_status", "asked_for", "served_by", "route", "tries", "tokens",
        "cost", "duration",
    )  # fmt: skip
    list_display_links = ("short_id",)
    list_filter = ("outcome", ByTime, ByRoute, ByProvider, ByModel, "stream")
    list_per_page = 50
    list_fullwidth = True
    # Only what an index sorts; and no "=": it ignores case, which no index serves.
    sortable_by = ("when", "shown_outcome")
    search_fields = ("request_id__exact", "session_id__exact")
    search_help_text = "A request id or a session id, whole."
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_max_show_all = 0
    inlines = (AttemptInline,)
    list_before_template = "admin/empty/request_log.html"
    change_form_before_template = "admin/try_again.html"
    fieldsets = (
        (None, {"fields": ("time", "request_id", "shown_outcome", "status", "error")}),
        (
            "Route",
            {"fields": ("requested_model", "route", "logical_model", "provider", "actual_model", "why")},
        ),
        (
            "Measured",
            {
                "fields": (
                    "attempts", "first_content_ms", "duration_ms", "input_tokens", "output_tokens",
                    "cache_read_tokens", "cache_write_tokens", "cost", "stop_reason",
                )
            },
        ),
        ("Client", {"fields": ("client_key", "session_id", "agent_id", "inbound_format", "operation", "stream")}),
        ("Body", {"classes": ("collapse",), "fields": ("shown_body",)}),
    )  # fmt: skip

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, str] | None = None) -> HttpResponse:
        """The list; above it, what the log could not write or had to drop."""
        return super().changelist_view(request, {**(extra_context or {}), "log_trouble": _trouble()})

    def get_queryset(self, request: HttpRequest) -> QuerySet[RequestLog]:
        """Rows without their bodies: a list needs none."""
        found: QuerySet[RequestLog] = super().get_queryset(request)
        return found.defer("body")

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Paginator:  # type: ignore[type-arg]
        """Pages without a total."""
        return InfinitePaginator(queryset, per_page, request.GET.get(PAGE_VAR, ""))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """All that is known of the request; what people wrote only for those who may read it."""
        if request.user.has_perm("proxy.view_bodies"):
            return self.fieldsets
        return tuple(part for part in self.fieldsets if part[0] != "Body")

    @display(description="Time", ordering="time")
    def when(self, row: RequestLog) -> str:
        """The time on one line, to the second."""
        local = timezone.localtime(row.time).strftime("%d %b %H:%M:%S")
        return format_html('<span class="whitespace-nowrap">{}</span>', local)

    @display(description="Request")
    def short_id(self, row: RequestLog) -> str:
        """The id's end, whole when pointed at: columns have little room, and ids of one hour begin alike."""
        return format_html('<span class="whitespace-nowrap" title="{}">…{}</span>', row.request_id, row.request_id[-8:])

    @display(description="Status")
    def shown_status(self, row: RequestLog) -> str:
        """The HTTP status the client saw; none when it saw nothing."""
        return str(row.status) if row.status else "-"

    @display(description="Asked for → logical model")
    def asked_for(self, row: RequestLog) -> str:
        """The client's name for the model, and the logical model that served it where that is another."""
        if row.logical_model in ("", row.requested_model):
            return row.requested_model or "-"
        return format_html("{}<br>→ {}", row.requested_model, row.logical_model)

    @display(description="Tries")
    def tries(self, row: RequestLog) -> int:
        """How many upstream calls it took."""
        return row.attempts

    @display(description="Outcome", ordering="outcome", label=_COLOURS)
    def shown_outcome(self, row: RequestLog) -> tuple[str, str]:
        """The outcome as a badge, in words."""
        return row.outcome, row.get_outcome_display()

    @display(description="Served by")
    def served_by(self, row: RequestLog) -> str:
        """Provider and actual model."""
        return format_html("{}/<wbr>{}", row.provider, row.actual_model) if row.provider else "-"

    @display(description="Tokens in / out")
    def tokens(self, row: RequestLog) -> str:
        """Tokens, cache included."""
        total = row.input_tokens + row.cache_read_tokens + row.cache_write_tokens
        return format_html('<span class="whitespace-nowrap">{} / {}</span>', f"{total:,}", f"{row.output_tokens:,}")

    @display(description="Cost")
    def cost(self, row: RequestLog) -> str:
        """What all its calls cost; nothing where a price is not known."""
        return format_html('<span class="whitespace-nowrap">{}</span>', shown_cost(row.cost_usd, row.outcome))

    @display(description="Took")
    def duration(self, row: RequestLog) -> str:
        """The whole request in seconds."""
        return format_html('<span class="whitespace-nowrap">{} s</span>', f"{row.duration_ms / 1000:.2f}")

    @display(description="Request body")
    def shown_body(self, row: RequestLog) -> str:
        """The captured body as plain text."""
        if not row.body:
            return "not captured (router settings, History)"
        try:
            text = zlib.decompress(bytes(row.body)).decode("utf-8", "replace")
        except zlib.error:
            return "captured, but damaged"
        return format_html('<pre class="whitespace-pre-wrap break-all">{}</pre>', text)


def _trouble() -> str:
    """What is missing from the history, in words: of this process as it is now, of the others as they last told."""
    if LOGBOOK.trouble:
        return f"The request log cannot be written at the moment: {LOGBOOK.counts()}. Traffic goes on."
    if LOGBOOK.spilled:
        return f"The request log is being brought up to date: {LOGBOOK.counts()}."
    told = Instance.objects.aggregate(rows=Sum("rows_dropped", default=0), bodies=Sum("bodies_dropped", default=0))
    if not any(told.values()):
        return ""
    return f"In the last day the log had no room for {told['rows']} rows and for the bodies of {told['bodies']} more."
