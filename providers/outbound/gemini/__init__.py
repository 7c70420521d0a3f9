"""Google's GenerateContent as an outbound format, at three addresses: AI Studio, Vertex AI and Code Assist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from providers.errors import Failure
from providers.outbound.base import Translator
from providers.outbound.gemini import counting, listing
from providers.outbound.gemini.errors import status_failure
from providers.outbound.gemini.request import MAX_STOPS, build_body
from providers.outbound.gemini.response import read_reply
from providers.outbound.gemini.stream import GeminiTranslator
from providers.outbound.gemini.transport import call
from providers.outbound.incapable import readable
from providers.outbound.stops import StopAt, cut_reply, stop_sequences
from providers.outbound.warming import empty_answer
from providers.targets import Target, UpstreamRequest
from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest


class Gemini:
    """The `Outbound` of Google's models. Stop sequences beyond those it takes are applied to its answers."""

    def request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest:
        """The request in GenerateContent's words. Raises UpstreamFailure (incapable): media, missing settings."""
        with readable():
            body, repaired = build_body(messages, target)
            sent = call(messages, target, body, "stream" if messages.stream else "generate")
        return UpstreamRequest(sent.method, sent.url, sent.headers, sent.body, repaired)

    def count_request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest | None:
        """The call of `countTokens`."""
        if not target.preset.quirks.counts_tokens:
            return None
        with readable():
            return call(messages, target, build_body(messages, target)[0], "count")

    def counted(self, body: bytes) -> int | None:
        """`totalTokens` of the counter's answer."""
        return counting.counted(body)

    def models_request(self, target: Target) -> UpstreamRequest | None:
        """AI Studio's list; Vertex AI and Code Assist have none."""
        return listing.models_request(target)

    def listed(self, body: bytes) -> list[str]:
        """The models that generate content. Raises UpstreamFailure (garbled)."""
        return listing.listed(body)

    def local(self, messages: MessagesRequest) -> Sequence[MessagesEvent] | None:
        """The empty answer to a request for no tokens."""
        return empty_answer(messages)

    def translator(self, messages: MessagesRequest, target: Target) -> Translator:
        """A translator for one streamed answer."""
        answer = GeminiTranslator(messages, target)
        stops = _local_stops(messages)
        return StopAt(answer, stops) if stops else answer

    def reply(self, body: bytes, messages: MessagesRequest, target: Target) -> MessagesReply:
        """A whole answer as a Messages reply. Raises UpstreamFailure."""
        reply = read_reply(body, messages, target)
        stops = _local_stops(messages)
        return cut_reply(reply, stops) if stops else reply

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What an answer other than 2xx means."""
        return status_failure(status, headers, body)


def _local_stops(messages: MessagesRequest) -> list[str]:
    stops = stop_sequences(messages)
    return stops if len(stops) > MAX_STOPS else []


GEMINI = Gemini()
