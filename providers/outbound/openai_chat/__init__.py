"""OpenAI Chat Completions as an outbound format: request, response, stream and errors, each a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from providers.errors import Failure
from providers.outbound.base import Translator
from providers.outbound.call_headers import call_headers
from providers.outbound.incapable import readable
from providers.outbound.listing import list_request, listed_names
from providers.outbound.native import own_words
from providers.outbound.openai_chat.errors import status_failure
from providers.outbound.openai_chat.native import native_body, native_reply, native_translator
from providers.outbound.openai_chat.request import build_body
from providers.outbound.openai_chat.response import read_reply
from providers.outbound.openai_chat.stream import ChatTranslator
from providers.outbound.stops import StopAt, cut_reply, stop_sequences
from providers.outbound.warming import empty_answer
from providers.targets import Target, UpstreamRequest
from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest
from providers.wire.spans import dumps


class OpenAIChat:
    """The `Outbound` of OpenAI and of every vendor with an OpenAI-compatible chat address."""

    def request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest:
        """The request in Chat's words, the client's own where it spoke Chat.

        Raises UpstreamFailure (rejected) for media the target cannot take.
        """
        source = own_words(messages, "openai_chat")
        with readable():
            if source:
                sent, repaired = native_body(source, target)
            else:
                body, repaired = build_body(messages, target)
                sent = dumps(body)
        url = target.base_url + "/chat/completions"
        return UpstreamRequest("POST", url, call_headers(target, messages.stream), sent, repaired)

    def count_request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest | None:
        """Chat has no counter."""
        return None

    def counted(self, body: bytes) -> int | None:
        """Chat has no counter."""
        return None

    def models_request(self, target: Target) -> UpstreamRequest | None:
        """`/models` beside the chat address."""
        return list_request(target, target.base_url + "/models")

    def listed(self, body: bytes) -> list[str]:
        """The ids under `data`. Raises UpstreamFailure (garbled)."""
        return listed_names(body)

    def local(self, messages: MessagesRequest) -> Sequence[MessagesEvent] | None:
        """The empty answer to a request for no tokens."""
        return empty_answer(messages)

    def translator(self, messages: MessagesRequest, target: Target) -> Translator:
        """A translator for one streamed answer."""
        source = own_words(messages, "openai_chat")
        chat = ChatTranslator(messages, target, native=source is not None)
        if source:
            return native_translator(chat, source, messages.model)
        stops = local_stops(messages, target)
        return StopAt(chat, stops) if stops else chat

    def reply(self, body: bytes, messages: MessagesRequest, target: Target) -> MessagesReply:
        """A chat completion as a Messages reply. Raises UpstreamFailure."""
        native = own_words(messages, "openai_chat") is not None
        reply = read_reply(body, messages, target, native=native)
        if native:
            return replace(reply, native=native_reply(body, messages.model))
        stops = local_stops(messages, target)
        return cut_reply(reply, stops) if stops else reply

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What an answer other than 2xx means."""
        return status_failure(status, headers, body)


def local_stops(messages: MessagesRequest, target: Target) -> list[str]:
    """The stop sequences to apply here: all of them, when the target does not take as many."""
    stops = stop_sequences(messages)
    return stops if len(stops) > target.preset.quirks.stop else []


OPENAI_CHAT = OpenAIChat()
