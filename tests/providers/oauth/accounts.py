"""An account of the tests' authorization server, signed in to a provider without anybody's browser."""

from dataclasses import replace

from providers.models import Provider
from providers.oauth import flows
from providers.oauth.held import MEMORY
from providers.oauth.keeper import KEEPER
from providers.oauth.sign_in import store
from providers.oauth.tokens import Tokens
from providers.targets import Secret

CLIENT = "client-of-the-tests"


def use(auth, monkeypatch, name="anthropic", **fields):
    """Have a flow ask the tests' server."""
    flow = flows.FLOWS[name]
    paste = {"redirect_uri": f"{auth.url}/callback"} if flow.redirect == "paste" else {}
    flow = replace(
        flow, authorize_url=f"{auth.url}/authorize", token_url=f"{auth.url}/token", client_id=CLIENT, **paste, **fields
    )
    uris = filter(None, (flow.redirect_uri, "http://127.0.0.1:7/back", "http://localhost/back"))
    auth.register(CLIENT, *uris, encoding=flow.encoding)
    monkeypatch.setitem(flows.FLOWS, name, flow)
    return flow


def provider(**fields):
    return Provider.objects.create(**{"name": "claude", "preset": "anthropic", **fields})


def signed_in(auth, flow, row=None, lifetime_s=3600.0, **fields):
    """A credential whose tokens the server knows."""
    access, refresh = auth.grant(CLIENT)
    fields = {"account_label": "user@example.com", "account_id": "acct-1", **fields}
    return store(row or provider(), flow, Tokens(Secret(access), Secret(refresh), lifetime_s, **fields))


def forget():
    """As a process that has just begun."""
    KEEPER.stop()
    MEMORY.keep_only(set())
