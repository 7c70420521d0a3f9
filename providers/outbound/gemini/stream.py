"""A streamed Gemini answer as Messages events.

A thought signature travels in a thinking block of its own kind, before the part it came
with: Gemini refuses the next turn when a function call's signature does not come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from providers.errors import Failure, UpstreamFailure, plain_words
from providers.outbound.answers import ToolIds, arguments_object, event_object, garbled, made_up_tool_id, message_id
from providers.outbound.effort import shows_thinking, thinking_type
from providers.outbound.gemini.envelope import unwrapped
from providers.outbound.gemini.errors import error_failure
from providers.outbound.gemini.grounding import Searches
from providers.outbound.gemini.parts import first_candidate, parts_of, signature_of, words_of
from providers.outbound.gemini.usage import BROKEN, read_usage, stop_reason
from providers.outbound.names import LEADING_LETTER, NameMap, legal_id
from providers.outbound.tool_choice import one_at_a_time
from providers.targets import Target
from providers.wire.blocks import BlockWriter
from providers.wire.messages import MessagesEvent, MessagesRequest, Usage
from providers.wire.signatures import tag
from providers.wire.spans import dumps
from providers.wire.sse import ServerSentEvent
from providers.wire.tokens import estimate_text, estimate_tokens


class GeminiTranslator:
    """Partial answers of `streamGenerateContent` in, Messages events out, in the legal order."""

    def __init__(self, messages: MessagesRequest, target: Target) -> None:
        source = messages.parsed
        self._request = messages
        self._origin = target.origin
        self._names = NameMap.of(messages, LEADING_LETTER)
        self._asked = thinking_type(source) in ("enabled", "adaptive")
        self._shown = shows_thinking(source)
        self._one_call = one_at_a_time(source.get("tool_choice"))
        self._id = ""
        self._writer = BlockWriter()
        self._last = ""
        """What the last block is: "thinking" and "text" are still open, "tool" is not, "" is none of them."""
        self._ids = ToolIds(messages)
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._searches = Searches(target.origin)
        self._searches_told = False
        self._output: list[str] = []
        """All that the model wrote, for an estimate."""
        self._ended = False

    @property
    def ended(self) -> bool:
        """True once message_stop has been produced."""
        return self._ended

    def feed(self, event: ServerSentEvent) -> Sequence[MessagesEvent]:
        """One upstream event. Raises UpstreamFailure for errors and for what is no Gemini answer."""
        data = event.data.strip()
        if not data or self._ended or data == b"[DONE]":  # some relays end with the latter
            return ()
        chunks = unwrapped(data, event_object)
        if event.name == "error":
            raise UpstreamFailure(error_failure(chunks[0], 200))
        return [made for chunk in chunks for made in self.take(chunk)]

    def take(self, chunk: dict[str, Any]) -> list[MessagesEvent]:
        """One partial or whole answer, unwrapped. Raises UpstreamFailure."""
        events = self._start(chunk)
        self._usage = read_usage(chunk.get("usageMetadata")) or self._usage
        candidate = first_candidate(chunk)
        if candidate is None:
            return events + self._blocked(chunk.get("promptFeedback"))
        self._searches.note(candidate.get("groundingMetadata"))
        self._note_finish(candidate)
        if self._finish is not None and self._last != "text":
            events += self._tell_searches()  # told in time: no text stands open before it
        for part in parts_of(candidate):
            events += self._part(part)
        return events

    def finish(self) -> Sequence[MessagesEvent]:
        """The upstream's stream has ended. Raises UpstreamFailure when no finish reason was ever given."""
        if self._ended:
            return ()
        if self._finish is None:
            raise garbled("the answer ended before it was finished")
        events = self._tell_searches()
        usage = self._usage or Usage(estimate_tokens(self._request), estimate_text("".join(self._output)))
        usage = replace(usage, searches=self._searches.count)
        self._ended = True
        return events + self._writer.finish(stop_reason(self._finish, self._writer.tools), usage)

    def _start(self, chunk: dict[str, Any]) -> list[MessagesEvent]:
        if self._writer.started:
            return []
        self._id = message_id(chunk.get("responseId"), self._request)
        return self._writer.start(self._id, self._request.model, Usage(input=estimate_tokens(self._request)))

    def _note_finish(self, candidate: dict[str, Any]) -> None:
        finish = candidate.get("finishReason")
        if not isinstance(finish, str) or finish in ("", "FINISH_REASON_UNSPECIFIED"):
            return
        self._finish = finish
        if finish in BROKEN:
            told = candidate.get("finishMessage")
            words = f"the model stopped with {finish}" + (f": {told}" if isinstance(told, str) and told else "")
            raise UpstreamFailure(Failure(BROKEN[finish], plain_words(words), 200))

    def _blocked(self, feedback: Any) -> list[MessagesEvent]:
        """The prompt itself was refused: no candidate comes, only the reason."""
        reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
        if not isinstance(reason, str) or not reason or self._finish is not None:
            return []
        self._finish = "PROHIBITED_CONTENT"
        told = feedback.get("blockReasonMessage")
        words = f"The upstream refused the prompt: {reason}." + (f" {told}" if isinstance(told, str) else "")
        return self._text(plain_words(words), "")

    def _part(self, part: dict[str, Any]) -> list[MessagesEvent]:
        signature = signature_of(part)
        call = part.get("functionCall")
        if isinstance(call, dict):
            return self._call(call, signature)
        words = words_of(part)
        return self._thought(words, signature) if part.get("thought") is True else self._text(words, signature)

    def _thought(self, words: str, signature: str) -> list[MessagesEvent]:
        self._output.append(words)
        events: list[MessagesEvent] = []
        if words and self._shown:
            self._last = "thinking"
            events += self._writer.thinking(words)
        return events + (self._sign(signature) if signature and self._asked else [])

    def _text(self, words: str, signature: str) -> list[MessagesEvent]:
        """Text, and before it the signature it begins with.

        Nobody insists on a text's signature, and one that comes later would have to stand in a
        block after the text: to some clients the last block is the answer.
        """
        if not words:
            return []
        events = self._sign(signature) if signature and self._asked and self._last != "text" else []
        self._output.append(words)
        self._last = "text"
        return events + self._writer.text(words)

    def _call(self, call: dict[str, Any], signature: str) -> list[MessagesEvent]:
        name = call.get("name")
        if not call or (self._one_call and self._writer.tools):
            return []
        if not isinstance(name, str) or not name:
            raise garbled("a function call has no name")
        arguments = dumps(arguments_object(call.get("args"), truncated=False)).decode()
        self._output += (name, arguments)
        events = self._sign(signature) if signature else []
        events += self._writer.tool(self._tool_id(call.get("id")), self._names.original(name))
        self._last = "tool"
        return events + self._writer.tool_input(arguments) + self._writer.close()

    def _tool_id(self, given: Any) -> str:
        own = legal_id(given) if isinstance(given, str) and given else ""
        return self._ids.take(own, made_up_tool_id(self._id, self._writer.tools))

    def _sign(self, signature: str) -> list[MessagesEvent]:
        self._last = ""
        return self._writer.signature(tag(self._origin, {"thoughtSignature": signature}))

    def _tell_searches(self) -> list[MessagesEvent]:
        if self._searches_told:
            return []
        blocks = self._searches.blocks(self._id)
        self._searches_told = bool(blocks)
        if blocks:
            self._last = ""
        return [event for block in blocks for event in self._writer.whole(block)]
