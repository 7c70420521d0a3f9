from providers.outbound.anthropic_messages import ANTHROPIC_MESSAGES
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.wire.messages import Usage
from providers.wire.sse import SseDecoder
from proxy.continuation import Seam, Transcript
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.part import Part
from tests.cast import frame, request, target

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


def test_a_broken_part_counts_what_came():
    """Told at the end, the tokens are the upstream's; before it they are estimated, and of nothing there are none."""
    made = part(Transcript())
    assert made.usage is None
    fed(made, CHUNK % b"")
    assert made.usage.input > 0 and made.usage.output > 0
    fed(made, b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}\n\n')
    fed(made, CHUNK % b"stop").finish()
    assert made.usage == Usage(9, 4)


def test_a_rest_counts_its_own_tokens():
    """Not those of the beginning, which another target is paid for."""
    sent = Transcript()
    fed(part(sent), CHUNK % b"")
    rest = part(sent, Seam(sent))
    fed(rest, CHUNK % b"stop")
    fed(rest, b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}\n\n').finish()
    assert rest.usage == Usage(9, 4)
    assert rest.progress.usage.output > 4


def test_what_nobody_told_of_is_unknown():
    """An upstream that tells of no prompt and breaks after text leaves all at zero: no cost can be told."""
    made = Part(ANTHROPIC_MESSAGES.translator(request(), target()), ANTHROPIC.renderer(request()), Transcript())
    fed(made, frame(type="message_start", message={"id": "m", "type": "message", "role": "assistant", "content": []}))
    assert made.usage is None
    fed(made, frame(type="content_block_start", index=0, content_block={"type": "text", "text": ""}))
    fed(made, frame(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"}))
    assert made.usage == Usage()
