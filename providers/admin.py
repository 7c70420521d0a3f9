"""The pages of providers. Keys go in and never come out."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from providers.checking import LIST_HINTS, CheckResult, check_rows, fetch_models, target_of
from providers.errors import UpstreamFailure, in_words
from providers.models import Credential, Provider
from providers.oauth.admin import OAuthClientAdmin
from providers.secret_form import SecretForm, secret_field
from providers.unfolded import ConfigAdmin, TabularInline, display

__all__ = ["CredentialInline", "OAuthClientAdmin", "ProviderAdmin"]

CHECK_S = 15.0
"""Seconds that somebody waits at a page for one call to a provider."""


class CredentialForm(SecretForm):
    """A credential whose secret can be set and never read."""

    secret = secret_field("API key", "Stored encrypted; only its last four characters are ever shown.")

    class Meta:
        model = Credential
        fields = ("label", "secret", "enabled")

    def clean(self) -> dict[str, Any]:
        """A new credential needs its secret, and any secret must be one that can be sealed."""
        given = self.cleaned_data.get("secret")
        cleaned = super().clean()
        if not given and not self.instance.pk and not cleaned.get("DELETE"):
            self.add_error("secret", "Enter the API key.")
        return cleaned


class CredentialInline(TabularInline):
    """The keys of one provider."""

    model = Credential
    form = CredentialForm
    extra = 0
    fields = ("label", "secret", "ends_in", "enabled", "updated_at")
    readonly_fields = ("ends_in", "updated_at")
    verbose_name = "API key"
    verbose_name_plural = "API keys"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        """The keys; accounts have a place of their own."""
        found: QuerySet[Credential] = super().get_queryset(request)
        return found.filter(kind=Credential.API_KEY)

    @display(description="Stored")
    def ends_in(self, credential: Credential) -> str:
        """What may be shown of a key."""
        return f"…{credential.last4}" if credential.last4 else ("set" if credential.pk else "-")


class AccountInline(TabularInline):
    """The accounts of one provider: what they are called and whether they are used. The rest is done at their list."""

    model = Credential
    extra = max_num = 0
    can_delete = False
    fields = ("label", "enabled")
    verbose_name = "account"
    verbose_name_plural = "Accounts: name and use"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        """The accounts."""
        found: QuerySet[Credential] = super().get_queryset(request)
        return found.filter(kind=Credential.OAUTH)


_MORE = ("max_concurrency", "headers", "models_offered", "project_id", "location")


@admin.register(Provider)
class ProviderAdmin(ConfigAdmin):
    """Providers: where requests can go."""

    list_display: tuple[str, ...] = ("name", "vendor", "enabled", "keys")
    list_filter: tuple[str, ...] = ("enabled",)
    search_fields = ("name",)
    inlines = (CredentialInline,)
    actions: tuple[str, ...] = ("test_connections", "start_drill")
    change_form_outer_before_template = "admin/provider_checks.html"
    list_before_template = "admin/empty/provider.html"
    fieldsets = (
        (None, {"fields": ("name", "preset", "enabled")}),
        ("Address", {"fields": ("base_url",)}),
        (
            "Timeouts",
            {
                "classes": ("collapse",),
                "fields": ("connect_timeout_s", "first_content_timeout_s", "idle_timeout_s"),
                "description": "Each overrides the router settings' for this provider; a mapping's own overrides both.",
            },
        ),
        ("More", {"classes": ("collapse",), "fields": _MORE}),
    )

    def get_inlines(self, request: HttpRequest, obj: Provider | None) -> tuple[type[TabularInline], ...]:
        """The keys, and the accounts where there are any: they come by signing in only."""
        accounts = obj is not None and obj.credentials.filter(kind=Credential.OAUTH).exists()
        return (CredentialInline, AccountInline) if accounts else (CredentialInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        """Providers with what the list shows of them."""
        found: QuerySet[Provider] = super().get_queryset(request)
        return found.prefetch_related("credentials")

    @display(description="Vendor", ordering="preset")
    def vendor(self, provider: Provider) -> str:
        """The preset's name for people."""
        return provider.preset_row.label if provider.preset_row else provider.preset

    @display(description="Keys and accounts")
    def keys(self, provider: Provider) -> str:
        """What may be shown of its keys and accounts."""
        shown = [_shown(credential) for credential in provider.credentials.all() if credential.enabled]
        return ", ".join(shown) or "none"

    def get_urls(self) -> list[URLPattern]:
        """The pages of a provider, and what its buttons post to."""
        test = path("<path:object_id>/test/", self.admin_site.admin_view(self.test_view), name="provider_test")
        fetch = path("<path:object_id>/models/", self.admin_site.admin_view(self.fetch_view), name="provider_models")
        found: list[URLPattern] = super().get_urls()
        return [test, fetch, *found]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Provider | None = None, **kwargs: Any
    ) -> HttpResponse:
        """The page of one provider, with the buttons that call it for those who may change it."""
        context["can_be_checked"] = obj is not None and self.has_change_permission(request, obj)
        page: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return page

    @admin.action(description="Test connection", permissions=["change"])
    def test_connections(self, request: HttpRequest, chosen: QuerySet[Provider]) -> None:
        """Call each chosen provider, enabled or not."""
        self._tell(request, check_rows(list(chosen), seconds=CHECK_S))

    def has_drill_permission(self, request: HttpRequest) -> bool:
        """Who may add drills may start one from here."""
        return request.user.has_perm("proxy.add_drill")

    @admin.action(description="Start a drill…", permissions=["drill"])
    def start_drill(self, request: HttpRequest, chosen: QuerySet[Provider]) -> HttpResponse | None:
        """Go to the form for a drill of the chosen provider."""
        rows = list(chosen[:2])
        if len(rows) == 1:
            return HttpResponseRedirect(f"{reverse('admin:proxy_drill_add')}?provider={rows[0].pk}")
        self.message_user(request, "A drill breaks one provider: choose one.", messages.WARNING)
        return None

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Call the provider as it is saved and tell how it went."""
        row = self._asked_for(request, object_id)
        if isinstance(row, Provider):
            self._tell(request, check_rows([row], seconds=CHECK_S))
            return _back_to(row)
        return row

    def fetch_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Keep the models the provider lists, as choices for mappings."""
        row = self._asked_for(request, object_id)
        if isinstance(row, Provider):
            self._fetch(request, row)
            return _back_to(row)
        return row

    def _asked_for(self, request: HttpRequest, object_id: str) -> Provider | HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row: Provider | None = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        if row is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return gone
        return row

    def _fetch(self, request: HttpRequest, row: Provider) -> None:
        target = target_of(row)
        if target is None:
            self.message_user(request, f"The preset {row.preset} is not known: choose another.", messages.ERROR)
            return
        try:
            names = fetch_models(target, CHECK_S)
        except UpstreamFailure as error:
            failure = error.failure
            words = f"{row.name} gave no list of models: {_sentence(failure.message)} {LIST_HINTS[failure.kind]}"
            self.message_user(request, words, messages.ERROR)
            return
        # Not saved: nothing of the configuration has changed.
        Provider.objects.filter(pk=row.pk).update(models_listed=list(names))
        level = messages.SUCCESS if names else messages.WARNING
        self.message_user(request, f"{row.name} lists {_counted(len(names))}: mappings offer them.", level)

    def _tell(self, request: HttpRequest, results: list[CheckResult]) -> None:
        for result in results:
            level = messages.SUCCESS if result.ok else messages.ERROR
            self.message_user(request, _told(result), level)


def _back_to(row: Provider) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:providers_provider_change", args=(row.pk,)))


def _shown(credential: Credential) -> str:
    if credential.is_account:
        return credential.label
    return f"…{credential.last4}" if credential.last4 else "set"


def _counted(number: int) -> str:
    return f"{number} model{'' if number == 1 else 's'}"


def _told(result: CheckResult) -> str:
    """One line of how a provider answered."""
    status = f"{result.status} " if result.status else ""
    asked = f"{result.model} " if result.model else ""
    if result.ok:
        listed = f", {_counted(len(result.models))} listed" if result.models else ""
        return f"{result.provider}: {asked}answered {status}in {result.latency_ms} ms{listed}."
    kind = in_words(result.outcome)
    took = f" after {result.latency_ms} ms" if result.latency_ms else ""
    return f"{result.provider}: {asked}failed, {status}{kind}{took}: {_sentence(result.message)} {result.hint}"


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."
