"""A whole answer from an upstream that streams although nobody asked it to: some servers can do nothing else."""

from __future__ import annotations

from providers.outbound.answers import garbled
from providers.outbound.base import Translator
from providers.wire.fold import StreamFailed, fold
from providers.wire.grammar import GrammarError
from providers.wire.messages import MessagesReply
from providers.wire.sse import EventTooLarge, SseDecoder


def streamed_reply(body: bytes, translator: Translator) -> MessagesReply:
    """The reply that a whole stream tells. Raises UpstreamFailure: what the stream reports, or garbled."""
    decoder = SseDecoder()
    try:
        frames = [*decoder.feed(body), *decoder.finish()]
        events = [event for frame in frames for event in translator.feed(frame)]
        return fold([*events, *translator.finish()])
    except (EventTooLarge, GrammarError, StreamFailed) as error:
        raise garbled(str(error)) from error
