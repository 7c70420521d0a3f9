"""The pages of providers as the proxy sees them: with their health, where they are used and what they did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from providers.admin import ProviderAdmin
from providers.cloning import clone
from providers.models import Provider
from providers.unfolded import display
from proxy.admin.in_use import uses_of_providers
from proxy.health_words import Held
from proxy.models import HealthState
from proxy.provider_state import last_error_of, state_of

admin.site.unregister(Provider)

_TONES = {"ok": "success", "off": "info", "info": "info", "warn": "warning", "bad": "danger"}


@admin.register(Provider)
class WatchedProviderAdmin(ProviderAdmin):
    """Providers, with what the proxy knows of them."""

    list_display = ("name", "vendor", "enabled", "used_by", "keys")
    list_filter = ("enabled", "preset")
    actions = (*ProviderAdmin.actions, "enable", "disable", "clone")
    change_form_outer_before_template = "admin/provider_top.html"
    change_form_before_template = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        """Providers with what the list shows of them."""
        found: QuerySet[Provider] = super().get_queryset(request)
        counted = Count("mappings__logical_model", distinct=True)
        return found.annotate(model_count=counted).prefetch_related("credentials__oauth")

    def get_list_display(self, request: HttpRequest) -> list[str | Callable[[Provider], Any]]:
        """The columns; what is held against the providers is read once for all of them."""
        held, now = Held(), timezone.now()

        @display(description="Health", label=_TONES)
        def health(provider: Provider) -> tuple[str, str]:
            state = state_of(provider, held.of(provider.name), now)
            return state.tone, state.words

        @display(description="Last error", empty_value="–")
        def last_error(provider: Provider) -> str | None:
            return last_error_of(held.of(provider.name)) or None

        return ["name", "vendor", "enabled", health, "used_by", "keys", last_error]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What a deletion takes with it; who uses a provider stands in its way, by name."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        uses = uses_of_providers(objs)
        return deleted, counts, set() if uses else lacking, uses or protected

    @display(description="Used by", ordering="model_count")
    def used_by(self, provider: Any) -> str:
        """How many logical models it serves, and the way to them."""
        number = provider.model_count
        if not number:
            return "nothing yet"
        models = f"{reverse('admin:proxy_logicalmodel_changelist')}?mappings__provider__id__exact={provider.pk}"
        words = f"{number} logical model{'' if number == 1 else 's'}"
        return format_html('<a class="underline whitespace-nowrap" href="{}">{}</a>', models, words)

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, chosen: QuerySet[Provider]) -> None:
        """Switch the chosen ones on."""
        self._switch(request, chosen, True)

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, chosen: QuerySet[Provider]) -> None:
        """Switch the chosen ones off: every mapping skips them."""
        self._switch(request, chosen, False)

    def _switch(self, request: HttpRequest, chosen: QuerySet[Provider], on: bool) -> None:
        # One by one: each is a change in its history.
        rows = [row for row in chosen if row.enabled != on]
        for row in rows:
            row.enabled = on
            row.save()
        told = ", ".join(row.name for row in rows) or "nothing, all were already"
        self.message_user(request, f"Switched {'on' if on else 'off'}: {told}.", messages.SUCCESS)

    @admin.action(description="Clone", permissions=["add"])
    def clone(self, request: HttpRequest, chosen: QuerySet[Provider]) -> None:
        """Copy the chosen ones, without what opens them."""
        for row in list(chosen):
            made = clone(row)
            words = '<a class="underline" href="{}">{}</a> has everything of {} but its keys: enter one and enable it.'
            page = reverse("admin:providers_provider_change", args=(made.pk,))
            self.message_user(request, format_html(words, page, made.name, row.name), messages.SUCCESS)

    def get_urls(self) -> list[URLPattern]:
        """One button more: forgive it everything."""
        reset = path("<path:object_id>/reset/", self.admin_site.admin_view(self.reset_view), name="provider_reset")
        return [reset, *super().get_urls()]

    def reset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Forget what is held against a provider: its models and keys are tried again at once."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("proxy.delete_healthstate"):
            raise PermissionDenied
        row: Provider | None = self.get_object(request, unquote(object_id))
        if row is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return gone
        count, _ = HealthState.objects.filter(provider=row.name).delete()
        forgotten = f"{count} cooldown{'' if count == 1 else 's'} forgotten"
        words = f"{row.name} is tried again: {forgotten}. All processes know within seconds."
        self.message_user(request, words, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:providers_provider_change", args=(row.pk,)))
