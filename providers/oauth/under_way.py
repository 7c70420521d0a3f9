"""A sign-in under way as its page shows it, kept in the visitor's session from one click to the next, sealed.

The row that the vendor's answer is checked against (`StartedSignIn`) holds no state; the address that somebody
has to open does. So it is kept here, where only the session that began the sign-in finds it.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from providers import vault
from providers.models import Credential, Provider
from providers.oauth import loopback
from providers.oauth.flows import FLOWS, Flow
from providers.oauth.sign_in import SignInRefused, begin, is_loopback, is_under_way, take

Way = Literal["paste", "returns", "remote", "busy"]
"""How the code comes back: the vendor shows it; the browser brings it by itself; the browser is on another machine
than the address it is led to; another program holds the port. All but the second are pasted, which always works."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What the page of a sign-in shows until it is completed. `url` is for this visitor's browser alone."""

    flow: str
    url: str
    redirect_uri: str
    way: Way
    expires: float
    credential_id: int | None

    def __repr__(self) -> str:
        return f"UnderWay({self.flow}, {self.way})"

    @property
    def state(self) -> str:
        """The state in its address."""
        return parse_qs(urlsplit(self.url).query)["state"][0]

    @property
    def label(self) -> str:
        """What people call such an account."""
        flow = FLOWS.get(self.flow)
        return flow.label if flow else self.flow

    @property
    def vendor(self) -> str:
        """The host whose page is opened."""
        return urlsplit(self.url).netloc

    @property
    def expires_at(self) -> datetime:
        """Until when it can be completed."""
        return datetime.fromtimestamp(self.expires).astimezone()


def start(
    flow: Flow, provider: Provider, *, user: Any, session: Any, own_uri: str, credential: Credential | None = None
) -> UnderWay:  # fmt: skip
    """Begin a sign-in, open the port it leads back to where that helps, and keep it. Raises SignInRefused.

    `own_uri` is the callback address of this service under the name that the visitor's browser uses.
    """
    before = kept(session, provider)
    begun = begin(
        flow, provider, user=user, session_key=session.session_key, own_uri=own_uri, credential=credential
    )  # fmt: skip
    if before is not None:
        give_up(before, user=user, session=session, provider=provider)
    way = _way(flow, begun.redirect_uri, own_uri)
    found = UnderWay(
        flow.name, begun.url, begun.redirect_uri, way, begun.expires_at.timestamp(),
        credential.pk if credential else None,
    )  # fmt: skip
    session[_key(provider)] = vault.seal(json.dumps(asdict(found)), _place(session, provider))
    return found


def kept(session: Any, provider: Provider) -> UnderWay | None:
    """The visitor's sign-in to a provider, if one is still under way."""
    try:
        found = UnderWay(**json.loads(vault.unseal(session.get(_key(provider), ""), _place(session, provider))))
    except (vault.VaultError, ValueError, TypeError):
        return None
    return found if is_under_way(found.state) else None


def give_up(under_way: UnderWay, *, user: Any, session: Any, provider: Provider) -> None:
    """End a sign-in that shall not be completed."""
    forget(session, provider)
    try:
        take(under_way.state, user=user, session_key=session.session_key)
    except SignInRefused:
        return  # it is over as it is


def forget(session: MutableMapping[str, Any], provider: Provider) -> None:
    """Keep nothing of a sign-in to this provider any more."""
    session.pop(_key(provider), None)


def _key(provider: Provider) -> str:
    return f"sign_in:{provider.pk}"


def _place(session: Any, provider: Provider) -> str:
    return f"sign-in:page:{provider.pk}:{session.session_key}"


def _way(flow: Flow, redirect_uri: str, own_uri: str) -> Way:
    if flow.redirect == "paste":
        return "paste"
    if redirect_uri == own_uri:
        return "returns"
    if not is_loopback(urlsplit(own_uri).hostname or ""):
        return "remote"
    return "returns" if flow.redirect == "loopback" and loopback.listen(redirect_uri) else "busy"
