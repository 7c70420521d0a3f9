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
from proxy.inbound import openai_parameters as shared
from proxy.inbound.json_body import is_streamed, model_of, read_members
from proxy.inbound.openai_chat.conversation import Conversation
from proxy.inbound.openai_chat.parameters import single_choice, stop_sequences
from proxy.inbound.openai_chat.tools import kinds_without_place, tools_of
from proxy.inbound.openai_media import text_blocks
from proxy.inbound.openai_tools import dropped

_TOO_DEEP = "the JSON is nested too deeply"


def parse(body: bytes) -> MessagesRequest:
    """The request, with the client's own words as its source. Raises ApiError (400, 413)."""
    members = read_members(body)
    model, stream = model_of(members), is_streamed(members)
    if members.get("messages", b"")[:1] != b"[":
        raise bad_request("messages: an array of messages is required")
    try:
        source = {key: loads(raw) for key, raw in members.items()}
        translated = dumps(_translated(source, model, stream))
        hub = scan_object(translated)
    except MalformedJson as error:
        raise bad_request(f"{error}") from error
    except RecursionError as error:
        raise bad_request(_TOO_DEEP) from error
    left_out = dropped("tools", kinds_without_place(source))
    return MessagesRequest(
        translated, hub, model, stream, source=Source("openai_chat", body, members), left_out=left_out
    )


def _translated(source: dict[str, Any], model: str, stream: bool) -> dict[str, Any]:
    single_choice(source)
    conversation = Conversation()
    for index, message in enumerate(source["messages"]):
        if not isinstance(message, dict):
            raise bad_request(f"messages[{index}]: must be an object with a role")
        conversation.add(message, f"messages[{index}]")
    turns = conversation.turns.finish()
    if not turns:
        raise bad_request("messages: at least one message with content is required")
    wanted = source.get("response_format")
    schema, told = shared.output_format(wanted, wanted.get("json_schema") if isinstance(wanted, dict) else None)
    system = [*conversation.turns.system, *text_blocks(told)]
    shared.mark_for_cache(system, turns)
    thinking, effort = shared.thinking(source.get("reasoning_effort"))
    user = shared.user_name(source)
    config = {"effort": effort, "format": schema}
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": shared.max_tokens(source, "max_completion_tokens", "max_tokens"),
        "system": system,
        "messages": turns,
        **tools_of(source, conversation.turns.called),
        **stop_sequences(source),
        "thinking": thinking,
        "output_config": {key: value for key, value in config.items() if value},
        "metadata": {"user_id": user} if user else None,
        "stream": stream,
    }
    said = {key: value for key, value in body.items() if value}
    # Anthropic refuses any temperature but 1 while the model thinks.
    return said if effort else said | shared.sampling(source)
