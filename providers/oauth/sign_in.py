"""Signing in, from the first click to the stored tokens. For threads without an event loop, as admin views are.

    begun = begin(flow, provider, user=request.user, session_key=request.session.session_key)
    # somebody says yes at begun.url and brings back a code
    credential = complete(pasted(text), user=request.user, session_key=request.session.session_key)

What is under way is one row: the verifier sealed, good once, for ten minutes, for the session that began it.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from providers import client as http
from providers import code_assist, vault
from providers.errors import UpstreamFailure, plain_words
from providers.models import Credential, OAuthToken, Provider, StartedSignIn
from providers.oauth import pkce
from providers.oauth.asking import ask
from providers.oauth.clients import NoClient, client_of
from providers.oauth.exchange import Client, Pasted, authorize_url, code_request
from providers.oauth.flows import FLOWS, Flow, flows_for
from providers.oauth.tokens import MAX_WORDS, TokenRefused, Tokens
from providers.targets import Target, Timeouts
from providers.template import template_of

log = logging.getLogger("providers.oauth")

GOOD_FOR = timedelta(minutes=10)
EXCHANGE_S = 20.0
"""Seconds that somebody at a page waits for the vendor's token server."""


class SignInRefused(ValueError):
    """A sign-in cannot begin or be completed; the message says why and what to do, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where somebody's browser goes next, where the vendor leads it afterwards, and until when it may."""

    url: str
    redirect_uri: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A sign-in under way whose state has come back: it cannot be taken again."""

    flow: Flow
    provider: Provider
    credential: Credential | None
    """The credential that is signed in anew; None makes another."""
    redirect_uri: str
    verifier: str
    """Not to be shown to anybody."""

    def __repr__(self) -> str:
        return f"Taken({self.flow.name}, {self.provider})"


def begin(
    flow: Flow, provider: Provider, *, user: Any, session_key: str, own_uri: str = "",
    credential: Credential | None = None,
) -> Begun:  # fmt: skip
    """Start a sign-in for a saved provider, or anew for one of its credentials. Raises SignInRefused.

    `own_uri` is this service's own callback address, for flows that lead back to it by themselves.
    """
    if flow not in flows_for(provider.preset):
        raise SignInRefused(f"{flow.label} does not open a provider of the preset {provider.preset}; choose another")
    if credential is not None and credential.provider_id != provider.pk:
        raise SignInRefused("that account belongs to another provider")
    if not session_key:
        raise SignInRefused("there is no session to bind the sign-in to; log in to the admin again")
    client = _client(flow)
    redirect_uri = _redirect_uri(flow, client, own_uri)
    state, verifier = pkce.new_state(), pkce.new_verifier()
    now = _now()
    StartedSignIn.objects.filter(expires_at__lt=now).delete()
    row = StartedSignIn(
        state_hash=_hash(state), flow=flow.name, redirect_uri=redirect_uri, return_to=own_uri, provider=provider,
        credential=credential, user=user, session_hash=_hash(session_key), expires_at=now + GOOD_FOR,
    )  # fmt: skip
    try:
        row.verifier = vault.seal(verifier, row.place)
    except vault.VaultError as error:
        raise SignInRefused(str(error)) from error
    row.save()
    return Begun(authorize_url(flow, client, redirect_uri, state, verifier), redirect_uri, row.expires_at)


def is_under_way(state: str) -> bool:
    """True until the sign-in of a state is taken or over."""
    return StartedSignIn.objects.filter(state_hash=_hash(state), expires_at__gt=_now()).exists()


def return_of(state: str, redirect_uri: str) -> str:
    """The callback address of this service that a state under way belongs to; "" for any other state."""
    found = StartedSignIn.objects.filter(
        state_hash=_hash(state), redirect_uri=redirect_uri, expires_at__gt=_now()
    ).first()  # fmt: skip
    return found.return_to if found else ""


def is_awaited(redirect_uri: str) -> bool:
    """True while any sign-in that leads to this address is under way."""
    return StartedSignIn.objects.filter(redirect_uri=redirect_uri, expires_at__gt=_now()).exists()


def take(state: str, *, user: Any, session_key: str) -> Taken:
    """The sign-in that a state belongs to, once. Raises SignInRefused: unknown, over, used, or another session's."""
    row = StartedSignIn.objects.select_related("provider", "credential").filter(
        state_hash=_hash(state), session_hash=_hash(session_key), user=user
    ).first()  # fmt: skip
    # Whoever deletes the row has taken it; another session's stays for the one that began it.
    if row is None or not StartedSignIn.objects.filter(pk=row.pk).delete()[0]:
        raise SignInRefused(
            "this sign-in is not known here: it was begun in another session, or completed already; start it again"
        )
    if row.expires_at < _now():
        raise SignInRefused("this sign-in took longer than ten minutes; start it again")
    flow = FLOWS.get(row.flow)
    if flow is None:
        raise SignInRefused(f"there is no way to sign in called {row.flow} any more")
    try:
        verifier = vault.unseal(row.verifier, row.place)
    except vault.VaultError as error:
        raise SignInRefused(f"{error}; start the sign-in again") from error
    return Taken(flow, row.provider, row.credential, row.redirect_uri, verifier)


