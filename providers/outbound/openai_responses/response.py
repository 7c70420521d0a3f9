"""A whole answer as a Messages reply: a response object, or the stream of an upstream that only streams."""

from __future__ import annotations

from providers.errors import UpstreamFailure
from providers.outbound.answers import answer_object, garbled
from providers.outbound.openai_responses.errors import error_failure
from providers.outbound.openai_responses.stream import ResponsesTranslator
from providers.targets import Target
from providers.wire.fold import fold
from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest
from providers.wire.sse import EventTooLarge, SseDecoder

_BOM = b"\xef\xbb\xbf"
_STREAM = (b"event:", b"data:", b":", b"id:", b"retry:")


def read_reply(body: bytes, messages: MessagesRequest, target: Target) -> MessagesReply:
    """The Messages reply, content in the order of the output. Raises UpstreamFailure."""
    translator = ResponsesTranslator(messages, target)
    text = body.removeprefix(_BOM).lstrip()
    if text.startswith(_STREAM):
        return fold(_streamed(text, translator))
    answer = answer_object(text)
    if answer.get("error"):
        raise UpstreamFailure(error_failure(answer["error"], 200))
    if not isinstance(answer.get("output"), list):
        raise garbled("the answer is no response")
    return fold(translator.conclude({"status": "completed", **answer}))


def _streamed(text: bytes, translator: ResponsesTranslator) -> list[MessagesEvent]:
    decoder = SseDecoder()
    try:
        frames = [*decoder.feed(text), *decoder.finish()]
    except EventTooLarge as error:
        raise garbled(str(error)) from error
    events = [event for frame in frames for event in translator.feed(frame)]
    return [*events, *translator.finish()]
