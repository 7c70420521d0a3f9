"""A whole Gemini answer as a Messages reply: a stream of one chunk, put together."""

from __future__ import annotations

from providers.outbound.answers import answer_object
from providers.outbound.gemini.envelope import unwrapped
from providers.outbound.gemini.stream import GeminiTranslator
from providers.targets import Target
from providers.wire.fold import fold
from providers.wire.messages import MessagesReply, MessagesRequest


def read_reply(body: bytes, messages: MessagesRequest, target: Target) -> MessagesReply:
    """The Messages reply, content in the order Gemini gave it. Raises UpstreamFailure.

    Also reads the array of chunks that Gemini streams to who did not ask for events.
    """
    translator = GeminiTranslator(messages, target)
    events = [event for chunk in unwrapped(body, answer_object) for event in translator.take(chunk)]
    return fold([*events, *translator.finish()])
