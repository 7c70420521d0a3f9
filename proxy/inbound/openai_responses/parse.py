"""A Responses request as a Messages request.

The same bytes make the same bytes, and the turns of a later request begin with those of the
earlier one, so that upstream prompt caches hit. Nothing is kept here between requests: what
would need it is refused with the way to do without. What Responses has and Messages has not
(`truncation`, `text.verbosity`, …) is left out; an upstream that speaks Responses gets the
client's own body. Source: OpenAI's Responses reference.
"""

from __future__ import annotations

from typing import Any

from providers.outbound.toolset import unavailable_text
from providers.wire.messages import MessagesRequest, Source
from providers.wire.spans import MalformedJson, dumps, loads, scan_object
from proxy.errors import bad_request
from proxy.inbound import openai_parameters as shared
from proxy.inbound.json_body import is_streamed, model_of, read_members
from proxy.inbound.openai_media import text_blocks
from proxy.inbound.openai_responses.conversation import Conversation
from proxy.inbound.openai_responses.tools import ClientTools, fields_of
from proxy.inbound.openai_tools import dropped

_TOO_DEEP = "the JSON is nested too deeply"
_NOTHING_SAID = "input: at least one message with content is required"
_NEEDS_MEMORY = {
    "previous_response_id": "no responses are stored here; send the whole conversation in `input` instead",
    "conversation": "no conversations are stored here; send the whole conversation in `input` instead",
    "background": "nothing runs in the background here; leave it out and wait for the answer, or stream it",
}
_MAX_KEY = 64


def parse(body: bytes) -> MessagesRequest:
    """The request, with the client's own words as its source. Raises ApiError (400, 413)."""
    members = read_members(body)
    model, stream = model_of(members), is_streamed(members)
    for key, words in _NEEDS_MEMORY.items():
        if members.get(key, b"null") not in (b"null", b"false", b'""'):
            raise bad_request(f"{key}: {words}")
    if members.get("input", b"")[:1] not in (b"[", b'"'):
        raise bad_request("input: a text or an array of items is required")
    try:
        said, left_out = _translated({key: loads(raw) for key, raw in members.items()}, model, stream)
        translated = dumps(said)
        hub = scan_object(translated)
    except MalformedJson as error:
        raise bad_request(f"{error}") from error
    except RecursionError as error:
        raise bad_request(_TOO_DEEP) from error
    source = Source("openai_responses", body, members)
    return MessagesRequest(translated, hub, model, stream, source=source, left_out=left_out)


def client_tools(source: dict[str, Any]) -> ClientTools:
    """The tools of a request: those it offers, and those that its conversation brought up since."""
    described = source.get("tools")
    tools = list(described) if isinstance(described, list) else []
    items = source.get("input")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") in ("additional_tools", "tool_search_output"):
            brought = item.get("tools")
            tools += brought if isinstance(brought, list) else []
    return ClientTools(tools)


def _translated(source: dict[str, Any], model: str, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and what of the client's tools and items has no place in it."""
    tools = client_tools(source)
    conversation = _conversation(source["input"], tools)
    turns = conversation.turns.finish()
    if not turns:
        raise bad_request(_NOTHING_SAID)
    text = source.get("text")
    wanted = text.get("format") if isinstance(text, dict) else None
    schema, told = shared.output_format(wanted, wanted)
    # A model that was promised a tool of its vendor's and has none would make up what it found.
    missing = text_blocks(unavailable_text(tools.hosted))
    system = [*text_blocks(source.get("instructions")), *conversation.turns.system, *missing, *text_blocks(told)]
    shared.mark_for_cache(system, turns)
    thinking, effort = _thinking(source.get("reasoning"))
    config = {"effort": effort, "format": schema}
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": shared.max_tokens(source, "max_output_tokens"),
        "system": system,
        "messages": turns,
        **fields_of(tools, source, conversation.turns.called),
        "thinking": thinking,
        "output_config": {key: value for key, value in config.items() if value},
        "metadata": _metadata(source),
        "stream": stream,
    }
    said = {key: value for key, value in body.items() if value}
    # Anthropic refuses any temperature but 1 while the model thinks.
    said = said if thinking and thinking["type"] == "adaptive" else said | shared.sampling(source)
    return said, (*dropped("tools", tools.dropped), *dropped("items", conversation.dropped))


def _conversation(items: Any, tools: ClientTools) -> Conversation:
    conversation = Conversation(tools)
    if isinstance(items, str):
        conversation.turns.say(text_blocks(items))
        return conversation
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise bad_request(f"input[{index}]: must be an object with a type")
        conversation.add(item, f"input[{index}]")
    return conversation


def _thinking(reasoning: Any) -> tuple[dict[str, Any] | None, str | None]:
    """`thinking` and the effort. Who asks for no summary is shown no thinking, as OpenAI does it."""
    reasoning = reasoning if isinstance(reasoning, dict) else {}
    thinking, effort = shared.thinking(reasoning.get("effort"))
    shown = any(isinstance(reasoning.get(key), str) for key in ("summary", "generate_summary"))
    if thinking is None and shown:
        thinking = {"type": "adaptive"}
    if thinking is not None and thinking["type"] == "adaptive":
        thinking["display"] = "summarized" if shown else "omitted"
    return thinking, effort


def _metadata(source: dict[str, Any]) -> dict[str, Any] | None:
    """`metadata.user_id`: the user, and with it the session that the cache key names, in Claude Code's own way."""
    user, key = shared.user_name(source), source.get("prompt_cache_key")
    if not isinstance(key, str) or not key:
        return {"user_id": user} if user else None
    pair = {"device_id": user, "session_id": key} if user else {"session_id": key}
    told = {name: value if len(value) <= _MAX_KEY else shared.hashed(value) for name, value in pair.items()}
    named = dumps(told).decode()
    if len(named) > shared.MAX_USER_ID:
        named = dumps({name: shared.hashed(value) for name, value in pair.items()}).decode()
    return {"user_id": named}
