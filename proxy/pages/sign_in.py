"""Signing in with an account: the steps, the way back from the vendor, and the account that comes of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from providers.models import Credential, Provider
from providers.oauth import under_way
from providers.oauth.exchange import CodeUnreadable, Pasted, from_callback, pasted
from providers.oauth.flows import FLOWS, flows_for
from providers.oauth.sign_in import SignInRefused, complete
from proxy.account_list import account_of
from proxy.account_trials import refreshed, tried
from proxy.pages.base import Page

ADD, CHANGE, DELETE = (f"providers.{verb}_credential" for verb in ("add", "change", "delete"))


class SignInPage(Page):
    """The steps of a sign-in to one provider: choose the account, open the vendor's page, bring back the code."""

    title = "Sign in"
    template_name = "admin/pages/sign_in.html"
    permission = ADD

    def get(self, request: HttpRequest, provider: int) -> HttpResponse:
        """The steps of the sign-in that is under way in this session; `?progress`: whether there is one."""
        row = get_object_or_404(Provider, pk=provider)
        if "progress" in request.GET:
            return JsonResponse({"under_way": under_way.kept(request.session, row) is not None})
        return self._shown(request, row)

    def post(self, request: HttpRequest, provider: int) -> HttpResponse:
        """Begin a sign-in, complete it with what was pasted, or give it up."""
        row = get_object_or_404(Provider, pk=provider)
        actions = {"begin": self._begin, "finish": self._finish, "cancel": self._cancel}
        action = actions.get(request.POST.get("action", ""))
        if action is None:
            return self._shown(request, row, "Nothing was asked for: choose what to do.")
        try:
            return action(request, row)
        except (SignInRefused, CodeUnreadable) as error:
            return self._shown(request, row, _sentence(str(error)))

    def _begin(self, request: HttpRequest, row: Provider) -> HttpResponse:
        flow = FLOWS.get(request.POST.get("flow", ""))
        if flow is None:
            raise SignInRefused("there is no such way to sign in; choose one of those below")
        chosen = request.POST.get("credential", "")
        again = get_object_or_404(row.credentials, pk=chosen) if chosen.isdecimal() else None
        back = request.build_absolute_uri(reverse("pages:sign-in-back"))
        under_way.start(flow, row, user=request.user, session=request.session, own_uri=back, credential=again)
        return HttpResponseRedirect(reverse("pages:sign-in", args=(row.pk,)))

    def _finish(self, request: HttpRequest, row: Provider) -> HttpResponse:
        return _completed(request, pasted(request.POST.get("code", "")))

    def _cancel(self, request: HttpRequest, row: Provider) -> HttpResponse:
        found = under_way.kept(request.session, row)
        if found is not None:
            under_way.give_up(found, user=request.user, session=request.session, provider=row)
        return HttpResponseRedirect(reverse("admin:providers_provider_change", args=(row.pk,)))

    def _shown(self, request: HttpRequest, row: Provider, error: str = "") -> HttpResponse:
        known = {"provider": row, "flows": flows_for(row.preset), "under_way": under_way.kept(request.session, row)}
        return self.shown(request, status=400 if error else 200, error=error, **known)


class SignInBack(Page):
    """Where a vendor's redirect ends up: completes the sign-in of this session that its state belongs to."""

    title = "Sign in"
    template_name = "admin/pages/sign_in_failed.html"
    permission = ADD

    def get(self, request: HttpRequest) -> HttpResponse:
        """The account's page, or why there is none, in the vendor's words where it was the vendor."""
        try:
            return _completed(request, from_callback(request.GET.dict()))
        except (SignInRefused, CodeUnreadable) as error:
            return self.shown(request, status=400, error=_sentence(str(error)))


class AccountPage(Page):
    """One account: who it is, how long its token lasts, and whether the vendor takes it."""

    title = "Account"
    template_name = "admin/pages/account.html"
    permission = CHANGE

    def get(self, request: HttpRequest, credential: int) -> HttpResponse:
        """What is known of it; no token."""
        row = _account(credential)
        return self.shown(request, row=row, account=account_of(row), provider=row.provider)

    def post(self, request: HttpRequest, credential: int) -> HttpResponse:
        """Try it, or renew its token now, and tell how it went."""
        row = _account(credential)
        ok, words = refreshed(row) if request.POST.get("action") == "refresh" else tried(row)
        messages.add_message(request, messages.SUCCESS if ok else messages.ERROR, words)
        if request.POST.get("back") == "provider":
            return HttpResponseRedirect(reverse("admin:providers_provider_change", args=(row.provider_id,)))
        return HttpResponseRedirect(reverse("pages:account", args=(row.pk,)))


class SignOutPage(Page):
    """Asks whether an account shall be signed out, and does it."""

    title = "Sign out"
    template_name = "admin/pages/sign_out.html"
    permission = DELETE

    def get(self, request: HttpRequest, credential: int) -> HttpResponse:
        """The question."""
        row = _account(credential)
        return self.shown(request, row=row, account=account_of(row), provider=row.provider)

    def post(self, request: HttpRequest, credential: int) -> HttpResponse:
        """Delete the account with its tokens; all processes forget them within seconds."""
        row = _account(credential)
        row._change_reason = "signed out"  # type: ignore[attr-defined]  # simple-history reads it
        row.delete()
        messages.success(request, f"{row.label} is signed out: its tokens are deleted here.")
        return HttpResponseRedirect(reverse("admin:providers_provider_change", args=(row.provider_id,)))


def _account(pk: int) -> Credential:
    rows = Credential.objects.filter(kind=Credential.OAUTH).select_related("oauth", "provider")
    return get_object_or_404(rows, pk=pk)


def _completed(request: HttpRequest, brought: Pasted) -> HttpResponse:
    session: Any = request.session
    row = complete(brought, user=request.user, session_key=session.session_key or "")
    under_way.forget(session, row.provider)
    messages.success(request, f"{row.label} is signed in.")
    return HttpResponseRedirect(reverse("pages:account", args=(row.pk,)))


def _sentence(words: str) -> str:
    words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else f"{words}."
