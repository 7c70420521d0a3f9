"""The native path of Responses: a client that speaks Responses at an upstream that speaks it too.

The client's bytes go out and the upstream's come back, untouched but for the model name; the
Codex backend alone gets less than the client said, because it refuses the rest. The
translation runs beside them for the log and the commit point; its events carry the
upstream's frames.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers.outbound.base import Translator
from providers.outbound.native import NativeTranslator, frame_with
from providers.outbound.openai_responses.response import events_in, is_stream, plain_text, read_reply
from providers.targets import Target
from providers.wire.fold import fold
from providers.wire.messages import MessagesReply, MessagesRequest, Source
from providers.wire.rewrite import change_items
from providers.wire.signatures import CARRIER, uncarried, untag
from providers.wire.spans import MalformedJson, decode_string, dumps, join_object, loads, replace_member, scan_object
from providers.wire.sse import ServerSentEvent

_MARK = CARRIER.encode()
_CODEX_REFUSES = (
    "max_output_tokens", "temperature", "top_p", "metadata", "user", "safety_identifier", "previous_response_id",
    "prompt_cache_retention", "truncation", "stream_options",
)  # fmt: skip
_ONLY_HERE = (
    "local_shell_call", "shell_call", "apply_patch_call", "tool_search_call", "computer_call",
    "image_generation_call", "mcp_approval_request", "compaction",
)  # fmt: skip
"""Items that mean nothing in Messages and still are what the client waits for."""


def native_body(source: Source, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The client's body for another model; and in a few words each what was left out.

    Thinking that earlier answers carried goes back as what this target made it of; another upstream's is
    taken out. Raises MalformedJson.
    """
    notes: list[str] = []
    members = {**source.members, "model": dumps(target.actual_model)}
    if _MARK in members.get("input", b""):
        members["input"] = change_items(members["input"], lambda item: _own_again(item, target.origin, notes))
    if target.preset.addressing == "codex":
        members = _for_codex(members, notes)
    return _written(source, members), tuple(dict.fromkeys(notes))


def native_reply(body: bytes, messages: MessagesRequest, target: Target, translator: Translator) -> MessagesReply:
    """The upstream's answer under the model name asked for: its response, be it in the last event of a stream.

    `translator`: a native one, for this answer. Raises UpstreamFailure.
    """
    text, model = plain_text(body), dumps(messages.model)
    if not is_stream(text):
        reply = read_reply(_known_answer(text), messages, target)
        return replace(reply, native=replace_member(text, "model", model))
    frames = events_in(text)
    events = [event for frame in frames for event in translator.feed(frame)]
    reply = fold([*events, *translator.finish()])
    response = _last_response(frames)
    return replace(reply, native=replace_member(response, "model", model)) if response else reply


def native_translator(translator: Translator, model: str) -> Translator:
    """The translator, with the upstream's frames on its events, under the model name the client asked for."""
    name = dumps(model)
    return NativeTranslator(translator, lambda event: frame_with(event, _renamed(event.data, name)), _known_event)


def _renamed(data: bytes, name: bytes) -> bytes:
    if b'"response"' not in data:
        return data
    try:
        response = scan_object(data).get("response", b"")
        return replace_member(data, "response", replace_member(response, "model", name))
    except MalformedJson:
        return data


def _written(source: Source, members: dict[str, bytes]) -> bytes:
    """The body with these members: in place where only values are others."""
    if list(members) != list(source.members):
        return join_object(members)
    body = source.body
    for key, value in members.items():
        if value != source.members[key]:
            body = replace_member(body, key, value)
    return body


def _own_again(item: bytes, origin: str, notes: list[str]) -> bytes | None:
    """An input item as it may go to this upstream; None for thinking of another one."""
    if _MARK not in item:
        return item
    members = scan_object(item)
    encrypted = decode_string(members.get("encrypted_content", b""))
    if encrypted is None or not encrypted.startswith(CARRIER):
        return item
    block = uncarried(encrypted, "") or {}
    made_of = untag(block.get("signature"), origin)
    if isinstance(made_of, dict) and made_of.get("encrypted_content"):
        own = {key: dumps(made_of[key]) for key in ("id", "encrypted_content") if made_of.get(key)}
        return join_object({**members, **own})
    notes.append("foreign thinking dropped")
    return None


def _for_codex(members: dict[str, bytes], notes: list[str]) -> dict[str, bytes]:
    """What the Codex backend takes: it always streams, stores nothing, and knows no system messages."""
    kept = {key: value for key, value in members.items() if key not in _CODEX_REFUSES}
    notes += [f"{key} dropped" for key in members if key not in kept and members[key] != b"null"]
    said = kept["input"]
    if said[:1] == b'"':
        part = [{"type": "input_text", "text": decode_string(said)}]
        kept["input"] = dumps([{"type": "message", "role": "user", "content": part}])
    elif b'"system"' in said:
        kept["input"] = change_items(said, _as_developer)
    if kept.get("instructions", b"null") == b"null":
        kept["instructions"] = b'""'  # without the key or with null: "Instructions are required"
    return {**kept, "store": b"false", "stream": b"true"}


def _as_developer(item: bytes) -> bytes:
    members = scan_object(item)
    return replace_member(item, "role", b'"developer"') if members.get("role") == b'"system"' else item


def _last_response(frames: list[ServerSentEvent]) -> bytes:
    """The response of the event that ended a stream, with the items that came before where it holds none.

    Empty when the stream told of none.
    """
    items: list[bytes] = []
    found = b""
    for frame in frames:
        try:
            members = scan_object(frame.data)
        except MalformedJson:
            continue  # the end mark
        if members.get("type") == b'"response.output_item.done"' and "item" in members:
            items.append(members["item"])
        if members.get("response", b"")[:1] == b"{":
            found = members["response"]
    if items and found and scan_object(found).get("output", b"").strip(b"[] \t\r\n") == b"":
        found = join_object({**scan_object(found), "output": b"[" + b",".join(items) + b"]"})
    return found


def _known_event(event: ServerSentEvent) -> ServerSentEvent:
    """The event, or one that Messages has a block for."""
    if b"output_item.done" not in event.data:
        return event
    try:
        payload = loads(event.data)
    except MalformedJson:
        return event  # the translator says so
    if not isinstance(payload, dict) or _known(payload.get("item")) is payload.get("item"):
        return event
    return replace(event, data=dumps({**payload, "item": _known(payload["item"])}))


def _known_answer(text: bytes) -> bytes:
    """The answer, with items that Messages has blocks for."""
    try:
        answer = loads(text)
    except MalformedJson:
        return text  # the reader says so
    output = answer.get("output") if isinstance(answer, dict) else None
    known = [_known(item) for item in output] if isinstance(output, list) else output
    return text if known == output else dumps({**answer, "output": known})


def _known(item: Any) -> Any:
    """An item that Messages knows nothing like, as a call of a tool of its name; any other one as it is."""
    kind = item.get("type") if isinstance(item, dict) else None
    if kind not in _ONLY_HERE:
        return item
    call_id = item.get("call_id") or item.get("id")
    return {"type": "function_call", "id": item.get("id"), "call_id": call_id, "name": kind, "arguments": "{}"}
