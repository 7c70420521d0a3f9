"""The port of this machine that a vendor has registered to lead back to: open while a sign-in runs, and no longer.

What comes in is only handed on. The browser is sent to the admin's own address that the sign-in was begun at: its
session is known there, and the code is redeemed there or refused. So it does not matter which of several server
processes holds the port, and it leads nowhere but to an address that this service has stored.
"""

from __future__ import annotations

import errno
import hmac
import http.client
import logging
import os
import socket
import socketserver
import sys
import threading
import time
from html import escape
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.db import Error, connection
from django.utils.crypto import salted_hmac

from providers.oauth.sign_in import GOOD_FOR, is_awaited, return_of

log = logging.getLogger("providers.oauth")

LOOK_S = 0.5
"""Seconds between two looks whether a sign-in still runs."""
SLOW_S = 5.0
"""Seconds that a peer gets to say what it wants."""
PROBE_S = 2.0
HANDED_ON = ("code", "state", "error", "error_description")
MARK = "x-ccm-sign-in"
"""A header that tells another process of this installation who holds the port."""
NO_SUCH_SIGN_IN = (
    "This sign-in is not known here: it was completed already, took longer than ten minutes, or was begun elsewhere. "
    "Go back to the page of the provider and start it again."
)

_open: dict[str, _Loopback] = {}
_lock = threading.Lock()


def listen(redirect_uri: str) -> bool:
    """Wait at a registered loopback address until no sign-in there is under way any more, ten minutes at most.

    Called when the sign-in is stored. False when another program holds the port: then its address has to be pasted.
    """
    with _lock:
        known = _open.get(redirect_uri)
        if known is not None:
            known.until = time.monotonic() + GOOD_FOR.total_seconds()
            return True
        try:
            found = _Loopback(redirect_uri)
        except OSError as error:
            log.info("port %s cannot be opened: %s", urlsplit(redirect_uri).port, error.strerror)
        else:
            _open[redirect_uri] = found
            found.start()
            return True
    return _held_by_us(redirect_uri)


def close_all() -> None:
    """Close every port at once."""
    with _lock:
        for found in _open.values():
            found.close()
        _open.clear()


def _mark(redirect_uri: str) -> str:
    return salted_hmac("providers.oauth.loopback", redirect_uri).hexdigest()


def _held_by_us(redirect_uri: str) -> bool:
    """Whether it is another process of this installation that holds the port: it serves our sign-ins as well."""
    parts = urlsplit(redirect_uri)
    peer = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=PROBE_S)
    try:
        peer.request("GET", parts.path, headers={"host": parts.netloc})
        told = peer.getresponse().headers.get(MARK, "")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        peer.close()
    return hmac.compare_digest(told.encode(), _mark(redirect_uri).encode())


class _Loopback:
    """The open port of one address, on IPv4 and, where there is one, on IPv6. Raises OSError when it is taken."""

    def __init__(self, redirect_uri: str) -> None:
        self.uri = redirect_uri
        self.until = time.monotonic() + GOOD_FOR.total_seconds()
        self._closed = threading.Event()
        parts = urlsplit(redirect_uri)
        port = parts.port or 80
        handler = type("_Bound", (_Handler,), {
            "uri": redirect_uri, "path_here": parts.path,
            "hosts": {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]")},
        })  # fmt: skip
        self._servers: list[_Server] = [_Server(("127.0.0.1", port), handler)]
        try:
            self._servers.append(_Server6(("::1", port), handler))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:  # a browser may try this one first
                self._servers[0].server_close()
                raise

    def start(self) -> None:
        """Serve, and look after the end, in threads that do not keep the process."""
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.1,), name="sign-in port", daemon=True).start()
        threading.Thread(target=self._watch, name="sign-in port watch", daemon=True).start()

    def close(self) -> None:
        """Close the port."""
        if not self._closed.is_set():
            self._closed.set()
            for server in self._servers:
                server.shutdown()
                server.server_close()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_S):
            with _lock:  # whoever begins another sign-in waits, and opens the port anew
                if self._closed.is_set() or not self._over():
                    continue  # closed by somebody else: the address may be another's by now
                _open.pop(self.uri, None)
                self.close()

    def _over(self) -> bool:
        if time.monotonic() >= self.until:
            return True
        try:
            return not is_awaited(self.uri)
        except Error:
            return False
        finally:
            connection.close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name != "nt"  # there it would let two programs have one port

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that has left is no news; of anything else only the name: what it sent is secret."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.error("the port of a sign-in failed: %s", type(error).__name__)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    uri: str
    path_here: str
    hosts: set[str]
    timeout = SLOW_S
    server_version = "ccm"
    sys_version = ""

    def do_GET(self) -> None:
        """Hand a browser on to the admin; every other address is not found."""
        parts = urlsplit(self.path)
        if self.headers.get("host", "").lower() not in self.hosts or parts.path != self.path_here:
            self._page(404, "There is no such page here.")
            return
        try:
            query = dict(parse_qsl(parts.query, max_num_fields=20))
            back = return_of(query.get("state", ""), self.uri)
        except ValueError:
            back = ""
        except Error:
            self._page(503, "The database cannot be used. Paste this page's address into the page of the sign-in.")
            return
        finally:
            connection.close()
        if not back:
            self._page(400, NO_SUCH_SIGN_IN)
            return
        handed_on = urlencode({name: query[name] for name in HANDED_ON if name in query})
        self.send_response(302)
        self.send_header("Location", f"{back}?{handed_on}")
        self._end(b"")

    def log_message(self, *_: Any) -> None:
        """Nothing: the line would hold the code."""

    def _page(self, status: int, words: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        page = f"<!doctype html><html lang=en><title>Sign-in</title><h1>Sign-in</h1><p>{escape(words)}</p></html>"
        self._end(page.encode())

    def _end(self, body: bytes) -> None:
        for name, value in (
            ("Content-Length", str(len(body))), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"),
            ("Content-Security-Policy", "default-src 'none'"), ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"), (MARK, _mark(self.uri)),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
