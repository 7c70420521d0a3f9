"""Drills: start one, watch it, stop it, read its report. A drill is never changed: it is stopped, and another begun."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from providers.models import Provider
from providers.unfolded import NumberWidget, PageAdmin, display
from proxy.drill_report import report_of, told
from proxy.models import Drill
from proxy.models.drill import MAX_MINUTES, warning

_COLOURS = {"running": "warning", "over": "info", "stopped": "info"}


class DrillForm(forms.ModelForm):  # type: ignore[type-arg]
    """A drill to be started: whom, whose requests, how, and for how long."""

    minutes = forms.IntegerField(
        initial=10,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_MINUTES)],
        widget=NumberWidget(attrs={"min": 1, "max": MAX_MINUTES}),
        help_text=f"It begins when it is saved and ends by itself after so long, {MAX_MINUTES} at most.",
    )

    class Meta:
        model = Drill
        fields = ("provider", "client_key", "fault", "cut_after")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "client_key" in self.fields:  # not where the row is only shown
            self.fields["client_key"].empty_label = "requests without a key"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The drill begins now; the row's own rules look at its times."""
        cleaned: dict[str, Any] = super().clean() or {}
        self.instance.run_for(timedelta(minutes=cleaned.get("minutes") or 1))
        return cleaned


@admin.register(Drill)
class DrillAdmin(PageAdmin):
    """Drills, running and over."""

    form = DrillForm
    list_display = ("number", "provider", "shown_key", "shown_fault", "shown_state", "when", "ends", "by")
    list_display_links = ("number",)
    list_filter = ("provider",)
    list_select_related = ("provider", "client_key")
    list_before_template = "admin/empty/drill.html"
    change_form_outer_before_template = "admin/drill_report.html"
    actions = ("stop",)
    fields = ("provider", "client_key", "fault", "cut_after", "minutes")

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """A drill is stopped, not changed."""
        return False

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Who may change drills may stop one."""
        return request.user.has_perm("proxy.change_drill")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """The columns; who may stop drills has a button in each row that runs."""
        return (*self.list_display, "stop_button") if self.has_stop_permission(request) else self.list_display

    def get_fields(self, request: HttpRequest, obj: Drill | None = None) -> tuple[str, ...]:
        """The form of a new drill; of one that was started, what it is."""
        if obj is None:
            return self.fields
        return self.list_display[1:]

    def get_readonly_fields(self, request: HttpRequest, obj: Drill | None = None) -> tuple[str, ...]:
        """All of a drill that was started."""
        return () if obj is None else self.get_fields(request, obj)

    def get_urls(self) -> list[URLPattern]:
        """The pages of a drill, and what its button posts to."""
        stop = path("<path:object_id>/stop/", self.admin_site.admin_view(self.stop_view), name="proxy_drill_stop")
        found: list[URLPattern] = super().get_urls()
        return [stop, *found]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        """The form; for a provider that nobody could replace it warns before anything is broken."""
        chosen = request.GET.get("provider", "")
        if request.method == "GET" and chosen.isdecimal():
            row = Provider.objects.filter(pk=int(chosen[:9])).first()
            if row is not None and (words := warning(row)):
                self.message_user(request, words, messages.WARNING)
        return super().add_view(request, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Drill, form: Any, change: bool) -> None:
        """It begins now, and it is known who began it."""
        obj.started_by = request.user.get_username()[:150]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Drill, post_url_continue: str | None = None) -> HttpResponse:
        """To the page of the drill, where its report grows."""
        self.message_user(request, f"Started: {obj}. Servers know within a second.", messages.SUCCESS)
        if words := warning(obj.provider):
            self.message_user(request, words, messages.WARNING)
        return _page_of(obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Drill | None = None, **kwargs: Any
    ) -> HttpResponse:
        """The page of one drill, with its report so far and the button that stops it."""
        if obj is not None:
            context["report"] = told(report_of(obj))
            context["can_be_stopped"] = obj.runs and self.has_stop_permission(request)
        page: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return page

    @admin.action(description="Stop", permissions=["stop"])
    def stop(self, request: HttpRequest, chosen: QuerySet[Drill]) -> None:
        """Stop the chosen drills that run."""
        running = [row for row in chosen if row.runs]
        for row in running:
            row.stop()
        count = f"{len(running)} drill{'' if len(running) == 1 else 's'}"
        self.message_user(request, f"Stopped: {count}. Servers know within a second.", messages.SUCCESS)

    def stop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Stop one drill."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_stop_permission(request):
            raise PermissionDenied
        row: Drill | None = self.get_object(request, unquote(object_id))
        if row is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return gone
        if row.runs:
            row.stop()
            self.message_user(request, f"Stopped: {row}. Servers know within a second.", messages.SUCCESS)
        else:
            self.message_user(request, f"{row} ended before.", messages.WARNING)
        return _page_of(row)

    @display(description="Drill", ordering="pk")
    def number(self, row: Drill) -> str:
        """Its number, as the history and the command name it."""
        return f"Drill {row.pk}"

    @display(description="Requests of")
    def shown_key(self, row: Drill) -> str:
        """The client key, or that there is none."""
        return row.told_key

    @display(description="Fault")
    def shown_fault(self, row: Drill) -> str:
        """What is done to them."""
        return row.told_fault if row.fault == "cut" else row.get_fault_display()

    @display(description="State", label=_COLOURS)
    def shown_state(self, row: Drill) -> str:
        """Running, stopped or over."""
        return row.state

    @display(description="Started", ordering="started_at")
    def when(self, row: Drill) -> str:
        """When it began."""
        return timezone.localtime(row.started_at).strftime("%d %b %H:%M:%S")

    @display(description="Ends", ordering="ends_at")
    def ends(self, row: Drill) -> str:
        """When it ended, or will."""
        return timezone.localtime(row.ended_at).strftime("%d %b %H:%M:%S")

    @display(description="Started by")
    def by(self, row: Drill) -> str:
        """Who began it."""
        return row.started_by or "-"

    @display(description="")
    def stop_button(self, row: Drill) -> str:
        """A button that stops a running drill: it sends the list's own form to another address."""
        if not row.runs:
            return ""
        return format_html(
            '<button type="submit" formmethod="post" formaction="{}" class="underline cursor-pointer">Stop</button>',
            reverse("admin:proxy_drill_stop", args=(row.pk,)),
        )


def _page_of(row: Drill) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:proxy_drill_change", args=(row.pk,)))
