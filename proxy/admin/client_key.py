"""Client keys: shown once, when they are made or rotated; what each was used for; revoked with a click."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from providers.unfolded import ConfigAdmin, display
from proxy import key_use
from proxy.figures import money
from proxy.models import ClientKey

DAYS = 30
GRACES = {"0": "at once", "1": "for one more hour", "24": "for one more day"}
"""Hours that the old key still opens, and how people are told."""
_COLOURS = {"enabled": "success", "revoked": "danger", "expired": "warning"}


@admin.register(ClientKey)
class ClientKeyAdmin(ConfigAdmin):
    """Keys that let clients in."""

    list_display = ("name", "shown_prefix", "state", "last_request", "requests", "cost", "expires_at")
    list_filter = ("enabled",)
    search_fields = ("name", "prefix")
    list_before_template = "admin/empty/client_key.html"
    change_form_outer_before_template = "admin/client_key_use.html"
    fields = ("name", "enabled", "expires_at")
    actions = ("revoke", "enable")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """The columns; who may change keys has a way to rotate each."""
        return (*self.list_display, "rotate_link") if self.has_change_permission(request) else self.list_display

    def get_urls(self) -> list[URLPattern]:
        """The pages of a key, and the one where it is rotated."""
        rotate = path(
            "<path:object_id>/rotate/", self.admin_site.admin_view(self.rotate_view), name="proxy_clientkey_rotate"
        )
        found: list[URLPattern] = super().get_urls()
        return [rotate, *found]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list; what the keys of this page were used for is asked at once."""
        found: ChangeList = super().get_changelist_instance(request)
        _with_use(list(found.result_list))
        return found

    def save_model(self, request: HttpRequest, obj: ClientKey, form: Any, change: bool) -> None:
        """A new row gets its key, which the page that follows shows."""
        if not change:
            request.ccm_issued_key = obj.issue()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ClientKey, post_url_continue: str | None = None) -> HttpResponse:
        """The key, once: in this answer only, never in a message that waits in a cookie or a session."""
        return self._issued(request, obj, request.ccm_issued_key, "")  # type: ignore[attr-defined]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: ClientKey | None = None, **kwargs: Any
    ) -> HttpResponse:
        """The form, under what the key was used for."""
        if obj is not None:
            context["key"] = _with_use([obj])[0]
            context["use"] = obj.use  # type: ignore[attr-defined]
            context["may_rotate"] = self.has_change_permission(request, obj)
        page: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return page

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how long the old key is to work, then make a new one and show it."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        key: ClientKey | None = self.get_object(request, unquote(object_id))
        if key is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return gone
        hours = request.POST.get("grace", "")
        if request.method != "POST" or hours not in GRACES:
            return self._page(request, "admin/client_key_rotate.html", f"Rotate {key}", key=key)
        with transaction.atomic():
            locked = ClientKey.objects.select_for_update().get(pk=key.pk)
            if locked.prefix != request.POST.get("prefix"):
                # The page was sent twice, or somebody else was faster: rotating again would shut their new key.
                messages.warning(request, f"{key} has been rotated meanwhile; rotate it again if you need its key.")
                return HttpResponseRedirect(reverse("admin:proxy_clientkey_changelist"))
            secret = locked.rotate(timedelta(hours=int(hours)))
            locked.save()
        self.log_change(request, locked, f"Rotated; the old key works {GRACES[hours]}" if hours != "0" else "Rotated")
        return self._issued(request, locked, secret, GRACES[hours])

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ClientKey]) -> None:
        """Shut the chosen keys; the old ones of a rotation too."""
        self._switch(request, chosen, enabled=False)

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, chosen: QuerySet[ClientKey]) -> None:
        """Open the chosen keys again."""
        self._switch(request, chosen, enabled=True)

    @display(description="Key")
    def shown_prefix(self, key: ClientKey) -> str:
        """The part of a key that tells it from others."""
        return f"ccm_{key.prefix}_…"

    @display(description="State", label=_COLOURS)
    def state(self, key: ClientKey) -> str:
        """Whether it opens."""
        if not key.enabled:
            return "revoked"
        return "expired" if key.expires_at is not None and key.expires_at <= timezone.now() else "enabled"

    @display(description="Last request")
    def last_request(self, key: ClientKey) -> str:
        """When its last finished request for messages began."""
        latest = key.use.last  # type: ignore[attr-defined]
        return timezone.localtime(latest).strftime("%d %b %Y %H:%M") if latest else "never"

    @display(description=f"Requests, {DAYS} days")
    def requests(self, key: ClientKey) -> str:
        """How many requests for messages it made."""
        return f"{key.use.requests:,}"  # type: ignore[attr-defined]

    @display(description=f"Cost, {DAYS} days")
    def cost(self, key: ClientKey) -> str:
        """What they cost, as far as prices are known."""
        use = key.use  # type: ignore[attr-defined]
        return money(use.cost_usd, use.cost_unknown)

    @display(description="")
    def rotate_link(self, key: ClientKey) -> str:
        """The way to a new key for the same row."""
        return format_html(
            '<a class="underline" href="{}">Rotate</a>', reverse("admin:proxy_clientkey_rotate", args=(key.pk,))
        )

    def _switch(self, request: HttpRequest, chosen: QuerySet[ClientKey], *, enabled: bool) -> None:
        rows = [row for row in chosen if row.enabled != enabled]
        for row in rows:  # one by one, so that each has its line in the history of changes
            row.enabled = enabled
            row.save()
        verb = "Enabled" if enabled else "Revoked"
        names = ", ".join(row.name for row in rows[:10]) or "nothing, they were so before"
        self.message_user(request, f"{verb}: {names}. Servers know within a second.", messages.SUCCESS)

    def _issued(self, request: HttpRequest, key: ClientKey, secret: str, old_works: str) -> HttpResponse:
        address = request.build_absolute_uri("/").rstrip("/")
        exports = f"export ANTHROPIC_BASE_URL={address}\nexport ANTHROPIC_AUTH_TOKEN={secret}"
        template = "admin/client_key_issued.html"
        page = self._page(request, template, f"The key of {key}", key=key, exports=exports, old_works=old_works)
        page["cache-control"] = "no-store"
        return page

    def _page(self, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
        frame = {**self.admin_site.each_context(request), "title": title, "subtitle": None, "opts": self.opts}
        return TemplateResponse(request, template, frame | context)


def _with_use(keys: list[ClientKey]) -> list[ClientKey]:
    """The keys, each with what it was used for."""
    names = [key.name for key in keys]
    recent = key_use.of(names, timezone.now() - timedelta(days=DAYS))
    last = key_use.last_of(name for name in names if name not in recent)
    for key in keys:
        use = recent.get(key.name, key_use.KeyUse(last=last.get(key.name)))
        key.use = use  # type: ignore[attr-defined]
    return keys
