"""A real authorization server on a loopback port: oauthlib does the protocol, the tests say what goes wrong.

    with AuthorizationServer() as auth:
        auth.register("my-client", "http://127.0.0.1:9/callback")
        flow.authorize_url, flow.token_url = f"{auth.url}/authorize", f"{auth.url}/token"
        landed = auth.allow(authorize_url)      # what a person's "Allow" leads to; a browser can press it too
        auth.fault("500", "hang")               # what the next calls of the token endpoint get

The end of a path decides: `authorize` or `auth` is the page of consent, `token` the token endpoint, `callback` the
page that shows `code#state` to be copied (register `f"{auth.url}/callback"` as the redirect URI for that).
"""

import contextlib
import json
import re
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections import deque
from dataclasses import dataclass
from html import escape, unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from oauthlib.common import Request, add_params_to_uri
from oauthlib.oauth2.rfc6749.errors import FatalClientError, OAuth2Error
from oauthlib.openid import Server

from tests.authorization_grants import Client, Family, Grants

FAULTS = ("500", "503", "429", "html", "hang", "slow", "invalid_grant", "lost", "held", "garbage")
SLOW_S = 0.3
AS_IT_IS = object()
CONSENT = """<p>{client} wants:</p><ul>{listed}</ul>
<form method="post"><input type="hidden" name="query" value="{query}">
<button id="allow" name="decision" value="allow">Allow</button>
<button id="deny" name="decision" value="deny">Deny</button></form>"""
PAGE = "<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1>{body}"


@dataclass
class TokenCall:
    """One call of the token endpoint: what was asked and how it was answered (0: not yet, or never)."""

    grant_type: str
    client_id: str
    fault: str = ""
    status: int = 0


class AuthorizationServer(Grants):
    """The server, in threads of its own; `calls` tells what was asked of its token endpoint.

    `tell_expires_in`: what answers say in place of the truth; None: nothing at all.
    """

    def __init__(self):
        super().__init__()
        self.calls = []
        self.tell_expires_in = AS_IT_IS
        self.holding = threading.Event()
        """A call with the fault `held` has rotated its token and waits."""
        self.released = threading.Event()
        self.lock = threading.RLock()
        self.protocol = Server(self, self._lifetime, self.new_access_token, self.new_refresh_token)
        self._faults = deque()

    def __enter__(self):
        handler = type("Bound", (_Handler,), {"auth": self})
        self._http = _Quiet(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="authorization-server")
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self._http.shutdown()
        self._thread.join(10)
        self._http.server_close()
        if self._http.broken:
            raise self._http.broken[0]

    def register(self, client_id, *redirect_uris, encoding="form", secret="", **extra):
        """Make a client known. `encoding` "json" or "form": its token calls must be of that type."""
        self.clients[client_id] = Client(client_id, redirect_uris, encoding, secret, tuple(extra.items()))

    def fault(self, *names, times=1):
        """Queue what the next calls of the token endpoint get, each name `times` times."""
        unknown = set(names) - set(FAULTS)
        if unknown:
            raise ValueError(f"no such fault: {unknown}")
        self._faults.extend(name for _ in range(times) for name in names)

    def heal(self):
        """Forget the faults that are still queued."""
        self._faults.clear()

    def next_fault(self):
        return self._faults.popleft() if self._faults else ""

    def counted(self, grant_type, status=None):
        """How many calls there were of this grant, those with this answer when one is named."""
        with self.lock:
            return sum(c.grant_type == grant_type and status in (None, c.status) for c in self.calls)

    @property
    def refresh_calls(self):
        """How many refreshes were asked for, answered or not."""
        return self.counted("refresh_token")

    def allow(self, authorize_url, decision="allow"):
        """Consent as a person would, without a browser: the address that the answer redirects to.

        Raises ValueError with the page's words when there is nothing to consent to.
        """
        status, _, page = _fetch(authorize_url)
        if status != 200:
            raise ValueError(re.sub("<[^>]*>", " ", page))
        query = unescape(re.search(r'name="query" value="([^"]*)"', page)[1])
        form = urlencode({"query": query, "decision": decision}).encode()
        status, headers, page = _fetch(authorize_url.partition("?")[0], form)
        if status != 302:
            raise ValueError(f"{status} {page}")
        return headers["location"]

    def grant(self, client_id, scope="openid"):
        """Tokens as an exchange would give them, without the flow: (access token, refresh token)."""
        request = Request(self.url + "/token", "POST", urlencode({"client_id": client_id}))
        request.scopes, request.family = scope.split(), Family(client_id, scope.split())
        with self.lock:
            token = self.protocol.bearer.create_token(request, refresh_token=True)
            self.save_bearer_token(token, request)
        return token["access_token"], token["refresh_token"]

    def _lifetime(self, request):
        return self.expires_in


