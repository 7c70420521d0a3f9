"""One HTTP request at the server: refused early when it may not be read, slowed down when its client is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from daphne.http_protocol import WebRequest
from twisted.web.http_headers import Headers

from proxy.errors import ApiError, bad_request, server_ends
from proxy.inbound.dialects import dialect_of
from proxy.request_id import new_request_id

Gate = Callable[[str, str, list[tuple[bytes, bytes]], str], ApiError | None]
"""Method, path, headers, client address → None to go on, else the refusal."""

GUARDED = "/v1/"
PAGE_BODY_BYTES = 2_621_440
"""The cap outside /v1, where no key is asked for: more than any form of the admin; Django's own default."""


class Request(WebRequest):
    """daphne's request with a gate at the end of the headers, a cap on the body and a brake on the answer."""

    requestHeaders: Any
    _refused = False
    received = 0
    """Bytes of the body so far."""
    _resumed: asyncio.Future[None] | None = None
    _braking = False

    # The request, coming in

    def gotLength(self, length: int | None) -> None:
        """The headers are complete, the body is not read yet: the moment to say no."""
        self.requestHeaders.removeHeader(b"daphne-root-path")
        self._parsePOSTFormSubmission = False  # the application reads forms; nobody needs them parsed here, too
        self.content = BytesIO()
        self._cap: int = self.server.max_body_bytes
        if self.server.draining:
            self._refuse(server_ends())
            return
        path = self._called_path()
        if not path.startswith(GUARDED):
            self._cap = min(PAGE_BODY_BYTES, self._cap)
        if length is not None and length > self._cap:
            self._refuse_size()
            return
        if len(self.requestHeaders.getRawHeaders(b"host", [])) > 1:
            self._refuse(bad_request("there is more than one Host header"))
            return
        if path.startswith(GUARDED) and self.server.gate is not None:
            headers = [(n.lower(), v) for n, values in self.requestHeaders.getAllRawHeaders() for v in values]
            client = str(getattr(self.channel.getPeer(), "host", ""))
            refusal = self.server.gate(self.channel._command.decode("latin-1"), path, headers, client)
            if refusal is not None:
                self._refuse(refusal)

    def handleContentChunk(self, data: bytes) -> None:
        """Some bytes of the body."""
        self.received += len(data)
        if self._refused:
            return
        if self.received > self._cap:
            self.content = BytesIO()
            self._refuse_size()
            return
        super().handleContentChunk(data)

    def process(self) -> Any:
        """The body is complete: run the application, unless the request was refused."""
        if self._refused:
            return None
        running = super().process()
        self.requestHeaders = Headers()  # the scope has them; an answer may take an hour
        return running

    def _called_path(self) -> str:
        """The path as the application will see it."""
        return unquote(self.channel._path.partition(b"?")[0].decode("latin-1"))

    def _refuse_size(self) -> None:
        setting = " (CCM_MAX_BODY_MB)" if self._cap == self.server.max_body_bytes else ""
        words = f"the request body exceeds {self._cap} bytes{setting}"
        self._refuse(ApiError(413, "request_too_large", words, {"x-should-retry": "false"}))

    def _refuse(self, error: ApiError) -> None:
        self._refused = True
        self.requestHeaders.removeHeader(b"expect")  # else "100 Continue" follows the refusal
        self.channel.refuse(error, self._called_path())
        self.server.protocol_disconnected(self)

    # The answer, going out

    def handle_reply(self, message: dict[str, Any]) -> None:
        """One message of the application; the first one of a long answer takes hold of the brake."""
        more = message["type"] == "http.response.body" and message.get("more_body", False)
        if more and not self._braking and not self.answered:
            self._braking = True
            self.registerProducer(self, True)
        super().handle_reply(message)

    def finish(self) -> None:
        """The answer is complete: nobody will tell us any more that the client has caught up."""
        self._let_go()
        self.resumeProducing()
        super().finish()

    def connectionLost(self, reason: Any) -> None:
        """The client is gone."""
        self.resumeProducing()
        if not self._refused:
            super().connectionLost(reason)

    def pauseProducing(self) -> None:
        """The client reads more slowly than we write (called by the transport)."""
        if self._resumed is None:
            self._resumed = asyncio.get_event_loop().create_future()

    def resumeProducing(self) -> None:
        """The client has caught up (called by the transport)."""
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._resumed = None

    def stopProducing(self) -> None:
        """The transport is gone."""
        self.resumeProducing()

    async def client_caught_up(self, patience_s: float) -> None:
        """Wait while the client is behind; a client without progress for that long is cut."""
        waiting = self._resumed
        unsent = self._unsent()
        while waiting is not None and not waiting.done():
            done, _ = await asyncio.wait({waiting}, timeout=patience_s)
            before, unsent = unsent, self._unsent()
            if not done and unsent >= before:
                self.cut()
                return

    def _unsent(self) -> int:
        return unsent_bytes(getattr(self._connection, "transport", None))

    def _let_go(self) -> None:
        if self._braking:
            self._braking = False
            self.unregisterProducer()

    # Endings

    @property
    def answered(self) -> bool:
        """True when nothing is left to say: the answer is complete or the client is gone."""
        return bool(self.finished) or self._connection is None

    @property
    def _connection(self) -> Any:
        # Twisted sets it to None when the client leaves and deletes it when the answer is complete.
        return getattr(self, "channel", None)

    def cut(self) -> None:
        """End the connection now, visibly unfinished."""
        if self._connection is not None:
            self._connection.transport.abortConnection()

    def _break_off(self) -> None:
        # The missing last chunk tells the client that more was to come.
        if self._connection is not None:
            self._connection.end()

    def handle_exception(self, exception: BaseException) -> None:
        """The application failed: an error answer when none was begun, else an end the client can see."""
        if self._response_started:
            self._break_off()
        else:
            super().handle_exception(exception)

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """An error of the server itself, in the envelope: nothing of ours answers with a page."""
        error = ApiError(status, "invalid_request_error" if status < 500 else "api_error", body)
        request_id = new_request_id()
        dialect = dialect_of(unquote((self.path or b"").decode("latin-1")))
        headers = [(b"content-type", b"application/json"), (b"request-id", request_id.encode())]
        self.handle_reply({"type": "http.response.start", "status": status, "headers": headers})
        self.handle_reply({"type": "http.response.body", "body": dialect.render_error(error, request_id)})


def unsent_bytes(transport: Any) -> int:
    """What a transport still holds for a client; zero for one that does not say."""
    held = len(getattr(transport, "dataBuffer", b"")) + getattr(transport, "_tempDataLen", 0)
    return int(held - getattr(transport, "offset", 0))
