"""Setting up a provider in five steps: vendor, connection, test, models, done. What is not finished stays switched off.

All that one step tells the next is in the provider's row and in the address, so that each can be left and come back to.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse

from providers.models import Provider
from providers.presets import KEY_PAGES, PRESETS
from proxy.account_list import SIGN_IN
from proxy.models import ClientKey, LogicalModel, RouterSettings
from proxy.pages.base import Page
from proxy.provider_state import KEY_OR_SIGN_IN, lack_of
from proxy.setup import cards, told
from proxy.setup.chain import ChainForm, offered, switch_on
from proxy.setup.client_lines import export_lines
from proxy.setup.forms import LOCATIONS, ProviderForm, free_name
from proxy.setup.trial import fetched, tried

STEPS = ("Vendor", "Connection", "Test", "Models", "Done")


class _Step(Page):
    """A page of the set-up, for one provider or for a new one."""

    title = "Set up a provider"
    permission = "providers.change_provider"
    number: int

    def step(self, request: HttpRequest, row: Provider | None, **context: Any) -> HttpResponse:
        """The page, with the way through the steps."""
        pages = ("setup-test", "setup-test", "setup-models", "setup-done")
        links = [address("setup", None), *(address(page, row) if row else "" for page in pages)]
        if row:
            links[1] += "#setup-correct"  # a made provider's connection is set right where it is tested
        steps = [
            {"name": name, "url": link, "now": at == self.number}
            for at, (name, link) in enumerate(zip(STEPS, links, strict=True), start=1)
        ]
        return self.shown(request, steps=steps, provider=row, preset=row.preset_row if row else None, **context)


class SetupPage(_Step):
    """Step 1: the presets to choose from. With ?preset=NAME step 2: the form of that one."""

    template_name = "admin/pages/setup.html"
    permission = "providers.add_provider"
    number = 1

    def get(self, request: HttpRequest) -> HttpResponse:
        """The cards; or the form, with a name suggested."""
        preset = PRESETS.get(request.GET.get("preset", ""))
        if preset is None:
            search = request.GET.get("q", "")
            return self.step(request, None, groups=cards.card_groups(search), search=search)
        return self._form(request, ProviderForm(preset, initial={"name": free_name(preset.name)}))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Store the provider, test it, and go on to the page that tells how it went."""
        preset = PRESETS.get(request.GET.get("preset", ""))
        if preset is None:
            return HttpResponseRedirect(reverse("pages:setup"))
        _need(request, "providers.add_credential")
        form = ProviderForm(preset, request.POST)
        if not form.is_valid():
            return self._form(request, form)
        row = form.save()
        if not lack_of(row):  # where somebody has to sign in first there is nothing to test yet
            told.remember(request.session, row, tried(row))
        return _to("setup-test", row)

    def _form(self, request: HttpRequest, form: ProviderForm) -> HttpResponse:
        self.number = 2
        preset = form.preset
        return self.step(request, None, form=form, chosen=preset, needs=cards.needs(preset), **_for_form(form))


