"""A captured request sent again, to one target that somebody chose: through the engine, as a request of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from providers.targets import Target
from providers.wire.fold import StreamFailed, fold
from providers.wire.grammar import GrammarError
from providers.wire.messages import MessagesEvent, MessagesRequest
from providers.wire.spans import MalformedJson, loads, scan_object, with_member
from providers.wire.sse import SseDecoder
from proxy import engine
from proxy.call import Call
from proxy.config import ConfigSnapshot
from proxy.errors import ApiError
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.dialects import in_messages
from proxy.pipe import Pipe
from proxy.record import RequestRecord
from proxy.request_id import new_request_id
from proxy.routing import RouteDecision, RouteReason
from proxy.selection import Choice, expanded

AGENT = "replay"
"""The agent in the history, by which replays are told from the requests of clients."""
MAX_ANSWER = 8 * 1024 * 1024


class NotReplayable(ValueError):
    """The captured text cannot be sent again; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one replay. `text` is what the model said, for people; `problem` is empty when that is all."""

    record: RequestRecord
    target: str
    text: str
    problem: str


def request_of(body: str, inbound_format: str = ANTHROPIC.name) -> MessagesRequest:
    """The captured text as a request that streams, in Messages whatever it came in. Raises NotReplayable."""
    try:
        parsed = in_messages(body.encode("utf-8", "surrogatepass"), inbound_format)
        # Streamed, whatever the client wanted: so both answers can be compared by their first content.
        text = with_member(parsed.body, parsed.members, "stream", b"true")
        return replace(parsed, body=text, members=scan_object(text), stream=True).without_subagent_tag()
    except (ApiError, MalformedJson) as error:
        raise NotReplayable(
            "The captured text is not a whole request: it was longer than the limit of capture "
            "(router settings, History) or holds something else. Raise the limit for the next one."
        ) from error


def targets_of(config: ConfigSnapshot) -> dict[str, Target]:
    """Every target there is, by "provider/actual model"; of several mappings to the same one, the first."""
    found: dict[str, Target] = {}
    for model in config.models.values():
        for target in model.targets:
            found.setdefault(str(target), target)
    return dict(sorted(found.items()))


async def replayed(
    request: MessagesRequest, targets: Sequence[Target], config: ConfigSnapshot, of: str
) -> list[Answer]:
    """Send a request to each target at once and await all answers; each is a request in the history.

    `of` is the id of the request it repeats. Raises nothing for a request or an upstream that fails.
    """
    return list(await asyncio.gather(*(_sent(request, target, config, of) for target in targets)))


async def _sent(request: MessagesRequest, target: Target, config: ConfigSnapshot, of: str) -> Answer:
    record = RequestRecord(new_request_id(), ANTHROPIC.name, "messages", agent_id=AGENT)
    record.requested_model, record.stream, record.route = request.model, True, RouteReason.DIRECT.value
    keys = expanded((target,))
    decision = RouteDecision(RouteReason.DIRECT, "", f"a replay of {of} at {target}", keys)
    call = Call(ANTHROPIC, request, decision, keys, (), config, record, choice=Choice(keys))
    events, problem = list[MessagesEvent](), ""
    try:
        async for event in _events(call):
            events.append(event)
    except ApiError as error:
        problem = error.message
    text = _said(events, problem)
    return Answer(record, str(target), text, problem)


async def _events(call: Call) -> AsyncIterator[MessagesEvent]:
    """The events of the answer. Raises ApiError, also for one that has no end."""
    pipe, decoder, size = Pipe(), SseDecoder(), 0
    task = asyncio.create_task(engine.run_stream(call, pipe))
    try:
        while (chunk := await pipe.get(engine.PING_EVERY_S)) is not None:
            size += len(chunk)
            if size > MAX_ANSWER:
                raise ApiError(502, "api_error", f"the answer is larger than {MAX_ANSWER >> 20} MB")
            for event in decoder.feed(chunk):
                if not event.is_comment:
                    yield MessagesEvent(event.name, event.data, event.frame)
    finally:
        task.cancel()
        await asyncio.wait({task})


def _said(events: Sequence[MessagesEvent], problem: str) -> str:
    """The content of an answer as text; of one that broke off, the text that came."""
    if not problem:
        try:
            return "\n\n".join(_block(block) for block in json.loads(fold(events).body)["content"])
        except (GrammarError, StreamFailed, MalformedJson, ValueError, KeyError):
            pass  # told as far as it can be read
    pieces = []
    for event in events:
        if event.type == "content_block_delta":
            delta = loads(event.json).get("delta", {})
            pieces.append(str(delta.get("text") or delta.get("thinking") or ""))
    return "".join(pieces)


def _block(block: Any) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "text":
        return str(block.get("text", ""))
    if kind == "thinking":
        return f"[thinking]\n{block.get('thinking', '')}\n[end of thinking]"
    return json.dumps(block, indent=2, ensure_ascii=False)