def complete(brought: Pasted, *, user: Any, session_key: str) -> Credential:
    """Turn what came back into tokens and store them; the credential they belong to. Raises SignInRefused."""
    taken = take(brought.state, user=user, session_key=session_key)
    tokens, trouble = _exchanged(taken, brought)
    if not tokens.refresh:
        log.warning("%s gave no refresh token: the account has to sign in again when its token ends", taken.flow.label)
    try:
        return store(taken.provider, taken.flow, tokens, taken.credential, trouble)
    except vault.VaultError as error:
        raise SignInRefused(str(error)) from error


def store(
    provider: Provider, flow: Flow, tokens: Tokens, credential: Credential | None = None, trouble: str = ""
) -> Credential:  # fmt: skip
    """Keep fresh tokens: in `credential`, else in the provider's own for that account, else in a new one.

    `trouble` is what the account still lacks, in words for its page (the row's `last_error`). Raises vault.VaultError.
    """
    now = _now()
    with transaction.atomic():
        credential = credential or _same_account(provider, tokens) or Credential(provider=provider)
        credential.kind, credential.sealed, credential.last4 = Credential.OAUTH, "", ""
        if not credential.pk or (tokens.account_label and _has_given_label(credential)):
            credential.label = (tokens.account_label or flow.label)[:100]
        credential._change_reason = f"signed in: {flow.label}"[:100]  # type: ignore[attr-defined]  # simple-history reads it
        credential.save()
        # A renewal may be saving at this moment, and each change of the tokens has a version of its own.
        known = OAuthToken.objects.select_for_update().filter(credential=credential).first()
        row = known or OAuthToken(credential=credential)
        row.credential, row.flow, row.state = credential, flow.name, OAuthToken.ACTIVE
        for name, text in row.sealed(tokens.access.reveal(), tokens.refresh.reveal()).items():
            setattr(row, name, text)
        row.expires_at, row.lifetime_s = now + timedelta(seconds=tokens.lifetime_s), tokens.lifetime_s
        row.scopes = " ".join(tokens.scopes)
        known_project = row.project if row.account_id == tokens.account_id else ""
        row.account_label, row.account_id = tokens.account_label, tokens.account_id
        row.project = tokens.project or known_project
        row.version += 1
        row.lease_until, row.lease_owner, row.refresh_started_at = None, "", None
        row.last_error, row.failed_at, row.failures = plain_words(trouble, MAX_WORDS), None, 0
        row.signed_in_at, row.refreshed_at = now, None
        row.save()
    return credential


def _has_given_label(credential: Credential) -> bool:
    """True when the label is one that we gave, not one that somebody chose."""
    row = OAuthToken.objects.filter(credential=credential).first()
    flow = row.flow_row if row else None
    return row is not None and credential.label in (row.account_label, row.flow, flow.label if flow else "")


def _same_account(provider: Provider, tokens: Tokens) -> Credential | None:
    if not tokens.account_id:
        return None
    found = OAuthToken.objects.filter(credential__provider=provider, account_id=tokens.account_id)
    row = found.select_related("credential").first()
    return row.credential if row else None


def _exchanged(taken: Taken, brought: Pasted) -> tuple[Tokens, str]:
    """The tokens for a code, with the project that goes with the account, and what keeps it from being used."""
    code = brought.code.reveal()
    client = _client(taken.flow)
    outgoing = code_request(taken.flow, client, taken.redirect_uri, code, brought.state, taken.verifier)
    hidden = (code, brought.state, taken.verifier, client.secret.reveal())

    template = template_of(taken.provider, Timeouts())

    async def asking() -> tuple[Tokens, str]:
        try:
            return await _with_project(template, await ask(taken.flow, outgoing, EXCHANGE_S, hidden))
        finally:
            await http.close()

    try:
        return asyncio.run(asking())
    except TokenRefused as error:
        raise SignInRefused(f"the vendor did not accept the sign-in ({error.words}); start it again") from error


async def _with_project(template: Target | None, tokens: Tokens) -> tuple[Tokens, str]:
    """The code has been spent: whatever the lookup says, the tokens are kept."""
    if template is None or template.preset.addressing != "code_assist":
        return tokens, ""
    target = replace(template, secret=tokens.access, signed_in=True, spare_keys=(), problem="")
    try:
        found = await code_assist.discover(target, http.send)
    except UpstreamFailure as error:
        return tokens, f"its project could not be looked up: {error.failure.message}"
    return replace(tokens, project=found.project), found.problem


def _client(flow: Flow) -> Client:
    try:
        return client_of(flow)
    except (NoClient, vault.VaultError) as error:
        raise SignInRefused(str(error)) from error


def _redirect_uri(flow: Flow, client: Client, own_uri: str) -> str:
    if flow.redirect != "own":
        return flow.redirect_uri
    parts = urlsplit(own_uri)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SignInRefused("there is no address of this service to lead back to")
    if client.client_id != flow.client_id or is_loopback(parts.hostname):
        return own_uri
    # The vendor's own client leads to this machine only: the page will not open there, and its address is pasted.
    return f"http://localhost{parts.path}"


def is_loopback(host: str) -> bool:
    """True for a name by which a browser reaches the machine it runs on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
