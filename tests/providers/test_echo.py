"""The echo provider: answers like an upstream, calls a tool when asked, fails as told."""

import asyncio
import json

import pytest
from hypothesis import given, settings

from providers.echo import DRILL_HEADER, answer
from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.anthropic_messages import ANTHROPIC_MESSAGES, Relay
from providers.presets import ECHO_URL
from providers.targets import UpstreamRequest
from providers.wire.grammar import Grammar
from providers.wire.sse import SseDecoder
from tests.cast import request, target
from tests.providers.outbound.odd_bodies import odd_bodies


def asked(body=None, drill=""):
    headers = ((DRILL_HEADER, drill),) if drill else ()
    return ANTHROPIC_MESSAGES.request(request(body), target(preset="echo", extra_headers=headers))


async def whole(body=None, drill=""):
    response = await answer(asked(body, drill))
    return response.status, await response.read(100_000)


def said(text):
    return {"messages": [{"role": "user", "content": text}]}


async def test_it_lists_its_one_model():
    """The call that asks for its models is answered with "echo"."""
    response = await answer(ANTHROPIC_MESSAGES.models_request(target(preset="echo", base_url=ECHO_URL)))
    assert (response.status, ANTHROPIC_MESSAGES.listed(await response.read(10_000))) == (200, ["echo"])


async def test_it_says_what_it_was_told():
    """The last user text comes back, whole or as a block list, with a usage."""
    for content in ("hello", [{"type": "text", "text": "x"}, {"type": "text", "text": "hello"}]):
        status, body = await whole(said(content))
        reply = json.loads(body)
        assert (status, reply["content"]) == (200, [{"type": "text", "text": "echo: hello"}])
        assert reply["usage"]["input_tokens"] > 0
        assert reply["stop_reason"] == "end_turn"


async def test_it_streams_legally():
    """A streamed answer is a legal Messages stream with the same text."""
    for body in (said("a text longer than a single piece of the echo"), {"tools": [{"name": "T"}], **said("call T")}):
        grammar, relay, text = Grammar(), Relay("m"), ""
        response = await answer(asked({"stream": True, **body}))
        assert response.headers["content-type"] == "text/event-stream"
        for event in SseDecoder().feed(await response.read(100_000)):
            for passed in relay.feed(event):
                grammar.feed(passed)
                text += passed.payload().get("delta", {}).get("text", "")
        grammar.finish()
        assert text in ("echo: a text longer than a single piece of the echo", "")


async def test_it_calls_a_tool_when_asked():
    """`call NAME` makes a tool call, if the tool is offered."""
    tools = {"tools": [{"name": "Read"}]}
    reply = json.loads((await whole({**said("please call Read"), **tools}))[1])
    assert (reply["stop_reason"], reply["content"][0]["name"]) == ("tool_use", "Read")
    assert json.loads((await whole({**said("please call Write"), **tools}))[1])["stop_reason"] == "end_turn"


async def test_it_counts():
    """Its counter answers a number."""
    counting = ANTHROPIC_MESSAGES.count_request(request(), target(preset="echo"))
    assert counting is not None
    response = await answer(counting)
    assert json.loads(await response.read(1000))["input_tokens"] > 0


async def test_it_fails_as_its_drill_says():
    """A status, a cut after so many characters, and silence: each on demand."""
    status, body = await whole(drill="status:529")
    assert (status, json.loads(body)["type"]) == (529, "error")
    assert len((await whole(drill="cut:40"))[1]) == 40
    response = await answer(asked({"stream": True, **said("x" * 100)}, "cut:40"))
    text = b""
    with pytest.raises(UpstreamFailure) as caught:
        async for chunk in response.chunks():
            text += chunk
    assert caught.value.failure.kind is FailureKind.UNREACHABLE
    deltas = [json.loads(event.data) for event in SseDecoder().feed(text) if event.name == "content_block_delta"]
    assert sum(len(delta["delta"]["text"]) for delta in deltas) == 40
    silent = await answer(asked(drill="hang"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(silent.read(10), 0.05)


@given(odd_bodies)
@settings(deadline=None)
def test_no_accepted_body_breaks_the_echo(body):
    """Any accepted request is answered."""
    status, raw = asyncio.run(whole(body))
    assert (status, json.loads(raw)["type"]) == (200, "message")


async def test_a_body_it_cannot_read_is_refused():
    """What is no JSON for a parser is a rejection, as any upstream's would be."""
    with pytest.raises(UpstreamFailure) as caught:
        await answer(UpstreamRequest("POST", "echo://local/v1/messages", {}, b'{"x":1e999}'))
    assert caught.value.failure.kind is FailureKind.REJECTED