def _fetch(url, data=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(urllib.request.Request(url, data), timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *args):
        super().__init__(*args)
        self.broken = []

    def handle_error(self, request, client_address):
        """A peer that has left is no news here; anything else is told when the server ends."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.broken.append(error)


class _Handler(BaseHTTPRequestHandler):
    auth: AuthorizationServer
    call = None
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        end = path.rpartition("/")[2]
        if end in ("authorize", "auth"):
            self._consent(query)
        elif end == "callback":
            fields = {name: values[0] for name, values in parse_qs(query).items()}
            shown = fields.get("error") or f"{fields.get('code', '')}#{fields.get('state', '')}"
            self._page(200, "Copy this code", f"<code id=code>{escape(shown)}</code>")
        else:
            self._page(404, "Not found", "")

    def do_POST(self):
        self.call = None  # a connection carries several requests
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        end = urlsplit(self.path).path.rpartition("/")[2]
        if end in ("authorize", "auth"):
            self._decide(dict(parse_qsl(body.decode())))
        elif end == "token":
            self._token(body)
        else:
            self._page(404, "Not found", "")

    def _consent(self, query):
        with self.auth.lock:
            try:
                scopes, asked = self.auth.protocol.validate_authorization_request(f"{self.auth.url}/authorize?{query}")
            except FatalClientError as error:
                # Whoever asks is not to be trusted with a redirect: the person is told.
                self._page(400, "Not possible", f"<p>{escape(error.error)}: {escape(error.description or '')}</p>")
                return
            except OAuth2Error as error:
                self._redirect(error.in_uri(error.redirect_uri))
                return
        listed = "".join(f"<li>{escape(scope)}</li>" for scope in scopes)
        form = CONSENT.format(client=escape(asked["client_id"]), listed=listed, query=escape(query))
        self._page(200, "Allow access?", form)

    def _decide(self, form):
        query = form.get("query", "")
        asked = dict(parse_qsl(query))
        uri = f"{self.auth.url}/authorize?{query}"
        with self.auth.lock:
            try:
                if form.get("decision") != "allow":
                    self.auth.protocol.validate_authorization_request(uri)
                    refusal = [("error", "access_denied"), ("state", asked.get("state", ""))]
                    self._redirect(add_params_to_uri(asked["redirect_uri"], refusal))
                    return
                headers, _, _ = self.auth.protocol.create_authorization_response(
                    uri, scopes=asked.get("scope", "").split()
                )
            except OAuth2Error as error:
                self._page(400, "Not possible", f"<p>{escape(error.error)}</p>")
                return
        self._redirect(headers["Location"])

    def _token(self, body):
        fault, asked = self.auth.next_fault(), self._asked(body)
        if asked is None:
            self._json(
                400, {"error": "invalid_request", "error_description": "this client's bodies are of another type"}
            )
            return
        self.call = TokenCall(asked.get("grant_type", ""), asked.get("client_id", ""), fault)
        with self.auth.lock:
            self.auth.calls.append(self.call)
        if fault:
            self._faulty(fault, asked)
        else:
            self._json(*self._granted(asked))

    def _asked(self, body):
        """The members of the body, when they come as this client has to send them; else None."""
        kind = self.headers.get("content-type", "").partition(";")[0]
        try:
            asked = json.loads(body) if kind == "application/json" else dict(parse_qsl(body.decode()))
        except ValueError:
            return None
        client = self.auth.clients.get(asked.get("client_id"))
        wanted = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
        return asked if client is None or kind == wanted[client.encoding] else None

    def _granted(self, asked):
        client = self.auth.clients.get(asked.get("client_id"))
        with self.auth.lock:
            _, body, status = self.auth.protocol.create_token_response(
                f"{self.auth.url}/token", "POST", urlencode(asked),
                {"Content-Type": "application/x-www-form-urlencoded"}, dict(client.extra) if client else None,
            )  # fmt: skip
        answer = json.loads(body)
        if status == 200 and self.auth.tell_expires_in is not AS_IT_IS:
            answer["expires_in"] = self.auth.tell_expires_in
            if answer["expires_in"] is None:
                del answer["expires_in"]
        return status, answer

    def _faulty(self, fault, asked):
        if fault == "html":
            self._page(200, "Please sign in", "")
        elif fault == "garbage":
            self._send(200, "application/json", b'{"access_token": "half')
        elif fault in ("500", "503", "429"):
            self._json(int(fault), {"error": "server_error"}, ("retry-after", "7"))
        elif fault == "invalid_grant":
            self._json(400, {"error": "invalid_grant"})
        elif fault == "hang":
            self.auth.released.wait(60)
            self._cut()
        elif fault == "slow":
            self.auth.released.wait(SLOW_S)
            self._json(*self._granted(asked))
        else:  # "lost" and "held": whatever happens to the answer, the token has been rotated
            granted = self._granted(asked)
            if fault == "lost":
                self._cut()
                return
            self.auth.holding.set()
            self.auth.released.wait(60)
            self._json(*granted)

    def _cut(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _json(self, status, value, *headers):
        self._send(status, "application/json", json.dumps(value).encode(), ("cache-control", "no-store"), *headers)

    def _page(self, status, title, body):
        self._send(status, "text/html; charset=utf-8", PAGE.format(title=title, body=body).encode())

    def _redirect(self, location):
        self._send(302, "text/plain", b"", ("location", location))

    def _send(self, status, kind, body, *headers):
        if self.call:
            self.call.status = status
        self.send_response(status)
        for name, value in (("content-type", kind), ("content-length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """The tests read `calls`."""
