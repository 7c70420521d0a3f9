"""OpenAI Responses as an outbound format: the platform's API, and the Codex backend of ChatGPT accounts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from providers.errors import Failure
from providers.outbound.answers import counted_number
from providers.outbound.base import Translator
from providers.outbound.call_headers import call_headers
from providers.outbound.identity import cache_key
from providers.outbound.incapable import readable
from providers.outbound.listing import list_request, listed_names
from providers.outbound.native import own_words
from providers.outbound.openai_responses.errors import status_failure
from providers.outbound.openai_responses.native import native_body, native_reply, native_translator
from providers.outbound.openai_responses.request import build_body, count_body
from providers.outbound.openai_responses.response import read_reply
from providers.outbound.openai_responses.stream import ResponsesTranslator
from providers.outbound.stops import StopAt, cut_reply, stop_sequences
from providers.outbound.warming import empty_answer
from providers.targets import Target, UpstreamRequest
from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest
from providers.wire.spans import dumps

_HEADER_SAFE = re.compile(r"[A-Za-z0-9._:-]+")


class OpenAIResponses:
    """The `Outbound` of OpenAI's newer API. It takes no stop sequences: they are applied to its answers."""

    def request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest:
        """The request in Responses' words, the client's own where it spoke Responses.

        Raises UpstreamFailure (incapable) for media the target cannot take.
        """
        source = own_words(messages, "openai_responses")
        with readable():
            if source:
                sent, repaired = native_body(source, target)
            else:
                body, repaired = build_body(messages, target)
                sent = dumps(body)
        codex = target.preset.addressing == "codex"
        headers = {**(_session(messages) if codex else {}), **call_headers(target, messages.stream or codex)}
        return UpstreamRequest("POST", _address(target, "/responses"), headers, sent, repaired)

    def count_request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest | None:
        """The call of the input token counter, where the vendor has one."""
        if not target.preset.quirks.counts_tokens:
            return None
        with readable():
            sent = dumps(count_body(messages, target))
        return UpstreamRequest("POST", _address(target, "/responses/input_tokens"), call_headers(target, False), sent)

    def counted(self, body: bytes) -> int | None:
        """`input_tokens` of a counter's answer."""
        return counted_number(body, "input_tokens")

    def models_request(self, target: Target) -> UpstreamRequest | None:
        """`/models`; the Codex backend has no such list."""
        return None if target.preset.addressing == "codex" else list_request(target, _address(target, "/models"))

    def listed(self, body: bytes) -> list[str]:
        """The ids under `data`. Raises UpstreamFailure (garbled)."""
        return listed_names(body)

    def local(self, messages: MessagesRequest) -> Sequence[MessagesEvent] | None:
        """The empty answer to a request for no tokens."""
        return empty_answer(messages)

    def translator(self, messages: MessagesRequest, target: Target) -> Translator:
        """A translator for one streamed answer."""
        answer = ResponsesTranslator(messages, target)
        if own_words(messages, "openai_responses"):
            return native_translator(answer, messages.model)
        stops = stop_sequences(messages)
        return StopAt(answer, stops) if stops else answer

    def reply(self, body: bytes, messages: MessagesRequest, target: Target) -> MessagesReply:
        """A response, or the whole stream of an upstream that only streams, as a reply. Raises UpstreamFailure."""
        if own_words(messages, "openai_responses"):
            return native_reply(body, messages, target, self.translator(messages, target))
        reply = read_reply(body, messages, target)
        stops = stop_sequences(messages)
        return cut_reply(reply, stops) if stops else reply

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What an answer other than 2xx means."""
        return status_failure(status, headers, body)


def _session(messages: MessagesRequest) -> dict[str, str]:
    """The header that keeps a session at the machine that has its prompt cached; the Codex backend's own."""
    key = cache_key(messages) or ""
    return {"session_id": key} if _HEADER_SAFE.fullmatch(key) else {}


def _address(target: Target, path: str) -> str:
    return target.base_url + path


OPENAI_RESPONSES = OpenAIResponses()