class SetupTestPage(_Step):
    """Step 3: one real call, and the place to set right what it finds."""

    template_name = "admin/pages/setup_test.html"
    number = 3

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page before a call, or after the last one: results are no answer to a form, so that Back works."""
        row = _provider(request)
        return self._page(request, row) if row else _back()

    def post(self, request: HttpRequest) -> HttpResponse:
        """Call it; with do=correct, store what was corrected first."""
        row = _provider(request)
        if row is None or row.preset_row is None:
            return _back()
        model = request.POST.get("model", "").strip()
        if request.POST.get("do") == "correct":
            _need(request, "providers.add_credential", "providers.change_credential")
            form = ProviderForm(row.preset_row, request.POST, instance=row)
            if not form.is_valid():
                return self._page(request, Provider.objects.get(pk=row.pk), form)
            row = form.save()
        told.remember(request.session, row, tried(row, model), model)
        return _to("setup-test", row)

    def _page(self, request: HttpRequest, row: Provider, form: ProviderForm | None = None) -> HttpResponse:
        preset = row.preset_row
        if preset is None:
            return HttpResponseRedirect(reverse("admin:providers_provider_change", args=(row.pk,)))
        form = form or ProviderForm(preset, instance=row)
        return self.step(
            request, row, last=told.last(request.session, row), form=form,
            sign_in=lack_of(row) in (SIGN_IN, KEY_OR_SIGN_IN), models=offered(row), **_for_form(form),
        )  # fmt: skip


class SetupModelsPage(_Step):
    """Step 4: models of the provider, and the logical model they serve."""

    template_name = "admin/pages/setup_models.html"
    number = 4

    def get(self, request: HttpRequest) -> HttpResponse:
        """The models that are known."""
        row = _provider(request)
        return self._page(request, row) if row else _back()

    def post(self, request: HttpRequest) -> HttpResponse:
        """do=fetch asks for the list, do=skip only switches the provider on, anything else stores the choice."""
        row = _provider(request)
        if row is None:
            return _back()
        do = request.POST.get("do", "")
        if do == "fetch":
            problem = fetched(row)
            return self._page(request, row, problem=problem) if problem else _to("setup-models", row)
        if do == "skip":
            switch_on(row)
            return _to("setup-done", row)
        _need(request, "proxy.add_logicalmodel", "proxy.change_logicalmodel", "proxy.add_modelmapping")
        form = self._form(request, row, request.POST)
        return _to("setup-done", row, model=form.save().pk) if form.is_valid() else self._page(request, row, form)

    def _form(self, request: HttpRequest, row: Provider, posted: Any = None) -> ChainForm:
        return ChainForm(row, posted, may_route=request.user.has_perm("proxy.change_routersettings"))

    def _page(
        self, request: HttpRequest, row: Provider, form: ChainForm | None = None, problem: str = ""
    ) -> HttpResponse:
        form = form or self._form(request, row)
        search = request.GET.get("q", "")
        ticked = form.chosen()
        names = [name for name in offered(row) if search.lower() in name.lower() or name in ticked]
        others = list(LogicalModel.objects.order_by("name"))
        return self.step(
            request, row, form=form, names=names, ticked=ticked, search=search, problem=problem, others=others,
            total=len(offered(row)), bound=form.data,
        )  # fmt: skip


class SetupDonePage(_Step):
    """Step 5: what was made, and how to try it."""

    template_name = "admin/pages/setup_done.html"
    number = 5

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page."""
        row = _provider(request)
        if row is None:
            return _back()
        asked = request.GET.get("model", "")
        model = LogicalModel.objects.filter(pk=int(asked)).first() if _is_id(asked) else None
        return self.step(
            request, row, model=model, is_default=bool(model and RouterSettings.load().default_id == model.pk),
            lines=export_lines(request.build_absolute_uri("/").rstrip("/"), model), console=_console(model),
            keys=ClientKey.objects.filter(enabled=True).exists(),
        )  # fmt: skip


def address(name: str, row: Provider | None, **more: Any) -> str:
    """The address of a step for a provider."""
    asked = ({"provider": row.pk} if row and name != "setup" else {}) | more
    return reverse(f"pages:{name}") + (f"?{urlencode(asked)}" if asked else "")


def _to(name: str, row: Provider, **more: Any) -> HttpResponse:
    return HttpResponseRedirect(address(name, row, **more))


def _back() -> HttpResponse:
    """To the first step: the address names no provider that is there."""
    return HttpResponseRedirect(reverse("pages:setup"))


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _provider(request: HttpRequest) -> Provider | None:
    asked = request.GET.get("provider", "")
    return Provider.objects.filter(pk=int(asked)).first() if _is_id(asked) else None


def _need(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _for_form(form: ProviderForm) -> dict[str, Any]:
    preset = form.preset
    return {
        "locations": LOCATIONS if preset.addressing == "vertex" else (),
        "more_url": KEY_PAGES.get(preset.name, ""),
        "by_account_only": preset.by_account_only,
        "by_account_too": cards.by_account_too(preset),
    }


def _console(model: LogicalModel | None) -> str:
    """Where a request can be sent from, where that page exists."""
    try:
        page = reverse("pages:console")
    except NoReverseMatch:
        return ""
    return f"{page}?{urlencode({'model': model.name})}" if model else page
