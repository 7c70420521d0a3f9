"""A conversation made fit for the Anthropic upstream it goes to next, without first earning that upstream's 400.

A session that was served by several vendors carries things only their makers take back:
signatures of thinking, our stand-ins for web search results, tool ids in other vendors'
spelling. They are taken out or spelled anew; every other byte stays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from providers.outbound.names import legal_id
from providers.outbound.prompt import spoken_text
from providers.wire.messages import MessagesRequest
from providers.wire.rewrite import change_content, change_items, type_of
from providers.wire.signatures import MARK, is_tagged
from providers.wire.spans import (
    MalformedJson,
    Span,
    decode_string,
    dumps,
    item_spans,
    join_object,
    loads,
    replace_member,
    scan_object,
)

Foreign = Callable[[str], bool]
"""True for a signature that the target did not make."""

_OURS = b'"' + MARK.encode()
_RESULT_ID = b'"tool_use_id"'
_LEGAL_RESULT_ID = re.compile(rb'"tool_use_id"\s*:\s*"[a-zA-Z0-9_-]+"')
_THINKING_OFF = b'{"type":"disabled"}'


def repaired(
    request: MessagesRequest, foreign: Foreign, look_at_signatures: bool
) -> tuple[MessagesRequest, tuple[str, ...]]:
    """The request as the target may see it, and in a few words what was changed.

    Our own marks and illegal ids are always looked for; other signatures only when asked.
    """
    messages = request.members.get("messages", b"")
    ours = _OURS in messages
    if not (ours or _has_illegal_ids(messages) or (look_at_signatures and b'"signature"' in messages)):
        return request, ()
    editor = _Editor(lambda signature: is_tagged(signature) or (look_at_signatures and foreign(signature)))
    changed = editor.conversation(messages)
    if changed == messages:
        return request, ()
    members = {**request.members, "messages": changed}
    if editor.notes["thinking"] and _must_start_with_thinking(request, changed):
        members["thinking"] = _THINKING_OFF
        editor.notes["off"] += 1
        if b"clear_thinking" in members.get("context_management", b""):
            del members["context_management"]  # it is refused where thinking is off
    return replace(request, body=join_object(members), members=members), editor.told()


def _has_illegal_ids(messages: bytes) -> bool:
    at = messages.find(_RESULT_ID)
    while at >= 0:
        if not _LEGAL_RESULT_ID.match(messages, at):
            return True
        at = messages.find(_RESULT_ID, at + len(_RESULT_ID))
    return False


class _Editor:
    """Walks over the turns and counts what it changes."""

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign
        self._stand_ins: set[bytes] = set()
        self.notes: Counter[str] = Counter()

    def conversation(self, messages: bytes) -> bytes:
        """The `messages` array, repaired."""
        return change_items(messages, self._turn)

    def told(self) -> tuple[str, ...]:
        """What was changed, in words."""
        words = {
            "thinking": "thinking of another model dropped",
            "search": "web search results told in words",
            "ids": "tool ids spelled anew",
            "off": "thinking off in this turn",
        }
        return tuple(text for key, text in words.items() if self.notes[key])

    def _turn(self, message: bytes) -> bytes | None:
        self._stand_ins = set(_stand_in_ids(message)) if _OURS in message else set()
        return change_content(message, self._block)

    def _block(self, block: bytes) -> bytes | None:
        kind = type_of(block)
        if kind in (b'"thinking"', b'"redacted_thinking"'):
            return self._thinking(block)
        if kind in (b'"server_tool_use"', b'"web_search_tool_result"'):
            return self._search(block)
        if kind in (b'"tool_use"', b'"tool_result"'):
            return self._spelled(block, "id" if kind == b'"tool_use"' else "tool_use_id")
        return block

    def _thinking(self, block: bytes) -> bytes | None:
        members = scan_object(block)
        signature = decode_string(members.get("signature", members.get("data", b"")))
        if signature is None or not self._foreign(signature):
            return block
        self.notes["thinking"] += 1
        return None

    def _search(self, block: bytes) -> bytes | None:
        members = scan_object(block)
        if members.get("id", members.get("tool_use_id")) not in self._stand_ins:
            return block
        self.notes["search"] += 1
        text = spoken_text(loads(block))
        return dumps({"type": "text", "text": text}) if text else None

    def _spelled(self, block: bytes, key: str) -> bytes:
        own = decode_string(scan_object(block).get(key, b""))
        if own is None or legal_id(own) == own:
            return block
        self.notes["ids"] += 1
        return replace_member(block, key, dumps(legal_id(own)))


def _stand_in_ids(message: bytes) -> list[bytes]:
    """The ids of the web searches in a turn whose results are our stand-ins."""
    found: list[bytes] = []

    def look(block: bytes) -> bytes:
        if type_of(block) == b'"web_search_tool_result"' and _OURS in block:
            found.append(scan_object(block).get("tool_use_id", b""))
        return block

    change_content(message, look)
    return found


def _must_start_with_thinking(request: MessagesRequest, messages: bytes) -> bool:
    """True when thinking is `enabled` and the tool loop under way has lost the thinking it has to begin with."""
    if b'"enabled"' not in request.members.get("thinking", b""):
        return False
    turns = item_spans(messages, Span(0, len(messages))) or []
    for span in reversed(turns):
        try:
            turn = scan_object(span.of(messages))
        except MalformedJson:
            return False
        if turn.get("role") == b'"assistant"':
            content = turn.get("content", b"")
            first = (item_spans(content, Span(0, len(content))) or [])[:1]
            has_call = b'"tool_use"' in content
            return has_call and not any(b"thinking" in type_of(block.of(content)) for block in first)
    return False
