"""The request history: read-only, and never counted."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet, Sum
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode

from providers.unfolded import PageAdmin, display
from proxy.admin.history_export import as_csv, as_jsonl, body_text, streamed
from proxy.admin.history_filters import FILTERS
from proxy.admin.history_list import NEWEST_FIRST, HistoryChangeList, InfinitePaginator
from proxy.admin.request_view import TONES, ending, facts, failed_over, pretty, shown_cost, timeline, why_parts
from proxy.figures import seconds
from proxy.logbook import LOGBOOK
from proxy.models import Instance, RequestLog
from proxy.record import LOST, OPEN

log = logging.getLogger("proxy.admin")

_COLOURS = {
    "ok": "success", "failed over": "warning", "error": "danger", LOST: "danger", "interrupted": "warning",
    "client_gone": "info", OPEN: "info",
}  # fmt: skip


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


@admin.register(RequestLog)
class RequestLogAdmin(ReadOnly, PageAdmin):
    """What became of each request."""

    list_display = (
        "when", "shown_outcome", "asked_for", "served_by", "route", "tries", "tokens", "cost", "duration",
    )  # fmt: skip
    # The first column: on a phone the theme calls one without a link “Select record”.
    list_display_links = ("when",)
    list_filter = FILTERS
    ordering = NEWEST_FIRST
    list_per_page = 50
    list_fullwidth = True
    sortable_by = ("when",)  # only what an index sorts
    search_fields = ("request_id", "session_id")
    search_help_text = "A request id or a session id, whole."
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_max_show_all = 0
    list_before_template = "admin/history_filters.html"
    change_form_template = "admin/request.html"
    fields = ("request_id",)

    def get_urls(self) -> list[URLPattern]:
        """The list, its exports, the page of a request and its captured text."""

        def page(where: str, view: Any, name: str) -> URLPattern:
            guarded: Any = self.admin_site.admin_view(view)
            made: URLPattern = path(where, guarded, name=f"proxy_requestlog_{name}")
            return made

        own = [
            page("export.csv", partial(self.export_view, kind="csv"), "export_csv"),
            page("export.jsonl", partial(self.export_view, kind="jsonl"), "export_jsonl"),
            page("<path:object_id>/body.txt", self.body_view, "body"),
        ]
        found: list[URLPattern] = super().get_urls()
        return [*own, *found]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list; above it, what the log could not write or had to drop, and the filters."""
        shown = {one.parameter_name for one in FILTERS if request.GET.get(str(one.parameter_name))}
        chosen = request.GET.copy()
        chosen.pop(PAGE_VAR, None)
        context: dict[str, Any] = {
            "log_trouble": _trouble(),
            "active_filters": len(shown),
            "time_zone": settings.TIME_ZONE,
            "export_query": f"?{chosen.urlencode()}" if chosen else "",
            "may_export_bodies": request.user.has_perm("proxy.view_bodies"),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page of one request; who knows it by its request id is led there, or to a search while it has no row."""
        if not object_id.startswith("req_") or not self.has_view_permission(request):
            answer: HttpResponse = super().change_view(request, object_id, *args, **kwargs)
            return answer
        found = None if "\0" in object_id else RequestLog.objects.filter(request_id=object_id).only("pk").first()
        if found is None:
            return HttpResponseRedirect(f"{reverse('admin:proxy_requestlog_changelist')}?{urlencode({'q': object_id})}")
        return HttpResponseRedirect(reverse("admin:proxy_requestlog_change", args=[found.pk]))

    def get_queryset(self, request: HttpRequest) -> QuerySet[RequestLog]:
        """Rows without their bodies: a list needs none."""
        found: QuerySet[RequestLog] = super().get_queryset(request)
        return found.defer("body")

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Paginator:  # type: ignore[type-arg]
        """Pages without a total."""
        return InfinitePaginator(queryset, per_page, request.GET.get(PAGE_VAR, ""))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[HistoryChangeList]:
        """Our own list."""
        return HistoryChangeList

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Rows of a request id or a session id, whole and in its own case: that is what an index finds."""
        term = search_term.strip()
        return (queryset.filter(Q(request_id=term) | Q(session_id=term)) if term else queryset), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """The filters alone: any other column in the address would be looked for in every row."""
        return lookup in {one.parameter_name for one in FILTERS}

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """What the list shows with the same address, as a file, written while it is read."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        address = request.GET.copy()
        bodies = kind == "jsonl" and bool(address.pop("bodies", None))
        if bodies and not request.user.has_perm("proxy.view_bodies"):
            raise PermissionDenied
        if any("\0" in value for _, values in address.lists() for value in values):
            return HttpResponseBadRequest("a filter holds a NUL character", content_type="text/plain")
        request.GET = address  # type: ignore[assignment]
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseBadRequest("a filter has a value it cannot have", content_type="text/plain")
        pieces: Iterator[bytes] = as_csv(rows) if kind == "csv" else as_jsonl(rows, bodies=bodies)
        told = f"{request.user.get_username()}: the history as {kind}{' with captured text' if bodies else ''}"
        log.info("export begins, %s, filters %r", told, address.urlencode())
        answer = StreamingHttpResponse(
            streamed(pieces, lambda sent: log.info("export ended, %s, %d bytes", told, sent)),
            content_type="text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson",
        )
        stamp = timezone.localtime().strftime("%Y%m%d-%H%M%S")
        answer["content-disposition"] = f'attachment; filename="requests-{stamp}.{kind}"'
        answer["x-content-type-options"] = "nosniff"
        answer["cache-control"] = "no-store"
        return answer

    def body_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The whole captured text of a request, as a file. Raises Http404 when there is none."""
        if not (self.has_view_permission(request) and request.user.has_perm("proxy.view_bodies")):
            raise PermissionDenied
        row: RequestLog | None = self.get_object(request, unquote(object_id))
        try:
            text = body_text(row.body) if row else None
        except zlib.error:
            text = None
        if row is None or text is None:
            raise Http404("nothing was captured of this request")
        headers = {
            "content-disposition": f'attachment; filename="{row.request_id}.txt"', "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }  # fmt: skip
        return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: RequestLog | None = None, **kwargs: Any
    ) -> HttpResponse:
        """The page of one request."""
        if obj is not None:
            context |= self._told(request, obj)
        page: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return page

    def _told(self, request: HttpRequest, row: RequestLog) -> dict[str, Any]:
        may_read = request.user.has_perm("proxy.view_bodies")
        may_send = request.user.has_perm("proxy.use_console")
        may_preview = request.user.has_perm("proxy.view_logicalmodel")
        return {
            "row": row,
            "tone": "warn" if failed_over(row) else TONES.get(row.outcome, "bad"),
            "outcome": "failed over" if failed_over(row) else row.get_outcome_display(),
            "ending": ending(row),
            "timeline": timeline(row, list(row.attempt_rows.order_by("number"))),
            "why": why_parts(row.why),
            "facts": facts(row),
            "may_read": may_read,
            "preview": may_preview and f"{reverse('pages:preview')}?request={row.request_id}",
            "console": f"{reverse('pages:console')}?request={row.request_id}" if may_send else "",
            "replay": reverse("pages:replay", args=[row.pk]) if may_send and may_read else "",
            **(_captured(row) if may_read else {}),
        }

    @display(description="Time", ordering="time")
    def when(self, row: RequestLog) -> str:
        """The time to the second, and the id's end, whole when pointed at: ids of one hour begin alike."""
        local = timezone.localtime(row.time).strftime("%d %b %H:%M:%S")
        told = '<span class="whitespace-nowrap" title="{}">{}<br><small>…{}</small></span>'
        return format_html(told, row.request_id, local, row.request_id[-8:])

    @display(description="Asked for")
    def asked_for(self, row: RequestLog) -> str:
        """The client's name for the model, and the logical model that served it where that is another."""
        if row.logical_model in ("", row.requested_model):
            return row.requested_model or "-"
        return format_html("{}<br>→ {}", row.requested_model, row.logical_model)

    @display(description="Tries")
    def tries(self, row: RequestLog) -> int:
        """How many upstream calls it took."""
        return row.attempts

    @display(description="Outcome", label=_COLOURS)
    def shown_outcome(self, row: RequestLog) -> tuple[str, str]:
        """The outcome as a badge, in words, with the HTTP status the client saw where that is not 200."""
        if failed_over(row):
            return "failed over", "failed over"
        told = row.get_outcome_display()
        return row.outcome, f"{told} {row.status}" if row.status not in (0, 200) else told

    @display(description="Served by")
    def served_by(self, row: RequestLog) -> str:
        """Provider and actual model."""
        return format_html("{}/<br>{}", row.provider, row.actual_model) if row.provider else "-"

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
        """The whole request."""
        return format_html('<span class="whitespace-nowrap">{}</span>', seconds(row.duration_ms))


def _captured(row: RequestLog) -> dict[str, Any]:
    """The captured text for the page, or why there is none."""
    try:
        text = body_text(row.body)
    except zlib.error:
        return {"no_body": "The text was captured, but it is damaged and cannot be read."}
    if text is None:
        return {"no_body": "The text was not captured. The router settings (History) say of which requests it is."}
    shown, whole = pretty(text)
    return {"body": shown, "body_whole": whole, "body_characters": f"{len(text):,}"}


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
