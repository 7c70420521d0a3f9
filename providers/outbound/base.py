"""The promises every outbound wire format makes.

A format is pure: it builds the call and reads the answer. The engine does the I/O in
between and never asks which format it has in hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from providers.errors import Failure
from providers.targets import Target, UpstreamRequest
from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest
from providers.wire.sse import ServerSentEvent


class Translator(Protocol):
    """One upstream stream on its way to Messages events, in the legal order of the grammar."""

    def feed(self, event: ServerSentEvent) -> Sequence[MessagesEvent]:
        """The Messages events that one upstream event makes.

        Raises UpstreamFailure when the event reports an error or cannot be understood.
        """
        ...

    def finish(self) -> Sequence[MessagesEvent]:
        """What is still owed when the upstream's stream has ended.

        Raises UpstreamFailure (garbled) when it ended before its end was announced.
        """
        ...

    @property
    def ended(self) -> bool:
        """True once `message_stop` has been produced; nothing follows."""
        ...


class Outbound(Protocol):
    """One wire format, spoken to upstreams. Every method is pure."""

    def request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest:
        """The HTTP call for a request, streaming or not as the request says.

        Raises UpstreamFailure (rejected) when the request holds what the target cannot take
        and dropping it silently would lie to the client.
        """
        ...

    def count_request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest | None:
        """The HTTP call that counts tokens, or None when this target has no counter."""
        ...

    def counted(self, body: bytes) -> int | None:
        """The number in a counter's answer, or None when it holds none."""
        ...

    def models_request(self, target: Target) -> UpstreamRequest | None:
        """The HTTP call that lists the models, or None where this target has no list."""
        ...

    def listed(self, body: bytes) -> list[str]:
        """The model names in the answer to it, as a mapping needs them. Raises UpstreamFailure (garbled)."""
        ...

    def local(self, messages: MessagesRequest) -> Sequence[MessagesEvent] | None:
        """The answer, when none of this format's upstreams needs to be called for it; else None."""
        ...

    def translator(self, messages: MessagesRequest, target: Target) -> Translator:
        """A fresh translator for one streamed answer to `messages`."""
        ...

    def reply(self, body: bytes, messages: MessagesRequest, target: Target) -> MessagesReply:
        """A whole answer as a Messages reply, under the model name the client asked for.

        Raises UpstreamFailure: garbled when it is not an answer, or the kind that an error
        hidden inside a 200 reports.
        """
        ...

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What an answer other than 2xx means. `headers` has lower-case names."""
        ...
