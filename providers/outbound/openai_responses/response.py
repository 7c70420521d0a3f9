"""A whole answer as a Messages reply: a response object, or the stream of an upstream that only streams."""

from __future__ import annotations

from providers.errors import UpstreamFailure
from providers.outbound.answers import answer_object, garbled
from providers.outbound.openai_responses.errors import error_failure
from providers.outbound.openai_responses.stream import ResponsesTranslator
from providers.outbound.streamed import streamed_reply
from providers.targets import Target
from providers.wire.fold import fold
from providers.wire.messages import MessagesReply, MessagesRequest
from providers.wire.sse import EventTooLarge, ServerSentEvent, SseDecoder

_BOM = b"\xef\xbb\xbf"
_STREAM = (b"event:", b"data:", b":", b"id:", b"retry:")


def read_reply(body: bytes, messages: MessagesRequest, target: Target) -> MessagesReply:
    """The Messages reply, content in the order of the output. Raises UpstreamFailure."""
    translator = ResponsesTranslator(messages, target)
    text = plain_text(body)
    if is_stream(text):
        return streamed_reply(text, translator)
    answer = answer_object(text)
    if answer.get("error"):
        raise UpstreamFailure(error_failure(answer["error"], 200))
    if not isinstance(answer.get("output"), list):
        raise garbled("the answer is no response")
    return fold(translator.conclude({"status": "completed", **answer}))


def plain_text(body: bytes) -> bytes:
    """The body without what some servers put before it."""
    return body.removeprefix(_BOM).lstrip()


def is_stream(text: bytes) -> bool:
    """True for server-sent events where a whole answer was due."""
    return text.startswith(_STREAM)


def events_in(text: bytes) -> list[ServerSentEvent]:
    """The events of a whole stream. Raises UpstreamFailure (garbled)."""
    decoder = SseDecoder()
    try:
        return [*decoder.feed(text), *decoder.finish()]
    except EventTooLarge as error:
        raise garbled(str(error)) from error
