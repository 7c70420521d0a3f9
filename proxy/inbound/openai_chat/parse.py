"""A Chat Completions request as a Messages request.

The same bytes make the same bytes, and the turns of a later request begin with those of the
earlier one, so that upstream prompt caches hit. What Chat has and Messages has not (`seed`,
`logprobs`, penalties, …) is left out; an upstream that speaks Chat gets the client's own body.
Source: OpenAI's Chat Completions reference.
"""

from __future__ import annotations

from typing import Any

from providers.wire.messages import MessagesRequest, Source
from providers.wire.spans import MalformedJson, dumps, loads, scan_object
from proxy.errors import bad_request
from proxy.inbound.json_body import is_streamed, model_of, read_members
from proxy.inbound.openai_chat import parameters
from proxy.inbound.openai_chat.conversation import Conversation
from proxy.inbound.openai_chat.media import text_blocks
from proxy.inbound.openai_chat.tools import tools_of

_CACHE = {"type": "ephemeral"}
_TOO_DEEP = "the JSON is nested too deeply"


def parse(body: bytes) -> MessagesRequest:
    """The request, with the client's own words as its source. Raises ApiError (400, 413)."""
    members = read_members(body)
    model, stream = model_of(members), is_streamed(members)
    if members.get("messages", b"")[:1] != b"[":
        raise bad_request("messages: an array of messages is required")
    try:
        translated = dumps(_translated({key: loads(raw) for key, raw in members.items()}, model, stream))
        hub = scan_object(translated)
    except MalformedJson as error:
        raise bad_request(f"{error}") from error
    except RecursionError as error:
        raise bad_request(_TOO_DEEP) from error
    return MessagesRequest(translated, hub, model, stream, source=Source("openai_chat", body, members))


def _translated(source: dict[str, Any], model: str, stream: bool) -> dict[str, Any]:
    parameters.single_choice(source)
    conversation = Conversation()
    for index, message in enumerate(source["messages"]):
        if not isinstance(message, dict):
            raise bad_request(f"messages[{index}]: must be an object with a role")
        conversation.add(message, f"messages[{index}]")
    turns = conversation.finish()
    if not turns:
        raise bad_request("messages: at least one message with content is required")
    schema, told = parameters.output_format(source)
    system = [*conversation.system, *text_blocks(told)]
    _mark_for_cache(system, turns)
    thinking, effort = parameters.thinking(source)
    config = {"effort": effort, "format": schema}
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": parameters.max_tokens(source),
        "system": system,
        "messages": turns,
        **tools_of(source, conversation.called),
        **parameters.stop_sequences(source),
        "thinking": thinking,
        "output_config": {key: value for key, value in config.items() if value},
        **parameters.metadata(source),
        "stream": stream,
    }
    said = {key: value for key, value in body.items() if value}
    # Anthropic refuses any temperature but 1 while the model thinks.
    return said if effort else said | parameters.sampling(source)


def _mark_for_cache(system: list[dict[str, Any]], turns: list[dict[str, Any]]) -> None:
    """Chat upstreams cache by themselves, Anthropic where it is told to: after the system prompt and the last turn."""
    last_user: list[dict[str, Any]] = next((t["content"] for t in reversed(turns) if t["role"] == "user"), [])
    if any("cache_control" in block for block in system) or any(
        "cache_control" in block for turn in turns for block in turn["content"]
    ):
        return  # the client knows better
    for blocks in (system, last_user):
        if blocks:
            blocks[-1]["cache_control"] = _CACHE
