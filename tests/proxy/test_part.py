from providers.outbound.openai_chat import OPENAI_CHAT
from providers.wire.sse import SseDecoder
from proxy.continuation import Seam, Transcript
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.part import Part
from tests.cast import request, target

CHUNK = b'data: {"id":"c","choices":[{"delta":{"content":"Hello"},"finish_reason":"%s"}]}\n\n'


def part(sent, seam=None):
    to = target(preset="openai-compatible")
    return Part(OPENAI_CHAT.translator(request(), to), ANTHROPIC.renderer(request()), sent, seam)


def fed(made, data):
    for event in SseDecoder().feed(data):
        made.feed(event)
    return made


def test_events_become_the_clients_bytes():
    """What was fed can be taken once; the transcript and the progress know of it."""
    sent = Transcript()
    made = fed(part(sent), CHUNK % b"stop")
    assert made.taken().count(b"event: ") == 3 and made.taken() == b""
    assert (sent.text, made.progress.has_content, made.ended) == ("Hello", True, False)
    made.finish()
    assert b"message_stop" in made.taken() and made.ended


def test_a_rest_passes_the_seam():
    """A part that goes on has no beginning of its own, adds to the same transcript, and may be empty."""
    sent = Transcript()
    fed(part(sent), CHUNK % b"")
    rest = part(sent, Seam(sent))
    assert rest.may_be_empty and not part(Transcript()).may_be_empty
    fed(rest, b'data: {"id":"d","choices":[{"delta":{"content":" world"},"finish_reason":"stop"}]}\n\n').finish()
    told = rest.taken()
    assert b"message_start" not in told and b"message_stop" in told
    assert sent.text == "Hello world"
